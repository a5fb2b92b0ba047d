"""The order of the stages: video -> detect -> lift -> smooth -> world -> Motion."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from .body.measures import MEASURE_NAMES, measure_body, solve_betas
from .body.model import BodyModel, load_body
from .camera_motion import CameraMotion
from .config import CaptureConfig, CaptureJob, person_path
from .detect.detector import Detector
from .detect.engine import open_engine
from .detect.find import key_step
from .detect.jumps import changeover_times_s
from .detect.tracks import Track
from .errors import OutputError, VideoError
from .image_files import write_image
from .landmarks import Landmarks
from .lift.analytic import AnalyticLifter
from .lift.hands import resting_pose
from .lift.lifter import Lifter
from .lift.rest import reference_body
from .lift.sts.lifter import StsLifter
from .lift.sts.points import NUM_BODY_JOINTS
from .measured import Measured
from .motion import Motion, check_writable, write_motion
from .overlay import write_overlay
from .protocol import FoundPerson, Message, People, Progress, Seen, Warn
from .rotation import matrix_to_rotvec
from .skeletons import CONTACT_NAMES, JOINT_INDEX, LANDMARK_PARTS
from .smoothing import fill_gaps, smooth
from .timebase import even_rows
from .video import Video, open_video, show_frames
from .world.camera import ShotCamera, solve_camera
from .world.contacts import find_contacts
from .world.gravity import UpGuess, body_guess, fuse_up
from .world.kinematics import RestBody
from .world.resolve import resolve
from .world.shot import ShotSightings, ShotWatcher
from .world.solve import WorldSettings, find_upright

Send = Callable[[Message], None]

_SECONDS_BETWEEN_REPORTS = 0.2
_SECONDS_BETWEEN_PREVIEWS = 0.07  # a person
_MIN_FRAMES = 5  # with a person in them; fewer are no motion, and may be a slip of the detector
_HEIGHT_SLACK_M = 0.01
_SCALE_SIGMA = 0.06  # of the logarithm: adults' stature about what the networks take them for
_ADVICE = "Choose a video, or a range of it, in which a whole person is visible."
LIFTERS: dict[str, Callable[[], Lifter]] = {"sts": StsLifter, "analytic": AnalyticLifter}


def capture(job: CaptureJob, send: Send) -> list[Path]:
    """Write the motion files (and overlays) of the wanted people of a video; their paths.

    ``send`` is told of progress, warnings and landmarks. What can fail early fails before the long
    work.
    """
    config = job.config
    body_path = None if config.body is None else Path(config.body)
    _check_output(job.output, ".npz", body_path)
    if job.overlay is not None:
        _check_output(job.overlay, ".mp4", job.video)
    body = load_body(body_path)
    video = open_video(job.video)
    detector = _open_detector(config, send)
    tracks = find_people(video, config, detector, send)
    wanted = list(range(len(tracks))) if config.person is None else [config.person]
    people, sightings = detect(video, config, detector, tracks, wanted, send)
    if not body.has_expression_from_arkit:
        send(
            Warn(
                f"{body.path.name} has neither ARKit units nor face landmarks (lmk_faces_idx, "
                "lmk_bary_coords): of the face only jaw and eyes will move."
            )
        )
    motions = _solve_all(people, sightings, config, body, job.video.name, send)
    outputs = [_path_of(job.output, person, config) for person in motions]
    _write_all(motions, outputs, send)
    if job.overlay is not None:
        for person, motion in motions.items():
            reporter = _Reporter("Overlay", motion.num_frames, send)
            write_overlay(video, motion, _path_of(job.overlay, person, config), reporter)
    return outputs


def list_people(job: CaptureJob, send: Send) -> list[Path]:
    """Write a picture of each person of the video into the folder ``job.output``; their paths.

    Who they are is told by a People message.
    """
    check_writable(job.output / "person0.png")
    video = open_video(job.video)
    config = job.config
    tracks = find_people(video, config, _open_detector(config, send), send)
    num_frames = video.num_frames_between(config.start_s, config.end_s)
    outputs, people = [], []
    for person, track in enumerate(tracks):
        path = job.output / f"person{person}.png"
        write_image(path, track.thumbnail)
        outputs.append(path)
        people.append(
            FoundPerson(
                person=person,
                first_s=float(track.time_s[0]),
                last_s=float(track.time_s[-1]),
                share=min(1.0, len(track.time_s) * key_step(video.fps) / num_frames),
                thumbnail=str(path),
            )
        )
    send(People(people))
    return outputs


def _check_output(output: Path, suffix: str, source: Path | None) -> None:
    """``output`` can be written, and is not what the capture reads."""
    check_writable(output, suffix)
    if source is not None and output.resolve() == source.resolve():
        raise OutputError(
            f"{output} is read by this capture, writing it would destroy it. Choose another name."
        )


def _path_of(output: Path, person: int, config: CaptureConfig) -> Path:
    return person_path(output, person) if config.person is None else output


def _open_detector(config: CaptureConfig, send: Send) -> Detector:
    def warn(text: str) -> None:
        send(Warn(text))

    return Detector(engine=open_engine(config.device, warn), model=config.pose_model, warn=warn)


def find_people(video: Video, config: CaptureConfig, detector: Detector, send: Send) -> list[Track]:
    """Who is in the chosen range of the video, among them the person who is wanted."""
    name = video.path.name
    video.check_range(config.start_s, config.end_s)
    total = video.num_frames_between(config.start_s, config.end_s)
    if total < _MIN_FRAMES:
        raise VideoError(
            f"A capture needs at least {_MIN_FRAMES} frames, {name} has {total} in the chosen "
            "range. Choose a longer range or another video."
        )
    reporter = _Reporter("Finding people", total, send)
    tracks = detector.find(video, config.start_s, config.end_s, reporter)
    if not tracks:
        hands = detector.sees_hands(video, config.start_s, config.end_s)
        raise VideoError(f"No person was found in {name}{', only hands' * hands}. {_ADVICE}")
    if config.person is not None and config.person >= len(tracks):
        raise VideoError(
            f"Person {config.person} was asked for, {name} shows {len(tracks)} "
            "(the first is 0). Choose one of them."
        )
    return tracks


def detect(
    video: Video,
    config: CaptureConfig,
    detector: Detector,
    tracks: list[Track],
    wanted: list[int],
    send: Send,
) -> tuple[dict[int, Landmarks], ShotSightings]:
    """The landmarks of the wanted people, those who are hardly seen left out, and the shot's."""
    total = video.num_frames_between(config.start_s, config.end_s)
    watcher = ShotWatcher(video.image_size, video.fps)
    found = detector.follow(
        show_frames(video, lambda frame: watcher.see(frame.index, frame.time_s, frame.image)),
        config.start_s,
        config.end_s,
        tracks,
        wanted,
        _Reporter("Detecting", total, send),
        _Preview(video.image_size, send),
    )
    people = {
        person: landmarks
        for person, landmarks in zip(wanted, found, strict=True)
        if landmarks.is_seen.sum() >= _MIN_FRAMES
    }
    if not people:
        most = max(int(landmarks.is_seen.sum()) for landmarks in found)
        raise VideoError(
            f"A person was found in only {most} of the {total} frames of {video.path.name}, "
            f"at least {_MIN_FRAMES} are needed. {_ADVICE}"
        )
    for person, landmarks in people.items():
        if moments := changeover_times_s(landmarks):
            who = f"person {person}" if len(wanted) > 1 else "the person"
            send(
                Warn(
                    f"At {', '.join(f'{moment:.2f} s' for moment in moments)} {who} is suddenly "
                    "elsewhere: a cut, or somebody else. For a clean motion capture the parts in "
                    "between."
                )
            )
    return people, watcher.sightings()


