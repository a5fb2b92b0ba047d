"""Random curves over time, many at once: what makes drawn parts move."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from reelrig.core.rotation import rotvec_to_matrix


def draw_times(generator: Generator, num_windows: int, num_rows: int) -> Tensor:
    """[B, T] s from 0: even rows at rates of 8 to 60 Hz, the middle of them rather slow."""
    rate_hz = 8 * (60 / 8) ** torch.rand(num_windows, 1, generator=generator)
    return torch.arange(num_rows) / rate_hz


def curve(
    generator: Generator, time_s: Tensor, draw: Callable[[int], Tensor], pace_s: float
) -> Tensor:
    """[B, T, ...] values that go from one draw to the next about every ``pace_s``.

    ``draw(n)`` gives [n, ...] values. Each window of ``time_s`` [B, T] has a pace of its own, three
    times slower or faster; between the draws the values rest and set off gently.
    """
    num_windows = len(time_s)
    pace = pace_s * 3 ** (2 * torch.rand(num_windows, 1, generator=generator) - 1)
    phase = time_s / pace + torch.rand(num_windows, 1, generator=generator)
    num_keys = int(phase.max()) + 2
    keys = draw(num_windows * num_keys).unflatten(0, (num_windows, num_keys))
    before = phase.long()
    share = phase - before
    share = share**2 * (3 - 2 * share)
    windows = torch.arange(num_windows)[:, None]
    share = share.reshape(*share.shape, *(1,) * (keys.ndim - 2))
    return keys[windows, before].lerp(keys[windows, before + 1], share)


def noise(generator: Generator, time_s: Tensor, shape: tuple[int, ...], pace_s: float) -> Tensor:
    """[B, T, *shape] of about unit variance, that changes about every ``pace_s``."""
    return curve(
        generator, time_s, lambda n: 1.2 * torch.randn(n, *shape, generator=generator), pace_s
    )


def draw_rotations(generator: Generator, count: int) -> Tensor:
    """[count, 3, 3], even over all rotations (normalised Gaussian quaternions)."""
    w, x, y, z = torch.nn.functional.normalize(
        torch.randn(count, 4, generator=generator), dim=-1
    ).unbind(-1)
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    ]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def wander(generator: Generator, time_s: Tensor, start: Tensor, spread: float) -> Tensor:
    """[B, T, 3, 3] rotations that swing about ``start`` [B, 3, 3] by about ``spread`` rad."""
    turn = noise(generator, time_s, (3,), 0.5)
    amount = spread * torch.rand(len(time_s), 1, 1, generator=generator)
    return start[:, None] @ rotvec_to_matrix(amount * turn)
