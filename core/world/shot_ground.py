"""One floor and one origin for all people of a shot, and how large they are beside each other.

Everybody's stances tell of the floor. Who is thought to be too tall is also thought to be too far
off, and so to stand under it: people on one floor tell each other's size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body.measures import MEASURE_NAMES, solve_betas
from ..body.model import BodyModel
from ..height import grow_to_height
from ..measured import Measured
from .floor import floor_height
from .solve import find_footing, find_upright

_STATURE = MEASURE_NAMES.index("stature")
# Two adults may differ by this many sigmas of their sizes and be on one floor; and by what the
# floor leans, so many times. The camera must be over the floor by more than this.
_SIGMAS, _LEAST_CAMERA_M = 2.5, 0.3
# Whose proportions are of somebody smaller by this is a child, when seen to stand too low.
_CHILD_STATURE, _SMALLEST = 0.95, 0.5
_SAME_SIZE = 1e-3


@dataclass(frozen=True, eq=False)
class Actor:
    """One person of a shot."""

    measured: Measured
    confidence: np.ndarray  # [T, 55] 0..1
    rate: float  # rows per second
    height_m: float | None = None  # as told


@dataclass(frozen=True, eq=False)
class _Footing:
    stands: np.ndarray  # [N, 4] m and s, upright axes about the first camera
    start: np.ndarray  # [3] m, likewise

    @classmethod
    def of(cls, actor: Actor, measured: Measured, growth: float, body: BodyModel) -> _Footing:
        """Of an ``actor`` who is ``growth`` times as large as ``measured``."""
        betas = solve_betas(body, MEASURE_NAMES, measured.measures)
        stands, start = find_footing(measured, body, betas, actor.confidence, actor.rate)
        upright_from_first = find_upright(measured.up_camera)
        stands[:, :3] = growth * stands[:, :3] @ upright_from_first.T
        return cls(stands, growth * upright_from_first @ start)

    @property
    def depth(self) -> float:
        """m of the floor under the first camera."""
        return -floor_height(self.stands)

    @property
    def is_seen(self) -> bool:
        return bool(self.stands[:, 3].any())


def share_ground(actors: list[Actor], body: BodyModel) -> list[Measured]:
    """What was measured of people with one camera and one up, each told of the others."""
    if len(actors) < 2:
        return [actor.measured for actor in actors]
    growths = [_told_growth(actor, body) for actor in actors]
    # A moving camera's path has the size of the first person.
    people = [
        replace(actor.measured, camera_place=growths[0] / growth * actor.measured.camera_place)
        for actor, growth in zip(actors, growths, strict=True)
    ]

    def find_footings() -> list[_Footing]:
        return [_Footing.of(*each, body) for each in zip(actors, people, growths, strict=True)]

    footings = find_footings()
    if all(actor.height_m is None for actor in actors):
        people = _resize(people, _relative_sizes(people, footings), body)
        footings = find_footings()
    upright_from_first = find_upright(people[0].up_camera)
    stands = np.concatenate([each.stands for each in footings])
    stands[:, :3] = stands[:, :3] @ upright_from_first
    origin = footings[0].start @ upright_from_first
    return [
        replace(
            measured,
            shot_stands=stands / [growth, growth, growth, 1.0],
            shot_origin=origin / growth,
        )
        for measured, growth in zip(people, growths, strict=True)
    ]


def _told_growth(actor: Actor, body: BodyModel) -> float:
    if actor.height_m is None:
        return 1.0
    betas = solve_betas(body, MEASURE_NAMES, actor.measured.measures)
    return grow_to_height(betas, body, actor.height_m)[2]


def _resize(people: list[Measured], sizes: np.ndarray, body: BodyModel) -> list[Measured]:
    """The people ``sizes`` [P] times as large, as far as a body can be."""
    grown, scales = [], []
    for measured, size in zip(people, sizes, strict=True):
        measures, scale = measured.measures, 1.0
        if abs(size - 1) > _SAME_SIZE:
            betas = solve_betas(body, MEASURE_NAMES, measures)
            _, measures, scale = grow_to_height(betas, body, size * measures[_STATURE])
        grown.append(replace(measured, pelvis=scale * measured.pelvis, measures=measures))
        scales.append(scale)
    return [replace(each, camera_place=scales[0] * each.camera_place) for each in grown]


def _relative_sizes(people: list[Measured], footings: list[_Footing]) -> np.ndarray:
    """[P] how much larger each is than measured.

    Adults who differ little share the difference. A child is known by standing under the floor and
    by the proportions of somebody small; all others who are not on the floor are somewhere else.
    """
    sizes = np.ones(len(people))
    depths = np.array([each.depth for each in footings])
    if depths.min() < _LEAST_CAMERA_M:
        return sizes
    statures = np.array([measured.measures[_STATURE] for measured in people])
    seen = np.array([each.is_seen for each in footings])
    if not seen.any():
        return sizes
    tallest = int(np.argmax(np.where(seen, statures, 0)))
    under = np.log(depths / depths[tallest])
    usual = np.array([m.scale_sigma for m in people]) * np.sqrt(2)
    away = np.array(
        [np.linalg.norm(each.start[:2] - footings[tallest].start[:2]) for each in footings]
    )
    lean = np.radians([m.up_sigma_deg for m in people]) * away / depths
    is_level = seen & (np.abs(under) < _SIGMAS * np.hypot(usual, lean))
    trust = usual**2 / (usual**2 + lean**2)
    sizes[is_level] = np.exp((trust * (under[is_level].mean() - under))[is_level])
    small = statures < _CHILD_STATURE * statures[tallest]
    is_child = seen & ~is_level & (under > 0) & small
    sizes[is_child] = np.maximum(np.exp(under[is_level].mean() - under[is_child]), _SMALLEST)
    return sizes
