"""Samples of what evidence leaves possible, where it may leave several things possible."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# What is narrow is found by many, and held by fewer.
_NUM_FIRST, _NUM_STATES = 12000, 1600
_HALVINGS = 12  # of the search for a step
_NUM_MOVES = 2  # of each state at each step
_KEPT = 0.5  # effective share of the states that a step may leave
_SHORT_MOVE, _LONG_MOVE = 0.3, 1.0  # of the states' spread

LogDensity = Callable[[np.ndarray], np.ndarray]


def sample_posterior(
    log_likelihood: LogDensity,
    log_prior: LogDensity,
    draw: Callable[[np.random.Generator, int], np.ndarray],
) -> np.ndarray:
    """[S, D] states, drawn as the prior has them by ``draw``, then by the evidence as well.

    The evidence comes in little by little; at each step unlikely states give way to likely ones,
    which then move (Del Moral, Doucet and Jasra 2006, "Sequential Monte Carlo samplers"). The same
    evidence gives the same samples.
    """
    rng = np.random.default_rng(0)
    states = draw(rng, _NUM_FIRST)
    prior = log_prior(states)
    states, prior = states[np.isfinite(prior)], prior[np.isfinite(prior)]
    parts = np.array_split(states, _NUM_FIRST // _NUM_STATES)
    likelihood = np.concatenate([log_likelihood(part) for part in parts])
    share = 0.0
    while share < 1.0:
        step = _next_step(likelihood, 1.0 - share)
        share += step
        weight = np.exp(step * (likelihood - likelihood.max()))
        states, likelihood, prior = _keep(rng, weight, states, likelihood, prior)
        spread = np.linalg.cholesky(np.cov(states.T) + 1e-10 * np.eye(states.shape[1]))
        for number in range(_NUM_MOVES):
            size = (_SHORT_MOVE, _LONG_MOVE)[number % 2]
            moved = states + size * rng.normal(size=states.shape) @ spread.T
            moved_likelihood, moved_prior = log_likelihood(moved), log_prior(moved)
            gain = share * (moved_likelihood - likelihood) + moved_prior - prior
            taken = np.log(rng.random(len(states))) < gain
            states = np.where(taken[:, None], moved, states)
            likelihood = np.where(taken, moved_likelihood, likelihood)
            prior = np.where(taken, moved_prior, prior)
    return states


def _keep(rng: np.random.Generator, weight: np.ndarray, *rows: np.ndarray) -> list[np.ndarray]:
    """_NUM_STATES of the rows, drawn by weight, evenly (systematic resampling)."""
    steps = np.cumsum(weight) / weight.sum()
    picked = np.searchsorted(steps, (np.arange(_NUM_STATES) + rng.random()) / _NUM_STATES)
    return [row[np.minimum(picked, len(weight) - 1)] for row in rows]


def _next_step(likelihood: np.ndarray, rest: float) -> float:
    """How much more of the evidence can come in while enough states stay worth something."""
    gain = likelihood - likelihood.max()

    def leaves_enough(step: float) -> bool:
        weight = np.exp(step * gain)
        return weight.sum() ** 2 >= _KEPT * len(weight) * (weight**2).sum()

    if leaves_enough(rest):
        return rest
    low, high = 0.0, rest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if leaves_enough(middle) else (low, middle)
    return high
