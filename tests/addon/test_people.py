from pathlib import Path

import bpy
import pytest

from reelrig.addon import people
from reelrig.core.config import CaptureConfig
from reelrig.core.motion import read_motion
from reelrig.core.protocol import FoundPerson
from tests.addon.fake_worker import NUM_PEOPLE, write_picture
from tests.addon.harness import registered_addon, write_python


@pytest.fixture
def settings(scene, tmp_path, monkeypatch):
    """The scene's settings, with a video in which three people are found."""
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(tmp_path)))
    with registered_addon():
        scene.reelrig.video_path = str(tmp_path / "work.mp4")
        yield scene.reelrig


def list_choices(settings):
    items = people.person_items(settings, bpy.context)
    return [identifier for identifier, *_ in items]


def test_main_person_and_all_can_always_be_chosen(settings):
    assert list_choices(settings) == ["0", "ALL"]
    assert people.get_person(settings) == 0
    settings.person = "ALL"
    assert people.get_person(settings) is None
    with pytest.raises(TypeError, match="not found in"):
        settings.person = "1"


def test_everybody_found_can_be_chosen(settings):
    assert bpy.ops.reelrig.find_people() == {"FINISHED"}
    assert list_choices(settings) == ["0", "1", "2", "ALL"]
    settings.person = "2"
    assert people.get_person(settings) == 2


def test_choice_survives_undo_and_the_blend_file(settings, tmp_path):
    bpy.ops.reelrig.find_people()
    settings.person = "2"
    bpy.ops.ed.undo_push(message="Choose")
    settings.use_range = True
    assert list_choices(settings) == ["0", "ALL"]
    assert settings.person == "0"
    bpy.ops.ed.undo_push(message="Another range")
    bpy.ops.ed.undo()
    assert bpy.context.scene.reelrig.person == "2"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert list_choices(bpy.context.scene.reelrig) == ["0", "1", "2", "ALL"]
    assert bpy.context.scene.reelrig.person == "2"


@pytest.mark.parametrize(
    ("name", "value"),
    [("video_path", "other.mp4"), ("use_range", True), ("start_s", 1.0), ("end_s", 2.0)],
)
def test_another_video_or_range_has_other_people(settings, name, value):
    bpy.ops.reelrig.find_people()
    settings.person = "1"
    setattr(settings, name, value)
    assert not settings.people
    assert settings.person == "0"


def test_all_stays_chosen_for_another_video(settings):
    bpy.ops.reelrig.find_people()
    settings.person = "ALL"
    settings.video_path = "other.mp4"
    assert settings.person == "ALL"


def test_second_search_takes_the_place_of_the_first(settings):
    bpy.ops.reelrig.find_people()
    settings.person = "1"
    bpy.ops.reelrig.find_people()
    assert len(settings.people) == NUM_PEOPLE
    assert settings.person == "0"


@pytest.mark.parametrize(("choice", "person"), [("0", 0), ("2", 2), ("ALL", None)])
def test_capture_asks_for_the_chosen_person(settings, tmp_path, monkeypatch, choice, person):
    monkeypatch.setattr("reelrig.addon.results.captures_folder", lambda: tmp_path)
    bpy.ops.reelrig.find_people()
    settings.person = choice
    settings.pose_model = "lite"
    bpy.ops.reelrig.capture()
    motion = read_motion(Path(settings.results[0].path), pytest.fail)
    assert motion.settings_json == CaptureConfig(person=person, pose_model="lite").to_json()
    assert len(settings.results) == (NUM_PEOPLE if choice == "ALL" else 1)


def test_search_without_a_video_says_so(settings):
    settings.video_path = ""
    with pytest.raises(RuntimeError, match=r"No video is chosen\. Choose one"):
        bpy.ops.reelrig.find_people()


def test_failed_search_reports_its_sentence_and_leaves_no_folder(settings, tmp_path):
    settings.video_path = str(tmp_path / "refuse.mp4")
    with pytest.raises(RuntimeError, match=r"refuse.mp4 is no video. Choose a movie file"):
        bpy.ops.reelrig.find_people()
    (folder,) = people._picture_folders
    assert not folder.exists()


def test_pictures_are_there_until_the_addon_is_closed(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(tmp_path)))
    with registered_addon():
        scene.reelrig.video_path = str(tmp_path / "work.mp4")
        bpy.ops.reelrig.find_people()
        bpy.ops.reelrig.find_people()
        folders = list(people._picture_folders)
        assert [len(list(folder.iterdir())) for folder in folders] == [NUM_PEOPLE, NUM_PEOPLE]
        assert all(folder.parent == Path(bpy.app.tempdir) for folder in folders)
    assert not any(folder.exists() for folder in folders)
    assert people._previews is None


def test_picture_is_loaded_in_its_own_size(settings, tmp_path):
    picture = str(tmp_path / "somebody.png")
    write_picture(picture, (30, 90))
    person = FoundPerson(person=0, first_s=0.0, last_s=1.0, share=1.0, thumbnail=picture)
    people.list_people(settings, [person])
    assert tuple(people._previews[picture].image_size) == (30, 90)


def test_people_without_pictures_are_listed(settings, tmp_path):
    for thumbnail in (None, str(tmp_path / "gone.png")):
        person = FoundPerson(person=0, first_s=0.0, last_s=1.0, share=0.25, thumbnail=thumbnail)
        people.list_people(settings, [person])
        assert people.get_icon(settings.people[0].picture) == 0
        assert people.describe_times(settings.people[0]) == "0.0 to 1.0 s"
        assert people.describe_share(settings.people[0]) == "In 25% of the frames"


def test_folder_that_cannot_be_made_is_told(monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", lambda **options: open("/nowhere/at/all"))
    with pytest.raises(people.OutputError, match=r"No folder can be made in .*: No such file"):
        people.new_picture_folder()
