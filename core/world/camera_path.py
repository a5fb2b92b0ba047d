"""Where the camera looked in each row of a shot, from what the shot's pictures showed.

A camera that did not move must come out as exactly that: a person at rest may not tremble because
points in the picture do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from ..check import check_shape
from .people_mask import is_on_people
from .shot import ShotSightings
from .turn_fit import TurnFit, fit_turn

_MIN_POINTS = 12  # of the background; fewer tell nothing
_REST_PX, _REST_SHARE = 0.7, 0.25  # so many points so near to where they were: the camera stood
_CONSENT_SHARE = 0.4  # of the points, for a turn to be believed
_MOVED_PX = 1.0  # a turn by less is not worth the name: 0.1 degrees, 6 mm at 4 m
_MOVED_GAIN = 0.6  # what a turn must leave of rest's cost: points that only tremble gain nothing
_MIN_MOVED = 3  # looks
# A hand does not only turn a camera but shifts it by a centimetre or two: at some metres that looks
# like a turn, and cannot be told from one.
_SHIFT_SIGMA = np.radians(0.2)
_MIN_CELLS, _GRID = 10, 6  # so many of 6 x 6 parts of the picture must show what moved as one
_ZOOM_RANGE = 0.05  # of the zoom's logarithm over the shot, from which it may be one,
_ZOOM_GAIN = 0.6  # and what it must leave of the cost where it is at work


@dataclass(frozen=True, eq=False, slots=True)
class CameraPath:
    """The camera in each of T rows. The camera of row 0 is the first camera."""

    time_s: np.ndarray  # [T]
    first_from_camera: np.ndarray  # [T, 3, 3]
    zoom: np.ndarray  # [T] focal / focal of row 0
    shift: np.ndarray  # [T, 3] its place in the first camera's axes, without a known scale
    is_moving: bool
    sigma_rad: float  # of the turns; 0 of a camera at rest
    scale_known: bool = False  # whether ``shift`` is in metres
    note: str | None = None  # what the user should know

    def row_at(self, time_s: np.ndarray) -> np.ndarray:
        """[...] int, the nearest row."""
        middles = (self.time_s[1:] + self.time_s[:-1]) / 2
        return np.searchsorted(middles, time_s)


def rest_path(time_s: np.ndarray, note: str | None = None) -> CameraPath:
    """Of a camera that does not move."""
    num_rows = len(time_s)
    return CameraPath(
        time_s=time_s,
        first_from_camera=np.tile(np.eye(3), (num_rows, 1, 1)),
        zoom=np.ones(num_rows),
        shift=np.zeros((num_rows, 3)),
        is_moving=False,
        sigma_rad=0.0,
        note=note,
    )


def solve_camera_path(
    sightings: ShotSightings, people_boxes_px: np.ndarray, time_s: np.ndarray, focal_px: float
) -> CameraPath:
    """``people_boxes_px`` [F, P, 4] left, top, right, bottom at the looked-at frames, NaN: absent.

    ``time_s`` [T] of the rows, ``focal_px`` of the first.
    """
    check_shape("people_boxes_px", people_boxes_px, "F P 4", F=len(sightings.time_s))
    pairs = _pair(sightings, people_boxes_px)
    pairs = [pair for pair in pairs if pair.is_judged]
    if len(pairs) < _MIN_MOVED:
        note = "The picture shows too little background to tell whether the camera moved."
        return rest_path(time_s, note)
    if sum(pair.is_shifted for pair in pairs) < _MIN_MOVED:
        return rest_path(time_s)
    zoomed = _follow(pairs, sightings, focal_px, with_zoom=True)
    turned = _follow(pairs, sightings, focal_px, with_zoom=False)
    looks = zoomed if _has_zoomed(turned, zoomed) else turned
    if not _has_moved(looks):
        note = (
            "The background moves, but not as it would if the camera turned: it is taken to stand."
        )
        return rest_path(time_s, note)
    return _spread(looks, sightings, time_s)


@dataclass(eq=False)
class _Pair:
    """A look and a key frame with the points of the background that both show."""

    key: int
    look: int
    key_px: np.ndarray  # [N, 2] from the picture's middle
    look_px: np.ndarray
    pixel: float
    side_px: np.ndarray  # [2] of the picture

    @property
    def is_judged(self) -> bool:
        """Whether there are enough points, and all over the picture: an arm alone is none."""
        cells = np.floor(_GRID * (self.key_px / self.side_px + 0.5))
        num_cells = len(np.unique(cells, axis=0))
        return len(self.key_px) >= _MIN_POINTS and num_cells >= _MIN_CELLS

    @property
    def rest_cost(self) -> float:
        """As TurnFit's cost, of a camera that did not turn."""
        square = np.sum((self.look_px - self.key_px) ** 2, 1) / self.pixel**2
        return float(np.mean(square / (square + 1.0)))

    @property
    def is_shifted(self) -> bool:
        """Whether hardly any point is where it was."""
        moved = np.linalg.norm(self.look_px - self.key_px, axis=1) / self.pixel
        return bool(np.mean(moved < _REST_PX) < _REST_SHARE and np.median(moved) > _MOVED_PX)


