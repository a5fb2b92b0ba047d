"""The baseline recoverer: SMPL-X rotations straight from 3D landmarks, by geometry alone.

No training, no body prior: what the landmarks say is what comes out. Every later method must
beat it, and fits start from it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..camera_motion import CameraMotion
from ..landmarks import Landmarks
from ..rotation import axes_to_matrix, scale_rotation, swing_between
from ..skeletons import (
    ARKIT_NAMES,
    BODY_LANDMARK_INDEX,
    JOINT_INDEX,
    JOINT_NAMES,
    LANDMARK_PARTS,
    NUM_JOINTS,
    PARENTS,
)
from . import face as faces
from . import hands, limbs
from .face import CalmFace
from .limbs import BodyPoints
from .placement import pixel_slopes, place_pelvis, put_on_rays, stretch_bone
from .rest import rest_bone, rest_middle, rest_point

_SIDES = ("left", "right")
_HIPS = [BODY_LANDMARK_INDEX[f"{side}_hip"] for side in _SIDES]
_LARGEST_HEAD_TURN = 1.4  # rad, head against chest, both joints of the neck together
# The measured bones, each with the landmarks that go where its end goes.
_LIMB_BONES = {
    "upper_arm": ("shoulder", "elbow", "wrist", "pinky", "index", "thumb"),
    "forearm": ("elbow", "wrist", "pinky", "index", "thumb"),
    "thigh": ("hip", "knee", "ankle", "heel", "foot_index"),
    "shank": ("knee", "ankle", "heel", "foot_index"),
}
_MIN_MEASURE_CONFIDENCE = 0.3
_FACE_JOINTS = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
_ROUGH_HAND_TRUST = 0.4  # the body's own three knuckle landmarks are a coarse hand
_ROUGH_HEAD_TRUST = 0.6  # and its ears and nose a coarse head
_BLOCK = 1024  # rows lifted at once: keeps memory flat on long clips


class AnalyticLifter:
    """Swing from bone directions; twist from the next joint, the palm and the foot."""

    def lift(self, landmarks: Landmarks, rate: float, focal_px: float) -> CameraMotion:
        names, measures = _measure(landmarks)
        lengths = dict(zip(names, measures.tolist(), strict=True))
        face = LANDMARK_PARTS["face"]
        calm_face = faces.find_calm_face(
            torch.from_numpy(landmarks.hints[:, face]),
            torch.from_numpy(landmarks.face_scores),
            torch.from_numpy(landmarks.confidence[:, face]).amin(1),
        )
        blocks = [
            _lift_rows(
                landmarks.at_rows(slice(start, start + _BLOCK)), focal_px, lengths, calm_face
            )
            for start in range(0, len(landmarks.time_s), _BLOCK)
        ]
        rotations, trust, arkit = (torch.cat(field) for field in zip(*blocks, strict=True))
        return CameraMotion(
            rate=rate,
            rotations=rotations,
            pelvis=place_pelvis(landmarks, rotations, names, measures, focal_px),
            arkit=arkit,
            confidence=trust,
            focal_px=focal_px,
            measures=measures,
            measure_names=names,
        )


def _lift_rows(
    landmarks: Landmarks,
    focal_px: float,
    lengths: dict[str, float],
    calm_face: CalmFace | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Local rotations [T, 55, 3, 3], trust [T, 55] and ARKit scores [T, 52]."""
    num_rows = len(landmarks.time_s)
    confidence = torch.from_numpy(landmarks.confidence)
    rotations = torch.eye(3).repeat(num_rows, NUM_JOINTS, 1, 1)
    trust = torch.zeros(num_rows, NUM_JOINTS)
    parts = {name: _turn_part(landmarks, name, focal_px) for name in LANDMARK_PARTS}
    _put_body_on_rays(parts["body"], landmarks, focal_px, lengths)
    seen = torch.from_numpy(landmarks.is_seen)
    rotations[seen], trust[seen] = _lift_body(
        {name: part[seen] for name, part in parts.items()}, confidence[seen]
    )
    arkit = torch.zeros(num_rows, len(ARKIT_NAMES))
    seen = confidence[:, LANDMARK_PARTS["face"]].amin(1) > 0
    if calm_face is not None and seen.any():
        head = faces.head_rotation(parts["face"][seen])
        at_rest = faces.face_in_rest_axes(parts["face"][seen], head)
        face_px = torch.from_numpy(landmarks.points_px[:, LANDMARK_PARTS["face"]])[seen]
        face_trust = faces.face_trust(faces.face_width_px(face_px), head)
        network = torch.from_numpy(landmarks.face_scores)[seen]
        arkit[seen] = faces.arkit_scores(at_rest, network, calm_face) * face_trust[:, None]
        for name in _FACE_JOINTS:
            trust[seen, JOINT_INDEX[name]] = face_trust
    rotations[:, JOINT_INDEX["jaw"]] = faces.jaw_rotation(arkit)
    rotations[:, JOINT_INDEX["left_eye_smplhf"]] = faces.eye_rotation(arkit)
    rotations[:, JOINT_INDEX["right_eye_smplhf"]] = faces.eye_rotation(arkit)
    return rotations, trust, arkit


