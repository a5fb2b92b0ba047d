"""Points of one picture, found again in others: what tells how the camera moved between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_CELL_PX = 28  # one point a cell: spread over the picture, or one busy corner would decide
_BLOCK_PX = 5
# Least eigenvalue of the gradients' products (cv2.cornerMinEigenVal's unit) at which a point can be
# told from its surroundings: grain and compression stay below it.
_MIN_CORNER = 4e-5
_MIN_SHARE = 0.005  # of the clearest: beside those, the faint ones are grain as well
_BORDER_PX = 8
_WINDOW_PX = 15
_LEVELS = 4
_BACK_PX = 1.0  # that a point which was found may be off when it is looked for from there
_MAX_DIFFERENCE = 22.0  # mean grey levels between the two patches
_REST_PX, _REST_SHARE = 1.0, 0.5  # so many points so near to where they were: nothing moved
_SAME_MOVE_PX = 5.0  # off the common shift, turn and scale, which is not the whole perspective
_DEEP_SHARE = 0.7  # of the found points; where fewer move alike they may lie at several depths,
_SAME_RAY_PX = 1.5  # and must all the same stay on the lines that a rigid background leaves them
_MIN_POINTS = 8
_BLUR_PX = 31
_ENOUGH = cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.02


def flatten_light(gray: np.ndarray) -> np.ndarray:
    """[H, W] uint8: the picture without its broad brightness, which changes with the exposure."""
    broad = cv2.blur(gray, (_BLUR_PX, _BLUR_PX))
    return cv2.addWeighted(gray, 1.0, broad, -1.0, 128.0)


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Where the N points of a view are in another picture."""

    points: np.ndarray  # [N, 2] px
    is_found: np.ndarray  # [N] bool
    is_common: np.ndarray  # [N] bool: found, and moved as most do, or as things at rest can
    move: np.ndarray  # [2, 3] the common shift, turn and scale

    @property
    def share(self) -> float:
        """Of the points, those that moved as most do."""
        return float(self.is_common.mean()) if len(self.is_common) else 0.0

    @property
    def is_at_rest(self) -> bool:
        return bool((self.move == np.eye(2, 3)).all())


@dataclass(frozen=True, eq=False, slots=True)
class KeyView:
    """A key frame's points. They are looked for with their own surroundings as they were there.

    So no error adds up from picture to picture, as it would if each were followed from the last.
    """

    flat: np.ndarray  # [H, W] uint8, the picture in flattened light
    points: np.ndarray  # [N, 2] float32 px

    @classmethod
    def of(cls, flat: np.ndarray, known: np.ndarray | None = None) -> KeyView:
        """With the points ``known`` [K, 2] px first, and others where there are none of them."""
        corners = find_corners(flat)
        if known is None or not len(known):
            return cls(flat, corners)
        is_new = ~np.isin(_cell_of(corners), _cell_of(known))
        return cls(flat, np.concatenate([known, corners[is_new]]).astype(np.float32))

    def find_in(
        self, flat: np.ndarray, guess: Found | np.ndarray, shift: np.ndarray | None = None
    ) -> Found:
        """``guess``: where they were last, or the shift, turn and scale [2, 3] to begin with.

        ``shift`` [2] px: how far the whole picture has moved since.
        """
        if len(self.points) < _MIN_POINTS:
            none = np.zeros(len(self.points), bool)
            return Found(self.points, none, none, np.eye(2, 3))
        start = self._start(guess)
        if shift is not None:
            start = start + np.float32(shift)
        points, difference = _find_patches(self.flat, flat, self.points, start)
        is_found = difference < _MAX_DIFFERENCE
        height, width = flat.shape
        is_found &= (points > _BORDER_PX).all(1) & (points < [width, height]).all(1)
        move, is_common = _common_move(self.points, points, is_found)
        return Found(points, is_found, is_common, move)

    def check(self, flat: np.ndarray, found: Found) -> np.ndarray:
        """[N] bool, the common points of ``found`` that lead back to where they are here."""
        is_sure = found.is_common.copy()
        if is_sure.any():
            points = self.points[is_sure]
            back, difference = _find_patches(flat, self.flat, found.points[is_sure], points)
            is_found = difference < _MAX_DIFFERENCE
            is_found &= np.linalg.norm(back - points, axis=1) < _BACK_PX
            is_sure[is_sure] = is_found
        return is_sure

    def _start(self, guess: Found | np.ndarray) -> np.ndarray:
        if isinstance(guess, Found):
            moved = _apply(guess.move, self.points)
            return np.where(guess.is_found[:, None], guess.points, moved).astype(np.float32)
        return _apply(guess, self.points)


