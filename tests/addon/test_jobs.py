import json
import os
import subprocess
import sys
import time
from pathlib import Path

import bpy
import pytest

import reelrig
from reelrig.addon import jobs, live_view, people, results, world
from reelrig.addon.preferences import get_preferences
from reelrig.addon.process import Interpreter, WorkerProcess
from reelrig.addon.properties import status
from reelrig.addon.tasks import Capture, PeopleSearch
from reelrig.core.config import CaptureConfig, CaptureJob
from reelrig.core.errors import WorkerError
from reelrig.core.protocol import Done, Failed, Progress, Seen, Warn
from tests.addon.fake_worker import NUM_FRAMES, NUM_PEOPLE
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


def start_job(interpreter, folder, behaviour, kind=Capture, person=0):
    video = folder / f"{behaviour}.mp4"
    jobs.start(kind(bpy.context.scene, video, CaptureConfig(person=person), interpreter))


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
    assert len([message for message in messages if isinstance(message, Seen)]) == NUM_FRAMES + 1
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
    start_job(interpreter, tmp_path, "work")
    tick_until(lambda: seen.append((status.stage, status.progress, status.eta)))
    factors = [progress for stage, progress, _ in seen if stage.startswith("Detecting")]
    assert factors == sorted(factors)
    assert len(set(factors)) > 3
    assert (f"Detecting 6 / {NUM_FRAMES}", 0.5, "6 s left") in seen


def test_capture_ends_as_one_undo_step(interpreter, tmp_path):
    bpy.ops.ed.undo_push(message="Before")
    before = count_data()
    start_job(interpreter, tmp_path, "work")
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
    start_job(interpreter, tmp_path, "hang")
    tick_until(lambda: status.stage.startswith("Detecting"))
    assert count_data() == before
    jobs.cancel()


def test_cancel_ends_the_worker_and_its_children_at_once(interpreter, tmp_path, captures):
    before = count_data()
    start_job(interpreter, tmp_path, "hang")
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
    start_job(interpreter, tmp_path, "hang")
    tick_until(lambda: status.stage.startswith("Detecting"))
    pids = json.loads((tmp_path / "hang.pids").read_text())
    reelrig.unregister()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), limit_s=1.0)
    assert not list(captures.iterdir())
    reelrig.register()


@pytest.mark.parametrize("behaviour", ["refuse", "crash", "hit_bug", "run_out_of_memory"])
def test_failure_is_shown_and_leaves_nothing(interpreter, tmp_path, captures, popups, behaviour):
    before = count_data()
    start_job(interpreter, tmp_path, behaviour)
    tick_until(lambda: False)
    assert status.is_error
    assert popups == [status.message]
    assert not status.is_running
    assert count_data() == before
    assert not list(captures.iterdir())


