"""People before a camera, as measured: who stands where, and what is made of it."""

from __future__ import annotations

import numpy as np

from core.body.measures import MEASURE_NAMES, measure_body
from core.body.model import load_body
from core.frames import WORLD_FROM_BODY
from core.measured import Measured
from core.motion import Motion
from core.skeletons import JOINT_INDEX
from core.world.kinematics import RestBody
from core.world.solve import find_upright
from core.world.turns import matrix_to_rotvec, rotvec_to_matrix, turn

RATE, FOCAL_PX = 25.0, 1100.0
PITCH = np.radians(20)
UP_CAMERA = np.array([0.0, -np.cos(PITCH), -np.sin(PITCH)])  # the camera looks down
CAMERA_PLACE = np.array([0.5, -4.0, 2.2])
BODY = load_body()
BETAS = np.zeros(10)
STATURE_M = float(measure_body(BODY, BETAS)[0])


def stand(num_rows: int, place: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [T, 55, 3, 3] and pelvis [T, 3] of somebody who stands and waves, in the world."""
    rotvecs = np.zeros((num_rows, 55, 3))
    rotvecs[:, JOINT_INDEX["left_shoulder"], 2] = -1.2 + 0.3 * np.sin(np.arange(num_rows) / 5)
    rotvecs[:, JOINT_INDEX["right_shoulder"], 2] = 1.2
    for side in ("left", "right"):
        for name, angle in (("hip", -0.15), ("knee", 0.3), ("ankle", -0.15)):
            rotvecs[:, JOINT_INDEX[f"{side}_{name}"], 0] = angle
    rotations = rotvec_to_matrix(rotvecs)
    rotations[:, 0] = WORLD_FROM_BODY
    rest = RestBody.of(BODY, BETAS)
    soles = rest.pose_soles(*rest.pose_joints(rotations, np.zeros((num_rows, 3))))
    height = (rest.clearance - soles[0, :, 2]).max()
    return rotations, np.tile([*place, height], (num_rows, 1))


def film(
    rotations: np.ndarray,
    pelvis: np.ndarray,
    contacts: np.ndarray,
    taken_for: float = 1.0,
    person: int = 0,
    rate: float = RATE,
) -> Motion:
    """The take, unsolved, of somebody who is taken for so many times as large as they are."""
    num_rows = len(pelvis)
    camera_from_world = find_upright(UP_CAMERA).T
    in_camera = rotations.copy()
    in_camera[:, 0] = camera_from_world @ rotations[:, 0]
    measures = taken_for * measure_body(BODY, BETAS)
    measured = Measured(
        poses=matrix_to_rotvec(in_camera).reshape(num_rows, -1),
        pelvis=taken_for * turn(camera_from_world, pelvis - CAMERA_PLACE),
        measures=measures,
        focal_px=np.full(num_rows, FOCAL_PX),
        focal_sigma=0.2,
        first_from_camera=np.tile(np.eye(3), (num_rows, 1, 1)),
        camera_place=np.zeros((num_rows, 3)),
        up_camera=UP_CAMERA,
        up_sigma_deg=2.0,
        scale_sigma=0.06,
        contacts=contacts,
    )
    return unsolved(measured, rate, person)


def unsolved(measured: Measured, rate: float, person: int = 0) -> Motion:
    """A motion that is nothing yet but what was measured."""
    num_rows = len(measured.pelvis)
    return Motion(
        mocap_frame_rate=rate,
        trans=np.zeros((num_rows, 3)),
        poses=np.zeros((num_rows, 165)),
        betas=BETAS,
        expression=np.zeros((num_rows, 10)),
        measures=measured.measures,
        measure_names=MEASURE_NAMES,
        arkit=np.zeros((num_rows, 52)),
        confidence=np.ones((num_rows, 55)),
        contacts=np.zeros((num_rows, 4)),
        frame_index=np.arange(num_rows),
        time_s=np.arange(num_rows) / rate,
        joints_world=None,
        camera_from_world=None,
        focal_px=None,
        image_size=np.array([1280, 720]),
        landmarks_px=None,
        landmarks_confidence=None,
        person=person,
        source="clip.mp4",
        settings_json="{}",
        measured=measured,
    )
