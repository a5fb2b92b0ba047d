"""Windows of the mocap takes: resampled, re-timed, mirrored, turned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from reelrig.core.errors import ReelrigError
from reelrig.core.frames import WORLD_FROM_BODY

from . import quaternions
from .curves import wander
from .figure import NUM_BODY, OTHER_SIDE
from .hinges import straighten_hinges

MOCAP_FILE = "cmu_smplx_30fps.npz"
# Whole subjects that only held-out draws show: various actions, dance, karate; 12 % of the minutes.
HELD_OUT_SUBJECTS = ("2", "5", "135")
UNKNOWN = "unknown"

_SPEED_RANGE = (0.6, 1.6)
_SPEED_SWING = 0.12  # standard deviation of the slowly varying part
_SPEED_HZ = 0.7
# A moment's chance falls with the number of moments that look alike, to this power; alike means
# within this mean angle of all joints.
_RARITY_POWER, _ALIKE_RAD, _RARITY_STRIDE = 0.6, np.radians(14), 12
_MIRROR = np.array([1.0, 1.0, -1.0, -1.0])  # of a quaternion, across the plane x = 0


@dataclass(frozen=True, eq=False)
class Movement:
    """The body joints of a clip."""

    local: np.ndarray  # [T, 22, 4] parent from joint; joint 0: world from body
    pelvis: np.ndarray  # [T, 3] m
    subject: str


@dataclass(frozen=True, eq=False)
class Takes:
    """Mocap takes at one rate, in world axes."""

    local: np.ndarray  # [N, 22, 4] float32, signs aligned within each take
    pelvis: np.ndarray  # [N, 3] m
    starts: np.ndarray  # [K] first row of each take
    lengths: np.ndarray  # [K]
    subjects: tuple[str, ...]  # of each take
    rate_hz: float
    rarity: np.ndarray  # [N] relative chance of each row

    @classmethod
    def load(cls, folder: Path) -> Takes:
        path = Path(folder) / MOCAP_FILE
        if not path.exists():
            raise ReelrigError(
                f"No {MOCAP_FILE} in {folder}. Give the folder of the converted mocap takes."
            )
        with np.load(path, allow_pickle=False) as file:
            return cls.from_rotvecs(
                file["poses"].astype(np.float64),
                file["trans"].astype(np.float64),
                file["starts"],
                file["lengths"],
                tuple(UNKNOWN if s < 0 else str(s) for s in file["subjects"]),
                float(file["fps"]),
            )

    @classmethod
    def from_rotvecs(
        cls,
        poses: np.ndarray,
        trans: np.ndarray,
        starts: np.ndarray,
        lengths: np.ndarray,
        subjects: tuple[str, ...],
        rate_hz: float,
    ) -> Takes:
        """Of ``poses`` [N, 22, 3] rad and pelvis ``trans`` [N, 3] m in axes with y up."""
        local = quaternions.from_rotvec(poses)
        upright = quaternions.from_matrix(WORLD_FROM_BODY)
        local[:, 0] = quaternions.multiply(upright, local[:, 0])
        owner = np.repeat(np.unique(subjects, return_inverse=True)[1], lengths)
        local = straighten_hinges(local, owner)
        for start, length in zip(starts, lengths, strict=True):
            rows = slice(start, start + length)
            local[rows] = quaternions.align(local[rows])
        return cls(
            local.astype(np.float32),
            trans @ WORLD_FROM_BODY.T,
            starts,
            lengths,
            subjects,
            rate_hz,
            _rarity(poses),
        )

    def of_subjects(self, held_out: bool) -> Takes:
        """Only the held-out subjects' takes, or only the others'."""
        kept = [i for i, s in enumerate(self.subjects) if (s in HELD_OUT_SUBJECTS) == held_out]
        if not kept:
            raise ReelrigError(
                f"The mocap has no subjects {'' if held_out else 'but '}{HELD_OUT_SUBJECTS}."
            )
        rows = np.concatenate(
            [np.arange(self.starts[i], self.starts[i] + self.lengths[i]) for i in kept]
        )
        lengths = self.lengths[kept]
        return Takes(
            self.local[rows],
            self.pelvis[rows],
            np.concatenate([[0], np.cumsum(lengths)[:-1]]),
            lengths,
            tuple(self.subjects[i] for i in kept),
            self.rate_hz,
            self.rarity[rows],
        )

    def draw(self, rng: np.random.Generator, num_rows: int, rate_hz: float) -> Movement:
        """A window somewhere in a take, at another tempo, mirrored or not, turned anywhere."""
        time_s = np.arange(num_rows) / rate_hz
        take, start, place = self._draw_window(rng, time_s)
        rows, weights = quaternions.cubic_weights(place, int(self.lengths[take]))
        rows = rows + start
        local = np.einsum("tk,tkja->tja", weights, self.local[rows])
        pelvis = np.einsum("tk,tka->ta", weights, self.pelvis[rows])
        movement = Movement(quaternions.normalize(local), pelvis, self.subjects[take])
        if rng.random() < 0.5:
            movement = mirrored(movement)
        return turned(movement, 2 * np.pi * rng.random())

    def _draw_window(
        self, rng: np.random.Generator, time_s: np.ndarray
    ) -> tuple[int, int, np.ndarray]:
        """Take, its first row, and fractional rows [T] in it."""
        speed = np.exp(rng.uniform(*np.log(_SPEED_RANGE)))
        swing = 1 + _SPEED_SWING * wander(rng, time_s, 1, _SPEED_HZ)[:, 0]
        steps = speed * np.clip(swing, 0.5, 1.5) * self.rate_hz * np.gradient(time_s)
        place = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        place *= min(1.0, (self.lengths.max() - 1) / max(place[-1], 1e-9))
        middle = int(np.searchsorted(self._chances, rng.random() * self._chances[-1], "right"))
        take = int(np.searchsorted(self.starts, middle, "right")) - 1
        room = self.lengths[take] - 1 - place[-1]
        if room < 0:  # too short for the window: another one
            return self._draw_window(rng, time_s)
        first = middle - self.starts[take] - place[-1] * rng.random()
        return take, int(self.starts[take]), place + np.clip(first, 0, room)

    @cached_property
    def _chances(self) -> np.ndarray:
        """[N] running sum of the rows' chances."""
        return np.cumsum(self.rarity)


