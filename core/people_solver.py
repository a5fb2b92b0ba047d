"""Everything after the networks: landmarks -> lift -> smooth -> world -> Motion, of all people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from .body.measures import MEASURE_NAMES, measure_body, solve_betas
from .body.model import BodyModel
from .camera_motion import CameraMotion
from .config import CaptureConfig
from .focal_guess import FocalGuess
from .landmarks import Landmarks
from .lift.analytic import AnalyticLifter
from .lift.hands import resting_pose
from .lift.lifter import Lifter
from .lift.rest import reference_body
from .lift.sts.lifter import StsLifter
from .measured import Measured
from .motion import Motion
from .protocol import Progress, Warn
from .reporting import Send
from .rotation import matrix_to_rotvec
from .skeletons import CONTACT_NAMES, JOINT_INDEX, LANDMARK_PARTS, NUM_JOINTS
from .smoothing import fill_gaps, smooth
from .timebase import even_rows
from .world.camera import ShotCamera, solve_camera
from .world.camera_scale import find_scale
from .world.contacts import find_contacts
from .world.focal import tell_focal
from .world.gravity import UpGuess
from .world.kinematics import RestBody
from .world.orient_correct import SeenPerson, correct_up
from .world.resolve import resolve
from .world.shot import ShotSightings
from .world.shot_ground import Actor, share_ground
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
    file_focal: FocalGuess | None = None,
) -> dict[int, Motion]:
    """The people's motions, by their numbers, in one world: its origin is where the first starts.

    ``file_focal``: what the video file says of the lens.
    """
    total = sum(len(landmarks.time_s) for landmarks in people.values())
    send(Progress("Solving", 0, total))
    camera = _find_camera(list(people.values()), sightings, config, file_focal)
    if camera.path.note is not None and (camera.path.is_moving or config.camera == "moving"):
        send(Warn(camera.path.note))
    lifted: dict[int, _Lifted] = {}
    done = 0
    for person in list(people):
        landmarks = people.pop(person)  # gone as soon as it is lifted
        lifted[person] = _lift(landmarks, config, body, source, person, camera)
        done += len(landmarks.time_s)
        send(Progress("Solving", done, total))
    camera = _ask_bodies(camera, list(lifted.values()))
    takes: list[Motion] = []
    for each in lifted.values():
        takes.append(each.measured_by(camera, body))
        camera = camera.to_scale(_measured(takes[-1]).camera_place)
    actors = [
        Actor(_measured(take), take.confidence, take.mocap_frame_rate, config.height_m)
        for take in takes
    ]
    settings = WorldSettings(height_m=config.height_m)
    motions = [
        resolve(replace(take, measured=measured, measures=measured.measures), settings, body)
        for take, measured in zip(takes, share_ground(actors, body), strict=True)
    ]
    if config.height_m is not None:
        for motion in motions:
            _warn_of_height(motion, config.height_m, send)
    return dict(zip(lifted, motions, strict=True))


def _find_camera(
    people: list[Landmarks],
    sightings: ShotSightings,
    config: CaptureConfig,
    file_focal: FocalGuess | None,
) -> ShotCamera:
    """By the pictures, the file, and what is seen of the people before they are lifted."""
    rows, _ = even_rows(people[0])
    boxes = np.stack([boxes_px(each, sightings) for each in people], 1)
    size, focal_px = rows.image_size, config.focal_px
    camera = solve_camera(
        sightings, boxes, rows.time_s, size, focal_px, config.camera, people, file_focal
    )
    if focal_px is not None:
        return camera
    return camera.told(focals=[_ask_for_focal(each, camera) for each in people])


def _measured(take: Motion) -> Measured:
    assert take.measured is not None
    return take.measured


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
    camera: ShotCamera | None = None,
) -> Motion:
    """The Motion of one person's landmarks: everything after the networks.

    ``camera`` None: of usual focal length, at rest, and as level as the body says.
    """
    if camera is None:
        rows, _ = even_rows(landmarks)
        nobody = np.zeros((0, 1, 4))
        camera = solve_camera(None, nobody, rows.time_s, rows.image_size, config.focal_px, "static")
    lifted = _lift(landmarks, config, body, source, person, camera)
    take = lifted.measured_by(_ask_bodies(camera, [lifted]), body)
    return resolve(take, WorldSettings(height_m=config.height_m), body)


@dataclass(frozen=True, eq=False)
class _Lifted:
    """One person as the network saw them, before the world."""

    steady: CameraMotion
    seen: SeenPerson
    take: Motion  # without what is measured, and so without a world

    def measured_by(self, camera: ShotCamera, body: BodyModel) -> Motion:
        measured = measure_take(self.steady, self.take.betas, body, camera)
        return replace(
            self.take,
            poses=measured.poses,
            measures=measured.measures,
            contacts=measured.contacts[:, : len(CONTACT_NAMES)],
            measured=measured,
        )


def _lift(
    landmarks: Landmarks,
    config: CaptureConfig,
    body: BodyModel,
    source: str,
    person: int,
    camera: ShotCamera,
) -> _Lifted:
    rows, rate = even_rows(landmarks)
    num_rows = len(rows.time_s)
    raw = LIFTERS[config.method]().lift(rows, rate, camera.focal_px)
    turns = torch.from_numpy(camera.path.steady_from_camera()).to(raw.pelvis)
    calm = smooth(fill_gaps(raw.turned(turns), resting_pose()), config.smooth_s)
    steady = calm.turned(turns.mT)
    take = Motion(
        mocap_frame_rate=steady.rate,
        trans=np.zeros((num_rows, 3)),
        poses=np.zeros((num_rows, 3 * NUM_JOINTS)),
        betas=solve_betas(body, steady.measure_names, steady.measures),
        expression=steady.arkit.numpy() @ body.expression_from_arkit.T,
        measures=np.zeros(len(MEASURE_NAMES)),
        measure_names=MEASURE_NAMES,
        arkit=steady.arkit.numpy(),
        confidence=steady.confidence.numpy(),
        contacts=np.zeros((num_rows, len(CONTACT_NAMES))),
        frame_index=rows.frame_index,
        time_s=rows.time_s,
        frame_time_s=landmarks.time_s[np.searchsorted(landmarks.frame_index, rows.frame_index)],
        joints_world=None,
        camera_from_world=None,
        focal_px=None,
        image_size=np.array(rows.image_size),
        landmarks_px=rows.points_px,
        landmarks_confidence=rows.confidence,
        person=person,
        source=source,
        settings_json=config.to_json(),
    )
    sight = raw.sight or StsLifter().see(rows, rate, camera.focal_px)
    is_seen = torch.from_numpy(rows.is_seen)
    return _Lifted(steady, SeenPerson(sight, steady.rotations[:, 0], is_seen), take)


def _ask_for_focal(landmarks: Landmarks, camera: ShotCamera) -> FocalGuess:
    """What a body's distortion tells of the lens."""
    rows, rate = even_rows(landmarks)
    sight = StsLifter().see(rows, rate, camera.focal_px)
    return tell_focal(sight, rows.image_size, camera.focal_px)


