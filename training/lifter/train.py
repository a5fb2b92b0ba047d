"""Trains the body's network, from the banks to weights. Resumable: the same command goes on.

    python -m training.lifter.train --name ship --pool POOL --detected SHARDS --out FOLDER

Every so often it writes a checkpoint, a line of figures and the curves' picture into FOLDER/NAME;
`training.lifter.export` makes the shipped weights of a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.utils.data import DataLoader

from reelrig.core.body.model import load_body
from reelrig.core.lift.sts.body_network import BodyNetwork, BodyNetworkConfig
from reelrig.core.lift.sts.observation import Observation
from reelrig.core.lift.sts.points import NUM_BODY_JOINTS

from ..synthesis.detected_source import DetectedSource, Sequences, shard_paths
from .batches import Batches
from .config import TrainConfig, config_from
from .curves import draw_curves
from .losses import body_losses
from .score import score_network
from .skeleton import Skeleton
from .team import ALONE, Team
from .truth import Truth

_LOOK_SHARES = (0.4, 1.0)  # of the losses of the first look and of the second
_Values = TypeVar("_Values", Observation, Truth)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training: how, where, on what."""

    config: TrainConfig
    folder: Path  # of its checkpoint and curves
    pool: list[Path]
    detected: Path
    device: str = "cpu"
    every: int = 500  # steps between checkpoints


