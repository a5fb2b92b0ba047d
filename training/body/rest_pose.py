"""From MakeHuman's A-pose to SMPL-X's zero pose, for any person.

Arms out level with palms down and thumbs forward, fingers straight, legs nearly upright, feet flat.
Every shape sample goes this way, so that the shape space is learnt in the rest pose itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial.transform import Rotation

from .skinning import (
    blend_dual_quaternions,
    blend_linear,
    delta_mush,
    nearest_rotations,
    neighbour_mean,
)
from .source import Source

# Of the arm's raise from the A-pose, how much collar bone and shoulder blade take (degrees).
_COLLAR_DEG, _SHOULDER_BLADE_DEG = 6.0, 12.0
_SPINE_LEAN_DEG = -4.0  # MakeHuman's rest leans forward
_FOREARM_TWIST = {"lowerarm01": 0.33, "lowerarm02": 0.75}  # share of the hand's turn
# Directions in the rest pose, for the left side.
_UPPER_ARM = (1.0, -0.14, -0.12)
_FOREARM = (1.0, 0.02, -0.01)
_HAND = (1.0, -0.03, -0.02)
_THIGH = (0.085, -1.0, -0.03)
_SHANK = (-0.06, -1.0, -0.07)
_FINGER_FAN = {2: 0.04, 3: -0.06, 4: -0.19, 5: -0.34}  # z of the fingers' directions
_THUMB = {1: (0.80, -0.33, 0.50), 2: (0.66, -0.10, 0.74), 3: (0.78, -0.15, 0.60)}
_THUMB_SHARE = 0.5  # how far the thumb goes from where it lies to there

_DUAL_QUATERNION_SHARE = 0.5
_RELAX_STEPS = 8
# Pairs of bones whose borders the turn creases, and which are relaxed.
_RELAXED = (
    ("shoulder01", "upperarm01"),
    ("upperarm01", "spine01"),
    ("upperarm01", "spine02"),
    ("clavicle", "upperarm01"),
    ("upperarm02", "lowerarm01"),
    ("lowerarm02", "wrist"),
    ("upperleg01", "pelvis"),
    ("upperleg01", "spine05"),
    ("shoulder01", "spine01"),
    ("shoulder01", "spine02"),
    ("upperleg01", "root"),
    ("upperleg02", "lowerleg01"),
)
# Both nipples' patches of the base mesh: smoothed away, as the figure wears a suit.
_NIPPLES = np.r_[1755:1800, 8427:8472]
_NIPPLE_STEPS = 30


@dataclass(frozen=True, eq=False)
class Rest:
    """A person in the rest pose."""

    vertices: np.ndarray  # [19158, 3] m
    heads: np.ndarray  # [163, 3] m, of MakeHuman's bones
    tails: np.ndarray  # [163, 3] m


class RestPoser:
    """Turns people into the rest pose."""

    def __init__(self, source: Source) -> None:
        self._base = source.base
        self._bones = source.bones
        self._index = {bone.name: i for i, bone in enumerate(source.bones)}
        self._weights = sp.csr_matrix(source.bone_weights)
        quads = np.concatenate(list(source.base.quads.values()))
        self._smoother = neighbour_mean(quads, len(source.base.vertices))
        self._relax = self._relax_mask()
        self._nipple_smoother = self._smoother[_NIPPLES]

    def pose(self, vertices: np.ndarray) -> Rest:
        """The rest pose of a person's base-mesh ``vertices`` [19158, 3] m."""
        heads = np.stack([vertices[bone.head].mean(0) for bone in self._bones])
        tails = np.stack([vertices[bone.tail].mean(0) for bone in self._bones])
        turns = self._bone_turns(heads, tails)
        posed_heads = self._posed_heads(heads, turns)
        offsets = posed_heads - np.einsum("kij,kj->ki", turns, heads)
        linear = blend_linear(vertices, self._weights, turns, offsets)
        bulged = blend_dual_quaternions(vertices, self._weights, turns, offsets)
        posed = linear + _DUAL_QUATERNION_SHARE * (bulged - linear)
        posed += self._relax * (self._relaxed(vertices, posed, turns) - posed)
        for _ in range(_NIPPLE_STEPS):
            posed[_NIPPLES] = self._nipple_smoother @ posed
        posed_tails = posed_heads + np.einsum("kij,kj->ki", turns, tails - heads)
        return Rest(posed, posed_heads, posed_tails)

    def _relaxed(self, rest: np.ndarray, posed: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """[19158, 3] m, delta mush of the creased zones; the rest is of no use."""
        creased = np.flatnonzero(self._relax)
        blended = np.tile(np.eye(3), (len(rest), 1, 1))
        mixed = (self._weights[creased] @ turns.reshape(-1, 9)).reshape(-1, 3, 3)
        blended[creased] = nearest_rotations(mixed)
        return delta_mush(rest, posed, blended, self._smoother, _RELAX_STEPS)

    def _posed_heads(self, heads: np.ndarray, turns: np.ndarray) -> np.ndarray:
        posed = heads.copy()
        for i_bone, bone in enumerate(self._bones):
            if bone.parent >= 0:
                step = heads[i_bone] - heads[bone.parent]
                posed[i_bone] = posed[bone.parent] + turns[bone.parent] @ step
        return posed

    def _bone_turns(self, heads: np.ndarray, tails: np.ndarray) -> np.ndarray:
        """[163, 3, 3] turn of every bone, rest from A-pose."""
        wanted: dict[str, np.ndarray] = {}
        for side, sign in (("L", 1.0), ("R", -1.0)):
            head = {name[:-2]: heads[i] for name, i in self._index.items() if name.endswith(side)}
            tail = {name[:-2]: tails[i] for name, i in self._index.items() if name.endswith(side)}
            turns = _arm_turns(head, sign) | _leg_turns(head, sign)
            turns |= _finger_turns(head, tail, turns["wrist"], sign)
            wanted |= {f"{name}.{side}": turn for name, turn in turns.items()}
        lean = np.radians(_SPINE_LEAN_DEG)
        for name, share in (("spine04", 0.5), ("spine03", 1.0), ("neck01", 0.5), ("neck02", 0.0)):
            wanted[name] = Rotation.from_rotvec([share * lean, 0, 0]).as_matrix()
        turns = np.tile(np.eye(3), (len(self._bones), 1, 1))
        for i_bone, bone in enumerate(self._bones):
            inherited = turns[bone.parent] if bone.parent >= 0 else np.eye(3)
            turns[i_bone] = wanted.get(bone.name, inherited)
        return turns

    def _relax_mask(self) -> np.ndarray:
        """[19158, 1] 0..1, where the turn creases the body's skin."""

        def weight(name: str) -> np.ndarray:
            names = [name, f"{name}.L", f"{name}.R"]
            columns = [self._index[n] for n in names if n in self._index]
            return np.asarray(self._weights[:, columns].sum(1)).ravel()

        overlaps = [np.minimum(1, 6 * weight(a) * weight(b)) for a, b in _RELAXED]
        mask = np.max(overlaps, axis=0)
        for _ in range(6):
            mask = self._smoother @ mask
        is_skin = np.zeros(len(mask), bool)
        is_skin[self._base.ids("body")] = True
        return np.where(is_skin, np.clip(1.3 * mask, 0, 1), 0)[:, None]


def _arm_turns(head: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    side = np.array([sign, 1.0, 1.0])
    upper, fore = head["lowerarm01"] - head["upperarm01"], head["wrist"] - head["lowerarm01"]
    hinge = sign * np.cross(upper, fore)  # the elbow bends about it; in the rest pose it is -y
    down = np.array([0.0, -1.0, 0.0])
    forearm = _turn_between(fore, hinge, side * _FOREARM, down)
    palm_side = head["finger2-1"] - head["finger5-1"]
    hand = head["finger3-1"] - head["wrist"]
    wrist = _turn_between(hand, palm_side, side * _HAND, np.array([0.0, 0.0, 1.0]))
    along = _unit(side * _FOREARM)
    twist = Rotation.from_matrix(wrist @ forearm.T).as_rotvec() @ along
    upper_arm = _turn_between(upper, hinge, side * _UPPER_ARM, down)
    raises = {"clavicle": _COLLAR_DEG, "shoulder01": _SHOULDER_BLADE_DEG}
    return {
        **{
            name: Rotation.from_euler("z", sign * angle, degrees=True).as_matrix()
            for name, angle in raises.items()
        },
        "upperarm01": upper_arm,
        "upperarm02": upper_arm,
        **{
            name: Rotation.from_rotvec(along * twist * share).as_matrix() @ forearm
            for name, share in _FOREARM_TWIST.items()
        },
        "wrist": wrist,
        **{f"metacarpal{i}": wrist for i in range(1, 5)},
    }


def _leg_turns(head: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    side = np.array([sign, 1.0, 1.0])
    thigh = _swing(head["lowerleg01"] - head["upperleg01"], side * _THIGH)
    shank = _swing(head["foot"] - head["lowerleg01"], side * _SHANK)
    return {
        "upperleg01": thigh,
        "upperleg02": thigh,
        "lowerleg01": shank,
        "lowerleg02": shank,
        "foot": np.eye(3),  # MakeHuman's stand flat
    }


def _finger_turns(
    head: dict[str, np.ndarray], tail: dict[str, np.ndarray], wrist: np.ndarray, sign: float
) -> dict[str, np.ndarray]:
    side, turns = np.array([sign, 1.0, 1.0]), {}
    for i_finger in range(1, 6):
        for i_bone in range(1, 4):
            name = f"finger{i_finger}-{i_bone}"
            lies = _unit(wrist @ (tail[name] - head[name]))
            if i_finger == 1:
                wanted = (1 - _THUMB_SHARE) * lies + _THUMB_SHARE * _unit(side * _THUMB[i_bone])
            else:
                wanted = np.array([sign, -0.02, _FINGER_FAN[i_finger]])
            turns[name] = _swing(lies, wanted) @ wrist
    return turns


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _axes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[3, 3] right-handed axes in columns: along ``first``, then toward ``second``."""
    first = _unit(first)
    second = _unit(second - first * (first @ second))
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _turn_between(
    first: np.ndarray, second: np.ndarray, to_first: np.ndarray, to_second: np.ndarray
) -> np.ndarray:
    """[3, 3] takes ``first`` to ``to_first`` and ``second`` as near as it can to ``to_second``."""
    return _axes(to_first, to_second) @ _axes(first, second).T


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """[3, 3] the shortest turn from ``start`` to ``end``."""
    start, end = _unit(start), _unit(end)
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, start @ end)).as_matrix()
