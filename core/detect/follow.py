"""The second pass: all landmarks of the chosen people, in batches over frames and people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..landmarks import Landmarks
from ..skeletons import ARKIT_INDEX, LANDMARK_PARTS, NUM_LANDMARKS
from ..video import Frame
from .bodies import FOUND, is_stolen, see_bodies
from .confidence import body_confidence, face_confidence, hand_confidence
from .course import Course
from .engine import Engine
from .face import Faces
from .hand import SIDES, Hands, Side
from .parts import When, see_body_faces, see_body_hands
from .pose import PoseModel, Poses
from .regions import upload
from .seen import rows_of
from .tracks import Track

_CHUNK_BYTES = 256e6  # of pictures held at a time
_CHUNK_FRAMES = {"cpu": 16, "cuda": 128, "mps": 64}

# number of the person, time_s, points_px [K, 2], confidence [K]
Show = Callable[[int, float, np.ndarray, np.ndarray], None]


def follow(
    engine: Engine,
    frames: Iterable[Frame],
    landmarks: dict[int, Landmarks],
    tracks: list[Track],
    model: PoseModel,
    step_s: float,
    progress: Callable[[int], None],
    show: Show,
) -> None:
    """Fill the empty ``landmarks`` of the chosen people, by the number of their tracks.

    ``frames`` are read once, in order. ``step_s`` is the time between the first pass's key frames.
    """
    courses = [Course(track, step_s) for track in tracks]
    done = 0
    for chunk in _chunks(frames, _CHUNK_FRAMES[engine.device.type]):
        _Chunk(engine, chunk, courses, model).see(landmarks, show)
        done += len(chunk)
        progress(done)


def _chunks(frames: Iterable[Frame], longest: int) -> Iterator[list[Frame]]:
    chunk: list[Frame] = []
    for frame in frames:
        chunk.append(frame)
        if len(chunk) >= min(longest, _CHUNK_BYTES / frame.image.nbytes):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Chunk:
    """Some frames in a row, few enough to be held at once."""

    def __init__(
        self, engine: Engine, frames: list[Frame], courses: list[Course], model: PoseModel
    ) -> None:
        self.engine, self.frames, self.courses = engine, frames, courses
        self.model: PoseModel = model
        self.time_s = np.array([frame.time_s for frame in frames])
        self.is_there = np.stack([course.is_expected(self.time_s) for course in courses])

    def see(self, landmarks: dict[int, Landmarks], show: Show) -> None:
        """Put what is seen of the chosen people into their landmarks."""
        persons = np.array(sorted(landmarks))
        chosen, moment = np.nonzero(self.is_there[persons])
        if not len(moment):
            return
        person = persons[chosen]
        pictures = upload(self.engine, [frame.image for frame in self.frames])
        picture_of = self._send(moment)
        poses = see_bodies(
            self.engine, pictures, picture_of, self._expect_regions(person, moment), self.model
        )
        rows = torch.nonzero((poses.score >= FOUND) & ~self._is_stolen(poses, person, moment))[:, 0]
        poses, picture_of = rows_of(poses, rows), picture_of[rows]
        person, moment = person[rows.cpu().numpy()], moment[rows.cpu().numpy()]
        when = When(person, self.time_s[moment])
        hands: dict[Side, Hands] = {
            side: see_body_hands(self.engine, pictures, picture_of, poses, side, when)
            for side in SIDES
        }
        faces = see_body_faces(self.engine, pictures, picture_of, poses, when)
        seen = _assemble(poses, hands, faces)
        for values, number, frame in zip(zip(*seen, strict=True), person, moment, strict=True):
            self._store(landmarks[number], self.frames[frame].index, *values)
            show(number, self.frames[frame].time_s, values[0], values[2])

    def _expect_regions(self, person: np.ndarray, moment: np.ndarray) -> Tensor:
        """[N, 4] regions of these people at these frames of the chunk."""
        regions = np.stack([course.regions_at(self.time_s) for course in self.courses])
        return self._send(regions[person, moment])

    def _is_stolen(self, poses: Poses, person: np.ndarray, moment: np.ndarray) -> Tensor:
        """[N] bool, poses that are somebody else's."""
        points = np.stack([course.points_at(self.time_s) for course in self.courses])
        own = points[person, moment]
        others = np.where(self.is_there[..., None, None], points, np.nan)[:, moment].swapaxes(0, 1)
        others[np.arange(len(person)), person] = np.nan
        sizes = self._expect_regions(person, moment)[:, 2]
        return is_stolen(poses.points[:, :33, :2], self._send(own), self._send(others), sizes)

    def _send(self, values: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(values)
        return tensor.to(self.engine.device, torch.float32 if tensor.is_floating_point() else None)

    @staticmethod
    def _store(
        landmarks: Landmarks,
        frame_index: int,
        points_px: np.ndarray,
        hints: np.ndarray,
        confidence: np.ndarray,
        face_scores: np.ndarray,
    ) -> None:
        row = frame_index - landmarks.frame_index[0]
        landmarks.points_px[row], landmarks.hints[row] = points_px, hints
        landmarks.confidence[row], landmarks.face_scores[row] = confidence, face_scores


def _assemble(poses: Poses, hands: dict[Side, Hands], faces: Faces) -> tuple[np.ndarray, ...]:
    """points_px [N, K, 2], hints [N, K, 3], confidence [N, K] and face_scores [N, 52]."""
    num_rows, device = len(poses.score), poses.score.device
    points = torch.zeros(num_rows, NUM_LANDMARKS, 3, device=device)
    confidence = torch.zeros(num_rows, NUM_LANDMARKS, device=device)
    body, face = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
    points[:, body] = poses.points[:, :33]
    confidence[:, body] = body_confidence(poses)
    for side, seen in hands.items():
        points[:, LANDMARK_PARTS[f"{side}_hand"]] = seen.points
        confidence[:, LANDMARK_PARTS[f"{side}_hand"]] = hand_confidence(seen, poses, side)
    points[:, face] = faces.points
    confidence[:, face] = face_confidence(faces, poses)
    points *= confidence[..., None] > 0
    hints = points.clone()
    hints[:, body] = poses.world[:, :33] * (confidence[:, body, None] > 0)
    # The network's first score is the neutral face's, and ARKit's last, the tongue, it lacks.
    face_scores = faces.blendshapes.roll(-1, 1) * (confidence[:, face][:, :1] > 0)
    face_scores[:, ARKIT_INDEX["tongueOut"]] = 0
    return tuple(value.cpu().numpy() for value in (points[..., :2], hints, confidence, face_scores))
