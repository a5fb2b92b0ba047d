"""The points that 22 whole rotations place: body joints, knuckles, and skin of head and feet.

With rotations that are whole (axes of the view from joint) a point's place is a sum of turned bones
along its chain, linear in the rotations.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ...body.measures import MEASURE_NAMES, measure_body
from ...skeletons import JOINT_INDEX, JOINT_NAMES, PARENTS
from ..rest import reference_body, rest_point

NUM_BODY_JOINTS = 22  # pelvis to wrists: SMPL-X's first

_SIDES = ("left", "right")
_KNUCKLES = tuple(f"{side}_{name}1" for side in _SIDES for name in ("index", "middle", "pinky"))
_JOINTS = (*JOINT_NAMES[:NUM_BODY_JOINTS], *_KNUCKLES)
# Points of the skin, and the joint that each goes with.
_SKIN = {"nose": "head", "left_ear": "head", "right_ear": "head"}
_SKIN |= {f"{side}_heel": f"{side}_ankle" for side in _SIDES}
_SKIN |= {f"{side}_foot_index": f"{side}_foot" for side in _SIDES}
POINT_NAMES = (*_JOINTS, *_SKIN)
NUM_POINTS = len(POINT_NAMES)

# The joint that a point's own bone starts from and turns with.
STARTS = [max(PARENTS[JOINT_INDEX[name]], 0) for name in _JOINTS]
STARTS += [JOINT_INDEX[holder] for holder in _SKIN.values()]

# Which measure a bone's length goes with, by words of the name of the point it ends at.
_MEASURE_OF = (
    (("nose", "ear", "head"), "neck_to_head"),
    (("spine", "neck"), "trunk"),
    (("collar", "shoulder"), "shoulder_width"),
    (("elbow",), "upper_arm"),
    (("wrist",), "forearm"),
    (("index1", "middle1", "pinky1"), "hand"),
    (("hip",), "hip_width"),
    (("knee",), "thigh"),
    (("ankle",), "shank"),
    (("foot", "heel"), "foot"),
)


@cache
def _chains() -> Tensor:
    """[35, 35] which bones each point's place is the sum of, 0 or 1; the pelvis is the origin."""
    chains = torch.zeros(NUM_POINTS, NUM_POINTS)
    for point in range(1, NUM_POINTS):
        chains[point, point] = 1.0
        above = STARTS[point]
        while above > 0:
            chains[point, above] = 1.0
            above = STARTS[above]
    return chains


def place_points(rotations: Tensor, bones: Tensor) -> Tensor:
    """[B, T, 35, 3] m about the pelvis, in the axes that ``rotations`` [B, T, 22, 3, 3] turn to.

    ``bones`` [B, 35, 3] or [B, T, 35, 3] m, at rest, from a point's start to the point.
    """
    if bones.dim() == 3:
        bones = bones[:, None]
    turned = (rotations[:, :, STARTS] @ bones[..., None]).squeeze(-1)
    return _chains().to(turned) @ turned


@cache
def _mean_bones() -> tuple[Tensor, Tensor, list[int]]:
    """The reference body's bones [35, 3] m, log measures [M], and the measure of each bone."""
    places = torch.stack([rest_point(name) for name in POINT_NAMES])
    measures = measure_body(reference_body(), np.zeros(10, np.float32))
    kinds = [0] * NUM_POINTS
    for i_point, name in enumerate(POINT_NAMES):
        for words, measure in _MEASURE_OF:
            if any(word in name for word in words):
                kinds[i_point] = MEASURE_NAMES.index(measure)
                break
    bones = places - torch.stack([places[start] for start in STARTS])
    return bones, torch.from_numpy(np.float32(np.log(measures))), kinds


def bones_of(log_measures: Tensor) -> Tensor:
    """[..., 35, 3] m, the reference body's bones at the lengths of ``log_measures`` [..., M]."""
    bones, mean, kinds = _mean_bones()
    growth = (log_measures - mean.to(log_measures)).exp()
    return growth[..., kinds, None] * bones.to(log_measures)
