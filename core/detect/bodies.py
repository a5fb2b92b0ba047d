"""Bodies in doubt looked at again, and bodies that are somebody else's refused."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .engine import Engine
from .pose import PoseModel, Poses, regions_of_poses, see_poses
from .regions import Pictures
from .seen import blend_rows, put_rows, rows_of

FOUND = 0.5  # score from which MediaPipe takes a body for seen

# A region is drawn anew where the pose found in it asks for another one: by the distance of the
# centres in sizes, by the factor between the sizes, by the angle in radians.
_CENTRE_OFF, _SIZE_OFF, _ANGLE_OFF = 0.1, 1.15, 0.25
_SURE = 0.8  # score; what is less sure is looked at a second and third time
_WIDER = 1.25  # the second look's region
_SAME_POSE = 0.08  # mean distance, in regions' sizes, up to which two looks are averaged
# The chosen person's landmarks are another's when they lie so much closer to where the other is.
_THEFT = 0.06  # in regions' sizes


def see_bodies(
    engine: Engine, pictures: Pictures, picture_of: Tensor, regions: Tensor, model: PoseModel
) -> Poses:
    """The bodies in ``regions`` [N, 4], each looked at up to four times where that helps."""

    def look(rows: Tensor, at: Tensor, mirrored: bool = False) -> Poses:
        return see_poses(engine, pictures, picture_of[rows], at, model, mirrored=mirrored)

    poses = look(torch.arange(len(regions), device=regions.device), regions)
    own = regions_of_poses(poses.points)
    rows = torch.nonzero((poses.score >= FOUND) & _is_off(regions, own))[:, 0]
    if len(rows):
        again = look(rows, own[rows])
        better = again.score >= poses.score[rows] - 0.05  # a better region, so as good is better
        put_rows(poses, rows[better], rows_of(again, better))
        regions = regions.clone()
        regions[rows[better]] = own[rows[better]]
    rows = torch.nonzero(poses.score < _SURE)[:, 0]
    if len(rows):
        _heal(poses, rows, regions[rows], look)
    return poses


def _is_off(regions: Tensor, own: Tensor) -> Tensor:
    """[N] bool, whether the regions that the poses ask for differ from those they were seen in."""
    centre = torch.linalg.vector_norm(own[:, :2] - regions[:, :2], dim=1) / regions[:, 2]
    size = (own[:, 2] / regions[:, 2]).log().abs()
    turn = own[:, 3] - regions[:, 3]
    angle = torch.atan2(turn.sin(), turn.cos()).abs()
    limit = torch.tensor(_SIZE_OFF).log().item()
    return (centre > _CENTRE_OFF) | (size > limit) | (angle > _ANGLE_OFF)


def _heal(
    poses: Poses, rows: Tensor, regions: Tensor, look: Callable[[Tensor, Tensor, bool], Poses]
) -> None:
    """Look at ``rows`` again in a wider crop and mirrored; average the looks that agree, in place.

    The looks err differently (flip and scale augmentation at test time), so those that agree with
    the surest one are the better together.
    """
    wider = regions.clone()
    wider[:, 2] *= _WIDER
    looks = [rows_of(poses, rows), look(rows, wider, False), look(rows, regions, True)]
    scores = torch.stack([seen.score for seen in looks])
    points = torch.stack([seen.points[..., :2] for seen in looks])
    surest = scores.argmax(0)
    best = points[surest, torch.arange(len(rows), device=rows.device)]
    apart = torch.linalg.vector_norm(points - best, dim=3).mean(2) / regions[:, 2]
    weight = scores * (apart < _SAME_POSE)
    weight = weight / weight.sum(0).clamp_min(1e-6)
    healed = blend_rows(looks, weight)
    healed.score[:] = scores.amax(0)
    put_rows(poses, rows, healed)


def is_stolen(points: Tensor, own: Tensor, others: Tensor, sizes: Tensor) -> Tensor:
    """[N] bool, whether a body's landmarks are those of somebody else in the picture.

    ``points`` [N, 33, 2] as seen, ``own`` [N, 33, 2] as expected of the person, ``others``
    [N, P, 33, 2] as expected of other people (NaN where they are not there), ``sizes`` [N], px.
    """
    off_own = torch.linalg.vector_norm(points - own, dim=2).mean(1) / sizes
    off_other = torch.linalg.vector_norm(points[:, None] - others, dim=3).mean(2) / sizes[:, None]
    nearest = off_other.nan_to_num(nan=torch.inf).amin(1)
    return nearest + _THEFT < off_own