def test_character_waits_for_object_mode(interpreter, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    start_job(interpreter, tmp_path, "work")
    tick_until(lambda: status.stage.startswith("Done"))
    assert status.stage == "Done. Go to Object Mode in Scene"
    assert not bpy.data.armatures
    bpy.ops.object.mode_set(mode="OBJECT")
    tick_until(lambda: False)
    assert len(bpy.data.armatures) == 1


def test_motion_is_kept_when_another_file_was_opened(interpreter, tmp_path, captures):
    start_job(interpreter, tmp_path, "work")
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
    start_job(interpreter, tmp_path, "work")
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
        start_job(Interpreter(str(broken), dict(os.environ)), tmp_path, "work")
    assert not list(captures.iterdir())


def test_everybody_comes_as_one_undo_step(interpreter, tmp_path):
    bpy.ops.ed.undo_push(message="Before")
    before = count_data()
    start_job(interpreter, tmp_path, "work", person=None)
    tick_until(lambda: False)
    after = count_data()
    assert after["armatures"] == before["armatures"] + NUM_PEOPLE
    armatures = [item for item in bpy.context.scene.objects if item.type == "ARMATURE"]
    assert {item.name for item in armatures} == {
        "Reelrig work.mp4",
        "Reelrig person 1 work.mp4",
        "Reelrig person 2 work.mp4",
    }
    assert set(bpy.context.selected_objects) == set(armatures)
    assert bpy.context.object.name == "Reelrig work.mp4"
    settings = bpy.context.scene.reelrig
    assert [result.name for result in settings.results] == [
        "work_001",
        "work_001_person1",
        "work_001_person2",
    ]
    assert settings.active_result == 0
    assert status.message == f"work_001: {NUM_FRAMES} frames of {NUM_PEOPLE} people captured."
    bpy.ops.ed.undo()
    assert count_data() == before
    bpy.ops.ed.redo()
    assert count_data() == after


def test_nobody_is_built_when_one_fails(interpreter, tmp_path, monkeypatch):
    built = []

    def build_two(*arguments, **options):
        if len(built) == 2:
            raise WorkerError("The third fails.")
        built.append(add_character(*arguments, **options))
        return built[-1]

    add_character = world.add_character
    monkeypatch.setattr(world, "add_character", build_two)
    before = count_data()
    start_job(interpreter, tmp_path, "work", person=None)
    tick_until(lambda: False)
    assert status.message.startswith("The third fails. The motion is kept: ")
    assert "work_001_person2.npz" in status.message
    assert count_data() == before


# The landmarks that are drawn meanwhile


def is_live():
    return bool(live_view.list_shown()) and live_view._handle is not None


def is_dark():
    return not live_view.list_shown() and live_view._handle is None


def test_landmarks_are_shown_until_the_job_is_cancelled(interpreter, tmp_path):
    start_job(interpreter, tmp_path, "hang")
    assert is_dark()
    tick_until(is_live)
    (seen,) = live_view.list_shown()
    assert (seen.person, seen.time_s) == (0, 0.1)
    bpy.ops.reelrig.cancel()
    assert is_dark()


@pytest.mark.parametrize("behaviour", ["work", "refuse_after_detecting"])
def test_landmarks_go_when_the_job_ends(interpreter, tmp_path, behaviour):
    was_live = []
    start_job(interpreter, tmp_path, behaviour)
    tick_until(lambda: was_live.append(is_live()))
    assert any(was_live)
    assert is_dark()


def test_landmarks_go_when_the_addon_goes(interpreter, tmp_path):
    start_job(interpreter, tmp_path, "hang")
    tick_until(is_live)
    reelrig.unregister()
    assert is_dark()
    reelrig.register()


def test_landmarks_go_with_their_stage(interpreter, tmp_path):
    start_job(interpreter, tmp_path, "hang")
    tick_until(is_live)
    jobs._running.take(Progress("Detecting", 4, NUM_FRAMES))
    assert is_live()
    jobs._running.take(Progress("Solving", 0, NUM_FRAMES))
    assert is_dark()
    jobs.cancel()


def test_landmarks_outlive_the_file(interpreter, tmp_path):
    start_job(interpreter, tmp_path, "hang")
    tick_until(is_live)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert is_live()
    jobs._running.take(live_view.list_shown()[0])
    jobs.cancel()
    assert is_dark()


# The search for people


def test_people_are_listed_as_one_undo_step(interpreter, tmp_path):
    bpy.ops.ed.undo_push(message="Before")
    start_job(interpreter, tmp_path, "work", PeopleSearch)
    tick_until(lambda: False)
    found = bpy.context.scene.reelrig.people
    assert [(person.number, person.first_s) for person in found] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    assert status.message == f"{NUM_PEOPLE} people found."
    assert is_dark()
    bpy.ops.ed.undo()
    assert len(bpy.context.scene.reelrig.people) == 0
    bpy.ops.ed.redo()
    assert all(Path(person.picture).is_file() for person in bpy.context.scene.reelrig.people)


def test_cancelled_search_leaves_nothing(interpreter, tmp_path):
    start_job(interpreter, tmp_path, "hang", PeopleSearch)
    tick_until(is_live)
    (folder,) = people._picture_folders
    assert list(folder.iterdir())
    bpy.ops.reelrig.cancel()
    assert not folder.exists()
    assert not bpy.context.scene.reelrig.people


def test_failed_search_keeps_the_list_and_says_why(interpreter, tmp_path, popups):
    start_job(interpreter, tmp_path, "work", PeopleSearch)
    tick_until(lambda: False)
    start_job(interpreter, tmp_path, "refuse", PeopleSearch)
    tick_until(lambda: False)
    assert popups == [f"{tmp_path / 'refuse.mp4'} is no video. Choose a movie file."]
    assert len(bpy.context.scene.reelrig.people) == NUM_PEOPLE
    assert not people._picture_folders[1].exists()


def test_people_of_another_range_are_not_listed(interpreter, tmp_path, popups):
    start_job(interpreter, tmp_path, "work", PeopleSearch)
    bpy.context.scene.reelrig.use_range = True
    tick_until(lambda: False)
    assert popups[0].startswith("The video or its range was changed")
    assert not bpy.context.scene.reelrig.people


def test_people_of_a_closed_scene_are_not_listed(interpreter, tmp_path, popups):
    start_job(interpreter, tmp_path, "work", PeopleSearch)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    tick_until(lambda: False)
    assert popups[0].endswith("is no longer open. Open it and press Find People again.")
    assert not bpy.context.scene.reelrig.people


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1 s"), (59.4, "59 s"), (60.0, "1 min"), (3599.0, "1 h 0 min"), (9000.0, "2 h 30 min")],
)
def test_format_duration(seconds, text):
    assert jobs._format_duration(seconds) == text
