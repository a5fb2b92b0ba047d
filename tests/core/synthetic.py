"""Perfect landmarks of a posed body: the truth that lifters are tested against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.body.skinning import joints_from_pose
from core.landmarks import Landmarks
from core.lift.rest import reference_body, rest_point
from core.rotation import rotvec_to_matrix, swing_between
from core.skeletons import (
    ARKIT_NAMES,
    BODY_LANDMARKS,
    HAND_FINGER_START,
    JOINT_INDEX,
    LANDMARK_PARTS,
    NUM_LANDMARKS,
)
from core.world.shot import ShotWatcher

FOCAL_PX, IMAGE_SIZE = 1500.0, (1280, 720)
DISTANCE_M = 5.0
NO_SIGHTINGS = ShotWatcher(IMAGE_SIZE, 30.0).sightings()  # of a shot without pictures
EYE_RADIUS_M = 0.012

# Half a turn about x: a body that stands upright before the camera and faces it.
FACING_CAMERA = (np.pi, 0.0, 0.0)

# Landmarks that are joints by another name, and those that are points of the skin.
_JOINT_OF = {"index": "index1", "pinky": "pinky1", "thumb": "thumb2"}
_CARRIER = {"heel": "ankle", "foot_index": "foot"}
_FACE_POINT_OF = {"mouth_left": 291, "mouth_right": 61}
_FACE_POINT_OF |= {"left_eye_inner": 362, "left_eye": 473, "left_eye_outer": 263}
_FACE_POINT_OF |= {"right_eye_inner": 133, "right_eye": 468, "right_eye_outer": 33}
_IRISES = {"right": slice(468, 473), "left": slice(473, 478)}


def rotations_from(num_frames: int, **rotvecs) -> Tensor:
    """[T, 55, 3, 3] with the named joints turned by rotation vectors [3] or [T, 3]."""
    pose = np.zeros((num_frames, 55, 3), np.float32)
    pose[:, 0] = FACING_CAMERA
    for name, rotvec in rotvecs.items():
        pose[:, JOINT_INDEX[name]] = rotvec
    return rotvec_to_matrix(torch.from_numpy(pose))


def landmarks_of(
    rotations: Tensor, arkit: np.ndarray | None = None, fps: float = 30.0
) -> Landmarks:
    """What a perfect detector would see of the mean body, ``rotations`` [T, 55, 3, 3]."""
    num_frames = len(rotations)
    body = reference_body()
    rest_pelvis = torch.from_numpy(body.template_joints[0])
    trans = torch.tensor([0.0, 0.0, DISTANCE_M]) - rest_pelvis
    joints, turns = joints_from_pose(body, np.zeros(10), rotations, trans.expand(num_frames, 3))

    def at(name: str) -> Tensor:
        return joints[:, JOINT_INDEX[name]]

    def carried(point: Tensor, joint: str) -> Tensor:
        return at(joint) + turns[:, JOINT_INDEX[joint]] @ (point - rest_point(joint))

    face_rest = torch.from_numpy(body.face_points()).repeat(num_frames, 1, 1)
    if arkit is not None:
        dirs = torch.from_numpy(np.float32(body.on_face_landmarks(body.arkit_dirs)))
        face_rest = face_rest + torch.einsum("kcu,tu->tkc", dirs, torch.from_numpy(arkit))
    for side, iris in _IRISES.items():
        eye = f"{side}_eye_smplhf"
        offset = face_rest[:, iris] - rest_point(eye)
        offset[..., 2] = EYE_RADIUS_M
        turn = rotations[:, JOINT_INDEX[eye]].transpose(-1, -2)
        face_rest[:, iris] = rest_point(eye) + offset @ turn
    head = turns[:, JOINT_INDEX["head"]]
    face = at("head")[:, None] + (face_rest - rest_point("head")) @ head.transpose(-1, -2)

    points = torch.zeros(num_frames, NUM_LANDMARKS, 3)
    for i_landmark, name in enumerate(BODY_LANDMARKS):
        side, _, part = name.partition("_")
        if name in _FACE_POINT_OF:
            points[:, i_landmark] = face[:, _FACE_POINT_OF[name]]
        elif part in _CARRIER:
            points[:, i_landmark] = carried(rest_point(name), f"{side}_{_CARRIER[part]}")
        elif name == "nose" or part == "ear":
            points[:, i_landmark] = carried(rest_point(name), "head")
        else:
            points[:, i_landmark] = at(f"{side}_{_JOINT_OF.get(part, part)}")
    for side in ("left", "right"):
        hand = points[:, LANDMARK_PARTS[f"{side}_hand"]]
        hand[:, 0] = at(f"{side}_wrist")
        for finger, start in HAND_FINGER_START.items():
            names = [f"{side}_{finger}{i}" for i in (1, 2, 3)]
            for offset, name in enumerate(names):
                hand[:, start + offset] = at(name)
            tip = 2 * rest_point(names[2]) - rest_point(names[1])
            hand[:, start + 3] = carried(tip, names[2])
    points[:, LANDMARK_PARTS["face"]] = face
    return _see(points, fps)


def _see(points: Tensor, fps: float) -> Landmarks:
    """Landmarks of points [T, K, 3] in camera axes, as a pinhole camera sees them.

    Each part's hints are turned by its ray, the body's only sideways, as the networks give them.
    """
    pixels = points[..., :2] / points[..., 2:] * FOCAL_PX + torch.tensor(IMAGE_SIZE) / 2
    hips = [BODY_LANDMARKS.index("left_hip"), BODY_LANDMARKS.index("right_hip")]
    hints = points - points[:, hips].mean(1, keepdim=True)
    for name, part in LANDMARK_PARTS.items():
        middle = points[:, hips if name == "body" else part].mean(1)
        if name == "body":
            middle = middle * torch.tensor([1.0, 0.0, 1.0])
        hints[:, part] = hints[:, part] @ swing_between(torch.tensor([0.0, 0.0, 1.0]), middle)
    num_frames = len(points)
    return Landmarks(
        frame_index=np.arange(num_frames),
        time_s=np.arange(num_frames) / fps,
        image_size=IMAGE_SIZE,
        points_px=pixels.numpy(),
        hints=hints.numpy(),
        confidence=np.ones((num_frames, NUM_LANDMARKS), np.float32),
        face_scores=np.zeros((num_frames, len(ARKIT_NAMES)), np.float32),
    )


def scores(num_frames: int, **values) -> np.ndarray:
    """[T, 52] ARKit scores with the named ones set."""
    arkit = np.zeros((num_frames, len(ARKIT_NAMES)), np.float32)
    for name, value in values.items():
        arkit[:, ARKIT_NAMES.index(name)] = value
    return arkit


def angle_deg(first: Tensor, second: Tensor) -> Tensor:
    """Angles [...] in degrees between rotations [..., 3, 3]."""
    cosine = ((first.transpose(-1, -2) @ second).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))
