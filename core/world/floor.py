"""Where the floor is: one plane for the whole take, and other heights where feet clearly stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..check import check_shape
from .stances import Runs, find_stances

# The plane is where most stances lie within this; a tilt of the axes makes it lean a little.
_SPREAD_M = 0.03
_LEAN_SIGMA = np.radians(2.5)
_NUM_FITS = 8
# A step is a stance so far off the plane, so far beyond the scatter of the others, and so long.
_STEP_M, _STEP_SCATTERS, _STEP_S = 0.10, 4.0, 0.25
_SAME_STEP_M = 0.05
_LONGEST_S = 1.0  # a longer stance says no more
# Where no foot was seen to stand: the lower foot at its lowest, which is a guess.
_GUESS_PERCENTILE, _GUESS_SIGMA_M = 10.0, 0.2
_LEAST_SIGMA_M = 0.004


@dataclass(frozen=True, eq=False)
class Floor:
    """One plane, and what each sole point has under it; heights in the axes of the soles."""

    height: float  # m
    sigma: float  # m
    normal: np.ndarray  # [3], up as the stances have it: leans by what the axes are tilted
    normal_sigma: float  # rad
    support: np.ndarray  # [T, 4] m: the plane's height, or that of the step
    is_seen: bool  # False: no foot stood, the height is a guess

    def shifted(self, step: float) -> Floor:
        """The same floor in axes whose origin lies ``step`` m lower."""
        return Floor(
            self.height + step,
            self.sigma,
            self.normal,
            self.normal_sigma,
            self.support + step,
            self.is_seen,
        )


@dataclass(frozen=True, eq=False)
class _Stands:
    """N stances of sole points."""

    sole: np.ndarray  # [N] 0..3
    runs: Runs
    place: np.ndarray  # [N, 2] m
    height: np.ndarray  # [N] m, of the ground under the point
    weight: np.ndarray  # [N] seconds, less where contact is in doubt
    seconds: np.ndarray  # [N]

    @classmethod
    def of(
        cls, soles: np.ndarray, contacts: np.ndarray, clearance: np.ndarray, rate: float
    ) -> _Stands:
        sole, runs, places, heights, weights = [], [], [], [], []
        for i, stances in enumerate(find_stances(soles, contacts, rate)):
            for first, end in stances:
                points, sure = soles[first:end, i], contacts[first:end, i]
                sole.append(i)
                runs.append((first, end))
                places.append(np.average(points[:, :2], axis=0, weights=sure))
                heights.append(np.median(points[sure >= np.median(sure), 2]) - clearance[i])
                weights.append(min((end - first) / rate, _LONGEST_S) * sure.mean())
        seconds = np.array([end - first for first, end in runs]) / rate
        return cls(
            np.array(sole, int),
            runs,
            np.array(places).reshape(-1, 2),
            np.array(heights),
            np.array(weights),
            seconds,
        )


def find_floor(
    soles: np.ndarray, contacts: np.ndarray, clearance: np.ndarray, rate: float
) -> Floor:
    """The floor under soles [T, 4, 3] m in upright axes.

    ``contacts`` [T, 9] probabilities (CONTACT_POINTS), ``clearance`` [4] m the points' height over
    the floor at rest, ``rate`` rows a second.
    """
    check_shape("soles", soles, "T 4 3")
    check_shape("contacts", contacts, "T 9", T=len(soles))
    stands = _Stands.of(soles, contacts, clearance, rate)
    if not stands.runs:
        lowest = (soles[..., 2] - clearance).min(1)
        height = float(np.percentile(lowest, _GUESS_PERCENTILE))
        return _flat(height, _GUESS_SIGMA_M, np.pi / 2, len(soles))
    fit, trust, sigma = _fit_plane(stands)
    middle = np.average(stands.place, axis=0, weights=stands.weight)
    beyond = stands.height - _plane_at(fit, stands.place - middle)
    scatter = float(np.sqrt(np.average(beyond**2, weights=trust + 1e-9)))
    is_step = np.abs(beyond) > max(_STEP_M, _STEP_SCATTERS * scatter)
    is_step &= stands.seconds > _STEP_S
    height = float(fit[0])
    support = _support(stands, height + _levels(beyond, stands.weight, is_step), len(soles), height)
    lean = np.append(-fit[1:], 1.0)
    return Floor(
        height,
        max(_LEAST_SIGMA_M, float(sigma[0])),
        lean / np.linalg.norm(lean),
        float(sigma[1:].max()),
        support,
        is_seen=True,
    )


def _flat(height: float, sigma: float, normal_sigma: float, num_rows: int) -> Floor:
    support = np.full((num_rows, 4), height)
    return Floor(height, sigma, np.array([0.0, 0.0, 1.0]), normal_sigma, support, is_seen=False)


def _plane_at(fit: np.ndarray, place: np.ndarray) -> np.ndarray:
    return fit[0] + place @ fit[1:]


def _fit_plane(stands: _Stands) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height and lean [3] (m, m per m) about the stances' middle, trust [N], sigmas [3].

    From the height where most stances lie; those far off count for nothing (Geman & McClure 1987).
    """
    middle = np.average(stands.place, axis=0, weights=stands.weight)
    matrix = np.concatenate([np.ones((len(stands.place), 1)), stands.place - middle], 1)
    near = np.exp(-0.5 * ((stands.height[:, None] - stands.height) / _SPREAD_M) ** 2)
    fit = np.array([stands.height[np.argmax(near @ stands.weight)], 0.0, 0.0])
    prior = np.diag([0.0, 1.0, 1.0]) * (_SPREAD_M / _LEAN_SIGMA) ** 2
    trust = stands.weight
    normal = np.eye(3)
    for _ in range(_NUM_FITS):
        beyond = stands.height - matrix @ fit
        trust = stands.weight / (1 + (beyond / (2 * _SPREAD_M)) ** 2) ** 2
        normal = matrix.T @ (trust[:, None] * matrix) + prior
        fit = np.linalg.solve(normal, matrix.T @ (trust * stands.height))
    return fit, trust, _SPREAD_M * np.sqrt(np.diag(np.linalg.inv(normal)))


def _levels(beyond: np.ndarray, weight: np.ndarray, is_step: np.ndarray) -> np.ndarray:
    """[N] m over the plane, 0 but of steps; stances at about one height share it."""
    levels = np.zeros(len(beyond))
    rows = np.flatnonzero(is_step)
    rows = rows[np.argsort(beyond[rows])]
    for group in np.split(rows, 1 + np.flatnonzero(np.diff(beyond[rows]) > _SAME_STEP_M)):
        if len(group):
            levels[group] = np.average(beyond[group], weights=weight[group])
    return levels


def _support(stands: _Stands, levels: np.ndarray, num_rows: int, height: float) -> np.ndarray:
    """[T, 4] m under each sole point; on the way from one stance to the next the lower of both."""
    support = np.full((num_rows, 4), height)
    for sole in range(4):
        rows = [(stands.runs[i], levels[i]) for i in np.flatnonzero(stands.sole == sole)]
        end_before, level_before = 0, np.inf
        for (first, end), level in rows:
            support[end_before:first, sole] = min(level_before, level)
            support[first:end, sole] = level
            end_before, level_before = end, level
        if rows:
            support[end_before:, sole] = level_before
    return support
