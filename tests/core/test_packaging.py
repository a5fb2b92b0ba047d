"""What the manifest, pyproject.toml and the locks must agree on, and what the zip holds."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SOURCES = sorted((ROOT / "requirements").glob("*.in"))
RUN_TIME = {"core", "torch-cpu"}


@pytest.fixture
def tool(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("fetch_wheels")


def test_manifest_and_pyproject_agree():
    project = PYPROJECT["project"]
    assert MANIFEST["id"] == project["name"]
    assert MANIFEST["version"] == project["version"]
    assert MANIFEST["license"] == [f"SPDX:{project['license']}"]


def test_manifest_asks_for_files_only_and_lists_no_wheels():
    assert list(MANIFEST["permissions"]) == ["files"]
    assert MANIFEST["wheels"] == []


def test_every_package_is_listed_in_pyproject():
    found = {"reelrig"}
    for package in ("addon", "core"):
        for path in (ROOT / package).rglob("__init__.py"):
            found.add(".".join(["reelrig", *path.relative_to(ROOT).parent.parts]))
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_data_file_is_installed():
    """Whatever lies in core beside the code."""
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    installed = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in (ROOT / Path(*package.split(".")[1:])).glob(glob)
    }
    data = {path for path in (ROOT / "core").rglob("*") if path.is_file()}
    data = {path for path in data if path.suffix not in (".py", ".pyc")} - {ROOT / "core/ruff.toml"}
    assert data <= installed
    assert ROOT / "core/detect/weights/pose_heavy.safetensors" in data


def test_every_source_has_its_lock():
    assert [path.stem for path in LOCKS] == [path.stem for path in SOURCES]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_pins_and_hashes_every_package(lock):
    text = lock.read_text("utf-8")
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z]+\])?==\S+ (; .+ )?\\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("path", LOCKS + SOURCES, ids=lambda path: path.name)
def test_requirements_name_no_place(path):
    """Where packages come from is each machine's own setting."""
    text = path.read_text("utf-8")
    assert not re.search(r"://|--\S*index|--find-links|(^|\s)/\w", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("lock", "python"), [("dev", "3.11.7"), ("blender52", "3.13.0")])
def test_locks_of_one_environment_agree(lock, python):
    """The run time and what a lock adds go into one environment: no package in two versions."""
    pinned: dict[str, str] = {}
    for each in sorted({lock, *RUN_TIME}):
        for package, version in read_pins(each, python).items():
            assert pinned.setdefault(package, version) == version
    assert pinned["numpy"].split(".")[0] == ("1" if python < "3.12" else "2")


@pytest.mark.parametrize("python", ["3.11.7", "3.13.0"])
def test_both_builds_of_torch_ask_for_the_same(python):
    cpu, ordinary = read_pins("torch-cpu", python), read_pins("torch", python)
    assert cpu.pop("torch") == f"{ordinary['torch']}+cpu"
    assert cpu.items() <= ordinary.items()


def test_the_run_time_is_what_pyproject_asks_for():
    asked = {Requirement(text).name for text in PYPROJECT["project"]["dependencies"]}
    assert asked == {*read_pins("core", "3.11.7"), "torch"}


def test_manifest_names_the_platforms_that_wheels_are_fetched_for(tool):
    assert MANIFEST["platforms"] == list(tool.PLATFORMS)


@pytest.mark.parametrize("platform", MANIFEST["platforms"])
def test_wheels_are_the_run_time_less_what_is_never_loaded(tool, platform):
    picked = re.findall(r"^([a-z0-9-]+)==(.*)", tool.pick_locked(platform), re.MULTILINE)
    assert [name for name, _ in picked] == list(tool.WHEELS)
    # pip judges markers by the Python it runs on, not by the one that the wheels are for.
    assert not [name for name, rest in picked if ";" in rest]
    everything = {*read_pins("core", "3.13.0"), *read_pins("torch", "3.13.0")}
    left_out = everything.difference(tool.WHEELS)
    cuda = {name for name in left_out if name.startswith(("nvidia-", "cuda-"))}
    assert left_out - cuda == {"numpy", "setuptools", "triton"}


def test_light_zip_holds_what_ships_and_nothing_else(tmp_path):
    subprocess.run(
        [sys.executable, ROOT / "tools/build.py", "--out", tmp_path],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(tmp_path / f"reelrig-{MANIFEST['version']}.zip") as archive:
        names = set(archive.namelist())
    top_levels = {name.split("/")[0] for name in names}
    assert top_levels == {
        *("__init__.py", "blender_manifest.toml", "addon", "core"),
        *("LICENSE", "NOTICE", "README.md"),
    }
    weights = {path.name for path in (ROOT / "core/detect/weights").iterdir()}
    assert {
        "core/body/free_body.npz",
        *(f"core/detect/weights/{name}" for name in weights),
    } <= names
    suffixes = {Path(name).suffix for name in names}
    assert suffixes == {".py", ".toml", ".json", ".npz", ".safetensors", ".md", ""}


def read_pins(lock: str, python: str) -> dict[str, str]:
    """Package -> version, as the lock has them on Linux for a Python."""
    system = {"python_full_version": python, "sys_platform": "linux", "platform_machine": "x86_64"}
    text = (ROOT / f"requirements/{lock}.txt").read_text("utf-8")
    lines = re.findall(r"^[a-z].*?(?= \\$)", text, re.MULTILINE)
    pins = [Requirement(line) for line in lines]
    return {
        pin.name: str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(system)
    }
