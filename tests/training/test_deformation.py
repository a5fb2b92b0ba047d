"""The shipped body keeps its shape where bodies usually lose it."""

from __future__ import annotations

import pytest

from reelrig.core.body.model import load_body
from training.bench_body import POSES, Deformed


@pytest.fixture(scope="module")
def deformed():
    return Deformed(load_body())


@pytest.mark.parametrize(
    ("pose", "largest_change"),
    [("squat", 0.04), ("sit", 0.04), ("lunge", 0.03), ("knee 120", 0.02), ("arms up", 0.02)],
)
def test_bends_keep_the_bodys_volume(deformed, pose, largest_change):
    assert abs(deformed.volume_change(POSES[pose])) < largest_change


@pytest.mark.parametrize("pose", POSES)
def test_hardly_any_skin_is_crushed(deformed, pose):
    assert deformed.crushed_share(POSES[pose]) < 0.006


def test_a_twisted_wrist_keeps_its_thickness(deformed):
    assert deformed.wrist_section(POSES["wrist twist 90"]) > 0.85


def test_mouth_close_shuts_an_open_jaw(deformed):
    assert deformed.lip_gap() < 0.0015