def _ask_bodies(camera: ShotCamera, people: list[_Lifted]) -> ShotCamera:
    """The camera, once the people's own word of what is up was heard."""
    belief, first = camera.belief, people[0]
    guess = UpGuess(belief.up_camera, belief.pitch_sigma_rad, belief.roll_sigma_rad)
    picture = torch.from_numpy(first.take.image_size) / first.steady.focal_px
    seen = [each.seen for each in people]
    up = correct_up(seen, camera.path.first_from_camera, guess, picture.float())
    return replace(camera, belief=belief.corrected(up))


def measure_take(
    steady: CameraMotion, betas: np.ndarray, body: BodyModel, camera: ShotCamera
) -> Measured:
    """The take as the camera saw it, with the ground's direction and contacts."""
    first_from_camera = camera.path.first_from_camera
    up = camera.belief.up_camera
    upright = torch.from_numpy(find_upright(up) @ first_from_camera).float()
    rotations = steady.rotations.clone()
    rotations[:, 0] = upright @ rotations[:, 0]
    pelvis = (upright @ steady.pelvis[..., None])[..., 0].double().numpy()
    rest = RestBody.of(body, betas)
    joints, turns = rest.pose_joints(rotations.double().numpy(), pelvis)
    soles = rest.pose_soles(joints, turns)
    confidence = steady.confidence.numpy()

    def tell_contacts(place: np.ndarray) -> np.ndarray:
        at = place[:, None]
        return find_contacts(joints + at, soles + at, confidence, steady.rate)

    place = camera.path.shift @ find_upright(up).T
    if not camera.path.is_to_scale:
        about = soles - pelvis[:, None]
        place *= find_scale(place, pelvis, about, steady.rate, lambda at: tell_contacts(at)[:, :4])
    rotvecs = matrix_to_rotvec(steady.rotations)
    rotvecs[:, JOINT_INDEX["jaw"]] *= _jaw_factors(body)
    return Measured(
        poses=rotvecs.flatten(1).numpy(),
        pelvis=steady.pelvis.numpy(),
        measures=_all_measures(body, betas, steady),
        focal_px=steady.focal_px * camera.path.zoom,
        focal_sigma=camera.focal_sigma,
        first_from_camera=first_from_camera,
        camera_place=place @ find_upright(up),
        up_camera=up,
        up_sigma_deg=float(np.degrees(camera.belief.sigma_rad)),
        scale_sigma=_SCALE_SIGMA,
        contacts=tell_contacts(place),
    )


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
