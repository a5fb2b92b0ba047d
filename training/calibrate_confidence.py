"""How sure the detector may be of its landmarks: fits core/detect/confidence_table.json.

``python -m training.calibrate_confidence --motion FILE --cache FOLDER`` draws pictures that are
hard to read, with known landmarks, looks at them as the detector does (some 20 minutes on two
cores; what was seen stays in the cache), and fits how often landmarks lie where they should.
Prints markdown: everybody's landmarks, judged by a table fitted to other people's. ``--motion`` is
a library of SMPL-X rotations: ``poses`` [T, 22, 3], ``starts`` and ``lengths`` of its takes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from reelrig.core.body.model import load_body
from reelrig.core.detect.bodies import FOUND, is_stolen, see_bodies
from reelrig.core.detect.confidence import (
    TABLE_PATH,
    body_evidence,
    face_evidence,
    hand_evidence,
    landmark_kind,
)
from reelrig.core.detect.engine import Engine, open_engine
from reelrig.core.detect.face import Faces
from reelrig.core.detect.hand import Hands
from reelrig.core.detect.parts import When, see_body_faces, see_body_hands
from reelrig.core.detect.pose import PoseModel, Poses
from reelrig.core.detect.regions import regions_towards, upload
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS, LANDMARK_PARTS

from .hard_pictures import HardPicture, compose_pictures, draw_people

ROOT = Path(__file__).resolve().parent.parent
DEMO_VIDEO = ROOT / ".cache" / "demo.mp4"
MODELS: tuple[PoseModel, ...] = ("lite", "full", "heavy")
NUM_PEOPLE, PICTURES_EACH, SEED = 400, 3, 2
HIT = 0.05  # of the length from head to hips
NUM_FOLDS = 5
RIDGE = 1.0

GROUPS = {
    "face points of the body": ("nose", "eye_inner", "eye", "eye_outer", "ear", "mouth"),
    "shoulders": ("shoulder",),
    "hips": ("hip",),
    "elbows": ("elbow",),
    "wrists": ("wrist",),
    "knuckles of the body": ("pinky", "index", "thumb"),
    "knees": ("knee",),
    "ankles": ("ankle",),
    "heels, toes": ("heel", "foot_index"),
    "hands": ("hand",),
    "face": ("face",),
}
NUM_BINS = 10

_HIPS, _SHOULDERS = (
    [BODY_LANDMARK_INDEX[f"{side}_{at}"] for side in ("left", "right")]
    for at in ("hip", "shoulder")
)
# Between two key frames people are about where the detector expects them: spread of the centre in
# sizes, of the size's logarithm, of the angle in radians.
_REGION_SPREAD = (0.03, 0.03, 0.06, 0.08)
_REGION_TAILS = 4  # degrees of freedom of Student's t
_PARTS: dict[str, type] = {"poses": Poses, "left": Hands, "right": Hands, "faces": Faces}


@dataclass(frozen=True, eq=False)
class Sightings:
    """What the networks saw of N people."""

    poses: Poses
    left: Hands
    right: Hands
    faces: Faces
    miss: Tensor  # [N, 553] how far off, in lengths from head to hips
    person: Tensor  # [N] int, who it was
    is_own: Tensor  # [N] bool, whether a body was seen that is not somebody else's


@dataclass(frozen=True, eq=False)
class Sample:
    """Landmarks of one kind and how sure they could have been known to be right."""

    evidence: Tensor  # [n, E]
    hits: Tensor  # [n, K] 0..1, of landmarks with the same evidence
    person: Tensor  # [n] int
    model: Tensor  # [n] int, number of the pose model


@dataclass(frozen=True, eq=False)
class Curve:
    """A logistic function of evidence."""

    biases: Tensor  # [K]
    slopes: Tensor  # [E]

    def at(self, evidence: Tensor) -> Tensor:
        """[n, K] 0..1"""
        return (self.biases + (evidence @ self.slopes)[:, None]).sigmoid()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motion", type=Path, required=True, help="motion library (.npz)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--video", type=Path, default=DEMO_VIDEO, help="for the backgrounds")
    args = parser.parse_args()
    paths = {model: args.cache / f"sightings_{model}.npz" for model in MODELS}
    if not all(path.exists() for path in paths.values()):
        people = draw_people(load_body(), args.motion, args.cache, NUM_PEOPLE, SEED)
        pictures = compose_pictures(people, args.video, PICTURES_EACH, SEED)
        for model, sightings in see_pictures(pictures).items():
            save_sightings(paths[model], sightings)
    seen = [load_sightings(paths[model]) for model in MODELS]
    samples = gather_samples(seen)
    write_table({name: fit_curve(sample) for name, sample in samples.items()})
    sure = {name: cross_validate(sample) for name, sample in samples.items()}
    print_reliability(sure, samples, seen)


def see_pictures(pictures: Iterable[HardPicture]) -> dict[PoseModel, Sightings]:
    """By pose model, the person in question in every picture."""
    engine = open_engine()
    rng = np.random.default_rng(SEED)
    seen: dict[PoseModel, list[Sightings]] = {model: [] for model in MODELS}
    for picture in pictures:
        region = expect_region(rng, picture.points_px)
        for model, sightings in seen.items():
            sightings.append(see_person(engine, picture, region, model))
    return {model: join(sightings) for model, sightings in seen.items()}


def expect_region(rng: np.random.Generator, points_px: np.ndarray) -> Tensor:
    """[1, 4] where the detector would look for a person with these landmarks [553, 2]."""
    body = points_px[LANDMARK_PARTS["body"]]
    hips, shoulders = body[_HIPS].mean(0), body[_SHOULDERS].mean(0)
    reach = 1.1 * np.linalg.norm(body - hips, axis=1).max()
    end = hips + reach * (shoulders - hips) / np.linalg.norm(shoulders - hips)
    points = torch.from_numpy(np.stack([hips, end])).float()
    region = regions_towards(points[:1], points[1:], scale=1.25)
    off = torch.from_numpy(rng.standard_t(_REGION_TAILS, 4) * _REGION_SPREAD).float()
    region[:, :2] += off[:2] * region[:, 2:3]
    region[:, 2] *= off[2].exp()
    region[:, 3] += off[3]
    return region


def see_person(engine: Engine, picture: HardPicture, region: Tensor, model: PoseModel) -> Sightings:
    """One row."""
    pictures, picture_of = upload(engine, [picture.image]), torch.zeros(1, dtype=torch.long)
    truth = torch.from_numpy(picture.points_px).float()
    others = torch.from_numpy(picture.others_px).float()
    poses = see_bodies(engine, pictures, picture_of, region, model)
    when = When(np.zeros(1, int), np.zeros(1))
    left, right = (
        see_body_hands(engine, pictures, picture_of, poses, side, when)
        for side in ("left", "right")
    )
    faces = see_body_faces(engine, pictures, picture_of, poses, when)
    body_px, body = poses.points[:, :33, :2], LANDMARK_PARTS["body"]
    seen_px = torch.cat([body_px, *(part.points[..., :2] for part in (left, right, faces))], 1)
    is_other = len(others) > 0 and is_stolen(
        body_px, truth[None, body], others[None, :, body], region[:, 2]
    )
    return Sightings(
        poses=poses,
        left=left,
        right=right,
        faces=faces,
        miss=torch.linalg.vector_norm(seen_px - truth, dim=2) / picture.trunk_px,
        person=torch.tensor([picture.person]),
        is_own=(poses.score >= FOUND) & ~torch.as_tensor(is_other),
    )


def join(rows: list[Any]) -> Any:
    """Dataclasses of tensors, or of such dataclasses, put together row by row."""
    first = rows[0]
    if first is None or isinstance(first, Tensor):
        return None if first is None else torch.cat(rows)
    names = [field.name for field in fields(first)]
    return type(first)(**{name: join([getattr(row, name) for row in rows]) for name in names})


def save_sightings(path: Path, sightings: Sightings) -> None:
    arrays = {}
    for field in fields(sightings):
        value = getattr(sightings, field.name)
        if isinstance(value, Tensor):
            arrays[field.name] = value.numpy()
        else:
            for inner in fields(value):
                if getattr(value, inner.name) is not None:
                    arrays[f"{field.name}.{inner.name}"] = getattr(value, inner.name).numpy()
    np.savez(path, **arrays)


def load_sightings(path: Path) -> Sightings:
    with np.load(path, allow_pickle=False) as file:
        tensors = {name: torch.from_numpy(file[name]) for name in file.files}
    parts = {
        part: kind(**{field.name: tensors.get(f"{part}.{field.name}") for field in fields(kind)})
        for part, kind in _PARTS.items()
    }
    return Sightings(**parts, **{name: tensors[name] for name in ("miss", "person", "is_own")})


def gather_samples(seen: list[Sightings]) -> dict[str, Sample]:
    """By kind of landmark, over all models."""
    kinds: dict[str, list[Sample]] = {}
    for model, sightings in enumerate(seen):
        for name, sample in samples_of(sightings, model):
            kinds.setdefault(name, []).append(sample)
    return {name: join(samples) for name, samples in kinds.items()}


def samples_of(seen: Sightings, model: int) -> Iterator[tuple[str, Sample]]:
    hits = (seen.miss <= HIT).float()

    def take(evidence: Tensor, hits: Tensor, rows: Tensor) -> Sample:
        person = seen.person[rows]
        return Sample(evidence[rows], hits[rows], person, torch.full_like(person, model))

    heights = body_evidence(seen.poses)
    for column, name in enumerate(BODY_LANDMARKS):
        one = slice(column, column + 1)
        yield landmark_kind(name), take(heights[:, one], hits[:, one], seen.is_own)
    for side, hands in (("left", seen.left), ("right", seen.right)):
        evidence = hand_evidence(hands, seen.poses, side)
        part = hits[:, LANDMARK_PARTS[f"{side}_hand"]]
        yield "hand", take(evidence, part, seen.is_own & (hands.score >= FOUND))
    evidence = face_evidence(seen.faces, seen.poses)
    part = hits[:, LANDMARK_PARTS["face"]].mean(1, keepdim=True)
    yield "face", take(evidence, part, seen.is_own & (seen.faces.score >= FOUND))


def fit_curve(sample: Sample) -> Curve:
    """The likeliest logistic function that falls nowhere, with a little ridge on its slopes."""
    evidence, hits = (value.double().numpy() for value in (sample.evidence, sample.hits))
    num_slopes, num_biases = evidence.shape[1], hits.shape[1]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        biases, slopes = values[:num_biases], values[num_biases:]
        odds = biases + (evidence @ slopes)[:, None]
        off = 1 / (1 + np.exp(-odds)) - hits
        gradient = np.concatenate([off.sum(0), evidence.T @ off.sum(1) + RIDGE * slopes])
        return float(
            (np.logaddexp(0, odds) - hits * odds).sum() + RIDGE / 2 * slopes @ slopes
        ), gradient

    bounds = [(None, None)] * num_biases + [(0, None)] * num_slopes
    start = np.zeros(num_biases + num_slopes)
    best = torch.from_numpy(np.float32(minimize(loss, start, jac=True, bounds=bounds).x))
    return Curve(best[:num_biases], best[num_biases:])


def cross_validate(sample: Sample) -> Tensor:
    """[n, K] everybody's confidence by a curve that was fitted to other people."""
    sure = torch.zeros_like(sample.hits)
    for fold in range(NUM_FOLDS):
        is_out = sample.person % NUM_FOLDS == fold
        others = Sample(*(getattr(sample, field.name)[~is_out] for field in fields(sample)))
        sure[is_out] = fit_curve(others).at(sample.evidence[is_out])
    return sure


