"""Head, jaw, eyes and ARKit scores from the 478 face landmarks and the network's own scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..rotation import fit_rotation, rotvec_to_matrix
from ..skeletons import ARKIT_INDEX
from .rest import reference_body

# MediaPipe Face Mesh numbers (face_mesh_connections.py and the canonical face model of the
# Apache-2.0 mediapipe package). "left" is the person's left.
_EYE_CORNERS = {"left": (362, 263), "right": (133, 33)}
_IRIS = {"left": 473, "right": 468}
_LIDS = {"left": (386, 374), "right": (159, 145)}
_INNER_LIPS = (13, 14)

_EYEBALL_RADIUS_M = 0.012
_GAZE_LIMIT = (0.35, 0.5)  # rad, up or down and sideways
_NUM_GAZE_STEPS = 3
# The face mesh damps expressions: on renders (docs/benchmarks.md, the face) lids, brows and lips
# move by 0.75, 0.69 and 0.78 of the truth.
_SEEN_SHARE = 0.75
# Ridge on the scores, in metres of landmark movement (root of the sum over all landmarks) that a
# full score must explain.
_SCORE_RIDGE_M = 0.006
# A frame is calm when lips and lids are within this of the calmest quarter's.
_CALM_SHARE, _CALM_SLACK_M = 0.25, 0.002
_CALM_SAMPLE = 2000  # rows looked at for the face at rest
_NUM_SOLVER_STEPS = 40
# Faces smaller than this give no usable expression, larger ones than the second a full one.
_FACE_WIDTH_RANGE_PX = (25.0, 60.0)
_FACING_RANGE = (0.5, 0.8)  # cosine of the angle between the face and the camera

# Scores that are not solved from the surface: the eyes' directions come from the irises, the
# tongue is not among the landmarks.
_GAZE, _TONGUE = "eyeLook", "tongueOut"
# The network's scores count as much as the solved ones: their errors differ. Not for the brows,
# which they see at less than half.
_NETWORK_SHARE, _SOLVED_ALONE = 0.5, (_GAZE, "brow")
# A rise above a unit that the calm face seems to show nearly in full is not blown up further.
_LEAST_RISE = 0.1


@cache
def _face_rest() -> Tensor:
    """[478, 3] m, the reference body's face landmarks at rest."""
    return torch.from_numpy(reference_body().face_points())


@cache
def _score_dirs() -> Tensor:
    """[478, 3, 52] m, movement of the face landmarks at a full score."""
    body = reference_body()
    assert body.arkit_dirs is not None  # the shipped body has them
    dirs = torch.from_numpy(np.float32(body.on_face_landmarks(body.arkit_dirs)))
    dirs[..., ARKIT_INDEX[_TONGUE]] = 0
    return dirs


@cache
def _rigidity() -> Tensor:
    """[478] weights for the head's fit: high where no expression moves the face."""
    movement = torch.linalg.vector_norm(_score_dirs(), dim=1).amax(1)
    weight = 1 / (1 + (movement / 0.002) ** 2)
    weight[468:] = 0  # irises turn with the eyes
    return weight


def head_rotation(face: Tensor) -> Tensor:
    """Head, camera from joint [T, 3, 3], from the landmarks [T, 478, 3] (any scale)."""
    rest = _face_rest().expand_as(face)
    return fit_rotation(rest, face, _rigidity().expand(face.shape[:-1]))


def face_width_px(face_px: Tensor) -> Tensor:
    """[T] px, the larger side of the landmarks' box [T, 478, 2]."""
    return (face_px.amax(1) - face_px.amin(1)).amax(-1)


def face_trust(width_px: Tensor, head: Tensor) -> Tensor:
    """[T] 0..1: how much an expression can be read off a face of this size and heading.

    ``head`` [T, 3, 3] camera from joint: seen from the side, half of the face is a guess.
    """
    low, high = _FACE_WIDTH_RANGE_PX
    by_size = ((width_px - low) / (high - low)).clamp(0, 1)
    side, front = _FACING_RANGE
    return by_size * ((-head[:, 2, 2] - side) / (front - side)).clamp(0, 1)