def _turn_part(landmarks: Landmarks, name: str, focal_px: float) -> Tensor:
    """Hints [T, K, 3] of a part, turned from the ray it was seen along into the camera.

    The networks see a crop as if the camera looked straight at it, so what is away from the
    picture's middle comes out turned (Li et al. 2022, CLIFF, section 3.1). Hands and face are
    read off the picture, so that holds for them in full. The body's network knows how people
    stand: on renders with a known camera its heading follows the ray, its lean does not
    (docs/benchmarks.md), so the body is only turned sideways.
    """
    part = LANDMARK_PARTS[name]
    points_px = torch.from_numpy(landmarks.points_px[:, part])
    # BlazePose crops about the hips, the hand and face networks about their own middle.
    middle_px = (points_px[:, _HIPS] if name == "body" else points_px).mean(1)
    ray = pixel_slopes(middle_px, focal_px, landmarks.image_size)
    if name == "body":
        ray = ray * torch.tensor([1.0, 0.0])
    ray = torch.nn.functional.pad(ray, (0, 1), value=1.0)
    camera_from_crop = swing_between(torch.tensor([0.0, 0.0, 1.0]), ray)
    return torch.from_numpy(landmarks.hints[:, part]) @ camera_from_crop.mT


def _put_body_on_rays(
    body: Tensor, landmarks: Landmarks, focal_px: float, lengths: dict[str, float]
) -> None:
    """Move ``body`` [T, 33, 3] m before the camera, so that it is seen where it was, in place."""
    part = LANDMARK_PARTS["body"]
    points_px = torch.from_numpy(landmarks.points_px[:, part])
    slopes = pixel_slopes(points_px, focal_px, landmarks.image_size)
    confidence = torch.from_numpy(landmarks.confidence[:, part])
    body[:] = put_on_rays(body, slopes, confidence)
    _stretch_limbs(body, slopes, confidence, lengths)


def _stretch_limbs(
    body: Tensor, slopes: Tensor, confidence: Tensor, lengths: dict[str, float]
) -> None:
    """Give the limbs of ``body`` [T, 33, 3] their measured lengths, from trunk to tip, in place."""
    for name, (start, end, *followers) in _LIMB_BONES.items():
        for side in _SIDES:
            start_row, end_row, *rows = (
                BODY_LANDMARK_INDEX[f"{side}_{point}"] for point in (start, end, *followers)
            )
            if name in lengths:
                stretched = stretch_bone(
                    body[:, start_row], body[:, end_row], slopes[:, end_row], lengths[name]
                )
                shift = confidence[:, end_row, None] * (stretched - body[:, end_row])
                body[:, [end_row, *rows]] += shift[:, None]


class _Pose:
    """The rows of one person in which something was seen, being filled joint by joint."""

    def __init__(self, num_rows: int) -> None:
        self.camera_from_joint: dict[str, Tensor] = {}
        self.trust = torch.zeros(num_rows, NUM_JOINTS)

    def put(self, name: str, camera_from_joint: Tensor, trust: Tensor) -> None:
        self.camera_from_joint[name] = camera_from_joint
        self.trust[:, JOINT_INDEX[name]] = trust

    def local_rotations(self) -> Tensor:
        """[T, 55, 3, 3] parent from joint; a joint that was not put keeps its parent's turn."""
        whole: list[Tensor] = []
        for i_joint, name in enumerate(JOINT_NAMES):
            inherited = whole[PARENTS[i_joint]] if i_joint else torch.eye(3)
            whole.append(self.camera_from_joint.get(name, inherited))
        camera_from_joint = torch.stack(whole, 1)
        local = camera_from_joint[:, list(PARENTS)].transpose(-1, -2) @ camera_from_joint
        local[:, 0] = camera_from_joint[:, 0]
        return local


def _lift_body(parts: dict[str, Tensor], confidence: Tensor) -> tuple[Tensor, Tensor]:
    """Local rotations [T, 55, 3, 3] and trust [T, 55] of trunk, limbs, hands and neck."""
    body = BodyPoints(parts["body"], confidence[:, LANDMARK_PARTS["body"]])
    pose = _Pose(len(confidence))
    pelvis, chest = limbs.trunk_rotations(body)
    trunk_trust = body.trust("left_hip", "right_hip", "left_shoulder", "right_shoulder")
    bend = pelvis.transpose(-1, -2) @ chest
    pose.put("pelvis", pelvis, trunk_trust)
    pose.put("spine1", pelvis @ scale_rotation(bend, 1 / 3), trunk_trust)
    pose.put("spine2", pelvis @ scale_rotation(bend, 2 / 3), trunk_trust)
    pose.put("spine3", chest, trunk_trust)
    _lift_head(body, parts["face"], confidence[:, LANDMARK_PARTS["face"]].amin(1), chest, pose)
    for side in _SIDES:
        _lift_leg(body, side, pelvis, pose)
        hand_trust = confidence[:, LANDMARK_PARTS[f"{side}_hand"]].mean(1)
        _lift_arm(body, side, chest, parts[f"{side}_hand"], hand_trust, pose)
    local = pose.local_rotations()
    for side in _SIDES:
        _lift_fingers(side, parts[f"{side}_hand"], pose, local)
    return local, pose.trust


