"""How well contacts, trajectory, floor and foot lock do: ``python -m training.world.bench_ground``.

``--mocap FOLDER`` names the recordings (training/bank/mocap.py); takes are made as wrong as a
lifter's and solved: of the held-out subjects, or with ``--tuning`` of the others, on which
constants are chosen. Tables of means over the takes: as measured, then with the trajectory fused
and the feet locked never (the lock is off), on the ground, always, and by themselves. Then contacts
at other frame rates, and people who do not move at all for 20 seconds.

skate: mm a row at 30 Hz that a truly touching sole point moves across. float, sunk: mm of the
lowest sole point over and under where it truly is while one touches. w_mpjpe: mm of 22 joints about
the pelvis in world axes. place: mm of the pelvis, after the mean. accel, accel_abs: mm a row^2 of
the joints about the pelvis, and of their places. popped, peak: mrad a row^2 of knees, the mean and
the take's 99.9th percentile.
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
from reelrig.core.world.trajectory import PosedTake, fuse_trajectory, touching_points

from ..bank import quaternions
from ..bank.figure import NUM_BODY
from ..bank.mixing import lift
from ..bank.mocap import Movement, Takes
from .lifter_errors import spoil
from .true_contacts import true_contacts

_LEAST_ROWS, _MOST_ROWS = 120, 450
_IMMOBILE_S, _STILL_UNREST = 20.0, 0.2
_RATES_HZ = (15.0, 30.0, 60.0, 120.0)
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
    """The take as measured, and by the foot lock's mode."""
    joints, turns = rest.pose_joints(sight.rotations, np.zeros_like(sight.pelvis))
    soles = rest.pose_soles(joints, turns)
    confidence = np.ones((len(joints), 55))
    at = sight.pelvis[:, None]
    contacts = find_contacts(joints + at, soles + at, confidence, RATE_HZ)
    camera = np.broadcast_to(sight.camera, sight.pelvis.shape)
    take = PosedTake(sight.pelvis, camera, joints, soles, contacts, confidence, RATE_HZ)

    def floor_under(pelvis: np.ndarray) -> Floor:
        points = touching_points(take) + pelvis[:, None]
        return find_floor(points, contacts, rest.touch_clearance, RATE_HZ)

    first = floor_under(sight.pelvis)
    fused = fuse_trajectory(take, floor_under(fuse_trajectory(take)), rest.clearance)
    floor = floor_under(fused)
    solved = {
        "measured": Solved(sight.rotations, _over(sight.pelvis, first)),
        "never": Solved(sight.rotations, _over(fused, floor)),
    }
    for mode in ("ground", "always", "auto"):
        arguments = (sight.rotations, fused, rest, contacts, floor.support, RATE_HZ)
        rotations, pelvis = lock_feet(*arguments, mode=mode)
        solved[mode] = Solved(rotations, _over(pelvis, floor))
    return solved


def _over(pelvis: np.ndarray, floor: Floor) -> np.ndarray:
    return pelvis - [0.0, 0.0, floor.height]


