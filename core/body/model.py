"""A body model out of an SMPL-X-format .npz file. numpy only, so Blender can load it too."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ..errors import ModelFileError
from ..skeletons import ARKIT_BY_JOINTS, ARKIT_NAMES, JOINT_NAMES, NUM_JOINTS, PARENTS

FREE_BODY_PATH = Path(__file__).with_name("free_body.npz")

NUM_BETAS = 10
NUM_EXPRESSION = 10
# In SMPL-X files with all components the expression starts at column 300 of `shapedirs`; shorter
# files hold 10 shape and then 10 expression columns (smplx 0.1.28, body_models.py, class SMPLX).
_FULL_COLUMNS = 400
_FULL_EXPRESSION_START = 300

_REQUIRED_KEYS = (
    *("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table"),
)


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A body in its rest pose (body axes: y up, x to the person's left, z forward; metres)."""

    path: Path
    template: np.ndarray  # [V, 3] m, mean shape at rest
    faces: np.ndarray  # [F, 3] int, triangles
    quads: np.ndarray | None  # [Q, 4] int, the same surface in quads, where the file has them
    shape_dirs: np.ndarray  # [V, 3, 10] m per unit of beta
    expression_dirs: np.ndarray  # [V, 3, 10] m per unit of expression
    arkit_dirs: np.ndarray | None  # [V, 3, 52] m per full ARKit score
    arkit_names: tuple[str, ...]  # empty where the file has no ARKit units
    joint_regressor: np.ndarray  # [55, V], rows sum to 1
    weights: np.ndarray  # [V, 55] skinning weights, rows sum to 1
    jaw_open_angle: float  # rad about x that equal a jawOpen score of 1
    face_landmarks: tuple[np.ndarray, np.ndarray] | None  # [478] face, [478, 3] barycentric

    @property
    def num_vertices(self) -> int:
        return len(self.template)

    @cached_property
    def pose_dirs(self) -> np.ndarray:
        """[V, 3, 486] m, pose correctives; read on first use, they are most of the file."""
        return _read_array(self.path, "posedirs").astype(np.float32)

    @cached_property
    def template_joints(self) -> np.ndarray:
        """[55, 3] m, joints of the mean shape at rest."""
        return self.joint_regressor @ self.template

    @cached_property
    def joint_shape_dirs(self) -> np.ndarray:
        """[55, 3, 10] m per unit of beta, how the shape moves the joints."""
        return np.einsum("jv,vcb->jcb", self.joint_regressor, self.shape_dirs)

    @cached_property
    def expression_from_arkit(self) -> np.ndarray:
        """[10, 52] expression that comes closest to each full ARKit score, in the skin's movement.

        Jaw and gaze are left out: joints move those. Zero where the file has no ARKit units.
        """
        expression_from_arkit = np.zeros((NUM_EXPRESSION, len(ARKIT_NAMES)), np.float32)
        if self.arkit_dirs is not None:
            basis = self.expression_dirs.reshape(-1, NUM_EXPRESSION)
            units = self.arkit_dirs.reshape(-1, len(self.arkit_names))
            solved = np.linalg.solve(basis.T @ basis, basis.T @ units)
            for i_unit, name in enumerate(self.arkit_names):
                if not name.startswith(ARKIT_BY_JOINTS):
                    expression_from_arkit[:, ARKIT_NAMES.index(name)] = solved[:, i_unit]
        return expression_from_arkit

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """[55, 3] m, joints at rest of the shape ``betas`` [B <= 10]."""
        return self.template_joints + self.joint_shape_dirs[..., : len(betas)] @ betas

    def rest_vertices(self, betas: np.ndarray) -> np.ndarray:
        """[V, 3] m, skin at rest of the shape ``betas`` [B <= 10]."""
        return self.template + self.shape_dirs[..., : len(betas)] @ betas

    def face_points(self) -> np.ndarray:
        """[478, 3] m, MediaPipe's face landmarks on the mean shape at rest."""
        return self.on_face_landmarks(self.template)

    def on_face_landmarks(self, per_vertex: np.ndarray) -> np.ndarray:
        """[478, ...] values at the face landmarks of values [V, ...] at the vertices."""
        if self.face_landmarks is None:
            raise ModelFileError(
                f"{self.path} has no MediaPipe face landmarks. Use the body shipped with Reelrig."
            )
        face, barycentric = self.face_landmarks
        corners = per_vertex[self.faces[face]]
        return np.einsum("kc,kc...->k...", barycentric, corners)


def load_body(path: Path | None = None) -> BodyModel:
    """The body of an SMPL-X-format .npz; None loads the free body that Reelrig ships."""
    path = FREE_BODY_PATH if path is None else Path(path)
    _refuse_other_formats(path)
    with _open_npz(path) as file:
        missing = [key for key in _REQUIRED_KEYS if key not in file.files]
        if missing:
            raise ModelFileError(
                f"{path} is not an SMPL-X body: {', '.join(missing)} missing. "
                "Choose SMPLX_NEUTRAL.npz, SMPLX_MALE.npz or SMPLX_FEMALE.npz."
            )
        try:
            return _body_from_file(path, file)
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelFileError(
                f"{path} could not be read as an SMPL-X body: {error}. Download it again."
            ) from error


