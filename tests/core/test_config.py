"""What a job is told, and where its files go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.config import CaptureConfig, CaptureJob, person_path
from core.errors import ReelrigError


@pytest.mark.parametrize("task", ["capture", "people"])
@pytest.mark.parametrize("person", [0, 3, None])
def test_a_job_comes_out_of_its_line_as_it_went_in(task, person):
    config = CaptureConfig(start_s=1.5, end_s=2.5, person=person, pose_model="full", device="mps")
    job = CaptureJob(task=task, video=Path("a.mp4"), output=Path("out"), config=config)
    line = job.to_line()
    assert CaptureJob.from_line(line) == job
    assert line.count("\n") == 1
    assert json.loads(line)["task"] == task


def test_a_config_comes_out_of_its_json_as_it_went_in():
    config = CaptureConfig(person=None, end_s=2.0, focal_px=900.0)
    assert CaptureConfig.from_dict(json.loads(config.to_json())) == config


def test_files_of_everybody_lie_side_by_side():
    output = Path("out") / "dance.v2.npz"
    assert person_path(output, 0) == output
    assert person_path(output, 1) == Path("out") / "dance.v2_person1.npz"
    assert person_path(Path("o.mp4"), 12) == Path("o_person12.mp4")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"pose_model": "huge"}, "pose model must be one of lite, full, heavy, got 'huge'"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, mps, got 'tpu'"),
        ({"camera": "flying"}, "camera must be one of auto, static, moving, got 'flying'"),
        ({"person": -1}, r"person must be 0 \(the first\) or higher, got -1"),
    ],
)
def test_settings_that_do_not_exist_are_refused(settings, sentence):
    with pytest.raises(ReelrigError, match=sentence):
        CaptureConfig(**settings)
