"""Speed of our networks' passes and of a whole capture against MediaPipe's package.

``python -m training.bench_speed CLIP``. Each pair runs MediaPipe and us on the same clip, one right
after the other, each in a process of its own that has warmed up on the clip's first second. The
package holds only one of its three pose networks: the others are laid beside it in a copy.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 3
WARM_UP_S = 1.0
# What is measured: name, MediaPipe's solution and complexity, what of ours, pose network.
CONTESTS = (
    ("whole body, heavy", "holistic", 2, "detect", "heavy"),
    ("pose only, heavy", "pose", 2, "bodies", "heavy"),
    ("whole body, full", "holistic", 1, "detect", "full"),
    ("pose only, full", "pose", 1, "bodies", "full"),
    ("whole capture, heavy", "holistic", 2, "capture", "heavy"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--run", nargs=2, metavar=("WHAT", "MODEL"), help="one run; its seconds")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps, for our side")
    args = parser.parse_args()
    if args.run:
        what, model = args.run
        print(RUNS[what](args.clip, model, args.device))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(args.clip, Path(folder), args.device)


def compare(clip: Path, folder: Path, device: str) -> None:
    copy_mediapipe(folder)
    video = cv2.VideoCapture(str(clip))
    num_frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    print("| | MediaPipe fps | ours fps | times as fast, each pair | median |")
    print("| --- | --- | --- | --- | --- |")
    for name, solution, complexity, what, model in CONTESTS:
        pairs = []
        for _ in range(PAIRS):
            theirs_s = run_apart(clip, solution, str(complexity), device, package=folder)
            pairs.append((theirs_s, run_apart(clip, what, model, device)))
        theirs, ours = (num_frames / np.array(pairs)).T
        ratios = ours / theirs
        print(
            f"| {name} | {np.median(theirs):.1f} | {np.median(ours):.1f} | "
            f"{', '.join(f'{ratio:.2f}' for ratio in ratios)} | {np.median(ratios):.2f} |",
            flush=True,
        )
    print(f"\n{num_frames} frames of {clip.name}, device {device}, {os.cpu_count()} cores")


def copy_mediapipe(folder: Path) -> None:
    """MediaPipe's package with all three pose networks, in ``folder``."""
    sys.path.insert(0, str(ROOT / "tools"))
    from convert_networks import POSE_PACKAGE, fetch_packages

    spec = importlib.util.find_spec("mediapipe")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    package = shutil.copytree(installed, folder / "mediapipe")
    # Its own shared libraries lie beside it.
    (folder / "mediapipe.libs").symlink_to(installed.with_name("mediapipe.libs"))
    sources = fetch_packages(folder)
    for name in ("pose_landmark_lite.tflite", "pose_landmark_heavy.tflite"):
        (package / "modules/pose_landmark" / name).write_bytes(sources.read(POSE_PACKAGE, name))


def run_apart(clip: Path, what: str, model: str, device: str, package: Path | None = None) -> float:
    """Seconds of one run in a process of its own."""
    command = [sys.executable, "-m", "training.bench_speed", str(clip), "--device", device]
    environment = dict(os.environ)
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    done = subprocess.run(
        [*command, "--run", what, model],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return float(done.stdout)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def run_holistic(clip: Path, complexity: str, _device: str) -> float:
    from mediapipe.python.solutions.holistic import Holistic

    with Holistic(
        model_complexity=int(complexity), smooth_landmarks=False, refine_face_landmarks=True
    ) as solution:
        return run_solution(clip, solution)


def run_pose(clip: Path, complexity: str, _device: str) -> float:
    from mediapipe.python.solutions.pose import Pose

    with Pose(model_complexity=int(complexity), smooth_landmarks=False) as solution:
        return run_solution(clip, solution)


def run_solution(clip: Path, solution) -> float:
    """Decode and detect and nothing else, MediaPipe's way."""

    def process(stop: int | None) -> None:
        video = cv2.VideoCapture(str(clip))
        done = 0
        while (stop is None or done < stop) and (read := video.read())[0]:
            solution.process(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
            done += 1

    process(30)
    return seconds(lambda: process(None))


def run_detect(clip: Path, model: str, device: str) -> float:
    """Both passes for one person: body, both hands, face and its scores."""
    from reelrig.core.detect.detector import Detector
    from reelrig.core.detect.engine import open_engine
    from reelrig.core.video import open_video

    video = open_video(clip)
    detector = Detector(engine=open_engine(device), model=model, warn=print)

    def detect(end_s: float | None) -> None:
        tracks = detector.find(video, 0.0, end_s, lambda done: None)
        detector.follow(video, 0.0, end_s, tracks, [0], lambda done: None, lambda *seen: None)

    detect(WARM_UP_S)
    return seconds(lambda: detect(None))


def run_bodies(clip: Path, model: str, device: str) -> float:
    """Both passes for one person's body alone."""
    import torch

    from reelrig.core.detect.bodies import see_bodies
    from reelrig.core.detect.course import Course
    from reelrig.core.detect.detector import Detector
    from reelrig.core.detect.engine import open_engine
    from reelrig.core.detect.find import key_step
    from reelrig.core.detect.regions import upload
    from reelrig.core.video import open_video

    video = open_video(clip)
    engine = open_engine(device)
    detector = Detector(engine=engine, model=model, warn=print)

    def detect(end_s: float | None) -> None:
        tracks = detector.find(video, 0.0, end_s, lambda done: None)
        course = Course(tracks[0], key_step(video.fps) / video.fps)
        frames = video.frames(0.0, end_s)
        while chunk := list(islice(frames, 24 if device == "cpu" else 128)):
            time_s = np.array([frame.time_s for frame in chunk])
            rows = np.flatnonzero(course.is_expected(time_s))
            regions = torch.from_numpy(np.float32(course.regions_at(time_s[rows])))
            pictures = upload(engine, [frame.image for frame in chunk])
            picture_of = torch.from_numpy(rows).to(engine.device)
            see_bodies(engine, pictures, picture_of, regions.to(engine.device), model)

    detect(WARM_UP_S)
    return seconds(lambda: detect(None))


def run_capture(clip: Path, model: str, device: str) -> float:
    """Everything that a capture does, up to the motion file."""
    from reelrig.core.config import CaptureConfig, CaptureJob
    from reelrig.core.pipeline import capture

    def run(folder: str, end_s: float | None) -> None:
        config = CaptureConfig(pose_model=model, device=device, end_s=end_s)
        job = CaptureJob(video=clip, output=Path(folder) / "motion.npz", config=config)
        capture(job, lambda message: None)

    with tempfile.TemporaryDirectory() as folder:
        run(folder, WARM_UP_S)
        return seconds(lambda: run(folder, None))


RUNS: dict[str, Callable[[Path, str, str], float]] = {
    "holistic": run_holistic,
    "pose": run_pose,
    "detect": run_detect,
    "bodies": run_bodies,
    "capture": run_capture,
}


if __name__ == "__main__":
    main()
