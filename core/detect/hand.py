"""Hand landmarks, in regions that the body gives (MediaPipe's holistic way to hands)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARK_INDEX
from .engine import Engine
from .regions import (
    Pictures,
    angle_upright,
    bounding_boxes,
    crop,
    regions_towards,
    square_regions,
    to_picture,
    turn,
    turn_world,
)

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")

_RECROP_SIDE = 256
_SIDE = 224
_Z_UNIT = 0.4  # the network's z is this much smaller than its x and y
_FROM_POSE_SCALE, _FROM_HAND_SCALE = 2.7, 2.0
_SHIFT_Y = -0.1  # towards the fingertips
_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13  # knuckles
_PALM = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]  # what of a hand moves little against it


@dataclass(frozen=True, eq=False, slots=True)
class Hands:
    """N hands: wrist, then thumb, index, middle, ring and little finger from root to tip."""

    points: Tensor  # [N, 21, 3] pixels; z from the wrist, away from the camera, in 1 / 0.4 pixels
    world: Tensor  # [N, 21, 3] metres from the middle of the hand, camera axes
    score: Tensor  # [N] 0..1, whether there is a hand
    left: Tensor  # [N] 0..1, whether it is a left one


def hand_regions(points: Tensor, side: Side) -> Tensor:
    """Rough regions [N, 4] of the hands of bodies at Poses.points [N, 39, 3]."""
    wrist, index, pinky = (
        points[:, BODY_LANDMARK_INDEX[f"{side}_{name}"], :2] for name in ("wrist", "index", "pinky")
    )
    middle = (2 * index + pinky) / 3
    vectors = middle - wrist
    extents = 2 * torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return square_regions(
        middle,
        extents.expand(-1, 2),
        angle_upright(vectors),
        scale=_FROM_POSE_SCALE,
        shift_y=_SHIFT_Y,
    )


def recrop(engine: Engine, pictures: Pictures, picture_of: Tensor, regions: Tensor) -> Tensor:
    """The rough regions [N, 4] of hands set right by a look at the pictures [N]."""
    batch = crop(pictures, picture_of, regions, _RECROP_SIDE, engine)
    raw = engine.run("hand_recrop", batch)["region"]
    points = to_picture(raw.unflatten(1, (2, 2)) / _RECROP_SIDE, regions)
    centres, ends = points.unbind(1)
    # The second point lies below the hand, so the region stands on its head.
    return regions_towards(centres, 2 * centres - ends, scale=1.0, shift_y=_SHIFT_Y)


def see_hands(engine: Engine, pictures: Pictures, picture_of: Tensor, regions: Tensor) -> Hands:
    """The hands in regions [N, 4] of pictures [N]."""
    batch = crop(pictures, picture_of, regions, _SIDE, engine)
    raw = engine.run("hand_landmarks", batch)
    points = raw["landmarks"] / _SIDE
    points = torch.cat([points[..., :2], points[..., 2:] / _Z_UNIT], -1)
    return Hands(
        points=to_picture(points, regions),
        world=turn_world(raw["world"], regions),
        score=raw["presence"].clone(),
        left=1 - raw["handedness"],
    )


def regions_of_hands(points: Tensor) -> Tensor:
    """Regions [N, 4] for the next look at hands seen at Hands.points [N, 21, 3]."""
    xy = points[..., :2]
    beside = (xy[:, _INDEX] + xy[:, _RING]) / 2
    angles = angle_upright((beside + xy[:, _MIDDLE]) / 2 - xy[:, _WRIST])
    centres, extents = bounding_boxes(turn(xy[:, _PALM], -angles))  # in the region's axes
    centres = turn(centres[:, None], angles)[:, 0]
    return square_regions(centres, extents, angles, scale=_FROM_HAND_SCALE, shift_y=_SHIFT_Y)
