"""Cameras and points of the background, adjusted until each is seen where it was seen.

Bundle adjustment (Triggs et al. 2000, "Bundle adjustment, a modern synthesis") with each point as
its ray in the picture where it was chosen, and its nearness along it (Civera et al. 2008, "Inverse
depth parametrization for monocular SLAM"): far points have none, and a camera that only turns needs
none. Begun with everything equally near, as in Yu and Gallup 2014, "3D reconstruction from
accidental motion". Lengths have no scale: what is usual is 1 away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .turns import cross_matrix, rotvec_to_matrix, turn

# What a look's camera may do: turn, shift, zoom; as rows of the seven numbers of a small change.
_TURN, _PLACE, _ZOOM = slice(0, 3), slice(3, 6), slice(6, 7)
_NUM = 7
_SEEN_PX = 0.5  # standard deviation of a point in a picture
_NEARNESS, _NEARNESS_SIGMA = 1.0, 1.0  # of the background, before anything is known
_MOST_NEAR = 20.0
# Between looks that follow on each other, where the points tell nothing. Cauchy's: who walks goes
# farther. It decides between a turn and a shift past one wall, which look the same.
_STEP_SIGMA = 0.005
_ZOOM_SIGMA, _TURN_SIGMA = 0.3, 3.0  # the same, of the zoom's logarithm, and in radians
_AHEAD = 1e-3  # a point that is less in front of a camera is not seen


@dataclass(frozen=True, eq=False)
class Tracks:
    """Where points of the background were seen: O sightings of N points in F looks.

    Sorted by look; each point's first sighting, where it was chosen, is apart.
    """

    look: np.ndarray  # [O] int
    point: np.ndarray  # [O] int
    px: np.ndarray  # [O, 2] from the picture's middle
    anchor: np.ndarray  # [N] int, the look in which the point was chosen,
    anchor_px: np.ndarray  # [N, 2] and where it was there
    focal_px: float  # of the first look
    pixel: float  # what counts as one
    num_looks: int

    def of_look(self, look: int) -> slice:
        """Which of the sightings are the look's."""
        return slice(*np.searchsorted(self.look, [look, look + 1]))

    def moved_px(self, look: int) -> tuple[np.ndarray, np.ndarray]:
        """[N, 2] px where a look's points are, and [N] how far from where they were chosen."""
        here = self.of_look(look)
        off = self.px[here] - self.anchor_px[self.point[here]]
        return self.px[here], np.linalg.norm(off, axis=1) / self.pixel


