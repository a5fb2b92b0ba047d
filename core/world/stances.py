"""When a sole stands: contact probabilities made into runs of rows that do not flicker."""

from __future__ import annotations

import numpy as np

from .filters import find_runs

# A run starts where a contact is surer than the first and ends where it is less so than the second.
_SURE, _DOUBTFUL = 0.5, 0.3
_SHORTEST_S, _SHORTEST_GAP_S = 0.07, 0.1
# A sole that is elsewhere in the next row: a cut, or another person.
_CUT_M, _CUT_M_S = 0.25, 12.0

Runs = list[tuple[int, int]]


def find_stances(soles: np.ndarray, contacts: np.ndarray, rate: float) -> list[Runs]:
    """(first, end) rows of the stances of each sole point, CONTACT_NAMES' order.

    ``soles`` [T, 4, 3] m, ``contacts`` [T, 4 or more] 0..1, ``rate`` rows a second.
    """
    cuts = find_cuts(soles.mean(1), rate)
    return [
        split_at(_steady_runs(contacts[:, sole], rate), cuts, max(2, round(_SHORTEST_S * rate)))
        for sole in range(soles.shape[1])
    ]


def find_cuts(path: np.ndarray, rate: float) -> np.ndarray:
    """Rows [C] before which a path [T, 3] m jumps farther than people move."""
    step = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    return 1 + np.flatnonzero(step > max(_CUT_M, _CUT_M_S / rate))


def split_at(runs: Runs, cuts: np.ndarray, shortest: int) -> Runs:
    """The runs cut before the rows ``cuts``, without parts shorter than ``shortest`` rows."""
    parts = []
    for first, end in runs:
        inside = [int(cut) for cut in cuts if first < cut < end]
        parts += list(zip([first, *inside], [*inside, end], strict=True))
    return [(first, end) for first, end in parts if end - first >= shortest]


def _steady_runs(contact: np.ndarray, rate: float) -> Runs:
    """Runs of a contact [T]: with hysteresis, short gaps closed."""
    runs: Runs = []
    for first, end in find_runs(contact > _DOUBTFUL):
        if contact[first:end].max() <= _SURE:
            continue
        if runs and first - runs[-1][1] < _SHORTEST_GAP_S * rate:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((int(first), int(end)))
    return runs