def _solve_all(
    people: dict[int, Landmarks],
    sightings: ShotSightings,
    config: CaptureConfig,
    body: BodyModel,
    source: str,
    send: Send,
) -> dict[int, Motion]:
    """The people's motions, by their numbers, in the world of the first of them."""
    rows, _ = even_rows(next(iter(people.values())))
    boxes = np.stack([_boxes_px(each, sightings) for each in people.values()], 1)
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


def _boxes_px(landmarks: Landmarks, sightings: ShotSightings) -> np.ndarray:
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


def _write_all(motions: dict[int, Motion], outputs: list[Path], send: Send) -> None:
    send(Progress("Writing", 0, len(outputs)))
    for done, (motion, output) in enumerate(zip(motions.values(), outputs, strict=True), start=1):
        write_motion(motion, output)
        send(Progress("Writing", done, len(outputs)))


class _Preview:
    """Tells ``send`` some of the landmarks as they are made, a few times a second."""

    def __init__(self, image_size: tuple[int, int], send: Send) -> None:
        self.image_size, self.send = image_size, send
        self.last_s: dict[int, float] = {}

    def __call__(
        self, person: int, time_s: float, points_px: np.ndarray, confidence: np.ndarray
    ) -> None:
        now_s = time.monotonic()
        if now_s - self.last_s.get(person, 0.0) >= _SECONDS_BETWEEN_PREVIEWS:
            self.last_s[person] = now_s
            self.send(Seen.select(person, time_s, self.image_size, points_px, confidence))


class _Reporter:
    """Tells ``send`` how far a stage is, a few times a second, with the time that is left."""

    def __init__(self, stage: str, total: int, send: Send) -> None:
        self.stage, self.total, self.send = stage, total, send
        self.start_s: float | None = None  # when the first frame was done
        self.first = 0
        self.last_s = 0.0
        send(Progress(stage, 0, total))

    def __call__(self, done: int) -> None:
        now_s = time.monotonic()
        if self.start_s is None:
            # The clock of the estimate starts behind the first frame: it waits for the networks.
            self.start_s, self.first = now_s, done
        elif done < self.total and now_s - self.last_s < _SECONDS_BETWEEN_REPORTS:
            return
        self.last_s = now_s
        self.send(Progress(self.stage, done, self.total, self._seconds_left(now_s, done)))

    def _seconds_left(self, now_s: float, done: int) -> float | None:
        assert self.start_s is not None
        if done <= self.first or done >= self.total:
            return None
        return (now_s - self.start_s) / (done - self.first) * (self.total - done)


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
