"""Everything after the networks: landmarks -> lift -> smooth -> world -> Motion, of all people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from .body.measures import MEASURE_NAMES, measure_body, solve_betas
from .body.model import BodyModel
from .camera_motion import CameraMotion
from .config import CaptureConfig
from .landmarks import Landmarks
from .lift.analytic import AnalyticLifter
from .lift.hands import resting_pose
from .lift.lifter import Lifter
from .lift.rest import reference_body
from .lift.sts.lifter import StsLifter
from .lift.sts.points import NUM_BODY_JOINTS
from .measured import Measured
from .motion import Motion
from .protocol import Progress, Warn
from .reporting import Send
from .rotation import matrix_to_rotvec
from .skeletons import CONTACT_NAMES, JOINT_INDEX, LANDMARK_PARTS
from .smoothing import fill_gaps, smooth
from .timebase import even_rows
from .world.camera import ShotCamera, solve_camera
from .world.contacts import find_contacts
from .world.gravity import UpGuess, body_guess, fuse_up
from .world.kinematics import RestBody
from .world.resolve import resolve
from .world.shot import ShotSightings
from .world.solve import WorldSettings, find_upright

_HEIGHT_SLACK_M = 0.01
_SCALE_SIGMA = 0.06  # of the logarithm: adults' stature about what the networks take them for
LIFTERS: dict[str, Callable[[], Lifter]] = {"sts": StsLifter, "analytic": AnalyticLifter}


def solve_people(
    people: dict[int, Landmarks],
    sightings: ShotSightings,
    config: CaptureConfig,
    body: BodyModel,
    source: str,
    send: Send,
) -> dict[int, Motion]:
    """The people's motions, by their numbers, in the world of the first of them."""
    rows, _ = even_rows(next(iter(people.values())))
    boxes = np.stack([boxes_px(each, sightings) for each in people.values()], 1)
    camera = solve_camera(sightings, boxes, rows.time_s, rows.image_size, config.focal_px, True)
    total = sum(len(landmarks.time_s) for landmarks in people.values())
    motions: dict[int, Motion] = {}
    done = 0
    origin: np.ndarray | None = None
    send(Progress("Solving", 0, total))
    for person in list(people):
        landmarks = people.pop(person)  # gone as soon as it is solved
        motion = solve_motion(landmarks, config, body, source, person, origin, camera)
        if origin is None and motion.camera_from_world is not None:
            origin = motion.camera_from_world[0, :3, 3]
        if config.height_m is not None:
            _warn_of_height(motion, config.height_m, send)
        motions[person] = motion
        done += len(landmarks.time_s)
        send(Progress("Solving", done, total))
    return motions


def boxes_px(landmarks: Landmarks, sightings: ShotSightings) -> np.ndarray:
    """[F, 4] left, top, right, bottom of a person at the looked-at frames; NaN where unseen."""
    rows = np.searchsorted(landmarks.frame_index, sightings.frame_index)
    rows = rows.clip(max=len(landmarks.frame_index) - 1)
    points = landmarks.points_px[rows, LANDMARK_PARTS["body"]]
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    is_seen = landmarks.is_seen[rows] & (landmarks.frame_index[rows] == sightings.frame_index)
    return np.where(is_seen[:, None], boxes, np.nan)


def _warn_of_height(motion: Motion, wanted_m: float, send: Send) -> None:
    """Tell where the body could not be made as tall as the person is."""
    reached_m = motion.measures[motion.measure_names.index("stature")]
    if abs(reached_m - wanted_m) > _HEIGHT_SLACK_M:
        way = "up" if reached_m < wanted_m else "down"
        send(
            Warn(
                f"The body keeps a human shape only {way} to {reached_m:.2f} m, so it does not "
                f"have the height that was asked ({wanted_m:.2f} m). Scale the character by "
                f"{wanted_m / reached_m:.2f} if its size matters."
            )
        )


