"""The bank of motion: clips of people who move in every way that the parts can be put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reelrig.core.skeletons import NUM_JOINTS

from . import quaternions
from .clip import Clip
from .faces import Faces, face_joints
from .figure import NUM_BODY, arms_inside, contacts
from .hands import Hands
from .joint_angles import JointLimits
from .liveliness import enliven
from .mixing import MIXED, lift, mix, perturb
from .mocap import Movement, Takes
from .sampled import draw_sampled
from .shapes import draw_betas

_MOCAP, _PERTURBED, _SAMPLED = "mocap", "perturbed", "sampled"
_SHARES = {_MOCAP: 0.35, MIXED: 0.25, _PERTURBED: 0.1, _SAMPLED: 0.3}
_PERTURBATION = 0.6  # standard deviations of the mocap, at most
_LITTLE_NOISE, _LITTLE_NOISE_SHARE = 0.25, 0.5  # half of the mixed clips get some as well
# A made-up clip whose arms go through the body, or that moves too fast, is drawn again.
_DEEPEST_M, _FASTEST, _NUM_TRIES = 0.035, 30.0, 6  # m, rad/s
_POSE_ROWS = 4  # every which row of the mocap teaches the limits


@dataclass(frozen=True, eq=False)
class Bank:
    """What clips are drawn from."""

    takes: Takes  # of the subjects that are trained on
    held_out_takes: Takes
    limits: JointLimits  # learned on the former
    hands: Hands
    faces: Faces

    @classmethod
    def load(cls, mocap_folder: Path) -> Bank:
        takes = Takes.load(mocap_folder)
        hands, faces = Hands.load(mocap_folder), Faces.load(mocap_folder)
        return cls.of(takes, hands, faces)

    @classmethod
    def of(cls, takes: Takes, hands: Hands, faces: Faces) -> Bank:
        trained = takes.of_subjects(held_out=False)
        limits = JointLimits.learn(trained.local[::_POSE_ROWS].astype(np.float64))
        return cls(trained, takes.of_subjects(held_out=True), limits, hands, faces)

    def draw(self, rng: np.random.Generator, num_rows: int, rate_hz: float, held_out: bool) -> Clip:
        """A clip; of ``held_out`` subjects plain mocap, of the others every kind."""
        time_s = np.arange(num_rows) / rate_hz
        if held_out:
            movement, kind = lift(self.held_out_takes.draw(rng, num_rows, rate_hz)), _MOCAP
        else:
            movement, kind = self._draw_movement(rng, num_rows, rate_hz)
        scores = self.faces.draw(rng, time_s)
        rotations = np.empty((num_rows, NUM_JOINTS, 3, 3), np.float32)
        rotations[:, :NUM_BODY] = quaternions.to_matrix(movement.local)
        rotations[:, NUM_BODY : NUM_BODY + 3] = face_joints(scores)
        rotations[:, NUM_BODY + 3 :] = self.hands.draw(rng, time_s)
        return Clip(
            time_s,
            rotations,
            movement.pelvis,
            scores,
            draw_betas(rng),
            movement.subject,
            kind,
            contacts(movement.local, movement.pelvis, rate_hz),
        )

    def _draw_movement(
        self, rng: np.random.Generator, num_rows: int, rate_hz: float
    ) -> tuple[Movement, str]:
        kind = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
        for _ in range(_NUM_TRIES):
            movement, name = self._draw_kind(rng, kind, num_rows, rate_hz)
            if kind == _MOCAP or _can_be(movement, rate_hz):
                return movement, name
        return self._draw_kind(rng, _MOCAP, num_rows, rate_hz)

    def _draw_kind(
        self, rng: np.random.Generator, kind: str, num_rows: int, rate_hz: float
    ) -> tuple[Movement, str]:
        if kind == _SAMPLED:
            return draw_sampled(rng, num_rows, rate_hz, self.limits)
        if kind == MIXED:
            movement = mix(rng, self.takes, num_rows, rate_hz)
            noise = _LITTLE_NOISE if rng.random() < _LITTLE_NOISE_SHARE else 0.0
        else:
            movement = lift(self.takes.draw(rng, num_rows, rate_hz))
            noise = _PERTURBATION if kind == _PERTURBED else 0.0
        if noise:
            movement = perturb(rng, movement, self.limits, rate_hz, noise)
        time_s = np.arange(num_rows) / rate_hz
        return replace(movement, local=enliven(rng, time_s, movement.local, self.limits)), kind


def _can_be(movement: Movement, rate_hz: float) -> bool:
    """Whether a body can do that: no arm inside it, no joint faster than joints are."""
    cosine = np.abs((movement.local[1:] * movement.local[:-1]).sum(-1)).min(initial=1.0)
    speed = 2 * np.arccos(min(float(cosine), 1.0)) * rate_hz
    return bool(speed < _FASTEST and np.quantile(arms_inside(movement.local), 0.9) < _DEEPEST_M)
