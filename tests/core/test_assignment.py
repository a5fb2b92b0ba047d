"""Rows and columns paired at the least cost."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from core.detect.assignment import assign, match


@pytest.mark.parametrize("seed", range(40))
def test_the_sum_is_scipys(seed):
    rng = np.random.default_rng(seed)
    num_rows = int(rng.integers(1, 9))
    cost = rng.normal(scale=3.0, size=(num_rows, num_rows + int(rng.integers(0, 5))))
    if seed % 2:
        cost = cost.round()  # with ties
    columns = assign(cost)
    assert len(set(columns)) == num_rows
    best = cost[linear_sum_assignment(cost)].sum()
    assert cost[np.arange(num_rows), columns].sum() == pytest.approx(best)


def test_a_pair_above_the_limit_stays_apart():
    cost = np.array([[1.0, 9.0], [2.0, np.inf], [8.0, 3.0]])
    assert match(cost, limit=5.0) == [(0, 0), (2, 1)]


def test_two_fair_pairs_are_worth_more_than_one_good_one():
    assert match(np.array([[0.0, 2.0], [1.0, 6.0]]), limit=5.0) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_is_paired_with_nobody(shape):
    assert match(np.zeros(shape), limit=5.0) == []
