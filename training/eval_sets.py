"""The evaluation clips, their landmarks and what their pictures tell, seen once and kept."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reelrig.core.config import CaptureConfig
from reelrig.core.detect.detector import Detector
from reelrig.core.detect.engine import open_engine
from reelrig.core.landmarks import Landmarks
from reelrig.core.skeletons import ARKIT_NAMES, NUM_LANDMARKS
from reelrig.core.video import Video, open_video
from reelrig.core.world import key_view, shot
from reelrig.core.world.shot import ShotSightings, ShotWatcher

from .records import from_arrays, read_arrays, to_arrays, write_arrays


@dataclass(frozen=True, eq=False)
class Reference:
    """The joints that several cameras saw, and the one camera that is looked through."""

    joints_world: np.ndarray  # [T, J, 3] m, NaN where not known; row = frame of the video
    joint_names: tuple[str, ...]
    up: np.ndarray  # [3] of the world
    camera_place: np.ndarray  # [3] m
    frame_rate: float

    def at(self, *names: str) -> np.ndarray:
        """[T, N, 3] m, the named joints; NaN for those it does not know."""
        joints = np.full((len(self.joints_world), len(names), 3), np.nan)
        for i, name in enumerate(names):
            if name in self.joint_names:
                joints[:, i] = self.joints_world[:, self.joint_names.index(name)]
        return joints

    def headings_deg(self) -> np.ndarray:
        """[T] angle between where the shoulders face and the camera, both level: 0 is frontal."""
        shoulders = self.at("left_shoulder", "right_shoulder")
        forward = np.cross(shoulders[:, 0] - shoulders[:, 1], self.up)
        to_camera = self.camera_place - shoulders.mean(1)
        to_camera -= (to_camera @ self.up)[:, None] * self.up
        cosine = (forward * to_camera).sum(1) / (
            np.linalg.norm(forward, axis=1) * np.linalg.norm(to_camera, axis=1)
        )
        return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))

    def speeds_m_s(self, *names: str) -> np.ndarray:
        """[T] of the fastest of the named joints, by the frames before and after."""
        return np.linalg.norm(np.gradient(self.at(*names), axis=0), axis=-1).max(1) * (
            self.frame_rate
        )


@dataclass(frozen=True)
class Clip:
    """A video in the folder of its set."""

    video: Path

    @property
    def name(self) -> str:
        return f"{self.video.parent.name} {self.video.stem}"

    @property
    def reference_path(self) -> Path:
        return self.video.with_name("reference.npz")

    @property
    def has_reference(self) -> bool:
        return self.reference_path.exists()

    def read_reference(self) -> Reference:
        with np.load(self.reference_path, allow_pickle=False) as file:
            camera = [str(name) for name in file["cam_names"]].index(self.video.stem)
            return Reference(
                joints_world=file["joints3d_world"],
                joint_names=tuple(str(name) for name in file["joint_names"]),
                up=file["up"],
                camera_place=-file["R"][camera].T @ file["t"][camera],
                frame_rate=float(file["fps"]),
            )


def find_clips(folder: Path) -> list[Clip]:
    """All clips of the sets in ``folder``, those without reference too."""
    return [Clip(path) for path in sorted(folder.glob("*/*.mp4"))]


def load_landmarks(clip: Clip, cache: Path | None) -> Landmarks:
    """The main person's landmarks, from ``cache`` where they are there, else put there."""
    path = _kept_at(clip, cache, "")
    if path is not None and path.exists():
        return from_arrays(Landmarks, read_arrays(path))
    landmarks = detect_main_person(clip.video)
    if path is not None:
        write_arrays(path, to_arrays(landmarks))
    return landmarks


def load_sightings(clip: Clip, cache: Path | None) -> ShotSightings:
    """What the pictures tell of the camera; from ``cache`` as long as the watcher is the same."""
    path = _kept_at(clip, cache, "_shot")
    if path is not None and path.exists():
        arrays = read_arrays(path)
        if arrays["watcher"] == watcher_print():
            return from_arrays(ShotSightings, arrays)
    sightings = look_at(open_video(clip.video))
    if path is not None:
        write_arrays(path, to_arrays(sightings) | {"watcher": np.array(watcher_print())})
    return sightings


def _kept_at(clip: Clip, cache: Path | None, what: str) -> Path | None:
    return cache and cache / f"{clip.video.parent.name}_{clip.video.stem}{what}.npz"


def look_at(video: Video) -> ShotSightings:
    """As a capture does while it detects."""
    watcher = ShotWatcher(video.image_size, video.fps)
    for frame in video.frames():
        watcher.see(frame.index, frame.time_s, frame.image)
    return watcher.sightings()


def watcher_print() -> str:
    """Differs where the code that looks at pictures does."""
    code = [Path(module.__file__).read_bytes() for module in (shot, key_view)]
    return hashlib.sha256(b"".join(code)).hexdigest()


def detect_main_person(path: Path) -> Landmarks:
    """As a capture with default settings sees them; no rows where nobody was found."""
    video = open_video(path)
    model = CaptureConfig().pose_model
    detector = Detector(engine=open_engine(), model=model, warn=warnings.warn)
    tracks = detector.find(video, 0.0, None, lambda done: None)
    if not tracks:
        return _nothing(video.image_size)
    return detector.follow(video, 0.0, None, tracks, [0], lambda done: None, lambda *seen: None)[0]


def _nothing(image_size: tuple[int, int]) -> Landmarks:
    return Landmarks(
        frame_index=np.zeros(0, int),
        time_s=np.zeros(0),
        image_size=image_size,
        points_px=np.zeros((0, NUM_LANDMARKS, 2), np.float32),
        hints=np.zeros((0, NUM_LANDMARKS, 3), np.float32),
        confidence=np.zeros((0, NUM_LANDMARKS), np.float32),
        face_scores=np.zeros((0, len(ARKIT_NAMES)), np.float32),
    )
