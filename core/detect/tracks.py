"""Who is who from one key frame to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..skeletons import BODY_LANDMARK_INDEX
from .appearance import Look, blend_looks, look_distance
from .assignment import match

_HEAD = slice(BODY_LANDMARK_INDEX["nose"], BODY_LANDMARK_INDEX["left_shoulder"])
_TORSO = [BODY_LANDMARK_INDEX[f"{s}_{n}"] for s in ("left", "right") for n in ("shoulder", "hip")]

# Lengths are in sizes: the region's side, 1.25 times the height of a person who stands.

_SEEN = 0.5  # visibility from which a landmark counts
_CLEAR = 0.7  # share of a body's box that no other covers, from which its colours are its own
# Two sightings are of one body: by the distance of the heads, or by that of the torsos (where one
# box covers most of the other, and elsewhere) and the factor between their sizes.
_SAME_HEAD, _SAME_WITHIN, _SAME_COVER, _SAME_PLACE, _SAME_SIZE = 0.05, 0.2, 0.85, 0.1, 1.5
# Least sureness of newcomers, and of who is known: of hands, bushes and mixed bodies it is lower.
# Who is known and seen less surely than the last of them is looked for once more.
_BORN, _KNOWN, _PLAIN = 0.5, 0.4, 0.7
# Sureness at which a look tells nothing, as its colours are of anything, and at which it tells all.
_BLIND, _SHARP = 0.3, 0.7

# A person who was lost is looked for as long as this, and kept in mind for as long as that.
_SEEK_S, _MEMORY_S = 1.0, 6.0
_COAST_S = 1.0  # nobody goes straight on for longer while out of sight
_PACE_MOMENTS, _PACE_S = 4, 1.2  # the latest clear sightings, which tell the velocity
_STEADY = 20  # clear sightings after which the look follows the later ones

# How far from the expected a person may be: at once, and more with each second.
_REACH, _REACH_PER_S = 0.3, 1.5
# Costs of taking a sighting for a person's are squares of standard scores. The course's goes on as
# a straight line from a score of 2, the look's ends at a cap: so a steady course outweighs a
# changed look, and a look of one's own a broken course.
_OFF, _OFF_PER_S = 0.08, 0.25
_LOOK_NOISE, _LOOK_OFF, _LOOK_CAP = 0.12, 0.08, 12.0
_ABSENT_PER_S = 1.5  # cost of having been lost: who was away for long must look much alike
_COST_LIMIT = 14.0


@dataclass(frozen=True, eq=False, slots=True)
class Track:
    """One person over the range, at the S key frames at which they were seen."""

    frame_index: np.ndarray  # [S] int, frame of the video
    time_s: np.ndarray  # [S] strictly rising
    regions: np.ndarray  # [S, 4] centre x, y and size in pixels, angle in radians
    points: np.ndarray  # [S, 33, 2] px, body landmarks
    score: np.ndarray  # [S] 0..1, whether there is a body
    thumbnail: np.ndarray  # [h, w, 3] uint8 RGB, the best moment


@dataclass(frozen=True, eq=False, slots=True)
class Sighting:
    """Somebody at one key frame."""

    frame_index: int
    time_s: float
    region: np.ndarray  # [4] px, radians
    points: np.ndarray  # [33, 2] px
    visibility: np.ndarray  # [33] 0..1
    score: float  # 0..1, whether there is a body
    sureness: float  # 0..1, mean of the better half of the landmarks' heat-map maxima
    look: Look
    is_detected: bool  # by the person detector, not only where a trail led

    @property
    def is_sure(self) -> bool:
        """Whether it may be somebody's who is known."""
        return self.sureness >= _KNOWN

    @property
    def size(self) -> float:
        return float(self.region[2])

    @property
    def centre(self) -> np.ndarray:
        """[2] px, of the torso."""
        return self.points[_TORSO].mean(0)

    @property
    def box(self) -> np.ndarray:
        """[4] px: left, top, right, bottom of the landmarks that are seen (of all, if few are)."""
        is_seen = self.visibility >= _SEEN
        points = self.points[is_seen] if is_seen.sum() > 3 else self.points
        return np.concatenate([points.min(0), points.max(0)])


