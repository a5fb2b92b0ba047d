"""The face's branch of `sts`: landmarks and the network's scores to ARKit scores and the head.

People differ more at rest than by what they do with their faces, so the branch sees the landmarks
in the axes of the rest pose, and how far they moved from the person's own calm face. It starts from
what geometry makes of them (../face.py) and learns what that gets wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from ...skeletons import ARKIT_NAMES
from .. import face as faces
from ..face import CalmFace
from ..rest import reference_body
from .hand_branch import turn_by
from .nearby_frames import Nearby, NearbyAttention
from .semantic_graph import GraphEncoder

NUM_POINTS = 112  # of the 478 landmarks
NUM_NEIGHBOURS = 6  # of each, with itself
_NUM_SCORES = len(ARKIT_NAMES)
_NUM_NODE = 6  # place against the mean face's, and against the calm face's
_UNIT_M = 0.01
_WIDTH, _TOKEN, _HIDDEN = 20, 128, 128
_NUM_WHOLE = 4 * _NUM_SCORES + 5  # scores of four kinds; ray, size, confidence
_REFERENCE_PX = 100.0
_LEAST_LOG_SIGMA, _MOST_LOG_SIGMA = -5.0, 1.0


@dataclass(frozen=True)
class FaceView:
    """A face over T frames as the branch takes it, and what geometry makes of it."""

    at_rest: Tensor  # [B, T, 478, 3] m, the landmarks in the axes and the size of the rest pose
    calm: Tensor  # [B, T, 478, 3] m, the person's calm face, in all frames the same
    risen: Tensor  # [B, T, 52] 0..1, the network's scores counted from the calm face
    network: Tensor  # [B, T, 52] 0..1, as they are
    calm_network: Tensor  # [B, T, 52] 0..1, of the calm face
    start: Tensor  # [B, T, 52] 0..1, what ../face.py makes of all that
    head: Tensor  # [B, T, 3, 3] view from joint, by fitting
    size_px: Tensor  # [B, T] of the face in the picture
    confidence: Tensor  # [B, T] 0..1
    time_s: Tensor  # [B, T]

    def map(self, change) -> FaceView:
        return FaceView(**{f.name: change(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True)
class FaceOutput:
    arkit: Tensor  # [B, T, 52] 0..1
    head: Tensor  # [B, T, 3, 3] view from joint
    sigma: Tensor  # [B, T, 53] standard deviation of the head's turn in rad, then of each score


def view_face(
    hints: Tensor, network: Tensor, confidence: Tensor, time_s: Tensor, calm: CalmFace
) -> FaceView:
    """One person's face, B = 1, from hints [T, 478, 3] px, scores [T, 52], confidence [T].

    The view looks along the ray of the face's middle. A face that was not seen is a calm one.
    """
    is_seen = confidence > 0
    head = torch.eye(3).repeat(len(hints), 1, 1)
    at_rest = calm.points.repeat(len(hints), 1, 1)
    head[is_seen] = faces.head_rotation(hints[is_seen])
    at_rest[is_seen] = faces.face_in_rest_axes(hints[is_seen], head[is_seen])
    network = torch.where(is_seen[:, None], network, calm.scores)
    size_px = faces.face_width_px(hints[..., :2])
    return compare_with_calm(at_rest, network, calm, head, size_px, confidence, time_s).map(
        lambda values: values[None]
    )


def compare_with_calm(
    at_rest: Tensor,
    network: Tensor,
    calm: CalmFace,
    head: Tensor,
    size_px: Tensor,
    confidence: Tensor,
    time_s: Tensor,
) -> FaceView:
    """The view of frames [N], without the axis of people; ``calm`` may be another in each."""
    return FaceView(
        at_rest=at_rest,
        calm=calm.points.expand_as(at_rest),
        risen=faces.risen_scores(network, calm),
        network=network,
        calm_network=calm.scores.expand_as(network),
        start=faces.arkit_scores(at_rest, network, calm),
        head=head,
        size_px=size_px,
        confidence=confidence,
        time_s=time_s,
    )


class FaceBranch(nn.Module):
    """Semantic graph convolutions per frame, attention over the frames nearby, heads."""

    rows: Tensor
    mean_face: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Which of the landmarks are looked at and how they are joined comes with the weights.
        self.register_buffer("rows", torch.zeros(NUM_POINTS, dtype=torch.long))
        self.register_buffer("mean_face", torch.zeros(NUM_POINTS, 3))
        alone = torch.arange(NUM_POINTS)[:, None].repeat(1, NUM_NEIGHBOURS)
        self.graph = GraphEncoder(_NUM_NODE, _WIDTH, _TOKEN, alone)
        self.whole = nn.Sequential(
            nn.Linear(_NUM_WHOLE, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _TOKEN)
        )
        self.nearby = NearbyAttention(_TOKEN)
        self.norm = nn.LayerNorm(_TOKEN)
        self.to_scores = nn.Linear(_TOKEN, _NUM_SCORES)
        self.to_turn = nn.Linear(_TOKEN, 6)
        self.to_log_sigma = nn.Linear(_TOKEN, _NUM_SCORES + 1)
        for last in (self.to_scores, self.to_turn):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def look_at(self, rows: Tensor, neighbours: Tensor) -> None:
        """Choose the landmarks ``rows`` [F], joined as in ``neighbours`` [F, M]."""
        self.rows.copy_(rows)
        self.mean_face.copy_(torch.from_numpy(reference_body().face_points())[rows])
        for layer in self.graph.layers:
            layer.get_buffer("neighbours").copy_(neighbours)

    def forward(self, view: FaceView) -> FaceOutput:
        output = self.guess(view)
        return FaceOutput(output.arkit.clamp(0, 1), output.head, output.sigma)

    def guess(self, view: FaceView) -> FaceOutput:
        """What the heads say; scores may lie beyond 0..1."""
        seen, calm = view.at_rest[..., self.rows, :], view.calm[..., self.rows, :]
        nodes = torch.cat([seen - self.mean_face, seen - calm], -1) / _UNIT_M
        size = (view.size_px[..., None].clamp_min(1) / _REFERENCE_PX).log()
        whole = [view.start, view.risen, view.network, view.calm_network]
        whole += [view.head[..., 2, :], size, view.confidence[..., None]]
        tokens = self.graph(nodes.flatten(0, 1)).unflatten(0, view.time_s.shape)
        tokens = tokens + self.whole(torch.cat(whole, -1))
        tokens = self.nearby(tokens, Nearby(view.head, view.confidence > 0, view.time_s))
        tokens = self.norm(tokens)
        log_sigma = self.to_log_sigma(tokens).clamp(_LEAST_LOG_SIGMA, _MOST_LOG_SIGMA)
        return FaceOutput(
            arkit=view.start + self.to_scores(tokens),
            head=view.head @ turn_by(self.to_turn(tokens)),
            sigma=log_sigma.exp(),
        )
