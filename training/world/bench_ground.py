"""How well contacts, trajectory, floor and foot lock do: ``python -m training.world.bench_ground``.

``--mocap FOLDER`` names the recordings (training/bank/mocap.py); takes of the held-out subjects are
made as wrong as a lifter's and solved. Tables of means over the takes: as measured, with the
trajectory fused, and with the feet locked. Then people who do not move at all for 20 seconds.

skate: mm a row at 30 Hz that a truly touching sole point moves across. float, sunk: mm of the
lowest sole point over and under the floor while one truly touches. w_mpjpe: mm of 22 joints about
the pelvis in world axes. place: mm of the pelvis, after the mean. accel, accel_abs: mm a row^2 of
the joints about the pelvis, and of their places. popped: mrad a row^2 of knees.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import load_body
from reelrig.core.skeletons import JOINT_INDEX
from reelrig.core.world.contacts import RATE_HZ, find_contacts, pick_points
from reelrig.core.world.filters import blur
from reelrig.core.world.floor import Floor, find_floor
from reelrig.core.world.foot_lock import lock_feet
from reelrig.core.world.kinematics import RestBody
from reelrig.core.world.trajectory import PosedTake, fuse_trajectory

from ..bank import quaternions
from ..bank.figure import NUM_BODY
from ..bank.mixing import lift
from ..bank.mocap import Movement, Takes
from .lifter_errors import spoil
from .true_contacts import true_contacts

_LEAST_ROWS, _MOST_ROWS = 120, 450
_IMMOBILE_S, _STILL_UNREST = 20.0, 0.2
_KNEES = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]


@dataclass(frozen=True, eq=False)
class Solved:
    """A take in world axes whose floor is z = 0."""

    rotations: np.ndarray  # [T, 55, 3, 3]
    pelvis: np.ndarray  # [T, 3] m


@dataclass(frozen=True, eq=False)
class Sight:
    """What a lifter gives of a take, in upright axes."""

    rotations: np.ndarray  # [T, 55, 3, 3]
    pelvis: np.ndarray  # [T, 3] m
    camera: np.ndarray  # [3] m


def solve(rest: RestBody, sight: Sight) -> dict[str, Solved]:
    """The take by name of the layer that was put on last."""
    joints, turns = rest.pose_joints(sight.rotations, np.zeros_like(sight.pelvis))
    soles = rest.pose_soles(joints, turns)
    confidence = np.ones((len(joints), 55))
    at = sight.pelvis[:, None]
    contacts = find_contacts(joints + at, soles + at, confidence, RATE_HZ)
    camera = np.broadcast_to(sight.camera, sight.pelvis.shape)
    take = PosedTake(sight.pelvis, camera, joints, soles, contacts, confidence, RATE_HZ)
    first = find_floor(soles + at, contacts, rest.clearance, RATE_HZ)
    fused = fuse_trajectory(take)
    floor = find_floor(soles + fused[:, None], contacts, rest.clearance, RATE_HZ)
    fused = fuse_trajectory(take, floor, rest.clearance)
    rotations, pelvis = lock_feet(sight.rotations, fused, rest, contacts, floor.support, RATE_HZ)
    return {
        "measured": Solved(sight.rotations, _over(sight.pelvis, first)),
        "fused": Solved(sight.rotations, _over(fused, floor)),
        "locked": Solved(rotations, _over(pelvis, floor)),
    }


def _over(pelvis: np.ndarray, floor: Floor) -> np.ndarray:
    return pelvis - [0.0, 0.0, floor.height]


def score(rest: RestBody, truth: Solved, found: Solved) -> dict[str, float]:
    joints, turns = rest.pose_joints(found.rotations, found.pelvis)
    true_joints, true_turns = rest.pose_joints(truth.rotations, truth.pelvis)
    soles, true_soles = rest.pose_soles(joints, turns), rest.pose_soles(true_joints, true_turns)
    touching = true_contacts(_points(true_joints, true_soles))[:, :4]
    lowest = (soles[..., 2] - rest.clearance).min(1)[touching.any(1)]
    resting = touching[1:] & touching[:-1]
    steps = np.linalg.norm(np.diff(soles[..., :2], axis=0), axis=-1)[resting]
    body, true_body = joints[:, :NUM_BODY], true_joints[:, :NUM_BODY]
    about, true_about = body - body[:, :1], true_body - true_body[:, :1]
    off = joints[:, 0] - true_joints[:, 0]
    return {
        "skate": 1e3 * float(steps.mean()) if len(steps) else np.nan,
        "float": 1e3 * float(np.maximum(lowest, 0).mean()) if len(lowest) else np.nan,
        "sunk": 1e3 * float(np.maximum(-lowest, 0).mean()) if len(lowest) else np.nan,
        "w_mpjpe": 1e3 * _distance(about, true_about),
        "place": 1e3 * float(np.linalg.norm(off - off.mean(0), axis=-1).mean()),
        "accel": 1e3 * _distance(*(np.diff(path, 2, axis=0) for path in (about, true_about))),
        "accel_abs": 1e3 * _distance(*(np.diff(path, 2, axis=0) for path in (body, true_body))),
        "popped": 1e3 * float(np.abs(np.diff(_bend(found.rotations), 2, axis=0)).mean()),
    }


def _bend(rotations: np.ndarray) -> np.ndarray:
    """[T, 2] rad, of the knees."""
    cosine = (np.trace(rotations[:, _KNEES], axis1=2, axis2=3) - 1) / 2
    return np.arccos(np.clip(cosine, -1, 1))


def _distance(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=-1).mean())


def _points(joints: np.ndarray, soles: np.ndarray) -> np.ndarray:
    return pick_points(torch.from_numpy(joints), torch.from_numpy(soles)).numpy()


def _true_take(rest: RestBody, rotations: np.ndarray, pelvis: np.ndarray) -> Solved:
    """The take with its floor at z = 0 and feet that stand on it.

    The recordings are of other feet than this body's, which skate and stand centimetres deep. What
    that leaves is the truth; its knees are no less smooth.
    """
    joints, turns = rest.pose_joints(rotations, pelvis)
    soles = rest.pose_soles(joints, turns)
    contacts = true_contacts(_points(joints, soles)).astype(float)
    floor = find_floor(soles, contacts, rest.clearance, RATE_HZ)
    locked, pelvis = lock_feet(rotations, pelvis, rest, contacts, floor.support, RATE_HZ)
    return Solved(locked, _over(pelvis, floor))


def held_out_takes(rest: RestBody, mocap: Path, count: int) -> list[Solved]:
    takes = Takes.load(mocap).of_subjects(held_out=True)
    long = [i for i, length in enumerate(takes.lengths) if length >= _LEAST_ROWS]
    chosen = [long[i] for i in np.linspace(0, len(long) - 1, min(count, len(long))).astype(int)]
    found = []
    for i in chosen:
        rows = slice(takes.starts[i], takes.starts[i] + min(takes.lengths[i], _MOST_ROWS))
        local, pelvis = takes.local[rows].astype(np.float64), takes.pelvis[rows].astype(np.float64)
        movement = lift(Movement(quaternions.normalize(local), pelvis, takes.subjects[i]))
        rotations = np.broadcast_to(np.eye(3), (len(movement.local), 55, 3, 3)).copy()
        rotations[:, :NUM_BODY] = quaternions.to_matrix(movement.local)
        found.append(_true_take(rest, rotations, movement.pelvis))
    return found


def _mean(scores: list[dict[str, float]]) -> str:
    return "  ".join(
        f"{name} {np.nanmean([each[name] for each in scores]):.3g}" for name in scores[0]
    )


def immobile_drift(rest: RestBody, truth: Solved, rng: np.random.Generator) -> dict[str, float]:
    """mm that somebody strays at most from the mean place in 20 s, by layer; jitter aside."""
    rows = np.zeros(int(_IMMOBILE_S * RATE_HZ), int)
    still = Solved(truth.rotations[rows], truth.pelvis[rows])
    sight = Sight(*spoil(rng, still.rotations, still.pelvis, RATE_HZ, _STILL_UNREST))
    drifts = {}
    for name, solved in solve(rest, sight).items():
        joints, turns = rest.pose_joints(solved.rotations, solved.pelvis)
        for part, path in (
            ("pelvis", solved.pelvis),
            ("feet", rest.pose_soles(joints, turns).mean(1)),
        ):
            steady = blur(path, RATE_HZ)
            away = np.linalg.norm(steady - steady.mean(0), axis=1).max()
            drifts[f"{name} {part}"] = 1e3 * float(away)
    return drifts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--count", type=int, default=16, help="of takes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rest = RestBody.of(load_body(), np.zeros(10))
    rng = np.random.default_rng(0)
    scores: dict[str, list[dict[str, float]]] = {}
    drifts = []
    for truth in held_out_takes(rest, args.mocap, args.count):
        sight = Sight(*spoil(rng, truth.rotations, truth.pelvis, RATE_HZ))
        for name, found in {"true": truth, **solve(rest, sight)}.items():
            scores.setdefault(name, []).append(score(rest, truth, found))
        drifts.append(immobile_drift(rest, truth, rng))
    for name, each in scores.items():
        print(f"{name:9} {_mean(each)}")
    print(f"immobile, mm in {_IMMOBILE_S:.0f} s: {_mean(drifts)}")


if __name__ == "__main__":
    main()
