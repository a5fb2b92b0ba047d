"""A take's world solved anew with what the animator knows better, without looking at the video."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np

from ..body.measures import MEASURE_NAMES, solve_betas
from ..body.model import BodyModel
from ..errors import MotionFileError
from ..height import grow_to_height
from ..measured import Measured
from ..motion import Motion
from .solve import WorldSettings, WorldTake, solve_world
from .turns import matrix_to_rotvec

__all__ = ["WorldSettings", "describe_world", "resolve"]

_SENSOR_MM = 36.0  # a full frame's width, to which focal lengths are told


def resolve(motion: Motion, settings: WorldSettings, body: BodyModel) -> Motion:
    """``motion`` in the world of ``settings``; ``body`` is the one that it was captured with.

    People of one shot who are given the same up and focal length stay in one world, each resolved
    alone: their takes remember where everybody stood.
    """
    measured = motion.measured
    if measured is None:
        raise MotionFileError(
            f"{motion.source} holds no measured poses, so its world cannot be solved anew. "
            "Capture the video again."
        )
    betas = solve_betas(body, MEASURE_NAMES, measured.measures)
    measures, growth = measured.measures, 1.0
    if settings.height_m is not None:
        betas, measures, growth = grow_to_height(betas, body, settings.height_m)
    rate = motion.mocap_frame_rate
    take = solve_world(measured, body, betas, growth, motion.confidence, rate, settings)
    rotvecs = matrix_to_rotvec(take.rotations)
    return replace(
        motion,
        trans=take.joints[:, 0] - body.rest_joints(betas)[0],
        poses=rotvecs.reshape(len(rotvecs), -1),
        betas=betas,
        measures=measures,
        contacts=np.clip(measured.contacts[:, : motion.contacts.shape[1]], 0, 1),
        joints_world=take.joints,
        camera_from_world=take.camera_from_world,
        focal_px=take.focal_px,
        world_json=describe_world(measured, take, settings, motion.image_size),
    )


def describe_world(
    measured: Measured, take: WorldTake, settings: WorldSettings, image_size: np.ndarray | None
) -> str:
    """JSON of the settings, and of what is known of the world and how surely."""
    moves = bool(np.abs(measured.first_from_camera - np.eye(3)).max() > 1e-6)
    moves |= bool(np.abs(measured.camera_place).max() > 1e-6)
    known = {
        "settings": asdict(settings),
        "tilt_deg": float(np.degrees(np.arccos(np.clip(-take.up_camera[1], -1, 1)))),
        "up_sigma_deg": 0.0 if settings.up_camera else float(measured.up_sigma_deg),
        "focal_sigma": 0.0 if settings.focal_px else float(measured.focal_sigma),
        "scale_sigma": 0.0 if settings.height_m else float(measured.scale_sigma),
        "floor_sigma_m": 0.0 if settings.floor_row is not None else take.floor_sigma_m,
        "camera": "moving" if moves else "static",
        "note": "" if take.is_floor_seen else "No foot was seen to stand: the floor is a guess.",
    }
    if image_size is not None:
        known["focal_mm35"] = float(take.focal_px[0] / max(image_size) * _SENSOR_MM)
    return json.dumps(known)
