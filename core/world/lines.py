"""How well the straight lines of a shot's pictures agree with a camera.

Most of what people build has edges that are upright and edges that lie level along two directions
at right angles. A picture shows each such family as lines towards one vanishing point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera_path import CameraPath
from .gravity import up_from_angles
from .people_mask import is_on_people
from .shot import ShotSightings

# Of the lines that are built so, those that are upright, and those along each of two level
# directions. The others lie anyhow, or level in yet other directions; their share is found out.
_UPRIGHT_SHARE, _LEVEL_SHARE = 0.4, 0.3
# Of the others, those that are roughly upright (stems, poles, people), and how roughly. More are
# grain along the horizon: grounds are seen at a slant, and the slighter it is, the more exactly.
_ROUGH_SHARE, _ROUGH_SIGMA = 0.3, np.radians(7.0)
_GRAIN_SIGMAS = np.radians([2.5, 6.0, 15.0])
# The angle by which a line misses its vanishing point: what is built is not exact, nor are lenses;
# its ends are seen so exactly.
_LINE_SIGMA, _END_PX = np.radians(0.7), 0.6
_MAX_LINES = 100
# Longer sides. Shorter lines count for less, as several of them are one edge of something; and the
# longer a line, the more rarely it lies anyhow.
_LONG = 0.1
_MIN_WEIGHT, _MIN_DOUBT = 0.3, 0.15
_EDGE = 0.012  # longer sides; lines so near to the picture's border are its own
_SAME = np.radians(0.8)  # off the plane in which a longer line is seen, of one that lies in it


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
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
    doubt: np.ndarray  # [L] 0..1, of the share of those that are not built so

    def log_likelihood(
        self,
        pitch: np.ndarray,
        roll: np.ndarray,
        heading: np.ndarray,
        focal_px: np.ndarray,
        others: np.ndarray,
        grain: np.ndarray,
    ) -> np.ndarray:
        """[S] of S cameras in places whose level edges run at ``heading`` to the camera's right.

        ``others`` [S] is the share of lines that are not built so, ``grain`` [S] that of what runs
        along the horizon among these.
        """
        if not len(self.sigma):
            return np.zeros(len(pitch))
        square = self._miss(built_axes(pitch, roll, heading), focal_px)
        others, grain = others[:, None] * self.doubt, grain[:, None]
        sharp = _peak(square[:, 1:], self.sigma)
        built = np.einsum("sal,a->sl", sharp, [_UPRIGHT_SHARE, _LEVEL_SHARE, _LEVEL_SHARE])
        along_horizon = np.mean([_peak(square[:, 0], sigma) for sigma in _GRAIN_SIGMAS], axis=0)
        anyhow = 1 - _ROUGH_SHARE + _ROUGH_SHARE * _peak(square[:, 1], _ROUGH_SIGMA)
        rest = grain * along_horizon + (1 - grain) * anyhow
        density = (1 - others) * built + others * rest
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


def built_axes(pitch: np.ndarray, roll: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """[S, 4, 3] in the camera's axes, one a row: right along the horizon, up, two level ones."""
    up = up_from_angles(pitch, roll)
    # The level directions to the camera's right and ahead.
    right = np.stack([np.cos(roll), -np.sin(roll), np.zeros_like(roll)], -1)
    ahead = np.cross(up, right)
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    return np.stack([right, up, cosine * right + sine * ahead, cosine * ahead - sine * right], 1)


def gather_lines(
    sightings: ShotSightings, boxes_px: np.ndarray, path: CameraPath, focal_px: float
) -> Lines:
    """``boxes_px`` [F, P, 4] of the people at the looked-at frames; ``focal_px`` roughly."""
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
    chosen = _choose(ends, turns, focal_px, length)
    across, along = _across_and_along(points, slants, turns)
    length /= _LONG * max(sightings.image_size)
    return Lines(
        across[chosen],
        along[chosen],
        sigma[chosen],
        weight=length[chosen].clip(_MIN_WEIGHT, 1.0),
        doubt=(1 / length[chosen]).clip(_MIN_DOUBT, 1.0),
    )


def _across_and_along(
    points: np.ndarray, slants: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[L, 2, 3] each, in the first camera's axes, as of Lines."""
    (s_x, s_y), (m_x, m_y), zero = slants.T, points.T, np.zeros(len(points))
    across = np.stack(
        [np.stack([s_y, -s_x, zero], -1), np.stack([zero, zero, m_y * s_x - m_x * s_y], -1)], 1
    )
    along = np.stack(
        [np.stack([s_x, s_y, zero], -1), np.stack([zero, zero, -m_x * s_x - m_y * s_y], -1)], 1
    )
    return tuple(np.einsum("lij,lkj->lki", turns, rows) for rows in (across, along))


def _choose(ends: np.ndarray, turns: np.ndarray, focal_px: float, length: np.ndarray) -> np.ndarray:
    """Rows of the lines that count: of those that lie in one, as pieces of it, the longest.

    An edge that is seen in pieces, or in every picture, is one edge: seen twice is not known twice.
    """
    rays = np.concatenate([ends, np.full((len(ends), 2, 1), focal_px)], -1)
    rays = np.einsum("lij,lej->lei", turns, rays)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    # All pieces of one straight line lie in one plane with the camera.
    normals = np.cross(rays[:, 0], rays[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    chosen: list[int] = []
    for row in np.argsort(-length):
        off = np.abs(normals[chosen] @ rays[row].T).max(1)
        if (off > np.sin(_SAME)).all():
            chosen.append(int(row))
        if len(chosen) == _MAX_LINES:
            break
    return np.array(chosen, int)
