"""The named shape sliders: the people at +1 and at -1 of each, relative to NEUTRAL.

+1 and -1 are two standard deviations of adults of one sex, where a survey gives one (docs/body.md).
Each end was found as NEUTRAL was: by measures. ``python -m training.body.sliders`` prints what each
slider does; with ``--tune [NAME ...]`` it finds ends anew and writes them to sliders.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from .neutral import FREE, NEUTRAL, age_slider, fitted
from .phenotype import Phenotype
from .source import Source
from .tuning import Tuner, slider, with_sliders

_ENDS_PATH = Path(__file__).with_suffix(".json")  # {slider: [values at +1, values at -1]}

# Two standard deviations within one sex (ANSUR II); of limbs those that are left among people of
# one stature, to which they correlate with 0.8 to 0.9.
_STATURE = 0.134  # m
_MASS = 0.33  # natural logarithm
_LEG, _UPPER_ARM, _FOREARM = 0.050, 0.021, 0.018  # m, hip to ankle; shoulder to elbow; to wrist
# Of breadths as much as MakeHuman's targets reach both ways, about one and a half.
_SHOULDERS, _HIPS = 0.025, 0.030  # m, between the shoulder joints; across the hips

# Log-log slopes of girths on the chest's among people of one stature (ANSUR II), and of mass.
_GIRTH_SLOPES = {
    "chest_girth": 1.0,
    "waist_girth": 1.2,
    "hip_girth": 0.66,
    "thigh_girth": 0.8,
    "calf_girth": 0.55,
    "neck_girth": 0.54,
}
_MASS_SLOPE = 1.7
_FLESHY = (*_GIRTH_SLOPES, "hip_breadth", "volume")
_FLESH = (
    *("weight", "torso/measure-bust-circ", "torso/measure-waist-circ", "torso/measure-hips-circ"),
    *("legs/measure-thigh-circ", "legs/measure-calf-circ", "neck/measure-neck-circ"),
    *("arms/measure-upperarm-circ", "hip/hip-scale-depth"),
)
_LENGTHS = tuple(name for name in FREE if name != "weight")

Targets = dict[str, tuple[float, float]]


def _stature(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
    """All in proportion, the head half as much (ANSUR II: slope 0.5); the mass index stays."""
    scale = 1 + sign * _STATURE / now["stature"][0]
    powers = {"volume": 2.0, "head_girth": 0.5, "crown_to_eye": 0.5}
    powers |= dict.fromkeys(_GIRTH_SLOPES, 0.5) | {"hip_breadth": 0.7}
    return {}, FREE, {n: (v * scale ** powers.get(n, 1.0), tol) for n, (v, tol) in now.items()}


def _weight(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
    chest = np.exp(sign * _MASS / _MASS_SLOPE)
    girths = {n: (now[n][0] * chest**slope, now[n][1]) for n, slope in _GIRTH_SLOPES.items()}
    volume = {"volume": (now["volume"][0] * np.exp(sign * _MASS), now["volume"][1])}
    return {}, _FLESH, girths | volume


def _muscle(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
    """Muscle for fat: the mass stays."""
    return (
        {"muscle": (1 + sign) / 2},
        ("weight", *_LENGTHS),
        _bones(now) | {"volume": now["volume"]},
    )


def _gender(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
    """The mean woman and the mean man."""
    return {"gender": (1 + sign) / 2}, FREE, fitted("female" if sign > 0 else "male")


def _age(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
    """Eighty years and eighteen, on the same bones."""
    return {"age": age_slider(80 if sign > 0 else 18)}, _LENGTHS, _bones(now)


def _bones(now: Targets) -> Targets:
    return {name: goal for name, goal in now.items() if name not in _FLESHY}


def _longer(**metres: float) -> Callable:
    def change(now: Targets, sign: float) -> tuple[dict[str, float], tuple[str, ...], Targets]:
        moved = {name: (now[name][0] + sign * d, 0.001) for name, d in metres.items()}
        return {}, tuple(_MOVED_BY[name] for name in metres), moved

    return change


_MOVED_BY = {
    "thigh": "legs/measure-upperleg-height",
    "shank": "legs/measure-lowerleg-height",
    "upper_arm": "arms/measure-upperarm-length",
    "forearm": "arms/measure-lowerarm-length",
    "shoulder_joints": "torso/measure-shoulder-dist",
    "hip_breadth": "hip/hip-scale-horiz",
}
# Given NEUTRAL's measures and the end's sign: sliders that are set, that are free, and the targets.
_CHANGES: dict[str, Callable] = {
    "stature": _stature,
    "weight": _weight,
    "muscle": _muscle,
    "gender": _gender,
    "age": _age,
    "leg_length": _longer(thigh=_LEG / 2, shank=_LEG / 2),
    "arm_length": _longer(upper_arm=_UPPER_ARM, forearm=_FOREARM),
    "shoulder_width": _longer(shoulder_joints=_SHOULDERS),
    "hip_width": _longer(hip_breadth=_HIPS),
}


def read_sliders() -> dict[str, tuple[Phenotype, Phenotype]]:
    """By name: the person at +1 and the person at -1."""
    ends = json.loads(_ENDS_PATH.read_text())
    return {
        name: (with_sliders(NEUTRAL, raised), with_sliders(NEUTRAL, lowered))
        for name, (raised, lowered) in ends.items()
    }


def tune_sliders(tuner: Tuner, names: Iterable[str]) -> dict[str, list[dict[str, float]]]:
    """By name: the sliders at +1 and at -1 that differ from NEUTRAL's."""
    measures = tuner.measure(NEUTRAL)
    now = {name: (measures[name], tolerance) for name, (_, tolerance) in fitted().items()}
    now |= {name: (measures[name], 0.003) for name in ("shoulder_joints", "hip_joints")}
    ends = {}
    for name in names:
        ends[name] = []
        for sign in (1.0, -1.0):
            fixed, free, targets = _CHANGES[name](now, sign)
            person = tuner.tune(with_sliders(NEUTRAL, fixed), free, targets)
            ends[name].append({n: float(slider(person, n)) for n in (*fixed, *free)})
    return ends


