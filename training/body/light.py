"""The light body: fewer vertices of the full one, every array carried over by a sparse map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from reelrig.core.skeletons import JOINT_NAMES

from .decimate import Decimator
from .pieces import MATERIALS, PARTS, Geometry, mirror_columns, num_rows, pick, stack

_HAIRS = (PARTS.index("lashes"), PARTS.index("brows"))
_HAIRS_PER_KEPT, _HAIR_WIDENING = 4, 2.5
# How much an error counts: around eyes and lips, on the head, fingers, feet, and by part.
_FEATURES, _HEAD, _FINGERS, _FEET = 30.0, 3.0, 3.0, 0.3
_FEATURE_REACH = 0.02  # m
_IRIS, _EYES, _TEETH, _TONGUE, _MOUTH = 3000.0, 20.0, 2.0, 0.5, 0.1
_FINGER_NAMES = ("index", "middle", "pinky", "ring", "thumb")


@dataclass(frozen=True, eq=False)
class Light:
    """What the light body takes from the full one."""

    from_full: sp.csr_matrix  # [Vl, V] rows sum to 1
    faces: np.ndarray  # [F, 3]
    materials: np.ndarray  # [F] numbers in MATERIALS
    mirror: np.ndarray  # [Vl] each vertex's counterpart on the other side


def light_map(
    geometry: Geometry, shapes: np.ndarray, weights: np.ndarray, num_vertices: int
) -> Light:
    """A lighter surface of about ``num_vertices``, exactly symmetric.

    ``shapes`` [P, V, 3] m: the template, then poses and expressions that the light body must look
    right in as well. ``weights`` [V, 55] are the full body's.
    """
    is_left = shapes[0, :, 0] >= shapes[0, geometry.mirror, 0]
    hairs, hair_faces = _thin_out_hairs(geometry, is_left)
    left, materials = _decimate(
        geometry,
        shapes,
        is_left,
        _importance(geometry, shapes[0], weights),
        num_vertices - 2 * num_rows(hairs),
    )
    kept = np.unique([left, geometry.mirror[left]])
    number = np.full(len(geometry.part), -1)
    number[kept] = np.arange(len(kept))
    left_hairs, right_hairs = len(kept) + np.arange(2 * num_rows(hairs)).reshape(2, -1)
    hair_material = np.full(2 * len(hair_faces), MATERIALS.index("Brows and Lashes"))
    return Light(
        from_full=stack([pick(kept, len(number)), hairs, mirror_columns(hairs, geometry.mirror)]),
        faces=np.concatenate(
            [
                number[left],
                number[geometry.mirror[left]][:, ::-1],
                left_hairs[hair_faces],
                right_hairs[hair_faces][:, ::-1],
            ]
        ),
        materials=np.concatenate([materials, materials, hair_material]),
        mirror=np.concatenate([number[geometry.mirror[kept]], right_hairs, left_hairs]),
    )


def _decimate(
    geometry: Geometry, shapes: np.ndarray, is_left: np.ndarray, importance, num_vertices: int
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles [F, 3] of the left half without hairs, numbered as the full body's vertices, and
    their materials [F]."""
    is_wanted = is_left & ~np.isin(geometry.part, _HAIRS)
    quads = is_wanted[geometry.quads].all(axis=1)
    triangles = np.concatenate(
        [geometry.quads[quads][:, [0, 1, 2]], geometry.quads[quads][:, [0, 2, 3]]]
    )
    materials = np.tile(geometry.materials[quads], 2)
    decimator = Decimator(
        shapes,
        triangles,
        importance=importance,
        features=_lines(triangles, materials),
        border=geometry.mirror == np.arange(len(geometry.mirror)),
    )
    decimator.run(num_vertices)
    left, origin = decimator.triangles()
    return left, materials[origin]


def _lines(triangles: np.ndarray, materials: np.ndarray) -> np.ndarray:
    """[E, 2] edges between two materials, and edges with one triangle only."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, number, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    material = np.repeat(materials, 3)
    lowest, highest = np.full(len(unique), len(MATERIALS)), np.full(len(unique), -1)
    np.minimum.at(lowest, number.ravel(), material)
    np.maximum.at(highest, number.ravel(), material)
    return unique[(count == 1) | (lowest != highest)]


def _importance(geometry: Geometry, template: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[V] factors of the error: a face is looked at closely, a tongue is not."""

    def share(*words: str) -> np.ndarray:
        return weights[:, [any(w in name for w in words) for name in JOINT_NAMES]].sum(axis=1)

    def with_material(name: str) -> np.ndarray:
        return np.unique(geometry.quads[geometry.materials == MATERIALS.index(name)])

    is_eye = np.isin(geometry.part, [PARTS.index("left eye"), PARTS.index("right eye")])
    features = np.concatenate([template[is_eye], template[with_material("Lips")]])
    distance = cKDTree(features).query(template)[0]
    importance = 1 + _FEATURES * np.exp(-((distance / _FEATURE_REACH) ** 2))
    for factor, words in ((_HEAD, ("head", "jaw")), (_FINGERS, _FINGER_NAMES), (_FEET, ("foot",))):
        importance *= factor ** share(*words)
    importance[with_material("Mouth")] = _MOUTH
    for factor, word in ((_EYES, "eye"), (_TEETH, "teeth"), (_TONGUE, "tongue")):
        parts = [i_part for i_part, name in enumerate(PARTS) if name.endswith(word)]
        importance[np.isin(geometry.part, parts)] = factor
    importance[with_material("Iris")] = _IRIS
    return importance


def _thin_out_hairs(geometry: Geometry, is_left: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """Some of the left hairs, wider: their map [N, V] from the full body, and their faces [F, 3].

    A hair's vertices come in pairs, one to each side, from root to tip.
    """
    num_vertices = len(geometry.part)
    is_hair = np.isin(geometry.part, _HAIRS) & is_left
    quads = geometry.quads[is_hair[geometry.quads].all(axis=1)]
    links = sp.coo_matrix(
        (np.ones(3 * len(quads)), (np.repeat(quads[:, 0], 3), quads[:, 1:].ravel())),
        shape=(num_vertices, num_vertices),
    )
    hair_of = connected_components(links, directed=False)[1]
    rows, faces = [], []
    for i_hair, label in enumerate(dict.fromkeys(hair_of[is_hair])):
        pairs = np.flatnonzero(hair_of == label).reshape(-1, 2)
        is_line = len(pairs) > 3  # the one along the lid
        if not is_line and i_hair % _HAIRS_PER_KEPT:
            continue
        pairs = pairs[::2] if is_line else pairs
        first = 2 * sum(len(kept) for kept in rows)
        strip = first + 2 * np.arange(len(pairs) - 1)[:, None]
        faces.append(np.concatenate([strip + np.array(face) for face in ((0, 1, 3), (0, 3, 2))]))
        rows.append(pairs)
    pairs = np.concatenate(rows)
    near, far = (1 + _HAIR_WIDENING) / 2, (1 - _HAIR_WIDENING) / 2
    own = pick(pairs.ravel(), num_vertices)
    other = pick(pairs[:, ::-1].ravel(), num_vertices)
    return sp.csr_matrix(near * own + far * other), np.concatenate(faces)
