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
_BORDER_PX = 8
_WINDOW_PX = 15
_LEVELS = 4
_MAX_DIFFERENCE = 22.0  # mean grey levels between the two patches
_REST_PX, _REST_SHARE = 1.0, 0.5  # so many points so near to where they were: nothing moved
_SAME_MOVE_PX = 5.0  # off the common shift, turn and scale, which is not the whole perspective
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
    is_common: np.ndarray  # [N] bool: found, and moved as most do
    move: np.ndarray  # [2, 3] the common shift, turn and scale

    @property
    def share(self) -> float:
        """Of the points, those that moved as most do."""
        return float(self.is_common.mean()) if len(self.is_common) else 0.0


@dataclass(frozen=True, eq=False, slots=True)
class KeyView:
    """A key frame's points. They are looked for with their own surroundings as they were there.

    So no error adds up from picture to picture, as it would if each were followed from the last.
    """

    flat: np.ndarray  # [H, W] uint8, the picture in flattened light
    points: np.ndarray  # [N, 2] float32 px

    @classmethod
    def of(cls, flat: np.ndarray) -> KeyView:
        return cls(flat, find_corners(flat))

    def find_in(self, flat: np.ndarray, guess: Found | np.ndarray) -> Found:
        """``guess``: where they were last, or the shift, turn and scale [2, 3] to begin with."""
        if len(self.points) < _MIN_POINTS:
            none = np.zeros(len(self.points), bool)
            return Found(self.points, none, none, np.eye(2, 3))
        start = self._start(guess)
        window = (_WINDOW_PX, _WINDOW_PX)
        points, status, difference = cv2.calcOpticalFlowPyrLK(
            self.flat,
            flat,
            self.points,
            start.copy(),
            winSize=window,
            maxLevel=_LEVELS - 1,
            criteria=_ENOUGH,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        height, width = flat.shape
        is_found = (status[:, 0] > 0) & (difference[:, 0] < _MAX_DIFFERENCE)
        is_found &= (points > _BORDER_PX).all(1) & (points < [width, height]).all(1)
        move, is_common = _common_move(self.points, points, is_found)
        return Found(points, is_found, is_common, move)

    def _start(self, guess: Found | np.ndarray) -> np.ndarray:
        if isinstance(guess, Found):
            moved = _apply(guess.move, self.points)
            return np.where(guess.is_found[:, None], guess.points, moved).astype(np.float32)
        return _apply(guess, self.points)


def find_corners(flat: np.ndarray) -> np.ndarray:
    """[N, 2] float32 px: the clearest point of each cell that has one."""
    clearness = cv2.cornerMinEigenVal(flat, _BLOCK_PX)
    rows, columns = (size // _CELL_PX for size in clearness.shape)
    cells = clearness[: rows * _CELL_PX, : columns * _CELL_PX]
    cells = cells.reshape(rows, _CELL_PX, columns, _CELL_PX).swapaxes(1, 2)
    cells = cells.reshape(rows * columns, _CELL_PX**2)
    best = cells.argmax(1)
    cell = np.arange(rows * columns)
    is_clear = cells[cell, best] > _MIN_CORNER
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
    return move, is_found & (error < _SAME_MOVE_PX)


def _apply(move: np.ndarray, points: np.ndarray) -> np.ndarray:
    return (points @ move[:, :2].T + move[:, 2]).astype(np.float32)
