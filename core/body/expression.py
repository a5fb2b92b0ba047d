"""How a body's face answers ARKit scores: its expression, and the angles of its jaw. numpy only.

Bodies without ARKit units are solved by the movement of landmarks. Each unit of the free body moves
iBUG's 51 inner face landmarks. Brought to the size and heading of the other face, that movement is
what the other face's jaw joint and expression have to make.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..skeletons import ARKIT_BY_JOINTS, ARKIT_INDEX, JOINT_INDEX

if TYPE_CHECKING:
    from .model import BodyModel

_JAW = JOINT_INDEX["jaw"]
_OPEN, _LEFT, _RIGHT = (ARKIT_INDEX[name] for name in ("jawOpen", "jawLeft", "jawRight"))
# What jawOpen and jawLeft turn the jaw by where neither the file nor landmarks tell: an ordinary
# jaw's. Where landmarks tell, it is their prior with this standard deviation.
_USUAL_OPEN, _USUAL_SIDE = 0.32, 0.09  # rad
_USUAL_SIGMA = 0.1  # rad
# How exactly landmarks of two faces correspond, as a standard deviation in metres, against
# expression components of standard deviation 1. Of 1, 1.5, 2 and 3 mm this is the one with which
# the free body's own 51 landmarks bring its whole skin closest to the units.
_LANDMARK_SIGMA = 0.002
_GAUSS_NEWTON_STEPS = 5
_ANGLE_STEP = 1e-4  # rad, for the slope


@dataclass(frozen=True, eq=False)
class FaceResponse:
    """What a face does at a full score of each ARKit unit."""

    expression_from_arkit: np.ndarray  # [10, 52] in the order of ARKIT_NAMES
    jaw_open_angle: float  # rad about x that equal a jawOpen score of 1
    jaw_side_angle: float  # rad about y that equal a jawLeft score of 1

    def jaw_rotvecs(self, scores: np.ndarray) -> np.ndarray:
        """Jaw [T, 3] rad, parent from joint, of the ARKit scores [T, 52]."""
        opened, to_left = scores[:, _OPEN], scores[:, _LEFT] - scores[:, _RIGHT]
        angles = [self.jaw_open_angle * opened, self.jaw_side_angle * to_left, 0 * opened]
        return np.stack(angles, -1)


def no_response(body: BodyModel) -> FaceResponse:
    """Of a face without units and landmarks: an ordinary jaw, no expression."""
    nothing = np.zeros((body.expression_dirs.shape[2], len(ARKIT_INDEX)), np.float32)
    return FaceResponse(nothing, *(body.jaw_angles or (_USUAL_OPEN, _USUAL_SIDE)))


def response_by_units(body: BodyModel) -> FaceResponse:
    """Of a face with ARKit units: the expression closest to each in the skin's movement.

    The jaw's units are left out: the joint makes them.
    """
    basis = _flat(body.expression_dirs)
    solved = np.linalg.solve(basis.T @ basis, basis.T @ _flat(_units(body)))
    for name in ARKIT_BY_JOINTS:
        solved[:, ARKIT_INDEX[name]] = 0
    return FaceResponse(solved, *(body.jaw_angles or (_USUAL_OPEN, _USUAL_SIDE)))


def response_by_landmarks(body: BodyModel, reference: BodyModel) -> FaceResponse:
    """Of a face with iBUG's landmarks, by what the units of ``reference`` do to them.

    First the angles of the jaw that come closest to its units, then by ridge regression the
    expression that makes all that is left.
    """
    face, units = _Face.of(body), _at_inner_face(reference, _units(reference))
    turn = _similarity(_at_inner_face(reference, reference.template), face.points)
    wanted = np.einsum("xy,kyu->ukx", turn, units)
    open_angle, side_angle = body.jaw_angles or _fit_jaw(face, wanted)
    wanted[_OPEN] -= face.turn_jaw(0, open_angle)
    wanted[_LEFT] -= face.turn_jaw(1, side_angle)
    wanted[_RIGHT] -= face.turn_jaw(1, -side_angle)
    basis = _flat(face.expression_dirs)
    normal = basis.T @ basis + _LANDMARK_SIGMA**2 * np.eye(basis.shape[1])
    solved = np.linalg.solve(normal, basis.T @ wanted.reshape(len(wanted), -1).T)
    return FaceResponse(solved.astype(np.float32), open_angle, side_angle)


@dataclass(frozen=True, eq=False)
class _Face:
    """The 51 landmarks of a body, and what moves them."""

    points: np.ndarray  # [51, 3] m, at rest
    expression_dirs: np.ndarray  # [51, 3, 10] m per unit of expression
    jaw_joint: np.ndarray  # [3] m
    jaw_weights: np.ndarray  # [51] skinning weights
    jaw_correctives: np.ndarray  # [51, 3, 9] m

    @classmethod
    def of(cls, body: BodyModel) -> _Face:
        correctives = np.zeros((body.num_vertices, 3, 9), np.float32)
        for corrective in body.pose_correctives:
            if corrective.joint == _JAW:
                correctives[corrective.vertices] = corrective.dirs
        return cls(
            points=_at_inner_face(body, body.template),
            expression_dirs=_at_inner_face(body, body.expression_dirs),
            jaw_joint=body.template_joints[_JAW],
            jaw_weights=_at_inner_face(body, body.weights[:, _JAW]),
            jaw_correctives=_at_inner_face(body, correctives),
        )

    def turn_jaw(self, axis: int, angle: float) -> np.ndarray:
        """[51, 3] m, movement when the jaw turns by ``angle`` about x, y or z (``axis`` 0 to 2)."""
        turn = _axis_rotation(axis, angle) - np.eye(3)
        corrected = self.jaw_correctives @ turn.ravel()
        carried = (self.points + corrected - self.jaw_joint) @ turn.T
        return corrected + self.jaw_weights[:, None] * carried


def _fit_jaw(face: _Face, wanted: np.ndarray) -> tuple[float, float]:
    """Angles of jawOpen and jawLeft, rad, that come closest to the units ``wanted`` [52, 51, 3]."""

    def turn_to_sides(angle: float) -> np.ndarray:
        return np.stack([face.turn_jaw(1, angle), face.turn_jaw(1, -angle)])

    return (
        _fit_angle(lambda angle: face.turn_jaw(0, angle), wanted[_OPEN], _USUAL_OPEN),
        _fit_angle(turn_to_sides, wanted[[_LEFT, _RIGHT]], _USUAL_SIDE),
    )


def _units(body: BodyModel) -> np.ndarray:
    """[V, 3, 52] m per full score, in the order of ARKIT_NAMES; zero for what the file lacks."""
    assert body.arkit_dirs is not None  # callers have looked
    units = np.zeros((body.num_vertices, 3, len(ARKIT_INDEX)), np.float32)
    for i_unit, name in enumerate(body.arkit_names):
        if name in ARKIT_INDEX:
            units[..., ARKIT_INDEX[name]] = body.arkit_dirs[..., i_unit]
    return units


def _at_inner_face(body: BodyModel, per_vertex: np.ndarray) -> np.ndarray:
    """[51, ...] float64 values at the inner face's landmarks of values [V, ...] at the vertices."""
    assert body.inner_face is not None  # callers have looked
    face, barycentric = body.inner_face
    corners = per_vertex[body.faces[face]].astype(np.float64)
    return np.einsum("kc,kc...->k...", barycentric, corners)


