"""Pairs of rows and columns at the least total cost."""

from __future__ import annotations

import numpy as np


def match(cost: np.ndarray, limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of ``cost`` [N, M]: the most useful choice, each row and column once.

    A pair is worth ``limit`` less its cost; what is worth nothing stays unpaired.
    """
    num_rows, num_columns = cost.shape
    alone = np.full((num_rows, num_rows), limit)
    columns = assign(np.hstack([np.minimum(cost, 2 * limit), alone]))
    return [(row, int(column)) for row, column in enumerate(columns) if column < num_columns]


def assign(cost: np.ndarray) -> np.ndarray:
    """[N] the column of each row of ``cost`` [N, M >= N], at the least sum.

    The Hungarian method by shortest augmenting paths (Jonker and Volgenant 1987).
    """
    num_rows, num_columns = cost.shape
    row_of = np.full(num_columns, -1)
    row_price, column_price = np.zeros(num_rows), np.zeros(num_columns)
    for first_row in range(num_rows):
        distance = np.full(num_columns, np.inf)
        came_from = np.full(num_columns, -1)
        is_reached = np.zeros(num_columns, bool)
        row, column, reached = first_row, -1, 0.0
        while row >= 0:
            through = reached + cost[row] - row_price[row] - column_price
            is_nearer = ~is_reached & (through < distance)
            distance[is_nearer], came_from[is_nearer] = through[is_nearer], column
            column = int(np.where(is_reached, np.inf, distance).argmin())
            reached, row = distance[column], row_of[column]
            is_reached[column] = True
        gain = np.where(is_reached, reached - distance, 0.0)
        column_price -= gain
        row_price[first_row] += reached
        owned = is_reached & (row_of >= 0)
        row_price[row_of[owned]] += gain[owned]
        while column >= 0:
            before = came_from[column]
            row_of[column] = first_row if before < 0 else row_of[before]
            column = before
    columns = np.full(num_rows, -1)
    columns[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    return columns
