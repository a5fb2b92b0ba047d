"""MediaPipe's landmarks on a body: the landmark table turned into the file's arrays.

The table (fit_landmarks.py makes it) survives a new bake, as it names vertices of MakeHuman's base
mesh and joints, never vertices of a file. A landmark lies on a triangle of base vertices, on an
eyeball in a direction from the eye's joint, or is a mix of joints.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reelrig.core.errors import ModelFileError
from reelrig.core.skeletons import JOINT_INDEX, LANDMARK_PARTS, NUM_JOINTS, NUM_LANDMARKS

TABLE_PATH = Path(__file__).with_name("landmark_table.json")

# MediaPipe's face landmarks that stand for iBUG's 68 (contour first), as commonly used.
IBUG_CONTOUR = (162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389)
UPPER_LIP, LOWER_LIP = (82, 13, 312), (87, 14, 317)  # the middles, inside
IBUG_INNER = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # lips, outside
    *(78, 82, 13, 312, 308, 317, 14, 87),  # lips, inside
)

# Rows of dynamic_lmk_*: the head turned to the person's right by 0 to 39 degrees, then to the left
# by 1 to 39 (smplx 0.1.28, lbs.py, find_dynamic_lmk_idx_and_bcoords).
CONTOUR_YAWS_DEG = (*range(40), *range(-1, -40, -1))

RIGID = 0.999  # weight of the eye's joint from which on a vertex belongs to the eyeball


@dataclass(frozen=True, eq=False)
class Surface:
    """The skin of a body at rest, with what the table needs to find its places on it."""

    vertices: np.ndarray  # [V, 3] m
    faces: np.ndarray  # [F, 3]
    weights: np.ndarray  # [V, 55]
    base_vertex: np.ndarray  # [V] number in MakeHuman's base mesh; -1 for made geometry

    def points(self, triangles: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
        """[..., 3] m, points of the skin."""
        return np.einsum("...c,...cx->...x", barycentric, self.vertices[self.faces[triangles]])


def read_table(path: Path = TABLE_PATH) -> list[dict[str, Any]]:
    """One entry a landmark, in the order of LANDMARK_PARTS."""
    table = json.loads(path.read_text("utf-8"))
    return [entry for part in LANDMARK_PARTS for entry in table[part]]


def write_table(entries: list[dict[str, Any]], path: Path = TABLE_PATH) -> None:
    """The entries as JSON, one a line so that a change can be read."""
    parts = []
    for name, rows in LANDMARK_PARTS.items():
        lines = ",\n".join(json.dumps(entry) for entry in entries[rows])
        parts.append(f'"{name}": [\n{lines}\n]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")


def landmark_arrays(
    vertices: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
    base_vertex: np.ndarray,
    table: list[dict[str, Any]] | None = None,
) -> dict[str, np.ndarray]:
    """The body file's landmark_* keys for a skin at rest, by ``table`` or the one beside this file.

    ``vertices`` [V, 3] m, ``faces`` [F, 3], ``weights`` [V, 55], ``base_vertex`` [V], -1 for made
    geometry.
    """
    surface = Surface(vertices, faces, weights, base_vertex)
    triangles = np.full(NUM_LANDMARKS, -1, np.int32)
    barycentric = np.zeros((NUM_LANDMARKS, 3), np.float32)
    joint_weights = np.zeros((LANDMARK_PARTS["face"].start, NUM_JOINTS), np.float32)
    for i, entry in enumerate(read_table() if table is None else table):
        if "joints" in entry:
            for name, weight in entry["joints"].items():
                joint_weights[i, JOINT_INDEX[name]] = weight
        else:
            triangles[i], barycentric[i] = find_place(surface, entry)
    return {
        "landmark_faces_idx": triangles,
        "landmark_bary_coords": barycentric,
        "landmark_joint_weights": joint_weights,
    }


def face_landmarks(
    vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, base_vertex: np.ndarray
) -> dict[str, np.ndarray]:
    """The body file's lmk_* and dynamic_lmk_* keys; arguments as in landmark_arrays."""
    surface = Surface(vertices, faces, weights, base_vertex)
    entries = read_table()[LANDMARK_PARTS["face"]]
    inner = [find_place(surface, entries[i]) for i in IBUG_INNER]
    contour = [_follow_outline(surface, *find_place(surface, entries[i])) for i in IBUG_CONTOUR]
    return {
        "lmk_faces_idx": np.array([triangle for triangle, _ in inner], np.int64),
        "lmk_bary_coords": np.array([place for _, place in inner], np.float32),
        "dynamic_lmk_faces_idx": np.stack([triangles for triangles, _ in contour], 1),
        "dynamic_lmk_bary_coords": np.stack([places for _, places in contour], 1),
    }


