"""What a lifter hands on: one person's rotations, size and place, as the camera sees them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from .check import check_shape
from .skeletons import ARKIT_NAMES, NUM_JOINTS


@dataclass(frozen=True, eq=False, slots=True)
class BodySight:
    """What a lifter's network knows of the person beside the pose, by T rows. Camera axes."""

    features: Tensor  # [T, D] what it read its answers from
    up: Tensor  # [T, 3] unit, away from the ground
    place: Tensor  # [T, 3] slopes x, y of the person's middle, and half the larger side's
    scale: Tensor  # [T] such halves per metre at the person's distance


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
    sight: BodySight | None = None  # None: the method has no such network

    def __post_init__(self) -> None:
        num_frames = len(self.rotations)
        check_shape("rotations", self.rotations, "T J 3 3", J=NUM_JOINTS)
        check_shape("pelvis", self.pelvis, "T 3", T=num_frames)
        check_shape("arkit", self.arkit, "T A", T=num_frames, A=len(ARKIT_NAMES))
        check_shape("confidence", self.confidence, "T J", T=num_frames, J=NUM_JOINTS)

    def turned(self, turns: Tensor) -> CameraMotion:
        """As cameras see it from the same places whose axes are ``turns`` [T, 3, 3] of these.

        What the network saw stays as the camera saw it.
        """
        rotations = self.rotations.clone()
        rotations[:, 0] = turns @ rotations[:, 0]
        pelvis = (turns @ self.pelvis[..., None])[..., 0]
        return replace(self, rotations=rotations, pelvis=pelvis)
