import json
import os
import subprocess
import sys
import time
from pathlib import Path

import bpy
import pytest

import reelrig
from reelrig.addon import jobs, results
from reelrig.addon.preferences import get_preferences
from reelrig.addon.process import Interpreter, WorkerProcess
from reelrig.addon.properties import status
from reelrig.core.config import CaptureConfig, CaptureJob
from reelrig.core.errors import WorkerError
from reelrig.core.protocol import Done, Failed, Progress, Warn
from tests.addon.fake_worker import NUM_FRAMES
from tests.addon.harness import LOAD_REELRIG, count_data, registered_addon, write_python


@pytest.fixture
def interpreter(tmp_path):
    return Interpreter(str(write_python(tmp_path)), dict(os.environ))


@pytest.fixture(autouse=True)
def popups(monkeypatch):
    """Texts of the error popups: background Blender has no window to show one in."""
    texts = []
    monkeypatch.setattr(jobs, "_show_popup", texts.append)
    return texts


@pytest.fixture(autouse=True)
def captures(scene, tmp_path, monkeypatch):
    """The add-on in an empty file, and the folder of its captures."""
    folder = tmp_path / "captures"
    folder.mkdir()
    monkeypatch.setattr(results, "captures_folder", lambda: folder)
    with registered_addon():
        yield folder


def make_worker(interpreter, folder, behaviour):
    job = CaptureJob(video=folder / f"{behaviour}.mp4", output=folder / "motion.npz")
    return WorkerProcess(interpreter, job)


def read_all(worker):
    messages = []
    wait_until(lambda: messages.extend(worker.read()) or is_last(messages))
    worker.end()
    return messages


def is_last(messages):
    return bool(messages) and isinstance(messages[-1], Done | Failed)


def start_capture(interpreter, folder, behaviour):
    video = folder / f"{behaviour}.mp4"
    jobs.start(jobs.Capture(bpy.context.scene, video, CaptureConfig(), interpreter))


def tick_until(condition):
    """Do what Blender's event loop does, which does not run in the background."""
    wait_until(lambda: tick() is None or condition())


def tick():
    interval = jobs._tick()
    if interval is None:
        bpy.app.timers.unregister(jobs._tick)
    return interval


def wait_until(condition, limit_s=20.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"nothing after {limit_s} s"
        time.sleep(0.01)


def is_alive(pid):
    """False for a zombie too: it has ended, its parent has not asked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_messages_come_whole_and_in_order(interpreter, tmp_path):
    messages = read_all(make_worker(interpreter, tmp_path, "work"))
    progress = [message for message in messages if isinstance(message, Progress)]
    assert [message.done for message in progress] == list(range(NUM_FRAMES + 1))
    assert messages[-2:] == [
        Warn("The hands were hidden in 3 frames."),
        Done([str(tmp_path / "motion.npz")]),
    ]


def test_reading_does_not_wait_for_the_worker(interpreter, tmp_path):
    worker = make_worker(interpreter, tmp_path, "hang")
    start = time.monotonic()
    worker.read()
    assert time.monotonic() - start < 0.1
    worker.end()


def test_worker_keeps_its_stdin_until_blender_is_gone(tmp_path):
    program = f"""{LOAD_REELRIG}
import os
from pathlib import Path
from reelrig.addon.process import Interpreter, WorkerProcess
from reelrig.core.config import CaptureJob
job = CaptureJob(video=Path("wait_for_stdin.mp4").absolute(), output=Path("motion.npz"))
worker = WorkerProcess(Interpreter({str(write_python(tmp_path))!r}, dict(os.environ)), job)
while not worker.read():
    pass
print(Path("wait_for_stdin.closed").exists(), flush=True)
os._exit(1)  # a crash: nothing is closed in an orderly way
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split()[-1] == "False", ended.stderr
    wait_until((tmp_path / "wait_for_stdin.closed").exists)


def test_running_capture_shows_its_progress(interpreter, tmp_path):
    seen = []
    start_capture(interpreter, tmp_path, "work")
    tick_until(lambda: seen.append((status.stage, status.progress, status.eta)))
    factors = [progress for stage, progress, _ in seen if stage.startswith("Detecting")]
    assert factors == sorted(factors)
    assert len(set(factors)) > 3
    assert (f"Detecting 6 / {NUM_FRAMES}", 0.5, "6 s left") in seen


def test_capture_ends_as_one_undo_step(interpreter, tmp_path):
    bpy.ops.ed.undo_push(message="Before")
    before = count_data()
    start_capture(interpreter, tmp_path, "work")
    tick_until(lambda: False)
    after = count_data()
    assert after["armatures"] == before["armatures"] + 1
    assert after["results"] == 1
    assert not status.is_running
    bpy.ops.ed.undo()
    assert count_data() == before
    bpy.ops.ed.redo()
    assert count_data() == after


def test_scene_is_untouched_until_the_end(interpreter, tmp_path):
    before = count_data()
    start_capture(interpreter, tmp_path, "hang")
    tick_until(lambda: status.stage.startswith("Detecting"))
    assert count_data() == before
    jobs.cancel()


def test_cancel_ends_the_worker_and_its_children_at_once(interpreter, tmp_path, captures):
    before = count_data()
    start_capture(interpreter, tmp_path, "hang")
    tick_until(lambda: status.stage.startswith("Detecting"))
    pids = json.loads((tmp_path / "hang.pids").read_text())
    assert all(is_alive(pid) for pid in pids)
    assert list(captures.iterdir())

    start = time.monotonic()
    bpy.ops.reelrig.cancel()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), limit_s=1.0)
    assert time.monotonic() - start < 1.0

    assert count_data() == before
    assert not list(captures.iterdir())
    assert not bpy.app.timers.is_registered(jobs._tick)
    assert status.message == "Cancelled. The scene was not changed."


