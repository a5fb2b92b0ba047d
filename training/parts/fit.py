"""The training loop that hands and face share: resumable, with a fixed seed, on one core."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "core" / "lift" / "weights"
CHECKPOINTS = ROOT / ".cache" / "sts" / "parts"
_STEPS_BETWEEN_REPORTS, _STEPS_BETWEEN_CHECKPOINTS = 100, 200


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How long and how fast to learn."""

    num_steps: int = 5000
    learning_rate: float = 2e-3  # at its highest: after a short rise it falls as a cosine
    warm_up: float = 0.03  # share of the steps
    weight_decay: float = 1e-3
    largest_gradient: float = 1.0  # norm, beyond it is clipped
    seed: int = 0


Losses = dict[str, Tensor]


def fit(
    model: nn.Module,
    losses_at: Callable[[int], Losses],
    config: FitConfig,
    checkpoint: Path,
) -> None:
    """Train ``model`` on what ``losses_at`` (of the step's number) sums up to.

    Goes on from ``checkpoint`` where it exists. ``losses_at`` must draw by the number of the step,
    so that a run that was interrupted comes out as one that was not.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    first = _resume(model, optimizer, checkpoint) if checkpoint.exists() else 0
    model.train()
    sums: dict[str, float] = {}
    start = time.perf_counter()
    for step in range(first, config.num_steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _pace(step / config.num_steps, config.warm_up)
        losses = losses_at(step)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.largest_gradient)
        optimizer.step()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach()) / _STEPS_BETWEEN_REPORTS
        if (step + 1) % _STEPS_BETWEEN_REPORTS == 0:
            took_s = time.perf_counter() - start
            print(
                step + 1, f"{took_s:.0f} s", *(f"{k} {v:.4f}" for k, v in sums.items()), flush=True
            )
            sums = {}
        if (step + 1) % _STEPS_BETWEEN_CHECKPOINTS == 0:
            _write_checkpoint(model, optimizer, step + 1, checkpoint)
    model.eval()


def _pace(share: float, warm_up: float) -> float:
    if share < warm_up:
        return share / warm_up
    fallen = (share - warm_up) / (1 - warm_up)
    return 0.5 + 0.5 * float(torch.cos(torch.tensor(torch.pi * fallen)))


def _write_checkpoint(
    model: nn.Module, optimizer: torch.optim.Optimizer, step: int, path: Path
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": value for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, {"step": str(step)})
    partial.replace(path)


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> int:
    """The number of steps that were done."""
    tensors = load_file(path)
    model.load_state_dict(
        {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    )
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, i, name = key.split(".")
            states.setdefault(int(i), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})
    with safe_open(path, "pt") as file:
        return int(file.metadata()["step"])


def write_weights(model: nn.Module, config: Any, path: Path) -> None:
    """The weights as they are shipped, with the commit and the config that made them."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"commit": commit, "config": json.dumps(asdict(config), default=_name)}
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path, metadata)


def _name(path: Path) -> str:
    """Of a folder only its name: where it lay on the machine concerns nobody."""
    return path.name
