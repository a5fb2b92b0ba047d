"""Many clips drawn once and kept, so that training reads instead of draws.

python -m training.bank.pool --mocap FOLDER --out .cache/sts/pool --count 30000
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from . import quaternions
from .bank import Bank
from .clip import Clip

NUM_ROWS = 48
SHARD_CLIPS = 1000
_RATES_HZ = (10.0, 60.0)  # windows of 4.8 to 0.8 seconds
_HELD_OUT_SHARE = 1 / 30
_HELD_OUT_SEED = 1_000_000


def draw_shard(bank: Bank, seed: int, count: int, held_out: bool) -> dict[str, np.ndarray]:
    """``count`` clips as arrays, the first axis counts the clips; the same for the same seed."""
    rng = np.random.default_rng(seed)
    low, high = np.log(_RATES_HZ)
    rates = np.exp(rng.uniform(low, high, count))
    clips = [bank.draw(rng, NUM_ROWS, float(rate), held_out) for rate in rates]
    return {
        "rotvecs": np.stack([_rotvecs(clip) for clip in clips]),
        "pelvis": np.stack([clip.pelvis for clip in clips]).astype(np.float32),
        "arkit": np.stack([clip.arkit for clip in clips]).astype(np.float16),
        "betas": np.stack([clip.betas for clip in clips]).astype(np.float32),
        "rate_hz": rates.astype(np.float32),
        "contacts": np.stack([clip.contacts for clip in clips]).astype(bool),
        "subject": np.array([clip.subject for clip in clips]),
        "kind": np.array([clip.kind for clip in clips]),
    }


def _rotvecs(clip: Clip) -> np.ndarray:
    """[T, 55, 3] rad float16."""
    turns = quaternions.from_matrix(clip.rotations.astype(np.float64))
    return quaternions.to_rotvec(turns).astype(np.float16)


def write_pool(bank: Bank, out: Path, count: int) -> None:
    """``pool_00000.npz`` and so on, and ``held_out.npz``; shards that are there are kept."""
    out.mkdir(parents=True, exist_ok=True)
    shards = [
        (out / f"pool_{i:05d}.npz", i, min(SHARD_CLIPS, count - i * SHARD_CLIPS), False)
        for i in range(-(-count // SHARD_CLIPS))
    ]
    held_out = (out / "held_out.npz", _HELD_OUT_SEED, round(count * _HELD_OUT_SHARE), True)
    for path, seed, size, is_held_out in [held_out, *shards]:
        if path.exists():
            continue
        start = time.perf_counter()
        arrays = draw_shard(bank, seed, size, is_held_out)
        half_written = path.with_suffix(".part")
        with half_written.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(half_written, path)
        print(f"{path.name}: {size} clips, {time.perf_counter() - start:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder of the motion files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=30000)
    arguments = parser.parse_args()
    write_pool(Bank.load(arguments.mocap), arguments.out, arguments.count)


if __name__ == "__main__":
    main()