def write_table(curves: dict[str, Curve]) -> None:
    def line(name: str, curve: Curve) -> str:
        values = {
            key: getattr(curve, key).double().numpy().round(3).tolist()
            for key in ("biases", "slopes")
        }
        return json.dumps(name) + ": " + json.dumps(values)

    lines = ",\n".join(line(name, curve) for name, curve in curves.items())
    TABLE_PATH.write_text(f"{{\n{lines}\n}}\n")


def print_reliability(
    sure: dict[str, Tensor], samples: dict[str, Sample], seen: list[Sightings]
) -> None:
    """Of the landmarks with a confidence in each bin, the share of hits; and their number."""
    edges = [f"{i / NUM_BINS:.1f}" for i in range(NUM_BINS + 1)]
    print(f"| | {' | '.join(f'{low} to {high}' for low, high in pairwise(edges))} | error |")
    print("| --- " * (NUM_BINS + 2) + "|")
    for group, kinds in GROUPS.items():
        print_row(group, *together(kinds, sure, samples))
    body = [kind for kind in samples if kind not in ("hand", "face")]
    print_row("all of the body", *together(body, sure, samples))
    for model, name in enumerate(MODELS):
        print_row(f"all of the body, {name}", *together(body, sure, samples, model))
    visibility = torch.cat([each.poses.visibility[each.is_own, :33] for each in seen])
    hits = torch.cat([each.miss[each.is_own, :33] for each in seen]) <= HIT
    print_row("all of the body, by BlazePose's visibility", visibility.flatten(), hits.flatten())


def together(
    kinds: Iterable[str],
    sure: dict[str, Tensor],
    samples: dict[str, Sample],
    model: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Confidence and hits [n] of kinds of landmarks, of one model or all."""
    parts = []
    for kind in kinds:
        rows = slice(None) if model is None else samples[kind].model == model
        parts.append((sure[kind][rows].flatten(), samples[kind].hits[rows].flatten()))
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def print_row(name: str, sure: Tensor, hits: Tensor) -> None:
    """The error is the mean distance of confidence and share, weighted by number."""
    bins = (sure * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    cells, error = [], 0.0
    for i_bin in range(NUM_BINS):
        rows = bins == i_bin
        share = hits[rows].float().mean()
        cells.append(f"{share:.2f} ({rows.sum()})" if rows.any() else "")
        error += float((share - sure[rows].mean()).abs() * rows.sum()) if rows.any() else 0.0
    print(f"| {name} | {' | '.join(cells)} | {error / len(sure):.3f} |")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # bpy 4.5 can hang for ever in its static destructors, so Python's way out is not taken.
    os._exit(0)
