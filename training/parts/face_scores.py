"""ARKit scores drawn from recordings: mixed, stronger and weaker, mirrored; and made up."""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import ARKIT_INDEX, ARKIT_NAMES

_CALM_SHARE, _MADE_UP_SHARE = 0.25, 0.25
_TONGUE = ARKIT_INDEX["tongueOut"]
_PAIRS = [
    (ARKIT_INDEX[name], ARKIT_INDEX[name.replace("Left", "Right")])
    for name in ARKIT_NAMES
    if name.endswith("Left")
]
MIRRORED = np.arange(len(ARKIT_NAMES))
for _left, _right in _PAIRS:
    MIRRORED[[_left, _right]] = _right, _left
# Looking left is looking out with the left eye and in with the right: in pairs over both eyes.
_LOOKS = [ARKIT_INDEX[f"eyeLook{way}Left"] for way in ("Up", "Down", "In", "Out")]


def draw_scores(rng: np.random.Generator, recorded: np.ndarray, count: int) -> np.ndarray:
    """[count, 52] 0..1 float32; the first face is at rest. ``recorded`` [R, 52] 0..1."""
    one, other = (recorded[rng.integers(len(recorded), size=count)] for _ in range(2))
    share = rng.random((count, 1)) * (rng.random((count, 1)) < 0.5)
    scores = one + share * (other - one)
    made_up = rng.random((count, 1)) < _MADE_UP_SHARE
    scores = np.where(made_up, _make_up(rng, count), scores * rng.uniform(0.4, 1.3, (count, 1)))
    calm = rng.random((count, 1)) < _CALM_SHARE
    scores = np.where(calm, 0.12 * scores, scores)
    scores = np.where(rng.random((count, 1)) < 0.5, scores[:, MIRRORED], scores)
    scores = _one_gaze(scores)
    scores[0], scores[:, _TONGUE] = 0, 0
    return scores.clip(0, 1).astype(np.float32)


def _make_up(rng: np.random.Generator, count: int) -> np.ndarray:
    """A few units at a time, mostly on both sides alike."""
    is_used = rng.random((count, len(ARKIT_NAMES))) < 0.12
    scores = rng.random((count, len(ARKIT_NAMES))) * is_used
    alike = rng.random((count, 1)) < 0.7
    return np.where(alike, np.maximum(scores, scores[:, MIRRORED]), scores)


def _one_gaze(scores: np.ndarray) -> np.ndarray:
    """Both eyes look the same way: the body's eyes are turned alike."""
    scores = scores.copy()
    up, down, inward, out = _LOOKS
    for unit, source in ((up, up), (down, down), (inward, out), (out, inward)):
        scores[:, MIRRORED[unit]] = scores[:, source]
    return scores
