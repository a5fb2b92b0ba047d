"""Which way is up, and how long the lens is: from a shot's straight lines and upright people.

How well an up direction, a heading and a focal length explain what all pictures show is their
likelihood; what is handed on is a crowd of the cameras that it leaves possible.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..check import check_shape
from ..focal_guess import FocalGuess
from ..landmarks import Landmarks
from .belief import CameraBelief
from .camera_path import CameraPath
from .gravity import up_from_angles
from .lines import built_axes, gather_lines
from .posterior import LogDensity, sample_posterior
from .shot import ShotSightings
from .walkers import find_standing

# How cameras are held: pitch (up is positive) and roll of those that are meant to be about level,
# and of the others.
_PITCH_MEAN, _SHARES = np.radians(-6.0), (0.75, 0.25)
_PITCH_SIGMAS, _ROLL_SIGMAS = np.radians([13.0, 30.0]), np.radians([4.0, 20.0])
_MAX_TILT = np.radians(60.0)
# Of the lines, those that belong to nothing built; and of these, those along the horizon.
_OTHERS, _GRAIN = (0.1, 0.99), (0.05, 0.9)
# By how much all of a scene's uprights may be off together, and right angles be none, which tells
# of a wrong focal length (its logarithm).
_BUILT_SIGMA, _FOCAL_BUILT_SIGMA = np.radians(0.7), 0.03
# By which a lens may show what is one focal length off the middle farther out, or farther in: it
# grows with the square, and is taken for a focal length.
_BEND_SIGMA = 0.08


def find_vertical(
    sightings: ShotSightings,
    people_boxes_px: np.ndarray,
    path: CameraPath,
    focal: FocalGuess,
    people: Sequence[Landmarks] = (),
) -> CameraBelief:
    """``people_boxes_px`` as of ``solve_camera_path``; ``focal`` what is known beforehand."""
    check_shape("people_boxes_px", people_boxes_px, "F P 4", F=len(sightings.time_s))
    lines = gather_lines(sightings, people_boxes_px, path, focal.focal_px)
    upright = find_standing(people, path)

    def log_likelihood(states: np.ndarray) -> np.ndarray:
        pitch, roll, heading, log_focal, others, grain = states.T
        focal_px = focal.focal_px * np.exp(log_focal)
        others, grain = others.clip(*_OTHERS), grain.clip(*_GRAIN)
        by_lines = lines.log_likelihood(pitch, roll, heading, focal_px, others, grain)
        return by_lines + upright.log_likelihood(up_from_angles(pitch, roll), focal_px)

    def log_prior(states: np.ndarray) -> np.ndarray:
        return _log_prior(states, focal.sigma)

    states = sample_posterior(log_likelihood, log_prior, _draw(focal.sigma))
    states, weight = _with_other_ways_up(states, log_likelihood, log_prior)
    return _to_belief(states, weight, focal, sightings.image_size)


def guess_beforehand(focal: FocalGuess, image_size: tuple[int, int]) -> CameraBelief:
    """Of a camera of which nothing but ``focal`` is known."""

    def tell_nothing(states: np.ndarray) -> np.ndarray:
        return np.zeros(len(states))

    def log_prior(states: np.ndarray) -> np.ndarray:
        return _log_prior(states, focal.sigma)

    states = sample_posterior(tell_nothing, log_prior, _draw(focal.sigma))
    weight = np.full(len(states), 1 / len(states))
    return _to_belief(states, weight, focal, image_size)


def _log_prior(states: np.ndarray, focal_sigma: float) -> np.ndarray:
    pitch, roll, heading, log_focal, others, grain = states.T
    density = np.zeros(len(states))
    for pitch_sigma, roll_sigma, share in zip(_PITCH_SIGMAS, _ROLL_SIGMAS, _SHARES, strict=True):
        square = ((pitch - _PITCH_MEAN) / pitch_sigma) ** 2 + (roll / roll_sigma) ** 2
        density += share / (pitch_sigma * roll_sigma) * np.exp(-0.5 * square)
    value = np.log(density + 1e-300)
    value -= 0.5 * (log_focal / focal_sigma) ** 2
    inside = np.cos(pitch) * np.cos(roll) > np.cos(_MAX_TILT)
    # The level directions are the same after each quarter turn; one more on either side leaves no
    # edge within the quarter that is drawn from.
    inside &= np.abs(heading - np.pi / 4) < 3 * np.pi / 4
    for share, (least, most) in ((others, _OTHERS), (grain, _GRAIN)):
        inside &= (share > least) & (share < most)
    return np.where(inside, value, -np.inf)


def _draw(focal_sigma: float):
    """What draws [S, 6] states as the prior has them, if not those that are tilted farthest."""

    def draw(rng: np.random.Generator, count: int) -> np.ndarray:
        kind = (rng.random(count) > _SHARES[0]).astype(int)
        limit = _MAX_TILT / np.sqrt(2)
        states = np.empty((count, 6))
        states[:, 0] = rng.normal(_PITCH_MEAN, _PITCH_SIGMAS[kind]).clip(-limit, limit)
        states[:, 1] = rng.normal(0, _ROLL_SIGMAS[kind]).clip(-limit, limit)
        states[:, 2] = rng.uniform(0, np.pi / 2, count)
        states[:, 3] = rng.normal(0, focal_sigma, count)
        states[:, 4] = rng.uniform(*_OTHERS, count)
        states[:, 5] = rng.uniform(*_GRAIN, count)
        return states

    return draw


def _with_other_ways_up(
    states: np.ndarray, log_likelihood: LogDensity, log_prior: LogDensity
) -> tuple[np.ndarray, np.ndarray]:
    """[3 S, D] the states, and the same with one of the level directions for the upright one.

    Right angles look alike from all sides: samples that have settled on one way up seldom find to
    the next, which bodies may well know to be the right one. [3 S] their weights sum to 1.
    """
    ways = [states, *(_take_for_upright(states, way) for way in (2, 3))]
    log_posterior = np.stack([log_likelihood(way) + log_prior(way) for way in ways])
    log_weight = (log_posterior - log_posterior[0]).ravel()
    weight = np.exp(log_weight - log_weight.max())
    return np.concatenate(ways), weight / weight.sum()


def _take_for_upright(states: np.ndarray, way: int) -> np.ndarray:
    """[S, D] with axis number ``way`` of built_axes for up, and the old up for a level one."""
    axes = built_axes(*states[:, :3].T)
    up = np.copysign(1.0, -axes[:, way, 1:2]) * axes[:, way]
    turned = states.copy()
    turned[:, 0] = np.arcsin(up[:, 2].clip(-1, 1))
    turned[:, 1] = np.arctan2(-up[:, 0], -up[:, 1])
    nowhere = np.zeros(len(turned))
    right, _, _, ahead = built_axes(turned[:, 0], turned[:, 1], nowhere).swapaxes(0, 1)
    level = axes[:, 1]
    turned[:, 2] = np.arctan2((level * ahead).sum(1), (level * right).sum(1)) % (np.pi / 2)
    return turned


def _to_belief(
    states: np.ndarray, weight: np.ndarray, focal: FocalGuess, image_size: tuple[int, int]
) -> CameraBelief:
    """With what the samples do not know of: that nothing is built exactly, and no lens is ideal."""
    off = np.random.default_rng(1).normal(size=(3, len(states)))
    pitch_off, roll_off = _BUILT_SIGMA * off[:2]
    log_focal = np.log(focal.focal_px) + states[:, 3]
    return CameraBelief(
        pitch=states[:, 0] + pitch_off,
        roll=states[:, 1] + roll_off,
        log_focal=log_focal + _unknown_of_lens(log_focal, weight, focal, image_size) * off[2],
        weight=weight,
    )


def _unknown_of_lens(
    log_focal: np.ndarray, weight: np.ndarray, focal: FocalGuess, image_size: tuple[int, int]
) -> float:
    """Sigma by which ``log_focal`` [S] is too narrow, as its lens was taken for ideal."""
    middle = weight @ log_focal
    corner = np.hypot(*image_size) / 2 / np.exp(middle)
    lens = _FOCAL_BUILT_SIGMA**2 + (_BEND_SIGMA * corner**2) ** 2
    found = float(weight @ (log_focal - middle) ** 2)
    known = focal.sigma**2
    # What was seen, with what was known beforehand taken out; put back where the lens is added.
    seen = 1 / max(1 / found - 1 / known, 1e-6)
    wide = 1 / (1 / known + 1 / (seen + lens))
    return float(np.sqrt(max(wide - found, 0.0)))
