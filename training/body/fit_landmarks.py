"""``python -m training.body.fit_landmarks --cache FOLDER``: where MediaPipe's landmarks lie.

The free body is drawn in known poses from known cameras (poses.py, views.py), MediaPipe looks at
the pictures (sightings.py), and each landmark gets the place of the body that comes closest to what
was seen, over all views in which nothing hides it. Left and right are fitted together, so the table
is a mirror image of itself. Writes landmark_table.json.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    BODY_LANDMARKS,
    HAND_FINGER_START,
    JOINT_INDEX,
    LANDMARK_PARTS,
    NUM_LANDMARKS,
)

from .landmarks import RIGID, eye_ball, landmark_arrays, write_table
from .poses import learnt_views
from .sightings import SKIN_SLACK, Places, Sighting, see_shots
from .views import take_shots

Entry = dict[str, Any]

# Landmarks inside the body, on the left: the joints whose mix stands for them, first the one that
# anatomy would name.
_BODY_MIXES = {
    "shoulder": ("left_shoulder", "left_collar", "left_elbow", "neck"),
    "elbow": ("left_elbow", "left_shoulder", "left_wrist"),
    "wrist": ("left_wrist", "left_elbow", "left_middle1"),
    "pinky": ("left_pinky1", "left_pinky2", "left_wrist"),
    "index": ("left_index1", "left_index2", "left_wrist"),
    "thumb": ("left_thumb2", "left_thumb3", "left_index1"),
    "hip": ("left_hip", "right_hip", "spine1", "left_knee"),
    "knee": ("left_knee", "left_hip", "left_ankle"),
    "ankle": ("left_ankle", "left_knee", "left_foot"),
}
# The same in MediaPipe's hand: its wrist, and the three joints of each finger from its base.
_HAND_MIXES = {0: ("left_wrist", "left_elbow", "left_middle1")} | {
    start + i: mix
    for finger, start in HAND_FINGER_START.items()
    for i, mix in enumerate(
        (
            (f"left_{finger}1", f"left_{finger}2", "left_wrist"),
            (f"left_{finger}2", f"left_{finger}1", f"left_{finger}3"),
            (f"left_{finger}3", f"left_{finger}2", f"left_{finger}1"),
        )
    )
}
# Landmarks on the skin, and the joints that carry it there.
_HEAD = ("head", "jaw")
_BODY_SKINS = {
    **dict.fromkeys(("nose", "left_eye_inner", "left_eye_outer", "left_ear", "mouth_left"), _HEAD),
    "left_heel": ("left_ankle",),
    "left_foot_index": ("left_foot",),
}
_HAND_SKINS = {start + 3: (f"left_{finger}3",) for finger, start in HAND_FINGER_START.items()}
# MediaPipe's irises among its face landmarks: the middle, then right, top, left and bottom of the
# border as the picture shows them.
RIGHT_IRIS, LEFT_IRIS = range(468, 473), range(473, 478)

_ROUNDS = 2  # of looking what hides the landmarks, and fitting again
_EVEN_MISS = 0.003  # m; below it misses count as squares, above by their length
_MIX_STEPS = 20
_MIX_PRIOR = 0.05  # m that count as much as a whole share moved off the first joint, in one view
_LEAST_VIEWS = 5  # for a landmark hidden in more, the networks' guesses count too
_SKIN_MATERIALS = ("Skin", "Suit", "Lips")
_SEEDS = 4  # of the vertices nearest to what was seen, their triangles are looked into
_GRID = 6  # steps across a triangle
_BARYCENTRIC_GRID = (
    np.array([(i, j, _GRID - i - j) for i in range(_GRID + 1) for j in range(_GRID + 1 - i)])
    / _GRID
)  # [G, 3]
_MIDDLE = 1e-5  # m from the plane of symmetry that still count as on it
_LEAST_SHARE = 0.2  # of the views must see a vertex: a sole or the mouth's inside is no place


def main() -> None:
    """Fit the landmark table to a body with `base_vertex`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--body", type=Path, help="instead of the one that Reelrig ships")
    args = parser.parse_args()
    body = load_body(args.body)
    sightings = see_shots(body, take_shots(body, learnt_views()), args.cache)
    print(f"{len(sightings)} pictures in which the networks found the person", flush=True)
    write_table(Fit(body, sightings).table())


