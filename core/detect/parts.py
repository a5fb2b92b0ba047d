"""Hands and faces of bodies that were seen, healed from both sides in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARK_INDEX
from .bodies import FOUND
from .engine import Engine
from .face import Faces, face_regions, find_faces, regions_of_faces, see_faces
from .hand import Hands, Side, hand_regions, recrop, regions_of_hands, see_hands
from .pose import Poses
from .regions import Pictures
from .seen import put_rows, spread_rows

_SEEN_WRIST = 0.1  # visibility of the body's wrist below which MediaPipe looks for no hand
_SMALLEST_PX = 8.0  # a region of so few pixels shows nothing
_HEAL_WITHIN_S = 0.4  # a part lost between two sightings no farther apart is looked for there


@dataclass(frozen=True, eq=False)
class When:
    """Whose the N bodies are, and of which moment."""

    person: np.ndarray  # [N] int
    time_s: np.ndarray  # [N]


def see_body_hands(
    engine: Engine, pictures: Pictures, picture_of: Tensor, poses: Poses, side: Side, when: When
) -> Hands:
    """The ``side``'s hands of the bodies, N rows; the score is 0 where none was looked for."""
    rough = hand_regions(poses.points, side)
    wrist = BODY_LANDMARK_INDEX[f"{side}_wrist"]
    is_likely = (poses.visibility[:, wrist] > _SEEN_WRIST) & _is_inside(rough, pictures)

    def look(rows: Tensor, regions: Tensor) -> Hands:
        return see_hands(engine, pictures, picture_of[rows], regions)

    rows = torch.nonzero(is_likely)[:, 0]
    regions = rough.clone()
    regions[rows] = recrop(engine, pictures, picture_of[rows], rough[rows])
    hands = spread_rows(look(rows, regions[rows]), rows, len(rough))
    regions = torch.where((hands.score >= FOUND)[:, None], regions_of_hands(hands.points), regions)
    _heal(hands, rough, regions, is_likely, when, look)
    return hands


def see_body_faces(
    engine: Engine, pictures: Pictures, picture_of: Tensor, poses: Poses, when: When
) -> Faces:
    """The faces of the bodies, N rows; the score is 0 where none was found."""
    rough = face_regions(poses.points)
    is_likely = _is_inside(rough, pictures)

    def look(rows: Tensor, regions: Tensor) -> Faces:
        return see_faces(engine, pictures, picture_of[rows], regions)

    rows = torch.nonzero(is_likely)[:, 0]
    found, score = find_faces(engine, pictures, picture_of[rows], rough[rows])
    rows, found = rows[score >= FOUND], found[score >= FOUND]
    regions = rough.clone()
    regions[rows] = found
    faces = spread_rows(look(rows, found), rows, len(rough))
    regions = torch.where((faces.score >= FOUND)[:, None], regions_of_faces(faces.points), regions)
    _heal(faces, rough, regions, is_likely, when, look)
    return faces


def _is_inside(regions: Tensor, pictures: Pictures) -> Tensor:
    """[N] bool, regions that are large enough and whose middles lie in the picture."""
    height, width = pictures[0].shape[:2]
    x, y, size, _ = regions.unbind(1)
    return (size >= _SMALLEST_PX) & (x >= 0) & (x < width) & (y >= 0) & (y < height)


def _heal(
    parts: Hands | Faces,
    rough: Tensor,
    regions: Tensor,
    is_likely: Tensor,
    when: When,
    look: Callable[[Tensor, Tensor], Hands | Faces],
) -> None:
    """Look for lost parts where the sightings before and after put them, in place.

    What is carried over time is the region against the rough one that the body gives.
    """
    is_found = (parts.score >= FOUND).cpu().numpy()
    is_lost = is_likely.cpu().numpy() & ~is_found
    against = _against(rough, regions).cpu().numpy()
    rows, carried = [], []
    for person in np.unique(when.person[is_lost]):
        is_theirs = when.person == person
        lost, found = np.flatnonzero(is_theirs & is_lost), np.flatnonzero(is_theirs & is_found)
        if not len(found):
            continue
        time_s, found_s = when.time_s[lost], when.time_s[found]
        after = np.searchsorted(found_s, time_s)
        gap_s = found_s[after.clip(max=len(found) - 1)] - found_s[(after - 1).clip(0)]
        lost = lost[(gap_s <= _HEAL_WITHIN_S) & (after > 0) & (after < len(found))]
        rows.append(lost)
        columns = against[found].T
        carried.append(
            np.stack([np.interp(when.time_s[lost], found_s, column) for column in columns], 1)
        )
    if not rows or not len(np.concatenate(rows)):
        return
    healed_rows = torch.from_numpy(np.concatenate(rows)).to(rough.device)
    values = torch.from_numpy(np.float32(np.concatenate(carried))).to(rough.device)
    put_rows(parts, healed_rows, look(healed_rows, _apply(rough[healed_rows], values)))


def _against(rough: Tensor, regions: Tensor) -> Tensor:
    """[N, 5] shift in the rough region's sizes and axes, log of the factor, turn's sin and cos."""
    size = rough[:, 2:3]
    shift = (regions[:, :2] - rough[:, :2]) / size
    sin, cos = rough[:, 3].sin(), rough[:, 3].cos()
    along = shift[:, 0] * cos + shift[:, 1] * sin
    across = shift[:, 1] * cos - shift[:, 0] * sin
    turn = regions[:, 3] - rough[:, 3]
    factor = (regions[:, 2] / rough[:, 2]).clamp_min(1e-3).log()
    return torch.stack([along, across, factor, turn.sin(), turn.cos()], 1)


def _apply(rough: Tensor, against: Tensor) -> Tensor:
    """[N, 4] regions from what _against made of them."""
    along, across, factor, turn_sin, turn_cos = against.unbind(1)
    sin, cos = rough[:, 3].sin(), rough[:, 3].cos()
    x = rough[:, 0] + rough[:, 2] * (along * cos - across * sin)
    y = rough[:, 1] + rough[:, 2] * (along * sin + across * cos)
    angle = rough[:, 3] + torch.atan2(turn_sin, turn_cos)
    return torch.stack([x, y, rough[:, 2] * factor.exp(), angle], 1)
