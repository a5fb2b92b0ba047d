"""Faces in motion: recorded ARKit scores cut, mixed, mirrored and scaled; blinks and glances."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from reelrig.core.errors import ReelrigError
from reelrig.core.lift.face import eye_rotation, jaw_rotation
from reelrig.core.skeletons import ARKIT_INDEX, ARKIT_NAMES

from . import quaternions
from .curves import wander

FACE_FILES = ("arkit_alex_rom_3.csv", "arkit_alex_rom_4.csv")
_RATE_HZ = 30.0
_SMOOTH_ROWS = 0.7  # standard deviation, against the recording's jitter
_CALM_SHARE, _GRIMACE_SHARE = 0.3, 0.4
_BLINKS_HZ, _BLINK_S = 0.3, (0.06, 0.12)  # standard deviation of a blink's course
_GLANCES_HZ, _GLANCE_S = 1.2, 0.04
_UPPER = np.array([n.startswith(("brow", "eye", "noseS", "cheekS")) for n in ARKIT_NAMES])
_GAZE = np.array([n.startswith("eyeLook") for n in ARKIT_NAMES])
_TONGUE, _CLOSE, _OPEN = (ARKIT_INDEX[n] for n in ("tongueOut", "mouthClose", "jawOpen"))


def _other_side() -> list[int]:
    swap = {"Left": "Right", "Right": "Left"}
    names = []
    for name in ARKIT_NAMES:
        side = next((s for s in swap if name.endswith(s)), "")
        names.append(name.removesuffix(side) + swap.get(side, ""))
    return [ARKIT_INDEX[name] for name in names]


_OTHER_SIDE = _other_side()


@dataclass(frozen=True, eq=False)
class Faces:
    """Recordings of one face."""

    recordings: tuple[np.ndarray, ...]  # each [N, 52] 0..1 at 30 rows a second
    calm: np.ndarray  # [52] that face at rest

    @classmethod
    def load(cls, folder: Path) -> Faces:
        paths = [Path(folder) / name for name in FACE_FILES]
        missing = [path.name for path in paths if not path.exists()]
        if missing:
            raise ReelrigError(
                f"No {' and '.join(missing)} in {folder}. Give the folder of the face recordings."
            )
        return cls.from_scores(tuple(_read(path) for path in paths))

    @classmethod
    def from_scores(cls, recordings: tuple[np.ndarray, ...]) -> Faces:
        return cls(recordings, np.percentile(np.concatenate(recordings), 15, axis=0))

    def draw(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        """[T, 52] 0..1."""
        lower, upper = self._window(rng, time_s), self._window(rng, time_s)
        scores = np.where(_UPPER, upper, lower) if rng.random() < 0.5 else lower
        strength = 0.25 * rng.random() if rng.random() < _CALM_SHARE else rng.uniform(0.5, 1.3)
        scores = scores * strength * rng.uniform(0.75, 1.25, len(ARKIT_NAMES))
        if rng.random() < _GRIMACE_SHARE:
            scores = scores + _draw_grimace(rng, time_s)
        if rng.random() < 0.5:
            scores = _with_gaze(scores, *_draw_gaze(rng, time_s))
        # Lips close over an open jaw: never further than it is open.
        scores[:, _CLOSE] = np.minimum(scores[:, _CLOSE], np.maximum(scores[:, _OPEN], 0))
        scores[:, _TONGUE] = 0  # the body has no tongue that comes out
        for lid in ("eyeBlinkLeft", "eyeBlinkRight"):
            scores[:, ARKIT_INDEX[lid]] *= rng.uniform(0.5, 1.0)
        blinks = _draw_blinks(rng, time_s)
        for lid in ("eyeBlinkLeft", "eyeBlinkRight"):
            column = scores[:, ARKIT_INDEX[lid]]
            scores[:, ARKIT_INDEX[lid]] = np.maximum(column, blinks * rng.uniform(0.9, 1.0))
        return np.clip(scores, 0, 1)

    def _window(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        """[T, 52] of one recording at another tempo, without most of its owner's face at rest."""
        lengths = np.array([len(r) for r in self.recordings])
        recording = self.recordings[rng.choice(len(lengths), p=lengths / lengths.sum())]
        place = rng.uniform(0.6, 1.6) * _RATE_HZ * time_s
        place = place * min(1.0, (len(recording) - 1) / max(place[-1], 1e-9))
        place = place + rng.random() * (len(recording) - 1 - place[-1])
        rows, weights = quaternions.cubic_weights(place, len(recording))
        scores = np.einsum("tk,tka->ta", weights, recording[rows])
        scores = np.maximum(scores - rng.uniform(0.5, 1.0) * self.calm, 0)
        return scores[:, _OTHER_SIDE] if rng.random() < 0.5 else scores


