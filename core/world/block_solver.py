"""Least squares over a whole take: systems that link each row with its neighbours only."""

from __future__ import annotations

import numpy as np


def solve_block_tridiagonal(
    diagonal: np.ndarray, upper: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """[N, n] solution of a symmetric positive definite system of N x N blocks.

    ``diagonal`` [N, n, n], ``upper`` [N - 1, n, n] the blocks (i, i + 1), ``right`` [N, n], or [N,
    n, k] for k solutions. Cyclic reduction (Golub & Van Loan, "Matrix Computations", section
    4.5.4): every other block is eliminated at once, so that numpy does all the work in a few long
    calls.
    """
    if right.ndim == 2:
        return solve_block_tridiagonal(diagonal, upper, right[..., None])[..., 0]
    if len(diagonal) == 1:
        return np.linalg.solve(diagonal, right)
    size = right.shape[1]
    before, after = upper[::2], upper[1::2]  # of the odd rows: to the row before, to that after
    has_next = len(after)
    sides = np.zeros((len(before), size, 2 * size + right.shape[2]))
    sides[..., :size] = before.transpose(0, 2, 1)
    sides[:has_next, :, size : 2 * size] = after
    sides[..., 2 * size :] = right[1::2]
    solved = np.linalg.solve(diagonal[1::2], sides)
    from_before, from_after, alone = np.split(solved, [size, 2 * size], axis=2)

    even, even_right = diagonal[::2].copy(), right[::2].copy()
    even[: len(before)] -= before @ from_before
    even_right[: len(before)] -= before @ alone
    after_t = after.transpose(0, 2, 1)
    even[1 : 1 + has_next] -= after_t @ from_after[:has_next]
    even_right[1 : 1 + has_next] -= after_t @ alone[:has_next]
    linked = -(before @ from_after)[:has_next]

    solution = np.empty_like(right)
    solution[::2] = solve_block_tridiagonal(even, linked, even_right)
    solution[1::2] = alone - from_before @ solution[: 2 * len(before) : 2]
    solution[1 : 2 * has_next : 2] -= from_after[:has_next] @ solution[2 : 2 * has_next + 1 : 2]
    return solution
