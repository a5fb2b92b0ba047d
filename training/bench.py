"""`make bench`: every figure of docs/benchmarks.md, measured on this machine.

The evaluation sets lie outside the project; ``--eval FOLDER`` says where (one folder a set, with
its videos, reference.npz and, beside the sets, evaluate.py). Without it that table is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import torch

from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH, load_body
from reelrig.core.body.skinning import joints_from_pose, pose_joints
from reelrig.core.config import CaptureConfig, CaptureJob
from reelrig.core.lift.rest import rest_point
from reelrig.core.motion import Motion, read_motion
from reelrig.core.pipeline import capture
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.skeletons import HAND_FINGER_START, JOINT_INDEX, JOINT_NAMES

ROOT = Path(__file__).resolve().parent.parent
DEMO_VIDEO = ROOT / ".cache" / "demo.mp4"
HD = (1280, 720)
LONG_S = 600.0
SETS = {"beam": ("cam01", "cam03"), "caliscope_charuco": ("cam_0", "cam_1", "cam_2", "cam_3")}
COLUMNS = ("frames", "cover", "w_mpjpe", "mpjpe_rot", "pa_mpjpe", "gravity_deg", "accel")
COLUMNS += ("skate", "traj", "scale", "left_hand_pa", "right_hand_pa")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHES), default=tuple(BENCHES))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            print(f"\n## {name}\n", flush=True)
            BENCHES[name](Path(folder), args.eval)


def bench_speed(folder: Path, _: Path | None) -> None:
    """The detector, and a whole capture, against MediaPipe: same clip, in turns."""
    clip = write_hd_clip(folder / "hd.mp4")
    module = [sys.executable, "-m", "training.bench_speed"]
    subprocess.run([*module, str(clip)], check=True, cwd=ROOT)


def bench_joints(_folder: Path, _: Path | None) -> None:
    """Joints of 100 frames: rotations of 55 joints and forward kinematics."""
    rest = torch.from_numpy(load_body().rest_joints(np.zeros(10, np.float32)))
    rotvecs, trans = 0.4 * torch.randn(100, 55, 3), torch.zeros(100, 3)
    times = [
        seconds(lambda: pose_joints(rest, rotvec_to_matrix(rotvecs), trans)) for _ in range(300)
    ]
    print(f"joints of 100 frames: median {1e3 * np.median(times):.2f} ms")


def bench_keys(_folder: Path, _: Path | None) -> None:
    """Bulk keys against keyframe_insert, on each Blender line at hand."""
    for venv in (".venv", ".venv-blender52"):
        python = ROOT / venv / "bin" / "python"
        if python.exists():
            subprocess.run([python, ROOT / "training" / "bench_keys.py"], check=True)


def bench_rays(_folder: Path, _: Path | None) -> None:
    """How the detector's heading and lean follow the ray that the person is seen along."""
    subprocess.run([sys.executable, ROOT / "training" / "bench_rays.py"], check=True)


def bench_playback(_folder: Path, _: Path | None) -> None:
    """Frames a second of one keyed character, both bodies, both Blenders at hand."""
    script = ROOT / "training" / "bench_playback.py"
    for python in (sys.executable, str(ROOT / ".venv-blender52" / "bin" / "python")):
        for body in (FREE_BODY_PATH, LIGHT_BODY_PATH):
            if Path(python).exists():
                subprocess.run([python, script, "--repeats", "10", "--body", body], check=True)


def bench_deformation(_folder: Path, _: Path | None) -> None:
    """How well both bodies keep their shape in bends."""
    module = [sys.executable, "-m", "training.bench_body"]
    subprocess.run([*module, FREE_BODY_PATH, LIGHT_BODY_PATH], check=True, cwd=ROOT)


def bench_landmarks(folder: Path, _: Path | None) -> None:
    """Where MediaPipe sees its landmarks on renders of the body."""
    module = [sys.executable, "-m", "training.bench_landmarks"]
    subprocess.run([*module, "--cache", folder], check=True, cwd=ROOT)


def bench_confidence(_folder: Path, sets: Path | None) -> None:
    """How often landmarks of each confidence are right, on the evaluation sets."""
    run_on_sets("training.bench_confidence", sets)


def bench_reprojection(_folder: Path, sets: Path | None) -> None:
    """How far landmarks lie from the reference joints, before and after flips are repaired."""
    run_on_sets("training.bench_reprojection", sets)


def run_on_sets(module: str, sets: Path | None) -> None:
    if sets is None:
        print("left out: no --eval FOLDER was given")
        return
    subprocess.run([sys.executable, "-m", module, "--eval", sets], check=True, cwd=ROOT)


