"""`make bench`: every figure of docs/benchmarks.md, measured on this machine.

The evaluation sets lie outside the project; ``--eval FOLDER`` says where (one folder a set, with
its videos, reference.npz and, beside the sets, evaluate.py), ``--mocap FOLDER`` where the recorded
movements (docs/training.md). What needs them is left out without them.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch

from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH, load_body
from reelrig.core.body.skinning import pose_joints
from reelrig.core.config import CaptureConfig, CaptureJob
from reelrig.core.motion import read_motion
from reelrig.core.rotation import rotvec_to_matrix

ROOT = Path(__file__).resolve().parent.parent
DEMO_VIDEO = ROOT / ".cache" / "demo.mp4"
HELD_OUT = ROOT / ".cache" / "sts" / "detected"
RENDERED, NUM_RENDERED = ROOT / ".cache" / "world" / "rendered", 24
HD = (1280, 720)
LONG_S = 600.0


@dataclass(frozen=True)
class Given:
    """What lies outside the project."""

    sets: Path | None
    mocap: Path | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, help="folder of the evaluation sets")
    parser.add_argument("--mocap", type=Path, help="folder of the recorded movements")
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHES), default=tuple(BENCHES))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            print(f"\n## {name}\n", flush=True)
            BENCHES[name](Path(folder), Given(args.eval, args.mocap))


def bench_speed(folder: Path, _: Given) -> None:
    """The detector, and a whole capture, against MediaPipe: same clip, in turns."""
    clip = write_hd_clip(folder / "hd.mp4")
    module = [sys.executable, "-m", "training.bench_speed"]
    subprocess.run([*module, str(clip)], check=True, cwd=ROOT)


def bench_joints(_folder: Path, _: Given) -> None:
    """Joints of 100 frames: rotations of 55 joints and forward kinematics."""
    rest = torch.from_numpy(load_body().rest_joints(np.zeros(10, np.float32)))
    rotvecs, trans = 0.4 * torch.randn(100, 55, 3), torch.zeros(100, 3)
    times = [
        seconds(lambda: pose_joints(rest, rotvec_to_matrix(rotvecs), trans)) for _ in range(300)
    ]
    print(f"joints of 100 frames: median {1e3 * np.median(times):.2f} ms")


def bench_keys(_folder: Path, _: Given) -> None:
    """Bulk keys against keyframe_insert, on each Blender line at hand."""
    for venv in (".venv", ".venv-blender52"):
        python = ROOT / venv / "bin" / "python"
        if python.exists():
            subprocess.run([python, ROOT / "training" / "bench_keys.py"], check=True)


def bench_rays(_folder: Path, _: Given) -> None:
    """How the detector's heading and lean follow the ray that the person is seen along."""
    subprocess.run([sys.executable, ROOT / "training" / "bench_rays.py"], check=True)


def bench_playback(_folder: Path, _: Given) -> None:
    """Frames a second of one keyed character, both bodies, both Blenders at hand."""
    script = ROOT / "training" / "bench_playback.py"
    for python in (sys.executable, str(ROOT / ".venv-blender52" / "bin" / "python")):
        for body in (FREE_BODY_PATH, LIGHT_BODY_PATH):
            if Path(python).exists():
                subprocess.run([python, script, "--repeats", "10", "--body", body], check=True)


def bench_deformation(_folder: Path, _: Given) -> None:
    """How well both bodies keep their shape in bends."""
    module = [sys.executable, "-m", "training.bench_body"]
    subprocess.run([*module, FREE_BODY_PATH, LIGHT_BODY_PATH], check=True, cwd=ROOT)


def bench_landmarks(folder: Path, _: Given) -> None:
    """Where MediaPipe sees its landmarks on renders of the body."""
    module = [sys.executable, "-m", "training.bench_landmarks"]
    subprocess.run([*module, "--cache", folder], check=True, cwd=ROOT)


def bench_confidence(_folder: Path, given: Given) -> None:
    """How often landmarks of each confidence are right, on the evaluation sets."""
    run_on_sets("training.bench_confidence", given)


def bench_reprojection(_folder: Path, given: Given) -> None:
    """How far landmarks lie from the reference joints, before and after flips are repaired."""
    run_on_sets("training.bench_reprojection", given)


def run_on_sets(module: str, given: Given, *options: str | Path) -> None:
    if given.sets is None:
        print("left out: no --eval FOLDER was given")
        return
    run = [sys.executable, "-m", module, "--eval", given.sets, *options]
    subprocess.run(run, check=True, cwd=ROOT)


def bench_memory(folder: Path, _: Given) -> None:
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


def bench_eval(folder: Path, given: Given) -> None:
    """Each method and MediaPipe's world landmarks by evaluate.py, from the video alone."""
    run_on_sets("training.bench_lift", given, "--cache", folder / "eval")


def bench_world(folder: Path, given: Given) -> None:
    """Captures in the world, from the video alone: real clips, rendered ones, cost."""
    module = "training.world.bench_world"
    run_on_sets(module, given, "--cache", folder / "eval", "--speed", DEMO_VIDEO)
    if given.mocap is None:
        print("rendered clips left out: no --mocap FOLDER was given")
        return
    options = ["--synthetic", str(NUM_RENDERED), "--mocap", given.mocap, "--out", RENDERED]
    subprocess.run([sys.executable, "-m", module, *options], check=True, cwd=ROOT)


def bench_lifting(_folder: Path, _: Given) -> None:
    """Each method on renders of people who are new to it, where there are any; its speed."""
    module = [sys.executable, "-m", "training.bench_lift", "--speed", DEMO_VIDEO]
    held_out = ["--held-out", HELD_OUT] if HELD_OUT.exists() else []
    subprocess.run([*module, *held_out], check=True, cwd=ROOT)


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


BENCHES: dict[str, Callable[[Path, Given], None]] = {
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
    "world": bench_world,
    "lifting": bench_lifting,
}

if __name__ == "__main__":
    main()