@dataclass(eq=False)
class _Looks:
    """The camera at the F looks, and how it was found."""

    first_from_look: np.ndarray  # [F, 3, 3]
    log_zoom: np.ndarray  # [F]
    is_known: np.ndarray  # [F] bool
    fits: list[tuple[_Pair, TurnFit]] = field(default_factory=list)


def _pair(sightings: ShotSightings, boxes_px: np.ndarray) -> list[_Pair]:
    """In the order of the looks."""
    on_people = is_on_people(sightings.key_px, boxes_px[sightings.match_key])
    on_people |= is_on_people(sightings.look_px, boxes_px[sightings.match_look])
    middle = (np.array(sightings.image_size) - 1) / 2
    starts = np.flatnonzero(
        np.diff(sightings.match_key, prepend=-1) | np.diff(sightings.match_look, prepend=-1)
    )
    pairs = []
    for rows in np.split(np.arange(len(on_people)), starts[1:]):
        if not len(rows):
            continue
        key, look = int(sightings.match_key[rows[0]]), int(sightings.match_look[rows[0]])
        rows = rows[~on_people[rows]]
        key_px, look_px = sightings.key_px[rows] - middle, sightings.look_px[rows] - middle
        pairs.append(_Pair(key, look, key_px, look_px, sightings.pixel, 2 * middle + 1))
    return pairs


def _follow(
    pairs: list[_Pair], sightings: ShotSightings, focal_px: float, *, with_zoom: bool
) -> _Looks:
    """From key frame to key frame, then with the ways that lead to the same look made to agree."""
    num_looks = len(sightings.time_s)
    looks = _Looks(
        np.tile(np.eye(3), (num_looks, 1, 1)), np.zeros(num_looks), np.zeros(num_looks, bool)
    )
    looks.is_known[0] = True
    last: dict[int, TurnFit] = {}
    support = np.zeros(num_looks)
    for pair in pairs:
        key, look = pair.key, pair.look
        if not looks.is_known[key]:
            continue
        focal = focal_px * np.exp(looks.log_zoom[key])
        fit = fit_turn(
            pair.key_px, pair.look_px, focal, pair.pixel, with_zoom=with_zoom, start=last.get(key)
        )
        if fit.share < _CONSENT_SHARE:
            continue
        last[key] = fit
        looks.fits.append((pair, fit))
        if fit.share * len(pair.key_px) > support[look]:
            support[look] = fit.share * len(pair.key_px)
            looks.first_from_look[look] = looks.first_from_look[key] @ fit.look_from_key.T
            looks.log_zoom[look] = looks.log_zoom[key] + fit.log_zoom
            looks.is_known[look] = True
    _reconcile(looks)
    return looks


def _reconcile(looks: _Looks) -> None:
    """Least squares of the looks' turns over all pairs, where several ways lead to one look.

    Small corrections: each pair's disagreement is taken as a vector (Govindu 2004, "Lie-algebraic
    averaging for globally consistent motion estimation").
    """
    if len({pair.look for pair, _ in looks.fits}) == len(looks.fits):
        return
    nodes = sorted({node for pair, _ in looks.fits for node in (pair.key, pair.look)})
    place = {node: row for row, node in enumerate(nodes)}
    matrix = np.zeros((len(looks.fits) + 1, len(nodes)))
    wanted = np.zeros((len(looks.fits) + 1, 4))
    matrix[-1, 0] = 1.0  # the first stays
    for row, (pair, fit) in enumerate(looks.fits):
        matrix[row, place[pair.look]], matrix[row, place[pair.key]] = 1.0, -1.0
        by_pair = looks.first_from_look[pair.key] @ fit.look_from_key.T
        off = by_pair @ looks.first_from_look[pair.look].T  # in the first camera's axes
        wanted[row, :3] = cv2.Rodrigues(off)[0].ravel()
        wanted[row, 3] = looks.log_zoom[pair.key] + fit.log_zoom - looks.log_zoom[pair.look]
    change = np.linalg.lstsq(matrix, wanted, rcond=None)[0]
    for node, step in zip(nodes, change, strict=True):
        looks.first_from_look[node] = cv2.Rodrigues(step[:3])[0] @ looks.first_from_look[node]
        looks.log_zoom[node] += step[3]


