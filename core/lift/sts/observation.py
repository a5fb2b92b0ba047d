"""What the body's network is told of a person, taken from the landmarks and scale-normalised."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...landmarks import Landmarks
from ...rotation import swing_between
from ...skeletons import LANDMARK_PARTS
from .. import face as faces
from ..placement import pixel_slopes

SIDES = ("left", "right")
# Of a hand's 21 landmarks those that its fingers do not move: the wrist, the thumb's root and the
# knuckles of index, middle, ring and little finger.
PALM_LANDMARKS = (0, 1, 5, 9, 13, 17)
_MIDDLE_KNUCKLE = PALM_LANDMARKS.index(9)
NUM_BODY = LANDMARK_PARTS["body"].stop

_SEEN = 0.05  # confidence from which a landmark counts for where the person is and how large
_SMALLEST_HALF = 1e-3  # of a box, as a slope
_STEEPEST = 0.2  # least z of a unit ray in the view: beyond, it is held


@dataclass(frozen=True, eq=False)
class Observation:
    """T rows of B people. Slopes are x / z and y / z of the rays, camera axes."""

    time_s: Tensor  # [B, T]
    slopes: Tensor  # [B, T, 33, 2]
    hints: Tensor  # [B, T, 33, 3] m
    confidence: Tensor  # [B, T, 33] 0..1
    palm_slopes: Tensor  # [B, T, 2, 6, 2] left and right hand
    palm_hints: Tensor  # [B, T, 2, 6, 3] up to scale and offset
    palm_confidence: Tensor  # [B, T, 2] 0..1
    head: Tensor  # [B, T, 3, 3] camera from joint by the face mesh, as if seen in the middle
    head_confidence: Tensor  # [B, T] 0..1

    def windows(self, rows: Tensor) -> Observation:
        """The first person's ``rows`` [W, N], as W people of N rows."""
        return Observation(
            **{field.name: getattr(self, field.name)[0][rows] for field in fields(self)}
        )


def observe(landmarks: Landmarks, focal_px: float) -> Observation:
    """One person, B = 1, from landmarks of a camera whose focal length is taken to be this."""
    points_px, hints, confidence = (
        torch.from_numpy(values).float()
        for values in (landmarks.points_px, landmarks.hints, landmarks.confidence)
    )
    slopes = pixel_slopes(points_px, focal_px, landmarks.image_size)
    body, face = LANDMARK_PARTS["body"], LANDMARK_PARTS["face"]
    palms = torch.tensor(
        [[LANDMARK_PARTS[f"{side}_hand"].start + i for i in PALM_LANDMARKS] for side in SIDES]
    )
    head_confidence = confidence[:, face].amin(1)
    head = torch.eye(3).repeat(len(hints), 1, 1)
    is_seen = head_confidence > 0
    if is_seen.any():
        head[is_seen] = faces.head_rotation(hints[is_seen, face])
    observation = Observation(
        # From the first row: single precision is too coarse late in a long video.
        time_s=torch.from_numpy(landmarks.time_s - landmarks.time_s[0]).float(),
        slopes=slopes[:, body],
        hints=hints[:, body],
        confidence=confidence[:, body],
        palm_slopes=slopes[:, palms],
        palm_hints=hints[:, palms],
        palm_confidence=confidence[:, palms].mean(-1),
        head=head,
        head_confidence=head_confidence,
    )
    return Observation(
        **{field.name: getattr(observation, field.name)[None] for field in fields(observation)}
    )


@dataclass(frozen=True, eq=False)
class View:
    """The camera turned onto each row's person, and the unit of its picture.

    The network sees people as if they were in the picture's middle and filled it; with it its
    answers are brought back (Li et al. 2022, CLIFF, section 3.1, says why the place matters).
    """

    camera_from_view: Tensor  # [..., 3, 3]
    half: Tensor  # [...] slope that is 1 in the view's picture: half the larger side of the box

    @property
    def place(self) -> Tensor:
        """[..., 3] slopes x and y of the view's middle in the camera, and ``half``."""
        forward = self.camera_from_view[..., 2]
        return torch.cat([forward[..., :2] / forward[..., 2:], self.half[..., None]], -1)

    def to_picture(self, slopes: Tensor) -> Tensor:
        """[..., K, 2] places in the view's picture of slopes [..., K, 2] in the camera."""
        rays = torch.nn.functional.pad(slopes, (0, 1), value=1.0) @ self.camera_from_view
        z = rays[..., 2:]
        reach = torch.linalg.vector_norm(rays, dim=-1, keepdim=True)
        return rays[..., :2] / torch.maximum(z, _STEEPEST * reach) / self.half[..., None, None]


def view_of(observation: Observation) -> View:
    """The view whose middle and size are those of the landmarks that were seen."""
    is_seen = (observation.confidence > _SEEN).float()[..., None]
    weight = is_seen / is_seen.sum(-2, keepdim=True).clamp_min(1.0)
    middle = (weight * observation.slopes).sum(-2)
    ray = torch.nn.functional.pad(middle, (0, 1), value=1.0)
    camera_from_view = swing_between(torch.tensor([0.0, 0.0, 1.0]), ray)
    flat = View(camera_from_view, torch.ones_like(middle[..., 0])).to_picture(observation.slopes)
    high = torch.where(is_seen > 0, flat, -torch.inf).amax(-2)
    low = torch.where(is_seen > 0, flat, torch.inf).amin(-2)
    half = ((high - low) / 2).amax(-1)
    half = torch.where(torch.isfinite(half), half, torch.ones_like(half))
    return View(camera_from_view, half.clamp_min(_SMALLEST_HALF))


def picture_features(observation: Observation, view: View) -> Tensor:
    """[B, T, 165] what the picture shows: 2D landmarks, confidence, and where in the camera."""
    confidence = observation.confidence
    is_seen = (confidence > 0)[..., None]
    points = view.to_picture(observation.slopes) * is_seen
    forward = view.camera_from_view[..., 2]
    place = torch.cat([forward, view.half.log()[..., None]], -1)
    palms = [_palm_features(observation, view, side) for side in range(len(SIDES))]
    return torch.cat([points.flatten(-2), confidence, *palms, place], -1)


def _palm_features(observation: Observation, view: View, side: int) -> Tensor:
    """[B, T, 31] a hand's palm in the picture and in space, each in its own size."""
    seen = observation.palm_confidence[..., side, None]
    points = view.to_picture(observation.palm_slopes[..., side, :, :])
    middle = points.mean(-2, keepdim=True)
    offsets = points - middle
    size = offsets.abs().amax((-2, -1)).clamp_min(1e-4)
    shape = offsets / size[..., None, None]
    depth = observation.palm_hints[..., side, :, :]
    depth = depth - depth[..., :1, :]
    length = torch.linalg.vector_norm(depth[..., _MIDDLE_KNUCKLE, :], dim=-1).clamp_min(1e-6)
    depth = depth[..., 1:, :] / length[..., None, None]
    # A hand end-on to the camera would make the unit tiny.
    features = [shape.flatten(-2), depth.flatten(-2).clamp(-4, 4), middle.flatten(-2)]
    features.append(size.log()[..., None])
    return torch.cat([torch.cat(features, -1) * (seen > 0), seen], -1)


def hint_features(observation: Observation) -> Tensor:
    """[B, T, 106] the networks' own guesses in space: of the body in metres, of the head's turn."""
    seen = observation.head_confidence[..., None]
    hints = observation.hints * (observation.confidence > 0)[..., None]
    head = observation.head[..., :2].flatten(-2) * (seen > 0)
    return torch.cat([hints.flatten(-2), head, seen], -1)
