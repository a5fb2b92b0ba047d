"""The learned recoverer: whole-body landmarks of a track to rotations, measures and confidence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ...body.measures import MEASURE_NAMES
from ...camera_motion import CameraMotion
from ...landmarks import Landmarks
from ...rotation import nearest_rotation
from ...skeletons import PARENTS
from ..analytic import AnalyticLifter
from ..placement import place_pelvis
from .body_network import BodyNetwork
from .network_file import load_network
from .observation import observe
from .points import NUM_BODY_JOINTS
from .windows import join_rows, split_rows

BODY_WEIGHTS = Path(__file__).parents[1] / "weights" / "body.safetensors"

_BLOCK = 16  # windows at once
_PARENTS = torch.tensor([0, *PARENTS[1:NUM_BODY_JOINTS]])
# A joint's confidence is the chance that it lies this close to the truth, if distances fall off
# exponentially with the network's sigma as their mean.
_CLOSE_M = 0.08


@cache
def shipped_network() -> BodyNetwork:
    return load_network(BODY_WEIGHTS)


class StsLifter:
    """After Sun et al. 2020, "Synthetic training for monocular human mesh recovery"."""

    def __init__(self, network: BodyNetwork | None = None) -> None:
        self.network = network or shipped_network()

    def lift(self, landmarks: Landmarks, rate: float, focal_px: float) -> CameraMotion:
        rough = AnalyticLifter().lift(landmarks, rate, focal_px)
        body, sigma, log_measures = self._see_body(landmarks, rate, focal_px)
        rotations = rough.rotations.clone()
        local = body[:, _PARENTS].mT @ body
        rotations[:, 1:NUM_BODY_JOINTS] = local[:, 1:]
        rotations[:, 0] = body[:, 0]
        seen = torch.from_numpy(landmarks.is_seen)
        confidence = rough.confidence.clone()
        confidence[:, :NUM_BODY_JOINTS] = (1 - (-_CLOSE_M / sigma).exp()) * seen[:, None]
        weight = confidence[:, :NUM_BODY_JOINTS].mean(1).clamp_min(1e-6)[:, None]
        measures = ((log_measures * weight).sum(0) / weight.sum()).exp().double().numpy()
        return CameraMotion(
            rate=rate,
            rotations=rotations,
            pelvis=place_pelvis(landmarks, rotations, MEASURE_NAMES, measures, focal_px),
            arkit=rough.arkit,
            confidence=confidence,
            focal_px=focal_px,
            measures=measures,
            measure_names=MEASURE_NAMES,
        )

    @torch.inference_mode()
    def _see_body(
        self, landmarks: Landmarks, rate: float, focal_px: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[T, 22, 3, 3] camera from joint, sigma [T, 22] m, log measures [T, M]."""
        num_rows = len(landmarks.time_s)
        observation = observe(landmarks, focal_px)
        windows = split_rows(num_rows, rate)
        answers: list[tuple[Tensor, Tensor, Tensor]] = []
        for rows in windows:
            estimate = self.network(observation.at(slice(None), rows))
            turned = estimate.view.camera_from_view[:, :, None] @ estimate.rotations
            answers.append((turned[0], estimate.sigma[0], estimate.log_measures[0]))
        turns, sigma, measures = (
            join_rows(list(values), windows, num_rows) for values in zip(*answers, strict=True)
        )
        return nearest_rotation(turns), sigma, measures
