"""Trains the body's network, from the banks to weights. Resumable: the same command goes on.

    python -m training.lifter.train --name ship --pool POOL --detected SHARDS --out FOLDER

Every so often it writes a checkpoint, a line of figures and the curves' picture into FOLDER/NAME;
`training.lifter.export` makes the shipped weights of a checkpoint.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.utils.data import DataLoader, IterableDataset

from reelrig.core.body.model import load_body
from reelrig.core.lift.sts.body_network import BodyNetwork, BodyNetworkConfig
from reelrig.core.lift.sts.observation import Observation
from reelrig.core.lift.sts.points import NUM_BODY_JOINTS
from reelrig.core.skeletons import BODY_LANDMARKS

from ..synthesis.detected_source import DetectedSource, Sequences, measure_errors, shard_paths
from ..synthesis.geometric import GeometricSource, Pool
from .curves import draw_curves
from .losses import LossWeights, Projection, body_losses
from .score import score_network
from .skeleton import Skeleton
from .truth import Truth


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All that the weights depend on beside the data."""

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


@dataclass(frozen=True)
class Team:
    """Processes that share each step's people: on a CPU two of one thread beat one of two."""

    member: int = 0
    size: int = 1

    def average(self, network: BodyNetwork) -> None:
        """Give everybody the mean of all members' gradients."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        parts = (flat / self.size).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


_SEEDS_A_MEMBER = 1_000_000
_BATCHES_BETWEEN_LOOKS = 600  # for shards that were written meanwhile
_LOOK_SHARES = (0.4, 1.0)  # of the losses of the first look and of the second
_Values = TypeVar("_Values", Observation, Truth)


class _Batches(IterableDataset):
    """Endless batches, drawn beside the training in a process of their own."""

    def __init__(
        self, config: TrainConfig, pool: list[Path], detected: Path, first: int, team: Team
    ) -> None:
        self.config, self.pool, self.detected = config, pool, detected
        self.first, self.team = first, team  # number of the first batch

    def __iter__(self) -> Iterator[tuple[Observation, Truth]]:
        torch.set_num_threads(1)
        config, skeleton = self.config, Skeleton(load_body())
        most_rows, most_people = (
            count // self.team.size for count in (config.batch_rows, config.most_people)
        )
        pool, shards = Pool.load(self.pool), shard_paths(self.detected, held_out=False)
        drawn, seen = self._open(pool, shards, skeleton, 0)
        generator = torch.Generator().manual_seed(self._seed(0))
        # The same for the whole team, so that nobody waits for a batch that takes longer.
        of_rows = torch.Generator().manual_seed(config.seed + self.first)
        choices = [rows for rows, share in config.rows for _ in range(share)]
        for number in itertools.count(1):
            if number % _BATCHES_BETWEEN_LOOKS == 0:
                now = shard_paths(self.detected, held_out=False)
                if len(now) > len(shards):
                    shards = now
                    drawn, seen = self._open(pool, shards, skeleton, number)
            rows = choices[int(torch.randint(len(choices), (), generator=of_rows))]
            people = min(most_people, most_rows // rows)
            num_seen = round(config.detected_share * people)
            parts = [
                source.draw(count, rows)
                for source, count in ((drawn, people - num_seen), (seen, num_seen))
                if count
            ]
            observation = _join([part[0] for part in parts])
            yield _withhold(observation, config, generator), Truth.joined([p[1] for p in parts])

    def _open(
        self, pool: Pool, shards: list[Path], skeleton: Skeleton, number: int
    ) -> tuple[GeometricSource, DetectedSource]:
        sequences = Sequences.load(shards)
        errors = measure_errors(sequences, skeleton)
        seed = self._seed(number)
        return (
            GeometricSource(pool, skeleton, errors, seed),
            DetectedSource(sequences, skeleton, seed),
        )

    def _seed(self, number: int) -> int:
        """A different one for everybody and wherever a training goes on."""
        return self.config.seed + self.first + number + _SEEDS_A_MEMBER * self.team.member


def _join(parts: list[Observation]) -> Observation:
    return Observation(
        **{
            each.name: torch.cat([getattr(part, each.name) for part in parts])
            for each in fields(Observation)
        }
    )


def _withhold(
    observation: Observation, config: TrainConfig, generator: torch.Generator
) -> Observation:
    """Without the hints of some people, and without a limb or the head of others."""
    count = len(observation.time_s)
    has_hints = torch.rand(count, generator=generator) >= config.hint_dropping
    is_hidden = torch.rand(count, generator=generator) < config.part_dropping
    part = _PARTS[torch.randint(len(_PARTS), (count,), generator=generator)]
    is_left = ~(part & is_hidden[:, None])[:, None]
    return replace(
        observation,
        hints=observation.hints * has_hints[:, None, None, None],
        head_confidence=observation.head_confidence * has_hints[:, None],
        confidence=observation.confidence * is_left,
    )


def _parts() -> Tensor:
    """[5, 33] bool: landmarks of the head, of each arm below the shoulder, and of each leg."""
    parts = torch.zeros(5, len(BODY_LANDMARKS), dtype=torch.bool)
    for row, name in enumerate(BODY_LANDMARKS):
        side = 0 if name.startswith("left") else 1
        if row < BODY_LANDMARKS.index("left_shoulder"):
            parts[0, row] = True
        elif name.endswith(("elbow", "wrist", "pinky", "index", "thumb")):
            is_foot = name.endswith("foot_index")
            parts[(3 if is_foot else 1) + side, row] = True
        elif name.endswith(("knee", "ankle", "heel")):
            parts[3 + side, row] = True
    return parts


_PARTS = _parts()


class Training:
    """The state of one training: network, optimiser, average, step."""

    def __init__(self, config: TrainConfig, device: str, team: Team = Team()) -> None:
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


def train(
    config: TrainConfig,
    folder: Path,
    pool: list[Path],
    detected: Path,
    *,
    device: str,
    every: int,
    num_processes: int = 1,
) -> None:
    """Train to the config's last step, from the checkpoint in ``folder`` if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = (num_processes, config, folder, pool, detected, device, every)
    if num_processes == 1:
        _train_member(0, *arguments)
    else:
        spawn(_train_member, arguments, num_processes)


