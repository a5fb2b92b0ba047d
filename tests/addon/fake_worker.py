"""Stands in for core.worker: speaks its protocol, and does what the video's name says.

Run by fake Pythons (harness.py) in the extension's folder, so it writes real motion files.
"""

import json
import os
import struct
import subprocess
import sys
import time
import zlib

sys.path.insert(0, os.getcwd())

import numpy as np

from core.config import CaptureJob, person_path
from core.motion import Motion, write_motion
from core.protocol import (
    Done,
    Failed,
    FoundPerson,
    Message,
    People,
    Progress,
    Seen,
    Warn,
    message_to_line,
)
from core.skeletons import NUM_LANDMARKS

NUM_FRAMES = 12
NUM_PEOPLE = 3
IMAGE_SIZE = (1280, 720)


def say(message: Message) -> None:
    sys.stdout.write(message_to_line(message))
    sys.stdout.flush()


def make_motion(job: CaptureJob, person: int) -> Motion:
    time_s = np.arange(NUM_FRAMES) / 30.0
    poses = np.zeros((NUM_FRAMES, 165))
    poses[:, 0] = np.pi / 2
    return Motion(
        mocap_frame_rate=30.0,
        trans=np.stack([time_s, 0 * time_s, 0 * time_s + 1], axis=1),
        poses=poses,
        betas=np.zeros(10),
        expression=np.zeros((NUM_FRAMES, 10)),
        measures=np.zeros(0),
        measure_names=(),
        arkit=np.zeros((NUM_FRAMES, 52)),
        confidence=np.full((NUM_FRAMES, 55), 0.75),
        contacts=np.zeros((NUM_FRAMES, 4)),
        frame_index=np.arange(NUM_FRAMES),
        time_s=time_s,
        joints_world=np.zeros((NUM_FRAMES, 55, 3)),
        camera_from_world=np.tile(np.eye(4), (NUM_FRAMES, 1, 1)),
        focal_px=np.full(NUM_FRAMES, 1000.0),
        image_size=np.array(IMAGE_SIZE),
        landmarks_px=np.zeros((NUM_FRAMES, 1, 2)),
        landmarks_confidence=np.zeros((NUM_FRAMES, 1)),
        person=person,
        source=job.video.name,
        settings_json=job.config.to_json(),
    )


def make_sight(person: int, time_s: float) -> Seen:
    """A vertical line in the middle of the picture, seen half surely."""
    points = np.tile(np.float32(IMAGE_SIZE) / 2, (NUM_LANDMARKS, 1))
    points[:, 1] = np.linspace(100, 620, NUM_LANDMARKS)
    return Seen.select(person, time_s, IMAGE_SIZE, points, np.full(NUM_LANDMARKS, 0.5))


def work(job: CaptureJob) -> None:
    """A job that goes well."""
    sys.stdout.write("a library prints to stdout\n")
    people = range(NUM_PEOPLE) if job.config.person is None else [job.config.person]
    for done in range(NUM_FRAMES + 1):
        say(Progress("Detecting", done, NUM_FRAMES, eta_s=float(NUM_FRAMES - done)))
        for person in people:
            say(make_sight(person, done / 30))
        time.sleep(0.02)
    say(Warn("The hands were hidden in 3 frames."))
    if job.task == "people":
        say(Done(list_people(job)))
    else:
        say(Done([write_result(job, person) for person in people]))


def write_result(job: CaptureJob, person: int) -> str:
    path = person_path(job.output, person) if job.config.person is None else job.output
    write_motion(make_motion(job, person), path)
    return str(path)


def list_people(job: CaptureJob) -> list[str]:
    assert job.config.person is None  # a search is for everybody
    pictures = [str(job.output / f"person{number}.png") for number in range(NUM_PEOPLE)]
    for picture in pictures:
        write_picture(picture)
    say(
        People(
            [
                FoundPerson(
                    person=number, first_s=0.5 * number, last_s=7.6, share=0.98, thumbnail=picture
                )
                for number, picture in enumerate(pictures)
            ]
        )
    )
    return pictures


def write_picture(path: str, size: tuple[int, int] = (48, 64)) -> None:
    """An orange PNG."""
    width, height = size
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(height * (b"\0" + width * b"\xff\xa0\x30"))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, content in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")):
            checksum = zlib.crc32(kind + content)
            file.write(struct.pack(">I", len(content)) + kind + content)
            file.write(struct.pack(">I", checksum))


def refuse(job: CaptureJob) -> None:
    say(Failed(f"{job.video} is no video. Choose a movie file."))
    sys.exit(2)


def refuse_after_detecting(job: CaptureJob) -> None:
    say(Progress("Detecting", 3, NUM_FRAMES))
    say(make_sight(0, 0.1))
    time.sleep(0.5)  # so that it is taken in by itself
    refuse(job)


def hit_bug(job: CaptureJob) -> None:
    say(Failed("ValueError: 3 is not 4", "Traceback (most recent call last):\nValueError: 3"))
    sys.exit(1)


def crash(job: CaptureJob) -> None:
    sys.stderr.write("first line\nthe last words of the worker\n")
    sys.exit(7)


def lack_torch(job: CaptureJob) -> None:
    """As core.worker says it: it imports torch late."""
    text = "ModuleNotFoundError: No module named 'torch'"
    say(Failed(text, f"Traceback (most recent call last):\n{text}"))
    sys.exit(1)


def lack_numpy(job: CaptureJob) -> None:
    """Dies before it can say anything."""
    sys.stderr.write("ModuleNotFoundError: No module named 'numpy'\n")
    sys.exit(1)


def refuse_after_a_warning(job: CaptureJob) -> None:
    """A library's harmless complaint is not taken for the reason."""
    sys.stderr.write("ModuleNotFoundError: No module named 'an_optional_package'\n")
    refuse(job)


def run_out_of_memory(job: CaptureJob) -> None:
    os.kill(os.getpid(), 9)


def hang(job: CaptureJob) -> None:
    """Never ends, and has a child that never ends. Half of a file is written."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    folder = job.output if job.task == "people" else job.output.parent
    (folder / ".motion.npz.x.partial").write_text("half")
    pids = job.video.with_suffix(".pids")
    pids.with_suffix(".tmp").write_text(json.dumps([os.getpid(), child.pid]))
    pids.with_suffix(".tmp").rename(pids)
    say(Progress("Detecting", 3, NUM_FRAMES))
    say(make_sight(0, 0.1))
    time.sleep(600)


def wait_for_stdin(job: CaptureJob) -> None:
    """Ends when Blender does."""
    say(Progress("Detecting", 0, 0))
    sys.stdin.read()
    job.video.with_suffix(".closed").touch()


BEHAVIOURS = (
    *(work, hang, wait_for_stdin),
    *(refuse, refuse_after_a_warning, refuse_after_detecting, hit_bug, crash),
    *(lack_torch, lack_numpy, run_out_of_memory),
)

if __name__ == "__main__":
    given_job = CaptureJob.from_line(sys.stdin.readline())
    {behaviour.__name__: behaviour for behaviour in BEHAVIOURS}[given_job.video.stem](given_job)
