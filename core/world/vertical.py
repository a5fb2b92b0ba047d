"""Which way is up, and how long the lens is, from the straight lines of a shot's pictures.

Most of what people build has edges that are upright and edges that lie level along two directions
at right angles. A picture shows each such family as lines towards one vanishing point. How well an
up direction, a heading and a focal length explain the lines of all pictures together is their
likelihood; what is handed on are mean and spread of what it leaves possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..check import check_shape
from .camera_path import CameraPath
from .gravity import up_from_angles
from .people_mask import is_on_people
from .posterior import sample_posterior
from .shot import ShotSightings

# How cameras are held: pitch (up is positive) and roll. Wide, as lines say more.
_PITCH_MEAN, _PITCH_SIGMA = np.radians(-6.0), np.radians(16.0)
_ROLL_SIGMA, _ROLL_SHARE = np.radians(4.0), 0.8  # of the cameras that are meant to be level;
_LEAN_SIGMA = np.radians(20.0)  # the others
_MAX_TILT = np.radians(60.0)
# Of the lines that are built so, those that are upright, and those along each of two level
# directions. The others lie anyhow, or level in yet other directions; their share is found out.
_UPRIGHT_SHARE, _LEVEL_SHARE = 0.4, 0.3
_MIN_OTHERS, _MAX_OTHERS = 0.15, 0.9
# Of the others, those that are roughly upright (stems, poles, people) and roughly along the horizon
# (the grain of grounds seen at a slant), and how roughly.
_ROUGH_SHARE, _ROUGH_SIGMA = 0.3, np.radians(7.0)
# The angle by which a line misses its vanishing point: what is built is not exact, nor are lenses;
# its ends are seen so exactly.
_LINE_SIGMA, _END_PX = np.radians(0.7), 0.6
_MAX_LINES = 100
_LONG = 0.1  # longer sides; shorter lines are more often grain than edges, and count for less
_MIN_WEIGHT = 0.3
# Lines are of the same edges, and share errors: this share of them counts as independent.
_INDEPENDENT = 0.7
_BUILT_SIGMA = np.radians(0.7)  # by how much all of a scene's uprights may be off together
_EDGE = 0.012  # longer sides; lines so near to the picture's border are its own
_CELL = np.radians(1.5)  # places and slants so near to each other are of one line
_FOCAL_BUILT_SIGMA = 0.03  # of its logarithm, as _BUILT_SIGMA
_FOCAL_SEEN_SIGMA = 0.3  # of the logarithm; with more than this the lines do not tell the focal


@dataclass(frozen=True, eq=False, slots=True)
class PictureTilt:
    """What the lines tell, in the first camera's axes."""

    up_camera: np.ndarray  # [3] unit
    pitch_sigma_rad: float
    roll_sigma_rad: float
    focal_px: float | None  # of the first camera; None: the lines do not tell it
    focal_sigma: float | None  # of its logarithm, as far as the lines alone tell

    @property
    def sigma_rad(self) -> float:
        """Expected angle between ``up_camera`` and the truth, root mean square."""
        return float(np.hypot(self.pitch_sigma_rad, self.roll_sigma_rad))


def find_vertical(
    sightings: ShotSightings,
    people_boxes_px: np.ndarray,
    path: CameraPath,
    focal_px: float,
    focal_sigma: float = 0.45,
) -> PictureTilt:
    """``people_boxes_px`` as of ``solve_camera_path``; ``focal_px`` of the first camera as assumed,
    with the sigma of its logarithm.
    """
    check_shape("people_boxes_px", people_boxes_px, "F P 4", F=len(sightings.time_s))
    lines = _gather(sightings, people_boxes_px, path, focal_px)

    def log_likelihood(states: np.ndarray) -> np.ndarray:
        return _INDEPENDENT * lines.log_likelihood(states, focal_px)

    def log_prior(states: np.ndarray) -> np.ndarray:
        return _log_prior(states, focal_sigma)

    states = sample_posterior(log_likelihood, log_prior, _draw(focal_sigma))
    return _summarize(states, focal_px, focal_sigma)


