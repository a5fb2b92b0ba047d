"""Clips of known people who cross each other, put together from cut-outs of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import torch

from core.detect.engine import Engine, open_engine
from core.detect.person import detect_people, regions_of_people
from core.detect.pose import Poses, regions_of_poses, see_poses
from core.detect.regions import picture_from_crop, upload
from core.detect.tracks import Track
from core.video import Frame, open_video
from tests.core.clips import need_demo_clip

KEY_STEP, FPS = 6, 30.0  # the pictures are 0.2 s apart
WIDTH, HEIGHT = 1280, 720
_SIDE = 480  # px of a cut-out
_REACH = 300  # px about a person in which the next picture shows them too
_TORSO = [11, 12, 23, 24]  # shoulders and hips
_UP = np.array([0, -55])  # px from the middle of the hips to that of the torso
_NEAR, _APART = 50, 120  # px: a track is at an actor; two actors do not hide each other


@dataclass(frozen=True, eq=False)
class CutOut:
    """A person cut out of a picture, with the middle of the hips in the middle."""

    image: np.ndarray  # [_SIDE, _SIDE, 3] uint8 RGB
    alpha: np.ndarray  # [_SIDE, _SIDE, 1] 0..1

    def mirrored(self) -> CutOut:
        return CutOut(self.image[:, ::-1], self.alpha[:, ::-1])


@dataclass(frozen=True, eq=False)
class Actor:
    """Somebody who goes from place to place, one a picture."""

    cut_outs: Sequence[CutOut]  # one after the other, over and over
    places: np.ndarray  # [T, 2] px, of the middle of the hips; NaN while away


@cache
def engine() -> Engine:
    return open_engine("cpu")


@cache
def man() -> list[CutOut]:
    """He faces the camera, swings his arms and jumps."""
    return _cut_out(range(0, 90, KEY_STEP), (647, 290))


@cache
def woman() -> list[CutOut]:
    """She walks to the left."""
    return _cut_out(range(84, 180, KEY_STEP), (1200, 740))


def _cut_out(numbers: range, place: tuple[float, float]) -> list[CutOut]:
    """Who has the middle of the hips near ``place`` in the first of these frames of the demo."""
    hips = np.array(place)
    cut_outs = []
    for frame in open_video(need_demo_clip()).frames(end_s=numbers.stop / FPS):
        if frame.index in numbers:
            left, top = np.maximum(hips - _REACH, 0).astype(int)
            right, bottom = (hips + _REACH).astype(int)
            window = np.ascontiguousarray(frame.image[top:bottom, left:right])
            cut_out, hips = _cut_out_one(window)
            cut_outs.append(cut_out)
            hips = hips + np.array([left, top])
    return cut_outs


def _cut_out_one(image: np.ndarray) -> tuple[CutOut, np.ndarray]:
    """The surest person, and the middle of their hips [2] px."""
    poses, regions = _see_one(image)
    assert poses.mask is not None
    hips = poses.points[0, 33, :2].numpy()
    move = np.array([[1.0, 0.0, _SIDE / 2 - hips[0]], [0.0, 1.0, _SIDE / 2 - hips[1]]])
    matrix = picture_from_crop(regions)[0].numpy()
    matrix[:, :2] /= poses.mask.shape[-1]
    matrix[:, 2] += move[:, 2]
    size = (_SIDE, _SIDE)
    alpha = cv2.warpAffine(poses.mask[0].numpy(), matrix, size)
    return CutOut(cv2.warpAffine(image, move, size), alpha[..., None]), hips


def _see_one(image: np.ndarray) -> tuple[Poses, torch.Tensor]:
    """The surest person with mask, and the region of the mask."""
    pictures, first = upload(engine(), [image]), torch.zeros(1, dtype=torch.long)
    (found,) = detect_people(engine(), pictures)
    regions = regions_of_people(found.points[:1])
    regions = regions_of_poses(see_poses(engine(), pictures, first, regions, "lite").points)
    return see_poses(engine(), pictures, first, regions, "lite", with_mask=True), regions


@cache
def background() -> np.ndarray:
    """[HEIGHT, WIDTH, 3] the demo clip's last picture, when everybody has left it."""
    (frame,) = open_video(need_demo_clip()).frames(7.62)
    return cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def film(actors: Sequence[Actor]) -> list[Frame]:
    """A frame each 0.2 s; the later actors are the nearer to the camera."""
    frames = []
    for i in range(len(actors[0].places)):
        image = background().astype(np.float32)
        for actor in actors:
            if np.isfinite(actor.places[i]).all():
                _paste(image, actor.cut_outs[i % len(actor.cut_outs)], actor.places[i])
        frames.append(Frame(KEY_STEP * i, KEY_STEP * i / FPS, image.round().astype(np.uint8)))
    return frames


def _paste(image: np.ndarray, cut_out: CutOut, place: np.ndarray) -> None:
    move = np.array([[1.0, 0.0, place[0] - _SIDE / 2], [0.0, 1.0, place[1] - _SIDE / 2]])
    size = (WIDTH, HEIGHT)
    alpha = cv2.warpAffine(cut_out.alpha, move, size)[..., None]
    image += alpha * (cv2.warpAffine(cut_out.image, move, size) - image)


def walk(*stops: tuple[float, float], moments: int) -> np.ndarray:
    """[T, 2] px: from stop to stop, each way in the same time."""
    at = np.linspace(0, len(stops) - 1, moments)
    columns = np.array(stops).T
    return np.stack([np.interp(at, range(len(stops)), column) for column in columns], axis=1)


def away(moments: int) -> np.ndarray:
    return np.full((moments, 2), np.nan)


def identities(track: Track, actors: Sequence[Actor]) -> list[int]:
    """The actor whom the track is at, at each moment; -1 between two of them.

    Moments at which another hides the actor are left out.
    """
    found = []
    torsos = track.points[:, _TORSO].mean(1)
    for i, place in zip(track.frame_index // KEY_STEP, torsos - _UP, strict=True):
        numbers = [k for k, actor in enumerate(actors) if np.isfinite(actor.places[i, 0])]
        places = np.array([actors[k].places[i] for k in numbers])
        distance = np.linalg.norm(places - place, axis=1)
        nearest, *others = distance.argsort()
        apart = np.linalg.norm(places[others] - places[nearest], axis=1)
        if (apart >= _APART).all():
            limit = min([_NEAR, *(distance[others] / 2)])
            found.append(numbers[nearest] if distance[nearest] < limit else -1)
    return found


def count_swaps(tracks: Sequence[Track], actors: Sequence[Actor]) -> int:
    """How often a track goes over from one actor to another."""
    return sum(
        one != other
        for track in tracks
        for one, other in pairwise(i for i in identities(track, actors) if i >= 0)
    )
