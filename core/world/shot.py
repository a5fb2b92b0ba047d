"""What a shot's pictures tell of its camera: points of the background found again, straight lines.

The people are not known yet while the pictures are looked at: what lies on them is left out later.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .key_view import Found, KeyView, flatten_light

_SIDE_PX = 640  # the longer side of the pictures that are looked at
_LOOK_S = 1 / 15  # between looks: a hand shakes at up to about 5 Hz
_LINES_S = 1.0  # between looks at the lines
_MIN_LINE = 0.04  # length, in longer sides
_ENOUGH_SHARE = 0.65  # of a key frame's points; with fewer another key frame is better
_RENEW_SHARE = 0.75  # of an older one's, with which it is taken again
# From a look to the next, as the whole picture tells: people who walk shift it by less.
_FAST_PX, _CLEAR_SHIFT = 10.0, 0.4
_NEAR = 0.35  # longer sides: how far an older key frame may be off to be tried
_MAX_TRIED = 3  # older key frames at a time
_MAX_KEPT = 40  # pictures of key frames; 0.2 MB each


@dataclass(frozen=True, eq=False, slots=True)
class ShotSightings:
    """Raw, people and all. Pixels are the video's."""

    image_size: tuple[int, int]  # width, height
    frame_index: np.ndarray  # [F] of the frames that were looked at
    time_s: np.ndarray  # [F]
    match_key: np.ndarray  # [M] which of the F is the key frame in which the point was chosen,
    match_look: np.ndarray  # [M] and which of the F it was found in
    match_point: np.ndarray  # [M] number of the point, the same in all key frames that have it
    key_px: np.ndarray  # [M, 2] where it was there,
    look_px: np.ndarray  # [M, 2] and where it is here
    line_look: np.ndarray  # [L] which of the F shows the line segment
    line_px: np.ndarray  # [L, 2, 2] its ends

    @property
    def pixel(self) -> float:
        """Of the video, one pixel of the pictures that were looked at."""
        return max(1.0, max(self.image_size) / _SIDE_PX)


@dataclass(eq=False)
class _Key:
    look: int
    view: KeyView
    names: np.ndarray  # [N] int, of the view's points: whoever is seen from two key frames has one
    place: np.ndarray  # [3, 3] shift, turn and scale from the shot's first picture, roughly