def face_in_rest_axes(face: Tensor, head: Tensor) -> Tensor:
    """[T, 478, 3] m: the seen face turned, scaled and moved onto the reference face."""
    weight = (_rigidity() / _rigidity().sum())[:, None]
    turned = face @ head
    turned = turned - (weight * turned).sum(1, keepdim=True)
    rest = _face_rest() - (weight * _face_rest()).sum(0)
    planar = torch.tensor([1.0, 1.0, 0.0])
    scale = (weight * planar * turned * rest).sum((1, 2)) / (
        (weight * planar * turned**2).sum((1, 2)).clamp_min(1e-12)
    )
    return turned * scale[:, None, None] + (weight * _face_rest()).sum(0)


@cache
def _aligned_score_dirs() -> Tensor:
    """[478, 3, 52] m, what is left of each unit's movement once the head's fit took its part."""
    faces = _face_rest() + _score_dirs().permute(2, 0, 1)
    return (face_in_rest_axes(faces, head_rotation(faces)) - _face_rest()).permute(1, 2, 0)


@dataclass(frozen=True)
class CalmFace:
    """The person's own face at rest, from which expressions are counted."""

    points: Tensor  # [478, 3] m, rest axes
    scores: Tensor  # [52] 0..1, what the network sees in it
    iris_height: Tensor  # [] m, of the irises over the eyes' corners: those do not tell the level

    @classmethod
    def among(cls, face: Tensor, scores: Tensor) -> CalmFace:
        """From many faces in rest axes [T, 478, 3] and the network's scores [T, 52] of them.

        The median of those with mouth shut and eyes open. Speech and blinks are sorted out that
        way; other expressions by being the exception.
        """
        mouth = _distance(face, *_INNER_LIPS)
        eyes = _distance(face, *_LIDS["left"]) + _distance(face, *_LIDS["right"])
        is_shut = mouth <= mouth.quantile(_CALM_SHARE) + _CALM_SLACK_M
        is_open = eyes >= eyes.quantile(1 - _CALM_SHARE) - 2 * _CALM_SLACK_M
        calm = is_shut & is_open
        calm = calm if calm.any() else is_shut
        points, scores = (values[calm].median(0).values for values in (face, scores))
        return cls(points, scores, _iris_offset(face)[:, 1].median())


