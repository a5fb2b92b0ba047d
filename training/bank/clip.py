"""What the banks hand on: one person moving, no camera yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Clip:
    """T rows of one person. World axes: z up, metres; the mean body stands on z = 0."""

    time_s: np.ndarray  # [T] from 0, evenly spaced
    rotations: np.ndarray  # [T, 55, 3, 3] float32 parent from joint; joint 0: world from body
    pelvis: np.ndarray  # [T, 3] m, the pelvis joint
    arkit: np.ndarray  # [T, 52] 0..1; the jaw and eye joints agree with it
    betas: np.ndarray  # [10]
    subject: str  # as the mocap file numbers them, "unknown" or "sampled"
    kind: str  # "mocap", "mixed", "perturbed", or the name of a sampled posture
    contacts: np.ndarray  # [T, 4] 0/1, CONTACT_NAMES' order