def solve_motion(
    landmarks: Landmarks,
    config: CaptureConfig,
    body: BodyModel,
    source: str,
    person: int = 0,
    origin: np.ndarray | None = None,
    camera: ShotCamera | None = None,
) -> Motion:
    """The Motion of one person's landmarks: everything after the networks.

    ``origin`` [3] m, the first camera's axes: the point whose floor is the world's origin, so that
    people stand beside each other as they did; None: where this one starts. ``camera`` None: of
    usual focal length, at rest, and as level as the body says.
    """
    rows, rate = even_rows(landmarks)
    if camera is None:
        nobody = np.zeros((0, 1, 4))
        camera = solve_camera(None, nobody, rows.time_s, rows.image_size, config.focal_px, True)
    raw = LIFTERS[config.method]().lift(rows, rate, camera.focal_px)
    steady = smooth(fill_gaps(raw, resting_pose()), config.smooth_s)
    betas = solve_betas(body, steady.measure_names, steady.measures)
    measured = _measure(steady, betas, body, camera)
    settings = WorldSettings(height_m=config.height_m)
    bare = Motion(
        mocap_frame_rate=steady.rate,
        trans=np.zeros((len(rows.time_s), 3)),
        poses=measured.poses,
        betas=betas,
        expression=steady.arkit.numpy() @ body.expression_from_arkit.T,
        measures=measured.measures,
        measure_names=MEASURE_NAMES,
        arkit=steady.arkit.numpy(),
        confidence=steady.confidence.numpy(),
        contacts=measured.contacts[:, : len(CONTACT_NAMES)],
        frame_index=rows.frame_index,
        time_s=rows.time_s,
        joints_world=None,
        camera_from_world=None,
        focal_px=None,
        image_size=np.array(rows.image_size),
        landmarks_px=rows.points_px,
        landmarks_confidence=rows.confidence,
        person=person,
        source=source,
        settings_json=config.to_json(),
        measured=measured,
    )
    return resolve(bare, settings, body, origin)


def _measure(
    steady: CameraMotion, betas: np.ndarray, body: BodyModel, camera: ShotCamera
) -> Measured:
    """The take as the camera saw it, with the ground's direction and contacts."""
    first_from_camera = camera.path.first_from_camera
    up, up_sigma = fuse_up([camera.tilt, *_told_by_body(steady, first_from_camera)])
    upright = torch.from_numpy(find_upright(up) @ first_from_camera).float()
    rotations = steady.rotations.clone()
    rotations[:, 0] = upright @ rotations[:, 0]
    pelvis = (upright @ steady.pelvis[..., None])[..., 0].double().numpy()
    rest = RestBody.of(body, betas)
    joints, turns = rest.pose_joints(rotations.double().numpy(), pelvis)
    confidence = steady.confidence.numpy()
    rotvecs = matrix_to_rotvec(steady.rotations)
    rotvecs[:, JOINT_INDEX["jaw"]] *= _jaw_factors(body)
    return Measured(
        poses=rotvecs.flatten(1).numpy(),
        pelvis=steady.pelvis.numpy(),
        measures=_all_measures(body, betas, steady),
        focal_px=camera.focal_px * camera.path.zoom,
        focal_sigma=camera.focal_sigma,
        first_from_camera=first_from_camera,
        up_camera=up,
        up_sigma_deg=float(np.degrees(up_sigma)),
        scale_sigma=_SCALE_SIGMA,
        contacts=find_contacts(joints, rest.pose_soles(joints, turns), confidence, steady.rate),
    )


def _told_by_body(steady: CameraMotion, first_from_camera: np.ndarray) -> list[UpGuess]:
    if steady.up is None:
        return []
    ups = np.einsum("tij,tj->ti", first_from_camera, steady.up.numpy())
    guess = body_guess(ups, steady.confidence[:, :NUM_BODY_JOINTS].mean(1).numpy())
    return [] if guess is None else [guess]


def _jaw_factors(body: BodyModel) -> torch.Tensor:
    """[3] what the reference body's jaw, as a rotation vector, takes to open ``body`` as far."""
    reference = reference_body()
    return torch.tensor(
        [
            body.jaw_open_angle / reference.jaw_open_angle,
            body.jaw_side_angle / reference.jaw_side_angle,
            1.0,
        ]
    )


def _all_measures(body: BodyModel, betas: np.ndarray, steady: CameraMotion) -> np.ndarray:
    """[M] m, what was measured, and for the rest what the solved body has."""
    solved = dict(zip(MEASURE_NAMES, measure_body(body, betas), strict=True))
    solved.update(zip(steady.measure_names, steady.measures, strict=True))
    return np.array([solved[name] for name in MEASURE_NAMES])
