"""Where the camera looked in each row of a shot, from what the shot's pictures showed.

A camera that did not move must come out as exactly that: a person at rest may not tremble because
points in the picture do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..check import check_shape
from .bundle import Bundle
from .filters import blur
from .following import find_cost, find_tracks, follow_camera
from .holds import hold_still
from .interpolation import interpolate_places, interpolate_turns
from .people_mask import is_on_people
from .shot import ShotSightings

_MIN_POINTS = 12  # of the background; fewer tell nothing
_MIN_CELLS, _GRID = 10, 6  # so many of 6 x 6 parts of the picture must show what moved as one
_CONSENT_SHARE, _CONSENT_PX = 0.4, 1.5  # of the points, for a motion to be believed,
_RIM_PX, _FAR_PX = 1.5, 4.0  # agreeing; and moved so far that nothing of a rim stays in its place
_MIN_RIM = 5  # cells of the rim that nobody is before; fewer tell nothing
_CONSENT_PART = 0.15  # or within so much of how far they went
_NEAR_PX = 4.0  # so many within that, and a look's camera is right on average
_MIN_MOVED = 3  # looks
_TREMBLE_S = 0.5  # standard deviation of the blur that leaves no tremble
_LOST_SHARE = 0.1  # of the looks, from which the user should know


@dataclass(frozen=True)
class _Proof:
    """What it takes to believe that the camera moved."""

    rest_share: float  # of the points, where fewer than that are where they were,
    moved_px: float  # and the median of them is farther off
    gain: float  # what the motion found must leave of rest's cost
    rim_share: float  # of the picture's rim, nobody before it, must go along: no screen fills that
    rim_at_rest: float  # of the rim's points, more than that stay where they were beside a screen


_REST_PX = 0.7  # where a point still is where it was
_BEYOND_DOUBT, _LIKELY = _Proof(0.25, 1.0, 0.6, 0.5, 0.03), _Proof(0.5, 0.7, 0.8, 0.2, 0.3)


@dataclass(frozen=True, eq=False, slots=True)
class CameraPath:
    """The camera in each of T rows. The camera of row 0 is the first camera."""

    time_s: np.ndarray  # [T]
    first_from_camera: np.ndarray  # [T, 3, 3]
    zoom: np.ndarray  # [T] focal / focal of row 0
    shift: np.ndarray  # [T, 3] its place in the first camera's axes, background usually 1 away
    is_moving: bool
    is_to_scale: bool  # whether ``shift`` is in metres
    note: str | None = None  # what the user should know

    def steady_from_camera(self) -> np.ndarray:
        """[T, 3, 3] from each row's camera to one that does not tremble, and turns as it does."""
        if not self.is_moving or len(self.time_s) < 2:
            return np.tile(np.eye(3), (len(self.time_s), 1, 1))
        sigma = _TREMBLE_S * (len(self.time_s) - 1) / (self.time_s[-1] - self.time_s[0])
        left, _, right = np.linalg.svd(blur(self.first_from_camera, sigma))
        return (left @ right).swapaxes(-1, -2) @ self.first_from_camera

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
        is_to_scale=True,
        note=note,
    )


def solve_camera_path(
    sightings: ShotSightings,
    people_boxes_px: np.ndarray,
    time_s: np.ndarray,
    focal_px: float,
    *,
    must_move: bool = False,
) -> CameraPath:
    """``people_boxes_px`` [F, P, 4] left, top, right, bottom at the looked-at frames, NaN: absent.

    ``time_s`` [T] of the rows, ``focal_px`` of the first. ``must_move``: somebody knows that the
    camera moved, and weaker signs will do.
    """
    check_shape("people_boxes_px", people_boxes_px, "F P 4", F=len(sightings.time_s))
    proof = _LIKELY if must_move else _BEYOND_DOUBT
    pairs = [pair for pair in _pair(sightings, people_boxes_px) if pair.is_judged]
    if len(pairs) < _MIN_MOVED:
        note = "The picture shows too little background to tell whether the camera moved."
        return rest_path(time_s, note)
    if sum(pair.is_shifted(proof) for pair in pairs) < _MIN_MOVED:
        note = "The background hardly moves: the camera is taken to stand." if must_move else None
        return rest_path(time_s, note)
    bundle = follow_camera(find_tracks(sightings, people_boxes_px, focal_px), sightings.time_s)
    if not _has_moved(bundle, pairs, people_boxes_px, proof):
        note = "The background moves, but not as one whole: the camera is taken to stand."
        return rest_path(time_s, note)
    return _spread(bundle, sightings, time_s)


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
    def moved_px(self) -> np.ndarray:
        """[N] of the looked-at pictures."""
        return np.linalg.norm(self.look_px - self.key_px, axis=1) / self.pixel

    @property
    def rim_at_rest(self) -> float:
        """Of the points along the picture's edges, those that are where they were."""
        cell = np.floor(_GRID * (self.look_px / self.side_px + 0.5))
        is_rim = ((cell == 0) | (cell == _GRID - 1)).any(1)
        return float(np.mean(self.moved_px[is_rim] < _REST_PX)) if is_rim.any() else 0.0

    def is_shifted(self, proof: _Proof) -> bool:
        """Whether hardly any point is where it was."""
        moved = self.moved_px
        is_at_rest = np.mean(moved < _REST_PX) >= proof.rest_share
        return bool(not is_at_rest and np.median(moved) > proof.moved_px)


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


