"""A body model out of an SMPL-X-format .npz file. numpy only, so Blender can load it too.

The keys of the file are listed in docs/body_format.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from ..check import check_shape
from ..errors import ModelFileError
from ..skeletons import LANDMARK_PARTS
from .correctives import Corrective, read_correctives
from .expression import FaceResponse, no_response, response_by_landmarks, response_by_units
from .file import check_sizes, open_body_file

FREE_BODY_PATH = Path(__file__).with_name("free_body.npz")
LIGHT_BODY_PATH = Path(__file__).with_name("free_body_light.npz")  # same joints, same keys

NUM_BETAS = 10
NUM_EXPRESSION = 10
# In SMPL-X files with all components the expression starts at column 300 of `shapedirs`; shorter
# files hold 10 shape and then 10 expression columns (smplx 0.1.28, body_models.py, class SMPLX).
_FULL_COLUMNS = 400
_FULL_EXPRESSION_START = 300


@dataclass(frozen=True, eq=False)
class LandmarkTable:
    """Where the 553 landmarks lie: on a triangle of the skin, or as a mix of joints."""

    faces: np.ndarray  # [553] int, triangle; -1 where the landmark is not on the skin
    barycentric: np.ndarray  # [553, 3], rows sum to 1
    joint_weights: np.ndarray  # [75, 55] of body and hands; rows sum to 1, 0 for those on the skin


@dataclass(frozen=True, eq=False)
class BodyModel:
    """A body in its rest pose (body axes: y up, x to the person's left, z forward; metres)."""

    path: Path
    template: np.ndarray  # [V, 3] m, mean shape at rest
    faces: np.ndarray  # [F, 3] int, triangles
    quads: np.ndarray | None  # [Q, 4] int, the same surface in quads, where the file has them
    quads_uv: np.ndarray | None  # [Q, 4] int, the quads' corners in `uv`
    uv: np.ndarray | None  # [U, 2] texture coordinates
    face_materials: np.ndarray | None  # [F] int, index in `material_names`
    material_names: tuple[str, ...]  # empty where the file has no materials
    shape_dirs: np.ndarray  # [V, 3, 10] m per unit of beta
    slider_dirs: np.ndarray | None  # [V, 3, S, 2] m, of each shape slider at +1 and at -1
    slider_names: tuple[str, ...]  # empty where the file has no shape sliders
    expression_dirs: np.ndarray  # [V, 3, 10] m per unit of expression
    arkit_dirs: np.ndarray | None  # [V, 3, 52] m per full ARKit score
    arkit_names: tuple[str, ...]  # empty where the file has no ARKit units
    joint_regressor: np.ndarray  # [55, V], rows sum to 1
    weights: np.ndarray  # [V, 55] skinning weights, rows sum to 1
    jaw_angles: tuple[float, float] | None  # rad, of jawOpen and jawLeft, where the file has them
    landmarks: LandmarkTable | None  # MediaPipe's, where the file has them
    inner_face: tuple[np.ndarray, np.ndarray] | None  # iBUG's [51] triangles, [51, 3] barycentric

    @property
    def num_vertices(self) -> int:
        return len(self.template)

    @property
    def polygons(self) -> np.ndarray:
        """[P, 4] or [P, 3] int, the surface in quads where the file has them, else in triangles."""
        return self.faces if self.quads is None else self.quads

    @property
    def polygon_materials(self) -> np.ndarray | None:
        """[P] int, index in ``material_names``; a quad's is that of its first triangle."""
        return None if self.face_materials is None else self.face_materials[: len(self.polygons)]

    @cached_property
    def pose_correctives(self) -> tuple[Corrective, ...]:
        """Pose correctives of the joints that have any; read on first use: most of the file."""
        return read_correctives(self.path, self.num_vertices)

    @cached_property
    def template_joints(self) -> np.ndarray:
        """[55, 3] m, joints of the mean shape at rest."""
        # In double precision: sums in another order would make left and right differ by a hair.
        return (self.joint_regressor.astype(np.float64) @ self.template).astype(np.float32)

    @cached_property
    def joint_shape_dirs(self) -> np.ndarray:
        """[55, 3, 10] m per unit of beta, how the shape moves the joints."""
        return self._to_joints(self.shape_dirs)

    @cached_property
    def joint_slider_dirs(self) -> np.ndarray | None:
        """[55, 3, S, 2] m, how the shape sliders move the joints at +1 and at -1."""
        return None if self.slider_dirs is None else self._to_joints(self.slider_dirs)

    @property
    def expression_from_arkit(self) -> np.ndarray:
        """[10, 52] expression that comes closest to each full ARKit score, in the skin's movement.

        What the jaw joint makes is left out. Zero where the file has neither units nor landmarks.
        """
        return self.face_response.expression_from_arkit

    @property
    def has_expression_from_arkit(self) -> bool:
        """Whether more of this face than jaw and eyes answers ARKit scores."""
        return bool(self.arkit_names) or self.inner_face is not None

    @property
    def jaw_open_angle(self) -> float:
        """Rad about x that equal a jawOpen score of 1."""
        return self.face_response.jaw_open_angle

    @property
    def jaw_side_angle(self) -> float:
        """Rad about y that equal a jawLeft score of 1."""
        return self.face_response.jaw_side_angle

    @cached_property
    def face_response(self) -> FaceResponse:
        """How jaw and expression of this face answer ARKit scores."""
        if self.arkit_dirs is not None:
            return response_by_units(self)
        if self.inner_face is not None:
            return response_by_landmarks(self, load_body())
        return no_response(self)

    def rest_joints(self, betas: np.ndarray, sliders: np.ndarray | None = None) -> np.ndarray:
        """[55, 3] m, joints at rest of the shape ``betas`` [B <= 10], ``sliders`` [S] (-1..1)."""
        joints = self.template_joints + self.joint_shape_dirs[..., : len(betas)] @ betas
        return joints + self._slider_offsets(self.joint_slider_dirs, sliders)

    def rest_vertices(self, betas: np.ndarray, sliders: np.ndarray | None = None) -> np.ndarray:
        """[V, 3] m, skin at rest of the shape ``betas`` [B <= 10], ``sliders`` [S] (-1..1)."""
        vertices = self.template + self.shape_dirs[..., : len(betas)] @ betas
        return vertices + self._slider_offsets(self.slider_dirs, sliders)

    def face_points(self) -> np.ndarray:
        """[478, 3] m, MediaPipe's face landmarks on the mean shape at rest."""
        return self.on_face_landmarks(self.template)

    def on_face_landmarks(self, per_vertex: np.ndarray) -> np.ndarray:
        """[478, ...] values at the face landmarks of values [V, ...] at the vertices."""
        table, face = self._landmark_table(), LANDMARK_PARTS["face"]
        corners = per_vertex[self.faces[table.faces[face]]]
        return np.einsum("kc,kc...->k...", table.barycentric[face], corners)

    def landmark_points(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """[..., 553, 3] all landmarks of posed vertices [..., V, 3] and joints [..., 55, 3]."""
        check_shape("vertices", vertices, "... V 3", V=self.num_vertices)
        check_shape("joints", joints, "... 55 3")
        table = self._landmark_table()
        on_skin = np.flatnonzero(table.faces >= 0)
        corners = vertices[..., self.faces[table.faces[on_skin]], :]
        points = np.zeros((*vertices.shape[:-2], len(table.faces), 3), vertices.dtype)
        points[..., : len(table.joint_weights), :] = table.joint_weights @ joints
        points[..., on_skin, :] = np.einsum("kc,...kcx->...kx", table.barycentric[on_skin], corners)
        return points

    def _landmark_table(self) -> LandmarkTable:
        if self.landmarks is None:
            raise ModelFileError(
                f"{self.path} has no MediaPipe landmarks. Use the body shipped with Reelrig."
            )
        return self.landmarks

    def _to_joints(self, per_vertex: np.ndarray) -> np.ndarray:
        return np.tensordot(self.joint_regressor, per_vertex, 1)

    def _slider_offsets(
        self, dirs: np.ndarray | None, sliders: np.ndarray | None
    ) -> np.ndarray | float:
        """What ``sliders`` [S] add: a share of their shape at +1, below 0 of that at -1."""
        if sliders is None:
            return 0.0
        check_shape("sliders", np.asarray(sliders), "S", S=len(self.slider_names))
        if dirs is None:
            return 0.0
        sides = np.stack([np.maximum(sliders, 0), np.maximum(np.negative(sliders), 0)], -1)
        return np.tensordot(dirs, sides.astype(dirs.dtype), 2)


def load_body(path: Path | None = None) -> BodyModel:
    """The body of an SMPL-X-format .npz; None loads the free body that Reelrig ships."""
    path = FREE_BODY_PATH if path is None else Path(path)
    with open_body_file(path) as file:
        return _body_from_file(path, file)


def _body_from_file(path: Path, file: NpzFile) -> BodyModel:
    template = file["v_template"].astype(np.float32)
    shape_dirs, weights, regressor = file["shapedirs"], file["weights"], file["J_regressor"]
    check_sizes(path, len(template), shapedirs=shape_dirs, weights=weights, J_regressor=regressor)
    _check_columns(path, shape_dirs)
    is_full = shape_dirs.shape[2] >= _FULL_COLUMNS
    expression_start = _FULL_EXPRESSION_START if is_full else NUM_BETAS
    arkit_names, slider_names = _names(file, "arkit_names"), _names(file, "slider_names")
    arkit_dirs = slider_dirs = None
    if arkit_names:
        arkit_dirs = _columns(shape_dirs, int(file["arkit_first"]), len(arkit_names))
    if slider_names:
        slider_dirs = _columns(shape_dirs, int(file["slider_first"]), 2 * len(slider_names))
        slider_dirs = slider_dirs.reshape(len(template), 3, len(slider_names), 2)
    return BodyModel(
        path=path,
        template=template,
        faces=file["f"].astype(np.int64),
        quads=_indices(file, "quads"),
        quads_uv=_indices(file, "quads_uv"),
        uv=file["vt"].astype(np.float32) if "vt" in file else None,
        face_materials=_indices(file, "face_materials"),
        material_names=_names(file, "material_names"),
        shape_dirs=_columns(shape_dirs, 0, NUM_BETAS),
        slider_dirs=slider_dirs,
        slider_names=slider_names,
        expression_dirs=_columns(shape_dirs, expression_start, NUM_EXPRESSION),
        arkit_dirs=arkit_dirs,
        arkit_names=arkit_names,
        joint_regressor=regressor.astype(np.float32),
        weights=weights.astype(np.float32),
        jaw_angles=_read_jaw_angles(file),
        landmarks=_read_landmarks(file),
        inner_face=_read_inner_face(file),
    )


def _read_jaw_angles(file: NpzFile) -> tuple[float, float] | None:
    if "jaw_open_angle" not in file or "jaw_side_angle" not in file:
        return None
    return float(file["jaw_open_angle"]), float(file["jaw_side_angle"])


def _read_inner_face(file: NpzFile) -> tuple[np.ndarray, np.ndarray] | None:
    if "lmk_faces_idx" not in file or "lmk_bary_coords" not in file:
        return None
    return file["lmk_faces_idx"].astype(np.int64), file["lmk_bary_coords"].astype(np.float32)


def _read_landmarks(file: NpzFile) -> LandmarkTable | None:
    if "landmark_faces_idx" not in file:
        return None
    return LandmarkTable(
        faces=file["landmark_faces_idx"].astype(np.int64),
        barycentric=file["landmark_bary_coords"].astype(np.float32),
        joint_weights=file["landmark_joint_weights"].astype(np.float32),
    )


def _names(file: NpzFile, key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in file[key]) if key in file else ()


def _indices(file: NpzFile, key: str) -> np.ndarray | None:
    return file[key].astype(np.int64) if key in file else None


def _columns(shape_dirs: np.ndarray, start: int, count: int) -> np.ndarray:
    return np.ascontiguousarray(shape_dirs[:, :, start : start + count], dtype=np.float32)


def _check_columns(path: Path, shape_dirs: np.ndarray) -> None:
    if shape_dirs.shape[2] < NUM_BETAS + NUM_EXPRESSION:
        raise ModelFileError(
            f"{path}: `shapedirs` has {shape_dirs.shape[2]} columns, at least "
            f"{NUM_BETAS + NUM_EXPRESSION} were expected. Download the body again."
        )
