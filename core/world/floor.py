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
_MANY = 0.5  # of the seconds where most stances lie: as many are no accident
# A step is a stance so far off the plane, so far beyond the scatter of the others, and so long.
_STEP_M, _STEP_SCATTERS, _STEP_S = 0.10, 4.0, 0.25
_SAME_STEP_M = 0.05
_LONGEST_S = 1.0  # a longer stance says no more
# Hands, knees and seat tell of the floor where no sole is surer to touch than this, if no other
# point is lower by more.
_NO_SOLE, _LOWEST_M = 0.5, 0.12
# Where nothing was seen to touch: the lowest point at its lowest, which is a guess.
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
    """N stances of points that may touch the ground."""

    point: np.ndarray  # [N] 0..3 of sole points, more of others
    runs: Runs
    place: np.ndarray  # [N, 3] m, of the ground under the point
    weight: np.ndarray  # [N] s, less where contact is in doubt
    seconds: np.ndarray  # [N]

    @classmethod
    def of(
        cls, points: np.ndarray, contacts: np.ndarray, clearance: np.ndarray, rate: float
    ) -> _Stands:
        contacts = _of_ground(points[..., 2] - clearance, contacts)
        found, runs, places, weights = [], [], [], []
        for i, stances in enumerate(find_stances(points, contacts, rate)):
            for first, end in stances:
                path, sure = points[first:end, i], contacts[first:end, i]
                level = np.average(path[:, :2], axis=0, weights=sure)
                height = np.median(path[sure >= np.median(sure), 2]) - clearance[i]
                found.append(i)
                runs.append((first, end))
                places.append([*level, height])
                weights.append(min((end - first) / rate, _LONGEST_S) * sure.mean())
        seconds = np.array([end - first for first, end in runs]) / rate
        return cls(
            np.array(found, int), runs, np.array(places).reshape(-1, 3), np.array(weights), seconds
        )


def _of_ground(bottom: np.ndarray, contacts: np.ndarray) -> np.ndarray:
    """[T, K] contacts; hands, knees and seat only where no sole stands and little is lower.

    ``bottom`` [T, K] m, what would be under each point if it touched.
    """
    contacts = contacts[:, : bottom.shape[1]].copy()
    is_low = bottom < bottom.min(1, keepdims=True) + _LOWEST_M
    is_alone = contacts[:, :4].max(1, keepdims=True) < _NO_SOLE
    contacts[:, 4:] *= (is_low & is_alone)[:, 4:]
    return contacts


def find_stands(
    points: np.ndarray, contacts: np.ndarray, clearance: np.ndarray, rate: float
) -> np.ndarray:
    """[N, 4] where somebody stood, m, and how long, s; as ``find_floor`` is told of others'.

    Who was not seen to stand is guessed to, once and for no time at all.
    """
    stands = _Stands.of(points, contacts, clearance, rate)
    if not stands.runs:
        return np.array([[*points[0, :, :2].mean(0), _guess(points, clearance), 0.0]])
    return np.concatenate([stands.place, stands.weight[:, None]], 1)


def floor_height(stands: np.ndarray) -> float:
    """m, where the floor is under the middle of stances [N, 4] (``find_stands``)."""
    return float(_fit_plane(stands)[0][0]) if stands[:, 3].any() else float(stands[0, 2])


def find_floor(
    points: np.ndarray,
    contacts: np.ndarray,
    clearance: np.ndarray,
    rate: float,
    shot: np.ndarray | None = None,
) -> Floor:
    """The floor under somebody, in upright axes.

    ``points`` [T, K, 3] m, the soles or all of CONTACT_POINTS, ``contacts`` [T, 9] their
    probabilities, ``clearance`` [K] m their height over what they touch, ``rate`` rows a second;
    ``shot`` [N, 4] (``find_stands``) where everybody stood who shares the floor, None: nobody does.
    """
    check_shape("points", points, "T K 3")
    check_shape("contacts", contacts, "T 9", T=len(points))
    stands = _Stands.of(points, contacts, clearance, rate)
    if shot is None:
        shot = find_stands(points, contacts, clearance, rate)
    if not shot[:, 3].any():
        return _flat(floor_height(shot), _GUESS_SIGMA_M, np.pi / 2, len(points))
    fit, middle, trust, sigma = _fit_plane(shot)
    scatter = np.sqrt(np.average(_beyond(fit, shot, middle) ** 2, weights=trust + 1e-9))
    beyond = _beyond(fit, stands.place, middle)
    is_step = np.abs(beyond) > max(_STEP_M, _STEP_SCATTERS * float(scatter))
    is_step &= stands.seconds > _STEP_S
    height = float(fit[0])
    support = _support(
        stands, height + _levels(beyond, stands.weight, is_step), len(points), height
    )
    lean = np.append(-fit[1:], 1.0)
    return Floor(
        height,
        max(_LEAST_SIGMA_M, float(sigma[0])),
        lean / np.linalg.norm(lean),
        float(sigma[1:].max()),
        support,
        is_seen=True,
    )


def _guess(points: np.ndarray, clearance: np.ndarray) -> float:
    return float(np.percentile((points[..., 2] - clearance).min(1), _GUESS_PERCENTILE))


def _flat(height: float, sigma: float, normal_sigma: float, num_rows: int) -> Floor:
    support = np.full((num_rows, 4), height)
    return Floor(height, sigma, np.array([0.0, 0.0, 1.0]), normal_sigma, support, is_seen=False)


def _beyond(fit: np.ndarray, place: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """[N] m, how far places [N, 3] are over the plane ``fit`` about ``middle`` [2]."""
    return place[:, 2] - fit[0] - (place[:, :2] - middle) @ fit[1:]


def _fit_plane(shot: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Height and lean [3] (m, m per m) of stances [N, 4] about their middle [2], trust [N], sigmas.

    From the lowest height where many stances lie, as boxes are more common than pits; those far off
    count for nothing (Geman & McClure 1987).
    """
    height, weight = shot[:, 2], shot[:, 3]
    middle = np.average(shot[:, :2], axis=0, weights=weight)
    matrix = np.concatenate([np.ones((len(shot), 1)), shot[:, :2] - middle], 1)
    near = np.exp(-0.5 * ((height[:, None] - height) / _SPREAD_M) ** 2) @ weight
    fit = np.array([height[near >= _MANY * near.max()].min(), 0.0, 0.0])
    prior = np.diag([0.0, 1.0, 1.0]) * (_SPREAD_M / _LEAN_SIGMA) ** 2
    trust = weight
    normal = np.eye(3)
    for _ in range(_NUM_FITS):
        beyond = height - matrix @ fit
        trust = weight / (1 + (beyond / (2 * _SPREAD_M)) ** 2) ** 2
        normal = matrix.T @ (trust[:, None] * matrix) + prior
        fit = np.linalg.solve(normal, matrix.T @ (trust * height))
    return fit, middle, trust, _SPREAD_M * np.sqrt(np.diag(np.linalg.inv(normal)))


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
        rows = [(stands.runs[i], levels[i]) for i in np.flatnonzero(stands.point == sole)]
        end_before, level_before = 0, np.inf
        for (first, end), level in rows:
            support[end_before:first, sole] = min(level_before, level)
            support[first:end, sole] = level
            end_before, level_before = end, level
        if rows:
            support[end_before:, sole] = level_before
    return support