class Bundle:
    """The cameras of the looks and the nearness of the points, being adjusted."""

    def __init__(self, tracks: Tracks, *, with_shift: bool, with_zoom: bool) -> None:
        self.tracks, self.with_shift, self.with_zoom = tracks, with_shift, with_zoom
        self.turn = np.tile(np.eye(3), (tracks.num_looks, 1, 1))  # first_from_look
        self.place = np.zeros((tracks.num_looks, 3))
        self.log_zoom = np.zeros(tracks.num_looks)
        start = _NEARNESS if with_shift else 0.0
        self.nearness = np.full(len(tracks.anchor), start)
        self.is_placed = np.zeros(tracks.num_looks, bool)
        self.is_placed[0] = True
        held = [] if with_shift else [_PLACE]
        held += [] if with_zoom else [_ZOOM]
        self._held = np.zeros(_NUM)
        for part in held:
            self._held[part] = 1e12

    def errors_px(self) -> np.ndarray:
        """[O] of the sightings, in pixels of the looked-at pictures."""
        return np.linalg.norm(self._project(np.arange(len(self.tracks.look)))[0], axis=1)

    def usual_nearness(self) -> float:
        """Of the background, 1 / length."""
        return max(float(np.median(self.nearness)), 1e-6) if self.with_shift else 1.0

    def copy_look(self, source: int, target: int) -> None:
        self.turn[target], self.place[target] = self.turn[source], self.place[source]
        self.log_zoom[target] = self.log_zoom[source]

    def refine(self, looks: Sequence[int], before: dict[int, int], scales: Sequence[float]) -> None:
        """Adjust the cameras ``looks`` and all points they see; other placed looks stay.

        ``before``: to each look the one that it follows on. ``scales``: for each round, the error
        in pixels from which a sighting counts for less.
        """
        tracks = self.tracks
        is_free = np.zeros(tracks.num_looks, bool)
        is_free[list(looks)] = True
        is_point = np.zeros(len(tracks.anchor), bool)
        is_point[tracks.point[is_free[tracks.look]]] = True
        is_used = is_point[tracks.point] & self.is_placed[tracks.look]
        is_used &= self.is_placed[tracks.anchor[tracks.point]]
        sightings = np.flatnonzero(is_used)
        if len(sightings):
            system = _System(self, sightings, list(looks))
            for scale in scales:
                self._step(system, before, scale)

    def _step(self, system: _System, before: dict[int, int], scale: float) -> None:
        system.fill(*self._linearize(system.sightings, scale))
        system.own += np.diag(np.tile(self._held + 1e-6, len(system.looks)))
        precision = np.array([_TURN_SIGMA**-2] * 3 + [0.0] * 3 + [_ZOOM_SIGMA**-2])
        for row, look in enumerate(system.looks):
            step = self.place[look] - self.place[before[look]]
            zoomed = self.log_zoom[look] - self.log_zoom[before[look]]
            precision[_PLACE] = 1 / ((scale * _STEP_SIGMA) ** 2 + step @ step)
            off = np.array([0.0, 0.0, 0.0, *step, zoomed])
            system.tie(row, system.row_of(before[look]), precision, precision * off)
        near = self.nearness[system.points]
        pull = _NEARNESS_SIGMA**-2 if self.with_shift else 1e12
        start = _NEARNESS if self.with_shift else 0.0
        change, nearer = system.solve(pull, pull * (near - start))
        self._change(system.looks, change)
        limit = 0.5 * (1 + near)
        near = near + np.clip(nearer, -limit, limit)
        self.nearness[system.points] = near.clip(0, _MOST_NEAR)

    def resect(self, looks: np.ndarray, scales: Sequence[float]) -> None:
        """Adjust each of the cameras ``looks`` [K] on its own; the points stay."""
        is_wanted = np.zeros(self.tracks.num_looks, bool)
        is_wanted[looks] = True
        is_used = is_wanted[self.tracks.look]
        is_used &= self.is_placed[self.tracks.anchor[self.tracks.point]]
        sightings = np.flatnonzero(is_used)
        if not len(sightings):
            return
        seen, starts = np.unique(self.tracks.look[sightings], return_index=True)
        for scale in scales:
            errors, by_look, _, _ = self._linearize(sightings, scale)
            transposed = by_look.swapaxes(-1, -2)
            own = np.add.reduceat(transposed @ by_look, starts) + np.diag(self._held + 1e-3)
            right = np.add.reduceat(transposed @ errors[..., None], starts)
            self._change(seen, -np.linalg.solve(own, right)[..., 0])

    def _change(self, looks: Sequence[int] | np.ndarray, change: np.ndarray) -> None:
        """By small changes [K, 7] of the cameras ``looks``, but for what they may not do."""
        change = np.where(self._held > 0, 0.0, change)
        self.turn[looks] = rotvec_to_matrix(change[:, _TURN]) @ self.turn[looks]
        self.place[looks] += change[:, _PLACE]
        self.log_zoom[looks] += change[:, 6]

    def _project(
        self, sightings: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Errors [O, 2] px; slopes [O, 2, 3] px of a point's place in the first camera's axes."""
        tracks = self.tracks
        look, point = tracks.look[sightings], tracks.point[sightings]
        anchor = tracks.anchor[point]
        focal = tracks.focal_px * np.exp(self.log_zoom)
        ray = np.ones((len(look), 3))
        ray[:, :2] = tracks.anchor_px[point] / focal[anchor, None]
        ray = turn(self.turn[anchor], ray)
        apart = self.place[anchor] - self.place[look]
        seen = ray + self.nearness[point, None] * apart
        look_from_first = self.turn[look].swapaxes(-1, -2)
        y = turn(look_from_first, seen)
        depth = np.maximum(y[:, 2], _AHEAD)[:, None]
        flat = y[:, :2] / depth
        slope = np.zeros((len(look), 2, 3))
        slope[:, 0, 0] = slope[:, 1, 1] = 1
        slope[:, :, 2] = -flat
        slope *= (focal[look, None] / depth)[:, :, None]
        slope = slope @ look_from_first
        errors = focal[look, None] * flat - tracks.px[sightings]
        return errors / tracks.pixel, slope / tracks.pixel, ray, seen, apart

    def _linearize(
        self, sightings: np.ndarray, scale: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Weighted errors [O, 2] and their slopes: by look and anchor [O, 2, 7], nearness [O, 2].

        Weights of Geman and McClure, as in turn_fit.py.
        """
        tracks = self.tracks
        look, point = tracks.look[sightings], tracks.point[sightings]
        anchor = tracks.anchor[point]
        errors, slope, ray, seen, apart = self._project(sightings)
        near = self.nearness[point, None, None]
        focal = tracks.focal_px * np.exp(self.log_zoom)
        by_look = np.empty((len(look), 2, _NUM))
        by_anchor = np.empty((len(look), 2, _NUM))
        by_look[..., _TURN] = slope @ cross_matrix(seen)
        by_anchor[..., _TURN] = -slope @ cross_matrix(ray)
        by_look[..., _PLACE], by_anchor[..., _PLACE] = -near * slope, near * slope
        by_look[..., 6] = errors + tracks.px[sightings] / tracks.pixel
        outward = np.zeros((len(look), 3))
        outward[:, :2] = -tracks.anchor_px[point] / focal[anchor, None]
        by_anchor[..., 6] = turn(slope, turn(self.turn[anchor], outward))
        by_nearness = turn(slope, apart)
        weight = 1 / (1 + (errors**2).sum(1) / scale**2) / _SEEN_PX
        return (
            weight[:, None] * errors,
            weight[:, None, None] * by_look,
            weight[:, None, None] * by_anchor,
            weight[:, None] * by_nearness,
        )


class _System:
    """Normal equations of K looks, the N points' nearness being eliminated."""

    def __init__(self, bundle: Bundle, sightings: np.ndarray, looks: list[int]) -> None:
        tracks = bundle.tracks
        self.sightings, self.looks = sightings, looks
        self._rows = {look: row for row, look in enumerate(looks)}
        row_of = np.full(tracks.num_looks, -1)
        row_of[looks] = np.arange(len(looks))
        self.points, self._point = np.unique(tracks.point[sightings], return_inverse=True)
        self._look_row = row_of[tracks.look[sightings]]
        self._anchor_row = row_of[tracks.anchor[tracks.point[sightings]]]
        self._point_row = row_of[tracks.anchor[self.points]]
        pair = self._look_row * (len(looks) + 1) + self._anchor_row
        self._order = np.argsort(pair, kind="stable")
        starts = np.flatnonzero(np.diff(pair[self._order], prepend=pair.min() - 1))
        self._groups = np.split(self._order, starts[1:])

    def row_of(self, look: int) -> int | None:
        return self._rows.get(look)

    def fill(
        self,
        errors: np.ndarray,
        by_look: np.ndarray,
        by_anchor: np.ndarray,
        by_nearness: np.ndarray,
    ) -> None:
        """As of Bundle._linearize."""
        num_looks, num_points = len(self.looks), len(self.points)
        own = np.zeros((num_looks, _NUM, num_looks, _NUM))
        right = np.zeros((num_looks, _NUM))
        for group in self._groups:
            rows = self._look_row[group[0]], self._anchor_row[group[0]]
            slopes = [by_look[group].reshape(-1, _NUM), by_anchor[group].reshape(-1, _NUM)]
            error = errors[group].ravel()
            for row, slope in zip(rows, slopes, strict=True):
                if row < 0:
                    continue
                right[row] += slope.T @ error
                for other, other_slope in zip(rows, slopes, strict=True):
                    if other >= 0:
                        own[row, :, other] += slope.T @ other_slope
        cross = np.zeros((num_points, num_looks, _NUM))
        is_free = self._look_row >= 0
        at_look = (by_nearness[:, None] @ by_look)[:, 0]
        cross[self._point[is_free], self._look_row[is_free]] = at_look[is_free]
        at_anchor = (by_nearness[:, None] @ by_anchor)[:, 0]
        is_free = self._point_row >= 0
        for number in range(_NUM):
            total = np.bincount(self._point, at_anchor[:, number], num_points)
            cross[is_free, self._point_row[is_free], number] += total[is_free]
        self.own = own.reshape(num_looks * _NUM, -1)
        self.right = right.ravel()
        self._cross = cross.reshape(num_points, -1)
        self._near = np.bincount(self._point, (by_nearness**2).sum(1), num_points)
        self._near_right = np.bincount(self._point, (by_nearness * errors).sum(1), num_points)

    def tie(self, row: int, before: int | None, precision: np.ndarray, right: np.ndarray) -> None:
        """Look ``row`` is near the one it follows on; None: that is held."""
        part = slice(row * _NUM, (row + 1) * _NUM)
        self.own[part, part] += np.diag(precision)
        self.right[part] += right
        if before is not None:
            other = slice(before * _NUM, (before + 1) * _NUM)
            self.own[other, other] += np.diag(precision)
            self.own[part, other] -= np.diag(precision)
            self.own[other, part] -= np.diag(precision)
            self.right[other] -= right

    def solve(self, pull: float, pull_right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Changes of the looks [K, 7] and of the points' nearness [N]."""
        near, near_right = self._near + pull, self._near_right + pull_right
        share = self._cross / near[:, None]
        own = self.own - self._cross.T @ share
        change = np.linalg.solve(own, -(self.right - share.T @ near_right))
        return change.reshape(-1, _NUM), -(near_right + self._cross @ change) / near