def _find_patches(
    source: np.ndarray, target: np.ndarray, points: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[N, 2] px where the surroundings of ``points`` are in another picture.

    [N] how they differ there, in mean grey levels; inf where they were not found.
    """
    found, status, difference = cv2.calcOpticalFlowPyrLK(
        source,
        target,
        points.astype(np.float32),
        start.astype(np.float32),
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS - 1,
        criteria=_ENOUGH,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return found, np.where(status[:, 0] > 0, difference[:, 0], np.inf)


def find_corners(flat: np.ndarray) -> np.ndarray:
    """[N, 2] float32 px: the clearest point of each cell that has one."""
    clearness = cv2.cornerMinEigenVal(flat, _BLOCK_PX)
    rows, columns = (size // _CELL_PX for size in clearness.shape)
    cells = clearness[: rows * _CELL_PX, : columns * _CELL_PX]
    cells = cells.reshape(rows, _CELL_PX, columns, _CELL_PX).swapaxes(1, 2)
    cells = cells.reshape(rows * columns, _CELL_PX**2)
    best = cells.argmax(1)
    cell = np.arange(rows * columns)
    clear = cells[cell, best]
    is_clear = clear > max(_MIN_CORNER, _MIN_SHARE * np.quantile(clear, 0.9))
    x = cell % columns * _CELL_PX + best % _CELL_PX
    y = cell // columns * _CELL_PX + best // _CELL_PX
    height, width = clearness.shape
    is_inside = (np.minimum(x, y) > _BORDER_PX) & (x < width - _BORDER_PX)
    is_inside &= y < height - _BORDER_PX
    return np.stack([x, y], 1)[is_clear & is_inside].astype(np.float32)


def _common_move(
    points: np.ndarray, found: np.ndarray, is_found: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """[2, 3] the shift, turn and scale of most of the found points; [N] bool, which they are."""
    at_rest = is_found & (np.linalg.norm(found - points, axis=1) < _REST_PX)
    if at_rest.sum() > _REST_SHARE * max(is_found.sum(), _MIN_POINTS):
        return np.eye(2, 3), at_rest
    if is_found.sum() < _MIN_POINTS:
        return np.eye(2, 3), np.zeros_like(is_found)
    move, _ = cv2.estimateAffinePartial2D(
        points[is_found], found[is_found], ransacReprojThreshold=_SAME_MOVE_PX, maxIters=200
    )
    if move is None:
        return np.eye(2, 3), np.zeros_like(is_found)
    error = np.linalg.norm(_apply(move, points) - found, axis=1)
    is_common = is_found & (error < _SAME_MOVE_PX)
    if is_common.sum() < _DEEP_SHARE * is_found.sum():
        is_common |= _on_rays(points, found, is_found)
    return move, is_common


def _on_rays(points: np.ndarray, found: np.ndarray, is_found: np.ndarray) -> np.ndarray:
    """[N] bool, the found points that a camera which moves among things at rest can have seen."""
    on_rays = np.zeros_like(is_found)
    _, inliers = cv2.findFundamentalMat(
        points[is_found], found[is_found], cv2.FM_RANSAC, _SAME_RAY_PX, 0.99, 200
    )
    if inliers is not None:
        on_rays[is_found] = inliers[:, 0] > 0
    return on_rays


def _cell_of(points: np.ndarray) -> np.ndarray:
    """[N] int, a number that points of the same part of the picture share."""
    column, row = (points // _CELL_PX).astype(int).T
    return row * 10_000 + column


def _apply(move: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (points @ move[:, :2].T + move[:, 2]).astype(np.float32)