class Training:
    """The state of one training: network, optimiser, average, step."""

    def __init__(self, config: TrainConfig, device: str, team: Team = ALONE) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self.team = config, device, team
        skeleton = Skeleton(load_body())
        self.network = start_network(config.network, skeleton).to(device)
        self.average = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        decayed = [p for p in self.network.parameters() if p.dim() > 1]
        others = [p for p in self.network.parameters() if p.dim() <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.step = 0
        self.commit = current_commit()  # that the training runs on, whatever happens meanwhile

    def take_step(self, observation: Observation, truth: Truth) -> dict[str, Tensor]:
        config = self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * _rate_at(self.step, config)
        with torch.autocast(self.device, torch.bfloat16):
            looks = self.network.looks(observation)
        weights = asdict(config.losses)
        total, losses = torch.zeros((), device=self.device), {}
        for look, share in zip(looks, (1.0,) if len(looks) == 1 else _LOOK_SHARES, strict=True):
            losses = body_losses(look, observation, truth, config.projection)
            total = total + share * sum(weights[name] * value for name, value in losses.items())
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.team.average(self.network)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        keep = min(config.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                self.average[name].lerp_(parameter, 1 - keep)
        return {name: value.detach() for name, value in losses.items()} | {"total": total.detach()}

    def averaged_network(self) -> BodyNetwork:
        network = BodyNetwork(self.config.network)
        network.load_state_dict({name: value.cpu() for name, value in self.average.items()})
        return network.eval()

    def save(self, path: Path) -> None:
        tensors = {f"average.{name}": value for name, value in self.average.items()}
        tensors |= {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for i, parameter in enumerate(self.network.parameters()):
            state = self.optimiser.state.get(parameter, {})
            tensors |= {f"adam.{i}.{name}": value for name, value in state.items()}
        metadata = {"step": str(self.step), "config": json.dumps(asdict(self.config))}
        metadata["commit"] = self.commit
        part = path.with_suffix(".part")
        save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata)
        part.replace(path)

    def resume(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self.step = int(file.metadata()["step"])
        tensors = load_file(path)
        self.average = {name: tensors[f"average.{name}"].to(self.device) for name in self.average}
        self.network.load_state_dict(
            {name: tensors[f"network.{name}"] for name in self.network.state_dict()}
        )
        for i, parameter in enumerate(self.network.parameters()):
            names = ("step", "exp_avg", "exp_avg_sq")
            self.optimiser.state[parameter] = {n: tensors[f"adam.{i}.{n}"] for n in names}


def start_network(config: BodyNetworkConfig, skeleton: Skeleton) -> BodyNetwork:
    """A network that sees the first guess, or without one the mean person, facing the camera."""
    network = BodyNetwork(config)
    mean = skeleton.proportions(torch.zeros(1, 10), torch.ones(1, 55)).log_measures[0]
    standing = 0.2 * torch.tensor([1.0, 0.0, 0.0, 0.0, -1.0, 0.0]).repeat(NUM_BODY_JOINTS)
    network.start_from(
        {"rotations": standing, "sigma": torch.tensor(math.log(0.1)), "measures": mean}
    )
    return network


def _rate_at(step: int, config: TrainConfig) -> float:
    """Share of the learning rate: a linear rise, then a cosine down to 1 %."""
    if step < config.warm_up:
        return (step + 1) / config.warm_up
    done = min(1.0, (step - config.warm_up) / max(1, config.steps - config.warm_up))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def train(run: Run, num_processes: int = 1) -> None:
    """Train to the config's last step, from the checkpoint in the folder if there is one."""
    run.folder.mkdir(parents=True, exist_ok=True)
    if num_processes == 1:
        _train_member(0, 1, run)
    else:
        spawn(_train_member, (num_processes, run), num_processes)


def _train_member(member: int, num_members: int, run: Run) -> None:
    config, folder, device = run.config, run.folder, run.device
    team = Team(member, num_members)
    if num_members > 1:
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            "gloo", f"file://{folder.resolve()}/team{os.getppid()}", None, num_members, member
        )
    training, checkpoint = Training(config, device, team), folder / "checkpoint.safetensors"
    if checkpoint.exists():
        training.resume(checkpoint)
    held_out = Sequences.load(shard_paths(run.detected, held_out=True))
    seen = DetectedSource(held_out, Skeleton(load_body()), config.seed)
    batches = Batches(config, run.pool, run.detected, training.step, team)
    loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    sums: dict[str, list[Tensor]] = {}
    count, start_s = 0, time.monotonic()
    for observation, truth in loader:
        losses = training.take_step(_send(observation, device), _send(truth, device))
        for name, value in losses.items():  # single images have no movement
            sums.setdefault(name, []).append(value)
        count += 1
        if training.step % run.every == 0 or training.step >= config.steps:
            if member == 0:
                pace = count / (time.monotonic() - start_s)
                scores = score_network(training.averaged_network(), seen)
                means = {name: float(torch.stack(each).mean()) for name, each in sums.items()}
                with (folder / "curves.jsonl").open("a") as log:
                    line = {"step": training.step, "steps_per_s": pace, **means, **scores}
                    log.write(json.dumps(line) + "\n")
                training.save(checkpoint)
                draw_curves(folder / "curves.jsonl", folder / "curves.png")
            sums, count, start_s = {}, 0, time.monotonic()
        if training.step >= config.steps:
            break


def _send(values: _Values, device: str) -> _Values:
    return type(values)(
        **{each.name: getattr(values, each.name).to(device) for each in fields(values)}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="folder of this training in --out")
    parser.add_argument("--pool", type=Path, required=True, help="folder of training.bank.pool")
    parser.add_argument(
        "--detected", type=Path, required=True, help="training.synthesis.detected's"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default="{}", help="JSON of what differs from TrainConfig")
    parser.add_argument("--processes", type=int, default=1, help="one a core on a CPU")
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints")
    args = parser.parse_args()
    run = Run(
        config=config_from(json.loads(args.config)),
        folder=args.out / args.name,
        pool=sorted(args.pool.glob("pool_*.npz")),
        detected=args.detected,
        device="cuda" if torch.cuda.is_available() else "cpu",
        every=args.every,
    )
    train(run, args.processes)


def current_commit() -> str:
    """The repository's commit, marked where files differ from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    return answer.stdout.strip()


if __name__ == "__main__":
    main()
