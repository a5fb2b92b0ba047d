"""A made-up body file of SMPL-X's exact sizes and types, for what must work with a user's own file.

It is the free body with fewer vertices, larger, and with betas and expression that mean something
else. It holds none of Reelrig's keys, and pickled members as MPI's own files do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

NUM_VERTICES, NUM_FACES = 10475, 20908
SCALE = 1.06  # of the free body
# Component i of its expression is half of this unit of the free body.
EXPRESSION_UNITS = (
    *("mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"),
    *("mouthPucker", "mouthFunnel", "jawForward", "noseSneerLeft", "cheekPuff"),
)
UNIT_SHARE = 0.5

_FREE_BODY = Path(__file__).parents[1] / "core" / "body" / "free_body.npz"
_EYES = (23, 24)  # joints
# Nose, ears, toes and heels: vertices that are found by their number.
_NUMBERED = np.array([9120, 6, 616, 5770, 5780, 8846, 8463, 8474, 8635])
_ROOT_PARENT = 2**32 - 1  # -1 as SMPL-X's files have it


def write_synthetic_smplx(path: Path) -> Path:
    """Write the body to ``path``, which comes back."""
    with np.load(_FREE_BODY, allow_pickle=False) as file:
        free = {key: file[key] for key in file.files}
    rng = np.random.default_rng(0)
    landmark_faces = np.unique([*free["lmk_faces_idx"], *free["dynamic_lmk_faces_idx"].flat])
    fixed = np.union1d(_NUMBERED, free["f"][landmark_faces])
    stand_in = _thin_out(_skin_and_eyes(free), free["f"], fixed, rng)
    kept = _in_order(np.flatnonzero(stand_in == np.arange(len(stand_in))))
    number = np.full(len(stand_in) + 1, -1)  # the last is for stand_in -1
    number[kept] = np.arange(NUM_VERTICES)
    number = number[stand_in]
    faces, face_number = _faces(number[free["f"]], landmark_faces)
    body = {
        "v_template": SCALE * free["v_template"][kept],
        "f": faces.astype(np.uint32),
        "shapedirs": SCALE * _shape_dirs(free, rng)[kept],
        "posedirs": SCALE * free["posedirs"][kept],
        "J_regressor": _joint_regressor(free, number),
        "weights": free["weights"][kept],
        "kintree_table": free["kintree_table"].astype(np.int64),
        "lmk_faces_idx": face_number[free["lmk_faces_idx"]],
        "dynamic_lmk_faces_idx": face_number[free["dynamic_lmk_faces_idx"]],
        "vt": np.zeros((11313, 2)),
        "ft": np.zeros((NUM_FACES, 3), np.uint32),
    }
    body["kintree_table"][0, 0] = _ROOT_PARENT
    for key in ("hands_componentsl", "hands_componentsr", "hands_meanl", "hands_meanr"):
        body[key] = free[key]
    for key in ("lmk_bary_coords", "dynamic_lmk_bary_coords"):
        body[key] = free[key]
    body = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in body.items()}
    pickled = {key: np.array({"Pelvis": 0}, dtype=object) for key in ("joint2num", "part2num")}
    np.savez_compressed(path, **body, **pickled)
    return path


def _skin_and_eyes(free: dict[str, np.ndarray]) -> np.ndarray:
    """[V] bool: the piece of the mesh with the nose, and the eyeballs. SMPL-X has no teeth."""
    piece = np.arange(len(free["v_template"]))
    while True:  # the lowest number spreads over each piece
        lowest = piece[free["f"]].min(1)
        spread = piece.copy()
        np.minimum.at(spread, free["f"], lowest[:, None])
        if (spread == piece).all():
            break
        piece = spread
    is_eye = free["weights"][:, _EYES].sum(1) > 0.5
    return (piece == piece[_NUMBERED[0]]) | is_eye


def _thin_out(
    wanted: np.ndarray, faces: np.ndarray, fixed: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """[V] the vertex that stands in for each: itself, a neighbour, or -1 where not ``wanted``.

    As many edges as there are vertices too many collapse, no two of which share a vertex.
    """
    stand_in = np.where(wanted, np.arange(len(wanted)), -1)
    edges = faces[wanted[faces].all(1)][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    is_free = wanted.copy()
    is_free[fixed] = False
    num_too_many = wanted.sum() - NUM_VERTICES
    for start, end in rng.permutation(edges).tolist():
        if num_too_many and is_free[start] and is_free[end]:
            stand_in[start] = end
            is_free[[start, end]] = False
            num_too_many -= 1
    assert num_too_many == 0
    return stand_in


def _in_order(kept: np.ndarray) -> np.ndarray:
    """The vertices ``kept``, with the numbered ones where they were."""
    order = np.full(NUM_VERTICES, -1)
    order[_NUMBERED] = _NUMBERED
    order[order < 0] = np.setdiff1d(kept, _NUMBERED)
    return order


def _faces(corners: np.ndarray, needed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles [F, 3] that are left, and the new number of each old one."""
    a, b, c = corners.T
    is_left = (corners.min(1) >= 0) & (a != b) & (b != c) & (c != a)
    spare = np.setdiff1d(np.flatnonzero(is_left), needed)
    is_left[spare[: is_left.sum() - NUM_FACES]] = False
    return corners[is_left], np.cumsum(is_left) - 1


def _shape_dirs(free: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """[V, 3, 400]: betas mixed anew, and the expression of EXPRESSION_UNITS."""
    dirs = np.zeros((*free["v_template"].shape, 400), np.float32)
    mix, _ = np.linalg.qr(rng.normal(size=(10, 10)))
    dirs[..., :10] = free["shapedirs"][..., :10] @ mix
    columns = [int(free["arkit_first"]) + _unit(free, name) for name in EXPRESSION_UNITS]
    dirs[..., 300:310] = UNIT_SHARE * free["shapedirs"][..., columns]
    return dirs


def _unit(free: dict[str, np.ndarray], name: str) -> int:
    return free["arkit_names"].tolist().index(name)


def _joint_regressor(free: dict[str, np.ndarray], number: np.ndarray) -> np.ndarray:
    """[55, 10475]: each vertex's share goes to its stand-in."""
    regressor = np.zeros((55, NUM_VERTICES), np.float32)
    is_in = number >= 0
    np.add.at(regressor.T, number[is_in], free["J_regressor"].T[is_in])
    return regressor / regressor.sum(1, keepdims=True)
