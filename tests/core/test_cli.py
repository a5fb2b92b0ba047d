"""The command line: what it refuses and how, what it says while it works, how it is stopped."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.cli import main
from core.config import CaptureConfig, CaptureJob
from core.errors import VideoError
from core.motion import read_motion
from core.protocol import (
    Done,
    Failed,
    FoundPerson,
    Message,
    People,
    Progress,
    Seen,
    line_to_message,
)
from core.skeletons import NUM_LANDMARKS
from tests.core import clips

COMMAND = Path(sys.executable).with_name("reelrig")


@pytest.fixture
def inputs(tmp_path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    return folder


@pytest.fixture
def outputs(tmp_path) -> Path:
    """A folder with results of an earlier run."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    for name in ("motion.npz", "overlay.mp4", "scene.blend"):
        (folder / name).write_text("an earlier run's")
    return folder


def read_files(*folders: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def to_messages(lines: str) -> list[Message]:
    return [line_to_message(line) for line in lines.splitlines()]


def check_refused(outcome: int, stderr: str, sentence: str) -> None:
    """Exit code 2, and all that is said is one line with the sentence."""
    assert outcome == 2
    assert re.search(sentence, stderr), stderr
    assert stderr.count("\n") == 1
    assert stderr.endswith(".\n")


@pytest.fixture
def refuse_capture(outputs, capsys):
    """Run a capture that must be refused with a sentence, and leave everything as it was."""

    def run(video: Path, *options: str | Path, sentence: str, is_late: bool = False) -> None:
        arguments = ["-o", outputs / "motion.npz", "--overlay", outputs / "overlay.mp4", *options]
        before = read_files(outputs, video.parent)
        outcome = main(["capture", str(video), "--progress", "json", *map(str, arguments)])
        captured = capsys.readouterr()
        check_refused(outcome, captured.err, sentence)
        assert read_files(outputs, video.parent) == before
        *work, failed = to_messages(captured.out)
        assert failed == Failed(captured.err.rstrip("\n"))
        assert bool(work) == is_late

    return run


WHOLE = "Choose a video, or a range of it, in which a whole person is visible"
BAD_VIDEOS = {
    "missing": (clips.name_nothing, r"gone\.mp4 was not found\. Choose a video"),
    "text": (clips.write_text, r"text\.mp4 is not a video that can be read .*\. Choose a video"),
    "no index": (clips.write_without_index, r"is cut short: .* \(moov\) is missing\. Copy it"),
    "cut": (clips.write_cut_in_the_middle, r"cut short: \d of 12 frames could be read\. Copy it"),
    "sound": (clips.write_sound_only, r"has no pictures .* only sound or data\. Choose a video"),
    "one frame": (clips.write_one_frame, r"at least 5 frames, photo\.mp4 has 1 .*\. Choose"),
}
BAD_PEOPLE = {
    "nobody": (clips.write_nobody, rf"No person was found in empty\.mp4\. {WHOLE}"),
    "three frames": (
        clips.write_three_frames_of_a_person,
        rf"only 3 of the 12 frames of short\.mp4, at least 5 are needed\. {WHOLE}",
    ),
}


@pytest.mark.parametrize(("write", "sentence"), BAD_VIDEOS.values(), ids=BAD_VIDEOS)
def test_a_bad_video_is_refused_at_once(inputs, refuse_capture, write, sentence):
    refuse_capture(write(inputs), sentence=sentence)


@pytest.mark.parametrize(("write", "sentence"), BAD_PEOPLE.values(), ids=BAD_PEOPLE)
def test_too_little_of_a_person_is_refused(inputs, refuse_capture, write, sentence):
    refuse_capture(write(inputs), sentence=sentence, is_late=True)


BAD_OUTPUTS = {
    "no folder": ("{tmp}/none/a{suffix}", r"the folder .*/none does not exist\. Make it first"),
    "below a file": ("{tmp}/file/a{suffix}", r"cannot be written: .*/file is a file\. Choose"),
    "nobody's": ("/proc/self/a{suffix}", r"/a\.\w+ cannot be written: .*\. Choose another folder"),
    "a folder": ("{tmp}", r"is a folder, a file name was expected\. Add a file name"),
    "long name": (f"{{tmp}}/{'x' * 250}{{suffix}}", r"cannot be written: File name too long\. Ch"),
    "other kind": ("{tmp}/a.txt", r"a\.txt must end in \.\w+, got '\.txt'\. Rename it"),
}


def place_output(template: str, inputs: Path, suffix: str) -> str:
    if template.startswith("/proc") and not Path("/proc/self").is_dir():
        pytest.skip("no /proc on this system")
    (inputs / "file").touch()
    return template.format(tmp=inputs, suffix=suffix)


@pytest.mark.parametrize(("template", "sentence"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
@pytest.mark.parametrize(("option", "suffix"), [("--output", ".npz"), ("--overlay", ".mp4")])
def test_an_output_that_cannot_be_written_is_refused_at_once(
    inputs, refuse_capture, option, suffix, template, sentence
):
    output = place_output(template, inputs, suffix)
    refuse_capture(clips.write_nobody(inputs), option, output, sentence=sentence)


def test_the_video_is_not_overwritten(inputs, refuse_capture):
    video = clips.write_nobody(inputs)
    (inputs / "link.mp4").symlink_to(video)
    for overlay in (video, inputs / "link.mp4"):
        refuse_capture(video, "--overlay", overlay, sentence=r"is read by .*\. Choose another name")


def test_the_body_is_not_overwritten(inputs, refuse_capture):
    body = clips.write_incomplete_body(inputs)
    refuse_capture(
        clips.write_nobody(inputs),
        *("--body", body, "-o", body),
        sentence=r"is read by .*\. Choose another name",
    )


BAD_BODIES = {
    "incomplete": (
        clips.write_incomplete_body,
        r"SMPLX_NEUTRAL\.npz is not an SMPL-X body: shapedirs, posedirs, .* missing\. Choose",
    ),
    "pickle": (clips.write_pickled_body, r"is a pickle, which .*\. Choose the \.npz of the same"),
}


@pytest.mark.parametrize(("write", "sentence"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_bad_body_is_refused_at_once(inputs, refuse_capture, write, sentence):
    refuse_capture(clips.write_nobody(inputs), "--body", write(inputs), sentence=sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--person", "first"], r"--person takes a number from 0 or `all`, got 'first'"),
        (["--start", "2", "--end", "1"], r"end must be later than the start \(2 s\), got 1 s"),
        (["--start", "nan"], r"start must be 0 seconds or later, got nan"),
        (["--start", "9"], r"has no frame from 9 s to its end: it lasts 0\.48 s\. Choose a range"),
        (["--end", "0.1"], r"at least 5 frames, empty\.mp4 has 3 in the chosen range\. Choose"),
        (["--focal-px", "0"], r"focal length must be above 0 pixels, got 0"),
        (["--height", "183"], r"height must be between 0.5 and 2.5 metres, got 183"),
        (["--height", "1.8", "--person", "all"], r"height is that of one person"),
        (["--smooth", "inf"], r"smoothing must be 0 seconds or more, got inf"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_settings_are_refused_at_once(inputs, refuse_capture, options, sentence):
    refuse_capture(clips.write_nobody(inputs), *options, sentence=sentence)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_a_missing_gpu_is_told_and_made_up_for(inputs, outputs, capsys):
    arguments = ["capture", clips.write_nobody(inputs), "-o", outputs / "new.npz"]
    assert main([*map(str, arguments), "--device", "cuda"]) == 2
    said = capsys.readouterr().err
    assert re.search(r"^Note: The device cuda cannot be used: .* on the CPU instead\.$", said, re.M)
    assert "No person was found" in said


def test_a_person_who_is_not_there_is_refused(inputs, refuse_capture):
    refuse_capture(
        clips.write_person(inputs / "one.mp4"),
        *("--person", "3"),
        sentence=r"Person 3 was asked for, one\.mp4 shows 1 \(the first is 0\)\. Choose",
        is_late=True,
    )


def test_all_persons_are_the_one_who_is_found(inputs, outputs, capsys):
    video, motion = clips.write_person(inputs / "one.mp4"), outputs / "motion.npz"
    assert main(["capture", str(video), "-o", str(motion), "--person", "all"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{motion}\n"
    stages = ("Finding people: 12/12", "Detecting: 12/12", "Solving: 12/12", "Writing: 1/1")
    assert captured.err == "".join(f"{stage}\n" for stage in stages)
    assert read_motion(motion, pytest.fail).num_frames == clips.NUM_FRAMES


# The same doors over a pipeline that is done at once


@pytest.fixture
def jobs(monkeypatch) -> list[CaptureJob]:
    """What a made-up pipeline was asked for, which finds two people."""
    jobs = []

    def work(job, send):
        jobs.append(job)
        send(Progress("Detecting", 0, 12))
        sight = np.zeros((NUM_LANDMARKS, 2)), np.zeros(NUM_LANDMARKS)
        send(Seen.select(0, 0.0, (640, 480), *sight))
        return [Path("one"), Path("two")]

    def list_people(job, send):
        work(job, send)
        pictures = [job.output / f"person{number}.png" for number in range(2)]
        for picture in pictures:
            picture.write_text("a picture")
        send(
            People(
                [
                    FoundPerson(
                        person=number,
                        first_s=0.5 * number,
                        last_s=123.456,
                        share=(0.98, 0.08)[number],
                        thumbnail=str(picture),
                    )
                    for number, picture in enumerate(pictures)
                ]
            )
        )
        return pictures

    pipeline = SimpleNamespace(capture=work, list_people=list_people)
    monkeypatch.setitem(sys.modules, "core.pipeline", pipeline)
    return jobs


@pytest.mark.parametrize(("asked", "person"), [("0", 0), ("3", 3), ("all", None)])
def test_capture_is_asked_for_what_the_options_say(jobs, capsys, asked, person):
    options = ["--person", asked, "--pose-model", "lite", "--device", "mps", "--end", "2"]
    assert main(["capture", "a.mp4", "-o", "a.npz", *options]) == 0
    config = CaptureConfig(person=person, pose_model="lite", device="mps", end_s=2.0)
    assert jobs == [CaptureJob(video=Path("a.mp4"), output=Path("a.npz"), config=config)]
    assert capsys.readouterr().out == "one\ntwo\n"


def test_people_are_told_as_a_table(jobs, tmp_path, capsys):
    folder = tmp_path / "people"
    assert main(["people", "a.mp4", "-o", str(folder), "--start", "1", "--device", "cpu"]) == 0
    config = CaptureConfig(start_s=1.0, device="cpu")
    job = CaptureJob(task="people", video=Path("a.mp4"), output=folder, config=config)
    assert jobs == [job]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["person", "from", "to", "frames", "picture"],
        ["0", "0.00", "s", "123.46", "s", "98%", str(folder / "person0.png")],
        ["1", "0.50", "s", "123.46", "s", "8%", str(folder / "person1.png")],
    ]
    words = ["picture", str(folder), str(folder)]
    places = [line.index(word) for line, word in zip(lines, words, strict=True)]
    assert len(set(places)) == 1


def test_json_of_people_ends_as_other_jobs_do(jobs, tmp_path, capsys):
    assert main(["people", "a.mp4", "-o", str(tmp_path), "--progress", "json"]) == 0
    progress, people, done = to_messages(capsys.readouterr().out)
    assert isinstance(progress, Progress)
    assert [found["person"] for found in people.people] == [0, 1]
    assert done == Done([str(tmp_path / f"person{number}.png") for number in range(2)])


def test_landmarks_do_not_hide_the_progress(jobs, capsys):
    assert main(["capture", "a.mp4", "-o", "a.npz", "--progress", "json"]) == 0
    assert to_messages(capsys.readouterr().out) == [
        Progress("Detecting", 0, 12),
        Done(["one", "two"]),
    ]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_failed_search_leaves_no_new_folder(jobs, monkeypatch, tmp_path, capsys, is_there):
    def fail(job, send):
        assert job.output.is_dir()
        raise VideoError("No person was found.")

    monkeypatch.setattr(sys.modules["core.pipeline"], "list_people", fail)
    folder = tmp_path / "people"
    if is_there:
        folder.mkdir()
    assert main(["people", "a.mp4", "-o", str(folder)]) == 2
    assert capsys.readouterr().err == "No person was found.\n"
    assert folder.exists() == is_there


@pytest.mark.parametrize("place", ["gone/people", "file"])
def test_a_folder_that_cannot_be_made_is_told(jobs, tmp_path, capsys, place):
    (tmp_path / "file").touch()
    outcome = main(["people", "a.mp4", "-o", str(tmp_path / place)])
    check_refused(
        outcome, capsys.readouterr().err, rf"The folder .*{place} cannot be made: .*\. Ch"
    )
    assert not jobs


def write_newer_motion(folder: Path) -> Path:
    path = folder / "newer.npz"
    np.savez(path, format_version=99, poses=np.zeros((3, 165)), trans=np.zeros((3, 3)))
    return path


needs_bpy = pytest.mark.skipif(find_spec("bpy") is None, reason="no bpy here")


@pytest.fixture
def refuse_build(inputs, outputs, capfd):
    """Run a build that must be refused with a sentence, and leave everything as it was."""

    def run(motion: Path, *options: str | Path, sentence: str) -> None:
        arguments = [motion, "-o", outputs / "scene.blend", *options]
        before = read_files(inputs, outputs)
        outcome = main(["build", *map(str, arguments)])
        check_refused(outcome, capfd.readouterr().err, sentence)
        assert read_files(inputs, outputs) == before

    return run


BAD_MOTIONS = {
    "missing": (clips.name_nothing, r"gone\.mp4 was not found\. Choose a motion file"),
    "text": (clips.write_text, r"text\.mp4 is not an \.npz motion file, .*\. Choose a motion file"),
    "newer": (write_newer_motion, r"has motion format 99, this Reelrig reads up to 1\. Update"),
}


@needs_bpy
@pytest.mark.parametrize(("write", "sentence"), BAD_MOTIONS.values(), ids=BAD_MOTIONS)
def test_build_refuses_a_bad_motion(inputs, refuse_build, write, sentence):
    refuse_build(write(inputs), sentence=sentence)


@needs_bpy
@pytest.mark.parametrize(("write", "sentence"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_build_refuses_a_bad_body(inputs, refuse_build, write, sentence):
    refuse_build(write_newer_motion(inputs), "--body", write(inputs), sentence=sentence)


@needs_bpy
@pytest.mark.parametrize(("template", "sentence"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS)
def test_build_refuses_an_output_that_cannot_be_written(inputs, refuse_build, template, sentence):
    output = place_output(template, inputs, ".blend")
    refuse_build(write_newer_motion(inputs), "-o", output, sentence=sentence)


def test_build_without_bpy_says_what_to_do(inputs, refuse_build, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refuse_build(write_newer_motion(inputs), sentence=r"bpy, which is not installed .*make setup")


def test_doctor_says_what_runs_where(monkeypatch, capsys):
    monkeypatch.setattr("core.doctor.NETWORKS", ("hand_recrop",))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("Python 3", "torch ", "device: ", "body: ", "network ", "self-test: "):
        assert re.search(f"^{name}", said, re.MULTILINE), said


def test_doctor_names_what_does_not_work(monkeypatch, capsys):
    def fail() -> str:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("core.doctor.NETWORKS", ())
    for check in ("_device", "_self_test"):
        monkeypatch.setattr(f"core.doctor.{check}", fail)
    outcome = main(["doctor"])
    captured = capsys.readouterr()
    check_refused(outcome, captured.err, r"Not all .* works here\. Run `make setup` again")
    assert "self-test: does not work here: libGL.so.1" in captured.out
    assert "body: 1" in captured.out


# The command as a process of its own


def start_capture(video: Path, motion: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, "capture", video, "-o", motion, "--progress", "json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_json_progress_is_all_that_is_on_stdout(tmp_path):
    video, motion = clips.write_person(tmp_path / "one.mp4"), tmp_path / "motion.npz"
    process = start_capture(video, motion)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    *work, done = to_messages(stdout)
    assert done == Done([str(motion)])
    assert all(isinstance(message, Progress) for message in work)
    stages = ["Finding people", "Detecting", "Solving", "Writing"]
    assert [p.stage for p in work if p.done == p.total] == stages
    detected = [p.done for p in work if p.stage == "Detecting"]
    assert detected == sorted(set(detected))
    assert read_motion(motion, pytest.fail).num_frames == clips.NUM_FRAMES


def test_refusal_of_the_command_is_one_line(tmp_path):
    process = start_capture(tmp_path / "gone.mp4", tmp_path / "motion.npz")
    stdout, stderr = process.communicate(timeout=120)
    check_refused(process.returncode, stderr, BAD_VIDEOS["missing"][1])
    assert to_messages(stdout) == [Failed(stderr.rstrip("\n"))]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_capture_and_leaves_nothing(tmp_path, name):
    process = start_capture(clips.need_demo_clip(), tmp_path / "motion.npz")
    assert line_to_message(process.stdout.readline()).stage == "Finding people"
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.endswith("Cancelled. No half-written file is left.\n")
    assert "Traceback" not in stderr
    assert {message.stage for message in to_messages(stdout)} <= {"Finding people", "Detecting"}
    assert not list(tmp_path.iterdir())
