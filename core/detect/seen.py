"""Rows of what a network saw: dataclasses whose fields are tensors [N, ...], or None."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

Seen = TypeVar("Seen", bound=Any)


def rows_of(seen: Seen, rows: Tensor) -> Seen:
    """These rows, copied."""
    return _map(seen, lambda value: value[rows])


def put_rows(seen: Seen, rows: Tensor, new: Seen) -> None:
    """Put the rows of ``new`` in the place of ``rows``, in place."""
    for field in fields(seen):
        value = getattr(seen, field.name)
        if value is not None:
            value[rows] = getattr(new, field.name)


def spread_rows(seen: Seen, rows: Tensor, num_rows: int) -> Seen:
    """``num_rows`` rows of zeros with those of ``seen`` at ``rows``."""

    def spread(value: Tensor) -> Tensor:
        wide = torch.zeros(num_rows, *value.shape[1:], dtype=value.dtype, device=value.device)
        wide[rows] = value
        return wide

    return _map(seen, spread)


def blend_rows(looks: list[Seen], shares: Tensor) -> Seen:
    """The mean of several looks at the same N rows, by their shares [looks, N]."""

    def blend(values: list[Tensor]) -> Tensor:
        weights = shares.reshape(*shares.shape, *[1] * (values[0].dim() - 1))
        return (weights * torch.stack(values)).sum(0)

    first = looks[0]
    values = {field.name: [getattr(look, field.name) for look in looks] for field in fields(first)}
    return replace(first, **{name: blend(v) for name, v in values.items() if v[0] is not None})


def _map(seen: Seen, change: Any) -> Seen:
    values = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return replace(seen, **{name: change(v) for name, v in values.items() if v is not None})