def lip_regressors(base_vertex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middles of upper and lower lip, inside, as regressors [3, V] of the vertices."""
    entries = read_table()[LANDMARK_PARTS["face"]]
    upper, lower = (np.zeros((3, len(base_vertex))) for _ in range(2))
    for matrix, lip in ((upper, UPPER_LIP), (lower, LOWER_LIP)):
        for row, i in enumerate(lip):
            corners = _find_corners(base_vertex, entries[i])
            matrix[row, corners] = entries[i]["barycentric"]
    return upper, lower


def find_place(surface: Surface, entry: dict[str, Any]) -> tuple[int, np.ndarray]:
    """Triangle of a table's entry on skin or eye, and its barycentric weights [3].

    Where a quad is split along its other diagonal, the nearest place around the same vertices.
    """
    if "eye" in entry:
        return _find_on_eye(surface, entry)
    corners = _find_corners(surface.base_vertex, entry)
    around = np.flatnonzero(np.isin(surface.faces, corners).any(1))
    return _nearest(surface, around, np.array(entry["barycentric"]) @ surface.vertices[corners])


def _find_corners(base_vertex: np.ndarray, entry: dict[str, Any]) -> np.ndarray:
    """[3] vertices of a body that are the entry's base vertices."""
    corners = [np.flatnonzero(base_vertex == vertex) for vertex in entry["vertices"]]
    if any(len(found) != 1 for found in corners):
        raise ModelFileError(
            f"The landmark table names base vertices {entry['vertices']}, of which this body lacks "
            "some. Fit the table to it: python -m training.body.fit_landmarks."
        )
    return np.concatenate(corners)


def _find_on_eye(surface: Surface, entry: dict[str, Any]) -> tuple[int, np.ndarray]:
    """Triangle of the eyeball in the entry's direction, and its barycentric weights [3]."""
    is_eye = surface.weights[:, JOINT_INDEX[entry["eye"]]] > RIGID
    eyeball = np.flatnonzero(is_eye[surface.faces].all(1))
    middle, _ = eye_ball(surface.vertices[is_eye])
    # The ray from the middle, as a mix of the triangle's corners; the nearest place would not do,
    # for the iris lies a little deeper than its rim.
    corners = (surface.vertices[surface.faces[eyeball]] - middle).transpose(0, 2, 1)
    mixes = np.linalg.solve(corners, np.tile(entry["direction"], (len(eyeball), 1))[..., None])
    lowest = mixes.min(axis=(1, 2))  # above zero where the ray passes
    hit = lowest.argmax()
    return int(eyeball[hit]), np.clip(mixes[hit, :, 0] / mixes[hit].sum(), 0, 1)


def eye_ball(vertices: np.ndarray) -> tuple[np.ndarray, float]:
    """Middle [3] and radius, m, of an eyeball [N, 3] that is round but for its front."""
    low, high = vertices.min(0), vertices.max(0)
    radius = (high[0] - low[0]) / 2
    return np.array([*(low + high)[:2] / 2, low[2] + radius]), float(radius)


def _follow_outline(
    surface: Surface, triangle: int, barycentric: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [79] and barycentric weights [79, 3] of a contour landmark, by the head's yaw.

    From the front it lies at the place given. In a head turned away, the face's outline at the same
    height lies before it: the outermost skin between it and the middle of the face.
    """
    point = surface.points(np.array(triangle), barycentric)
    triangles, weights = _slice(surface, point[1])
    places = surface.points(triangles, weights)
    side = np.sign(point[0])
    is_between = (places[:, 2] > point[2]) & (side * places[:, 0] > 0)
    is_head = surface.weights[:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(1) > 0.5
    kept = is_between & is_head[surface.faces[triangles]].all(1)
    triangles = np.concatenate([[triangle], triangles[kept]])
    weights = np.concatenate([barycentric[None], weights[kept]])
    places = np.concatenate([point[None], places[kept]])
    yaws = np.radians(CONTOUR_YAWS_DEG)[:, None]
    # To the picture's right as seen by a camera before the face, which sees the left side of a
    # head that is turned to the right.
    across = places[:, 0] * np.cos(yaws) - places[:, 2] * np.sin(yaws)
    outermost = (side * across).argmax(1)
    return triangles[outermost].astype(np.int64), weights[outermost].astype(np.float32)


def _slice(surface: Surface, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Where edges pass ``height``: their triangles [N], barycentric weights [N, 3]."""
    above = surface.vertices[surface.faces][..., 1] - height
    triangles, weights = [], []
    for start, end in ((0, 1), (1, 2), (2, 0)):
        found = np.flatnonzero(above[:, start] * above[:, end] < 0)
        share = above[found, start] / (above[found, start] - above[found, end])
        weight = np.zeros((len(found), 3))
        weight[:, start], weight[:, end] = 1 - share, share
        triangles.append(found)
        weights.append(weight)
    return np.concatenate(triangles), np.concatenate(weights)


def _nearest(surface: Surface, triangles: np.ndarray, point: np.ndarray) -> tuple[int, np.ndarray]:
    """Which of ``triangles`` [N] comes nearest to ``point`` [3], and where [3], barycentric."""
    corners = surface.vertices[surface.faces[triangles]]
    weights = nearest_in_triangles(corners, point)
    gaps = np.linalg.norm(np.einsum("nc,ncx->nx", weights, corners) - point, axis=1)
    best = int(gaps.argmin())
    return int(triangles[best]), weights[best]


def nearest_in_triangles(corners: np.ndarray, point: np.ndarray) -> np.ndarray:
    """[N, 3] barycentric weights of the places of triangles [N, 3, 3] nearest to ``point`` [3]."""
    edges = np.roll(corners, -1, axis=1) - corners
    along = np.einsum("nex,nex->ne", point - corners, edges)
    share = np.clip(along / np.einsum("nex,nex->ne", edges, edges), 0, 1)
    on_edges = corners + share[..., None] * edges
    edge = np.linalg.norm(on_edges - point, axis=2).argmin(1)
    rows = np.arange(len(corners))
    weights = np.zeros((len(corners), 3))
    weights[rows, edge] = 1 - share[rows, edge]
    weights[rows, (edge + 1) % 3] = share[rows, edge]
    normal = np.cross(edges[:, 0], edges[:, 1])
    area = np.einsum("nx,nx->n", normal, normal)
    inside = np.stack(
        [
            np.einsum("nx,nx->n", np.cross(edges[:, i], point - corners[:, i]), normal) / area
            for i in (1, 2, 0)
        ],
        1,
    )
    is_inside = (inside >= 0).all(1)
    weights[is_inside] = inside[is_inside]
    return weights
