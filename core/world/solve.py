"""One person's take in the world: upright, on the floor, moving through space, on feet that stand.

All of it is layers over what was measured (``core/measured.py``); numpy only, so that Blender's
process can solve a take anew while the animator waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..body.model import BodyModel
from ..measured import Measured
from ..skeletons import NUM_JOINTS
from .floor import Floor, find_floor
from .foot_lock import lock_feet
from .kinematics import RestBody
from .trajectory import PosedTake, fuse_trajectory
from .turns import rotvec_to_matrix, swing_between, turn

FootLock = Literal["auto", "always", "never", "ground"]


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """What the animator may set; None: as estimated."""

    up_camera: tuple[float, float, float] | None = None  # in the first camera's axes
    floor_row: int | None = None  # in this row the lowest sole stands on the floor
    height_m: float | None = None
    focal_px: float | None = None  # of the first row
    foot_lock: FootLock = "auto"
    lock_strength: float = 1.0


@dataclass(frozen=True, eq=False)
class WorldTake:
    """T rows in the world: z up, metres, the floor at z = 0."""

    rotations: np.ndarray  # [T, 55, 3, 3] parent from joint; joint 0 world from body
    joints: np.ndarray  # [T, 55, 3] m
    camera_from_world: np.ndarray  # [T, 4, 4]
    focal_px: np.ndarray  # [T]
    up_camera: np.ndarray  # [3] unit, in the first camera's axes
    floor_sigma_m: float
    is_floor_seen: bool  # False: no foot stood anywhere, the floor is a guess


def solve_world(
    measured: Measured,
    body: BodyModel,
    betas: np.ndarray,
    growth: float,
    confidence: np.ndarray,
    rate: float,
    settings: WorldSettings,
    origin: np.ndarray | None = None,
) -> WorldTake:
    """The take of a ``body`` with ``betas`` that are ``growth`` times as large as was measured.

    ``confidence`` [T, 55], ``rate`` rows a second; ``origin`` [3] m, in the first camera's axes:
    the point whose floor is the world's origin, None: where this person starts.
    """
    up = np.asarray(settings.up_camera or measured.up_camera, np.float64)
    upright_from_first = find_upright(up)
    upright_from_camera = upright_from_first @ measured.first_from_camera
    focal_px = focal_of(measured, settings)
    rotations, pelvis = at_focal(measured, focal_px)
    rotations[:, 0] = upright_from_camera @ rotations[:, 0]
    pelvis = growth * turn(upright_from_camera, pelvis)
    rest = RestBody.of(body, betas)
    pelvis, floor = _settle(rest, rotations, pelvis, measured.contacts, confidence, rate)
    if settings.floor_row is not None:
        soles = rest.pose_soles(*rest.pose_joints(rotations, pelvis))[settings.floor_row]
        floor = floor.shifted(float((soles[:, 2] - rest.clearance).min()) - floor.height)
    rotations, pelvis = lock_feet(
        rotations,
        pelvis,
        rest,
        measured.contacts,
        floor.support,
        rate,
        mode=settings.foot_lock,
        strength=settings.lock_strength,
    )
    start = pelvis[0] if origin is None else growth * (upright_from_first @ origin)
    shift = -np.array([start[0], start[1], floor.height])
    joints, _ = rest.pose_joints(rotations, pelvis + shift)
    camera_from_world = np.tile(np.eye(4), (len(pelvis), 1, 1))
    camera_from_world[:, :3, :3] = upright_from_camera.swapaxes(-1, -2)
    camera_from_world[:, :3, 3] = -turn(camera_from_world[:, :3, :3], shift)
    return WorldTake(rotations, joints, camera_from_world, focal_px, up, floor.sigma, floor.is_seen)


def find_upright(up_camera: np.ndarray) -> np.ndarray:
    """[3, 3] upright axes from the camera's: z along ``up_camera`` [3], y ahead, x to the right.

    Where the camera looks straight up or down, what is up in its picture is ahead.
    """
    z = up_camera / np.linalg.norm(up_camera)
    ahead = np.array([0.0, 0.0, 1.0]) if abs(z[2]) < 0.99 else np.array([0.0, -1.0, 0.0])
    x = np.cross(ahead, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def focal_of(measured: Measured, settings: WorldSettings) -> np.ndarray:
    """[T] px, as assumed or as the animator says; zooms stay."""
    if settings.focal_px is None:
        return measured.focal_px
    return measured.focal_px * settings.focal_px / measured.focal_px[0]


def at_focal(measured: Measured, focal_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotations [T, 55, 3, 3] and pelvis [T, 3] m that look the same through another lens.

    The same person through a longer lens is farther off by as much, on a ray nearer to the
    picture's middle, and is turned along with it.
    """
    rotations = rotvec_to_matrix(measured.poses.reshape(-1, NUM_JOINTS, 3).astype(np.float64))
    pelvis = measured.pelvis * np.stack(
        [np.ones_like(focal_px), np.ones_like(focal_px), focal_px / measured.focal_px], -1
    )
    rotations[:, 0] = swing_between(measured.pelvis, pelvis) @ rotations[:, 0]
    return rotations, pelvis


def _settle(
    rest: RestBody,
    rotations: np.ndarray,
    pelvis: np.ndarray,
    contacts: np.ndarray,
    confidence: np.ndarray,
    rate: float,
) -> tuple[np.ndarray, Floor]:
    """The pelvis [T, 3] m on its way, and the floor, once each has told the other what it knows."""
    joints, turns = rest.pose_joints(rotations, np.zeros_like(pelvis))
    soles = rest.pose_soles(joints, turns)
    take = PosedTake(
        pelvis=pelvis,
        camera=np.zeros_like(pelvis),
        joints=joints,
        soles=soles,
        contacts=contacts,
        confidence=confidence,
        rate=rate,
    )
    pelvis = fuse_trajectory(take)
    floor = find_floor(soles + pelvis[:, None], contacts, rest.clearance, rate)
    pelvis = fuse_trajectory(take, floor, rest.clearance)
    return pelvis, find_floor(soles + pelvis[:, None], contacts, rest.clearance, rate)
