import os
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from reelrig.addon import results
from reelrig.addon.interpreter import find_interpreter
from reelrig.addon.preferences import get_preferences
from reelrig.addon.properties import status
from tests.addon.fake_worker import NUM_FRAMES
from tests.addon.harness import count_data, find_real_worker, registered_addon, write_python


@pytest.fixture(scope="session")
def real_worker():  # looked for before a test names the fake one
    return find_real_worker()


@pytest.fixture(autouse=True)
def captures(scene, tmp_path, monkeypatch):
    """The add-on in an empty file, with the fake worker, and the folder of its captures."""
    folder = tmp_path / "captures"
    folder.mkdir()
    monkeypatch.setattr(results, "captures_folder", lambda: folder)
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(tmp_path)))
    with registered_addon():
        yield folder


@pytest.fixture
def settings(scene, captures, tmp_path):
    """The settings of a capture that goes well."""
    scene.reelrig.video_path = str(tmp_path / "work.mp4")
    return scene.reelrig


def write_amass(path, **values):
    """A walk on the spot as another tool writes it."""
    arrays = {"poses": np.zeros((30, 165)), "trans": np.zeros((30, 3)), "mocap_frame_rate": 30.0}
    np.savez(path, **(arrays | values))
    return path


def get_key_frames():
    (action,) = bpy.data.actions
    return tuple(action.frame_range)


def test_capture_builds_one_selected_character(settings, scene):
    assert bpy.ops.reelrig.capture() == {"FINISHED"}
    (armature,) = [item for item in scene.objects if item.type == "ARMATURE"]
    assert bpy.context.object == armature
    assert bpy.context.selected_objects == [armature]
    assert len(settings.results) == 1


def test_result_tells_what_was_captured(settings, captures):
    bpy.ops.reelrig.capture()
    result = settings.results[0]
    assert result.name == "work_001"
    assert result.path == str(captures / "work_001" / "work_001.npz")
    assert result.num_frames == NUM_FRAMES
    assert result.frame_rate == 30.0
    assert result.body_confidence == 0.75
    assert result.date[:2] == "20"


def test_second_capture_of_a_video_overwrites_nothing(settings, captures):
    bpy.ops.reelrig.capture()
    first = (captures / "work_001" / "work_001.npz").read_bytes()
    bpy.ops.reelrig.capture()
    assert [result.name for result in settings.results] == ["work_001", "work_002"]
    assert settings.active_result == 1
    assert (captures / "work_001" / "work_001.npz").read_bytes() == first


def test_capture_is_one_undo_step(settings):
    bpy.ops.ed.undo_push(message="Before")
    before = count_data()
    bpy.ops.reelrig.capture("EXEC_DEFAULT", True)  # True: as a click, with its undo step
    assert count_data()["armatures"] == 1
    bpy.ops.ed.undo()
    assert count_data() == before
    bpy.ops.ed.redo()
    assert count_data()["armatures"] == 1


# 12 rows at 30 a second are 8.8 frames at 24: on whole frames the last key is on the 8th.
@pytest.mark.parametrize(("timing", "last_key"), [("SCENE", 108.0), ("VIDEO", 108.8)])
def test_keys_go_where_the_settings_say(settings, scene, timing, last_key):
    scene.render.fps = 24
    settings.timing = timing
    settings.start_frame = 100
    bpy.ops.reelrig.capture()
    assert get_key_frames() == pytest.approx((100.0, last_key), abs=1e-3)
    assert scene.render.fps == 24


def test_warnings_of_the_worker_are_reported(settings, capfd):
    bpy.ops.reelrig.capture()
    assert "Warning: The hands were hidden in 3 frames." in capfd.readouterr().out
    assert status.warnings == ["The hands were hidden in 3 frames."]


