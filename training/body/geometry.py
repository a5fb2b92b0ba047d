"""The body's surface: MakeHuman's skin in its regions, with eyes, mouth and hairs made for it."""

from __future__ import annotations

import numpy as np

from .eyes import build_eyes
from .hairs import build_hairs
from .mouth import build_mouth
from .pieces import MATERIALS, PARTS, Geometry, join, pick
from .regions import skin_regions
from .source import BaseMesh


def build_geometry(base: BaseMesh, rest: np.ndarray) -> Geometry:
    """The whole surface over a neutral person's base mesh ``rest`` [19158, 3] m in the zero pose.

    What is made is laid out on this person; on any other it follows the base mesh.
    """
    pieces = [_build_skin(base), build_eyes(base, rest), build_mouth(base, rest)]
    return join([*pieces, build_hairs(base, rest)])


def _build_skin(base: BaseMesh) -> Geometry:
    vertices, quads = np.unique(base.quads["body"], return_inverse=True)
    uv_rows, quads_uv = np.unique(base.quads_uv["body"], return_inverse=True)
    number = np.full(len(base.vertices), -1)
    number[vertices] = np.arange(len(vertices))
    materials = np.full(len(base.quads["body"]), MATERIALS.index("Skin"))
    for name, is_inside in skin_regions(base.quads["body"], base.mirror).items():
        materials[is_inside] = MATERIALS.index(name)
    return Geometry(
        attach=pick(vertices, len(base.vertices)),
        quads=quads.reshape(-1, 4),
        uv=base.uv[uv_rows],
        quads_uv=quads_uv.reshape(-1, 4),
        materials=materials,
        part=np.full(len(vertices), PARTS.index("body skin")),
        mirror=number[base.mirror[vertices]],
        base_vertex=vertices,
    )