def _train_member(
    member: int,
    num_members: int,
    config: TrainConfig,
    folder: Path,
    pool: list[Path],
    detected: Path,
    device: str,
    every: int,
) -> None:
    team = Team(member, num_members)
    if num_members > 1:
        torch.set_num_threads(1)
        torch.distributed.init_process_group(
            "gloo", f"file://{folder.resolve()}/team{os.getppid()}", None, num_members, member
        )
    training, checkpoint = Training(config, device, team), folder / "checkpoint.safetensors"
    if checkpoint.exists():
        training.resume(checkpoint)
    held_out = Sequences.load(shard_paths(detected, held_out=True))
    seen = DetectedSource(held_out, Skeleton(load_body()), config.seed)
    batches = _Batches(config, pool, detected, training.step, team)
    loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)
    sums: dict[str, list[Tensor]] = {}
    count, start_s = 0, time.monotonic()
    for observation, truth in loader:
        losses = training.take_step(_send(observation, device), _send(truth, device))
        for name, value in losses.items():  # single images have no movement
            sums.setdefault(name, []).append(value)
        count += 1
        if training.step % every == 0 or training.step >= config.steps:
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
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pool = sorted(args.pool.glob("pool_*.npz"))
    config = config_from(json.loads(args.config))
    train(
        config,
        args.out / args.name,
        pool,
        args.detected,
        device=device,
        every=args.every,
        num_processes=args.processes,
    )


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


def config_from(values: dict) -> TrainConfig:
    """The config with these values in place of its own."""
    values = dict(values)
    network = BodyNetworkConfig(**values.pop("network", {}))
    losses = LossWeights(**values.pop("losses", {}))
    if "rows" in values:
        values["rows"] = tuple(tuple(pair) for pair in values["rows"])
    return TrainConfig(network=network, losses=losses, **values)


if __name__ == "__main__":
    main()
