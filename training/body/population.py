"""Draws adults of the world: people as sums of the named sliders, with published spreads.

``python -m training.body.population`` compares what it draws with the survey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

from .neutral import NEUTRAL, TARGETS
from .phenotype import Phenotype
from .sliders import read_sliders
from .source import Source
from .tuning import Tuner, with_sliders

# Mean and standard deviation of each slider. +1 is two standard deviations within one sex, but
# legs and MakeHuman's races bring a part of the stature's spread and a centimetre of its mean, and
# frames a part of the mass's spread. The world's adults weigh more than NEUTRAL: a body mass index
# of 24.3 (NCD-RisC 2016), not 21.75.
POPULATION = {
    "stature": (-0.07, 0.33),
    "weight": (0.28, 0.38),
    "muscle": (0.0, 0.4),
    "leg_length": (0.0, 0.5),
    "arm_length": (0.0, 0.5),
    "shoulder_width": (0.0, 0.5),
    "hip_width": (0.0, 0.5),
}
# Stature in metres and the natural logarithm of mass in kilograms: standard deviations within a sex
# (ANSUR II; of women and of mass from the 5th and 95th percentile).
STATURE_SD = {"female": 0.0653, "male": 0.0685}
LOG_MASS_SD = {"female": 0.162, "male": 0.167}
MASS_INDEX = {"female": 24.4, "male": 24.2}  # kg/m^2, of the world's adults (NCD-RisC 2016)

_SEX_SPREAD = 0.1  # how far people are from their sex's end of the gender slider
# MakeHuman's sliders that the named ones leave alone, drawn about NEUTRAL.
_OTHERS = {
    "proportions": 0.1,
    "cupsize": 0.16,
    "firmness": 0.16,
    "hands/{side}-hand-scale": 0.1,
    "feet/{side}-foot-scale-depth": 0.1,
    "torso/measure-napetowaist-dist": 0.1,
    "neck/measure-neck-height": 0.1,
    "neck/measure-neck-circ": 0.1,
    "head/head-scale-horiz": 0.1,
    "head/head-scale-vert": 0.1,
    "head/head-scale-depth": 0.1,
}
_NUMBERS = [field.name for field in fields(Phenotype) if field.name not in ("race", "local")]


def draw_people(count: int, seed: int) -> list[Phenotype]:
    """Adults from 18 to 65 years, women and men in equal parts, of all of MakeHuman's races."""
    rng = np.random.default_rng(seed)
    ends = read_sliders()
    return [_draw(rng, ends, sign) for sign in np.resize([1.0, -1.0], count)]


def _draw(
    rng: np.random.Generator, ends: Mapping[str, tuple[Phenotype, Phenotype]], sex: float
) -> Phenotype:
    amounts = {name: rng.normal(*spread) for name, spread in POPULATION.items()}
    amounts["gender"] = sex * (1 - abs(rng.normal(0, _SEX_SPREAD)))
    amounts["age"] = rng.uniform(-1, 1)
    values = _blend(ends, amounts)
    for name, spread in _OTHERS.items():
        shift = rng.normal(0, spread)
        for one in {name.format(side=side) for side in ("l", "r")}:
            values[one] = values.get(one, 0.0) + shift
    african, asian, caucasian = rng.dirichlet([1, 1, 1])
    person = with_sliders(NEUTRAL, {name: _clip(name, value) for name, value in values.items()})
    return replace(person, race=(african, asian, caucasian))


def _blend(
    ends: Mapping[str, tuple[Phenotype, Phenotype]], amounts: Mapping[str, float]
) -> dict[str, float]:
    """MakeHuman's sliders of the sum of named ``amounts``."""
    start = _values(NEUTRAL)
    values = dict(start)
    for name, amount in amounts.items():
        raised, lowered = ends[name]
        for one, value in _values(raised if amount > 0 else lowered).items():
            values[one] = values.get(one, 0.0) + abs(amount) * (value - start.get(one, 0.0))
    return values


def _values(person: Phenotype) -> dict[str, float]:
    return {name: getattr(person, name) for name in _NUMBERS} | person.local


def _clip(name: str, value: float) -> float:
    lowest = 0.0 if name in _NUMBERS else -1.0
    return float(np.clip(value, lowest, 1.0))


def compare(tuner: Tuner, count: int) -> str:
    """Markdown: stature and mass of drawn people beside the survey's, by sex."""
    stature = next(target for target in TARGETS if target.name == "stature")
    people = [tuner.measure(person) for person in draw_people(count, seed=2)]
    lines = ["| | stature, m | SD | mass, kg | SD of its logarithm |", "| --- |" + " ---: |" * 4]
    for sex, drawn in (("female", people[::2]), ("male", people[1::2])):
        heights = np.array([measures["stature"] for measures in drawn])
        masses = 1e3 * np.array([measures["volume"] for measures in drawn])
        mean = getattr(stature, sex)
        lines.append(
            f"| {sex}, published | {mean:.3f} | {STATURE_SD[sex]:.3f} "
            f"| {MASS_INDEX[sex] * mean**2:.1f} | {LOG_MASS_SD[sex]:.2f} |"
        )
        lines.append(
            f"| {sex}, drawn | {heights.mean():.3f} | {heights.std():.3f} "
            f"| {masses.mean():.1f} | {np.log(masses).std():.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    print(compare(Tuner(Source()), count=400))


if __name__ == "__main__":
    main()