@dataclass(frozen=True, eq=False, slots=True)
class _Lines:
    """The L lines of all pictures, as if the first camera had seen them.

    A line in direction ``s`` [2] (unit) through ``m`` [2] px from the middle misses the vanishing
    point of direction ``u`` by the angle atan((u . a) / (u . b)), with
    a = (f s_y, -f s_x, m_y s_x - m_x s_y) and b = (f s_x, f s_y, -m . s): the point's direction
    from m is f u_xy - m u_z.
    """

    across: np.ndarray  # [L, 2, 3] a at focal 1, its parts with and without the focal
    along: np.ndarray  # [L, 2, 3] b
    sigma: np.ndarray  # [L] rad
    weight: np.ndarray  # [L] 0..1

    def log_likelihood(self, states: np.ndarray, focal_px: float) -> np.ndarray:
        """[S] of states [S, 5]: pitch, roll, heading, log(focal / focal_px), share of others."""
        if not len(self.sigma):
            return np.zeros(len(states))
        log_focal, others = states[:, 3], states[:, 4, None].clip(_MIN_OTHERS, _MAX_OTHERS)
        axes = _axes(states)
        square = self._miss(axes, focal_px * np.exp(log_focal))
        sharp = _peak(square[:, 1:], self.sigma)
        rough = _peak(square[:, :2], _ROUGH_SIGMA)  # along the horizon, upright
        built = np.einsum("sal,a->sl", sharp, [_UPRIGHT_SHARE, _LEVEL_SHARE, _LEVEL_SHARE])
        density = (1 - others) * built + others * (
            _ROUGH_SHARE * rough.sum(1) + 1 - 2 * _ROUGH_SHARE
        )
        return np.log(density) @ self.weight

    def _miss(self, axes: np.ndarray, focal_px: np.ndarray) -> np.ndarray:
        """[S, A, L] square sine of the angles by which the lines miss directions [S, A, 3]."""
        focal = focal_px[:, None, None]
        across = focal * (axes @ self.across[:, 0].T) + axes @ self.across[:, 1].T
        along = focal * (axes @ self.along[:, 0].T) + axes @ self.along[:, 1].T
        square = across**2
        return square / (square + along**2 + 1e-9)


def _peak(square: np.ndarray, sigma: np.ndarray | float) -> np.ndarray:
    """The density of angles around 0, as a multiple of that of lines that lie anyhow."""
    return np.exp(-0.5 * square / sigma**2) * (np.sqrt(np.pi / 2) / sigma)


def _axes(states: np.ndarray) -> np.ndarray:
    """[S, 4, 3] in the camera's axes, one a row: right along the horizon, up, two level ones."""
    pitch, roll, heading = states[:, :3].T
    up = up_from_angles(pitch, roll)
    # The level directions to the camera's right and ahead.
    right = np.stack([np.cos(roll), -np.sin(roll), np.zeros_like(roll)], -1)
    ahead = np.cross(up, right)
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    return np.stack([right, up, cosine * right + sine * ahead, cosine * ahead - sine * right], 1)


def _gather(
    sightings: ShotSightings, boxes_px: np.ndarray, path: CameraPath, focal_px: float
) -> _Lines:
    middle = (np.array(sightings.image_size) - 1) / 2
    ends = sightings.line_px
    looks = sightings.line_look
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    keep = ~is_on_people(ends.mean(1), boxes_px[looks])
    border = _EDGE * max(sightings.image_size)
    keep &= ~((ends < border).all(1) | (ends > 2 * middle - border).all(1)).any(1)
    ends, looks, length = ends[keep] - middle, looks[keep], length[keep]
    rows = path.row_at(sightings.time_s[looks])
    # A zoomed picture is taken for what the first focal length would have shown.
    ends = ends / path.zoom[rows][:, None, None]
    points, slants = ends.mean(1), (ends[:, 1] - ends[:, 0]) / np.maximum(length, 1e-6)[:, None]
    slants /= np.linalg.norm(slants, axis=1, keepdims=True)
    turns = path.first_from_camera[rows]
    sigma = np.hypot(_LINE_SIGMA, _END_PX * sightings.pixel / np.maximum(length, 1.0))
    chosen = _choose(points, slants, turns, focal_px, length)
    across, along = _across_and_along(points, slants, turns)
    weight = (length / (_LONG * max(sightings.image_size))).clip(_MIN_WEIGHT, 1.0)
    return _Lines(across[chosen], along[chosen], sigma[chosen], weight[chosen])