def _refuse_other_formats(path: Path) -> None:
    if path.suffix.lower() == ".pkl":
        raise ModelFileError(
            f"{path} is a pickle, which can run any code and is not opened. "
            "Choose the .npz of the same model (SMPL-X's download holds both)."
        )
    if not os.path.isfile(path):  # unlike pathlib's, no error for a name too long
        raise ModelFileError(f"{path} was not found. Choose an SMPL-X body (.npz).")


def _open_npz(path: Path) -> NpzFile:
    try:
        file = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelFileError(
            f"{path} is not an .npz file, or it is cut short. Choose an SMPL-X body (.npz)."
        ) from error
    if not isinstance(file, NpzFile):
        raise ModelFileError(f"{path} holds one bare array. Choose an SMPL-X body (.npz).")
    return file


def _read_array(path: Path, key: str) -> np.ndarray:
    with _open_npz(path) as file:
        return file[key]


def _body_from_file(path: Path, file: NpzFile) -> BodyModel:
    _check_tree(path, file["kintree_table"])
    template = file["v_template"].astype(np.float32)
    shape_dirs = file["shapedirs"]
    _check_sizes(path, template, shape_dirs, file["weights"], file["J_regressor"])
    is_full = shape_dirs.shape[2] >= _FULL_COLUMNS
    expression_start = _FULL_EXPRESSION_START if is_full else NUM_BETAS
    arkit_names = tuple(str(n) for n in file["arkit_names"]) if "arkit_names" in file else ()
    arkit_dirs = None
    if arkit_names:
        start = int(file["arkit_first"])
        arkit_dirs = _columns(shape_dirs, start, len(arkit_names))
    landmarks = None
    if "mediapipe_lmk_faces_idx" in file:
        landmarks = (
            file["mediapipe_lmk_faces_idx"].astype(np.int64),
            file["mediapipe_lmk_bary_coords"].astype(np.float32),
        )
    return BodyModel(
        path=path,
        template=template,
        faces=file["f"].astype(np.int64),
        quads=file["free_quads"].astype(np.int64) if "free_quads" in file else None,
        shape_dirs=_columns(shape_dirs, 0, NUM_BETAS),
        expression_dirs=_columns(shape_dirs, expression_start, NUM_EXPRESSION),
        arkit_dirs=arkit_dirs,
        arkit_names=arkit_names,
        joint_regressor=file["J_regressor"].astype(np.float32),
        weights=file["weights"].astype(np.float32),
        jaw_open_angle=float(file["jaw_open_angle"]) if "jaw_open_angle" in file else 0.32,
        face_landmarks=landmarks,
    )


def _columns(shape_dirs: np.ndarray, start: int, count: int) -> np.ndarray:
    return np.ascontiguousarray(shape_dirs[:, :, start : start + count], dtype=np.float32)


def _check_tree(path: Path, kintree_table: np.ndarray) -> None:
    parents = kintree_table[0].astype(np.int64)
    if len(parents) != NUM_JOINTS:
        known = {24: "an SMPL", 52: "an SMPL-H"}.get(len(parents), "another")
        raise ModelFileError(
            f"{path} is {known} body with {len(parents)} joints, SMPL-X's {NUM_JOINTS} were "
            "expected. Choose SMPLX_NEUTRAL.npz, SMPLX_MALE.npz or SMPLX_FEMALE.npz."
        )
    if tuple(parents[1:]) != PARENTS[1:]:
        i_joint = int(np.argmax(parents[1:] != np.array(PARENTS[1:]))) + 1
        raise ModelFileError(
            f"{path} hangs joint {JOINT_NAMES[i_joint]} on joint {parents[i_joint]}, "
            f"SMPL-X on {PARENTS[i_joint]}. Choose an SMPL-X body."
        )


def _check_sizes(
    path: Path,
    template: np.ndarray,
    shape_dirs: np.ndarray,
    weights: np.ndarray,
    joint_regressor: np.ndarray,
) -> None:
    num_vertices = len(template)
    wanted = {
        "shapedirs": (shape_dirs.shape[:2], (num_vertices, 3)),
        "weights": (weights.shape, (num_vertices, NUM_JOINTS)),
        "J_regressor": (joint_regressor.shape, (NUM_JOINTS, num_vertices)),
    }
    for key, (found, expected) in wanted.items():
        if tuple(found) != expected:
            raise ModelFileError(
                f"{path}: `{key}` has shape {tuple(found)}, {expected} was expected for "
                f"{num_vertices} vertices. Download the body again."
            )
    if shape_dirs.shape[2] < NUM_BETAS + NUM_EXPRESSION:
        raise ModelFileError(
            f"{path}: `shapedirs` has {shape_dirs.shape[2]} columns, at least "
            f"{NUM_BETAS + NUM_EXPRESSION} were expected. Download the body again."
        )
