"""The learned recoverer: whole-body landmarks of a track to rotations, measures and confidence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ...body.measures import MEASURE_NAMES
from ...camera_motion import BodySight, CameraMotion
from ...landmarks import Landmarks
from ...rotation import nearest_rotation
from ...skeletons import ARKIT_NAMES, JOINT_INDEX, NUM_JOINTS, PARENTS
from .. import face as faces
from ..placement import place_pelvis
from .alignment import align_to_picture
from .body_network import BodyNetwork
from .network_file import load_network
from .observation import SIDES, Observation, observe
from .parts import HandTurns, lift_face, lift_hands
from .points import NUM_BODY_JOINTS, bones_of
from .windows import join_rows, split_rows, stack_rows
from .wrists import join_palms

BODY_WEIGHTS = Path(__file__).parents[1] / "weights" / "body.safetensors"

_PARENTS = torch.tensor([0, *PARENTS[1:NUM_BODY_JOINTS]])
_NUM_FINGER_JOINTS = 15
_FACE_JOINTS = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
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

    @torch.no_grad()  # not inference_mode: what is cached meanwhile must suit training as well
    def lift(self, landmarks: Landmarks, rate: float, focal_px: float) -> CameraMotion:
        num_rows = len(landmarks.time_s)
        rotations = torch.eye(3).repeat(num_rows, NUM_JOINTS, 1, 1)
        confidence = torch.zeros(num_rows, NUM_JOINTS)
        observation = observe(landmarks, focal_px)
        guess, sigma, log_measures, sight = self._see_body(observation, rate)
        seen = torch.from_numpy(landmarks.is_seen)[:, None]
        confidence[:, :NUM_BODY_JOINTS] = (1 - (-_CLOSE_M / sigma).exp()) * seen
        weight = confidence[:, :NUM_BODY_JOINTS].mean(1).clamp_min(1e-6)[:, None]
        log_measures = (log_measures * weight).sum(0) / weight.sum()
        body = align_to_picture(guess, bones_of(log_measures), observation)
        hands = lift_hands(landmarks, focal_px)
        hand_trust = {side: observation.palm_confidence[0, :, i] for i, side in enumerate(SIDES)}
        body = join_palms(body, hands, {side: x > 0 for side, x in hand_trust.items()}, rate)
        rotations[:, :NUM_BODY_JOINTS] = body[:, _PARENTS].mT @ body
        rotations[:, 0] = body[:, 0]
        _put_fingers(hands, hand_trust, rotations, confidence)
        arkit = _put_face(landmarks, focal_px, rotations, confidence)
        measures = log_measures.exp().double().numpy()
        return CameraMotion(
            rate=rate,
            rotations=rotations,
            pelvis=place_pelvis(landmarks, rotations, MEASURE_NAMES, measures, focal_px),
            arkit=arkit,
            confidence=confidence,
            focal_px=focal_px,
            measures=measures,
            measure_names=MEASURE_NAMES,
            sight=sight,
        )

    @torch.no_grad()
    def see(self, landmarks: Landmarks, rate: float, focal_px: float) -> BodySight:
        """What ``lift`` hands on beside the pose, for methods that have no network of their own."""
        return self._see_body(observe(landmarks, focal_px), rate)[-1]

    def _see_body(
        self, observation: Observation, rate: float
    ) -> tuple[Tensor, Tensor, Tensor, BodySight]:
        """[T, 22, 3, 3] camera from joint, sigma [T, 22] m, log measures [T, M], and the sight."""
        num_rows = observation.time_s.shape[1]
        windows = split_rows(num_rows, rate)
        answers: list[tuple[Tensor, ...]] = []
        for rows in stack_rows(windows):
            estimate = self.network(observation.windows(rows))
            view = estimate.view
            answers += zip(
                view.camera_from_view[:, :, None] @ estimate.rotations,
                estimate.sigma,
                estimate.log_measures,
                estimate.features,
                (view.camera_from_view @ estimate.up[..., None])[..., 0],
                view.place,
                estimate.camera.scale,
                strict=True,
            )
        turns, sigma, measures, features, up, place, scale = (
            join_rows(list(values), windows, num_rows) for values in zip(*answers, strict=True)
        )
        up = torch.nn.functional.normalize(up, dim=-1)
        return nearest_rotation(turns), sigma, measures, BodySight(features, up, place, scale)


def _put_fingers(
    hands: dict[str, HandTurns], seen: dict[str, Tensor], rotations: Tensor, confidence: Tensor
) -> None:
    """The fingers, as trusted as their landmarks, in place."""
    for side, hand in hands.items():
        first = JOINT_INDEX[f"{side}_index1"]
        fingers = slice(first, first + _NUM_FINGER_JOINTS)
        rotations[:, fingers] = hand.fingers
        confidence[:, fingers] = seen[side][:, None]


def _put_face(
    landmarks: Landmarks, focal_px: float, rotations: Tensor, confidence: Tensor
) -> Tensor:
    """Jaw and eyes in place; [T, 52] the ARKit scores that they belong to."""
    face = lift_face(landmarks, focal_px)
    if face is None:
        return torch.zeros(len(rotations), len(ARKIT_NAMES))
    rows = [JOINT_INDEX[name] for name in _FACE_JOINTS]
    eye = faces.eye_rotation(face.arkit)
    rotations[:, rows] = torch.stack([faces.jaw_rotation(face.arkit), eye, eye], 1)
    confidence[:, rows] = face.trust[:, None]
    return face.arkit