def _across_and_along(
    points: np.ndarray, slants: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[L, 2, 3] each, in the first camera's axes, as of _Lines."""
    (s_x, s_y), (m_x, m_y), zero = slants.T, points.T, np.zeros(len(points))
    across = np.stack(
        [np.stack([s_y, -s_x, zero], -1), np.stack([zero, zero, m_y * s_x - m_x * s_y], -1)], 1
    )
    along = np.stack(
        [np.stack([s_x, s_y, zero], -1), np.stack([zero, zero, -m_x * s_x - m_y * s_y], -1)], 1
    )
    return tuple(np.einsum("lij,lkj->lki", turns, rows) for rows in (across, along))


def _choose(
    points: np.ndarray, slants: np.ndarray, turns: np.ndarray, focal_px: float, length: np.ndarray
) -> np.ndarray:
    """Rows of the lines that count, the longest view of each edge.

    An edge that a camera at rest shows in every picture is one edge: seen twice is not known twice.
    """
    if not len(points):
        return np.zeros(0, int)
    rays = np.column_stack([points, np.full(len(points), focal_px)])
    rays = np.einsum("lij,lj->li", turns, rays)
    ways = np.einsum("lij,lj->li", turns, np.column_stack([slants, np.zeros(len(slants))]))
    place = np.stack(
        [
            np.arctan2(rays[:, 0], rays[:, 2]),
            np.arctan2(rays[:, 1], np.hypot(rays[:, 0], rays[:, 2])),
        ]
    ).T
    slant = np.arctan2(ways[:, 1], ways[:, 0]) % np.pi
    order = np.argsort(-length)
    chosen: list[int] = []
    for row in order:
        off = np.abs(place[chosen] - place[row]).max(1) if chosen else np.zeros(0)
        turn = np.abs((slant[chosen] - slant[row] + np.pi / 2) % np.pi - np.pi / 2)
        if not np.any((off < _CELL) & (turn < 2 * _CELL)):
            chosen.append(int(row))
        if len(chosen) == _MAX_LINES:
            break
    return np.array(chosen)


def _log_prior(states: np.ndarray, focal_sigma: float) -> np.ndarray:
    pitch, roll, heading, log_focal, others = states.T
    level = _ROLL_SHARE / _ROLL_SIGMA * np.exp(-0.5 * (roll / _ROLL_SIGMA) ** 2)
    leaning = (1 - _ROLL_SHARE) / _LEAN_SIGMA * np.exp(-0.5 * (roll / _LEAN_SIGMA) ** 2)
    value = -0.5 * ((pitch - _PITCH_MEAN) / _PITCH_SIGMA) ** 2 + np.log(level + leaning)
    value -= 0.5 * (log_focal / focal_sigma) ** 2
    inside = np.cos(pitch) * np.cos(roll) > np.cos(_MAX_TILT)
    # The level directions are the same after each quarter turn; one more on either side leaves no
    # edge within the quarter that is drawn from.
    inside &= np.abs(heading - np.pi / 4) < 3 * np.pi / 4
    inside &= (others > _MIN_OTHERS) & (others < _MAX_OTHERS)
    return np.where(inside, value, -np.inf)


def _draw(focal_sigma: float):
    """What draws [S, 5] states as the prior has them, and some more that lean."""

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        leans = rng.random(count) > _ROLL_SHARE
        limit = _MAX_TILT / np.sqrt(2)
        states = np.empty((count, 5))
        states[:, 0] = rng.normal(_PITCH_MEAN, _PITCH_SIGMA, count).clip(-limit, limit)
        states[:, 1] = rng.normal(0, np.where(leans, _LEAN_SIGMA, _ROLL_SIGMA)).clip(-limit, limit)
        states[:, 2] = rng.uniform(0, np.pi / 2, count)
        states[:, 3] = rng.normal(0, focal_sigma, count)
        states[:, 4] = rng.uniform(_MIN_OTHERS, _MAX_OTHERS, count)
        return states

    return draw


def _summarize(states: np.ndarray, focal_px: float, focal_sigma: float) -> PictureTilt:
    up = up_from_angles(states[:, 0], states[:, 1]).mean(0)
    sigma = np.std(states, axis=0)
    spread = np.minimum(sigma[3], 0.999 * focal_sigma)
    # The assumption's share is taken out again: what is left is what the lines told.
    told = 1 / (1 / spread**2 - 1 / focal_sigma**2)
    is_told = told < _FOCAL_SEEN_SIGMA**2
    log_focal = states[:, 3].mean() * told / spread**2
    return PictureTilt(
        up_camera=up / np.linalg.norm(up),
        pitch_sigma_rad=float(np.hypot(sigma[0], _BUILT_SIGMA)),
        roll_sigma_rad=float(np.hypot(sigma[1] * np.cos(states[:, 0].mean()), _BUILT_SIGMA)),
        focal_px=float(focal_px * np.exp(log_focal)) if is_told else None,
        focal_sigma=float(np.hypot(np.sqrt(told), _FOCAL_BUILT_SIGMA)) if is_told else None,
    )
