"""Makes the shipped weights of a checkpoint: its averaged weights in half precision.

    python -m training.lifter.export FOLDER/NAME/checkpoint.safetensors

The file's metadata say which commit and config made them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from reelrig.core.lift.sts.body_network import BodyNetwork
from reelrig.core.lift.sts.lifter import BODY_WEIGHTS
from reelrig.core.lift.sts.network_file import save_network

from .config import config_from


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=BODY_WEIGHTS)
    args = parser.parse_args()
    with safe_open(args.checkpoint, "pt") as file:
        made_by = {name: file.metadata()[name] for name in ("config", "step", "commit")}
    save_network(load_average(args.checkpoint), args.out, made_by)


def load_average(checkpoint: Path) -> BodyNetwork:
    """The averaged network of a checkpoint of training.lifter.train."""
    with safe_open(checkpoint, "pt") as file:
        config = config_from(json.loads(file.metadata()["config"]))
    network = BodyNetwork(config.network)
    prefix = "average."
    network.load_state_dict(
        {
            name.removeprefix(prefix): value
            for name, value in load_file(checkpoint).items()
            if name.startswith(prefix)
        }
    )
    return network.eval()


if __name__ == "__main__":
    main()
