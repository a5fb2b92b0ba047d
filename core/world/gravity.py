"""Which way is up: a witness's word, and the pitch and roll that it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class UpGuess:
    """One witness of the camera's pitch (up is positive) and roll."""

    up_camera: np.ndarray  # [3] unit, in the first camera's axes
    pitch_sigma_rad: float
    roll_sigma_rad: float


def to_angles(up_camera: np.ndarray) -> tuple[float, float]:
    """Pitch above the horizon and clockwise roll, in rad, of the camera whose axes up [3] is in."""
    x, y, z = up_camera / np.linalg.norm(up_camera)
    return float(np.arctan2(z, np.hypot(x, y))), float(np.arctan2(-x, -y))


def up_from_angles(pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """[..., 3] up in camera axes: ``pitch`` above the horizon, ``roll`` clockwise, radians."""
    return np.stack(
        [-np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch)], -1
    )
