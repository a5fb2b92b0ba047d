"""The house rules that a walk over the source can check, each shown to find a breach."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLENDER = {"bpy", "bmesh", "mathutils", "gpu", "blf", "bl_ext", "aud", "freestyle", "idprop"}
STAGES = {"detect", "lift", "world", "refine"}


# Reading


def read_modules(root: Path, package: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package: its path below ``root``, and its syntax tree."""
    for path in sorted((root / package).rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))


def find_imports(name: str, tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module imports, lazily or not, relative ones as seen from the root."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_source(name, node)
            yield source
            yield from (f"{source}.{alias.name}".lstrip(".") for alias in node.names)


def resolve_source(name: str, node: ast.ImportFrom) -> str:
    """What stands between ``from`` and ``import``, as a dotted name seen from the root."""
    folders = name.split("/")[:-1]
    if node.level > len(folders) + 1:
        return f"(outside of the project: {'.' * node.level}{node.module or ''})"
    base = folders[: len(folders) + 1 - node.level] if node.level else []
    return ".".join([*base, *filter(None, [node.module])])


def starts_with(imported: str, *packages: str) -> bool:
    return any(imported == package or imported.startswith(f"{package}.") for package in packages)


# Rules: each yields one sentence a breach


def core_needs_no_blender(root: Path) -> Iterator[str]:
    for name, tree in read_modules(root, "core"):
        for imported in find_imports(name, tree):
            if starts_with(imported, *BLENDER, "addon", "reelrig"):
                yield f"{name} imports {imported}"


def core_stays_relative(root: Path) -> Iterator[str]:
    """So that core loads under any parent: `core`, `reelrig.core`, `bl_ext.*.reelrig.core`."""
    for name, tree in read_modules(root, "core"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                source = resolve_source(name, node)
                if starts_with(source, "core") != bool(node.level):
                    yield f"{name} imports from {source}, level {node.level}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if starts_with(alias.name, "core"):
                        yield f"{name} imports {alias.name}, level 0"


def stages_are_strangers(root: Path) -> Iterator[str]:
    for stage in sorted(STAGES):
        others = [f"core.{other}" for other in STAGES - {stage}]
        for name, tree in read_modules(root, f"core/{stage}"):
            for imported in find_imports(name, tree):
                if starts_with(imported, *others):
                    yield f"{name} imports {imported}"


def addon_never_reaches_torch(root: Path) -> Iterator[str]:
    """Neither itself nor through any module of core that it imports."""
    imports = {
        name: set(find_imports(name, tree))
        for package in ("addon", "core")
        for name, tree in read_modules(root, package)
    }
    for name in imports:
        if name.startswith("addon/"):
            chain = find_chain_to_torch(name, imports)
            if chain:
                yield " -> ".join(chain)


def find_chain_to_torch(name: str, imports: dict[str, set[str]]) -> list[str]:
    """The shortest way from module ``name`` to torch; empty where none leads there."""
    chains = [[name]]
    seen = {name}
    for chain in chains:  # grows while it is walked: breadth first
        for imported in sorted(imports[chain[-1]]):
            if starts_with(imported, "torch"):
                return [*chain, "torch"]
            for file in files_loaded_by(imported):
                if file in imports and file not in seen:
                    seen.add(file)
                    chains.append([*chain, file])
    return []


def files_loaded_by(imported: str) -> list[str]:
    """Where ``a.b.c`` may lie, with the packages above it, which Python loads first."""
    parts = imported.split(".")
    packages = ["/".join([*parts[:count], "__init__.py"]) for count in range(1, len(parts) + 1)]
    return [*packages, "/".join(parts) + ".py"]


def nothing_is_unpickled(root: Path) -> Iterator[str]:
    for package in ("core", "addon"):
        for name, tree in read_modules(root, package):
            for imported in find_imports(name, tree):
                if starts_with(imported, "pickle", "torch.load"):
                    yield f"{name} imports {imported}"
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                    if ast.unparse(node.value) != "False":
                        yield f"{name} has allow_pickle={ast.unparse(node.value)}"
                elif isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load":
                    yield f"{name} uses torch.load"


def keys_are_written_in_bulk(root: Path) -> Iterator[str]:
    for package in ("core", "addon"):
        for name, tree in read_modules(root, package):
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and node.attr == "keyframe_insert":
                    yield f"{name} uses keyframe_insert"


RULES = [
    core_needs_no_blender,
    core_stays_relative,
    stages_are_strangers,
    addon_never_reaches_torch,
    nothing_is_unpickled,
    keys_are_written_in_bulk,
]


@pytest.mark.parametrize("rule", RULES)
def test_project_keeps_the_rule(rule):
    assert list(rule(ROOT)) == []


def test_project_is_what_is_read():
    names = {name for package in ("core", "addon") for name, _ in read_modules(ROOT, package)}
    assert {"core/motion.py", "core/rotation.py", "addon/panels.py"} <= names


@pytest.mark.parametrize(
    ("rule", "name", "source", "breach"),
    [
        (core_needs_no_blender, "core/a.py", "import bpy.types", "imports bpy.types"),
        (core_needs_no_blender, "core/a.py", "def f():\n    import bpy", "imports bpy"),
        (core_needs_no_blender, "core/a.py", "from mathutils import Matrix", "imports mathutils"),
        (core_needs_no_blender, "core/lift/a.py", "from ...addon import b", "imports addon"),
        (core_needs_no_blender, "core/a.py", "import reelrig.core", "imports reelrig.core"),
        (core_stays_relative, "core/a.py", "import core.b", "imports core.b, level 0"),
        (core_stays_relative, "core/a.py", "from core.b import c", "imports from core.b, level 0"),
        (core_stays_relative, "core/a.py", "from .. import b", "imports from , level 2"),
        (core_stays_relative, "core/a.py", "from ...b import c", "outside of the project: ...b"),
        (stages_are_strangers, "core/lift/a.py", "from ..world.b import c", "imports core.world.b"),
        (stages_are_strangers, "core/lift/a.py", "from .. import detect", "imports core.detect"),
        (stages_are_strangers, "core/refine/a.py", "from ..lift import b", "imports core.lift"),
        (addon_never_reaches_torch, "addon/a.py", "import torch", "addon/a.py -> torch"),
        (
            addon_never_reaches_torch,
            "addon/a.py",
            "from ..core.far import b",
            "addon/a.py -> core/far.py -> core/near.py -> torch",
        ),
        (nothing_is_unpickled, "core/a.py", "load(p, allow_pickle=True)", "allow_pickle=True"),
        (nothing_is_unpickled, "core/a.py", "load(p, allow_pickle=x)", "allow_pickle=x"),
        (nothing_is_unpickled, "addon/a.py", "import pickle", "imports pickle"),
        (nothing_is_unpickled, "core/a.py", "torch.load(p)", "uses torch.load"),
        (keys_are_written_in_bulk, "addon/a.py", "b.keyframe_insert('c')", "uses keyframe_insert"),
    ],
)
def test_rule_finds_a_breach(tmp_path, rule, name, source, breach):
    write_module(tmp_path, "core/far.py", "from . import near")
    write_module(tmp_path, "core/near.py", "from torch import Tensor")
    write_module(tmp_path, name, source)
    assert any(breach in sentence for sentence in rule(tmp_path))


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (core_needs_no_blender, "core/a.py", "import numpy, torch\nfrom .bpython import bpy_like"),
        (
            core_stays_relative,
            "core/lift/a.py",
            "from ..b import c\nfrom . import d\nimport corelib",
        ),
        (stages_are_strangers, "core/lift/a.py", "from ..body.b import c\nfrom .d import e"),
        (addon_never_reaches_torch, "addon/a.py", "from ..core.light import b"),
        (nothing_is_unpickled, "core/a.py", "load(p, allow_pickle=False)"),
    ],
)
def test_rule_lets_the_rest_pass(tmp_path, rule, name, source):
    write_module(tmp_path, "core/light.py", "import numpy")
    write_module(tmp_path, name, source)
    assert list(rule(tmp_path)) == []


def write_module(root: Path, name: str, source: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
