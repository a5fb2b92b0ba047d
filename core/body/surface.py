"""Single points of the skin, by the vertex numbers that every SMPL-X-format body shares."""

from __future__ import annotations

import numpy as np

from ..errors import ModelFileError
from .model import BodyModel

# SMPL-X's vertex numbers of feet, ears and nose (smplx 0.1.28, vertex_ids.py, table "smplx");
# the free body's vertices are ordered so that the same numbers hit the same places.
VERTICES = {
    "nose": 9120,
    "left_ear": 6,
    "right_ear": 616,
    "left_big_toe": 5770,
    "left_small_toe": 5780,
    "left_heel": 8846,
    "right_big_toe": 8463,
    "right_small_toe": 8474,
    "right_heel": 8635,
}

# MediaPipe's "foot index" lies at the tip of the second toe, between the big and the small one.
_FOOT_INDEX_SHARES = {"big_toe": 2 / 3, "small_toe": 1 / 3}


def surface_point(body: BodyModel, name: str, betas: np.ndarray) -> np.ndarray:
    """[3] m, a named point of the skin at rest; also left_foot_index and right_foot_index."""
    if name.endswith("_foot_index"):
        side = name.removesuffix("_foot_index")
        points = [surface_point(body, f"{side}_{toe}", betas) for toe in _FOOT_INDEX_SHARES]
        return np.average(points, axis=0, weights=list(_FOOT_INDEX_SHARES.values()))
    vertex = VERTICES[name]
    if vertex >= body.num_vertices:
        raise ModelFileError(
            f"{body.path} has {body.num_vertices} vertices, SMPL-X's numbering needs vertex "
            f"{vertex} for the {name.replace('_', ' ')}. Choose an SMPL-X body."
        )
    return body.template[vertex] + body.shape_dirs[vertex, :, : len(betas)] @ betas
