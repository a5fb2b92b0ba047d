"""Straight lines that a camera would see, without any picture."""

import cv2
import numpy as np

from core.world.shot import ShotSightings

SIZE = (480, 270)
MIDDLE = (np.array(SIZE) - 1) / 2
FOCAL_PX = 420.0
FPS = 15.0


def rotate(*degrees):
    return cv2.Rodrigues(np.radians(degrees))[0]


def nobody(sightings):
    return np.full((len(sightings.time_s), 1, 4), np.nan)


def see_lines(lines_px, looks=None, num_looks=1):
    looks = np.zeros(len(lines_px), int) if looks is None else looks
    none = np.zeros(0, int)
    return ShotSightings(
        image_size=SIZE,
        frame_index=np.arange(num_looks),
        time_s=np.arange(num_looks) / FPS,
        match_key=none,
        match_look=none,
        match_point=none,
        key_px=np.zeros((0, 2)),
        look_px=np.zeros((0, 2)),
        line_look=looks,
        line_px=lines_px,
    )


def draw_lines(directions, num, rng):
    """[num, 2, 2] px: seen pieces of edges along ``directions`` [D, 3] in the camera's axes."""
    points = rng.uniform(-MIDDLE * 0.9, MIDDLE * 0.9, (num, 2))
    picked = directions[rng.integers(0, len(directions), num)]
    slants = FOCAL_PX * picked[:, :2] - points * picked[:, 2:]
    slants /= np.linalg.norm(slants, axis=1, keepdims=True)
    half = rng.uniform(12, 50, (num, 1)) * slants
    ends = np.stack([points - half, points + half], 1)
    return ends + rng.normal(0, 0.3, ends.shape) + MIDDLE


def room_axes(pitch_deg, roll_deg, heading_deg=25):
    """[3, 3] up and the two walls' level directions in the camera's axes, one a row."""
    room_from_camera = rotate(0, heading_deg, 0) @ rotate(pitch_deg, 0, 0) @ rotate(0, 0, roll_deg)
    return room_from_camera[[1, 0, 2]]


def angle_deg(one, other):
    return np.degrees(np.arccos(np.clip(one @ other, -1, 1)))
