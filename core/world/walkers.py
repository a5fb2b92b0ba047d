"""What people who stand or walk upright tell of the camera: where up is, and the horizon.

Their bodies are upright lines, and a person is equally tall wherever in the picture: how the seen
height shrinks from place to place tells the horizon and, with the way the bodies lean towards the
picture's sides, the focal length (Lv, Zhao and Nevatia 2006, "Camera calibration from video of a
walking human").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARK_INDEX
from .camera_path import CameraPath

_EVERY_S = 0.25  # sooner a body looks as before
_MOST_ROWS = 40  # of all people
_MIN_CONFIDENCE = 0.4
# Shoulder to ankle, in lengths of trunk, thigh and shank one after the other: straight enough, and
# the feet not farther apart than in a stride.
_MIN_STRETCH, _MAX_APART_M = 0.95, 0.7
# From detections on renders with known cameras: the angle by which the line from feet to shoulders
# misses the vertical, how alike the rows of one clip err, and how well heights are kept.
_LEAN_SIGMA, _LEAN_ALIKE = np.radians(3.4), 0.5
_SIZE_SIGMA, _SIZE_ALIKE = 0.05, 0.05
_WRONG_SHARE, _WRONG_DENSITY = 0.1, 0.05  # of rows that tell nothing
_PEOPLE_SIGMA = 0.1  # of the logarithm of people's sizes
# The camera's height above the floor in lengths of the person from feet to shoulders, anywhere in
# between; and how likely it is that the feet are seen above the horizon, which they are not.
_HEIGHT_RANGE, _UNDER_THE_FLOOR = (0.02, 30.0), 0.02
_SIDES = ("left", "right")
_CHAINS = np.array(
    [
        [BODY_LANDMARK_INDEX[f"{side}_{part}"] for part in ("ankle", "knee", "hip", "shoulder")]
        for side in _SIDES
    ]
)
_NEEDED = _CHAINS.ravel()


@dataclass(frozen=True, eq=False, slots=True)
class UprightSights:
    """N sights of people who stand or walk."""

    person: np.ndarray  # [N]
    low_px: np.ndarray  # [N, 2] middle of the feet, from the picture's middle, as if never zoomed
    top_px: np.ndarray  # [N, 2] middle of the shoulders
    stretch: np.ndarray  # [N] of the full height
    first_from_camera: np.ndarray  # [N, 3, 3]

    def log_likelihood(self, up_camera: np.ndarray, focal_px: np.ndarray) -> np.ndarray:
        """[S] of cameras with ``up_camera`` [S, 3] and ``focal_px`` [S]."""
        value = np.zeros(len(focal_px))
        if not len(self.person):
            return value
        lean, log_height = self._measure(up_camera, focal_px)
        heights = []
        for person in np.unique(self.person):
            rows = self.person == person
            count = int(rows.sum())
            value += _count(count, _LEAN_ALIKE) * _log_peak(lean[:, rows] / _LEAN_SIGMA).mean(1)
            middle = np.median(log_height[:, rows], axis=1)
            off = (log_height[:, rows] - middle[:, None]) / _SIZE_SIGMA
            value += (_count(count, _SIZE_ALIKE) - 1) * _log_peak(off).mean(1)
            heights.append(middle)
        common = np.median(heights, axis=0)
        value += _log_peak((heights - common) / _PEOPLE_SIGMA).sum(0)
        is_over = common > np.log(_HEIGHT_RANGE[0])
        return value + np.where(is_over, 0.0, np.log(_UNDER_THE_FLOOR))

    def _measure(
        self, up_camera: np.ndarray, focal_px: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """[S, N] angle off the vertical; logarithm of the camera's height in the person's.

        The feet of a person in the camera's axes are at h q (low, f), with the height h of the
        camera and q = -1 / ((low, f) . up), and the shoulders above them by ``up``. So these are
        seen at low + v / (h q f + up_z), where v = f up_xy - low up_z leads to the vanishing point.
        """
        up = np.einsum("nij,si->snj", self.first_from_camera, up_camera)
        focal = focal_px[:, None]
        along = self.top_px - self.low_px
        upright = focal[..., None] * up[..., :2] - self.low_px * up[..., 2:]
        forward = (upright * along).sum(-1)
        lean = np.arctan2(upright[..., 0] * along[:, 1] - upright[..., 1] * along[:, 0], forward)
        below = -(self.low_px * up[..., :2]).sum(-1) / focal - up[..., 2]
        nearness = (upright**2).sum(-1) / np.where(forward > 0, forward, np.inf) - up[..., 2]
        height = self.stretch * below * nearness
        is_possible = (below > 0) & (nearness > 0)
        return lean, np.log(np.where(is_possible, height, 0.0).clip(*_HEIGHT_RANGE))


def find_standing(people: Sequence[Landmarks], path: CameraPath) -> UprightSights:
    """The rows in which somebody is seen from feet to shoulders, and stands or walks upright."""
    sights = [
        _see(number, each, path, _MOST_ROWS // len(people)) for number, each in enumerate(people)
    ]
    if not sights:
        return _see_nobody()
    return UprightSights(
        **{
            field.name: np.concatenate([getattr(one, field.name) for one in sights])
            for field in fields(UprightSights)
        }
    )


def _see_nobody() -> UprightSights:
    none = np.zeros((0, 2))
    return UprightSights(np.zeros(0, int), none, none, np.zeros(0), np.zeros((0, 3, 3)))


def _see(number: int, landmarks: Landmarks, path: CameraPath, most: int) -> UprightSights:
    seen = landmarks.at_rows(_choose(landmarks, max(most, 2)))
    middle = (np.array(landmarks.image_size) - 1) / 2
    feet = np.mean(
        [_middle_of(seen.points_px, part) for part in ("ankle", "heel", "foot_index")], axis=0
    )
    rows = path.row_at(seen.time_s)
    zoom = path.zoom[rows][:, None]
    return UprightSights(
        person=np.full(len(rows), number),
        low_px=(feet - middle) / zoom,
        top_px=(_middle_of(seen.points_px, "shoulder") - middle) / zoom,
        stretch=_stretch(seen.hints),
        first_from_camera=path.first_from_camera[rows],
    )


def _choose(landmarks: Landmarks, most: int) -> np.ndarray:
    """Row numbers, evenly out of those that will do."""
    points = landmarks.points_px[:, _NEEDED]
    is_good = landmarks.confidence[:, _NEEDED].min(1) > _MIN_CONFIDENCE
    is_good &= ((points > 0) & (points < landmarks.image_size)).all((1, 2))
    is_good &= _stretch(landmarks.hints) > _MIN_STRETCH
    left, right = (landmarks.hints[:, BODY_LANDMARK_INDEX[f"{s}_ankle"]] for s in _SIDES)
    is_good &= np.linalg.norm(left - right, axis=-1) < _MAX_APART_M
    rows = np.flatnonzero(is_good)
    steps = np.floor(landmarks.time_s[rows] / _EVERY_S)
    rows = rows[np.flatnonzero(np.diff(steps, prepend=-1))]
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def _middle_of(points: np.ndarray, part: str) -> np.ndarray:
    """[T, D] between left and right, of points [T, K, D]."""
    return points[:, [BODY_LANDMARK_INDEX[f"{side}_{part}"] for side in _SIDES]].mean(1)


def _stretch(hints: np.ndarray) -> np.ndarray:
    """[T] of the distance from ankle to shoulder, in lengths of shank, thigh and trunk together."""
    chains = hints[:, _CHAINS]  # [T, 2, 4, 3]
    length = np.linalg.norm(np.diff(chains, axis=2), axis=-1).sum(-1)
    whole = np.linalg.norm(chains[:, :, -1] - chains[:, :, 0], axis=-1)
    return (whole / np.maximum(length, 1e-6)).mean(1)


def _count(num_rows: int, alike: float) -> float:
    """How many independent rows are worth as much as these, of which each two are that alike."""
    return num_rows / (1 + (num_rows - 1) * alike)


def _log_peak(off: np.ndarray) -> np.ndarray:
    """Logarithm of the density of ``off`` sigmas, up to a constant, where some are just wrong."""
    return np.log((1 - _WRONG_SHARE) * np.exp(-0.5 * off**2) + _WRONG_SHARE * _WRONG_DENSITY)