def _has_moved(bundle: Bundle, pairs: list[_Pair], boxes_px: np.ndarray, proof: _Proof) -> bool:
    """Whether in some looks hardly anything is where it was, and most of it moved as one."""
    errors = bundle.errors_px()
    moved = set()
    shifted = [pair for pair in pairs if pair.is_shifted(proof)]
    stayed = [pair.rim_at_rest for pair in shifted if np.median(pair.moved_px) > _FAR_PX]
    if stayed and np.mean(stayed) > proof.rim_at_rest:
        return False
    for pair in shifted:
        ours = errors[bundle.tracks.of_look(pair.look)]
        if len(ours) < _MIN_POINTS:
            continue
        # Points of bare walls are inexact, and where they went is clear all the same.
        far_px = float(np.median(pair.moved_px))
        agrees = ours < max(_CONSENT_PX, _CONSENT_PART * far_px)
        blur_px = max(1.0, _CONSENT_PART / _CONSENT_PX * far_px)
        gain = find_cost(ours / blur_px) / find_cost(pair.moved_px / blur_px)
        here_px, moved_px = bundle.tracks.moved_px(pair.look)
        gone_px = here_px[(ours < _RIM_PX) & (moved_px > _REST_PX)]
        rim_share = _rim_share(gone_px, boxes_px[pair.look], pair.side_px)
        is_one = agrees.mean() > _CONSENT_SHARE and rim_share > proof.rim_share
        if is_one and gain < proof.gain:
            moved.add(pair.look)
    return len(moved) >= _MIN_MOVED


def _rim_share(points_px: np.ndarray, boxes_px: np.ndarray, side_px: np.ndarray) -> float:
    """Of the cells along the picture's edges that nobody is before, those with points [N, 2].

    ``points_px`` are from the picture's middle, ``boxes_px`` [P, 4] are not.
    """
    column, row = np.meshgrid(np.arange(_GRID), np.arange(_GRID))
    is_rim = np.isin(column, (0, _GRID - 1)) | np.isin(row, (0, _GRID - 1))
    cells = np.stack([column[is_rim], row[is_rim]], 1)
    middles = (cells + 0.5) / _GRID * side_px
    is_free = ~is_on_people(middles, np.broadcast_to(boxes_px, (len(cells), *boxes_px.shape)))
    with_points = np.floor(_GRID * (points_px / side_px + 0.5))
    is_shown = (cells[:, None] == with_points).all(-1).any(1)
    return float(is_shown[is_free].mean()) if is_free.sum() >= _MIN_RIM else 0.0


def _is_followed(errors: np.ndarray) -> bool:
    """Whether enough of a look's points agree with its camera: so many stay exact on average."""
    return len(errors) >= _MIN_POINTS and bool(np.mean(errors < _NEAR_PX) > _CONSENT_SHARE)


def _spread(bundle: Bundle, sightings: ShotSightings, time_s: np.ndarray) -> CameraPath:
    """The rows' cameras, between those of the looks."""
    errors = bundle.errors_px()
    looks = np.arange(len(sightings.time_s))
    is_known = np.array([_is_followed(errors[bundle.tracks.of_look(look)]) for look in looks])
    is_known[0] = True
    known = np.flatnonzero(is_known)
    times = sightings.time_s[known]
    turns, log_zoom = bundle.turn[known], bundle.log_zoom[known]
    places = bundle.place[known] * bundle.usual_nearness()
    hold_still(turns, places, log_zoom, times, bundle.tracks.focal_px / bundle.tracks.pixel)
    rows = np.clip(time_s, times[0], times[-1])
    turns = interpolate_turns(turns, times, rows)
    places = interpolate_places(places, times, rows)
    log_zoom = np.interp(rows, times, log_zoom)
    lost = 1 - len(known) / len(looks)
    note = None
    if lost > _LOST_SHARE:
        note = f"The camera could not be followed in {lost:.0%} of the shot."
    return CameraPath(
        time_s=time_s,
        first_from_camera=turns[0].T @ turns,
        zoom=np.exp(log_zoom - log_zoom[0]),
        shift=(places - places[0]) @ turns[0],
        is_moving=True,
        is_to_scale=not bundle.with_shift,
        note=note,
    )