def _has_moved(looks: _Looks) -> bool:
    """Whether in some looks hardly anything is where it was, and most of it moved as one."""
    moved = {
        pair.look
        for pair, fit in looks.fits
        if pair.is_shifted and fit.cost < _MOVED_GAIN * pair.rest_cost
    }
    return len(moved) >= _MIN_MOVED


def _has_zoomed(looks: _Looks, zoomed: _Looks) -> bool:
    if np.ptp(zoomed.log_zoom[zoomed.is_known]) < _ZOOM_RANGE:
        return False
    costs = {(pair.key, pair.look): fit.cost for pair, fit in looks.fits}
    with_zoom, without = 0.0, 0.0
    for pair, fit in zoomed.fits:
        if abs(fit.log_zoom) > _ZOOM_RANGE / 4:
            with_zoom += fit.cost
            without += costs.get((pair.key, pair.look), 1.0)
    return with_zoom < _ZOOM_GAIN * without


def _spread(looks: _Looks, sightings: ShotSightings, time_s: np.ndarray) -> CameraPath:
    """The rows' cameras, between those of the looks."""
    known = np.flatnonzero(looks.is_known)
    times, turns = sightings.time_s[known], looks.first_from_look[known]
    rows = np.clip(time_s, times[0], times[-1])
    turns = _interpolate(turns, times, rows)
    log_zoom = np.interp(rows, times, looks.log_zoom[known])
    lost = len(looks.is_known) - len(known)
    note = None
    if lost > 0.1 * len(looks.is_known):
        note = f"The camera could not be followed in {lost / len(looks.is_known):.0%} of the shot."
    return CameraPath(
        time_s=time_s,
        first_from_camera=turns[0].T @ turns,
        zoom=np.exp(log_zoom - log_zoom[0]),
        shift=np.zeros((len(time_s), 3)),
        is_moving=True,
        sigma_rad=_find_sigma(looks),
        note=note,
    )


def _find_sigma(looks: _Looks) -> float:
    """The fits' own scatter, summed along the keys, and by how much the ways disagree."""
    num_keys = len({pair.key for pair, _ in looks.fits})
    own = np.median([fit.sigma_rad for _, fit in looks.fits]) * np.sqrt(num_keys)
    offs = [
        looks.first_from_look[pair.key] @ fit.look_from_key.T @ looks.first_from_look[pair.look].T
        for pair, fit in looks.fits
    ]
    apart = np.sqrt(np.mean([np.sum(cv2.Rodrigues(off)[0] ** 2) for off in offs]))
    return float(np.linalg.norm([own, apart, _SHIFT_SIGMA]))


def _interpolate(turns: np.ndarray, times: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[T, 3, 3] at ``rows`` between turns [N, 3, 3] at ``times``: Catmull and Rom's cubic.

    Worked out in the rotation vectors from the turn before, which are small.
    """
    if len(times) == 1:
        return np.tile(turns[0], (len(rows), 1, 1))
    left = np.clip(np.searchsorted(times, rows, side="right") - 1, 0, len(times) - 2)
    steps = np.stack([cv2.Rodrigues(a.T @ b)[0].ravel() for a, b in pairwise(turns)])
    speeds = steps / np.diff(times)[:, None]
    middle = np.concatenate([speeds[:1], (speeds[1:] + speeds[:-1]) / 2, speeds[-1:]])
    span = (times[left + 1] - times[left])[:, None]
    share = (rows - times[left])[:, None] / span
    bend = share * (1 - share)
    vectors = steps[left] * share + span * bend * (
        (1 - share) * (middle[left] - speeds[left]) - share * (middle[left + 1] - speeds[left])
    )
    return np.stack(
        [turns[i] @ cv2.Rodrigues(vector)[0] for i, vector in zip(left, vectors, strict=True)]
    )