def find_calm_face(hints: Tensor, network: Tensor, confidence: Tensor) -> CalmFace | None:
    """The person's own face at rest, from a sample of the rows; None where no face was seen.

    ``hints`` [T, 478, 3], the network's scores [T, 52], ``confidence`` [T]. A turn of all hints
    changes nothing: they are counted in the head's own axes.
    """
    rows = confidence.nonzero()[:, 0]
    if not len(rows):
        return None
    rows = rows[:: max(1, len(rows) // _CALM_SAMPLE)]
    at_rest = face_in_rest_axes(hints[rows], head_rotation(hints[rows]))
    return CalmFace.among(at_rest, network[rows])


def arkit_scores(face: Tensor, network: Tensor, calm: CalmFace) -> Tensor:
    """[T, 52] 0..1 from faces in rest axes [T, 478, 3] and the network's scores [T, 52] of them."""
    is_mixed = torch.tensor([not name.startswith(_SOLVED_ALONE) for name in ARKIT_INDEX])
    mixed_in = _NETWORK_SHARE * is_mixed
    return solved_scores(face, calm).lerp(risen_scores(network, calm), mixed_in)


def risen_scores(network: Tensor, calm: CalmFace) -> Tensor:
    """[T, 52] 0..1, the network's scores [T, 52] counted from the person's calm face."""
    risen = (network - calm.scores) / (1 - calm.scores).clamp_min(_LEAST_RISE)
    return risen.clamp(0, 1)


def solved_scores(face: Tensor, calm: CalmFace) -> Tensor:
    """[T, 52] 0..1 from faces in rest axes [T, 478, 3] alone, counted from the person's calm face.

    The gaze's scores come from the irises, and what those make of the lids is no blink.
    """
    gaze = _gaze_scores(gaze_angles(face, calm))
    lids = torch.einsum("kcu,tu->tkc", _aligned_score_dirs(), gaze)
    return _solve_scores(face - calm.points - lids) + gaze


def _solve_scores(movement: Tensor) -> Tensor:
    """[T, 52] 0..1, the units' mix that moves the landmarks by [T, 478, 3] m; no gaze.

    Box-constrained ridge regression by accelerated projected gradient (Nesterov 1983); all frames
    at once. Depth is left out: the face mesh guesses it.
    """
    is_solved = torch.tensor([not name.startswith(_GAZE) for name in ARKIT_INDEX])
    dirs = (_SEEN_SHARE * _aligned_score_dirs()[:, :2] * is_solved).flatten(0, 1)
    gram = dirs.T @ dirs + _SCORE_RIDGE_M**2 * torch.eye(len(ARKIT_INDEX))
    # Units in which each score's own curvature is 1, so that small movers converge as fast.
    unit = gram.diagonal().sqrt()
    gram = gram / unit / unit[:, None]
    target = movement[..., :2].flatten(1) @ dirs / unit
    step = 1 / torch.linalg.matrix_norm(gram, 2)
    scores = torch.zeros_like(target)
    ahead, momentum = scores, 1.0
    for _ in range(_NUM_SOLVER_STEPS):
        updated = (ahead - step * (ahead @ gram - target)).clamp_min(0).minimum(unit)
        next_momentum = 0.5 * (1 + (1 + 4 * momentum**2) ** 0.5)
        ahead = updated + (momentum - 1) / next_momentum * (updated - scores)
        scores, momentum = updated, next_momentum
    return (scores / unit).clamp(0, 1)


def _distance(face: Tensor, first: int, second: int) -> Tensor:
    return torch.linalg.vector_norm(face[:, first] - face[:, second], dim=-1)


def gaze_angles(face: Tensor, calm: CalmFace) -> Tensor:
    """[T, 2] rad, how far the eyes look up and to the person's left, both eyes alike.

    The gaze is counted from the corners of the eyes, which follow it a little with the lids: what
    the gaze found makes of them is taken back, and the gaze found again.
    """
    limit, lids = torch.tensor(_GAZE_LIMIT), torch.zeros_like(face)
    angles = torch.zeros(len(face), 2)
    for _ in range(_NUM_GAZE_STEPS):
        offset = _iris_offset(face - lids)
        up, left = offset[:, 1] - calm.iris_height, offset[:, 0]
        angles = torch.asin((torch.stack([up, left], -1) / _EYEBALL_RADIUS_M).clamp(-1, 1))
        angles = angles.clamp(-limit, limit)
        lids = torch.einsum("kcu,tu->tkc", _aligned_score_dirs(), _gaze_scores(angles))
    return angles


def _iris_offset(face: Tensor) -> Tensor:
    """[T, 2] m, the irises against the middle of the eyes' corners, mean of both eyes."""
    offsets = [
        face[:, _IRIS[side], :2] - face[:, corners, :2].mean(1)
        for side, corners in _EYE_CORNERS.items()
    ]
    return torch.stack(offsets).mean(0)


def _gaze_scores(gaze: Tensor) -> Tensor:
    """[T, 52] 0..1, the eight eyeLook units of the gaze [T, 2]; all others zero."""
    up, left = (gaze / torch.tensor(_GAZE_LIMIT)).unbind(-1)
    scores = torch.zeros(len(gaze), len(ARKIT_INDEX))
    for side in ("Left", "Right"):
        out = left if side == "Left" else -left
        for unit, value in (("Up", up), ("Down", -up), ("Out", out), ("In", -out)):
            scores[:, ARKIT_INDEX[f"eyeLook{unit}{side}"]] = value.clamp(0, 1)
    return scores


def jaw_rotation(scores: Tensor) -> Tensor:
    """Jaw, parent from joint [T, 3, 3], from the ARKit scores [T, 52]."""
    rotvecs = reference_body().face_response.jaw_rotvecs(scores.numpy())
    return rotvec_to_matrix(torch.from_numpy(rotvecs))


def eye_rotation(scores: Tensor) -> Tensor:
    """Either eye, parent from joint [T, 3, 3], from the ARKit scores [T, 52]."""

    def difference(positive: str, negative: str) -> Tensor:
        return scores[:, ARKIT_INDEX[positive]] - scores[:, ARKIT_INDEX[negative]]

    up = difference("eyeLookUpLeft", "eyeLookDownLeft") * _GAZE_LIMIT[0]
    left = difference("eyeLookOutLeft", "eyeLookInLeft") * _GAZE_LIMIT[1]
    # A turn about x by a positive angle looks down, one about y to the left.
    return rotvec_to_matrix(torch.stack([-up, left, torch.zeros_like(up)], -1))
