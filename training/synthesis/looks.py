"""How a person looks: skin, clothes, hair and hats, as textures, looseness and pieces put on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reelrig.core.body.model import BodyModel
from reelrig.core.skeletons import JOINT_INDEX

from . import textures
from .kernels import floats, vertex_normals
from .renderer import Mesh, Surfaces, merge_meshes

_BODY_MATERIALS = (
    *("Skin", "Suit", "Eye White", "Iris", "Pupil", "Teeth", "Mouth", "Brows and Lashes", "Lips"),
)
_MATERIALS = (*_BODY_MATERIALS, "Shirt", "Trousers", "Shoes", "Hair", "Beard", "Gloves", "Piece")
_ROW = {name: row for row, name in enumerate(_MATERIALS)}
_RING = 16  # vertices of the rings of pieces
_GRID_STEP_M = 0.06  # of cloth between a piece's vertices
_HOLLOW_DARKNESS = 2.0  # per 1 of the mean slope from a vertex up to its neighbours


@dataclass(frozen=True, eq=False)
class Piece:
    """Something put on that a joint carries."""

    joint: int
    vertices: np.ndarray  # [n, 3] m from the joint, at rest
    mesh: Mesh


@dataclass(frozen=True, eq=False)
class Look:
    """One person in one outfit."""

    mesh: Mesh  # of the body, the pieces, and the skirt, one after another
    surfaces: Surfaces
    swell: np.ndarray  # [V] m, how far cloth and hair stand off the skin
    pieces: list[Piece]
    skirt: Skirt | None

    def dress(self, vertices: np.ndarray, joints: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """[V', 3] m, all that is drawn of a body with ``vertices`` [V, 3] and ``joints`` [55, 3].

        ``turns`` [55, 3, 3] are the joints' rotations, world from joint.
        """
        normals = vertex_normals(vertices, self.mesh.faces[self.mesh.faces.max(1) < len(vertices)])
        parts = [vertices + normals * self.swell[:, None]]
        parts += [p.vertices @ turns[p.joint].T + joints[p.joint] for p in self.pieces]
        if self.skirt is not None:
            parts.append(self.skirt.hang(joints, turns[0]))
        return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Skirt:
    """Rings from the waist down, wide enough for both legs."""

    length: float  # in thighs
    flare_m: float
    rows = 8

    def hang(self, joints: np.ndarray, pelvis_turn: np.ndarray) -> np.ndarray:
        """[rows * _RING, 3] m"""
        hips, knees = (
            np.stack([joints[JOINT_INDEX[f"{side}_{name}"]] for side in ("left", "right")])
            for name in ("hip", "knee")
        )
        waist = joints[JOINT_INDEX["spine1"]] * 0.6 + joints[JOINT_INDEX["pelvis"]] * 0.4
        down = np.linspace(0, self.length, self.rows)[:, None]
        left, right = (hip + down * (knee - hip) for hip, knee in zip(hips, knees, strict=True))
        middle = (left + right) / 2
        lift = np.clip(1 - down / 0.35, 0, 1)
        middle = middle * (1 - lift) + waist * lift
        half = (left - right) / 2
        front = pelvis_turn[:, 2]
        side = pelvis_turn[:, 0]
        angle = np.linspace(0, 2 * np.pi, _RING, endpoint=False)
        wide = 0.125 + self.flare_m * down
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        across = half[:, None] * cos + (wide * 0.75)[:, None] * side * cos
        return (middle[:, None] + across + wide[:, None] * front * sin).reshape(-1, 3)


def draw_look(rng: np.random.Generator, body: BodyModel, betas: np.ndarray) -> Look:
    """Somebody with the body's shape ``betas`` [10]."""
    assert body.face_materials is not None
    order = np.array([_ROW[name] for name in body.material_names])
    materials = order[body.face_materials]
    middle = body.template[body.faces].mean(1)
    joints = {name: body.template_joints[i] for name, i in JOINT_INDEX.items()}
    swell = np.zeros(body.num_vertices)
    outfit = _Outfit(rng, body, materials, middle, joints, swell)
    has_suit_only = rng.random() < 0.05
    if not has_suit_only:
        outfit.put_clothes()
    outfit.put_hair()
    mesh = Mesh(
        body.faces.astype(np.int32),
        materials.astype(np.int32),
        floats(body.template[:, :2] + body.template[:, 2:] * (0.6, 0.3)),
        _hollow_shade(body),
        np.zeros(len(materials), bool),
    )
    pieces = _draw_headwear(rng, body.rest_vertices(betas), body.rest_joints(betas), outfit)
    skirt = None
    parts = [mesh, *(piece.mesh for piece in pieces)]
    if not has_suit_only and rng.random() < 0.12:
        skirt = Skirt(rng.uniform(0.5, 1.7), rng.uniform(0, 0.12))
        parts.append(_grid_mesh(skirt.rows, _RING, closed=True, material=_ROW["Trousers"]))
    return Look(merge_meshes(parts), _paint(rng), swell, pieces, skirt)


@dataclass
class _Outfit:
    """Gives polygons their materials and vertices their swell, by where they lie at rest."""

    rng: np.random.Generator
    body: BodyModel
    materials: np.ndarray  # [F], changed in place
    middle: np.ndarray  # [F, 3] m at rest
    joints: dict[str, np.ndarray]  # [3] m at rest
    swell: np.ndarray  # [V] m, changed in place
    hair_swell: float = 0.0

    def put(self, name: str, where: np.ndarray, swell_m: float, unevenness: float = 0.0) -> None:
        """Put on what covers the skin ``where`` [F]."""
        is_cover = np.isin(self.materials, [_ROW[n] for n in ("Skin", "Suit", "Shirt", "Trousers")])
        where = where & is_cover
        self.materials[where] = _ROW[name]
        if name == "Skin":
            return
        vertices = np.unique(self.body.faces[where])
        waves = _waves(self.rng, self.body.template[vertices])
        self.swell[vertices] = swell_m * np.maximum(1 + unevenness * waves, 0.2)

    def put_clothes(self) -> None:
        rng, joints = self.rng, self.joints
        x, y, _ = self.middle.T
        across = np.abs(x)
        is_arm = across > joints["left_shoulder"][0] + 0.02
        is_head = (y > joints["neck"][1]) & ~is_arm & (across < 0.12)
        waist = joints["spine1"][1] + rng.uniform(-0.08, 0.06)
        ankle, knee, hip = (joints[f"left_{name}"][1] for name in ("ankle", "knee", "hip"))
        hem = ankle + rng.uniform(-0.02, 0.1)
        if rng.random() < 0.3:  # shorts
            hem = rng.uniform(knee - 0.1, hip - 0.08)
        loose = rng.uniform(0.003, 0.02) if rng.random() < 0.7 else rng.uniform(0.02, 0.035)
        self.put("Trousers", (y < waist) & (y > hem) & ~is_arm, loose * 0.8, 0.6)
        elbow, wrist = joints["left_elbow"][0], joints["left_wrist"][0]
        shoulder = joints["left_shoulder"][0]
        cuff = rng.choice(
            [
                rng.uniform(shoulder - 0.02, shoulder + 0.06),
                rng.uniform(shoulder + 0.08, elbow),
                rng.uniform(wrist - 0.15, wrist + 0.01),
            ],
            p=(0.12, 0.4, 0.48),
        )
        neckline = joints["neck"][1] + rng.uniform(-0.09, 0.04)
        is_open = is_head | ((y > neckline) & (across < 0.07 + 0.3 * rng.random() * (y - neckline)))
        loose = rng.uniform(0.003, 0.02) if rng.random() < 0.7 else rng.uniform(0.02, 0.035)
        tail = waist - (rng.uniform(0, 0.25) if rng.random() < 0.5 else 0.0)
        is_shirt = (y > tail) & (across < cuff) & ~is_open & ((y > waist) | ~is_arm)
        self.put("Shirt", is_shirt, loose, 0.6)
        if rng.random() < 0.85:
            self.put("Shoes", y < ankle + rng.uniform(-0.02, 0.12), rng.uniform(0.003, 0.01))
        if rng.random() < 0.03:
            self.put("Gloves", across > wrist, 0.002)

    def put_hair(self) -> None:
        rng, joints = self.rng, self.joints
        x, y, z = self.middle.T
        eye, head = joints["left_eye_smplhf"], joints["head"]
        is_scalp = (y > eye[1] + rng.uniform(0.05, 0.075)) | (
            (z < head[2] + rng.uniform(-0.03, 0.02)) & (y > head[1] - rng.uniform(0.0, 0.06))
        )
        is_ear = (np.abs(x) > 0.066) & (y < eye[1] + 0.02) & (z > head[2] - 0.03)
        is_scalp &= (np.abs(x) < 0.15) & ~is_ear & (y > head[1] - 0.08)
        if rng.random() < 0.88:
            self.hair_swell = rng.choice([rng.uniform(0.003, 0.012), rng.uniform(0.012, 0.045)])
            self.put("Hair", is_scalp, self.hair_swell, 0.5)
        if rng.random() < 0.15:
            top = eye[1] - rng.uniform(0.045, 0.07)
            is_beard = (y < top) & (y > head[1] - 0.12) & (z > 0.025) & (np.abs(x) < 0.08)
            self.put("Beard", is_beard, rng.uniform(0, 0.008))


def _waves(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """[V] -1..1, smooth over points [V, 3] m: folds of cloth."""
    total = np.zeros(len(points))
    for wave_m in (0.25, 0.12, 0.06):
        direction = rng.normal(0, 2 * np.pi / wave_m, 3) / np.sqrt(3)
        total += np.sin(points @ direction + rng.uniform(0, 2 * np.pi)) / 3
    return total


def _hollow_shade(body: BodyModel) -> np.ndarray:
    """[V] float32 0.4..1: less light where the skin is hollow, as about eyes, nose and armpits."""
    normals = vertex_normals(body.template, body.faces.astype(np.int32))
    a = body.faces.ravel()
    b = np.roll(body.faces, 1, axis=1).ravel()
    steps = body.template[b] - body.template[a]
    slope = (steps * normals[a]).sum(1) / (np.linalg.norm(steps, axis=1) + 1e-9)
    count = np.bincount(a, minlength=body.num_vertices)
    rise = np.bincount(a, slope, minlength=body.num_vertices) / np.maximum(count, 1)
    return floats(np.clip(1 - _HOLLOW_DARKNESS * rise.clip(0), 0.4, 1))


def _grid_mesh(rows: int, columns: int, *, closed: bool, material: int) -> Mesh:
    """Rows of vertices joined by triangles, each row a ring where ``closed``; open."""
    row, column = np.mgrid[: rows - 1, : columns if closed else columns - 1]
    row, column = row.ravel(), column.ravel()
    after = (column + 1) % columns
    a, b = row * columns + column, row * columns + after
    c, d = a + columns, b + columns
    faces = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    v, u = np.mgrid[:rows, :columns] * _GRID_STEP_M
    return Mesh(
        faces.astype(np.int32),
        np.full(len(faces), material, np.int32),
        floats(np.stack([u.ravel(), v.ravel()], 1)),
        np.ones(rows * columns, np.float32),
        np.ones(len(faces), bool),
    )


def _draw_headwear(
    rng: np.random.Generator, rest: np.ndarray, joints: np.ndarray, outfit: _Outfit
) -> list[Piece]:
    """Long hair, a hat or neither."""
    joint = JOINT_INDEX["head"]
    top = rest[rest[:, 1] > joints[joint, 1] + 0.05]
    low, high = top.min(0) - joints[joint], top.max(0) - joints[joint]
    middle = np.array([0.0, joints[JOINT_INDEX["left_eye_smplhf"], 1] - joints[joint, 1] + 0.03, 0])
    middle[2] = (low[2] + high[2]) / 2 - 0.01
    reach = np.array([0.078, high[1] - middle[1], (high[2] - low[2]) / 2]) + 0.006
    reach = reach + outfit.hair_swell
    pieces = []
    if outfit.hair_swell and rng.random() < 0.35:
        spread, length = rng.uniform(1.4, 2.1), rng.uniform(0.05, 0.45)
        shell = _shell(middle, reach * 1.03, (-spread, spread), length, rng.uniform(0.0, 0.25))
        mesh = _grid_mesh(*shell.shape[:2], closed=False, material=_ROW["Hair"])
        pieces.append(Piece(joint, shell.reshape(-1, 3), mesh))
    if rng.random() < 0.15:
        dome = _shell(middle, reach * 1.08, (-np.pi, np.pi), rng.uniform(0, 0.03), 0.0)
        if rng.random() < 0.6:  # a brim, all round or a visor
            rim = dome[-1] - middle * (1, 0, 1)
            front = rim[:, 2:] / reach[2]
            width = rng.uniform(0.03, 0.09)
            grow = np.full_like(front, width) if rng.random() < 0.5 else front.clip(0) * width
            outward = rim * (1, 0, 1) / np.linalg.norm(rim * (1, 0, 1), axis=1, keepdims=True)
            dome = np.concatenate([dome, (dome[-1] + outward * grow)[None]])
        mesh = _grid_mesh(*dome.shape[:2], closed=False, material=_ROW["Piece"])
        pieces.append(Piece(joint, dome.reshape(-1, 3), mesh))
    return pieces


def _shell(
    middle: np.ndarray, reach: np.ndarray, spread: tuple[float, float], length: float, taper: float
) -> np.ndarray:
    """[rows, columns, 3] m: half an ellipsoid from the crown down, and on by ``length``.

    Angles of ``spread`` count from the back; ``taper`` narrows what hangs down.
    """
    across = np.linspace(*spread, 24)
    around = np.stack([np.sin(across), np.zeros(24), -np.cos(across)], 1)
    tilt = np.linspace(0.02, np.pi / 2, 7)[:, None, None]
    dome = middle + reach * (np.sin(tilt) * around + np.cos(tilt) * (0, 1, 0))
    drop = np.linspace(0, length, 5)[1:, None, None]
    narrow = 1 - taper * drop / max(length, 1e-3)
    return np.concatenate([dome, middle + reach * around * narrow - drop * (0, 1, 0)])


def _paint(rng: np.random.Generator) -> Surfaces:
    """Textures of all materials of one person."""
    color, skin = textures.skin(rng)
    hair = textures.hair_color(rng)
    shirt = textures.cloth(rng)
    trousers = shirt if rng.random() < 0.15 else textures.cloth(rng)

    def even(color: np.ndarray | tuple[float, ...]) -> Callable[[], np.ndarray]:
        return lambda: textures.plain(np.asarray(color), 0.01, rng)

    lips = color * rng.uniform((0.75, 0.55, 0.55), (1.05, 0.8, 0.8))
    iris = rng.dirichlet((1, 1, 1)) @ [[0.3, 0.17, 0.08], [0.35, 0.5, 0.6], [0.35, 0.4, 0.2]]
    made: dict[str, np.ndarray | Callable[[], np.ndarray]] = {
        "Skin": skin,
        "Suit": lambda: textures.cloth(rng),
        "Eye White": even((0.92, 0.9, 0.88)),
        "Iris": even(iris),
        "Pupil": even((0.02, 0.02, 0.02)),
        "Teeth": even((0.93, 0.9, 0.84)),
        "Mouth": even((0.35, 0.1, 0.1)),
        "Brows and Lashes": even(hair * 0.7 + 0.02),
        "Lips": even(lips),
        "Shirt": shirt,
        "Trousers": trousers,
        "Shoes": even(textures.any_color(rng)),
        "Hair": lambda: textures.hair(hair, rng),
        "Beard": lambda: textures.plain(hair * 0.6 + color * 0.4, 0.2, rng),
        "Gloves": even(textures.any_color(rng)),
        "Piece": lambda: textures.cloth(rng),
    }
    tiles = [made[name] for name in _MATERIALS]
    gloss = np.full(len(_MATERIALS), 0.02)
    gloss[[_ROW[name] for name in ("Skin", "Lips", "Hair", "Shoes")]] = rng.uniform(0, 0.2, 4)
    gloss[[_ROW[name] for name in ("Eye White", "Iris", "Pupil")]] = 0.6
    repeat = np.full(len(_MATERIALS), 0.5)
    repeat[[_ROW[name] for name in ("Shirt", "Trousers", "Suit", "Piece")]] = rng.uniform(0.2, 1, 4)
    return Surfaces(
        np.stack([tile() if callable(tile) else tile for tile in tiles]),
        floats(repeat),
        floats(gloss),
    )