@dataclass(eq=False)
class Trail:
    """What is taken for one person without a long gap."""

    sightings: list[Sighting] = field(default_factory=list)
    clearness: list[float] = field(default_factory=list)  # of each sighting
    look: Look | None = None  # of the clear sightings; of the first until there is one
    num_looks: int = 0
    thumbnail: np.ndarray | None = None  # [h, w, 3] uint8 RGB
    thumbnail_worth: float = 0.0

    @property
    def first(self) -> Sighting:
        return self.sightings[0]

    @property
    def last(self) -> Sighting:
        return self.sightings[-1]

    def add(self, sighting: Sighting, clearness: float) -> None:
        self.sightings.append(sighting)
        self.clearness.append(clearness)
        if self.look is None:
            self.look = sighting.look
        if clearness >= _CLEAR and sighting.sureness >= _BORN:
            self.num_looks += 1
            share = 1 / min(self.num_looks, _STEADY)
            self.look = blend_looks(self.look, sighting.look, share)

    def look_distance(self, sighting: Sighting) -> float:
        assert self.look is not None
        return look_distance(self.look, sighting.look)

    def shift_at(self, time_s: float) -> np.ndarray:
        """[2] px from the last sighting to where the person should be."""
        return min(time_s - self.last.time_s, _COAST_S) * self._velocity()

    def _velocity(self) -> np.ndarray:
        """[2] px/s: the slope of the latest clear sightings; 0 where there are less than two."""
        latest = zip(self.sightings[-8:], self.clearness[-8:], strict=True)
        since_s = self.last.time_s - _PACE_S
        clear = [s for s, clearness in latest if clearness >= _CLEAR and s.time_s >= since_s]
        if len(clear) < 2:
            return np.zeros(2)
        clear = clear[-_PACE_MOMENTS:]
        time_s = np.array([sighting.time_s for sighting in clear])
        time_s -= time_s.mean()
        centres = np.array([sighting.centre for sighting in clear])
        return time_s @ centres / (time_s @ time_s)

    def cost_of(self, sighting: Sighting, clearness: float) -> float:
        """Of taking the sighting for this person's; inf where it cannot be.

        The course is told by the torso: arms and legs move too fast.
        """
        gap_s = sighting.time_s - self.last.time_s
        expected = self.last.points[_TORSO] + self.shift_at(sighting.time_s)
        off = np.linalg.norm(sighting.points[_TORSO] - expected, axis=1).mean()
        off /= np.sqrt(self.last.size * sighting.size)
        if off > reach_after(gap_s):
            return np.inf
        course = off / (_OFF + _OFF_PER_S * gap_s)
        strange = max(self.look_distance(sighting) - _LOOK_NOISE, 0.0) / _LOOK_OFF
        trust = clearness * np.clip((sighting.sureness - _BLIND) / (_SHARP - _BLIND), 0.0, 1.0)
        cost = min(course**2, course + 2.0) + trust * min(strange**2, _LOOK_CAP)
        return cost + _ABSENT_PER_S * gap_s


def reach_after(gap_s: float) -> float:
    """How far from the expected a person may be found again, in sizes."""
    return _REACH + _REACH_PER_S * gap_s


