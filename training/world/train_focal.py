"""Trains the focal length from body distortion: ``python -m training.world.train_focal``.

    python -m training.world.train_focal --pool POOL --detected SHARDS --people FOLDER

``weak`` is the paper's way: nothing but the people's landmarks is to be met, in the box and in the
whole picture, by the body as it was lifted; it ships. ``direct`` learns the drawn cameras' focal
lengths, to compare. Prints both ways' errors on held-out people by class of focal length.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from reelrig.core.rotation import swing_between
from reelrig.core.world.focal import WEIGHTS_PATH, FocalFromBody, ToldFocal

from ..bank.cameras import SENSOR_MM
from ..parts.fit import FitConfig, Losses, fit, write_weights
from .seen_people import NUM_ROWS, PeopleSource, SeenPeople, add_source_arguments

_CHECKPOINTS = Path(__file__).parents[2] / ".cache" / "world"
_ROWS = (4, 16, 32)  # of a batch
_SURE = 0.05  # confidence from which a landmark counts
_SEEDS_PER_RUN = 1_000_000
_CLASSES_MM = (24, 35, 50, 85, 201)


@dataclass(frozen=True, kw_only=True)
class FocalConfig:
    """What the network learns from."""

    fit: FitConfig = field(default_factory=lambda: FitConfig(num_steps=2500, weight_decay=0.05))
    people: PeopleSource


def tell(network: FocalFromBody, people: SeenPeople, rows: Tensor) -> ToldFocal:
    """Of the ``rows`` [T]."""
    picture = people.picture / people.assumed_px[:, None]
    at = (people.features, people.place, people.scale)
    return network(*(values[:, rows] for values in at), picture)


def reprojection_losses(told: ToldFocal, people: SeenPeople, rows: Tensor) -> Losses:
    """By how much the lifted points miss their landmarks, in halves of the box.

    In the box, each row seen from its own distance; in the whole picture, by the shot's lens.
    """
    points, seen = people.points[:, rows], people.seen[:, rows]
    trust = people.seen_confidence[:, rows] * (people.seen_confidence[:, rows] > _SURE)
    scale = people.scale[:, rows]
    crop = _project(points, seen, trust, scale, told.distance_m)
    # The same body at the distance that the shot's one focal length puts it.
    ratio = told.log_ratio.exp()[:, None]
    half = people.place[:, rows, 2]
    turn = swing_between(torch.tensor([0.0, 0.0, 1.0]), _ray(people.place[:, rows]))
    turned, pixels = points @ turn.mT, _to_picture(seen, turn, half)
    distance = ratio / (scale * half)
    full = _place(turned, pixels / ratio[..., None, None], trust, distance)
    full = (full * ratio[..., None, None] - pixels) / half[..., None, None]
    return {"crop": _mean(crop - seen, trust), "full": _mean(full, trust)}


def _ray(place: Tensor) -> Tensor:
    return nn.functional.pad(place[..., :2], (0, 1), value=1.0)


def _to_picture(seen: Tensor, turn: Tensor, half: Tensor) -> Tensor:
    """[B, T, K, 2] slopes in the camera of places ``seen`` in the view's picture."""
    rays = nn.functional.pad(seen * half[..., None, None], (0, 1), value=1.0) @ turn.mT
    return rays[..., :2] / rays[..., 2:].clamp_min(0.1)


def _project(
    points: Tensor, seen: Tensor, trust: Tensor, scale: Tensor, distance: Tensor
) -> Tensor:
    """[B, T, K, 2] D2S projection, shifted to where the landmarks are."""
    away = distance[..., None]
    ratio = (away / (away + points[..., 2]).clamp_min(0.1 * away))[..., None]
    flat = scale[..., None, None] * points[..., :2]
    weight = trust[..., None]
    missed = (weight * ratio * (seen - ratio * flat)).sum(-2, keepdim=True)
    shift = missed / (weight * ratio**2).sum(-2, keepdim=True).clamp_min(1e-6)
    return ratio * (flat + shift)


def _place(points: Tensor, slopes: Tensor, trust: Tensor, distance: Tensor) -> Tensor:
    """[B, T, K, 2] slopes of the points [B, T, K, 3] at a distance, shifted to the landmarks."""
    depth = (distance[..., None] + points[..., 2]).clamp_min(0.1)[..., None]
    weight = trust[..., None] / depth**2
    missed = (weight * (slopes * depth - points[..., :2])).sum(-2, keepdim=True)
    shift = missed / weight.sum(-2, keepdim=True).clamp_min(1e-6)
    return (points[..., :2] + shift) / depth


