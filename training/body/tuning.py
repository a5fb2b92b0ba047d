"""Finds the sliders of a person who has given measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np
from scipy.optimize import least_squares

from .joints import JointFinder
from .measure import Figure, measure
from .phenotype import People, Phenotype
from .rest_pose import RestPoser
from .source import Source

_FIELDS = {field.name for field in fields(Phenotype)}
_STEP = 0.02  # of a slider, for the derivatives
# A single target's slider that goes so far counts as a miss by one tolerance: what the measures
# leave open stays as it was.
_LOCAL_SPREAD = 0.5


def with_sliders(person: Phenotype, values: Mapping[str, float]) -> Phenotype:
    """``person`` with sliders set: fields of Phenotype, or single targets by name.

    ``{side}`` in a name stands for both sides of the body.
    """
    local = dict(person.local)
    for name, value in values.items():
        if name not in _FIELDS:
            local |= {name.format(side=side): value for side in ("l", "r")}
    return replace(person, **{n: v for n, v in values.items() if n in _FIELDS}, local=local)


def slider(person: Phenotype, name: str) -> float:
    """The value of a slider, by the names of ``with_sliders``."""
    if name in _FIELDS:
        return getattr(person, name)
    return person.local.get(name.format(side="l"), 0.0)


class Tuner:
    """Measures people, and finds people by their measures."""

    def __init__(self, source: Source) -> None:
        self._people, self._poser = People(source), RestPoser(source)
        self._finder = JointFinder(source)
        quads = source.base.quads["body"]
        self._triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])

    def figure(self, person: Phenotype) -> Figure:
        rest = self._poser.pose(self._people.vertices(person))
        return Figure(rest.vertices, self._triangles, self._finder.joints(rest))

    def measure(self, person: Phenotype) -> dict[str, float]:
        return measure(self.figure(person))

    def tune(
        self,
        person: Phenotype,
        free: Sequence[str],
        targets: Mapping[str, tuple[float, float]],
    ) -> Phenotype:
        """``person`` with the sliders ``free`` moved to meet ``targets`` (measure, tolerance).

        Least squares of the misses over their tolerances; fields stay in 0..1, single targets in
        -1..1.
        """
        wanted, tolerances = np.array(list(targets.values())).T

        def person_of(values: np.ndarray) -> Phenotype:
            return with_sliders(person, dict(zip(free, values, strict=True)))

        def misses(values: np.ndarray) -> np.ndarray:
            measures = self.measure(person_of(values))
            reached = np.array([measures[name] for name in targets])
            moved = (values - start)[is_local] / _LOCAL_SPREAD
            return np.append((reached - wanted) / tolerances, moved)

        def slopes(values: np.ndarray) -> np.ndarray:
            here = misses(values)
            # A slider at its upper stop is moved down instead.
            steps = np.where(values + _STEP > highest, -_STEP, _STEP)
            moved = [misses(values + row) for row in np.diag(steps)]
            return (np.stack(moved, axis=1) - here[:, None]) / steps

        is_local = np.array([name not in _FIELDS for name in free])
        lowest, highest = np.where(is_local, -1.0, 0.0), np.ones(len(free))
        start = np.clip([slider(person, name) for name in free], lowest + 1e-3, highest - 1e-3)
        # scipy's stub knows only the names of its own derivatives
        found = least_squares(
            misses,
            start,
            jac=slopes,  # pyright: ignore[reportArgumentType]
            bounds=(lowest, highest),
            xtol=1e-3,
            max_nfev=15,
        )
        return person_of(found.x.round(3))