def face_joints(scores: np.ndarray) -> np.ndarray:
    """[T, 3, 3, 3] parent from joint: jaw, left eye, right eye, as scores [T, 52] turn them."""
    tensor = torch.from_numpy(np.float32(scores))
    eye = eye_rotation(tensor)
    return torch.stack([jaw_rotation(tensor), eye, eye], 1).numpy()


def _read(path: Path) -> np.ndarray:
    """[N, 52] scores of a Live Link Face recording."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    scores = np.array([[float(row[column]) for column in columns] for row in rows])
    return gaussian_filter1d(scores, _SMOOTH_ROWS, axis=0)


def _draw_grimace(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """[T, 52] a few units that come and go, most on both sides: also those the recordings lack."""
    scores = np.zeros((len(time_s), len(ARKIT_NAMES)))
    chosen = rng.choice(np.flatnonzero(~_GAZE), rng.integers(1, 5), replace=False)
    course = np.clip(0.5 + 0.6 * wander(rng, time_s, len(chosen), 0.8), 0, 1)
    course = course * rng.uniform(0.1, 0.9, len(chosen))
    scores[:, chosen] = course
    is_even = rng.random(len(chosen)) < 0.7
    scores[:, np.array(_OTHER_SIDE)[chosen][is_even]] = course[:, is_even]
    return scores


def _draw_blinks(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """[T] 0..1: lids that close now and then."""
    count = rng.poisson(_BLINKS_HZ * (time_s[-1] + 1))
    when = rng.uniform(-0.5, time_s[-1] + 0.5, count)
    away = (time_s[:, None] - when) / rng.uniform(*_BLINK_S, count)
    return (rng.uniform(0.8, 1.0, count) * np.exp(-0.5 * away**2)).max(1, initial=0.0)


def _draw_gaze(rng: np.random.Generator, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[T] -1..1 up and to the left: fast glances between fixations that drift a little."""
    count = 1 + rng.poisson(_GLANCES_HZ * time_s[-1])
    when = np.sort(rng.uniform(0, time_s[-1] + 1e-3, count))
    share = 1 / (1 + np.exp(-np.clip((time_s[:, None] - when) / (_GLANCE_S / 2), -30, 30)))
    aims = np.clip(rng.normal(0, [0.25, 0.35], (count + 1, 2)), -1, 1)
    gaze = aims[0] + share @ np.diff(aims, axis=0) + 0.02 * wander(rng, time_s, 2, 2.0)
    return gaze[:, 0], gaze[:, 1]


def _with_gaze(scores: np.ndarray, up: np.ndarray, left: np.ndarray) -> np.ndarray:
    """The same scores with both eyes looking ``up`` and ``left`` [T], -1..1."""
    scores = np.where(_GAZE, 0, scores)
    for side, out in (("Left", left), ("Right", -left)):
        for unit, value in (("Up", up), ("Down", -up), ("Out", out), ("In", -out)):
            scores[:, ARKIT_INDEX[f"eyeLook{unit}{side}"]] = np.clip(value, 0, 1)
    return scores
