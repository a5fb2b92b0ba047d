"""How sure a landmark is: the share of such landmarks that are hits, as near to where they should
be as 5 % of the length from head to hips (middle of the ears to middle of the hips).

Logistic functions of what the networks give beside the points, none falling where the evidence
rises (Platt 1999), fitted by training/calibrate_confidence.py to pictures with known landmarks. The
body's evidence is the heat maps' height alone. It tells hits from misses far better than the
networks' visibility, which says that a landmark is not hidden, not that it was found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS
from .bodies import FOUND
from .face import Faces
from .hand import Hands
from .pose import Poses

TABLE_PATH = Path(__file__).with_name("confidence_table.json")

_LEAST = 0.01  # above 0, which would mean that the landmark was not found
_UNSURE = 0.01  # scores this near to 0 or 1 say no more than that

# Points that two networks see: of the hand or face, and of the body.
_HAND_SHARED = {0: "wrist", 17: "pinky", 5: "index", 2: "thumb"}
_FACE_SHARED = {4: "nose", 473: "left_eye", 468: "right_eye", 291: "mouth_left", 61: "mouth_right"}
_CLOSEST, _FARTHEST = 0.005, 2.0  # m, between what two networks see

_TABLE = json.loads(TABLE_PATH.read_text())

Side = Literal["left", "right"]


def landmark_kind(name: str) -> str:
    """A body landmark's name without its side."""
    return "_".join(word for word in name.split("_") if word not in ("left", "right"))


def body_confidence(poses: Poses) -> Tensor:
    """[N, 33] 0..1."""
    curves = [_TABLE[landmark_kind(name)] for name in BODY_LANDMARKS]
    rows = [(*curve["biases"], *curve["slopes"]) for curve in curves]
    biases, slopes = torch.tensor(rows, device=poses.peak.device).unbind(1)
    return _probability(biases + slopes * body_evidence(poses))


def hand_confidence(hands: Hands, poses: Poses, side: Side) -> Tensor:
    """[N, 21] 0..1; 0 where no hand was found."""
    return _part_confidence("hand", hand_evidence(hands, poses, side), hands.score)


def face_confidence(faces: Faces, poses: Poses) -> Tensor:
    """[N, 478] 0..1; 0 where no face was found."""
    sure = _part_confidence("face", face_evidence(faces, poses), faces.score)
    return sure.expand(-1, faces.points.shape[1])


def body_evidence(poses: Poses) -> Tensor:
    """[N, 33] log-odds of the heat maps' maxima."""
    return _log_odds(poses.peak[:, : len(BODY_LANDMARKS)])


def hand_evidence(hands: Hands, poses: Poses, side: Side) -> Tensor:
    """[N, 4] how sure the body's network is of the hand, how near the hand lies to where the body's
    network sees it, how sure the hand's network is that it is a hand, and that it is this one."""
    shared = {number: BODY_LANDMARK_INDEX[f"{side}_{at}"] for number, at in _HAND_SHARED.items()}
    is_side = hands.left if side == "left" else 1 - hands.left
    return torch.stack(
        [
            body_evidence(poses)[:, list(shared.values())].mean(1),
            _nearness(hands.points, poses, shared),
            _log_odds(hands.score),
            _log_odds(is_side),
        ],
        1,
    )


def face_evidence(faces: Faces, poses: Poses) -> Tensor:
    """[N, 2] how near the face lies to where the body's network sees it, and how sure its own
    network is."""
    shared = {number: BODY_LANDMARK_INDEX[at] for number, at in _FACE_SHARED.items()}
    return torch.stack([_nearness(faces.points, poses, shared), _log_odds(faces.score)], 1)


def _part_confidence(part: str, evidence: Tensor, score: Tensor) -> Tensor:
    """[N, K], or [N, 1] where all of the part's landmarks share one bias."""
    biases, slopes = (
        torch.tensor(_TABLE[part][key], device=evidence.device) for key in ("biases", "slopes")
    )
    probability = _probability(biases + (evidence @ slopes)[:, None])
    return probability * (score >= FOUND)[:, None]


def _nearness(points: Tensor, poses: Poses, shared: dict[int, int]) -> Tensor:
    """[N] minus the logarithm of the mean distance, in metres of the body, between the points
    [N, K, 3] of a part and those of the body that ``shared`` pairs with them."""
    gaps = points[:, list(shared), :2] - poses.points[:, list(shared.values()), :2]
    gap_px = torch.linalg.vector_norm(gaps, dim=2).mean(1)
    gap = gap_px / _px_per_metre(poses).clamp_min(1e-6)
    return -gap.clamp(_CLOSEST, _FARTHEST).log()


def _px_per_metre(poses: Poses) -> Tensor:
    """[N] scale of the body in the picture, all of it: a part may point at the camera."""

    def spread(points: Tensor) -> Tensor:
        body = points[:, : len(BODY_LANDMARKS), :2]
        return torch.linalg.vector_norm(body - body.mean(1, keepdim=True), dim=(1, 2))

    return spread(poses.points) / spread(poses.world).clamp_min(1e-6)


def _log_odds(score: Tensor) -> Tensor:
    return score.clamp(_UNSURE, 1 - _UNSURE).logit()


def _probability(log_odds: Tensor) -> Tensor:
    return log_odds.sigmoid().clamp_min(_LEAST)
