"""The doctor: what it says of a sound installation, and of one that is not."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

from core import doctor
from core.detect import network_files


@pytest.fixture
def examine(monkeypatch):
    """What the doctor says, and whether all is well; with no more than the networks given."""

    def run(*networks: str) -> tuple[bool, str]:
        lines: list[str] = []
        monkeypatch.setattr(doctor, "NETWORKS", networks)
        return doctor.examine(lines.append), "\n".join(lines)

    return run


def test_it_knows_every_network():
    files = network_files.FOLDER.glob("*.safetensors")
    assert sorted(doctor.NETWORKS) == sorted(path.stem for path in files)


def test_a_sound_installation_is_well(examine):
    is_well, said = examine(*doctor.NETWORKS)
    assert is_well, said
    for name in doctor.NETWORKS:
        assert re.search(f"^network {name}: file intact, .* ms an item", said, re.MULTILINE)
    assert re.search(
        r"^device: (CPU, \d+ threads\. \S+|CUDA GPU \S+|Apple GPU)", said, re.MULTILINE
    )
    assert re.search(r"^self-test: a drawn person was seen", said, re.MULTILINE)


def test_a_damaged_network_is_named(examine, monkeypatch, tmp_path):
    shutil.copy(network_files.FOLDER / "SHA256SUMS", tmp_path)
    for name in ("face_detector", "hand_recrop"):
        shutil.copy(network_files.FOLDER / f"{name}.safetensors", tmp_path)
    damaged = tmp_path / "face_detector.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    monkeypatch.setattr(network_files, "FOLDER", tmp_path)
    is_well, said = examine("hand_recrop", "face_detector")
    assert not is_well
    assert "network hand_recrop: file intact" in said
    assert f"network face_detector: does not work here: {damaged} is damaged" in said


def test_networks_that_see_nobody_are_told(examine, monkeypatch):
    empty = np.full((720, 1280, 3), 170, np.uint8)
    monkeypatch.setattr(doctor, "_draw_body", lambda: (empty, np.zeros((55, 2))))
    is_well, said = examine()
    assert not is_well
    assert "self-test: does not work here: one person was drawn, 0 were found" in said


def test_networks_that_see_wrongly_are_told(examine, monkeypatch):
    image, joints_px = doctor._draw_body()
    monkeypatch.setattr(doctor, "_draw_body", lambda: (image, joints_px + 40))
    is_well, said = examine()
    assert not is_well
    assert re.search(r"landmarks are off by \d+% of the drawn person's height", said)
