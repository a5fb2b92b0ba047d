"""Arms by two-bone inverse kinematics: hands brought to places around and on the own body.

Targets are wrists [N, 3] m in the chest's axes (x left, y up, z forward), from the joint spine3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from . import quaternions
from .curves import draw_key_times, through_keys, through_values, wander
from .figure import NUM_BODY, pose, rest_joints
from .joint_angles import JointLimits, from_angles, to_angles

SIDES = ("left", "right")
_SIGN = {"left": 1.0, "right": -1.0}
_CHEST = JOINT_INDEX["spine3"]
_PALM_M, _SKIN_M = 0.085, 0.03  # wrist to palm; flesh between a touched point's joint and hand
_FLESH_M = 0.07  # under the lowest joint
_HAND_ROOM_M, _ELBOW_ROOM_M = 0.06, 0.45  # above the floor; chest height where elbows may hang
_BENT_BACK = 1.15  # rad, a wrist that is leaned on
_POLE = np.array([0.55, -0.8, -0.3])  # of the left elbow: out, down, back
_SUPINATIONS = np.linspace(-1.45, 1.55, 9)  # rad from the T pose: palm back to palm forward

# Places on the own body that a left hand touches: joint, offset from it at rest in metres, and
# outward direction. "other" is the side across. Read off the mean body.
_TOUCHES = (
    ("head", (0.0, 0.02, 0.10), (0, 0, 1)),  # mouth
    ("head", (0.02, -0.03, 0.09), (0, -0.5, 1)),  # chin
    ("head", (0.06, 0.04, 0.08), (0.7, 0, 0.7)),  # cheek
    ("head", (0.03, 0.12, 0.09), (0, 0.3, 1)),  # brow
    ("head", (0.08, 0.05, 0.0), (1, 0, 0)),  # ear
    ("head", (0.03, 0.19, 0.0), (0, 1, 0)),  # crown
    ("head", (0.03, 0.07, -0.09), (0.4, 0, -1)),  # back of the head
    ("neck", (0.04, 0.05, -0.06), (0.3, 0, -1)),
    ("spine3", (-0.06, 0.02, 0.13), (-0.2, 0, 1)),  # chest
    ("spine1", (0.02, 0.03, 0.13), (0, 0, 1)),  # belly
    ("other_shoulder", (0.0, 0.0, 0.05), (0, 0.5, 1)),
    ("other_elbow", (0.0, 0.0, 0.04), (0, 0, 1)),
    ("pelvis", (0.16, 0.03, 0.02), (1, 0, 0)),  # hip
    ("pelvis", (0.14, 0.06, -0.08), (0.7, 0, -0.7)),
    ("spine1", (0.03, 0.0, -0.12), (0, 0, -1)),  # small of the back
    ("own_hip", (0.03, -0.2, 0.08), (0.2, 0, 1)),  # thigh
    ("own_knee", (0.0, 0.02, 0.06), (0, 0, 1)),
    ("other_knee", (0.0, 0.02, 0.06), (0, 0, 1)),
    ("own_ankle", (0.0, 0.05, 0.04), (0, 0, 1)),
)
_LAP = tuple(touch for touch in _TOUCHES if touch[0] in ("own_hip", "own_knee"))


@dataclass(frozen=True)
class ArmStyle:
    """How likely arms do what; what remains is reaching freely."""

    hang: float = 0.25
    touch: float = 0.25
    both: float = 0.2  # of clips: both hands at one thing
    lap: float = 0.0  # of touches: a hand on the own thigh or knee
    support: float = 0.0  # of clips: hands on the floor
    low: float = 0.0  # of free reaches: down to the floor in front
    seconds: float = 1.0  # between targets


@cache
def _arm(side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[3] m each: shoulder from spine3, upper arm and forearm at rest."""
    joints = rest_joints()
    places = [joints[JOINT_INDEX[f"{side}_{j}"]] for j in ("shoulder", "elbow", "wrist")]
    return places[0] - joints[_CHEST], places[1] - places[0], places[2] - places[1]


