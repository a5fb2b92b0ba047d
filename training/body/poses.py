"""Poses, hands and faces in which landmarks are looked at, and the cameras that look.

Those of LEARNT fit the landmark table, those of HELD_OUT only measure it: other poses, seen from
elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from reelrig.core.skeletons import JOINT_INDEX, NUM_JOINTS

# Degrees about the body's x, y and z; z turns first, x last. A name without a side stands for both,
# the right one mirrored. From the T-pose, on the left: arm down is -z, forward is -y; fingers and
# elbow bend by -z and -y; hip and knee bend by -x and +x.
Turns = Mapping[str, tuple[float, float, float]]

_ARMS_DOWN = {"collar": (0, 0, -6), "shoulder": (0, 0, -68), "elbow": (0, -12, 0)}


def _curl(
    first: float, second: float, third: float, spread: float = 0.0
) -> dict[str, tuple[float, float, float]]:
    """Fingers bent by these angles at their three joints, and fanned by ``spread``."""
    fans = {"index": 1.0, "middle": 0.2, "ring": -0.5, "pinky": -1.2}
    return {
        f"{finger}{i}": (0.0, -spread * fan if i == 1 else 0.0, -bend)
        for finger, fan in fans.items()
        for i, bend in ((1, first), (2, second), (3, third))
    }


_HANDS: dict[str, Turns] = {
    "flat": {},
    "relaxed": _curl(18, 28, 15) | {"thumb1": (15, 5, 0), "thumb3": (0, 12, 0)},
    "half curled": _curl(45, 50, 28) | {"thumb1": (20, 10, 0), "thumb3": (0, 20, 0)},
    "spread": _curl(-4, 4, 2, spread=10) | {"thumb1": (0, -12, 0)},
    "cupped": _curl(32, 42, 25) | {"thumb1": (5, 0, 0), "thumb3": (0, 10, 0)},
    "loose": _curl(30, 18, 8, spread=4) | {"thumb1": (10, 0, 0)},
    "hook": _curl(10, 60, 35) | {"thumb1": (5, 8, 0), "thumb3": (0, 25, 0)},
    "pointing": _curl(65, 70, 40)
    | {"index1": (0, 0, -8), "index2": (0, 0, -6), "index3": (0, 0, -2)}
    | {"thumb1": (25, 10, 0), "thumb3": (0, 25, 0)},
}

_BODIES: dict[str, Turns] = {
    "t": {},
    "a": {"shoulder": (0, 0, -42)},
    "down": _ARMS_DOWN,
    "walk": _ARMS_DOWN
    | {"left_shoulder": (22, 0, -68), "right_shoulder": (-25, 0, 68), "elbow": (0, -25, 0)}
    | {"left_hip": (-27, 0, 0), "left_knee": (8, 0, 0), "right_hip": (16, 0, 0)}
    | {"right_knee": (28, 0, 0), "right_ankle": (14, 0, 0)},
    "reach": _ARMS_DOWN
    | {"left_collar": (0, -8, 0), "left_shoulder": (0, -70, 0), "left_elbow": (0, -20, 0)}
    | {"spine2": (12, -10, 0), "right_elbow": (0, 35, 0), "right_hip": (8, 0, 0)},
    "sit": _ARMS_DOWN
    | {"hip": (-82, 8, 0), "knee": (84, 0, 0), "shoulder": (-18, 0, -66), "elbow": (0, -45, 0)}
    | {"left_ankle": (24, 0, 0), "right_ankle": (-14, 0, 0)},
    "wave": _ARMS_DOWN
    | {"right_collar": (0, 0, -8), "right_shoulder": (0, 0, -12), "right_elbow": (0, 15, -85)}
    | {"left_hip": (0, 0, 6), "right_hip": (0, 0, -4)},
    "lunge": {"shoulder": (0, 0, -12), "left_hip": (-62, 0, 0), "left_knee": (66, 0, 0)}
    | {"right_hip": (24, 0, 0), "right_knee": (20, 0, 0), "right_foot": (-30, 0, 0)}
    | {"left_ankle": (-8, 0, 0), "right_ankle": (-12, 0, 0)},
    "hands up": {"collar": (0, 0, 16), "shoulder": (0, -15, 50), "elbow": (0, -30, 0)}
    | {"ankle": (32, 0, 0), "foot": (-30, 0, 0)},
    "twist": _ARMS_DOWN
    | {"spine1": (0, 15, 0), "spine2": (0, 15, 0), "head": (0, 20, 0), "elbow": (0, -70, 0)},
    # Held out.
    "stride": _ARMS_DOWN
    | {"left_shoulder": (-28, 0, -66), "right_shoulder": (26, 0, 66), "elbow": (0, -35, 0)}
    | {"right_hip": (-30, 0, 0), "right_knee": (14, 0, 0), "left_hip": (20, 0, 0)}
    | {"left_knee": (12, 0, 0), "left_ankle": (16, 0, 0), "left_foot": (-20, 0, 0)}
    | {"right_ankle": (-16, 0, 0)},
    "point": _ARMS_DOWN | {"right_shoulder": (0, 55, 12), "left_elbow": (0, -20, 0)},
    "squat": {"hip": (-75, 15, 6), "knee": (88, 0, 0), "ankle": (-16, 0, 0), "spine1": (25, 0, 0)}
    | {"shoulder": (0, -62, -8), "elbow": (0, -15, 0)},
    "guard": {"shoulder": (0, -35, -50), "elbow": (0, -100, 0)}
    | {"left_hip": (-15, 10, 0), "left_knee": (18, 0, 0), "right_hip": (10, 0, 0)},
    "bow": _ARMS_DOWN | {"hip": (-20, 0, 0), "spine1": (14, 0, 0), "spine2": (12, 0, 0)},
    "open arms": {"shoulder": (0, -25, -25), "elbow": (0, -20, 0), "hip": (0, 0, 9)}
    | {"ankle": (26, 0, -6), "foot": (-26, 0, 0)},
}

_FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "open": {"jawOpen": 0.6},
    "smile": {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.4}
    | {"cheekSquintRight": 0.4},
    "blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "surprise": {"jawOpen": 0.35, "browInnerUp": 0.8, "browOuterUpLeft": 0.8}
    | {"browOuterUpRight": 0.8, "eyeWideLeft": 0.7, "eyeWideRight": 0.7},
    "pucker": {"mouthPucker": 0.8},
    # Held out.
    "talk": {"jawOpen": 0.3, "mouthFunnel": 0.3},
    "frown": {"browDownLeft": 0.8, "browDownRight": 0.8, "mouthFrownLeft": 0.6}
    | {"mouthFrownRight": 0.6},
    "squint": {"eyeSquintLeft": 0.9, "eyeSquintRight": 0.9, "mouthSmileLeft": 0.3}
    | {"mouthSmileRight": 0.3},
}


@dataclass(frozen=True)
class Pose:
    """How the body is held; the name tells poses apart."""

    name: str
    turns: Turns
    scores: dict[str, float]  # of ARKit units

    def rotations(self, jaw_open_angle: float) -> np.ndarray:
        """[55, 3, 3], parent from joint."""
        turns = dict(self.turns)
        if "jawOpen" in self.scores:
            turns["jaw"] = (np.degrees(jaw_open_angle) * self.scores["jawOpen"], 0.0, 0.0)
        degrees = np.zeros((NUM_JOINTS, 3))
        for name, (x, y, z) in turns.items():
            if name in JOINT_INDEX:
                degrees[JOINT_INDEX[name]] = x, y, z
            else:
                degrees[JOINT_INDEX[f"left_{name}"]] = x, y, z
                degrees[JOINT_INDEX[f"right_{name}"]] = x, -y, -z
        return Rotation.from_euler("zyx", degrees[:, ::-1], degrees=True).as_matrix()


@dataclass(frozen=True)
class Orbit:
    """A camera around the middle of what it looks at.

    For body and face, azimuth turns about the vertical: 0 in front, 90 at the person's left, and
    elevation is above. For a hand, azimuth turns about the forearm: 0 at the palm, 90 at the thumb,
    and elevation is toward the finger tips.
    """

    azimuth: int  # degrees
    elevation: int  # degrees
    distance: float  # m


@dataclass(frozen=True)
class View:
    part: str  # "body", "left_hand", "right_hand" or "face": what fills the picture
    pose: Pose
    orbit: Orbit

    @property
    def name(self) -> str:
        return f"{self.part} {self.pose.name} {self.orbit.azimuth} {self.orbit.elevation}"


def learnt_views() -> list[View]:
    """The views that the landmark table is fitted to."""
    bodies = ("t", "a", "down", "walk", "reach", "sit", "wave", "lunge", "hands up", "twist")
    hands = ("flat", "relaxed", "half curled", "spread", "cupped")
    faces = ("neutral", "open", "smile", "blink", "surprise", "pucker")
    around = list(zip(range(0, 360, 45), (0, 15, -8, 20, 5, -5, 25, 10), strict=True))
    return [
        *_body_views(bodies, around, distances=(3.2, 4.5)),
        *_hand_views(hands, _grid((0, 45, 90, 135, 180, 225, 315), (-25, 0, 25))),
        *_face_views(faces[:1], _grid((-40, -20, 0, 20, 40), (-25, 0, 25))),
        *_face_views(faces[1:], _grid((-25, 0, 25), (-12, 12))),
    ]


def held_out_views() -> list[View]:
    """The views that the landmark table is measured on."""
    bodies = ("stride", "point", "squat", "guard", "bow", "open arms")
    around = list(zip(range(20, 380, 60), (10, -10, 20, 0, 30, 5), strict=True))
    return [
        *_body_views(bodies, around, distances=(3.0, 4.0, 5.0)),
        *_hand_views(("loose", "hook", "pointing"), _grid((20, 70, 110, 160, 200, 340), (-12, 12))),
        *_face_views(("neutral",), _grid((-30, -10, 10, 30), (-18, -6, 6, 18))),
        *_face_views(("talk", "frown", "squint"), _grid((-15, 0, 15), (0,))),
    ]


def _grid(azimuths: tuple[int, ...], elevations: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(itertools.product(azimuths, elevations))


def _body_views(
    names: tuple[str, ...], around: Sequence[tuple[int, int]], distances: tuple[float, ...]
) -> Iterator[View]:
    for name in names:
        pose = Pose(name, {**_HANDS["relaxed"], **_BODIES[name]}, {})
        for (azimuth, elevation), distance in zip(around, itertools.cycle(distances)):
            yield View("body", pose, Orbit(azimuth, elevation, distance))


def _hand_views(names: tuple[str, ...], around: Sequence[tuple[int, int]]) -> Iterator[View]:
    for name, side in itertools.product(names, ("left", "right")):
        for azimuth, elevation in around:
            orbit = Orbit(azimuth, elevation, 0.7)
            yield View(f"{side}_hand", Pose(name, _HANDS[name], {}), orbit)


def _face_views(names: tuple[str, ...], around: Sequence[tuple[int, int]]) -> Iterator[View]:
    for name in names:
        pose = Pose(name, _ARMS_DOWN, _FACES[name])
        for azimuth, elevation in around:
            yield View("face", pose, Orbit(azimuth, elevation, 1.1))
