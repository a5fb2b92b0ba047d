"""The free body's neutral adult, tuned to published anthropometry: the mean of woman and man.

``python -m training.body.neutral`` prints targets and what NEUTRAL reaches; with ``--tune`` it
finds the sliders anew and prints them as NEUTRAL holds them. Sources, conversions: docs/body.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from .phenotype import Phenotype
from .source import Source
from .tuning import Tuner, slider, with_sliders


@dataclass(frozen=True)
class Target:
    """A measure's published mean in women and in men, at a healthy weight."""

    name: str  # as measure.py calls it
    female: float  # m; volume m^3
    male: float
    tolerance: float  # how far the body may be off; a miss of it weighs as much as any other's
    source: str
    is_fitted: bool = True

    @property
    def mean(self) -> float:
        return (self.female + self.male) / 2


TARGETS = (
    Target("stature", 1.6285, 1.7562, 0.003, "ANSUR II"),
    Target("crotch_height", 0.780, 0.845, 0.020, "ANSUR II"),
    Target("hip_height", 0.845, 0.901, 0.010, "ANSUR II, trochanter"),
    Target("ankle_height", 0.063, 0.073, 0.010, "ANSUR II, outer ankle"),
    Target("thigh", 0.382, 0.419, 0.010, "ANSUR II, Dumas"),
    Target("shank", 0.397, 0.424, 0.010, "ANSUR II, Dumas"),
    Target("foot", 0.246, 0.271, 0.006, "ANSUR II"),
    Target("shoulder_height", 1.315, 1.415, 0.020, "ANSUR II, Reed"),
    Target("shoulder_joints", 0.342, 0.389, 0.020, "ANSUR II, OpenSim"),
    Target("upper_arm", 0.255, 0.277, 0.008, "ANSUR II with de Leva, Dumas"),
    Target("forearm", 0.241, 0.268, 0.008, "ANSUR II"),
    Target("hand", 0.180, 0.193, 0.006, "ANSUR II"),
    Target("crown_to_neck", 0.256, 0.275, 0.010, "Dumas"),
    Target("crown_to_eye", 0.109, 0.115, 0.005, "ANSUR II"),
    Target("head_girth", 0.561, 0.574, 0.010, "ANSUR II"),
    Target("neck_girth", 0.310, 0.374, 0.015, "ANSUR II, WHO"),
    Target("chest_girth", 0.847, 0.946, 0.025, "ANSUR II, WHO"),
    Target("waist_girth", 0.753, 0.822, 0.025, "ANSUR II, WHO"),
    Target("hip_girth", 0.948, 0.947, 0.020, "ANSUR II, WHO"),
    Target("hip_breadth", 0.332, 0.324, 0.050, "ANSUR II, WHO"),
    Target("thigh_girth", 0.563, 0.571, 0.020, "ANSUR II, WHO"),
    Target("calf_girth", 0.351, 0.369, 0.010, "ANSUR II, WHO"),
    Target("volume", 0.0577, 0.0671, 0.001, "WHO"),
    # The SMPL family's joints are no anatomical centres (Keller et al. 2023), and poses turn about
    # them: where joints.py puts the hips sideways is not fitted here.
    Target("hip_joints", 0.177, 0.162, 0.030, "Dumas, Reed", is_fitted=False),
)
# The sliders that the targets set; the others stay at MakeHuman's average.
FREE = (
    *("height", "weight"),
    *("legs/measure-upperleg-height", "legs/measure-lowerleg-height"),
    *("arms/measure-upperarm-length", "arms/measure-lowerarm-length"),
    *("hands/{side}-hand-scale", "feet/{side}-foot-scale-depth"),
    *("torso/measure-shoulder-dist", "torso/measure-napetowaist-dist"),
    *("torso/measure-waisttohip-dist", "torso/measure-bust-circ", "torso/measure-waist-circ"),
    *("hip/hip-scale-horiz", "hip/hip-scale-depth"),
    *("neck/measure-neck-height", "neck/measure-neck-circ"),
    *("head/head-scale-horiz", "head/head-scale-vert", "head/head-scale-depth"),
)


def age_slider(years: float) -> float:
    """MakeHuman's age slider for an adult: its young is 25 years old, its old 90."""
    return 2 / 3 + (years - 25) / (90 - 25) / 3


_START = Phenotype(age=age_slider(30), height=0.36)
# What `python -m training.body.neutral --tune` found.
NEUTRAL = with_sliders(
    _START,
    {
        "height": 0.346,
        "weight": 0.536,
        "legs/measure-upperleg-height": 0.510,
        "legs/measure-lowerleg-height": -0.297,
        "arms/measure-upperarm-length": 0.115,
        "arms/measure-lowerarm-length": 0.335,
        "hands/{side}-hand-scale": -0.241,
        "feet/{side}-foot-scale-depth": 0.054,
        "torso/measure-shoulder-dist": 0.011,
        "torso/measure-napetowaist-dist": -0.183,
        "torso/measure-waisttohip-dist": -0.049,
        "torso/measure-bust-circ": -0.368,
        "torso/measure-waist-circ": 0.019,
        "hip/hip-scale-horiz": -0.264,
        "hip/hip-scale-depth": 0.345,
        "neck/measure-neck-height": -0.287,
        "neck/measure-neck-circ": 0.093,
        "head/head-scale-horiz": 0.197,
        "head/head-scale-vert": 0.101,
        "head/head-scale-depth": 0.183,
    },
)


def fitted(column: str = "mean") -> dict[str, tuple[float, float]]:
    """Value ("female", "male" or "mean") and tolerance of each target that is fitted."""
    return {t.name: (getattr(t, column), t.tolerance) for t in TARGETS if t.is_fitted}


def table(reached: Mapping[str, float]) -> str:
    """Markdown: published means, their middle and what was reached, mm (volume: litres)."""
    lines = ["| measure | women | men | target | reached | source |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | --- |")
    for target in TARGETS:
        values = (target.female, target.male, target.mean, reached[target.name])
        digits = 1 if target.name == "volume" else 0
        cells = " | ".join(f"{1e3 * value:.{digits}f}" for value in values)
        name = target.name.replace("_", " ") + ("" if target.is_fitted else " (not fitted)")
        lines.append(f"| {name} | {cells} | {target.source} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.body.neutral", description=__doc__)
    parser.add_argument("--tune", action="store_true", help="find the sliders anew")
    is_tuning = parser.parse_args().tune
    tuner = Tuner(Source())
    person = tuner.tune(_START, FREE, fitted()) if is_tuning else NEUTRAL
    print(table(tuner.measure(person)))
    if is_tuning:
        for name in FREE:
            print(f'    "{name}": {slider(person, name):.3f},')


if __name__ == "__main__":
    main()
