"""What MediaPipe's networks see in pictures of the body, picture by picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reelrig.core.body.model import BodyModel
from reelrig.core.skeletons import LANDMARK_PARTS, NUM_JOINTS, NUM_LANDMARKS

from .views import Figure, Shot, Studio

# A place on the skin is hidden by what stands more than this before it: little in close-ups, more
# in pictures of the whole body, where a pixel is some millimetres. One inside the body is hidden by
# what stands this many times farther before it than its own skin.
SKIN_SLACK, _BODY_SKIN_SLACK = 0.0015, 0.01  # m
_INSIDE_SLACK = 1.6
_LEAST_CONFIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class Sighting:
    """One shot with the landmarks that the networks saw in it."""

    shot: Shot
    points_px: np.ndarray  # [553, 2] pixels; NaN where not seen
    confidence: np.ndarray  # [553] 0..1; MediaPipe scores the body's landmarks only

    @property
    def is_confident(self) -> np.ndarray:
        """[553] bool"""
        return np.nan_to_num(self.confidence) >= _LEAST_CONFIDENCE

    @property
    def rays(self) -> np.ndarray:
        """[553, 2] x and y, in camera axes, of the landmarks' rays where they are 1 m deep."""
        camera = self.shot.camera
        return (self.points_px - np.array(camera.size) / 2) / camera.focal_px


@dataclass(frozen=True, eq=False)
class Places:
    """Where the landmarks lie on a body: on its skin, or inside it as mixes of its joints."""

    corners: np.ndarray  # [553, 3] vertices
    barycentric: np.ndarray  # [553, 3]; zero inside the body
    joint_weights: np.ndarray  # [553, 55]; zero on the skin

    @classmethod
    def of_arrays(cls, faces: np.ndarray, arrays: dict[str, np.ndarray]) -> Places:
        """Of the keys landmark_* of a body file with these ``faces`` [F, 3]."""
        triangles = arrays["landmark_faces_idx"]
        joint_weights = np.zeros((NUM_LANDMARKS, NUM_JOINTS))
        joint_weights[: LANDMARK_PARTS["face"].start] = arrays["landmark_joint_weights"]
        barycentric = np.where(triangles[:, None] >= 0, arrays["landmark_bary_coords"], 0)
        return cls(faces[np.maximum(triangles, 0)], barycentric, joint_weights)

    def points(self, figure: Figure) -> np.ndarray:
        """[553, 3] m"""
        on_skin = np.einsum("kc,kcx->kx", self.barycentric, figure.vertices[self.corners])
        return on_skin + self.joint_weights @ figure.joints

    def are_seen(self, sighting: Sighting) -> np.ndarray:
        """[553] bool, whether the networks were sure of a landmark that nothing hides."""
        figure = sighting.shot.figure
        points = self.points(figure)
        is_inside = self.joint_weights.any(1)
        slack = np.full(len(points), SKIN_SLACK)
        slack[LANDMARK_PARTS["body"]] = _BODY_SKIN_SLACK
        slack[is_inside] += _INSIDE_SLACK * figure.depths(points[is_inside])
        is_seen = sighting.is_confident
        rows = np.flatnonzero(is_seen)
        is_seen[rows] = figure.is_seen(points[rows], sighting.shot.camera.place, slack[rows])
        return is_seen

    def misses(self, sighting: Sighting) -> np.ndarray:
        """[553] m, how far beside the landmarks seen these places lie, at their own depth."""
        seen_by = sighting.shot.camera.to_camera(self.points(sighting.shot.figure))
        return np.linalg.norm(seen_by[:, :2] - sighting.rays * seen_by[:, 2:], axis=1)


def see_shots(body: BodyModel, shots: list[Shot], cache: Path) -> list[Sighting]:
    """The shots in which the networks found what was shown; pictures are kept in ``cache``."""
    studio, networks = Studio(body, cache), _Networks()
    sightings = []
    for shot in shots:
        image, key = studio.draw(shot)
        path = cache / f"{key}.npy"
        if not path.exists():
            np.save(path, networks.see(image, shot.view.part))
        seen = np.load(path)
        if not np.isnan(seen[LANDMARK_PARTS[shot.view.part], 0]).all():
            sightings.append(Sighting(shot, seen[:, :2], seen[:, 2]))
    return sightings


class _Networks:
    """MediaPipe as the detector runs it on whole people, and its parts alone on close-ups."""

    @cached_property
    def _holistic(self) -> Any:
        from mediapipe.python.solutions.holistic import Holistic

        return Holistic(static_image_mode=True, model_complexity=1, refine_face_landmarks=True)

    @cached_property
    def _face(self) -> Any:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        return FaceMesh(static_image_mode=True, refine_landmarks=True)

    @cached_property
    def _hands(self) -> Any:
        from mediapipe.python.solutions.hands import Hands

        return Hands(static_image_mode=True, max_num_hands=1, min_detection_confidence=0.3)

    def see(self, image: np.ndarray, part: str) -> np.ndarray:
        """[553, 3] pixels and confidence; NaN where nothing was found."""
        if part == "body":
            result = self._holistic.process(image)
            names = {"body": "pose", "left_hand": "left_hand", "right_hand": "right_hand"}
            found = {
                part: getattr(result, f"{name}_landmarks")
                for part, name in (names | {"face": "face"}).items()
            }
        elif part == "face":
            found = {part: _first(self._face.process(image).multi_face_landmarks)}
        else:
            found = {part: _first(self._hands.process(image).multi_hand_landmarks)}
        height, width = image.shape[:2]
        seen = np.full((NUM_LANDMARKS, 3), np.nan)
        for name, landmarks in found.items():
            if landmarks is not None:
                seen[LANDMARK_PARTS[name]] = [
                    (point.x * width, point.y * height, point.visibility if name == "body" else 1.0)
                    for point in landmarks.landmark
                ]
        return seen


def _first(found: list | None) -> Any:
    return found[0] if found else None