def _mean(missed: Tensor, trust: Tensor) -> Tensor:
    return (missed.abs().clamp(max=1).sum(-1) * trust).sum() / trust.sum().clamp_min(1e-6)


def train(config: FocalConfig, way: str) -> FocalFromBody:
    torch.manual_seed(config.fit.seed)
    source = config.people
    drawn, rendered = source.load("drawn"), source.load("rendered")
    network, generator = FocalFromBody(), torch.Generator()

    def losses_at(step: int) -> Losses:
        generator.manual_seed(_SEEDS_PER_RUN * config.fit.seed + step)
        people = source.draw(drawn, rendered, generator)
        num_rows = _ROWS[int(torch.randint(len(_ROWS), (), generator=generator))]
        rows = torch.randperm(NUM_ROWS, generator=generator)[:num_rows]
        told = tell(network, people, rows)
        truth = _log_ratio(people)
        if way == "direct":
            return {"focal": nn.functional.huber_loss(told.log_ratio, truth)}
        return reprojection_losses(told, people, rows)

    fit(network, losses_at, config.fit, _CHECKPOINTS / f"focal_{way}.safetensors")
    return network


@torch.no_grad()
def calibrate(network: FocalFromBody, config: FocalConfig) -> None:
    """Measure how what it tells goes with the truth, on people it was not trained on."""
    told, truth = [], []
    for name in ("drawn_held_out", "rendered_held_out"):
        people = config.people.load(name)
        people = _unknown(people.take(torch.arange(len(people))))
        told.append(tell(network, people, torch.arange(NUM_ROWS)).log_ratio)
        truth.append(_log_ratio(people))
    found, true = torch.cat(told), torch.cat(truth)
    gain = float(np.polyfit(true, found, 1)[0])
    network.gain.fill_(gain)
    network.offset.copy_((found - gain * true).mean())
    network.noise.copy_((found - gain * true).std())


def _log_ratio(people: SeenPeople) -> Tensor:
    """[B] of the true focal length to the assumed one."""
    return (people.true_px.mean(1) / people.assumed_px).log()


def _unknown(people: SeenPeople) -> SeenPeople:
    """Those whose focal length was assumed to be the usual one."""
    usual = torch.linalg.vector_norm(people.picture, dim=-1)
    return people.take(torch.nonzero((people.assumed_px / usual - 1).abs() < 1e-4)[:, 0])


@torch.no_grad()
def measure(network: FocalFromBody, people: SeenPeople) -> None:
    """Prints the errors where the focal length is not known, beside those of the usual one."""
    people, rows = _unknown(people), torch.arange(NUM_ROWS)
    told, truth = tell(network, people, rows), _log_ratio(people)
    focal_mm = people.true_px.mean(1) / people.picture.amax(-1) * SENSOR_MM
    print("  | mm | shots | median error % | of the usual one % |")
    print("  | --- | --- | --- | --- |")
    classes = [*itertools.pairwise(_CLASSES_MM), (_CLASSES_MM[0], _CLASSES_MM[-1])]
    for low, high in classes:
        of = (focal_mm >= low) & (focal_mm < high)
        errors = (told.log_ratio - truth, truth)
        own, other = (100 * (error[of].abs().exp() - 1).median() for error in errors)
        print(f"  | {low} to {high} | {int(of.sum())} | {own:.1f} | {other:.1f} |")
    corr = np.corrcoef(told.log_ratio, truth)[0, 1]
    zero = ToldFocal(1 / (people.scale * people.place[..., 2]), 0 * truth)
    at_truth = truth[:, None].exp() / (people.scale * people.place[..., 2])
    true = ToldFocal(at_truth, truth)
    for name, each in (("network", told), ("usual", zero), ("true", true)):
        losses = {
            k: round(100 * float(v), 3) for k, v in reprojection_losses(each, people, rows).items()
        }
        print(f"  {name}: misses in % of half the box {losses}")
    print(f"  correlation {corr:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_arguments(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = PeopleSource(pool=args.pool, detected=args.detected, kept=args.people)
    config = FocalConfig(people=source)
    for way in ("weak", "direct"):
        network = train(config, way)
        for name in ("drawn_held_out", "rendered_held_out"):
            print(f"{way}, {name}")
            people = source.load(name)
            measure(network, people.take(torch.arange(len(people))))
        if way == "weak":
            calibrate(network, config)
            write_weights(network, config, WEIGHTS_PATH)


if __name__ == "__main__":
    main()
