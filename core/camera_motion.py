"""What a lifter hands on: one person's rotations, size and place, as the camera sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .check import check_shape
from .skeletons import ARKIT_NAMES, NUM_JOINTS


@dataclass(frozen=True, eq=False, slots=True)
class CameraMotion:
    """One person over T evenly spaced rows, in camera axes (x right, y down, z forward).

    Every row is filled; where nothing was seen the confidence is 0 and the values are a guess.
    """

    rate: float  # rows per second
    rotations: Tensor  # [T, 55, 3, 3] parent from joint; joint 0 is camera from body
    pelvis: Tensor  # [T, 3] m, the pelvis joint
    arkit: Tensor  # [T, 52] 0..1
    confidence: Tensor  # [T, 55] 0..1
    focal_px: float
    measures: np.ndarray  # [M] m
    measure_names: tuple[str, ...]
    up: Tensor | None = None  # [T, 3] unit, away from the ground; None: the method cannot tell

    def __post_init__(self) -> None:
        num_frames = len(self.rotations)
        check_shape("rotations", self.rotations, "T J 3 3", J=NUM_JOINTS)
        check_shape("pelvis", self.pelvis, "T 3", T=num_frames)
        check_shape("arkit", self.arkit, "T A", T=num_frames, A=len(ARKIT_NAMES))
        check_shape("confidence", self.confidence, "T J", T=num_frames, J=NUM_JOINTS)