def _rarity(poses: np.ndarray) -> np.ndarray:
    """[N] chance of each pose [N, 22, 3], lower where many are alike: standing, walking."""
    few = poses[::_RARITY_STRIDE, 1:].reshape(-1, (NUM_BODY - 1) * 3).astype(np.float32)
    squares = (few**2).sum(1)
    alike = np.zeros(len(few))
    reach = 2 * (NUM_BODY - 1) * _ALIKE_RAD**2
    for rows in np.array_split(np.arange(len(few)), max(1, len(few) // 500)):
        distance = squares[rows, None] + squares - 2 * few[rows] @ few.T
        alike[rows] = np.exp(-np.maximum(distance, 0) / reach).sum(1)
    return np.repeat(alike**-_RARITY_POWER, _RARITY_STRIDE)[: len(poses)]


def mirrored(movement: Movement) -> Movement:
    """Left and right changed."""
    local = movement.local[:, OTHER_SIDE] * _MIRROR
    # The body's own mirror lies across its x, the world's too: WORLD_FROM_BODY keeps x.
    return Movement(local, movement.pelvis * np.array([-1.0, 1.0, 1.0]), movement.subject)


def turned(movement: Movement, heading: float) -> Movement:
    """Turned about the vertical, in radians; the middle of its path comes to x = y = 0."""
    turn = quaternions.about("z", heading)
    local = movement.local.copy()
    local[:, 0] = quaternions.multiply(turn, local[:, 0])
    middle = np.append(movement.pelvis[:, :2].mean(0), 0)
    return Movement(local, quaternions.rotate(turn, movement.pelvis - middle), movement.subject)
