"""Rest directions of the free body that landmarks are compared with.

Rotations transfer between bodies (DESIGN.md, decision 5), so one reference serves them all.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..body.model import BodyModel, load_body
from ..body.surface import surface_point
from ..skeletons import JOINT_INDEX

_MEAN_SHAPE = np.zeros(10, np.float32)


@cache
def reference_body() -> BodyModel:
    return load_body()


@cache
def rest_point(name: str) -> Tensor:
    """[3] m, a joint or a named surface point of the reference body, body axes."""
    if name in JOINT_INDEX:
        return torch.from_numpy(reference_body().template_joints[JOINT_INDEX[name]])
    return torch.from_numpy(np.float32(surface_point(reference_body(), name, _MEAN_SHAPE)))


def rest_middle(*names: str) -> Tensor:
    """[3] m, the middle of several rest points."""
    return torch.stack([rest_point(name) for name in names]).mean(0)


def rest_bone(start: str, end: str) -> Tensor:
    """[3] m, from one rest point to another."""
    return rest_point(end) - rest_point(start)