def score(rest: RestBody, truth: Solved, found: Solved) -> dict[str, float]:
    joints, turns = rest.pose_joints(found.rotations, found.pelvis)
    true_joints, true_turns = rest.pose_joints(truth.rotations, truth.pelvis)
    soles, true_soles = rest.pose_soles(joints, turns), rest.pose_soles(true_joints, true_turns)
    touching = true_contacts(_points(true_joints, true_soles))[:, :4]
    lowest = (soles[..., 2].min(1) - true_soles[..., 2].min(1))[touching.any(1)]
    resting = touching[1:] & touching[:-1]
    steps = np.linalg.norm(np.diff(soles[..., :2], axis=0), axis=-1)[resting]
    body, true_body = joints[:, :NUM_BODY], true_joints[:, :NUM_BODY]
    about, true_about = body - body[:, :1], true_body - true_body[:, :1]
    off = joints[:, 0] - true_joints[:, 0]
    pops = 1e3 * np.abs(np.diff(_bend(found.rotations), 2, axis=0))
    return {
        "skate": 1e3 * float(steps.mean()) if len(steps) else np.nan,
        "float": 1e3 * float(np.maximum(lowest, 0).mean()) if len(lowest) else np.nan,
        "sunk": 1e3 * float(np.maximum(-lowest, 0).mean()) if len(lowest) else np.nan,
        "w_mpjpe": 1e3 * _distance(about, true_about),
        "place": 1e3 * float(np.linalg.norm(off - off.mean(0), axis=-1).mean()),
        "accel": 1e3 * _distance(*(np.diff(path, 2, axis=0) for path in (about, true_about))),
        "accel_abs": 1e3 * _distance(*(np.diff(path, 2, axis=0) for path in (body, true_body))),
        "popped": float(pops.mean()),
        "peak": float(np.quantile(pops, 0.999)),
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


def true_takes(rest: RestBody, mocap: Path, count: int, held_out: bool) -> list[Solved]:
    takes = Takes.load(mocap).of_subjects(held_out)
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


def held_out_takes(rest: RestBody, mocap: Path, count: int) -> list[Solved]:
    return true_takes(rest, mocap, count, held_out=True)


def _mean(scores: list[dict[str, float]]) -> str:
    return "  ".join(
        f"{name} {np.nanmean([each[name] for each in scores]):.3g}" for name in scores[0]
    )


def count_contacts(
    rest: RestBody, truth: Solved, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """[3, 2] hits, false alarms, misses of heels and toes, filmed at ``rate`` rows a second."""
    joints, turns = rest.pose_joints(truth.rotations, truth.pelvis)
    touching = true_contacts(_points(joints, rest.pose_soles(joints, turns)))[:, :4]
    place = np.arange(int((len(joints) - 1) * rate / RATE_HZ) + 1) * RATE_HZ / rate
    rows, weights = quaternions.cubic_weights(place, len(joints))
    quats = quaternions.from_matrix(truth.rotations)[rows]
    signs = np.sign((quats * quats[:, 1:2]).sum(-1, keepdims=True))
    quats = quaternions.normalize(np.einsum("tk,tkja->tja", weights, signs * quats))
    pelvis = np.einsum("tk,tka->ta", weights, truth.pelvis[rows])
    rotations, pelvis, _ = spoil(rng, quaternions.to_matrix(quats), pelvis, rate)
    joints, turns = rest.pose_joints(rotations, pelvis)
    soles = rest.pose_soles(joints, turns)
    found = find_contacts(joints, soles, np.ones((len(joints), 55)), rate)[:, :4] > 0.5
    truly = touching[place.round().astype(int)]
    counts = [found & truly, found & ~truly, ~found & truly]
    return np.array([[each[:, side::2].sum() for side in (0, 1)] for each in counts])


def immobile_drift(rest: RestBody, truth: Solved, rng: np.random.Generator) -> dict[str, float]:
    """mm that somebody strays at most from the mean place in 20 s, by layer; jitter aside."""
    rows = np.zeros(int(_IMMOBILE_S * RATE_HZ), int)
    still = Solved(truth.rotations[rows], truth.pelvis[rows])
    sight = Sight(*spoil(rng, still.rotations, still.pelvis, RATE_HZ, _STILL_UNREST))
    drifts = {}
    for name, solved in solve(rest, sight).items():
        if name in ("ground", "always"):
            continue
        joints, turns = rest.pose_joints(solved.rotations, solved.pelvis)
        soles = rest.pose_soles(joints, turns)
        parts = {"pelvis": joints[:, :1], "joints": joints[:, :NUM_BODY], "soles": soles}
        for part, paths in parts.items():
            steady = blur(paths, RATE_HZ)
            away = np.linalg.norm(steady - steady.mean(0), axis=-1).max(0)
            drifts[f"{name} {part}"] = 1e3 * float(away.mean())
    return drifts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--count", type=int, default=32, help="of takes")
    parser.add_argument("--tuning", action="store_true", help="of subjects that are not held out")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rest = RestBody.of(load_body(), np.zeros(10))
    rng = np.random.default_rng(0)
    scores: dict[str, list[dict[str, float]]] = {}
    counts, drifts = np.zeros((len(_RATES_HZ), 3, 2)), []
    for truth in true_takes(rest, args.mocap, args.count, not args.tuning):
        sight = Sight(*spoil(rng, truth.rotations, truth.pelvis, RATE_HZ))
        for name, found in {"true": truth, **solve(rest, sight)}.items():
            scores.setdefault(name, []).append(score(rest, truth, found))
        counts += [count_contacts(rest, truth, rate, rng) for rate in _RATES_HZ]
        drifts.append(immobile_drift(rest, truth, rng))
    for name, each in scores.items():
        print(f"{name:9} {_mean(each)}")
    for rate, (hits, false, missed) in zip(_RATES_HZ, counts, strict=True):
        f1, recall = 2 * hits / (2 * hits + false + missed), hits / (hits + missed)
        print(
            f"contacts at {rate:.0f} Hz: heels F1 {f1[0]:.2f}, recall {recall[0]:.2f}; "
            f"toes F1 {f1[1]:.2f}, recall {recall[1]:.2f}"
        )
    print(f"immobile, mm in {_IMMOBILE_S:.0f} s: {_mean(drifts)}")


if __name__ == "__main__":
    main()
