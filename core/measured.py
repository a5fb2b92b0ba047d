"""What was measured of a take, before any layer that makes a world of it.

It is kept in the motion file, so that the world can be solved anew without looking at the video.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .check import check_shape

# What may touch the ground, in the order of the contacts.
CONTACT_POINTS = ("left_heel", "left_toe", "right_heel", "right_toe")
CONTACT_POINTS += ("left_hand", "right_hand", "left_knee", "right_knee", "seat")


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Measured:
    """One person over T rows as the camera saw them: camera axes x right, y down, z forward."""

    poses: np.ndarray  # [T, 165] rad, axis-angle; joint 0 is camera from body
    pelvis: np.ndarray  # [T, 3] m, the pelvis joint, for the focal length as assumed
    measures: np.ndarray  # [M] m, as the motion's, before the real height was told
    focal_px: np.ndarray  # [T] as assumed
    focal_sigma: float  # of its logarithm
    first_from_camera: np.ndarray  # [T, 3, 3] the first row's camera from each row's
    camera_place: np.ndarray  # [T, 3] m from the first row's camera, in its axes
    up_camera: np.ndarray  # [3] unit, away from the ground, in the first camera's axes
    up_sigma_deg: float  # expected angle between it and the truth
    scale_sigma: float  # of the logarithm of all lengths
    contacts: np.ndarray  # [T, 9] 0..1, CONTACT_POINTS
    # Where there are several people, in the first camera's axes and of this one's size: all places
    # where somebody stood, m, and how long, s; and the place over the world's origin, m.
    shot_stands: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))  # [N, 4]
    shot_origin: np.ndarray = field(default_factory=lambda: np.zeros(3))  # [3]

    def __post_init__(self) -> None:
        num_rows = len(self.poses)
        check_shape("measured_poses", self.poses, "T 165")
        check_shape("measured_pelvis", self.pelvis, "T 3", T=num_rows)
        check_shape("measured_focal_px", self.focal_px, "T", T=num_rows)
        check_shape("measured_first_from_camera", self.first_from_camera, "T 3 3", T=num_rows)
        check_shape("measured_camera_place", self.camera_place, "T 3", T=num_rows)
        check_shape("measured_up_camera", self.up_camera, "3")
        check_shape("measured_contacts", self.contacts, "T 9", T=num_rows)
        check_shape("measured_shot_stands", self.shot_stands, "N 4")
        check_shape("measured_shot_origin", self.shot_origin, "3")
