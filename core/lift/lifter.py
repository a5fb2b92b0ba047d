"""What every recoverer offers, so that the pipeline need not know which one runs."""

from __future__ import annotations

from typing import Protocol

from ..camera_motion import CameraMotion
from ..landmarks import Landmarks


class Lifter(Protocol):
    """Turns evenly spaced landmarks of one person into a CameraMotion."""

    def lift(self, landmarks: Landmarks, rate: float, focal_px: float) -> CameraMotion:
        """Rows in, rows out: one row of motion for each row of landmarks at ``rate`` a second."""
        ...
