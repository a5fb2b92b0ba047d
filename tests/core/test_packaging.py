"""What the manifest, pyproject.toml and the locks must agree on, and what the zip holds."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
SOURCES = sorted((ROOT / "requirements").glob("*.in"))


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


def test_every_source_has_its_lock():
    assert [path.stem for path in LOCKS] == [path.stem for path in SOURCES]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_pins_and_hashes_every_package(lock):
    text = lock.read_text("utf-8")
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z]+\])?==\S+ \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("path", LOCKS + SOURCES, ids=lambda path: path.name)
def test_requirements_name_no_place(path):
    """Where packages come from is each machine's own setting."""
    text = path.read_text("utf-8")
    assert not re.search(r"://|--\S*index|--find-links|(^|\s)/\w", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["core", "dev"])
def test_locks_of_one_environment_agree(name):
    """core, dev and torch go into one environment: no package in two versions."""
    pinned = read_pins(ROOT / f"requirements/{name}.txt")
    for other in ("core", "dev", "torch-cpu"):
        for package, version in read_pins(ROOT / f"requirements/{other}.txt").items():
            assert pinned.get(package, version) == version


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
    assert "core/body/free_body.npz" in names
    assert {Path(name).suffix for name in names} == {".py", ".toml", ".npz", ".md", ""}


def read_pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)\S*?==(\S+)", lock.read_text("utf-8"), re.MULTILINE))
