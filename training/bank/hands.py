"""Hands in motion: recorded fingers, grasps and signs, within what fingers can do.

A hand is posed by 20 angles [..., 5, 4] rad, fingers in SMPL-X's order (index, middle, pinky,
ring, thumb). A finger's are: knuckle flexion, spread (positive toward the thumb), flexion of the
middle and of the end joint. The thumb's: opposition and spread away from the palm at its base,
flexion of its middle and of its end joint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from reelrig.core.errors import ReelrigError
from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .curves import draw_key_times, through_values, wander
from .figure import rest_joints

HANDS_FILE = "leap_hands.npz"
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_NUM_ANGLES = (5, 4)

# Degrees: Lin, Wu & Huang 2000, "Modeling the constraints of human hand motion", with slack for a
# hand that bends back; the thumb's after Kapandji. Knuckle, spread, middle joint, end joint.
_FINGER_LOW, _FINGER_HIGH = (-25, -15, -3, -4), (92, 15, 110, 80)
_THUMB_LOW, _THUMB_HIGH = (-15, -20, -12, -15), (55, 40, 58, 80)
_LOW = np.radians([_FINGER_LOW] * 4 + [_THUMB_LOW])
_HIGH = np.radians([_FINGER_HIGH] * 4 + [_THUMB_HIGH])
_END_FROM_MIDDLE = 2 / 3
_SPREAD_SHARE = np.array([1.0, 0.25, 1.2, 0.7])  # of the spread's limit: the middle hardly moves

# Signs and grasps in degrees; fingers that are not named take "all".
_SIGNS: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    # knuckle, spread, middle joint; thumb: opposition, spread, middle joint (its end the same)
    "relaxed": {
        "index": (15, 2, 22),
        "middle": (20, 0, 28),
        "ring": (24, -2, 30),
        "pinky": (26, -6, 30),
        "thumb": (8, 5, 10),
    },
    "flat": {"all": (0, 0, 3), "thumb": (0, 0, 0)},
    "splay": {
        "index": (-6, 12, 2),
        "middle": (-6, 2, 2),
        "ring": (-6, -8, 2),
        "pinky": (-6, -15, 2),
        "thumb": (-12, 30, -5),
    },
    "fist": {"all": (85, 0, 100), "thumb": (38, -8, 45)},
    "point": {"all": (75, 0, 95), "index": (5, 0, 5), "thumb": (35, -5, 40)},
    "gun": {"all": (75, 0, 95), "index": (3, 0, 5), "thumb": (-8, 20, -5)},
    "two": {
        "all": (78, 0, 95),
        "index": (3, 10, 4),
        "middle": (3, -6, 4),
        "thumb": (45, -5, 45),
    },
    "three": {"all": (0, 2, 4), "pinky": (75, -4, 85), "ring": (55, 0, 80), "thumb": (50, 0, 45)},
    "four": {"all": (-2, 0, 3), "thumb": (52, -10, 45)},
    "thumb up": {"all": (80, 0, 100), "thumb": (-14, 28, -8)},
    "horns": {"all": (80, 0, 95), "index": (2, 4, 4), "pinky": (2, -8, 5), "thumb": (40, 0, 45)},
    "shaka": {"all": (80, 0, 95), "pinky": (0, -12, 5), "thumb": (-12, 32, -5)},
    "pinch": {
        "index": (48, 2, 48),
        "middle": (30, 0, 30),
        "ring": (25, -2, 25),
        "pinky": (20, -5, 22),
        "thumb": (34, 18, 18),
    },
    "closed pinch": {"all": (70, 0, 80), "index": (55, 2, 45), "thumb": (34, 14, 20)},
    "tripod": {
        "all": (55, 0, 60),
        "index": (48, 3, 40),
        "middle": (50, 1, 42),
        "thumb": (36, 18, 15),
    },
    "claw": {"all": (0, 6, 70), "thumb": (20, 25, 40)},
    "hook": {"all": (5, 0, 95), "thumb": (5, 0, 5)},
    "duck": {"all": (65, 0, 8), "thumb": (40, 25, 5)},
    "ball": {
        "index": (25, 10, 32),
        "middle": (25, 1, 35),
        "ring": (26, -7, 34),
        "pinky": (28, -14, 32),
        "thumb": (22, 32, 12),
    },
}
_GRIP_SHARE, _RECORDED_SHARE, _STILL_SHARE = 0.3, 0.25, 0.25
_GRIP_RADIUS_M = (0.008, 0.06)
_PHALANGES_M = (0.045, 0.026, 0.022)  # an ordinary finger's, for the grip of a cylinder
_SECONDS_BETWEEN_SIGNS = 1.1
_TREMBLE = np.radians(3)
_MOTION = np.radians([9, 4, 11, 8])


@dataclass(frozen=True, eq=False)
class Hands:
    """Recorded hands, all turned into right hands' angles."""

    recordings: tuple[np.ndarray, ...]  # each [N, 5, 4] rad
    rate_hz: float = 60.0  # about: the recordings run at 60 to 110, the tempo is drawn anyway

    @classmethod
    def load(cls, folder: Path) -> Hands:
        path = Path(folder) / HANDS_FILE
        if not path.exists():
            raise ReelrigError(
                f"No {HANDS_FILE} in {folder}. Give the folder of the hand recordings."
            )
        with np.load(path, allow_pickle=False) as file:
            joints, is_left = file["joints_mm"].astype(np.float64), file["is_left"]
            names, frame = file["recording"], file["frame"]
        recordings = []
        for name in np.unique(names):
            for side in (False, True):
                rows = np.flatnonzero((names == name) & (is_left == side))
                cuts = np.flatnonzero(np.diff(frame[rows]) > 4) + 1
                parts = [part for part in np.split(rows, cuts) if len(part) > 30]
                recordings += [angles_from_leap(joints[part]) for part in parts]
        return cls(tuple(recordings))

    def draw(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        """[T, 30, 3, 3] parent from joint: the left hand's fingers, then the right one's."""
        left = self.draw_angles(rng, time_s)
        # Often both hands do the same, more or less: hold one thing, gesture alike.
        right = self.draw_angles(rng, time_s)
        if rng.random() < 0.25:
            right = (1 - 0.2 * rng.random()) * left + 0.1 * right
        return np.concatenate(
            [finger_matrices("left", left), finger_matrices("right", clamp(right))], 1
        )

    def draw_angles(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        """[T, 5, 4] rad of one hand."""
        choice = rng.random()
        if choice < _GRIP_SHARE:
            angles = self._grip_now_and_then(rng, time_s)
        elif choice < _GRIP_SHARE + _RECORDED_SHARE and self.recordings:
            angles = self._recorded(rng, time_s)
        elif choice < _GRIP_SHARE + _RECORDED_SHARE + _STILL_SHARE:
            angles = np.repeat(_draw_sign(rng)[None], len(time_s), 0)
        else:
            angles = self._signs(rng, time_s)
        motion = wander(rng, time_s, 20, 1.5).reshape(-1, *_NUM_ANGLES) * _MOTION
        tremble = wander(rng, time_s, 20, 4.0).reshape(-1, *_NUM_ANGLES) * _TREMBLE
        angles = angles + rng.uniform(0, 1) * motion + rng.uniform(0, 0.5) * tremble
        # The end joint follows the middle one, more or less.
        slack = rng.normal(0, np.radians(6), 4)
        angles[:, :4, 3] = _END_FROM_MIDDLE * angles[:, :4, 2] + slack
        return clamp(angles)

    def _signs(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        times = draw_key_times(rng, time_s, _SECONDS_BETWEEN_SIGNS)
        keys = np.stack([_draw_sign(rng) for _ in times])
        return through_values(rng, time_s, times, keys)

    def _grip_now_and_then(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        """One grip held, half the time opened and closed."""
        grip = _draw_grip(rng)
        if rng.random() < 0.5:
            return np.repeat(grip[None], len(time_s), 0)
        times = draw_key_times(rng, time_s, _SECONDS_BETWEEN_SIGNS)
        opened = rng.choice([0, rng.uniform(0.3, 1)], len(times))[:, None, None]
        keys = grip + opened * (sign_angles("splay") - grip)
        return through_values(rng, time_s, times, keys)

    def _recorded(self, rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
        lengths = np.array([len(r) for r in self.recordings])
        recording = self.recordings[rng.choice(len(lengths), p=lengths / lengths.sum())]
        place = rng.uniform(0.5, 1.3) * self.rate_hz * time_s
        place = place * min(1.0, (len(recording) - 1) / max(place[-1], 1e-9))
        place = place + rng.random() * (len(recording) - 1 - place[-1])
        rows, weights = quaternions.cubic_weights(place, len(recording))
        return np.einsum("tk,tkfa->tfa", weights, recording[rows])


def clamp(angles: np.ndarray) -> np.ndarray:
    """[..., 5, 4] within the limits; bent knuckles spread less (their side ligaments tighten)."""
    angles = np.clip(angles, _LOW, _HIGH)
    bent = np.clip(angles[..., :4, 0] / _HIGH[:4, 0], 0, 1)
    limit = _HIGH[:4, 1] * _SPREAD_SHARE * (1 - 0.8 * bent)
    angles[..., :4, 1] = np.clip(angles[..., :4, 1], -limit, limit)
    return angles


def sign_angles(name: str) -> np.ndarray:
    """[5, 4] rad of a named sign."""
    sign = _SIGNS[name]
    rows = []
    for finger in FINGERS:
        knuckle, spread, middle = sign.get(finger, sign.get("all", (0, 0, 0)))
        end = middle if finger == "thumb" else _END_FROM_MIDDLE * middle
        rows.append((knuckle, spread, middle, end))
    return np.radians(rows)


def _draw_sign(rng: np.random.Generator) -> np.ndarray:
    """[5, 4] rad: a sign, or each finger from one of two, a little off."""
    names = list(_SIGNS)
    first, second = (sign_angles(names[i]) for i in rng.integers(len(names), size=2))
    if rng.random() < 0.35:
        first = sign_angles("relaxed")
    if rng.random() < 0.3:
        share = rng.random((5, 1)) if rng.random() < 0.5 else rng.random()
        first = first + share * (second - first)
    return first + rng.normal(0, np.radians(6), _NUM_ANGLES)


def _draw_grip(rng: np.random.Generator) -> np.ndarray:
    """[5, 4] rad: a cylinder or a ball held, or a fist around nothing."""
    choice = rng.random()
    if choice < 0.15:
        return sign_angles("fist") + rng.normal(0, np.radians(5), _NUM_ANGLES)
    if choice < 0.3:
        share = rng.uniform(-0.4, 1.0)
        return sign_angles("ball") + share * (sign_angles("fist") - sign_angles("ball")) * 0.5
    return grip_angles(rng.uniform(*_GRIP_RADIUS_M)) + rng.normal(0, np.radians(4), _NUM_ANGLES)


def grip_angles(radius_m: float) -> np.ndarray:
    """[5, 4] rad of a hand around a cylinder.

    Each phalanx touches it, so that neighbours meet at twice the angle under which half of each
    is seen from the cylinder's axis; 8 mm of flesh lie between bone and cylinder.
    """
    half = [np.arctan(0.5 * length / (radius_m + 0.008)) for length in _PHALANGES_M]
    middle = min(half[0] + half[1], np.radians(105))
    knuckle = min(1.3 * half[0], np.radians(80))
    finger = [knuckle, 0, middle, _END_FROM_MIDDLE * middle]
    opposition = np.radians(35)
    flexion = min(0.8 * (half[1] + half[2]), np.radians(50))
    thumb = [opposition, np.radians(12) + 3 * radius_m, flexion, 0.8 * flexion]
    return np.array([finger] * 4 + [thumb])


@cache
def _finger_axes(side: str) -> np.ndarray:
    """[5, 2, 3] unit axes: flexion (opposition), and spread toward the thumb (off the palm).

    At rest both palms face the floor, y is up, the thumbs point forward. As core/lift/hands.py
    has it, a positive turn about cross(rest direction, down) bends a finger.
    """
    joints, axes = rest_joints(), []
    for finger in FINGERS:
        first, second = (JOINT_INDEX[f"{side}_{finger}{i}"] for i in (1, 2))
        bone = joints[second] - joints[first]
        bone /= np.linalg.norm(bone)
        # The thumb bends across the palm, toward the little finger's base.
        inward = -1.0 if side == "right" else 1.0
        toward = np.array([0.25 * inward, -0.75, -0.6]) if finger == "thumb" else -np.eye(3)[1]
        bend = np.cross(bone, toward)
        bend /= np.linalg.norm(bend)
        axes.append((bend, inward * np.cross(bend, bone)))
    return np.array(axes)


def finger_matrices(side: str, angles: np.ndarray) -> np.ndarray:
    """[T, 15, 3, 3] parent from joint of angles [T, 5, 4] rad."""
    axes = _finger_axes(side)
    bend, spread = axes[:, 0], axes[:, 1]
    first = quaternions.multiply(
        quaternions.from_rotvec(angles[..., 1:2] * spread),
        quaternions.from_rotvec(angles[..., 0:1] * bend),
    )
    others = [quaternions.from_rotvec(angles[..., i : i + 1] * bend) for i in (2, 3)]
    local = np.stack([first, *others], -2)
    return quaternions.to_matrix(local.reshape(len(angles), 15, 4))


def angles_from_leap(joints: np.ndarray) -> np.ndarray:
    """[N, 5, 4] rad of Leap's joints [N, 5, 4, 3] in palm axes.

    There y runs along the fingers and z comes out of the hand's back; digits are counted from
    thumb to pinky, joints from the knuckle to the tip.
    """
    bones = np.diff(joints, axis=2)
    bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
    fingers = bones[:, [1, 2, 4, 3]]  # SMPL-X's order
    # Toward the thumb is toward its side of the palm, left or right.
    thumb_side = np.sign(joints[:, 0, 0, 0] - joints[:, 4, 0, 0])[:, None]
    knuckle = np.arctan2(-fingers[:, :, 0, 2], fingers[:, :, 0, 1])
    spread = np.arcsin(np.clip(thumb_side * fingers[:, :, 0, 0], -1, 1))
    spread -= np.median(spread, axis=0)
    middle = np.arccos(np.clip((fingers[:, :, 0] * fingers[:, :, 1]).sum(-1), -1, 1))
    angles = np.zeros((len(joints), *_NUM_ANGLES))
    angles[:, :4] = np.stack([knuckle, spread, middle, _END_FROM_MIDDLE * middle], -1)
    thumb = bones[:, 0]
    lowered = np.arctan2(-thumb[:, 0, 2], thumb[:, 0, 1])
    angles[:, 4, 0] = lowered - np.median(lowered) + np.radians(8)
    away = np.arcsin(np.clip(thumb_side[:, 0] * thumb[:, 0, 0], -1, 1))
    angles[:, 4, 1] = away - np.median(away) + np.radians(5)
    for i in (0, 1):
        turn = np.arccos(np.clip((thumb[:, i] * thumb[:, i + 1]).sum(-1), -1, 1))
        angles[:, 4, 2 + i] = turn - np.radians(8)
    return clamp(angles)
