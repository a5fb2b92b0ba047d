"""Postures of everyday life, exercise and rest that the mocap hardly has.

A posture is drawn as angles of legs and trunk; arms.py poses the arms, figure.py finds the height.
Legs are named by what they do, radians: bend (thigh forward), spread (outward), out (toes outward),
knee (bent). Pitch leans the pelvis forward, roll to the right, from upright.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from .arms import ArmStyle
from .figure import NUM_BODY

_UP = np.pi / 2
_SHIN = _UP + 0.18  # rad from hanging down: a shin that lies on the floor, its foot under it
_SIGN = {"left": 1.0, "right": -1.0}
Rng = np.random.Generator


@dataclass(eq=False)
class Posture:
    angles: np.ndarray = field(default_factory=lambda: np.zeros((NUM_BODY - 1, 3)))  # [21, 3] rad
    pitch: float = 0.0  # rad, the pelvis leaning forward
    roll: float = 0.0  # rad, to its right
    yaw: float = 0.0  # rad about the body's own axis, before the others

    def leg(
        self,
        side: str,
        bend: float,
        spread: float = 0.0,
        out: float = 0.0,
        knee: float = 0.0,
        ankle: float | None = None,
    ) -> None:
        """Sets one leg; without ``ankle`` (toes down) the sole is level with the floor."""
        hip, shin, foot = (JOINT_INDEX[f"{side}_{j}"] - 1 for j in ("hip", "knee", "ankle"))
        knee = float(np.clip(knee, 0, 2.6))
        self.angles[hip] = (-bend, _SIGN[side] * out, _SIGN[side] * spread)
        self.angles[shin, 0] = knee
        level = -(self.pitch - bend + knee)
        self.angles[foot, 0] = np.clip(level if ankle is None else ankle, -0.55, 0.85)

    def legs(self, rng: Rng, bend: float, spread: float, out: float, knee: float, **rest) -> None:
        """Both legs alike, each a little different."""
        for side in _SIGN:
            db, ds, do, dk = rng.normal(0, (0.07, 0.05, 0.08, 0.1))
            self.leg(side, bend + db, spread + ds, out + do, knee + dk, **rest)

    def spine(self, rng: Rng, bend: float = 0.0, twist: float = 0.0, side: float = 0.0) -> None:
        """Bends the three spine joints together, radians in all; the head stays half upright."""
        bend, twist, side = np.array([bend, twist, side]) + rng.normal(0, (0.12, 0.15, 0.08))
        for i, share in ((1, 0.4), (2, 0.35), (3, 0.25)):
            self.angles[JOINT_INDEX[f"spine{i}"] - 1] = share * np.array([bend, twist, side])
        for name in ("neck", "head"):
            look = rng.normal((-0.25 * bend, 0, -0.2 * side), (0.12, 0.2, 0.07))
            self.angles[JOINT_INDEX[name] - 1] = look


def _stand(rng: Rng) -> Posture:
    p = Posture(pitch=rng.normal(0.02, 0.06), roll=rng.normal(0, 0.05))
    wide = abs(rng.normal(0.06, 0.1))
    for side in _SIGN:
        knee = abs(rng.normal(0.05, 0.12)) + (0.4 * rng.random() if rng.random() < 0.2 else 0)
        # A standing leg is as far from vertical as the other: the pelvis' roll is made up for.
        tilt = _SIGN[side] * p.roll
        p.leg(
            side,
            p.pitch + 0.5 * knee + rng.normal(0, 0.08),
            wide - tilt,
            abs(rng.normal(0.1, 0.15)),
            knee,
        )
    p.spine(rng, bend=rng.normal(0, 0.1), side=-p.roll)
    return p


def _sit_on_chair(rng: Rng) -> Posture:
    p = Posture(pitch=rng.normal(-0.12, 0.18))
    thigh = _UP + p.pitch - rng.normal(0.05, 0.12)
    p.legs(rng, thigh, rng.normal(0.12, 0.13), rng.normal(0, 0.12), rng.normal(1.5, 0.28))
    side = rng.choice(list(_SIGN))
    variant = rng.random()
    if variant < 0.15:  # one knee over the other
        p.leg(side, thigh + 0.28, -0.28, 0.1, rng.normal(1.35, 0.2), ankle=rng.normal(0.3, 0.2))
    elif variant < 0.3:  # ankle on the other knee
        p.leg(side, thigh + 0.05, 0.45, rng.normal(1.35, 0.1), rng.normal(1.7, 0.12), ankle=0.1)
    elif variant < 0.45:  # legs stretched out
        p.legs(rng, thigh - 0.15, 0.05, 0.05, rng.uniform(0.4, 0.9))
    elif variant < 0.55:  # the feet drawn in under the seat
        p.legs(rng, thigh, 0.1, 0.0, rng.normal(2.0, 0.1), ankle=0.2)
    p.spine(rng, bend=rng.normal(0.2 - p.pitch, 0.2), twist=rng.normal(0, 0.15))
    return p


def _sit_on_floor(rng: Rng) -> Posture:
    p = Posture(pitch=rng.normal(-0.2, 0.15))
    thigh, side = _UP + p.pitch, rng.choice(list(_SIGN))
    other = "left" if side == "right" else "right"
    variant = rng.choice(["long", "knees up", "crossed", "side", "one knee up", "apart"])
    if variant == "long":
        p.legs(rng, thigh - 0.02, 0.08, 0.05, abs(rng.normal(0, 0.1)), ankle=rng.normal(0, 0.25))
    elif variant == "apart":
        p.legs(rng, thigh - 0.1, rng.uniform(0.35, 0.7), 0.1, abs(rng.normal(0, 0.15)), ankle=0.0)
    elif variant == "knees up":
        bend = thigh + rng.uniform(0.4, 0.75)
        p.legs(rng, bend, rng.normal(0.1, 0.1), 0.0, 2 * (bend - thigh) + rng.normal(0.7, 0.2))
    elif variant == "crossed":
        p.legs(rng, thigh - 0.2, rng.normal(0.8, 0.1), rng.normal(1.6, 0.1), 2.2, ankle=0.3)
    elif variant == "side":
        p.leg(side, thigh - 0.25, 0.75, 1.65, rng.normal(2.1, 0.15), ankle=0.4)
        p.leg(other, thigh - 0.4, 0.9, rng.normal(-0.8, 0.06), rng.normal(2.0, 0.15), ankle=0.5)
    else:
        p.leg(side, thigh + 0.6, 0.05, 0.0, rng.normal(2.0, 0.15))
        p.leg(other, thigh - 0.05, rng.normal(0.2, 0.15), 0.2, abs(rng.normal(0.1, 0.2)), ankle=0.1)
    p.spine(rng, bend=rng.normal(0.35 - p.pitch, 0.2))
    return p


def _lie(rng: Rng) -> Posture:
    variant = rng.choice(["back", "front", "side", "elbows"], p=[0.4, 0.25, 0.25, 0.1])
    p, turn = Posture(), rng.normal(0, 0.12)
    if variant == "back":
        p.pitch, p.yaw = -_UP + rng.normal(0, 0.04), turn
        p.legs(rng, abs(rng.normal(0.03, 0.06)), 0.12, 0.3, abs(rng.normal(0, 0.08)), ankle=0.4)
        for side in _SIGN:
            if rng.random() < 0.35:  # a foot put up
                bend = rng.uniform(0.5, 1.1)
                p.leg(side, bend, rng.normal(0.05, 0.1), 0.0, 1.7 * bend)
            elif rng.random() < 0.15:  # a leg in the air, or drawn to the chest
                p.leg(side, rng.uniform(0.6, 1.7), 0.1, 0.1, rng.uniform(0, 2.0), ankle=0.2)
        p.spine(rng, bend=rng.normal(0.1, 0.1))
    elif variant in ("front", "elbows"):
        p.pitch, p.yaw = _UP - rng.normal(0, 0.04), turn
        p.legs(rng, rng.normal(-0.02, 0.04), 0.12, 0.1, abs(rng.normal(0, 0.1)), ankle=0.8)
        if rng.random() < 0.3:
            p.leg(rng.choice(list(_SIGN)), 0.0, 0.1, 0.1, rng.uniform(0.3, 1.9), ankle=0.6)
        p.spine(rng, bend=rng.normal(-0.7, 0.1) if variant == "elbows" else -0.05)
        aside = rng.uniform(0.3, 0.6) * rng.choice([-1, 1])
        for name in ("neck", "head"):
            look = (-0.25, 0, 0) if variant == "elbows" else (0.0, aside, 0.0)
            p.angles[JOINT_INDEX[name] - 1] = look
    else:
        sign = rng.choice([-1, 1])
        p.roll, p.yaw = sign * (_UP + rng.normal(0, 0.1)), rng.normal(0, 0.2)
        bend = rng.uniform(0.1, 1.3)
        for side in _SIGN:
            db, dk = rng.normal(0, 0.3, 2)
            p.leg(
                side, max(bend + db, -0.1), rng.normal(0.02, 0.06), 0.0, 1.3 * bend + dk, ankle=0.3
            )
        p.spine(rng, bend=rng.normal(0.3, 0.2), side=rng.normal(0, 0.1))
    return p


def _kneel(rng: Rng) -> Posture:
    p = Posture(pitch=rng.normal(0.05, 0.12))
    side = rng.choice(list(_SIGN))
    other = "left" if side == "right" else "right"
    variant = rng.random()
    ankle = 0.8 if rng.random() < 0.7 else -0.5
    thigh = p.pitch + rng.normal(0, 0.12)
    if variant < 0.35:  # on both knees, upright
        p.legs(rng, thigh, 0.08, 0.05, thigh - p.pitch + _SHIN, ankle=ankle)
    elif variant < 0.65:  # sitting on the heels
        knee = rng.normal(2.5, 0.06)
        p.legs(rng, p.pitch + knee - _SHIN, 0.12, 0.0, knee, ankle=0.8)
    else:  # on one knee
        front = rng.normal(1.5, 0.15)
        p.leg(side, p.pitch + front, rng.normal(0.1, 0.12), 0.05, front + rng.normal(0, 0.15))
        p.leg(other, thigh, 0.05, 0.05, thigh - p.pitch + _SHIN, ankle=ankle)
    p.spine(rng, bend=rng.normal(0.15, 0.2), twist=rng.normal(0, 0.2))
    return p


def _squat(rng: Rng, depth: float | None = None) -> Posture:
    depth = rng.uniform(0.3, 1.0) if depth is None else depth
    p = Posture(pitch=0.5 * depth + rng.normal(0, 0.12))
    knee = 2.2 * depth + rng.normal(0, 0.1)
    # The shins lean forward by a third of the knee's bend, or less.
    bend = p.pitch + knee - min(0.3 * knee, 0.55)
    p.legs(rng, bend, rng.uniform(0.05, 0.35), rng.uniform(0.0, 0.4), knee)
    p.spine(rng, bend=rng.normal(0.25, 0.2), twist=rng.normal(0, 0.15))
    return p


def _bend_over(rng: Rng) -> Posture:
    p = Posture(pitch=rng.uniform(0.3, 1.15))
    knee = abs(rng.normal(0.15, 0.3))
    p.legs(rng, p.pitch + 0.55 * knee, rng.normal(0.1, 0.1), 0.1, knee)
    p.spine(rng, bend=rng.uniform(0.1, 0.8), twist=rng.normal(0, 0.25), side=rng.normal(0, 0.15))
    return p


def _crawl(rng: Rng) -> list[Posture]:
    """Keys of a crawl, of a hold on hands and knees, or of press-ups (hands stay below)."""
    step = rng.uniform(0.1, 0.45) if rng.random() < 0.6 else 0.0
    keys = []
    pitch = rng.normal(1.42, 0.08)
    for sign in (1, -1):
        p = Posture(pitch=pitch + rng.normal(0, 0.03))
        for side in _SIGN:
            swing = sign * _SIGN[side] * step
            thigh = 0.1 + swing
            p.leg(side, p.pitch + thigh, 0.06, 0.0, thigh + _SHIN, ankle=0.8)
        p.spine(rng, bend=rng.normal(0.0, 0.2), side=0.2 * sign * step)
        keys.append(_face_up(rng, p))
    return keys


def _plank(rng: Rng) -> list[Posture]:
    keys = []
    for _ in range(2):
        p = Posture(pitch=rng.normal(1.28, 0.06))
        p.legs(rng, rng.normal(0.05, 0.06), 0.06, 0.0, abs(rng.normal(0, 0.05)), ankle=-0.4)
        p.spine(rng, bend=rng.normal(0, 0.05))
        keys.append(_face_up(rng, p))
    return keys


def _face_up(rng: Rng, p: Posture) -> Posture:
    """The head raised, as on all fours."""
    for name in ("neck", "head"):
        p.angles[JOINT_INDEX[name] - 1] = (rng.normal(-0.25, 0.2), rng.normal(0, 0.15), 0)
    return p


def _lunge(rng: Rng, side: str | None = None) -> Posture:
    side = side or str(rng.choice(list(_SIGN)))
    other = "left" if side == "right" else "right"
    p, depth = Posture(pitch=rng.normal(0.12, 0.15)), rng.uniform(0.5, 1.0)
    p.leg(side, p.pitch + 1.4 * depth, rng.normal(0.05, 0.08), 0.1, 1.4 * depth)
    knee = rng.uniform(0, 1.1) * depth
    p.leg(other, p.pitch - 0.75 * depth + 0.3 * knee, 0.05, 0.1, knee, ankle=-0.3)
    p.spine(rng, bend=rng.normal(0.05, 0.2), twist=rng.normal(0, 0.3), side=rng.normal(0, 0.12))
    return p


def _kick(rng: Rng) -> list[Posture]:
    """A knee drawn up, the leg thrown out, and back."""
    side = rng.choice(list(_SIGN))
    other = "left" if side == "right" else "right"
    height, spread = rng.uniform(0.7, 1.75), max(0.0, rng.normal(0.2, 0.4))
    keys = []
    for bend, knee in ((-0.2, 0.5), (0.8 * height, 1.7), (height, 0.1), (0.8 * height, 1.5)):
        p = Posture(pitch=-0.2 * bend, roll=-_SIGN[side] * -0.15 * spread)
        p.leg(other, p.pitch + rng.normal(0.05, 0.05), 0.05, 0.3, abs(rng.normal(0.15, 0.1)))
        p.leg(side, bend, spread * max(bend, 0), 0.2 * spread, knee, ankle=rng.normal(0.2, 0.3))
        p.spine(rng, bend=0.1 + 0.1 * bend, twist=rng.normal(0, 0.2))
        keys.append(p)
    return keys


def _jump(rng: Rng) -> list[Posture]:
    return [_squat(rng, rng.uniform(0.3, 0.6)), _stand(rng), _stand(rng)]


def _run(rng: Rng) -> list[Posture]:
    """Strides on the spot: knees high or heels up."""
    lift, keys = rng.uniform(0.5, 1.6), []
    for side, other in (("left", "right"), ("right", "left")):
        p = Posture(pitch=rng.normal(0.12, 0.06), roll=_SIGN[side] * 0.04)
        p.leg(side, p.pitch + lift, 0.03, 0.0, rng.uniform(0.8, 1.2) * (0.5 + lift), ankle=0.1)
        p.leg(other, p.pitch - rng.uniform(0, 0.45), 0.02, 0.0, rng.uniform(0.1, 0.4), ankle=0.2)
        p.spine(rng, bend=0.08, twist=-_SIGN[side] * rng.uniform(0, 0.25))
        keys.append(p)
    return keys


def _throw(rng: Rng) -> list[Posture]:
    """The trunk wound up and swung round: throws, rackets, clubs."""
    side, twist = rng.choice(list(_SIGN)), rng.uniform(0.3, 0.6)
    keys = []
    for sign in (-1, 1):
        p = _lunge(rng, side) if rng.random() < 0.5 else _stand(rng)
        p.spine(rng, bend=0.15 * sign, twist=sign * _SIGN[side] * twist)
        keys.append(p)
    return keys


def _balance(rng: Rng) -> Posture:
    side = rng.choice(list(_SIGN))
    other = "left" if side == "right" else "right"
    variant = rng.choice(["tree", "scale", "dancer", "leg up"])
    p = Posture()
    if variant == "tree":
        p.leg(other, 0.02, 0.02, 0.05, 0.03)
        p.leg(side, rng.normal(0.8, 0.1), 0.75, 1.5, rng.normal(2.1, 0.15), ankle=0.5)
    elif variant == "scale":
        p.pitch = rng.uniform(0.5, 1.4)
        p.leg(other, p.pitch + 0.03, 0.03, 0.05, 0.08)
        p.leg(side, rng.normal(-0.2, 0.12), 0.05, 0.1, abs(rng.normal(0, 0.2)), ankle=0.5)
    elif variant == "dancer":
        p.pitch = rng.uniform(0.2, 0.6)
        p.leg(other, p.pitch + 0.03, 0.03, 0.05, 0.08)
        p.leg(side, rng.normal(-0.4, 0.08), 0.1, 0.1, rng.uniform(1.2, 2.1), ankle=0.6)
    else:
        p.pitch = -0.12
        p.leg(other, p.pitch + 0.05, 0.03, 0.1, 0.05)
        p.leg(side, rng.uniform(0.8, 1.7), rng.uniform(0, 0.6), 0.2, rng.uniform(0, 0.4), ankle=0.4)
    p.spine(rng, bend=-0.15 if p.pitch > 0.3 else 0.0, side=rng.normal(0, 0.15))
    return p


def _stretch(rng: Rng) -> Posture:
    """Wide stances, side bends, the dog with its face down, the child, the cobra."""
    variant = rng.choice(["warrior", "triangle", "dog", "child", "cobra", "side bend"])
    p, side = Posture(), rng.choice(list(_SIGN))
    other = "left" if side == "right" else "right"
    if variant == "warrior":
        p.leg(side, 0.75, 0.75, 0.75, 1.25)
        p.leg(other, 0.0, 0.6, 0.1, 0.05)
        p.spine(rng)
    elif variant == "triangle":
        lean = rng.uniform(0.4, 0.95)
        p.roll = -_SIGN[side] * lean
        p.leg(side, 0.1, min(0.45 + lean, 1.0), 0.5, 0.05)
        p.leg(other, 0.0, 0.45 - 0.9 * lean, 0.1, 0.05)
        p.spine(rng, side=rng.normal(0, 0.2))
    elif variant == "dog":
        p.pitch = rng.normal(2.15, 0.12)
        p.legs(rng, p.pitch - 0.45, 0.08, 0.0, abs(rng.normal(0.1, 0.15)))
        p.spine(rng, bend=-0.1)
    elif variant == "child":
        p.pitch = rng.normal(0.85, 0.1)
        p.legs(rng, p.pitch + 2.5 - _SHIN, 0.2, 0.0, 2.5, ankle=0.85)
        p.spine(rng, bend=0.75)
    elif variant == "cobra":
        p.pitch = _UP - 0.12
        p.legs(rng, -0.1, 0.06, 0.0, 0.03, ankle=0.85)
        p.spine(rng, bend=rng.normal(-0.75, 0.1))
    else:
        p.legs(rng, 0.02, rng.uniform(0.05, 0.35), 0.1, 0.05)
        p.spine(rng, side=rng.uniform(0.3, 0.75) * rng.choice([-1, 1]), twist=rng.normal(0, 0.15))
    return p


_USUAL_ARMS = ArmStyle()


@dataclass(frozen=True)
class Kind:
    """A kind of clip: how its keys are drawn, what the arms do meanwhile, how fast it goes."""

    share: float
    keys: Callable[[Rng], list[Posture]]
    arms: ArmStyle = _USUAL_ARMS
    seconds: float = 2.0  # between keys
    leap_m: float = 0.0  # jumps up to this high
    drift: float = 0.12  # rad, how far a held posture moves about


def _held(draw: Callable[[Rng], Posture]) -> Callable[[Rng], list[Posture]]:
    return lambda rng: [draw(rng)]


def _changing(*draws: Callable[[Rng], Posture]) -> Callable[[Rng], list[Posture]]:
    return lambda rng: [draw(rng) for draw in draws]


_ON_FLOOR = ArmStyle(hang=0.15, touch=0.4, both=0.2, lap=0.4, support=0.35)
_ON_HANDS = ArmStyle(both=0.0, support=1.0)
_FREE = ArmStyle(hang=0.05, touch=0.15, both=0.1, seconds=0.8)
_GESTURING = ArmStyle(hang=0.35, touch=0.25, both=0.2, seconds=0.7)
_SEATED = ArmStyle(hang=0.08, touch=0.5, both=0.2, lap=0.6, seconds=0.8)
_FAST = ArmStyle(hang=0.1, touch=0.1, both=0.3, seconds=0.45)

KINDS: dict[str, Kind] = {
    "gesturing": Kind(0.13, _held(_stand), _GESTURING),
    "reaching": Kind(0.11, _changing(_stand, _stand), _FREE, 1.2),
    "sitting": Kind(0.16, _held(_sit_on_chair), _SEATED),
    "sitting down": Kind(0.04, _changing(_stand, _sit_on_chair), _FREE, 1.2),
    "floor": Kind(0.1, _held(_sit_on_floor), _ON_FLOOR),
    "lying": Kind(0.1, _held(_lie), ArmStyle(hang=0.4, touch=0.25, both=0.1, seconds=1.6)),
    "getting up": Kind(0.03, _changing(_sit_on_floor, _kneel, _squat, _stand), _FREE, 0.9),
    "kneeling": Kind(0.06, _held(_kneel), _SEATED),
    "squatting": Kind(0.05, _changing(_squat, _squat, _stand), _FREE, 1.1),
    "crawling": Kind(0.04, _crawl, _ON_HANDS, 0.6),
    "press-up": Kind(0.02, _plank, _ON_HANDS, 0.9),
    "bending": Kind(0.06, _changing(_bend_over, _bend_over, _stand), ArmStyle(low=0.6), 1.1),
    "lunge": Kind(0.03, _changing(_lunge, _stand), _FREE, 0.9),
    "kick": Kind(0.02, _kick, _FAST, 0.3),
    "jump": Kind(0.02, _jump, _FAST, 0.4, leap_m=0.5),
    "running": Kind(0.02, _run, _FAST, 0.35, leap_m=0.05),
    "throw": Kind(0.03, _throw, _FAST, 0.5),
    "balance": Kind(0.03, _held(_balance), _FREE),
    "stretching": Kind(0.04, _held(_stretch), ArmStyle(hang=0.05, touch=0.05, both=0.2)),
}
