import importlib
import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from types import SimpleNamespace

import bpy
import pytest

from reelrig.addon import panels
from reelrig.addon.properties import status
from tests.addon.fake_worker import NUM_FRAMES
from tests.addon.harness import (
    LOAD_REELRIG,
    ROOT,
    registered_addon,
    write_python,
)

DEMO_CLIP = ROOT / ".cache" / "demo.mp4"  # fetched by `make setup`


class Layout:
    """Stands in for Blender's layout, and asks of Blender whether what is drawn exists."""

    def __init__(self, drawn=None):
        self.drawn = [] if drawn is None else drawn

    def row(self, **options):
        return Layout(self.drawn)

    column = row

    def operator(self, idname, **options):
        category, _, name = idname.partition(".")
        getattr(getattr(bpy.ops, category), name).get_rna_type()
        self.drawn.append(idname)

    def prop(self, owner, name, **options):
        assert name in owner.bl_rna.properties
        self.drawn.append(name)

    def prop_enum(self, owner, name, value):
        setattr(owner, name, value)  # refused where it is none of the values
        self.drawn.append(f"{name} {value}")

    def template_icon(self, icon_value, scale):
        assert isinstance(icon_value, int)

    def label(self, *, text, icon="NONE"):
        self.drawn.append(text)

    def progress(self, *, factor, text):
        self.drawn.append((factor, text))

    def template_list(self, list_type, list_id, owner, name, active_owner, active_name, **options):
        assert hasattr(bpy.types, list_type)
        assert {name, active_name} <= set(owner.bl_rna.properties.keys())

    def separator(self):
        pass


@pytest.fixture
def addon(scene):
    with registered_addon():
        yield


def draw(panel):
    """What the panel shows: operators, properties and texts, in their order."""
    layout = Layout()
    context = SimpleNamespace(
        scene=bpy.context.scene,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        region=SimpleNamespace(width=280),
    )
    panel.draw(SimpleNamespace(layout=layout), context)
    return layout.drawn


def list_registered():
    types = {name for name in dir(bpy.types) if "reelrig" in name.lower()}
    handlers = {
        name: len(handlers)
        for name in dir(bpy.app.handlers)
        if isinstance(handlers := getattr(bpy.app.handlers, name), list)
    }
    return types, dir(bpy.ops.reelrig), hasattr(bpy.types.Scene, "reelrig"), handlers


def test_unregister_leaves_nothing(scene):
    before = list_registered()
    with registered_addon():
        types, operators, has_settings, _ = list_registered()
        assert "REELRIG_PT_capture" in types
        assert "capture" in operators
        assert has_settings
    assert list_registered() == before


