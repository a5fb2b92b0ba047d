"""Which of the face's 478 landmarks the branch looks at, and which of them are neighbours."""

from __future__ import annotations

import torch
from torch import Tensor

from reelrig.core.lift.rest import reference_body
from reelrig.core.lift.sts.face_branch import NUM_NEIGHBOURS, NUM_POINTS

_FIRST_IRIS = 468
_STILL_M = 0.0015  # what counts as movement, so that the still parts are not left out


def choose_landmarks() -> Tensor:
    """[112] int: both irises, then always the one farthest from those chosen, where faces move.

    Distance is weighted by how far the ARKit units move a landmark, so that lids, brows and lips
    are looked at closely and the forehead is not.
    """
    body = reference_body()
    assert body.arkit_dirs is not None  # the shipped body has them
    points = torch.from_numpy(body.face_points())
    dirs = torch.from_numpy(body.on_face_landmarks(body.arkit_dirs))
    # The fourth strongest unit: jaw and mouth move the whole chin alike.
    movement = torch.linalg.vector_norm(dirs, dim=1).sort(1).values[:, -4]
    weight = (movement + _STILL_M).sqrt()
    chosen = list(range(_FIRST_IRIS, len(points)))
    while len(chosen) < NUM_POINTS:
        distance = torch.cdist(points, points[chosen]).amin(1)
        chosen.append(int((weight * distance).argmax()))
    return torch.tensor(sorted(chosen))


def join_landmarks(rows: Tensor) -> Tensor:
    """[112, 6] int, each of the landmarks ``rows`` and its nearest ones, as places in ``rows``."""
    points = torch.from_numpy(reference_body().face_points())[rows]
    return torch.cdist(points, points).topk(NUM_NEIGHBOURS, largest=False).indices
