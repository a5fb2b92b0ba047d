"""Left and right put right where the network exchanged them for a few frames.

Seen from the front or from behind, a person looks much the same; BlazePose sometimes takes the one
for the other, and with it left for right and near for far (its z).
"""

from __future__ import annotations

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS, LANDMARK_PARTS

# The body's landmarks with left and right exchanged.
_MIRRORED = np.array(
    [
        BODY_LANDMARK_INDEX[
            name.replace("left", "?").replace("right", "left").replace("?", "right")
        ]
        for name in BODY_LANDMARKS
    ]
)
_LIMBS = slice(BODY_LANDMARK_INDEX["left_shoulder"], None)  # the head's points lie too close

# In mean movement of the limbs' landmarks by the body's size. A flip moves them by far more than
# people move in a frame; beyond the cap it is another person, which says nothing about sides.
_CHANGE_COST = 0.05
_FLIPPED_COST = 0.01  # a frame: in the long run the network is right
_MOVE_CAP = 0.5
_FLIPPED_TRUST = 0.5  # what was put right is less sure


def repair_flips(landmarks: Landmarks) -> None:
    """Turn flipped frames back in place, and lower their confidence.

    The likeliest course of two states, as seen and exchanged, by dynamic programming (Viterbi
    1967): steps between frames should be small, and exchanged frames few.
    """
    seen = np.flatnonzero(landmarks.is_seen)
    if len(seen) < 2:
        return
    flipped = seen[_find_flipped(landmarks.points_px[seen, LANDMARK_PARTS["body"]])]
    body = LANDMARK_PARTS["body"]
    left, right = LANDMARK_PARTS["left_hand"], LANDMARK_PARTS["right_hand"]
    for values in (landmarks.points_px, landmarks.hints, landmarks.confidence):
        before = values[flipped]
        values[flipped, body] = before[:, body][:, _MIRRORED]
        values[flipped, left], values[flipped, right] = before[:, right], before[:, left]
    landmarks.hints[flipped, body, 2] *= -1
    landmarks.confidence[flipped] *= _FLIPPED_TRUST


def _find_flipped(body_px: np.ndarray) -> np.ndarray:
    """[T] bool, from the body's landmarks [T, 33, 2] in consecutive frames."""
    size_px = np.ptp(body_px, axis=1).max(axis=1)[:, None].clip(1.0)
    before, after = body_px[:-1, _LIMBS], body_px[1:, _LIMBS]
    exchanged = body_px[1:, _MIRRORED][:, _LIMBS]
    stay, change = (
        (np.linalg.norm(points - before, axis=2) / size_px[1:]).mean(1).clip(max=_MOVE_CAP)
        for points in (after, exchanged)
    )
    change = change + _CHANGE_COST
    state_cost = np.array([0.0, _FLIPPED_COST])
    cost = state_cost
    came_from = np.zeros((len(body_px), 2), dtype=np.int64)
    for i_frame in range(1, len(body_px)):
        steps = np.array([[stay[i_frame - 1], change[i_frame - 1]]])
        total = cost[:, None] + np.concatenate([steps, steps[:, ::-1]])
        came_from[i_frame] = total.argmin(0)
        cost = total.min(0) + state_cost
    states = np.zeros(len(body_px), dtype=np.int64)
    states[-1] = cost.argmin()
    for i_frame in range(len(body_px) - 1, 0, -1):
        states[i_frame - 1] = came_from[i_frame, states[i_frame]]
    return states == 1