def solve_arm(
    side: str, target: np.ndarray, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shoulder and elbow, local turns [N, 4], and the forearm's direction [N, 3].

    The wrist comes to ``target`` [N, 3], or as near as the arm reaches; the elbow points along
    ``pole`` [N, 3].
    """
    shoulder, upper_rest, fore_rest = _arm(side)
    a, b = np.linalg.norm(upper_rest), np.linalg.norm(fore_rest)
    ray = target - shoulder
    distance = np.linalg.norm(ray, axis=-1, keepdims=True)
    ray = ray / np.maximum(distance, 1e-6)
    distance = np.clip(distance, 0.45 * (a + b), 0.995 * (a + b))
    along = (a**2 - b**2 + distance**2) / (2 * distance)
    across = pole - (pole * ray).sum(-1, keepdims=True) * ray
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    upper = along * ray + np.sqrt(np.maximum(a**2 - along**2, 0)) * across
    fore = distance * ray - upper
    upper, fore = upper / a, fore / np.linalg.norm(fore, axis=-1, keepdims=True)
    # The elbow bends about an axis that lies across both bones: -y in the left arm at rest.
    hinge = quaternions.cross(upper, fore)
    hinge /= np.maximum(np.linalg.norm(hinge, axis=-1, keepdims=True), 1e-9)
    seen = np.stack([upper, hinge, quaternions.cross(upper, hinge)], -1)
    rest_upper, rest_fore = upper_rest / a, fore_rest / b
    rest_hinge = np.array([0.0, -_SIGN[side], 0.0])
    rest_hinge -= (rest_hinge @ rest_upper) * rest_upper
    rest_hinge /= np.linalg.norm(rest_hinge)
    rest = np.stack([rest_upper, rest_hinge, quaternions.cross(rest_upper, rest_hinge)], -1)
    turn = seen @ rest.T
    local_fore = (turn.transpose(0, 2, 1) @ fore[..., None])[..., 0]
    elbow = quaternions.between(np.broadcast_to(rest_fore, fore.shape), local_fore)
    return quaternions.from_matrix(turn), elbow, fore


def move_arms(
    rng: np.random.Generator,
    time_s: np.ndarray,
    local: np.ndarray,
    style: ArmStyle,
    limits: JointLimits,
) -> None:
    """Fills the arms of a body whose other joints [T, 22, 4] are posed, in place."""
    joints, turns = pose(local)
    chest = _Chest(joints, turns)
    choice = rng.random()
    if choice < style.support:
        for side in SIDES:
            _follow(rng, time_s, local, side, chest, _floor_path(rng, time_s, chest, side))
    elif choice < style.support + style.both:
        paths = _both_paths(rng, time_s, style)
        for side in SIDES:
            _follow(rng, time_s, local, side, chest, _out_of_body(paths[side]))
    else:
        for side in SIDES:
            _reach_by_keys(rng, time_s, local, side, chest, style, limits)


@dataclass(frozen=True, eq=False)
class _Chest:
    """A posed body seen from its chest."""

    joints: np.ndarray  # [T, 22, 3]
    turns: np.ndarray  # [T, 22, 3, 3]

    def to_chest(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """[N, 3] of ``points`` [N, 3] in world axes, each at its row."""
        offset = points - self.joints[rows, _CHEST]
        return np.einsum("nba,nb->na", self.turns[rows, _CHEST], offset)

    @cached_property
    def floor(self) -> np.ndarray:
        """[T] m, the height of the floor under trunk and legs."""
        return self.joints[:, :16, 2].min(1) - _FLESH_M

    def above_floor(self, target: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """[N, 3] targets in the chest's axes, lifted out of the floor each at its row."""
        up = self.turns[rows, _CHEST, 2]  # the world's up in the chest's axes
        height = self.joints[rows, _CHEST, 2] + (target * up).sum(-1) - self.floor[rows]
        return target + np.maximum(_HAND_ROOM_M - height, 0)[:, None] * up

    def pole(self, pole: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """[N, 3] where the elbow points: not into the floor when it is near."""
        up = self.turns[rows, _CHEST, 2]
        room = self.joints[rows, _CHEST, 2] - self.floor[rows]
        near = np.clip((_ELBOW_ROOM_M - room) / 0.15, 0, 1)
        sunk = np.maximum(0.15 - (pole * up).sum(-1), 0)
        return pole + (near * sunk)[:, None] * up

    def place(
        self, joint: str, offset: np.ndarray, outward: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """A place fixed to a joint and its outward direction, [N, 3] each in the chest's axes."""
        turn = self.turns[rows, JOINT_INDEX[joint]]
        points = self.joints[rows, JOINT_INDEX[joint]] + turn @ offset
        outward = np.einsum("nba,nb->na", self.turns[rows, _CHEST], turn @ outward)
        return self.to_chest(points, rows), outward


def _reach_by_keys(
    rng: np.random.Generator,
    time_s: np.ndarray,
    local: np.ndarray,
    side: str,
    chest: _Chest,
    style: ArmStyle,
    limits: JointLimits,
) -> None:
    """From target to target, each arm in its own time; the joints turn smoothly between."""
    times = draw_key_times(rng, time_s, style.seconds)
    rows = np.clip(np.searchsorted(time_s, times), 0, len(time_s) - 1)
    joints = [JOINT_INDEX[f"{side}_{j}"] for j in ("shoulder", "elbow", "wrist")]
    keys = np.repeat(quaternions.IDENTITY[None], len(times) * NUM_BODY, 0)
    keys = keys.reshape(len(times), NUM_BODY, 4)
    stays = rng.random() < 0.4  # at what it does, with small changes
    target, palm_to = _draw_target(rng, chest, side, rows[0], style)
    for i, row in enumerate(rows):
        if stays:
            target = target + rng.normal(0, 0.03, 3)
        elif i:
            target, palm_to = _draw_target(rng, chest, side, row, style)
        at = rows[i : i + 1]
        pole = chest.pole(_pole(rng, side)[None], at)
        keys[i, joints] = _solve_hand(
            rng, side, chest.above_floor(target[None], at), pole, palm_to
        )[0]
    # Keys that an arm can hold have ways between them that it can go.
    keys[:, 1:] = from_angles(limits.clamp(to_angles(keys)))
    local[:, joints] = through_keys(rng, time_s, times, keys[:, joints])


def _follow(
    rng: np.random.Generator,
    time_s: np.ndarray,
    local: np.ndarray,
    side: str,
    chest: _Chest,
    path: _Path,
) -> None:
    """The wrist along a path, solved in every row."""
    joints = [JOINT_INDEX[f"{side}_{j}"] for j in ("shoulder", "elbow", "wrist")]
    rows = np.arange(len(time_s))
    pole = chest.pole(_pole(rng, side) + 0.1 * wander(rng, time_s, 3, 0.7), rows)
    target = chest.above_floor(path.target, rows)
    local[:, joints] = _solve_hand(rng, side, target, pole, path.palm_to, path.bend_back)


@dataclass(frozen=True, eq=False)
class _Path:
    target: np.ndarray  # [T, 3] m, the wrist in the chest's axes
    palm_to: np.ndarray | None  # [3] where the palm faces, chest's axes; None: anywhere
    bend_back: float = 0.0  # rad, of the wrist


def _solve_hand(
    rng: np.random.Generator,
    side: str,
    target: np.ndarray,
    pole: np.ndarray,
    palm_to: np.ndarray | None,
    bend_back: float = 0.0,
) -> np.ndarray:
    """Shoulder, elbow and wrist [N, 3, 4]; one supination that faces the palm where wanted."""
    shoulder, elbow, _ = solve_arm(side, target, pole)
    supination = rng.uniform(-1.2, 0.9)
    if palm_to is not None:
        forearm = quaternions.multiply(shoulder[:1], elbow[:1])
        turns = quaternions.multiply(forearm, quaternions.about("x", -_SUPINATIONS))
        palms = quaternions.rotate(turns, np.array([0.0, -1.0, 0.0]))
        supination = _SUPINATIONS[(palms @ palm_to).argmax()] + rng.normal(0, 0.25)
    half = quaternions.about("x", -0.5 * np.clip(supination, _SUPINATIONS[0], _SUPINATIONS[-1]))
    bend = rng.normal((0, 0, _SIGN[side] * bend_back), (0.0, 0.15, 0.25))  # x is the twist's
    wrist = quaternions.multiply(quaternions.from_rotvec(bend), half)
    wrist = np.broadcast_to(wrist, elbow.shape)
    return np.stack([shoulder, quaternions.multiply(elbow, half), wrist], 1)


def _pole(rng: np.random.Generator, side: str) -> np.ndarray:
    pole = _POLE + rng.normal(0, 0.3, 3)
    return pole * np.array([_SIGN[side], 1, 1])


def _draw_target(
    rng: np.random.Generator, chest: _Chest, side: str, row: int, style: ArmStyle
) -> tuple[np.ndarray, np.ndarray | None]:
    """A wrist [3] m and where its palm faces [3] or None."""
    choice = rng.random()
    if choice < style.touch:
        return _draw_touch(rng, chest, side, row, style.lap)
    reach = sum(np.linalg.norm(bone) for bone in _arm(side)[1:])
    if choice < style.touch + style.hang:
        direction, share = np.array([0.2, -1.0, 0.05]) + rng.normal(0, 0.1, 3), rng.uniform(0.9, 1)
    elif rng.random() < style.low:
        direction, share = rng.normal((0.0, -0.8, 0.7), 0.3), rng.uniform(0.7, 1.0)
    else:
        azimuth, elevation = np.radians((rng.uniform(-50, 125), rng.uniform(-75, 80)))
        if azimuth > np.radians(100):  # behind the back hands stay low
            elevation = min(elevation, 0.0)
        flat = np.array([np.sin(azimuth), 0, np.cos(azimuth)]) * np.cos(elevation)
        direction, share = flat + np.array([0, np.sin(elevation), 0]), rng.uniform(0.45, 1.0)
    direction = direction / np.linalg.norm(direction)
    target = _arm(side)[0] + share * reach * direction * np.array([_SIGN[side], 1, 1])
    inward = np.array([-_SIGN[side], 0.0, 0.0]) if choice < style.touch + style.hang else None
    return _push_out(target[None])[0], inward


def _draw_touch(
    rng: np.random.Generator, chest: _Chest, side: str, row: int, lap: float
) -> tuple[np.ndarray, np.ndarray]:
    choices = _LAP if rng.random() < lap else _TOUCHES
    joint, offset, outward = choices[rng.integers(len(choices))]
    other = "right" if side == "left" else "left"
    joint = joint.replace("own", side).replace("other", other)
    mirror = np.array([_SIGN[side], 1, 1])
    rows = np.array([row])
    if joint.endswith("elbow"):  # arms crossed before the chest
        point = np.array([[-0.15 * _SIGN[side], 0.02, 0.2]])
        out = np.array([[0.0, 0.0, 1.0]])
    else:
        point, out = chest.place(joint, np.array(offset) * mirror, np.array(outward) * mirror, rows)
    out = out / np.linalg.norm(out)
    point = point + _SKIN_M * out + rng.normal(0, 0.015, 3)
    wrist = point
    for _ in range(2):  # the palm lies on the place, the wrist behind it along the forearm
        _, _, fore = solve_arm(side, wrist, _POLE * mirror)
        wrist = point - _PALM_M * fore
    return wrist[0], -out[0]


def _both_paths(rng: np.random.Generator, time_s: np.ndarray, style: ArmStyle) -> dict[str, _Path]:
    """Both hands at one thing before the body: together, holding something, or clapping."""
    times = draw_key_times(rng, time_s, style.seconds)
    middle = rng.normal((0.0, -0.05, 0.34), (0.1, 0.18, 0.08), (len(times), 3))
    if rng.random() < 0.25:  # overhead
        middle[:, 1:] += (0.5, -0.15)
    if rng.random() < 0.5:  # held in place
        middle = middle[:1] + rng.normal(0, 0.03, middle.shape)
    width = np.repeat(rng.uniform(0.03, 0.25), len(times))
    if rng.random() < 0.3:
        width = rng.uniform(0.03, 0.35, len(times))
    tilt = rng.normal(0, 0.5, 2)
    axis = np.array([np.cos(tilt[0]), np.sin(tilt[0]), np.sin(tilt[1])])
    axis /= np.linalg.norm(axis)
    keys = np.concatenate([middle, width[:, None]], 1)
    course = through_values(rng, time_s, times, keys)
    offset = course[:, 3:] * axis
    return {
        side: _Path(course[:, :3] + _SIGN[side] * offset, -_SIGN[side] * axis) for side in SIDES
    }


def _floor_path(rng: np.random.Generator, time_s: np.ndarray, chest: _Chest, side: str) -> _Path:
    """A hand planted on the floor under or beside the shoulder: the body leans on it."""
    rows = np.arange(len(time_s))
    shoulder = chest.joints[:, JOINT_INDEX[f"{side}_shoulder"]]
    floor = chest.floor
    # Out and back (or forward) in the chest's own heading, as far as the arm reaches down.
    reach = 0.97 * sum(np.linalg.norm(bone) for bone in _arm(side)[1:])
    room = np.sqrt(np.maximum(reach**2 - (shoulder[:, 2] - floor - _HAND_ROOM_M) ** 2, 0))
    across = chest.turns[:, _CHEST] @ np.array([_SIGN[side], 0, rng.uniform(-1.5, 0.3)])
    across[:, 2] = 0
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    point = shoulder + (rng.uniform(0.0, 0.8) * room)[:, None] * across
    point[:, 2] = floor + _HAND_ROOM_M
    target = chest.to_chest(point, rows)
    # Fingers point to where the head does in a body on all fours, else anywhere away from it.
    head = chest.turns[0, _CHEST, :, 1] * np.array([1, 1, 0])
    fingers = head if np.linalg.norm(head) > 0.5 else across[0] + rng.normal(0, 0.5, 3)
    return _Path(target, -chest.turns[0, _CHEST].T @ fingers, _BENT_BACK)


def _out_of_body(path: _Path) -> _Path:
    return _Path(_push_out(path.target), path.palm_to)


def _push_out(target: np.ndarray) -> np.ndarray:
    """Wrists [N, 3] moved forward or outward, out of the trunk and the head."""
    target = target.copy()
    is_trunk = (target[:, 1] < 0.14) & (target[:, 1] > -0.55)
    ellipse = np.array([0.19, 0.17])
    away = np.linalg.norm(target[:, ::2] / ellipse, axis=-1)
    push = np.where(is_trunk & (away < 1), 1 / np.maximum(away, 0.2), 1.0)
    target[:, ::2] *= push[:, None]
    head = np.array([0.0, 0.32, 0.03])
    offset = target - head
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    return head + offset * np.maximum(1, 0.16 / np.maximum(distance, 0.03))