def test_unregister_ends_the_running_capture(interpreter, tmp_path, captures):
    start_capture(interpreter, tmp_path, "hang")
    tick_until(lambda: status.stage.startswith("Detecting"))
    pids = json.loads((tmp_path / "hang.pids").read_text())
    reelrig.unregister()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), limit_s=1.0)
    assert not list(captures.iterdir())
    reelrig.register()


@pytest.mark.parametrize("behaviour", ["refuse", "crash", "hit_bug", "run_out_of_memory"])
def test_failure_is_shown_and_leaves_nothing(interpreter, tmp_path, captures, popups, behaviour):
    before = count_data()
    start_capture(interpreter, tmp_path, behaviour)
    tick_until(lambda: False)
    assert status.is_error
    assert popups == [status.message]
    assert not status.is_running
    assert count_data() == before
    assert not list(captures.iterdir())


def test_character_waits_for_object_mode(interpreter, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    start_capture(interpreter, tmp_path, "work")
    tick_until(lambda: status.stage.startswith("Done"))
    assert status.stage == "Done. Go to Object Mode in Scene"
    assert not bpy.data.armatures
    bpy.ops.object.mode_set(mode="OBJECT")
    tick_until(lambda: False)
    assert len(bpy.data.armatures) == 1


def test_motion_is_kept_when_another_file_was_opened(interpreter, tmp_path, captures):
    start_capture(interpreter, tmp_path, "work")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    before = count_data()
    tick_until(lambda: False)
    assert status.message.startswith("The scene of this capture is no longer open.")
    assert str(captures / "work_001" / "work_001.npz") in status.message
    assert (captures / "work_001" / "work_001.npz").is_file()
    assert count_data() == before


def test_motion_is_kept_when_its_body_is_missing(interpreter, tmp_path, captures):
    get_preferences(bpy.context).body_path = str(tmp_path / "nobody.npz")
    before = count_data()
    start_capture(interpreter, tmp_path, "work")
    tick_until(lambda: False)
    assert "nobody.npz was not found" in status.message
    assert "The motion is kept" in status.message
    assert (captures / "work_001" / "work_001.npz").is_file()
    assert count_data() == before


def test_interpreter_that_cannot_run_is_named(tmp_path, captures):
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o755)
    with pytest.raises(WorkerError, match=f"{broken} cannot be started: .* Choose another"):
        start_capture(Interpreter(str(broken), dict(os.environ)), tmp_path, "work")
    assert not list(captures.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1 s"), (59.4, "59 s"), (60.0, "1 min"), (3599.0, "1 h 0 min"), (9000.0, "2 h 30 min")],
)
def test_format_duration(seconds, text):
    assert jobs._format_duration(seconds) == text
