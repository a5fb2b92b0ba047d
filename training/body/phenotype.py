"""People of all kinds: MakeHuman's phenotype sliders blended into base-mesh vertices.

A phenotype's targets are named by one value of each of a few variables (such as
universal-female-young-maxmuscle-minweight). Each target counts by the product of its values'
shares, and a slider's share falls linearly from one of its anchors to the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .source import Source

# Values of each variable and where on its slider they stand. Children are left out.
_ANCHORS: dict[str, dict[str, float]] = {
    "gender": {"male": 0.0, "female": 1.0},
    "age": {"child": 1 / 3, "young": 2 / 3, "old": 1.0},
    "muscle": {"minmuscle": 0.0, "averagemuscle": 0.5, "maxmuscle": 1.0},
    "weight": {"minweight": 0.0, "averageweight": 0.5, "maxweight": 1.0},
    "height": {"minheight": 0.0, "maxheight": 1.0},
    "proportions": {"idealproportions": 0.0, "uncommonproportions": 1.0},
    "cupsize": {"mincup": 0.0, "averagecup": 0.5, "maxcup": 1.0},
    "firmness": {"minfirmness": 0.0, "averagefirmness": 0.5, "maxfirmness": 1.0},
}
_RACES = ("african", "asian", "caucasian")


@dataclass(frozen=True)
class Phenotype:
    """Sliders of one person; 0..1, age from 2/3 (young) to 1 (old)."""

    gender: float = 0.5  # 0 male, 1 female
    age: float = 2 / 3
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5
    cupsize: float = 0.5
    firmness: float = 0.5
    race: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)  # african, asian, caucasian
    # Amounts of single targets by name, such as {"arms/measure-upperarm-length": -0.3}; below zero
    # the target's counterpart is taken.
    local: dict[str, float] = field(default_factory=dict)


class People:
    """Base-mesh vertices of any phenotype."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._local: dict[str, np.ndarray] = {}

    def vertices(self, person: Phenotype) -> np.ndarray:
        """[19158, 3] m, in MakeHuman's A-pose."""
        keys, targets = self._blend_targets
        share = _shares(person)
        shares = np.array([np.prod([share[value] for value in key]) for key in keys], np.float32)
        used = np.flatnonzero(shares)
        vertices = self._source.base.vertices + np.tensordot(shares[used], targets[used], 1)
        for name, amount in person.local.items():
            if amount:
                vertices = vertices + abs(amount) * self._local_target(name, amount)
        return vertices

    def _local_target(self, name: str, amount: float) -> np.ndarray:
        for raised, lowered in (("-incr", "-decr"), ("-up", "-down"), ("-out", "-in")):
            if self._source.has_target(name + raised):
                name += raised if amount > 0 else lowered
                break
        if name not in self._local:
            self._local[name] = self._source.target(name)
        return self._local[name]

    @cached_property
    def _blend_targets(self) -> tuple[list[tuple[str, ...]], np.ndarray]:
        """Values and offsets [N, 19158, 3] of all adult and half-grown targets."""
        named = list(self._named_targets())
        offsets = [self._source.target(name).astype(np.float32) for _, name in named]
        return [key for key, _ in named], np.stack(offsets)

    def _named_targets(self) -> Iterator[tuple[tuple[str, ...], str]]:
        macro = "macrodetails"
        kinds = ("gender", "age", "muscle", "weight")
        for key in itertools.product(*(_ANCHORS[kind] for kind in kinds)):
            name = "-".join(key)
            yield key, f"{macro}/universal-{name}"
            for kind in ("height", "proportions"):
                for value in _ANCHORS[kind]:
                    yield (*key, value), f"{macro}/{kind}/{name}-{value}"
            for cup, firmness in itertools.product(_ANCHORS["cupsize"], _ANCHORS["firmness"]):
                breast = f"breast/{name}-{cup}-{firmness}"
                if self._source.has_target(breast):
                    yield (*key, cup, firmness), breast
        for key in itertools.product(_RACES, _ANCHORS["gender"], _ANCHORS["age"]):
            yield key, f"{macro}/{'-'.join(key)}"


def _shares(person: Phenotype) -> dict[str, float]:
    """The share of every value of every variable in a person."""
    race = np.array(person.race) / sum(person.race)
    shares: dict[str, float] = dict(zip(_RACES, race.tolist(), strict=True))
    for variable, anchors in _ANCHORS.items():
        shares.update(_interpolate(getattr(person, variable), anchors))
    return shares


def _interpolate(value: float, anchors: dict[str, float]) -> dict[str, float]:
    """Shares of the anchors: linear between the two beside ``value``, zero elsewhere."""
    places = np.array(list(anchors.values()))
    shares = [np.interp(value, places, column) for column in np.eye(len(places))]
    return dict(zip(anchors, shares, strict=True))
