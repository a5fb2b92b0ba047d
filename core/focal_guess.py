"""A focal length as somebody tells it, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Of the logarithm: videos are taken with 16 to 135 mm mostly, the middle is about the diagonal.
_USUAL_SIGMA = 0.5
_OWN_WORD_SIGMA = 0.03  # of somebody who knows the camera


@dataclass(frozen=True, slots=True)
class FocalGuess:
    """One witness of the focal length of a shot's first picture."""

    focal_px: float
    sigma: float  # of its logarithm


def usual_focal(image_size: tuple[int, int]) -> FocalGuess:
    """What is known of a lens of which nothing is known: 43 mm on 35 mm film, give or take."""
    return FocalGuess(float(np.hypot(*image_size)), _USUAL_SIGMA)


def given_focal(focal_px: float) -> FocalGuess:
    """By the user's own word."""
    return FocalGuess(focal_px, _OWN_WORD_SIGMA)
