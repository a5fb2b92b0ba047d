"""One person's landmarks from MediaPipe Holistic (mediapipe 0.10.21, its bundled networks)."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS, NUM_LANDMARKS
from ..video import Frame
from .flips import repair_flips

_BLOCK = 512  # frames stored together
_HAND_WRIST, _HAND_KNUCKLE = 0, 9  # numbers of MediaPipe's hand landmarks; the middle knuckle

# MediaPipe gives hands no score. One of a plausible size at the end of its arm is trusted fully,
# least is one whose wrist lies far from the body's, or whose palm is far too short or too long.
# In lengths of the forearm, from full to least trust. In clips of whole people 99 % of the hands
# lie within the first numbers; a palm near the camera is rightly longer than a far one.
_WRIST_GAP = (0.4, 1.0)
_PALM_SHORT = (0.2, 0.1)
_PALM_LONG = (0.7, 1.4)
_LEAST_TRUST = 0.1  # above 0, which would mean that the hand was not found


class HolisticDetector:
    """Follows one person, whom MediaPipe chooses.

    Landmarks come as the networks see them, frame by frame: MediaPipe's own smoothing lags behind
    the motion, so it is off. Nothing is fetched and nothing is sent.
    """

    def detect(self, frames: Iterable[Frame], progress: Callable[[int], None]) -> list[Landmarks]:
        rows = _Rows()
        with _load_holistic() as holistic:
            for done, frame in enumerate(frames, start=1):
                rows.add(frame, *_landmarks_of(holistic.process(frame.image), frame))
                progress(done)
        _return_freed_memory()
        landmarks = rows.finish()
        if landmarks is None or not landmarks.is_seen.any():
            return []
        repair_flips(landmarks)
        return [landmarks]


def _load_holistic() -> Any:
    # Imported here because it takes seconds, and most of core works without it.
    from mediapipe.python.solutions.holistic import Holistic

    warnings.filterwarnings("ignore", r"SymbolDatabase\.GetPrototype", UserWarning)
    with _hush_stderr():
        holistic = Holistic(
            static_image_mode=False,
            model_complexity=1,
            smooth_landmarks=False,
            refine_face_landmarks=True,
        )
        holistic.process(np.zeros((64, 64, 3), np.uint8))  # starts all its networks
    return holistic


def _return_freed_memory() -> None:
    """Hand what the closed networks freed, some 200 MB, back to the system.

    glibc keeps it for itself, and the stages that follow would come on top of it. Elsewhere the
    call does not exist and is not needed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _hush_stderr() -> Iterator[None]:
    """Keep the networks' start-up notes, which no setting stops, off the process's stderr.

    They are written by native code, so the file descriptor is turned; after an error they are
    shown after all.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class _Rows:
    """Landmarks under way. They grow by blocks, so that they are copied once, at the end."""

    def __init__(self) -> None:
        self.frame_index: list[int] = []
        self.time_s: list[float] = []
        self.image_size = (0, 0)
        self.blocks: dict[str, list[np.ndarray]] = {"points_px": [], "hints": [], "confidence": []}

    def add(
        self, frame: Frame, points_px: np.ndarray, hints: np.ndarray, confidence: np.ndarray
    ) -> None:
        i_row = len(self.time_s) % _BLOCK
        values = {"points_px": points_px, "hints": hints, "confidence": confidence}
        for name, value in values.items():
            if i_row == 0:
                self.blocks[name].append(np.zeros((_BLOCK, *value.shape), np.float32))
            self.blocks[name][-1][i_row] = value
        self.frame_index.append(frame.index)
        self.time_s.append(frame.time_s)
        self.image_size = (frame.image.shape[1], frame.image.shape[0])

    def finish(self) -> Landmarks | None:
        """The rows as Landmarks; None when there are none. Leaves this empty."""
        if not self.time_s:
            return None
        num_frames = len(self.time_s)
        # One field after the other is taken out, so that its blocks are gone before the next.
        fields = {
            name: np.concatenate(self.blocks.pop(name))[:num_frames]
            for name in ("points_px", "hints", "confidence")
        }
        return Landmarks(
            frame_index=np.array(self.frame_index),
            time_s=np.array(self.time_s),
            image_size=self.image_size,
            **fields,
        )


def _landmarks_of(result: Any, frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """points_px [K, 2], hints [K, 3] and confidence [K] of one frame; zeros for missing parts."""
    points_px = np.zeros((NUM_LANDMARKS, 2), np.float32)
    hints = np.zeros((NUM_LANDMARKS, 3), np.float32)
    confidence = np.zeros(NUM_LANDMARKS, np.float32)
    if result.pose_landmarks is None or result.pose_world_landmarks is None:
        return points_px, hints, confidence
    height, width = frame.image.shape[:2]
    # MediaPipe's z has the scale of x and grows away from the camera, as ours does.
    scale = np.array([width, height, width], np.float32)
    body = LANDMARK_PARTS["body"]
    points_px[body] = (_to_array(result.pose_landmarks) * scale)[:, :2]
    hints[body] = _to_array(result.pose_world_landmarks)
    confidence[body] = [landmark.visibility for landmark in result.pose_landmarks.landmark]
    for name in ("left_hand", "right_hand", "face"):
        found = getattr(result, f"{name}_landmarks")
        if found is None:
            continue
        part = LANDMARK_PARTS[name]
        hints[part] = _to_array(found) * scale
        points_px[part] = hints[part, :2]
        confidence[part] = 1.0
    for side in ("left", "right"):
        confidence[LANDMARK_PARTS[f"{side}_hand"]] *= _hand_trust(side, points_px, hints)
    return points_px, hints, confidence


def _hand_trust(side: str, points_px: np.ndarray, hints: np.ndarray) -> float:
    """How well the hand fits the arm that it belongs to, _LEAST_TRUST..1."""
    body, hand = LANDMARK_PARTS["body"], LANDMARK_PARTS[f"{side}_hand"]
    elbow, wrist = (BODY_LANDMARK_INDEX[f"{side}_{name}"] for name in ("elbow", "wrist"))
    forearm_m = float(np.linalg.norm(hints[elbow] - hints[wrist]))
    forearm_px = forearm_m * _px_per_metre(points_px[body], hints[body])
    gap_px = float(np.linalg.norm(points_px[hand][_HAND_WRIST] - points_px[wrist]))
    palm_px = float(np.linalg.norm(hints[hand][_HAND_KNUCKLE] - hints[hand][_HAND_WRIST]))
    trusts = (
        _fall(gap_px / forearm_px, _WRIST_GAP),
        _fall(palm_px / forearm_px, _PALM_SHORT),
        _fall(palm_px / forearm_px, _PALM_LONG),
    )
    return min(trusts)


def _px_per_metre(points_px: np.ndarray, metres: np.ndarray) -> float:
    """Scale of the body in the picture, all of it: a forearm alone may point at the camera."""
    return float(
        np.linalg.norm(np.std(points_px, axis=0)) / np.linalg.norm(np.std(metres, axis=0)[:2])
    )


def _fall(value: float, ends: tuple[float, float]) -> float:
    """1 at the first end and before it, _LEAST_TRUST at the second, linear between."""
    full, least = ends
    share = (value - full) / (least - full)
    return float(np.clip(1.0 - share, _LEAST_TRUST, 1.0))


def _to_array(landmarks: Any) -> np.ndarray:
    """[N, 3] of MediaPipe's landmark list."""
    return np.array([(point.x, point.y, point.z) for point in landmarks.landmark], np.float32)