def _flat(dirs: np.ndarray) -> np.ndarray:
    """[N * 3, C] of directions [N, 3, C]."""
    return dirs.reshape(-1, dirs.shape[2])


def _similarity(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """[3, 3] rotation times scale that brings the points ``start`` [K, 3] closest to ``end``.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point
    patterns", equations 40 to 43.
    """
    start, end = start - start.mean(0), end - end.mean(0)
    left, singular, right = np.linalg.svd(end.T @ start)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return (left * signs) @ right * (singular @ signs / np.sum(start**2))


def _axis_rotation(axis: int, angle: float) -> np.ndarray:
    """[3, 3] rotation about x, y or z (``axis`` 0 to 2)."""
    rotation = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation[[first, second], [first, second]] = np.cos(angle)
    rotation[second, first], rotation[first, second] = np.sin(angle), -np.sin(angle)
    return rotation


def _fit_angle(turn: Callable[[float], np.ndarray], wanted: np.ndarray, usual: float) -> float:
    """The angle whose movement ``turn(angle)`` comes closest to ``wanted``, near the usual one."""
    angle = usual
    data_trust, prior_trust = _LANDMARK_SIGMA**-2, _USUAL_SIGMA**-2
    for _ in range(_GAUSS_NEWTON_STEPS):
        here = turn(angle)
        slope = (turn(angle + _ANGLE_STEP) - here) / _ANGLE_STEP
        pull = data_trust * np.vdot(slope, wanted - here) + prior_trust * (usual - angle)
        angle += float(pull / (data_trust * np.vdot(slope, slope) + prior_trust))
    return angle
