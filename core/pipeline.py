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
from .errors import ReelrigError, VideoError
from .landmarks import Landmarks
from .lift.analytic import AnalyticLifter
from .lift.hands import resting_pose
from .lift.lifter import Lifter
from .motion import Motion, check_writable, write_motion
from .overlay import write_overlay
from .protocol import Message, Progress, Warn
from .rotation import matrix_to_rotvec
from .smoothing import fill_gaps, smooth
from .timebase import even_rows
from .video import open_video
from .world.level import contact_scores, level_world_from_camera, pose_soles

Send = Callable[[Message], None]

_SECONDS_BETWEEN_REPORTS = 0.2
_LIFTERS: dict[str, Callable[[], Lifter]] = {"analytic": AnalyticLifter}


def capture(job: CaptureJob, send: Send) -> Path:
    """Write the motion file (and overlay) of one video; its path comes back.

    ``send`` is told of progress and warnings. What can fail early fails before the long work.
    """
    check_writable(job.output)
    if job.overlay is not None:
        check_writable(job.overlay)
    config = job.config
    _check_device(config.device)
    body = load_body(None if config.body is None else Path(config.body))
    video = open_video(job.video)
    landmarks = detect_person(job, HolisticDetector(), send)
    send(Progress("Solving", 0, len(landmarks.time_s)))
    motion = solve_motion(landmarks, config, body, job.video.name)
    if not body.arkit_names:
        send(Warn(f"{body.path.name} has no ARKit units: of the face only the jaw will move."))
    send(Progress("Writing", 0, 1))
    write_motion(motion, job.output)
    if job.overlay is not None:
        reporter = _Reporter("Overlay", motion.num_frames, send)
        write_overlay(video, motion, job.overlay, reporter)
    return job.output


def _check_device(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ReelrigError(
            "The device cuda was asked for, but PyTorch finds no CUDA GPU here. "
            "Choose auto or cpu, or install the GPU's driver."
        )


def detect_person(job: CaptureJob, detector: Detector, send: Send) -> Landmarks:
    """The landmarks of the chosen person over the chosen range of the video."""
    config = job.config
    video = open_video(job.video)
    total = video.num_frames_between(config.start_s, config.end_s)
    reporter = _Reporter("Detecting", total, send)
    people = detector.detect(video.frames(config.start_s, config.end_s), reporter)
    if not people:
        raise VideoError(
            f"No person was found in {job.video.name}. Choose a video, or a range of it, in "
            "which a whole person is visible."
        )
    if config.person >= len(people):
        raise VideoError(
            f"Person {config.person} was asked for, {job.video.name} shows {len(people)} "
            "(the first is 0). Choose one of them."
        )
    return people[config.person]


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
    num_frames = len(joints)
    return Motion(
        mocap_frame_rate=steady.rate,
        trans=(joints_world[:, 0] - rest_pelvis).numpy(),
        poses=matrix_to_rotvec(rotations).flatten(1).numpy(),
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


def _all_measures(body: BodyModel, betas: np.ndarray, steady: CameraMotion) -> np.ndarray:
    """[M] m, what was measured, and for the rest what the solved body has."""
    solved = dict(zip(MEASURE_NAMES, measure_body(body, betas), strict=True))
    solved.update(zip(steady.measure_names, steady.measures, strict=True))
    return np.array([solved[name] for name in MEASURE_NAMES])
