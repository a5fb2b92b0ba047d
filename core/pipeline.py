"""The order of the stages: video -> detect -> lift -> smooth -> world -> Motion."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from .body.measures import MEASURE_NAMES, measure_body, solve_betas
from .body.model import BodyModel, load_body
from .body.skinning import joints_from_pose
from .camera_motion import CameraMotion
from .config import CaptureConfig, CaptureJob
from .detect.detector import Detector
from .detect.holistic import HolisticDetector
from .errors import OutputError, ReelrigError, VideoError
from .landmarks import Landmarks
from .lift.analytic import AnalyticLifter
from .lift.hands import resting_pose
from .lift.lifter import Lifter
from .lift.rest import reference_body
from .motion import Motion, check_writable, write_motion
from .overlay import write_overlay
from .protocol import Message, Progress, Warn
from .rotation import matrix_to_rotvec
from .skeletons import JOINT_INDEX
from .smoothing import fill_gaps, smooth
from .timebase import even_rows
from .video import Video, open_video
from .world.level import contact_scores, level_world_from_camera, pose_soles

Send = Callable[[Message], None]

_SECONDS_BETWEEN_REPORTS = 0.2
_MIN_FRAMES = 5  # with a person in them; fewer are no motion, and may be a slip of the detector
_LIFTERS: dict[str, Callable[[], Lifter]] = {"analytic": AnalyticLifter}


def capture(job: CaptureJob, send: Send) -> Path:
    """Write the motion file (and overlay) of one video; its path comes back.

    ``send`` is told of progress and warnings. What can fail early fails before the long work.
    """
    config = job.config
    body_path = None if config.body is None else Path(config.body)
    _check_output(job.output, ".npz", body_path)
    if job.overlay is not None:
        _check_output(job.overlay, ".mp4", job.video)
    _check_device(config.device, send)
    body = load_body(body_path)
    video = open_video(job.video)
    landmarks = detect_person(video, config, HolisticDetector(), send)
    num_frames = len(landmarks.time_s)
    send(Progress("Solving", 0, num_frames))
    motion = solve_motion(landmarks, config, body, job.video.name)
    send(Progress("Solving", num_frames, num_frames))
    if not body.has_expression_from_arkit:
        send(
            Warn(
                f"{body.path.name} has neither ARKit units nor face landmarks (lmk_faces_idx, "
                "lmk_bary_coords): of the face only jaw and eyes will move."
            )
        )
    send(Progress("Writing", 0, 1))
    write_motion(motion, job.output)
    send(Progress("Writing", 1, 1))
    if job.overlay is not None:
        reporter = _Reporter("Overlay", motion.num_frames, send)
        write_overlay(video, motion, job.overlay, reporter)
    return job.output


def _check_output(output: Path, suffix: str, source: Path | None) -> None:
    """``output`` can be written, and is not what the capture reads."""
    check_writable(output, suffix)
    if source is not None and output.resolve() == source.resolve():
        raise OutputError(
            f"{output} is read by this capture, writing it would destroy it. Choose another name."
        )


def _check_device(device: str, send: Send) -> None:
    if device != "cuda":
        return
    if not torch.cuda.is_available():
        raise ReelrigError(
            "The device cuda was asked for, but PyTorch finds no CUDA GPU here. "
            "Choose auto or cpu, or install the GPU's driver."
        )
    send(Warn("MediaPipe's networks run on the processor: the graphics card stays idle for now."))


def detect_person(video: Video, config: CaptureConfig, detector: Detector, send: Send) -> Landmarks:
    """The landmarks of the chosen person over the chosen range of the video."""
    name = video.path.name
    frames = video.frames(config.start_s, config.end_s)
    total = video.num_frames_between(config.start_s, config.end_s)
    if total < _MIN_FRAMES:
        raise VideoError(
            f"A capture needs at least {_MIN_FRAMES} frames, {name} has {total} in the chosen "
            "range. Choose a longer range or another video."
        )
    people = detector.detect(frames, _Reporter("Detecting", total, send))
    advice = "Choose a video, or a range of it, in which a whole person is visible."
    if not people:
        raise VideoError(f"No person was found in {name}. {advice}")
    if config.person >= len(people):
        raise VideoError(
            f"Person {config.person} was asked for, {name} shows {len(people)} "
            "(the first is 0). Choose one of them."
        )
    person = people[config.person]
    if person.is_seen.sum() < _MIN_FRAMES:
        raise VideoError(
            f"A person was found in only {person.is_seen.sum()} of the {total} frames of {name}, "
            f"at least {_MIN_FRAMES} are needed. {advice}"
        )
    if person.jump_times_s:
        moments = ", ".join(f"{time_s:.2f} s" for time_s in person.jump_times_s)
        send(
            Warn(
                f"At {moments} the detector changed over to somebody else, it seems. "
                "For a clean motion capture the parts in between."
            )
        )
    return person


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
    landmarks: Landmarks, config: CaptureConfig, body: BodyModel, source: str
) -> Motion:
    """The Motion of one person's landmarks: everything after the networks."""
    rows, rate = even_rows(landmarks)
    focal_px = config.focal_px or float(np.hypot(*rows.image_size))
    raw = _LIFTERS[config.method]().lift(rows, rate, focal_px)
    steady = smooth(fill_gaps(raw, resting_pose()), config.smooth_s)
    return _motion_in_world(steady, rows, config, body, source)


def _motion_in_world(
    steady: CameraMotion, rows: Landmarks, config: CaptureConfig, body: BodyModel, source: str
) -> Motion:
    betas = solve_betas(body, steady.measure_names, steady.measures)
    rest_pelvis = torch.from_numpy(np.float32(body.rest_joints(betas)[0]))
    joints, turns = joints_from_pose(body, betas, steady.rotations, steady.pelvis - rest_pelvis)
    soles = pose_soles(body, betas, joints, turns)
    world_from_camera = level_world_from_camera(soles, steady.confidence, steady.pelvis[0])
    turn, shift = world_from_camera[:3, :3], world_from_camera[:3, 3]
    rotations = steady.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    joints_world = joints @ turn.T + shift
    rotvecs = matrix_to_rotvec(rotations)
    rotvecs[:, JOINT_INDEX["jaw"]] *= _jaw_factors(body)
    num_frames = len(joints)
    return Motion(
        mocap_frame_rate=steady.rate,
        trans=(joints_world[:, 0] - rest_pelvis).numpy(),
        poses=rotvecs.flatten(1).numpy(),
        betas=betas,
        expression=steady.arkit.numpy() @ body.expression_from_arkit.T,
        measures=_all_measures(body, betas, steady),
        measure_names=MEASURE_NAMES,
        arkit=steady.arkit.numpy(),
        confidence=steady.confidence.numpy(),
        contacts=contact_scores(soles @ turn.T + shift, steady.rate).numpy(),
        frame_index=rows.frame_index,
        time_s=rows.time_s,
        joints_world=joints_world.numpy(),
        camera_from_world=np.tile(torch.linalg.inv(world_from_camera).numpy(), (num_frames, 1, 1)),
        focal_px=np.full(num_frames, steady.focal_px),
        image_size=np.array(rows.image_size),
        landmarks_px=rows.points_px,
        landmarks_confidence=rows.confidence,
        person=config.person,
        source=source,
        settings_json=config.to_json(),
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