def test_motion_longer_than_the_scene_is_told(settings, scene):
    scene.frame_end = 5
    bpy.ops.reelrig.capture()
    assert any("the scene on 5. Raise End" in warning for warning in status.warnings)
    assert scene.frame_end == 5


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("refuse", r"refuse.mp4 is no video. Choose a movie file."),
        ("crash", r"without a result \(exit code 7\): the last words of the worker\. Test the"),
        ("hit_bug", r"Reelrig hit a bug: ValueError: 3 is not 4\. Please report it"),
        ("refuse_after_a_warning", r"refuse_after_a_warning.mp4 is no video\. Choose"),
        ("lack_torch", r"fake_python lacks the package torch\. Choose a Python that has"),
        ("lack_numpy", r"fake_python lacks the package numpy\. Choose a Python that has"),
        ("run_out_of_memory", r"most likely because memory ran out\. Close other programs"),
    ],
)
def test_failed_capture_reports_its_sentence_and_leaves_nothing(
    settings, tmp_path, captures, behaviour, sentence
):
    settings.video_path = str(tmp_path / f"{behaviour}.mp4")
    before = count_data()
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.reelrig.capture()
    assert count_data() == before
    assert not list(captures.iterdir())
    assert not status.is_running


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.mp4", r"gone\.mp4 was not found\. Choose"),
        ("text.mp4", r"text\.mp4 is not a video that can be read .* Choose"),
    ],
)
def test_sentence_of_the_real_worker_arrives(
    settings, tmp_path, captures, real_worker, name, sentence
):
    (tmp_path / "text.mp4").write_text("no video\n")
    settings.video_path = str(tmp_path / name)
    get_preferences(bpy.context).worker_python = real_worker
    before = count_data()
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.reelrig.capture()
    assert count_data() == before
    assert not list(captures.iterdir())


def test_traceback_of_a_worker_bug_is_logged(settings, tmp_path, caplog):
    settings.video_path = str(tmp_path / "hit_bug.mp4")
    with pytest.raises(RuntimeError):
        bpy.ops.reelrig.capture()
    assert "Traceback (most recent call last)" in caplog.text


def test_capture_without_a_video_says_so(scene):
    with pytest.raises(RuntimeError, match=r"No video is chosen\. Choose one"):
        bpy.ops.reelrig.capture()


def test_range_is_passed_on_and_checked(settings, captures):
    settings.use_range = True
    settings.start_s, settings.end_s = 5.0, 2.0
    with pytest.raises(RuntimeError, match=r"The end must be later than the start \(5 s\), got 2"):
        bpy.ops.reelrig.capture()
    assert not list(captures.iterdir())
    settings.end_s = 6.5
    bpy.ops.reelrig.capture()
    with np.load(settings.results[0].path) as motion:
        assert '"start_s": 5.0, "end_s": 6.5' in str(motion["settings_json"])


def test_missing_interpreter_says_where_to_choose_one(settings, captures, tmp_path):
    get_preferences(bpy.context).worker_python = str(tmp_path / "gone" / "python")
    with pytest.raises(RuntimeError, match=r"gone/python\. Choose another in Preferences"):
        bpy.ops.reelrig.capture()
    assert not list(captures.iterdir())


def test_interpreter_of_the_preferences_goes_before_the_variable(settings, monkeypatch):
    chosen = os.environ["REELRIG_WORKER_PYTHON"]
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", "/gone")
    get_preferences(bpy.context).worker_python = chosen
    assert bpy.ops.reelrig.capture() == {"FINISHED"}


def test_blenders_own_python_is_told_where_the_wheels_are(captures, monkeypatch):
    wheels = Path(bpy.utils.user_resource("EXTENSIONS")) / ".local" / "lib" / "site-packages"
    monkeypatch.syspath_prepend(wheels)
    monkeypatch.delenv("REELRIG_WORKER_PYTHON")
    interpreter = find_interpreter(bpy.context)
    assert interpreter.path == sys.executable
    assert interpreter.environment["PYTHONPATH"] == str(wheels)


def test_unwritable_captures_folder_says_so(settings, captures, monkeypatch):
    captures.rmdir()
    with pytest.raises(RuntimeError, match="work_001 cannot be made: No such file or directory"):
        bpy.ops.reelrig.capture()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("SMPLX_NEUTRAL.pkl", "is a pickle, which can run any code"),
        ("SMPLX_NEUTRAL.npz", "is not an SMPL-X body: v_template, f, .* missing"),
    ],
)
def test_bad_body_is_refused(settings, tmp_path, name, sentence):
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", shapedirs=np.zeros((1, 3, 20)))
    bpy.ops.reelrig.capture()
    get_preferences(bpy.context).body_path = str(tmp_path / name)
    before = count_data()
    for operator in (bpy.ops.reelrig.capture, bpy.ops.reelrig.build):
        with pytest.raises(RuntimeError, match=sentence):
            operator()
        assert count_data() == before


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("SMPLX_NEUTRAL.pkl", "is a pickle, which can run any code"),
        ("SMPLX_MALE.npz", "SMPLX_MALE.npz was not found. Choose an SMPL-X body"),
        ("SMPLH_NEUTRAL.npz", "is an SMPL-H body with 52 joints, SMPL-X's 55 were expected"),
    ],
)
def test_bad_body_is_told_as_it_is_chosen(tmp_path, name, sentence):
    np.savez(tmp_path / "SMPLH_NEUTRAL.npz", kintree_table=np.zeros((2, 52), np.int64))
    preferences = get_preferences(bpy.context)
    preferences.body_path = str(tmp_path / name)
    assert sentence in preferences.body_problem
    preferences.body_path = ""
    assert preferences.body_problem == ""