class Tracker:
    """Follows people from key frame to key frame."""

    def __init__(self) -> None:
        self.trails: list[Trail] = []
        self._live: list[Trail] = []

    def doubtful_regions(self, sightings: list[Sighting], time_s: float) -> np.ndarray:
        """[L, 4] where those should be whom the sightings of this moment do not show plainly."""
        pairs = self._pair(sightings, time_s)
        plain = {id(trail) for trail, sighting in pairs if sighting.sureness >= _PLAIN}
        return self._expected([trail for trail in self._live if id(trail) not in plain], time_s)

    def lost_regions(self, sightings: list[Sighting], time_s: float) -> np.ndarray:
        """[L, 4] where those should be whom the sightings of this moment do not show."""
        found = {id(trail) for trail, _ in self._pair(sightings, time_s)}
        return self._expected([trail for trail in self._live if id(trail) not in found], time_s)

    def _expected(self, trails: list[Trail], time_s: float) -> np.ndarray:
        """[L, 4] the regions of those of the trails who were not lost long ago."""
        regions = []
        for trail in trails:
            if time_s - trail.last.time_s <= _SEEK_S:
                region = trail.last.region.copy()
                region[:2] += trail.shift_at(time_s)
                regions.append(region)
        return np.array(regions, np.float32).reshape(-1, 4)

    def add(self, sightings: list[Sighting], time_s: float) -> list[Trail]:
        """Give the sightings of a moment to those whose they are, and to newcomers.

        Those who got one come back.
        """
        pairs = self._pair(sightings, time_s)
        known = {id(sighting) for _, sighting in pairs}
        for sighting in sightings:
            is_newcomer = sighting.is_detected and sighting.sureness >= _BORN
            if id(sighting) not in known and is_newcomer:
                pairs.append((Trail(), sighting))
                self._live.append(pairs[-1][0])
                self.trails.append(pairs[-1][0])
        clearness = dict(zip(map(id, sightings), find_clearness(sightings), strict=True))
        for trail, sighting in pairs:
            trail.add(sighting, clearness[id(sighting)])
        return [trail for trail, _ in pairs]

    def _pair(self, sightings: list[Sighting], time_s: float) -> list[tuple[Trail, Sighting]]:
        self._live = [t for t in self._live if time_s - t.last.time_s <= _MEMORY_S]
        seen = list(zip(sightings, find_clearness(sightings), strict=True))
        cost = np.array([[trail.cost_of(*item) for item in seen] for trail in self._live])
        pairs = match(cost.reshape(len(self._live), len(seen)), _COST_LIMIT)
        return [(self._live[row], sightings[column]) for row, column in pairs]


def merge_same(sightings: list[Sighting]) -> list[Sighting]:
    """One sighting a body, the surest; it is detected if one of them is."""
    kept: list[Sighting] = []
    for sighting in sorted(sightings, key=lambda s: -s.sureness):
        same = next((i for i, other in enumerate(kept) if _is_same_body(sighting, other)), None)
        if same is None:
            kept.append(sighting)
        elif sighting.is_detected:
            kept[same] = replace(kept[same], is_detected=True)
    return kept


def _is_same_body(one: Sighting, other: Sighting) -> bool:
    """Told by head and torso: the two may differ in what they take for left, or for a limb."""
    small, large = sorted([one.size, other.size])
    heads = one.points[_HEAD].mean(0) - other.points[_HEAD].mean(0)
    if np.linalg.norm(heads) < _SAME_HEAD * small:
        return True
    cover = max(_overlap(one.box, other.box), _overlap(other.box, one.box))
    limit = _SAME_WITHIN if cover > _SAME_COVER else _SAME_PLACE
    distance = float(np.linalg.norm(one.centre - other.centre))
    return distance < limit * small and large < _SAME_SIZE * small


def find_clearness(sightings: list[Sighting]) -> list[float]:
    """Of each, the share of its box that is left free by the one that covers most of it."""
    boxes = [sighting.box for sighting in sightings]
    return [
        1.0 - max((_overlap(box, other) for other in boxes if other is not box), default=0.0)
        for box in boxes
    ]


def _overlap(box: np.ndarray, other: np.ndarray) -> float:
    """Share of ``box`` that ``other`` covers."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return float(sides.clip(0).prod() / max((box[2:] - box[:2]).prod(), 1.0))
