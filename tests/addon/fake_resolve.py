"""Stands in for core.world.resolve: simple answers that are worked out by scipy."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
from scipy.spatial.transform import Rotation

from reelrig.core.body.model import BodyModel
from reelrig.core.motion import Motion
from reelrig.core.skeletons import JOINT_INDEX
from reelrig.core.world.resolve import WorldSettings
from tests.addon.motions import expected_joints

FLOOR_PELVIS_M = 0.9  # where "floor here" puts the pelvis
KNEE_BEND = 0.1  # rad, what the foot lock does to the left knee
KNOWN = {
    "tilt_deg": 7.2,
    "up_sigma_deg": 2.1,
    "focal_mm35": 35.2,
    "focal_sigma": 0.15,
    "scale_sigma": 0.06,
    "camera": "static",
    "note": "",
}


def make_world_json(settings: WorldSettings | None = None, **known) -> str:
    settings = settings or WorldSettings()
    return json.dumps({"settings": asdict(settings), **KNOWN, **known})


def resolve(motion: Motion, settings: WorldSettings, body: BodyModel) -> Motion:
    """A turn, a lift, a growth, another focal length and a bent knee.

    The person starts above the same point as before.
    """
    rotvecs = motion.rotvecs.copy()
    betas, measures, focal_px = motion.betas, motion.measures, motion.focal_px
    pelvis = motion.trans + body.rest_joints(betas)[0]
    camera = motion.camera_from_world.astype(np.float64)
    if settings.up_camera is not None:
        up = camera[0, :3, :3].T @ np.array(settings.up_camera)
        turn, _ = Rotation.align_vectors([[0, 0, 1]], [up])
        rotvecs[:, 0] = (turn * Rotation.from_rotvec(rotvecs[:, 0])).as_rotvec()
        pelvis = turn.apply(pelvis)
        camera[:, :3, :3] = camera[:, :3, :3] @ turn.as_matrix().T
    if settings.height_m is not None:
        growth = settings.height_m / motion.measures[0]
        betas, measures = betas + (growth - 1) * np.eye(10)[0], motion.measures * growth
        pelvis = pelvis * growth
        camera[:, :3, 3] *= growth
    if settings.floor_row is not None:
        lift = np.array([0, 0, FLOOR_PELVIS_M - pelvis[settings.floor_row, 2]])
        pelvis = pelvis + lift
        camera[:, :3, 3] -= camera[:, :3, :3] @ lift
    home = motion.joints_world[0, 0] * (1, 1, 0) - pelvis[0] * (1, 1, 0)
    pelvis = pelvis + home
    camera[:, :3, 3] -= camera[:, :3, :3] @ home
    if settings.focal_px is not None:
        focal_px = motion.focal_px * settings.focal_px / motion.focal_px[0]
    if settings.foot_lock == "always":
        rotvecs[:, JOINT_INDEX["left_knee"], 0] += KNEE_BEND * settings.lock_strength
    solved = replace(
        motion,
        poses=rotvecs.reshape(motion.num_frames, -1),
        trans=pelvis - body.rest_joints(betas)[0],
        betas=betas,
        measures=measures,
        focal_px=focal_px,
        camera_from_world=camera,
        world_json=make_world_json(settings),
    )
    return replace(solved, joints_world=expected_joints(solved, body))
