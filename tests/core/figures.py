"""Made-up people: landmarks and pictures of somebody who stands."""

from __future__ import annotations

import cv2
import numpy as np

from core.skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS

Colour = tuple[int, int, int]

# Place of the left landmark (the right one is its mirror image), in regions' sizes from the nose.
_PLACES = {
    "nose": (0.0, 0.0),
    **dict.fromkeys(("eye", "eye_inner", "eye_outer"), (0.02, -0.02)),
    "ear": (0.04, -0.01),
    "mouth": (0.015, 0.02),
    "shoulder": (0.08, 0.1),
    "elbow": (0.12, 0.24),
    **dict.fromkeys(("wrist", "pinky", "index", "thumb"), (0.13, 0.38)),
    "hip": (0.05, 0.36),
    "knee": (0.055, 0.56),
    **dict.fromkeys(("ankle", "heel", "foot_index"), (0.06, 0.76)),
}


def _place(name: str) -> tuple[float, float]:
    part = name.replace("left_", "").replace("right_", "").replace("mouth_", "mouth")
    x, y = _PLACES[part.removesuffix("left").removesuffix("right")]
    return (x if "left" in name else -x), y


STANDING = np.array([_place(name) for name in BODY_LANDMARKS], np.float32)
"""[33, 2] landmarks in regions' sizes from the nose."""


def paint(points: np.ndarray, shirt: Colour, trousers: Colour, light: float = 1.0) -> np.ndarray:
    """[H, W, 3] uint8 of a figure with these landmarks [33, 2] px."""
    image = np.full((480, 400, 3), (90, 120, 80), np.uint8)
    at = {name: points[i].round().astype(int).tolist() for name, i in BODY_LANDMARK_INDEX.items()}
    width = int(0.1 * np.ptp(points[:, 1]))
    for side in ("left", "right"):
        for start, end in (("hip", "knee"), ("knee", "ankle")):
            cv2.line(image, at[f"{side}_{start}"], at[f"{side}_{end}"], trousers, width)
        cv2.line(image, at[f"{side}_shoulder"], at[f"{side}_elbow"], shirt, width)
    corners = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    cv2.fillPoly(image, [np.array([at[name] for name in corners])], shirt)
    cv2.circle(image, at["nose"], width, (200, 160, 140), -1)
    return (image * light).round().astype(np.uint8)
