"""One person's take in the world: upright, on the floor, moving through space, on feet that stand.

All of it is layers over what was measured (``core/measured.py``); numpy only, so that Blender's
process can solve a take anew while the animator waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..body.model import BodyModel
from ..measured import Measured
from ..skeletons import NUM_JOINTS
from .floor import Floor, find_floor, find_stands
from .foot_lock import lock_feet
from .kinematics import RestBody
from .sole_paths import Mode
from .trajectory import PosedTake, fuse_trajectory, touching_points
from .turns import rotvec_to_matrix, swing_between, turn


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """What the animator may set; None: as estimated."""

    up_camera: tuple[float, float, float] | None = None  # in the first camera's axes
    floor_row: int | None = None  # in this row the lowest sole stands on the floor
    height_m: float | None = None
    focal_px: float | None = None  # of the first row
    foot_lock: Mode = "auto"
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
) -> WorldTake:
    """The take of a ``body`` with ``betas`` that are ``growth`` times as large as was measured.

    ``confidence`` [T, 55], ``rate`` rows a second. The world's origin is on the floor under the
    place where this person starts, or where the first person of the shot does.
    """
    stage = _Stage.of(measured, growth, settings)
    rest = RestBody.of(body, betas)
    take = stage.pose(measured, rest, confidence, rate)
    has_company = len(measured.shot_stands) > 0
    shot = stage.to_upright(measured.shot_stands) if has_company else None
    pelvis, floor = _settle(rest, take, shot)
    if settings.floor_row is not None:
        soles = (take.soles + pelvis[:, None])[settings.floor_row]
        floor = floor.shifted(float((soles[:, 2] - rest.clearance).min()) - floor.height)
    rotations, pelvis = lock_feet(
        stage.rotations,
        pelvis,
        rest,
        measured.contacts,
        floor.support,
        rate,
        mode=settings.foot_lock,
        strength=settings.lock_strength,
    )
    start = stage.to_upright(measured.shot_origin) if has_company else pelvis[0]
    shift = -np.array([start[0], start[1], floor.height])
    joints, _ = rest.pose_joints(rotations, pelvis + shift)
    camera_from_world = np.tile(np.eye(4), (len(pelvis), 1, 1))
    camera_from_world[:, :3, :3] = stage.upright_from_camera.swapaxes(-1, -2)
    camera_from_world[:, :3, 3] = -turn(camera_from_world[:, :3, :3], stage.camera + shift)
    return WorldTake(
        rotations,
        joints,
        camera_from_world,
        stage.focal_px,
        stage.up,
        floor.sigma,
        floor.is_seen,
    )


def find_footing(
    measured: Measured, body: BodyModel, betas: np.ndarray, confidence: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where somebody stood [N, 4] (``find_stands``) and where the pelvis starts [3] m.

    In the first camera's axes, as far as this person alone tells.
    """
    stage = _Stage.of(measured, 1.0, WorldSettings())
    rest = RestBody.of(body, betas)
    take = stage.pose(measured, rest, confidence, rate)
    pelvis = fuse_trajectory(take)
    points = touching_points(take) + pelvis[:, None]
    stands = find_stands(points, take.contacts, rest.touch_clearance, rate)
    stands[:, :3] = stands[:, :3] @ stage.upright_from_first
    return stands, pelvis[0] @ stage.upright_from_first


@dataclass(frozen=True, eq=False)
class _Stage:
    """T rows of a person and the camera in upright axes, as measured."""

    up: np.ndarray  # [3] unit, in the first camera's axes
    focal_px: np.ndarray  # [T]
    upright_from_first: np.ndarray  # [3, 3]
    upright_from_camera: np.ndarray  # [T, 3, 3]
    stretch: np.ndarray  # [3] of the first camera's axes, by another lens and size
    camera: np.ndarray  # [T, 3] m, its place
    rotations: np.ndarray  # [T, 55, 3, 3] parent from joint; joint 0 upright from body
    pelvis: np.ndarray  # [T, 3] m

    @classmethod
    def of(cls, measured: Measured, growth: float, settings: WorldSettings) -> _Stage:
        up = np.asarray(settings.up_camera or measured.up_camera, np.float64)
        upright_from_first = find_upright(up)
        upright_from_camera = upright_from_first @ measured.first_from_camera
        focal_px = focal_of(measured, settings)
        stretch = growth * np.array([1.0, 1.0, focal_px[0] / measured.focal_px[0]])
        camera = turn(upright_from_first, stretch * measured.camera_place)
        rotations, pelvis = at_focal(measured, focal_px)
        rotations[:, 0] = upright_from_camera @ rotations[:, 0]
        pelvis = camera + growth * turn(upright_from_camera, pelvis)
        return cls(
            up,
            focal_px,
            upright_from_first,
            upright_from_camera,
            stretch,
            camera,
            rotations,
            pelvis,
        )

    def to_upright(self, measured: np.ndarray) -> np.ndarray:
        """Places [..., 3 or more] m in the first camera's axes, what follows them unchanged."""
        placed = turn(self.upright_from_first, self.stretch * measured[..., :3])
        return np.concatenate([placed, measured[..., 3:]], -1)

    def pose(
        self, measured: Measured, rest: RestBody, confidence: np.ndarray, rate: float
    ) -> PosedTake:
        joints, turns = rest.pose_joints(self.rotations, np.zeros_like(self.pelvis))
        return PosedTake(
            pelvis=self.pelvis,
            camera=self.camera,
            joints=joints,
            soles=rest.pose_soles(joints, turns),
            contacts=measured.contacts,
            confidence=confidence,
            rate=rate,
        )


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


def _settle(rest: RestBody, take: PosedTake, shot: np.ndarray | None) -> tuple[np.ndarray, Floor]:
    """The pelvis [T, 3] m on its way, and the floor, once each has told the other what it knows."""

    def floor_under(pelvis: np.ndarray) -> Floor:
        points = touching_points(take) + pelvis[:, None]
        return find_floor(points, take.contacts, rest.touch_clearance, take.rate, shot)

    pelvis = fuse_trajectory(take)
    pelvis = fuse_trajectory(take, floor_under(pelvis), rest.clearance)
    return pelvis, floor_under(pelvis)
