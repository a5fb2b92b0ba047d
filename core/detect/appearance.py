"""What people look like: colours of their clothes and heads, taken along the landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..skeletons import BODY_LANDMARK_INDEX

# Where each patch's colours are taken: lines between two landmarks. Left and right go into one
# patch, and every patch is seen from all sides, so that a look survives turning round.
_PATCHES = {
    "head": (("left_ear", "right_ear"),),
    "torso": (
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("left_shoulder", "right_hip"),
        ("right_shoulder", "left_hip"),
    ),
    "arms": (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow")),
    "thighs": (("left_hip", "left_knee"), ("right_hip", "right_knee")),
    "shins": (("left_knee", "left_ankle"), ("right_knee", "right_ankle")),
}
_ALONG = np.linspace(0.1, 0.9, 12)  # shares of a line's length
_ASIDE = np.array([-0.08, 0.0, 0.08])  # the same, across it

_BINS = 8
_DARK = 60.0  # sum of red, green and blue below which hue is mostly noise
_MIN_WEIGHT = 0.05


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """Colour histograms of P patches, and how well each was seen."""

    histograms: np.ndarray  # [P, 3, bins]: lightness and two hues, each sums to 1
    weight: np.ndarray  # [P] 0..1


def _sample_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmark numbers [N, 2], shares along and across [N, 2] and patch [N] of each sample."""
    ends, shares, patches = [], [], []
    for i_patch, lines in enumerate(_PATCHES.values()):
        for line in lines:
            for along in _ALONG:
                for aside in _ASIDE:
                    ends.append([BODY_LANDMARK_INDEX[name] for name in line])
                    shares.append((along, aside))
                    patches.append(i_patch)
    return np.array(ends), np.array(shares, np.float32), np.array(patches)


_ENDS, _SHARES, _PATCH_OF = _sample_table()


def see_looks(
    pictures: list[Tensor], picture_of: list[int], points: np.ndarray, visibility: np.ndarray
) -> list[Look]:
    """Looks of N people: landmarks ``points`` [N, 33, 2] px, ``visibility`` [N, 33]."""
    colours, inside = _sample_colours(pictures, picture_of, _sample_places(points))
    weight = visibility[:, _ENDS].min(2) * inside  # [N, samples]
    votes = _vote(colours) * weight[:, :, None, None]
    looks = []
    for i_person in range(len(points)):
        histograms = np.zeros((len(_PATCHES), 3, _BINS), np.float32)
        np.add.at(histograms, _PATCH_OF, votes[i_person])
        total = np.bincount(_PATCH_OF, weight[i_person], len(_PATCHES))
        histograms /= np.maximum(total, 1e-6)[:, None, None]
        looks.append(Look(histograms, total / np.bincount(_PATCH_OF)))
    return looks


def _sample_places(points: np.ndarray) -> np.ndarray:
    """[N, samples, 2] px."""
    start, end = points[:, _ENDS[:, 0]], points[:, _ENDS[:, 1]]
    line = end - start
    across = np.stack([-line[..., 1], line[..., 0]], -1)
    return start + _SHARES[:, :1] * line + _SHARES[:, 1:] * across


def _sample_colours(
    pictures: list[Tensor], picture_of: list[int], places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours [N, samples, 3] 0..255 and whether they lie in the picture [N, samples]."""
    if not picture_of:
        return np.zeros((0, len(_ENDS), 3)), np.zeros((0, len(_ENDS)), bool)
    height, width = pictures[0].shape[:2]
    pixels = np.round(places).astype(np.int64)
    clipped = pixels.clip(0, [width - 1, height - 1])
    flat = torch.from_numpy(clipped[..., 1] * width + clipped[..., 0])
    colours = torch.stack(
        [
            pictures[i].reshape(-1, 3)[flat[i_person].to(pictures[i].device)]
            for i_person, i in enumerate(picture_of)
        ]
    )
    return colours.cpu().numpy().astype(np.float32), (pixels == clipped).all(-1)


def _vote(colours: np.ndarray) -> np.ndarray:
    """Share of each colour [..., 3] in the bins of its three histograms [..., 3, bins]."""
    red, green, blue = np.moveaxis(colours, -1, 0)
    total = red + green + blue
    lightness = total / 765.0
    red_green = 0.5 + 3.0 * (red - green) / (total + _DARK)
    yellow_blue = 0.5 + 1.5 * (red + green - 2 * blue) / (total + _DARK)
    values = np.stack([lightness, red_green, yellow_blue], -1).clip(0, 1) * (_BINS - 1)
    return (1 - np.abs(values[..., None] - np.arange(_BINS))).clip(0)


def look_distance(one: Look, other: Look) -> float:
    """0 (alike) .. 1, over the patches that both saw; 0.5 where there are none.

    Hellinger's distance of histograms; squared over the patches, as one other garment is enough.
    """
    weight = np.minimum(one.weight, other.weight)
    if weight.sum() < _MIN_WEIGHT:
        return 0.5
    alike = np.sqrt(one.histograms * other.histograms).sum(2)  # [P, 3]
    distance = np.sqrt((1 - alike).clip(0)).mean(1)
    return float(np.sqrt((distance**2 * weight).sum() / weight.sum()))


def blend_looks(one: Look, other: Look, share: float | np.ndarray) -> Look:
    """The average of two looks, patch by patch; ``share`` is the other's where both saw equally."""
    part = share * other.weight
    rest = (1 - share) * one.weight
    total = np.maximum(part + rest, 1e-6)
    histograms = one.histograms * (rest / total)[:, None, None]
    histograms = histograms + other.histograms * (part / total)[:, None, None]
    return Look(histograms, np.maximum(one.weight, other.weight))
