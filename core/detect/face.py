"""Face landmarks and scores, in regions that the body gives (MediaPipe's holistic way to faces)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..skeletons import BODY_LANDMARK_INDEX
from .anchors import decode, make_anchors, merge_overlapping
from .engine import Engine
from .regions import Pictures, angle_level, bounding_boxes, crop, square_regions, to_picture

_DETECTOR_SIDE = 128
_STRIDES = (8, 16, 16, 16)
_SIDE = 256
_BODY_FACE = slice(0, BODY_LANDMARK_INDEX["mouth_right"] + 1)  # what of the body is in the face
_FROM_POSE_SCALE, _FROM_DETECTOR_SCALE, _FROM_FACE_SCALE = 3.0, 2.0, 1.5
_DETECTOR_SHIFT_Y = -0.1  # towards the forehead
_DETECTOR_EYES = [0, 1]  # right and left, of the detector's six points
_EYE_CORNERS = [33, 263]  # right and left, of the landmarks

# The landmarks that the scores' network reads (tasks/cc/vision/face_landmarker/
# face_blendshapes_graph.cc of google-ai-edge/mediapipe).
_SCORED = [
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65),
    *(66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136),
    *(144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168),
    *(172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276),
    *(282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318),
    *(321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380),
    *(381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466),
    *range(468, 478),
]


@dataclass(frozen=True, eq=False, slots=True)
class Faces:
    """N faces in MediaPipe's order of landmarks, irises last."""

    points: Tensor  # [N, 478, 3] pixels; z from the middle of the head, away from the camera
    score: Tensor  # [N] 0..1, whether there is a face
    # [N, 52] 0..1: a neutral face, then skeletons.ARKIT_NAMES without the tongue
    blendshapes: Tensor


def face_regions(points: Tensor) -> Tensor:
    """Rough regions [N, 4] of the faces of bodies at Poses.points [N, 39, 3]."""
    right, left = (points[:, BODY_LANDMARK_INDEX[f"{side}_eye"], :2] for side in ("right", "left"))
    centres, extents = bounding_boxes(points[:, _BODY_FACE, :2])
    return square_regions(centres, extents, angle_level(left - right), scale=_FROM_POSE_SCALE)


def find_faces(
    engine: Engine,
    pictures: Pictures,
    picture_of: Tensor,
    regions: Tensor,
    *,
    min_score: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Regions [N, 4] about the surest face in each of the rough ones, and scores [N].

    The score is 0 where it is below ``min_score``.
    """
    batch = (
        crop(pictures, picture_of, regions, _DETECTOR_SIDE, engine, border="black").mul_(2).sub_(1)
    )
    raw = engine.run("face_detector", batch)
    finds, scores = merge_overlapping(
        decode(raw["boxes"], make_anchors(_DETECTOR_SIDE, _STRIDES, engine.device), _DETECTOR_SIDE),
        raw["scores"].sigmoid(),
        min_score=min_score,
        most=1,
    )
    points = to_picture(finds[:, 0, 2:], regions)
    right, left = points[:, _DETECTOR_EYES].unbind(1)
    centres, extents = bounding_boxes(points)
    found = square_regions(
        centres,
        extents,
        angle_level(left - right),
        scale=_FROM_DETECTOR_SCALE,
        shift_y=_DETECTOR_SHIFT_Y,
    )
    return found, scores[:, 0]


def see_faces(engine: Engine, pictures: Pictures, picture_of: Tensor, regions: Tensor) -> Faces:
    """The faces in regions [N, 4] of pictures [N]."""
    raw = engine.run("face_mesh", crop(pictures, picture_of, regions, _SIDE, engine))
    points = to_picture(raw["landmarks"] / _SIDE, regions)
    # The network takes away place and size itself; near 0 half precision is fine enough.
    scored = (points[:, _SCORED, :2] - regions[:, None, :2]) / regions[:, None, 2:3]
    blendshapes = engine.run("face_blendshapes", scored)["scores"]
    return Faces(points=points, score=raw["presence"].sigmoid(), blendshapes=blendshapes.clone())


def regions_of_faces(points: Tensor) -> Tensor:
    """Regions [N, 4] for the next look at faces seen at Faces.points [N, 478, 3]."""
    right, left = points[:, _EYE_CORNERS, :2].unbind(1)
    centres, extents = bounding_boxes(points[..., :2])
    return square_regions(centres, extents, angle_level(left - right), scale=_FROM_FACE_SCALE)
