"""Which way is up for a whole shot: what the picture's lines tell and what the bodies tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# How far off the mean of a clip is that a lifter's network gives, on held-out renders: its rows err
# alike, so a longer clip says no more.
BODY_SIGMA_RAD = np.radians(8.0)
# Of the pitch and roll of cameras, where nothing else is known.
_PITCH_SIGMA, _ROLL_SIGMA = np.radians(16.0), np.radians(8.0)
_MOST_DISAGREEMENT = 1.0  # sigmas, beyond which the result's own sigma grows with it


@dataclass(frozen=True, eq=False)
class UpGuess:
    """One witness of the camera's pitch (up is positive) and roll."""

    up_camera: np.ndarray  # [3] unit, in the first camera's axes
    pitch_sigma_rad: float
    roll_sigma_rad: float


def level_guess() -> UpGuess:
    """What is known of a camera of which nothing is known."""
    return UpGuess(np.array([0.0, -1.0, 0.0]), float(_PITCH_SIGMA), float(_ROLL_SIGMA))


def body_guess(ups: np.ndarray, confidence: np.ndarray) -> UpGuess | None:
    """Of rows [T, 3] in the first camera's axes, weighted by ``confidence`` [T]."""
    mean = (ups * confidence[:, None]).sum(0)
    length = np.linalg.norm(mean)
    if length < 1e-6:
        return None
    return UpGuess(mean / length, float(BODY_SIGMA_RAD), float(BODY_SIGMA_RAD))


def fuse_up(guesses: list[UpGuess]) -> tuple[np.ndarray, float]:
    """Up [3] in the first camera's axes, and the expected angle in rad between it and the truth.

    Pitch and roll are weighted means by precision. Witnesses that disagree more than their sigmas
    say make the result less sure.
    """
    angles = np.array([to_angles(guess.up_camera) for guess in guesses])
    sigmas = np.array([(guess.pitch_sigma_rad, guess.roll_sigma_rad) for guess in guesses])
    precision = sigmas**-2
    mean = (precision * angles).sum(0) / precision.sum(0)
    spread = np.sqrt((precision * (angles - mean) ** 2).sum(0) / max(1, len(guesses) - 1))
    sigma = precision.sum(0) ** -0.5 * np.maximum(spread / _MOST_DISAGREEMENT, 1.0)
    return up_from_angles(*mean), float(np.hypot(*sigma))


def to_angles(up_camera: np.ndarray) -> tuple[float, float]:
    """Pitch above the horizon and clockwise roll, in rad, of the camera whose axes up [3] is in."""
    x, y, z = up_camera / np.linalg.norm(up_camera)
    return float(np.arctan2(z, np.hypot(x, y))), float(np.arctan2(-x, -y))


def up_from_angles(pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """[..., 3] up in camera axes: ``pitch`` above the horizon, ``roll`` clockwise, radians."""
    return np.stack(
        [-np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch)], -1
    )