class ShotWatcher:
    """Sees a shot's frames in order; chooses which to look at, and never keeps one."""

    def __init__(self, image_size: tuple[int, int], fps: float) -> None:
        self.image_size, self.fps = image_size, fps
        self._scale = min(1.0, _SIDE_PX / max(image_size))
        self._frame_index: list[int] = []
        self._time_s: list[float] = []
        self._matches: list[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]] = []
        self._lines: list[tuple[int, np.ndarray]] = []
        self._lines_s = -np.inf
        self._keys: list[_Key] = []
        self._last: Found | None = None  # of the key frame in use, the last of the list
        self._num_names = 0
        self._small: np.ndarray | None = None  # a quarter of the last picture's size
        self._finder = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD)

    def see(self, index: int, time_s: float, image: np.ndarray) -> None:
        """``image`` [H, W, 3] uint8 RGB, frame number ``index`` of the video."""
        slack_s = 0.5 / self.fps
        if self._time_s and time_s - self._time_s[-1] < _LOOK_S - slack_s:
            return
        self._frame_index.append(index)
        self._time_s.append(time_s)
        gray = self._shrink(image)
        if time_s - self._lines_s >= _LINES_S - slack_s:
            self._lines_s = time_s
            self._see_lines(gray)
        self._see_points(flatten_light(gray))

    def sightings(self) -> ShotSightings:
        counts = [len(found[2]) for found in self._matches]
        points, key_px, look_px = ([found[i] for found in self._matches] for i in (2, 3, 4))
        lines = [px for _, px in self._lines]
        return ShotSightings(
            image_size=self.image_size,
            frame_index=np.array(self._frame_index, int),
            time_s=np.array(self._time_s, float),
            match_key=np.repeat(np.array([found[0] for found in self._matches], int), counts),
            match_look=np.repeat(np.array([found[1] for found in self._matches], int), counts),
            match_point=np.concatenate([np.zeros(0, int), *points]),
            key_px=self._to_video(np.concatenate([np.zeros((0, 2)), *key_px])),
            look_px=self._to_video(np.concatenate([np.zeros((0, 2)), *look_px])),
            line_look=np.repeat(
                np.array([look for look, _ in self._lines], int), [len(px) for px in lines]
            ),
            line_px=self._to_video(np.concatenate([np.zeros((0, 2, 2)), *lines])),
        )

    def _shrink(self, image: np.ndarray) -> np.ndarray:
        if self._scale < 1:
            size = [round(side * self._scale) for side in self.image_size]
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)

    def _to_video(self, px: np.ndarray) -> np.ndarray:
        """From pixels of the shrunk picture; both count from the middle of the first one."""
        return (px + 0.5) / self._scale - 0.5

    def _see_lines(self, gray: np.ndarray) -> None:
        found = self._finder.detect(gray)[0]
        if found is None:
            return
        lines = found.reshape(-1, 2, 2)
        length = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
        is_long = length > _MIN_LINE * max(gray.shape)
        self._lines.append((len(self._time_s) - 1, lines[is_long]))

    def _see_points(self, flat: np.ndarray) -> None:
        look = len(self._time_s) - 1
        if not self._keys:
            self._take_new(look, flat, np.eye(3))
            return
        key = self._keys[-1]
        guess = np.eye(2, 3) if self._last is None else self._last
        shift = self._whole_shift(flat)
        found = key.view.find_in(flat, guess, shift)
        if shift is not None and found.share < _ENOUGH_SHARE:
            found = max(found, key.view.find_in(flat, guess), key=lambda one: one.share)
        self._note(key, found)
        self._last = found
        if self._last.share < _ENOUGH_SHARE and not self._take_older(flat):
            self._take_new(look, flat, _as_square(self._last.move) @ key.place)

    def _whole_shift(self, flat: np.ndarray) -> np.ndarray | None:
        """[2] px since the last look; None: too little for points not to be found without it."""
        small = cv2.resize(flat, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        small, before = small.astype(np.float32), self._small
        self._small = small
        if before is None or (self._last is not None and self._last.is_at_rest):
            return None
        height, width = small.shape
        window = cv2.createHanningWindow((width, height), cv2.CV_32F)
        shift, clearness = cv2.phaseCorrelate(before, small, window)
        shift = 4 * np.array(shift)
        is_told = clearness > _CLEAR_SHIFT and np.linalg.norm(shift) > _FAST_PX
        return shift if is_told else None

    def _take_new(self, look: int, flat: np.ndarray, place: np.ndarray) -> None:
        """A key frame that keeps the points it shares with the one before, under their names."""
        known, names = np.zeros((0, 2)), np.zeros(0, int)
        if self._last is not None:
            is_sure = self._keys[-1].view.check(flat, self._last)
            known, names = self._last.points[is_sure], self._keys[-1].names[is_sure]
        view = KeyView.of(flat, known)
        num_new = len(view.points) - len(names)
        names = np.concatenate([names, self._num_names + np.arange(num_new)])
        self._num_names += num_new
        self._keys.append(_Key(look, view, names, place))
        self._last = None
        if len(self._keys) > _MAX_KEPT:
            del self._keys[0]

    def _note(self, key: _Key, found: Found) -> None:
        points = np.flatnonzero(found.is_found)
        look = len(self._time_s) - 1
        self._matches.append(
            (key.look, look, key.names[points], key.view.points[points], found.points[points])
        )

    def _take_older(self, flat: np.ndarray) -> bool:
        """Whether a key frame of before shows this place better than the one in use.

        To come back to one ends the drift that the way from key to key has brought.
        """
        assert self._last is not None
        here = _as_square(self._last.move) @ self._keys[-1].place
        moves = [here @ np.linalg.inv(key.place) for key in self._keys[:-1]]
        middle = np.array([*self.image_size, 2.0]) / 2
        middle[:2] *= self._scale
        offs = [np.linalg.norm((move @ middle - middle)[:2]) for move in moves]
        limit = _NEAR * max(self.image_size) * self._scale
        for number in np.argsort(offs)[:_MAX_TRIED]:
            if offs[number] > limit:
                break
            found = self._keys[number].view.find_in(flat, moves[number][:2])
            self._note(self._keys[number], found)
            if found.share > _RENEW_SHARE:
                self._keys.append(self._keys.pop(number))
                self._last = found
                return True
        return False


def _as_square(move: np.ndarray) -> np.ndarray:
    """[3, 3] of a [2, 3] shift, turn and scale."""
    return np.vstack([move, [0.0, 0.0, 1.0]])