def test_package_and_core_load_without_bpy():
    program = f"""
import sys
sys.modules["bpy"] = None
{LOAD_REELRIG}
import reelrig.core.motion
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_panel_at_rest(addon):
    drawn = draw(panels.REELRIG_PT_capture)
    assert drawn == [
        *("video_path", "reelrig.choose_video", "use_range"),
        *("person", "reelrig.find_people", "reelrig.capture"),
    ]


def test_panel_shows_the_range_that_is_used(addon, scene):
    scene.reelrig.use_range = True
    assert {"start_s", "end_s"} <= set(draw(panels.REELRIG_PT_capture))


def test_panel_during_a_capture(addon, monkeypatch):
    monkeypatch.setattr(status, "is_running", True)
    monkeypatch.setattr(status, "progress", 0.25)
    monkeypatch.setattr(status, "stage", "Detecting 30 / 120")
    monkeypatch.setattr(status, "eta", "2 min left")
    drawn = draw(panels.REELRIG_PT_capture)
    assert "reelrig.capture" not in drawn
    assert drawn[-3:] == [(0.25, "Detecting 30 / 120"), "2 min left", "reelrig.cancel"]


def test_long_messages_are_wrapped(addon, monkeypatch):
    sentence = "The video has no person in it that can be captured. Choose another video."
    monkeypatch.setattr(status, "message", sentence)
    lines = draw(panels.REELRIG_PT_capture)[6:]
    assert " ".join(lines) == sentence
    assert max(map(len, lines)) < 40


def test_motions_panel(addon, scene):
    assert draw(panels.REELRIG_PT_motions)[-1] == "reelrig.build"
    result = scene.reelrig.results.add()
    result.num_frames, result.frame_rate, result.body_confidence = 120, 29.97, 0.934
    result.date = "2026-01-31 09:00"
    drawn = draw(panels.REELRIG_PT_motions)
    assert "120 frames at 29.97 per second" in drawn
    assert "Sure of the body 93%, hands 0%, face 0%" in drawn
    assert "2026-01-31 09:00" in drawn


def test_panel_shows_the_people_who_were_found(addon, scene):
    for number in range(2):
        person = scene.reelrig.people.add()
        person.number, person.last_s, person.share = number, 7.64, 0.98
    assert draw(panels.REELRIG_PT_capture)[3:-1] == [
        "reelrig.find_people",
        *("person 0", "0.0 to 7.6 s", "In 98% of the frames"),
        *("person 1", "0.0 to 7.6 s", "In 98% of the frames"),
        "person ALL",
    ]


def test_options_panel(addon):
    drawn = draw(panels.REELRIG_PT_options)
    assert drawn == [
        "method",
        "pose_model",
        "camera",
        "height_m",
        "is_cropped",
        "show_landmarks",
    ]


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory):
    """The zip with wheels, in whose place there is one small package, for each of two Pythons."""
    folder = tmp_path_factory.mktemp("dist")
    wheels = [write_wheel(folder, python_tag) for python_tag in ("cp311", "cp313")]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        build = importlib.import_module("build")
        patch.setattr(build, "fetch_wheels", lambda platform, pythons: wheels)
        return build.build(folder, "linux-x64")


def write_wheel(folder, python_tag):
    """A package that knows which Python its wheel is for."""
    tag = f"{python_tag}-{python_tag}-manylinux_2_28_x86_64"
    info = "python_tag-1.0.dist-info"
    files = {
        "python_tag.py": f"NAME = {python_tag!r}\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: python-tag\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files)
    path = folder / f"python_tag-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def use_extension(zip_path, video, end_s, user_folder, worker_python):
    """What use_extension.py says after it has installed the zip and captured the video."""
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(user_folder),
        "REELRIG_WORKER_PYTHON": str(worker_python),
    }
    program = ROOT / "tests" / "addon" / "use_extension.py"
    ended = subprocess.run(
        [sys.executable, program, zip_path, video, str(end_s)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_installed_extension_captures_and_builds(extension_zip, tmp_path):
    user_folder = tmp_path / "user"
    user_folder.mkdir()
    found = use_extension(
        extension_zip, tmp_path / "work.mp4", 1.0, user_folder, write_python(tmp_path)
    )
    del found["joint errors in mm"]  # the fake worker's joints are made up
    assert found == {
        "bones": [55, 55],  # of the capture, and of the second build
        "are keyed": [True, True],
        "skins": 2,
        "results": ["work_001"],
        "frames": NUM_FRAMES,
        "confidence": 0.75,
        "captures": ["work_001/work_001.npz"],
        "is in user folder": True,
        "wheel": f"cp3{sys.version_info.minor}",
        "worker's packages in Blender": [],
        "types after disabling": [],
    }


def test_installed_extension_captures_a_real_video(extension_zip, tmp_path):
    if not DEMO_CLIP.is_file():
        pytest.skip(f"{DEMO_CLIP} is not there, `make setup` fetches it")
    if find_spec("torch") is None:
        pytest.skip("no torch in this environment")
    blenders_own = ""
    found = use_extension(extension_zip, DEMO_CLIP, 1.0, tmp_path, blenders_own)
    assert found["bones"] == [55, 55]
    assert found["are keyed"] == [True, True]
    assert found["frames"] > 10
    assert found["confidence"] > 0.3
    assert len(found["joint errors in mm"]) > 5
    assert max(found["joint errors in mm"]) < 1
    assert found["worker's packages in Blender"] == []
