"""All that the body network's weights depend on beside the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reelrig.core.lift.sts.body_network import BodyNetworkConfig

from .losses import LossWeights, Projection


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How the body's network is trained."""

    network: BodyNetworkConfig = field(default_factory=BodyNetworkConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    steps: int = 15_000
    # Rows of a window, one of these a batch, and how many batches of ten have it. Short windows
    # show more people at the same cost, long ones more movement.
    rows: tuple[tuple[int, int], ...] = ((1, 1), (8, 3), (16, 3), (32, 3))
    batch_rows: int = 1536  # of all people of a batch
    most_people: int = 192
    detected_share: float = 0.25  # of a batch: people that the detector saw on renders
    learning_rate: float = 8e-4
    warm_up: int = 300
    weight_decay: float = 0.02
    averaging: float = 0.999  # of the weights that are kept (exponential moving average)
    projection: Projection = "d2s"
    hint_dropping: float = 0.1  # share of people whose 3D hints are withheld
    part_dropping: float = 0.15  # share of people of whom a limb or the head is withheld
    seed: int = 5


def config_from(values: dict[str, Any]) -> TrainConfig:
    """The config with these values in place of its own."""
    values = dict(values)
    network = BodyNetworkConfig(**values.pop("network", {}))
    losses = LossWeights(**values.pop("losses", {}))
    if "rows" in values:
        values["rows"] = tuple(tuple(pair) for pair in values["rows"])
    return TrainConfig(network=network, losses=losses, **values)