def bench_memory(folder: Path, _: Path | None) -> None:
    """Peak memory of the worker on ten minutes of 720p."""
    clip = loop_clip(write_hd_clip(folder / "hd.mp4"), folder / "long.mp4", LONG_S)
    output = folder / "long.npz"
    took_s = seconds(lambda: run_worker(job(clip, output)))
    peak_gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    num_frames = read_motion(output, print).num_frames
    print(f"{num_frames} frames in {took_s:.0f} s, peak {peak_gb:.2f} GB")


def run_worker(work: CaptureJob) -> None:
    """The worker as Blender runs it: its stdin stays open as long as it is wanted."""
    program = [sys.executable, "-m", "reelrig.core.worker"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as worker:
        assert worker.stdin is not None
        worker.stdin.write(work.to_line())
        worker.stdin.flush()
        if worker.wait():
            raise SystemExit(f"the worker ended with {worker.returncode}")


def bench_eval(folder: Path, sets: Path | None) -> None:
    """evaluate.py's table for each camera, from the video alone."""
    if sets is None:
        print("left out: no --eval FOLDER was given")
        return
    print(f"| clip | {' | '.join(COLUMNS)} |\n| --- |{' --- |' * len(COLUMNS)}")
    for name, cameras in SETS.items():
        for camera in cameras:
            scores = evaluate(sets, name, camera, folder)
            cells = (str(scores.get(column, "-")) for column in COLUMNS)
            print(f"| {name} {camera} | {' | '.join(cells)} |", flush=True)


def evaluate(sets: Path, name: str, camera: str, folder: Path) -> dict:
    motion_path = folder / f"{name}_{camera}.npz"
    capture(job(sets / name / f"{camera}.mp4", motion_path), lambda message: None)
    motion = read_motion(motion_path, print)
    prediction = folder / "prediction.npz"
    hands = {f"{side}_hand": hand_points(motion, side) for side in ("left", "right")}
    joints = {"joints": motion.joints_world, "joint_names": np.array(JOINT_NAMES)}
    np.savez(prediction, **joints, **hands, frame_index=motion.frame_index)
    command = [sys.executable, sets / "evaluate.py", "--ref", sets / name / "reference.npz"]
    command += ["--pred", prediction, "--space", "world"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def hand_points(motion: Motion, side: str) -> np.ndarray:
    """[T, 21, 3] m, a hand in MediaPipe's order; NaN in rows where it was not seen."""
    rotations = rotvec_to_matrix(torch.from_numpy(np.float32(motion.rotvecs)))
    trans = torch.from_numpy(np.float32(motion.trans))
    joints, turns = joints_from_pose(load_body(), motion.betas, rotations, trans)
    points = torch.zeros(motion.num_frames, 21, 3)
    points[:, 0] = joints[:, JOINT_INDEX[f"{side}_wrist"]]
    for finger, start in HAND_FINGER_START.items():
        rows = [JOINT_INDEX[f"{side}_{finger}{i}"] for i in (1, 2, 3)]
        points[:, start : start + 3] = joints[:, rows]
        # The end bone has no joint at its tip; it is taken to be as long as the one before.
        bone = rest_point(f"{side}_{finger}3") - rest_point(f"{side}_{finger}2")
        points[:, start + 3] = joints[:, rows[2]] + turns[:, rows[2]] @ bone
    points[motion.confidence[:, JOINT_INDEX[f"{side}_index1"]] == 0] = torch.nan
    return points.numpy()


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def job(video: Path, output: Path) -> CaptureJob:
    return CaptureJob(video=video, output=output, config=CaptureConfig())


def write_hd_clip(path: Path) -> Path:
    """The demo clip in 720p, H.264 as phones and editors write it."""
    if path.exists():
        return path
    with av.open(str(DEMO_VIDEO)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=30, options={"crf": "20"})
        stream.width, stream.height = HD
        stream.pix_fmt = "yuv420p"
        for picture in source.decode(video=0):
            target.mux(stream.encode(picture.reformat(*HD, format="yuv420p")))
        target.mux(stream.encode())
    return path


def loop_clip(clip: Path, path: Path, length_s: float) -> Path:
    """The clip again and again until ``length_s``, packets copied as they are."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in _looped_packets(source, length_s):
            packet.stream = stream
            target.mux(packet)
    return path


def _looped_packets(source, length_s: float) -> Iterator[av.Packet]:
    video = source.streams.video[0]
    shift = 0
    while shift * video.time_base < length_s:
        source.seek(0)
        for packet in source.demux(video):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                yield packet
        shift += video.duration


BENCHES: dict[str, Callable[[Path, Path | None], None]] = {
    "speed": bench_speed,
    "joints": bench_joints,
    "keys": bench_keys,
    "rays": bench_rays,
    "playback": bench_playback,
    "deformation": bench_deformation,
    "landmarks": bench_landmarks,
    "memory": bench_memory,
    "confidence": bench_confidence,
    "reprojection": bench_reprojection,
    "eval": bench_eval,
}

if __name__ == "__main__":
    main()
