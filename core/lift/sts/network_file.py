"""A trained network and how it was made, in one safetensors file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from .body_network import BodyNetwork, BodyNetworkConfig


def save_network(network: BodyNetwork, path: Path, made_by: dict[str, str]) -> None:
    """``made_by`` (commit, training config ...) goes into the file's metadata."""
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, path, {"network": json.dumps(asdict(network.config)), **made_by})


def load_network(path: Path) -> BodyNetwork:
    with safe_open(path, "pt") as file:
        config = BodyNetworkConfig(**json.loads(file.metadata()["network"]))
    network = BodyNetwork(config)
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return network.eval()