def _lift_leg(body: BodyPoints, side: str, pelvis: Tensor, pose: _Pose) -> None:
    thigh, shank, foot = limbs.leg_rotations(body, side, pelvis)
    hip, knee, ankle = (f"{side}_{name}" for name in ("hip", "knee", "ankle"))
    foot_trust = body.trust(ankle, f"{side}_heel", f"{side}_foot_index")
    pose.put(hip, thigh, body.trust(hip, knee))
    pose.put(knee, shank, body.trust(hip, knee, ankle))
    pose.put(ankle, foot, foot_trust)
    pose.put(f"{side}_foot", foot, foot_trust)


def _lift_arm(
    body: BodyPoints, side: str, chest: Tensor, hand: Tensor, hand_trust: Tensor, pose: _Pose
) -> None:
    shoulder, elbow, wrist = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist"))
    upper, forearm = limbs.arm_rotations(body, side, chest)
    palm = limbs.palm_from_body(body, side, forearm)
    is_seen = hand_trust > 0
    palm[is_seen] = hands.palm_rotation(side, hand[is_seen])
    forearm, palm = limbs.split_forearm_twist(side, forearm, palm)
    arm_trust = body.trust(shoulder, elbow, wrist)
    pose.put(f"{side}_collar", chest, body.trust(shoulder))
    pose.put(shoulder, upper, body.trust(shoulder, elbow))
    pose.put(elbow, forearm, arm_trust)
    pose.put(wrist, palm, torch.maximum(hand_trust, _ROUGH_HAND_TRUST * arm_trust))
    for finger in hands.FINGERS:
        for i_bone in (1, 2, 3):
            pose.trust[:, JOINT_INDEX[f"{side}_{finger}{i_bone}"]] = hand_trust


def _lift_fingers(side: str, hand: Tensor, pose: _Pose, local: Tensor) -> None:
    """Put the fingers' bends into ``local``, in the rows where the hand was seen."""
    first = JOINT_INDEX[f"{side}_index1"]
    is_seen = pose.trust[:, first] > 0
    palm = hands.palm_rotation(side, hand[is_seen])
    local[is_seen, first : first + 15] = hands.finger_rotations(side, hand[is_seen], palm)


def _lift_head(
    body: BodyPoints, face: Tensor, face_trust: Tensor, chest: Tensor, pose: _Pose
) -> None:
    """Neck and head share the turn; the face mesh tells it, else the ears and the nose."""
    ears = ("left_ear", "right_ear")
    forward = body.at("nose") - body.at(*ears)
    rest_across = rest_bone(*ears[::-1])
    rest = axes_to_matrix(rest_across, rest_point("nose") - rest_middle(*ears), "xz")
    head = axes_to_matrix(body.bone(*ears[::-1]), forward, "xz") @ rest.transpose(-1, -2)
    is_seen = face_trust > 0
    head[is_seen] = faces.head_rotation(face[is_seen])
    turn = chest.transpose(-1, -2) @ limbs.limit_turn(chest, head, _LARGEST_HEAD_TURN)
    trust = torch.maximum(face_trust, _ROUGH_HEAD_TRUST * body.trust("nose", *ears))
    pose.put("neck", chest @ scale_rotation(turn, 0.5), trust)
    pose.put("head", chest @ turn, trust)


def _measure(landmarks: Landmarks) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and lengths [M] in metres of the limbs: medians over the rows that show them well."""
    names, values = [], []
    for name, (start, end, *_) in _LIMB_BONES.items():
        lengths = []
        for side in _SIDES:
            pair = [BODY_LANDMARK_INDEX[f"{side}_{joint}"] for joint in (start, end)]
            shown = landmarks.confidence[:, pair].min(1) > _MIN_MEASURE_CONFIDENCE
            ends = landmarks.hints[:, pair][shown]
            bones = ends[:, 1] - ends[:, 0]
            lengths.append(np.linalg.norm(bones, axis=1))
        shown_lengths = np.concatenate(lengths)
        if len(shown_lengths):
            names.append(name)
            values.append(float(np.median(shown_lengths)))
    return tuple(names), np.array(values)
