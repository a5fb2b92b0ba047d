"""What the panel tells the worker, and what it recommends."""

import json
from typing import get_args

import bpy
import numpy as np
import pytest

from reelrig.addon import results
from reelrig.core.config import Camera, CaptureConfig, Method
from tests.addon.harness import registered_addon, write_python


@pytest.fixture(autouse=True)
def settings(scene, tmp_path, monkeypatch):
    """The settings of a capture that goes well, with the fake worker."""
    monkeypatch.setattr(results, "captures_folder", lambda: tmp_path)
    monkeypatch.setenv("REELRIG_WORKER_PYTHON", str(write_python(tmp_path)))
    with registered_addon():
        scene.reelrig.video_path = str(tmp_path / "work.mp4")
        yield scene.reelrig


def read_settings(settings):
    with np.load(settings.results[0].path) as motion:
        return json.loads(str(motion["settings_json"]))


def test_unknown_height_is_left_out(settings):
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["height_m"] is None


def test_height_is_passed_on_and_checked(settings):
    settings.height_m = 0.3
    with pytest.raises(
        RuntimeError, match=r"height must be between 0\.5 and 2\.5 metres, got 0\.3"
    ):
        bpy.ops.reelrig.capture()
    settings.height_m = 1.83
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["height_m"] == pytest.approx(1.83)


def test_height_is_not_that_of_everybody(settings):
    settings.height_m = 1.83
    bpy.ops.reelrig.find_people()
    settings.person = "ALL"
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["height_m"] is None


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_can_be_chosen(settings, method):
    settings.method = method
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["method"] == method


@pytest.mark.parametrize("camera", get_args(Camera))
def test_the_camera_is_passed_on(settings, camera):
    settings.camera = camera
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["camera"] == camera


def test_the_optical_axis_of_a_cropped_video_is_passed_on(settings):
    settings.center_px = (300.0, -20.0)
    assert settings.known_center_px is None
    settings.is_cropped = True
    bpy.ops.reelrig.capture()
    assert read_settings(settings)["center_px"] == [300.0, -20.0]


def test_the_panel_recommends_what_the_core_recommends(settings):
    assert settings.method == CaptureConfig().method
    assert settings.camera == CaptureConfig().camera