def table(tuner: Tuner) -> str:
    """Markdown: what each slider changes, and how far the joints move seen from the pelvis."""
    names = ("stature", "thigh", "shank", "upper_arm", "forearm", "shoulder_joints", "hip_breadth")
    names = (*names, "waist_girth", "volume")
    here, joints = tuner.measure(NEUTRAL), _joints_from_pelvis(tuner, NEUTRAL)
    lines = ["| slider | " + " | ".join(n.replace("_", " ") for n in names) + " | joints |"]
    lines.append("| --- |" + " ---: |" * (len(names) + 1))
    for slider_name, ends in read_sliders().items():
        for sign, person in zip("+-", ends, strict=True):
            there = tuner.measure(person)
            moved = np.linalg.norm(_joints_from_pelvis(tuner, person) - joints, axis=1).max()
            cells = [f"{1e3 * (there[n] - here[n]):+.0f}" for n in names] + [f"{1e3 * moved:.0f}"]
            lines.append(f"| {slider_name} {sign}1 | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _joints_from_pelvis(tuner: Tuner, person: Phenotype) -> np.ndarray:
    joints = tuner.figure(person).joints
    return joints - joints[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.body.sliders", description=__doc__)
    parser.add_argument("--tune", nargs="*", choices=list(_CHANGES), help="none named: all")
    chosen = parser.parse_args().tune
    tuner = Tuner(Source())
    if chosen is not None:
        ends = json.loads(_ENDS_PATH.read_text()) | tune_sliders(tuner, chosen or _CHANGES)
        _ENDS_PATH.write_text(json.dumps(ends, indent=1) + "\n")
    print(table(tuner))


if __name__ == "__main__":
    main()