@dataclass(frozen=True, eq=False)
class _Part:
    """All sightings of close-ups of one part, or of the whole body, as arrays over S views."""

    sightings: list[Sighting]
    rays: np.ndarray  # [S, 553, 2]

    def joints(self, names: tuple[str, ...], seen: np.ndarray) -> np.ndarray:
        """[S', N, 3] m, joints in each camera's axes in the sightings ``seen`` [S] bool."""
        rows = [JOINT_INDEX[name] for name in names]
        return np.stack(
            [s.shot.camera.to_camera(s.shot.figure.joints[rows]) for s in self._of(seen)]
        )

    def vertices(self, rows: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """[S', ..., 3] m, vertices ``rows`` [...] in each camera's axes."""
        return np.stack(
            [s.shot.camera.to_camera(s.shot.figure.vertices[rows]) for s in self._of(seen)]
        )

    def _of(self, seen: np.ndarray) -> list[Sighting]:
        return [self.sightings[i] for i in np.flatnonzero(seen)]


class Fit:
    """The landmarks of one body, out of sightings of it."""

    def __init__(self, body: BodyModel, sightings: list[Sighting]) -> None:
        self._body = body
        with np.load(body.path, allow_pickle=False) as file:
            self._base_vertex = file["base_vertex"]
        by_part = {
            name: [s for s in sightings if s.shot.view.part == name] for name in LANDMARK_PARTS
        }
        self._parts = {
            name: _Part(found, np.array([s.rays for s in found])) for name, found in by_part.items()
        }
        self._mirrored_vertex = _mirror_vertices(body.template)
        self._mirrored = _mirror_landmarks(by_part["face"])
        self._is_skin = _find_skin(body)
        self._candidates = cache(self._find_candidates)
        self._seen = self._confident = self._look(lambda sighting: sighting.is_confident)

    def table(self) -> list[Entry]:
        """One entry a landmark (landmarks.py)."""
        entries = self._entries()
        for _ in range(_ROUNDS):
            body = self._body
            arrays = landmark_arrays(
                body.template, body.faces, body.weights, self._base_vertex, entries
            )
            seen = self._look(Places.of_arrays(body.faces, arrays).are_seen)
            self._seen = {
                name: np.where(found.sum(0) < _LEAST_VIEWS, self._confident[name], found)
                for name, found in seen.items()
            }
            entries = self._entries()
        return entries

    def _look(self, are_seen: Callable[[Sighting], np.ndarray]) -> dict[str, np.ndarray]:
        """[S, 553] bool of each part's sightings."""
        return {
            name: np.array([are_seen(sighting) for sighting in part.sightings])
            for name, part in self._parts.items()
        }

    def _entries(self) -> list[Entry]:
        hand, face = LANDMARK_PARTS["left_hand"].start, LANDMARK_PARTS["face"].start
        entries: dict[int, Entry] = {}
        for name, joints in _BODY_MIXES.items():
            entries |= self._mix_joints(BODY_LANDMARK_INDEX[f"left_{name}"], joints)
        for row, joints in _HAND_MIXES.items():
            entries |= self._mix_joints(hand + row, joints)
        for name, carriers in _BODY_SKINS.items():
            entries |= self._find_on_skin(BODY_LANDMARK_INDEX[name], carriers)
        for row, carriers in _HAND_SKINS.items():
            entries |= self._find_on_skin(hand + row, carriers)
        for landmark in range(face, face + RIGHT_IRIS[0]):
            if self._mirrored[landmark] >= landmark:
                entries |= self._find_on_skin(landmark, _HEAD)
        for landmark in LEFT_IRIS:
            entries |= self._find_on_eye(face + landmark)
        entries[BODY_LANDMARK_INDEX["left_eye"]] = entries[face + LEFT_IRIS[0]]
        entries[BODY_LANDMARK_INDEX["right_eye"]] = entries[face + RIGHT_IRIS[0]]
        return [entries[landmark] for landmark in range(NUM_LANDMARKS)]

    def _mix_joints(self, landmark: int, joints: tuple[str, ...]) -> dict[int, Entry]:
        """Entries of a left landmark and its mirror image, as the mix that comes closest.

        The miss of a place p (in camera axes) beside a ray r at p's depth is p_xy - p_z r, linear
        in the shares. Reweighting makes the sum of misses least (not of their squares, so that a
        wrong sighting counts little).
        """
        mirrored = tuple(_other_side(name) for name in joints)
        misses = []
        for own, names in ((landmark, joints), (self._mirrored[landmark], mirrored)):
            part, seen = self._part_of(own)
            places, rays = part.joints(names, seen), part.rays[seen, own]
            misses.append(places[..., :2] - places[..., 2:] * rays[:, None])
        miss = np.concatenate(misses).transpose(0, 2, 1)  # [S, 2, N]
        first, slopes = miss[..., 0], miss[..., 1:] - miss[..., :1]
        shares = np.zeros(len(joints) - 1)
        for _ in range(_MIX_STEPS):
            weight = 1 / np.maximum(np.linalg.norm(first + slopes @ shares, axis=1), _EVEN_MISS)
            normal = np.einsum("s,scn,scm->nm", weight, slopes, slopes)
            normal += _MIX_PRIOR**2 / _EVEN_MISS * np.eye(len(shares))
            shares = -np.linalg.solve(normal, np.einsum("s,scn,sc->n", weight, slopes, first))
        shares = shares.round(4)
        weights = [round(float(share), 4) for share in (1 - shares.sum(), *shares)]
        return {
            landmark: {"joints": dict(zip(joints, weights, strict=True))},
            int(self._mirrored[landmark]): {"joints": dict(zip(mirrored, weights, strict=True))},
        }

    def _find_on_skin(self, landmark: int, carriers: tuple[str, ...]) -> dict[int, Entry]:
        """Entries of a landmark and its mirror image: the place of the skin that misses least."""
        other = int(self._mirrored[landmark])
        rows = self._candidates(carriers, _part_name(landmark))
        is_candidate = np.zeros(self._body.num_vertices, bool)
        is_candidate[rows] = True
        if other == landmark:
            rows = rows[self._mirrored_vertex[rows] == rows]
        at_vertices = self._sum_misses(landmark, rows[:, None], np.ones((1, 1)))[:, 0]
        seeds = rows[at_vertices.argsort()[:_SEEDS]]
        faces = self._body.faces
        near = faces[np.isin(faces, seeds).any(1) & is_candidate[faces].all(1)]
        total = self._sum_misses(landmark, near, _BARYCENTRIC_GRID)
        if other == landmark:
            places = np.einsum("gc,ncx->ngx", _BARYCENTRIC_GRID, self._body.template[near])
            total[np.abs(places[..., 0]) > _MIDDLE] = np.inf
        triangle, place = np.unravel_index(total.argmin(), total.shape)
        barycentric = [round(float(share), 6) for share in _BARYCENTRIC_GRID[place]]
        corners = near[triangle]
        return {
            number: {"vertices": self._base_vertex[vertices].tolist(), "barycentric": barycentric}
            for number, vertices in ((other, self._mirrored_vertex[corners]), (landmark, corners))
        }

    def _sum_misses(self, landmark: int, corners: np.ndarray, grid: np.ndarray) -> np.ndarray:
        """[N, G] m, how far places miss a landmark, and their mirror images its own, in all views.

        Places: at barycentric ``grid`` [G, C] of ``corners`` [N, C].
        """
        total = np.zeros((len(corners), len(grid)))
        pairs = {landmark: corners, int(self._mirrored[landmark]): self._mirrored_vertex[corners]}
        for own, vertices in pairs.items():
            part, seen = self._part_of(own)
            places = np.einsum("gc,sncx->sngx", grid, part.vertices(vertices, seen))
            miss = places[..., :2] - places[..., 2:] * part.rays[seen, own][:, None, None]
            total += np.linalg.norm(miss, axis=-1).sum(0)
        return total

    def _find_on_eye(self, landmark: int) -> dict[int, Entry]:
        """Entries of a landmark of the left iris and its mirror image: a direction from the eye.

        The networks see the whole border by what the lids leave free, so the border is taken as
        seen where the middle is.
        """
        face = LANDMARK_PARTS["face"].start
        is_eye = self._body.weights[:, JOINT_INDEX["left_eye_smplhf"]] > RIGID
        middle, radius = eye_ball(self._body.template[is_eye])
        directions = []
        other = int(self._mirrored[landmark])
        for own, iris, mirror in ((landmark, LEFT_IRIS, 1.0), (other, RIGHT_IRIS, -1.0)):
            part, seen = self._part_of(face + iris[0])
            for i in np.flatnonzero(seen):
                camera = part.sightings[i].shot.camera
                ray = camera.body_from_camera @ np.array([*part.rays[i, own], 1.0])
                toward = _meet_ball(camera.place, ray, middle * (mirror, 1, 1), radius)
                directions.append(toward * (mirror, 1, 1))
        direction = np.median(directions, axis=0)
        x, y, z = np.round(direction / np.linalg.norm(direction), 4).tolist()
        return {
            landmark: {"eye": "left_eye_smplhf", "direction": [x, y, z]},
            other: {"eye": "right_eye_smplhf", "direction": [-x, y, z]},
        }

    def _part_of(self, landmark: int) -> tuple[_Part, np.ndarray]:
        """The sightings that a landmark is fitted to, and those of them [S] bool that saw it."""
        name = _part_name(landmark)
        return self._parts[name], self._seen[name][:, landmark]

    def _find_candidates(self, carriers: tuple[str, ...], part: str) -> np.ndarray:
        """[N] vertices of the skin that these joints carry, but for folds that are hardly seen."""
        carried = self._body.weights[:, [JOINT_INDEX[name] for name in carriers]].sum(1) > 0.5
        rows = np.flatnonzero(carried & self._is_skin)
        slack = np.full(len(rows), SKIN_SLACK)
        views = np.zeros(len(rows))
        sightings = self._parts[part].sightings
        for sighting in sightings:
            figure, camera = sighting.shot.figure, sighting.shot.camera
            views += figure.is_seen(figure.vertices[rows], camera.place, slack)
        return rows[views >= _LEAST_SHARE * len(sightings)]


def _find_skin(body: BodyModel) -> np.ndarray:
    """[V] bool, the vertices of the skin itself: no eyes, teeth and hairs."""
    if body.polygon_materials is None:
        return np.ones(body.num_vertices, bool)
    materials = [i for i, name in enumerate(body.material_names) if name in _SKIN_MATERIALS]
    is_skin = np.zeros(body.num_vertices, bool)
    is_skin[body.polygons[np.isin(body.polygon_materials, materials)]] = True
    return is_skin


def _mirror_vertices(vertices: np.ndarray) -> np.ndarray:
    """[V] each vertex's counterpart on the other side."""
    gaps, counterparts = cKDTree(vertices).query(vertices * (-1, 1, 1))
    assert gaps.max() < _MIDDLE, "the body is no mirror image of itself"
    return counterparts


def _mirror_landmarks(faces: list[Sighting]) -> np.ndarray:
    """[553] each landmark's counterpart on the other side; the face's as the pictures show them.

    Those from straight ahead are mirror images of themselves, so each landmark lies where its
    counterpart is mirrored to.
    """
    mirrored = np.arange(NUM_LANDMARKS)
    for i, name in enumerate(BODY_LANDMARKS):
        mirrored[i] = BODY_LANDMARK_INDEX[_other_side(name)]
    left, right, face = (LANDMARK_PARTS[name] for name in ("left_hand", "right_hand", "face"))
    mirrored[left], mirrored[right] = mirrored[right], mirrored[left].copy()
    gaps = np.zeros((face.stop - face.start,) * 2)
    for sighting in faces:
        if sighting.shot.view.orbit.azimuth == 0:
            points = sighting.points_px[face]
            width = sighting.shot.camera.size[0]
            gaps += cdist(points * (-1, 1) + (width, 0), points)
    mirrored[face] = face.start + linear_sum_assignment(gaps)[1]
    assert (mirrored[mirrored] == np.arange(NUM_LANDMARKS)).all(), "the pairs are not mutual"
    return mirrored


def _meet_ball(place: np.ndarray, ray: np.ndarray, middle: np.ndarray, radius: float) -> np.ndarray:
    """[3] unit direction from a ball's middle to where a ray meets it, or passes it nearest."""
    ray = ray / np.linalg.norm(ray)
    along = (middle - place) @ ray
    beside = place + along * ray - middle
    before = np.sqrt(max(radius**2 - beside @ beside, 0.0))
    toward = beside - before * ray
    return toward / np.linalg.norm(toward)


def _part_name(landmark: int) -> str:
    return next(name for name, rows in LANDMARK_PARTS.items() if landmark < rows.stop)


def _other_side(name: str) -> str:
    """The joint or landmark on the other side; those in the middle are their own."""
    return name.replace("left", "?").replace("right", "left").replace("?", "right")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
