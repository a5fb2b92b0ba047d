"""What an animator changed of keys that were solved, carried over to another solution."""

from __future__ import annotations

import numpy as np

from .rig.convert import multiply_quats

# Less than this, as a quaternion's part or in metres, is single precision and no edit.
_SAME = 1e-5
_INVERSE = np.array([1.0, -1.0, -1.0, -1.0])


def carry_turns(new: np.ndarray, old: np.ndarray, played: np.ndarray | None) -> np.ndarray:
    """[N, 4] wxyz: ``new`` [N, 4], turned on in the bone's axes where ``played`` is off ``old``.

    ``played`` None: the keys are others than the solved ones, and nothing is carried over.
    """
    if played is None:
        return new
    unit = played / np.linalg.norm(played, axis=1, keepdims=True)
    edits = multiply_quats(old * _INVERSE, unit)
    edits *= np.where(edits[:, :1] < 0, -1.0, 1.0)
    is_edited = np.abs(edits[:, 1:]).max(1, keepdims=True) > _SAME
    return np.where(is_edited, multiply_quats(new, edits), new)


def carry_places(new: np.ndarray, old: np.ndarray, played: np.ndarray | None) -> np.ndarray:
    """[N, 3] m: ``new`` [N, 3], moved on where ``played`` is off ``old``; None as above."""
    if played is None:
        return new
    edits = played - old
    is_edited = np.abs(edits).max(1, keepdims=True) > _SAME
    return np.where(is_edited, new + edits, new)
