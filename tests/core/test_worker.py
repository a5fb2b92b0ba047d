"""The worker process as Blender starts it: a job line in, messages out, an end of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.config import CaptureConfig, CaptureJob
from core.motion import read_motion
from core.protocol import Done, Failed, Message, Progress, Seen, line_to_message
from tests.core import clips

WORKER = ("-m", "core.worker")
# A worker whose libraries print, Python's and native ones, and whose work is done at once.
NOISY_WORKER = """
import os, sys, types
from core import worker

def capture(job, send):
    print("a library prints")
    os.system("echo a native library prints")
    return [job.output]

sys.modules["core.pipeline"] = types.SimpleNamespace(capture=capture, list_people=None)
sys.exit(worker.main())
"""
# A worker whose results tell which task it did.
TASK_WORKER = """
import sys, types
from core import worker

sys.modules["core.pipeline"] = types.SimpleNamespace(
    capture=lambda job, send: ["a motion", "another motion"],
    list_people=lambda job, send: ["a picture"],
)
sys.exit(worker.main())
"""


def start_worker(line: str, *program: str) -> subprocess.Popen[str]:
    """A worker that has its job. Its stdin stays open: it ends when that closes."""
    process = subprocess.Popen(
        [sys.executable, *(program or WORKER)],
        cwd=clips.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(line)
    process.stdin.flush()
    return process


def finish(process: subprocess.Popen[str]) -> tuple[int, list[Message]]:
    """Exit code, and all messages; stdout holds nothing else."""
    with process:
        messages = [line_to_message(line) for line in process.stdout]
        return process.wait(timeout=60), messages


def job_line(video: Path, **settings) -> str:
    output = video.parent / "motion.npz"
    return CaptureJob(video=video, output=output, config=CaptureConfig(**settings)).to_line()


def test_a_job_ends_with_the_path_of_its_motion(tmp_path):
    video = clips.write_person(tmp_path / "one.mp4")
    status, (*work, done) = finish(start_worker(job_line(video)))
    assert status == 0
    assert done == Done([str(tmp_path / "motion.npz")])
    stages = dict.fromkeys(m.stage for m in work if isinstance(m, Progress))
    assert list(stages) == ["Finding people", "Detecting", "Solving", "Writing"]
    sights = [message for message in work if isinstance(message, Seen)]
    assert sights
    assert all(isinstance(message, Progress | Seen) for message in work)
    assert {tuple(seen.image_size) for seen in sights} == {(292, 520)}
    assert read_motion(tmp_path / "motion.npz", pytest.fail).source == "one.mp4"


@pytest.mark.parametrize(
    ("task", "outputs"),
    [("capture", ["a motion", "another motion"]), ("people", ["a picture"])],
)
def test_the_worker_does_the_task_of_the_job(tmp_path, task, outputs):
    job = CaptureJob(task=task, video=tmp_path / "a.mp4", output=tmp_path)
    outcome = finish(start_worker(job.to_line(), "-c", TASK_WORKER))
    assert outcome == (0, [Done(outputs)])


def test_what_a_user_can_mend_is_a_sentence(tmp_path):
    status, (failed,) = finish(start_worker(job_line(tmp_path / "gone.mp4")))
    assert status == 2
    assert failed == Failed(
        f"{tmp_path / 'gone.mp4'} was not found. Choose a video file or a folder of images."
    )


@pytest.mark.parametrize("line", ["no job\n", "{}\n", '{"video": "a.mp4"}\n'])
def test_a_bug_is_told_with_its_traceback(line):
    status, (failed,) = finish(start_worker(line))
    assert status == 1
    assert isinstance(failed, Failed)
    assert failed.traceback.startswith("Traceback (most recent call last)")


def test_a_setting_of_another_version_is_a_sentence(tmp_path):
    line = job_line(tmp_path / "a.mp4").replace('"smooth_s"', '"unheard_of"')
    status, messages = finish(start_worker(line))
    assert (status, messages) == (2, [Failed("Unknown capture settings: unheard_of.")])


def test_prints_of_libraries_go_to_the_log(tmp_path):
    with start_worker(job_line(tmp_path / "a.mp4"), "-c", NOISY_WORKER) as process:
        (line,), log = process.stdout.readlines(), process.stderr.readlines()
    assert line_to_message(line) == Done([str(tmp_path / "motion.npz")])
    assert sorted(log) == ["a library prints\n", "a native library prints\n"]


def test_the_worker_ends_when_its_stdin_closes(tmp_path):
    job = CaptureJob(video=clips.need_demo_clip(), output=tmp_path / "motion.npz")
    with start_worker(job.to_line()) as process:
        assert line_to_message(process.stdout.readline()).stage == "Finding people"
        process.stdin.close()
        messages = [line_to_message(line) for line in process.stdout]
    assert process.returncode == 1
    assert not any(isinstance(message, Done) for message in messages)
    assert not list(tmp_path.iterdir())
