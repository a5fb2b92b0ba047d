"""Trails of one person joined over absences, and what is nobody left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from .appearance import Look, blend_looks, look_distance
from .tracks import Sighting, Track, Trail, reach_after

_SAME_LOOK = 0.3  # distance of the looks of one person before and after
_BLINK_S, _BLINK_LOOK = 0.5, 0.5  # the same for a moment in which light and pose change
_GROWTH, _GROWTH_PER_S = 0.3, 0.7  # logarithm of the factor by which somebody's size may change
_AWAY_COST = 0.1  # of the farthest that is possible, against the looks' distance

_PERSON = 0.6  # mean sureness; hands and bushes that the networks take for people stay below it
_FEW = 3  # key frames at which a passing mistake may be seen


@dataclass(eq=False)
class _Person:
    """Trails of one person, in the order of time."""

    trails: list[Trail]
    look: Look
    num_looks: int

    @property
    def sightings(self) -> list[Sighting]:
        return [sighting for trail in self.trails for sighting in trail.sightings]

    @property
    def weight(self) -> float:
        """Mean area times moments seen."""
        return sum(sighting.size**2 for sighting in self.sightings)

    def with_other(self, other: _Person) -> _Person:
        trails = sorted(self.trails + other.trails, key=lambda trail: trail.first.time_s)
        num_looks = self.num_looks + other.num_looks
        look = blend_looks(self.look, other.look, other.num_looks / num_looks)
        return _Person(trails, look, num_looks)

    def track(self) -> Track:
        sightings = self.sightings
        best = max(self.trails, key=lambda trail: trail.thumbnail_worth)
        assert best.thumbnail is not None
        return Track(
            frame_index=np.array([sighting.frame_index for sighting in sightings]),
            time_s=np.array([sighting.time_s for sighting in sightings]),
            regions=np.stack([sighting.region for sighting in sightings]),
            points=np.stack([sighting.points for sighting in sightings]),
            score=np.array([sighting.score for sighting in sightings], np.float32),
            thumbnail=best.thumbnail,
        )


def join_trails(trails: list[Trail], num_moments: int) -> list[Track]:
    """The people whose trails these are, the most present and largest first.

    Who was seen at less than three of the ``num_moments`` key frames (at less than half of them, if
    they are fewer than six), or was never seen surely, is left out.
    """
    people = []
    for trail in trails:
        assert trail.look is not None
        people.append(_Person([trail], trail.look, max(trail.num_looks, 1)))
    few = min(_FEW, max(num_moments // 2, 1))
    people = [person for person in _join(people) if _is_somebody(person, few)]
    people.sort(key=lambda person: -person.weight)
    return [person.track() for person in people]


def _is_somebody(person: _Person, few: int) -> bool:
    sureness = [sighting.sureness for sighting in person.sightings]
    return len(sureness) >= few and float(np.mean(sureness)) >= _PERSON


def _join(people: list[_Person]) -> list[_Person]:
    """The likeliest two first, and then again."""
    costs = {(a, b): _join_cost(a, b) for a, b in combinations(people, 2)}
    while costs and min(costs.values()) < np.inf:
        one, other = min(costs, key=lambda pair: costs[pair])
        joined = one.with_other(other)
        people = [person for person in people if person not in (one, other)]
        costs = {pair: cost for pair, cost in costs.items() if not {one, other} & set(pair)}
        costs |= {(person, joined): _join_cost(person, joined) for person in people}
        people.append(joined)
    return people


def _join_cost(one: _Person, other: _Person) -> float:
    """Of taking both for the same person; inf where they cannot be."""
    trails = sorted(one.trails + other.trails, key=lambda trail: trail.first.time_s)
    steps = [
        _step(before, after)
        for before, after in pairwise(trails)
        if (before in one.trails) != (after in one.trails)
    ]
    looks = look_distance(one.look, other.look)
    if looks > min(look_limit for look_limit, _ in steps):
        return np.inf
    return looks + _AWAY_COST * max(away for _, away in steps)


def _step(before: Trail, after: Trail) -> tuple[float, float]:
    """Up to which distance the looks may be of one person, who goes from the end of one trail to
    the start of the other (-inf: nobody can), and how far that is, 0..1 of the possible."""
    end, start = before.last, after.first
    gap_s = start.time_s - end.time_s
    size = np.sqrt(end.size * start.size)
    shifts = (np.zeros(2), before.shift_at(start.time_s))
    off = min(float(np.linalg.norm(start.centre - end.centre - shift)) for shift in shifts) / size
    growth = abs(np.log(start.size / end.size))
    if gap_s <= 0 or off > reach_after(gap_s) or growth > _GROWTH + _GROWTH_PER_S * gap_s:
        return -np.inf, 1.0
    return _BLINK_LOOK if gap_s <= _BLINK_S else _SAME_LOOK, off / reach_after(gap_s)
