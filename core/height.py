"""The person's real height, which one camera cannot tell: it sets the size of everything."""

from __future__ import annotations

import numpy as np

from .body.measures import MEASURE_NAMES, measure_body, solve_betas
from .body.model import BodyModel

# Betas have standard deviation 1 over people; farther out a body is no human shape any more.
_LARGEST_BETA = 6.0
# The betas' prior pulls each solve back by a part of what is missing, some 5 %.
_NUM_SOLVES = 4
_STATURE = MEASURE_NAMES.index("stature")


def grow_to_height(
    betas: np.ndarray, body: BodyModel, height_m: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Betas [10] and measures [M] m of the same person ``height_m`` tall, and how much larger.

    ``betas`` are those so far. A body that cannot get there stops at the last human shape; its
    stature is then the one among the measures.
    """
    before = measure_body(body, betas)
    goal = before * height_m / before[_STATURE]
    for _ in range(_NUM_SOLVES):
        betas = solve_betas(body, MEASURE_NAMES, goal)
        goal = goal * height_m / measure_body(body, betas)[_STATURE]
    betas = betas * min(1.0, _LARGEST_BETA / np.abs(betas).max())
    measures = measure_body(body, betas)
    return betas, measures, float(measures[_STATURE] / before[_STATURE])
