"""Where people are in whole pictures (MediaPipe's person detector)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .anchors import decode, make_anchors, merge_overlapping
from .engine import Engine
from .regions import Pictures, crop, regions_towards, to_picture

MOST_PEOPLE = 16  # in a picture

_SIDE = 224
_STRIDES = (8, 16, 32, 32, 32)
_SCALE = 1.25
_HIPS, _REACH = 0, 1  # of the points: the middle of the hips, and how far the body reaches


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """The M people of a picture, the surest first. Pixels."""

    boxes: Tensor  # [M, 4] left, top, right, bottom of a square about head and shoulders
    points: Tensor  # [M, 4, 2] mid-hip, the body's reach; mid-shoulder, the upper body's reach
    score: Tensor  # [M] 0..1


def detect_people(
    engine: Engine, pictures: Pictures, *, min_score: float = 0.5, closer: bool = False
) -> list[Found]:
    """The people in each picture, MOST_PEOPLE at most.

    A ``closer`` look at overlapping squares of the picture too finds the smaller ones.
    """
    if not pictures:
        return []
    height, width = pictures[0].shape[:2]
    looks = _looks(width, height) if closer else [_whole(width, height)]
    regions = torch.tensor(looks, device=engine.device).repeat(len(pictures), 1)
    picture_of = torch.arange(len(pictures), device=engine.device).repeat_interleave(len(looks))
    batch = crop(pictures, picture_of, regions, _SIDE, engine, border="black").mul_(2).sub_(1)
    raw = engine.run("person_detector", batch)
    finds = decode(raw["boxes"], make_anchors(_SIDE, _STRIDES, engine.device), _SIDE)
    finds = to_picture(finds.flatten(1, 2), regions).unflatten(1, finds.shape[1:3])
    finds, scores = merge_overlapping(
        finds.unflatten(0, (-1, len(looks))).flatten(1, 2),
        raw["scores"].sigmoid().unflatten(0, (-1, len(looks))).flatten(1, 2),
        min_score=min_score,
        most=MOST_PEOPLE,
    )
    counts = (scores > 0).sum(1).tolist()
    return [
        Found(find[:count, :2].flatten(1), find[:count, 2:], score[:count])
        for find, score, count in zip(finds, scores, counts, strict=True)
    ]


def regions_of_people(points: Tensor) -> Tensor:
    """Regions [M, 4] for the pose networks, from Found.points [M, 4, 2]."""
    return regions_towards(points[:, _HIPS], points[:, _REACH], scale=_SCALE)


def _whole(width: int, height: int) -> tuple[float, float, float, float]:
    return width / 2, height / 2, max(width, height), 0.0


def _looks(width: int, height: int) -> list[tuple[float, float, float, float]]:
    """Regions: the whole picture, and squares of its shorter side that overlap by half or more."""
    side, room = min(width, height), abs(width - height)
    count = 1 + math.ceil(room / (side / 2)) if room else 0
    middles = [side / 2 + room * i / (count - 1) for i in range(count)]
    squares = [(x, side / 2) if width > height else (side / 2, x) for x in middles]
    return [_whole(width, height), *((x, y, side, 0.0) for x, y in squares)]
