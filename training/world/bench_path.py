"""People's ways through space before moving cameras: ``python -m training.world.bench_path``.

``--mocap FOLDER`` names the recordings (training/bank/mocap.py); takes of held-out subjects are
filmed in drawn rooms and streets (training/world/filming.py), seen as wrongly as by a lifter, and
solved as a capture is. Off: the pelvis' mean distance from the truth, once both are laid on each
other by a shift and a turn about the vertical, in percent of the person's way; with the camera as
found, taken to stand, and as it truly was.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from reelrig.core.body.measures import MEASURE_NAMES, measure_body
from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.camera_motion import CameraMotion
from reelrig.core.people_solver import measure_take
from reelrig.core.skeletons import ARKIT_NAMES
from reelrig.core.world.belief import CameraBelief
from reelrig.core.world.camera import ShotCamera
from reelrig.core.world.camera_path import CameraPath, rest_path, solve_camera_path
from reelrig.core.world.filters import blur
from reelrig.core.world.gravity import to_angles
from reelrig.core.world.kinematics import RestBody
from reelrig.core.world.solve import WorldSettings, solve_world
from reelrig.core.world.turns import rotvec_to_matrix, turn

from .bench_ground import Solved, true_takes
from .disturbances import draw_flicker, draw_screen, draw_wind
from .filming import RATE_HZ, SIZE, STYLES, Filming, draw_filming, film_person
from .lifter_errors import draw_size, spoil_place, spoil_pose

_KINDS = ("room", "street", "room", "bare")
_FOCAL_SIGMA, _UP_SIGMA_RAD = 0.1, np.radians(2.0)  # how wrong both are told
_LEAST_WAY_M, _MOST_ROWS, _REST_ROWS = 2.0, 240, 60
_BETAS = np.zeros(10)


@dataclass(frozen=True, eq=False)
class Sight:
    """What a lifter makes of a filmed take, and how it guesses the lens and the vertical."""

    motion: CameraMotion
    belief: CameraBelief


def see_person(take: Solved, filming: Filming, body: BodyModel, rng: np.random.Generator) -> Sight:
    size = draw_size(rng)
    rotations = spoil_pose(rng, size, take.rotations, RATE_HZ)
    pelvis = spoil_place(rng, size, take.pelvis, filming.place, RATE_HZ)
    camera_from_world = filming.world_from_camera.swapaxes(-1, -2)
    rotations[:, 0] = camera_from_world @ rotations[:, 0]
    pelvis = turn(camera_from_world, pelvis - filming.place)
    wrong = np.exp(_FOCAL_SIGMA * rng.standard_normal())
    pelvis[:, 2] *= wrong
    tilt = rotvec_to_matrix(_UP_SIGMA_RAD / np.sqrt(2) * rng.standard_normal(3))
    num_rows = len(pelvis)
    motion = CameraMotion(
        rate=RATE_HZ,
        rotations=torch.from_numpy(rotations).float(),
        pelvis=torch.from_numpy(pelvis).float(),
        arkit=torch.zeros(num_rows, len(ARKIT_NAMES)),
        confidence=torch.ones(num_rows, 55),
        focal_px=wrong * filming.focal_px[0],
        measures=measure_body(body, _BETAS),
        measure_names=MEASURE_NAMES,
    )
    up = tilt @ camera_from_world[0, :, 2]
    return Sight(motion, _believe(up, motion.focal_px))


def _believe(up_camera: np.ndarray, focal_px: float) -> CameraBelief:
    """One that is sure, of a camera that says so."""
    pitch, roll = to_angles(up_camera)
    only = np.ones(1)
    return CameraBelief(pitch * only, roll * only, np.log(focal_px) * only, only)


def solve_pelvis(sight: Sight, path: CameraPath, body: BodyModel) -> np.ndarray:
    """[T, 3] m in the world, for a camera that went along ``path``."""
    measured = measure_take(sight.motion, _BETAS, body, ShotCamera(path, sight.belief))
    confidence = sight.motion.confidence.numpy()
    take = solve_world(measured, body, _BETAS, 1.0, confidence, RATE_HZ, WorldSettings())
    return take.joints[:, 0]


def true_path(filming: Filming, time_s: np.ndarray) -> CameraPath:
    first_from_world = filming.world_from_camera[0].T
    return replace(
        rest_path(time_s),
        first_from_camera=first_from_world @ filming.world_from_camera,
        zoom=filming.focal_px / filming.focal_px[0],
        shift=turn(first_from_world, filming.place - filming.place[0]),
        is_moving=True,
    )


def way_of(pelvis: np.ndarray) -> float:
    """m, over the ground, without the swaying of each step."""
    steady = blur(pelvis[:, :2], 0.25 * RATE_HZ)
    return float(np.linalg.norm(np.diff(steady, axis=0), axis=1).sum())


def off_percent(found: np.ndarray, truth: np.ndarray) -> float:
    found, true = found - found.mean(0), truth - truth.mean(0)
    flat = found[:, 0] + 1j * found[:, 1]
    true_flat = true[:, 0] + 1j * true[:, 1]
    spin = np.vdot(flat, true_flat)
    flat = flat * spin / max(abs(spin), 1e-9)
    off = np.sqrt(np.abs(flat - true_flat) ** 2 + (found[:, 2] - true[:, 2]) ** 2)
    return 100 * float(off.mean()) / way_of(truth)


def turn_error_deg(path: CameraPath, truth: CameraPath) -> float:
    """Root mean square over the rows."""
    off = path.first_from_camera.swapaxes(-1, -2) @ truth.first_from_camera
    angles = [np.linalg.norm(cv2.Rodrigues(each)[0]) for each in off]
    return float(np.degrees(np.sqrt(np.mean(np.square(angles)))))


def measure_style(style: str, takes: list[Solved], body: BodyModel) -> str:
    """One row of the table."""
    rest = RestBody.of(body, _BETAS)
    moving, turns, offs = 0, [], []
    for number, take in enumerate(takes):
        rng = np.random.default_rng([number, STYLES.index(style)])
        filming = draw_filming(style, take.pelvis, rng)
        joints, _ = rest.pose_joints(take.rotations, take.pelvis)
        kind = _KINDS[number % len(_KINDS)]
        sightings, boxes_px = film_person(kind, filming, joints, rng)
        sight = see_person(take, filming, body, rng)
        time_s = np.arange(len(take.pelvis)) / RATE_HZ
        truth = true_path(filming, time_s)
        path = solve_camera_path(sightings, boxes_px, time_s, sight.belief.focal.focal_px)
        moving += path.is_moving
        turns.append(turn_error_deg(path, truth))
        paths = (path, rest_path(time_s), truth)
        offs.append([off_percent(solve_pelvis(sight, p, body), take.pelvis) for p in paths])
    found = np.array(offs).T
    cells = [f"{np.median(each):.1f}, {np.quantile(each, 0.9):.1f}" for each in found]
    return f"| {style} | {len(takes)} | {moving} | {np.median(turns):.2f} | {' | '.join(cells)} |"


def count_false_moves(count: int, takes: list[Solved], body: BodyModel) -> int:
    """Of so many cameras at rest, before screens, trees, bad light and people near and far."""
    rest, wrong = RestBody.of(body, _BETAS), 0
    for number in range(count):
        rng = np.random.default_rng([number, 99])
        take = takes[number % len(takes)]
        rows = slice(number % 3 * _REST_ROWS // 2, number % 3 * _REST_ROWS // 2 + _REST_ROWS)
        rotations, pelvis = take.rotations[rows], take.pelvis[rows]
        filming = draw_filming("rest", pelvis, rng, nearer=(1.0, 2.5)[number // 2 % 2])
        draw = (None, draw_screen, draw_wind, draw_flicker)[number // 4 % 4]
        sightings, boxes_px = film_person(
            ("room", "street", "bare", "field")[number % 4],
            filming,
            rest.pose_joints(rotations, pelvis)[0],
            rng,
            disturb=draw and draw(SIZE, rng),
            quality=(15, 40, 80)[number % 3],
        )
        if number // 16 % 2:  # nobody is known, so that the person counts as background
            boxes_px = np.full_like(boxes_px, np.nan)
        time_s = np.arange(len(pelvis)) / RATE_HZ
        path = solve_camera_path(sightings, boxes_px, time_s, filming.focal_px[0])
        wrong += path.is_moving
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("styles", nargs="*", choices=[*STYLES, []], help="default: all")
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--count", type=int, default=8, help="of takes")
    parser.add_argument("--resting", type=int, default=0, metavar="N", help="cameras at rest")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    body = load_body()
    takes = true_takes(RestBody.of(body, _BETAS), args.mocap, 12 * args.count, held_out=True)
    takes = [Solved(take.rotations[:_MOST_ROWS], take.pelvis[:_MOST_ROWS]) for take in takes]
    takes = [take for take in takes if way_of(take.pelvis) > _LEAST_WAY_M][: args.count]
    print(
        "| camera | shots | called moving | turn off deg | off % median, worst tenth | "
        "taken to stand | true camera |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for style in args.styles or ([] if args.resting else STYLES):
        print(measure_style(style, takes, body), flush=True)
    if args.resting:
        wrong = count_false_moves(args.resting, takes, body)
        print(f"\n{wrong} of {args.resting} cameras at rest were taken for moving.")


if __name__ == "__main__":
    main()