def test_build_makes_another_character(settings):
    bpy.ops.reelrig.capture()
    bpy.ops.reelrig.build()
    assert len(bpy.data.armatures) == 2
    assert len(settings.results) == 1


def test_build_of_a_deleted_motion_says_so(settings, captures):
    bpy.ops.reelrig.capture()
    (captures / "work_001" / "work_001.npz").unlink()
    before = count_data()
    with pytest.raises(RuntimeError, match=r"work_001\.npz was not found"):
        bpy.ops.reelrig.build()
    assert count_data() == before


def test_build_of_a_motion_of_a_newer_reelrig_says_so(settings):
    bpy.ops.reelrig.capture()
    np.savez(settings.results[0].path, format_version=99)
    before = count_data()
    with pytest.raises(RuntimeError, match=r"motion format 99, .* reads up to 1\. Update Reelrig"):
        bpy.ops.reelrig.build()
    assert count_data() == before


def test_list_buttons_need_a_motion(scene):
    for operator in (bpy.ops.reelrig.build, bpy.ops.reelrig.remove, bpy.ops.reelrig.show_folder):
        assert not operator.poll()


def test_characters_are_built_in_object_mode_only(settings):
    bpy.ops.reelrig.capture()
    bpy.ops.object.mode_set(mode="POSE")
    for operator in (bpy.ops.reelrig.build, bpy.ops.reelrig.capture, bpy.ops.reelrig.open_motion):
        assert not operator.poll()


def test_remove_takes_the_entry_and_leaves_the_file(settings, captures):
    bpy.ops.reelrig.capture()
    bpy.ops.reelrig.capture()
    bpy.ops.reelrig.remove()
    assert [result.name for result in settings.results] == ["work_001"]
    assert settings.active_result == 0
    assert (captures / "work_002" / "work_002.npz").is_file()
    assert len(bpy.data.armatures) == 2


def test_show_folder_of_a_deleted_motion_says_so(settings, captures):
    bpy.ops.reelrig.capture()
    (captures / "work_001" / "work_001.npz").unlink()
    (captures / "work_001").rmdir()
    with pytest.raises(RuntimeError, match="work_001 was not found"):
        bpy.ops.reelrig.show_folder()


def test_open_motion_takes_a_file_of_another_tool(scene, tmp_path, capfd):
    path = write_amass(tmp_path / "walk.npz")
    assert bpy.ops.reelrig.open_motion(filepath=str(path)) == {"FINISHED"}
    assert "Warning: walk.npz lacks betas, expression" in capfd.readouterr().out
    assert len(bpy.data.armatures) == 1
    assert scene.reelrig.results[0].num_frames == 30


def test_motion_opened_twice_is_listed_once(scene, tmp_path):
    path = write_amass(tmp_path / "walk.npz")
    bpy.ops.reelrig.open_motion(filepath=str(path))
    bpy.ops.reelrig.open_motion(filepath=str(path))
    assert len(scene.reelrig.results) == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"format_version": 99}, "has motion format 99, this Reelrig reads up to 1. Update"),
        ({"poses": np.zeros((30, 7))}, "is no valid motion file: `poses` must have shape"),
    ],
)
def test_bad_motion_file_reports_its_sentence(tmp_path, values, sentence):
    before = count_data()
    path = write_amass(tmp_path / "walk.npz", **values)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.reelrig.open_motion(filepath=str(path))
    assert count_data() == before


def test_results_survive_in_the_blend_file(settings, tmp_path):
    bpy.ops.reelrig.capture()
    path = settings.results[0].path
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert [result.path for result in bpy.context.scene.reelrig.results] == [path]


def test_choose_video_sets_the_video(scene, tmp_path):
    bpy.ops.reelrig.choose_video(filepath=str(tmp_path / "walk.mp4"))
    assert scene.reelrig.video_path == str(tmp_path / "walk.mp4")


def test_installation_that_is_well_is_reported(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(tmp_path, "exit 0")))
    bpy.ops.reelrig.check_installation()
    assert "All is well" in capfd.readouterr().out


def test_installation_that_lacks_packages_names_them(tmp_path, monkeypatch):
    python = write_python(tmp_path, f'exec "{sys.executable}" -c "import a_package_that_is_gone"')
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(python))
    with pytest.raises(RuntimeError, match=r"\nnumpy: .*a_package_that_is_gone.*\ntorch: "):
        bpy.ops.reelrig.check_installation()
