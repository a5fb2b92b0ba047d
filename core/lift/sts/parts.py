"""Hands and face of one person by their branches, out of the landmarks of a track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...landmarks import Landmarks
from ...rotation import swing_between
from ...skeletons import LANDMARK_PARTS
from .. import face as faces
from ..placement import pixel_slopes
from .face_branch import FaceBranch, FaceOutput, view_face
from .hand_branch import HandBranch, HandOutput, mirror, view_hand
from .observation import SIDES
from .part_weights import load_face_branch, load_hand_branch

_BLOCK = 512  # rows at once
_MARGIN = 16  # rows that the branches look at before and after a block


@dataclass(frozen=True)
class HandTurns:
    """A hand over T rows; where it was not seen, what the rows nearby make likely."""

    fingers: Tensor  # [T, 15, 3, 3] parent from joint, SMPL-X's order
    palm: Tensor  # [T, 3, 3] camera from joint
    sigma: Tensor  # [T, 16] rad, uncertainty of the palm and of the fingers' joints


@dataclass(frozen=True)
class FaceTurns:
    """A face over T rows; calm where it was not seen."""

    arkit: Tensor  # [T, 52] 0..1, as far as it can be read at this size and heading
    trust: Tensor  # [T] 0..1, how far that is
    head: Tensor  # [T, 3, 3] camera from joint
    sigma: Tensor  # [T, 53] of the head's turn (rad) and of each score


@torch.no_grad()
def lift_hands(
    landmarks: Landmarks, focal_px: float, branch: HandBranch | None = None
) -> dict[str, HandTurns]:
    """The hands by side, of those that were seen at all."""
    parts = {side: _take(landmarks, f"{side}_hand") for side in SIDES}
    parts = {side: part for side, part in parts.items() if part[2].any()}
    if not parts:
        return {}
    branch = branch or load_hand_branch()
    views = [
        view_hand(points_px, hints, focal_px, landmarks.image_size, side)
        for side, (points_px, hints, _) in parts.items()
    ]
    given = [
        torch.stack([view.points for view in views]),
        torch.stack([view.hints for view in views]),
        torch.stack([confidence for *_, confidence in parts.values()]),
        _times(landmarks).expand(len(views), -1),
    ]
    found = _in_blocks(lambda rows: branch(*(each[:, rows] for each in given)), len(given[3][0]))
    turns = {}
    for i_hand, (side, view) in enumerate(zip(parts, views, strict=True)):
        fingers, palm, sigma = (values[i_hand] for values in found)
        if side == "right":
            fingers, palm = mirror(fingers), mirror(palm)
        turns[side] = HandTurns(fingers, view.camera_from_view @ palm, sigma)
    return turns


@torch.no_grad()
def lift_face(
    landmarks: Landmarks, focal_px: float, branch: FaceBranch | None = None
) -> FaceTurns | None:
    """The face; None where none was seen at all."""
    points_px, hints, confidence = _take(landmarks, "face")
    seen = confidence.amin(1)
    calm = faces.find_calm_face(hints, torch.from_numpy(landmarks.face_scores).float(), seen)
    if calm is None:
        return None
    branch = branch or load_face_branch()
    network = torch.from_numpy(landmarks.face_scores).float()
    view = view_face(hints, network, seen, _times(landmarks), calm)

    def see(rows: slice) -> FaceOutput:
        return branch(view.map(lambda values: values[:, rows]))

    arkit, head, sigma = (values[0] for values in _in_blocks(see, len(seen)))
    trust = faces.face_trust(faces.face_width_px(points_px), head) * (seen > 0)
    ray = pixel_slopes(points_px.mean(1), focal_px, landmarks.image_size)
    ray = torch.nn.functional.pad(ray, (0, 1), value=1.0)
    camera_from_view = swing_between(torch.tensor([0.0, 0.0, 1.0]), ray)
    return FaceTurns(arkit * trust[:, None], trust, camera_from_view @ head, sigma)


def _take(landmarks: Landmarks, part: str) -> tuple[Tensor, Tensor, Tensor]:
    """Points [T, N, 2] px, hints [T, N, 3] and confidence [T, N] of a part."""
    rows = LANDMARK_PARTS[part]
    fields = (landmarks.points_px, landmarks.hints, landmarks.confidence)
    points_px, hints, confidence = (torch.from_numpy(field[:, rows]).float() for field in fields)
    return points_px, hints, confidence


def _times(landmarks: Landmarks) -> Tensor:
    """[T] s from the first row: single precision is too coarse late in a long video."""
    return torch.from_numpy(landmarks.time_s - landmarks.time_s[0]).float()


def _in_blocks(
    see: Callable[[slice], HandOutput | FaceOutput], num_rows: int
) -> tuple[Tensor, ...]:
    """The fields [B, T, ...] of what ``see`` says of all rows, in blocks that keep memory flat."""
    blocks = []
    for start in range(0, num_rows, _BLOCK):
        first = max(0, start - _MARGIN)
        found = see(slice(first, start + _BLOCK + _MARGIN))
        kept = slice(start - first, start - first + _BLOCK)
        blocks.append([values[:, kept] for values in vars(found).values()])
    return tuple(torch.cat(field, 1) for field in zip(*blocks, strict=True))
