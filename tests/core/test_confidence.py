"""Confidence: its table, what moves it, and whether it tells what the networks really saw."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from core.detect.bodies import see_bodies
from core.detect.confidence import (
    TABLE_PATH,
    body_confidence,
    face_confidence,
    hand_confidence,
    landmark_kind,
)
from core.detect.engine import open_engine
from core.detect.face import Faces
from core.detect.hand import Hands
from core.detect.pose import Poses
from core.detect.regions import upload
from core.skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS

PX_PER_METRE = 200.0
# The hand's wrist, thumb, index and little finger, and the body's landmarks at these places.
HAND_POINTS = {0: "wrist", 2: "thumb", 5: "index", 17: "pinky"}
FACE_POINTS = {4: "nose", 473: "left_eye", 468: "right_eye", 291: "mouth_left", 61: "mouth_right"}


def make_poses(peak: float = 0.9, num_rows: int = 1) -> Poses:
    """A body whose points in the picture are its points in space, drawn to scale."""
    world = torch.randn(1, 39, 3, generator=torch.Generator().manual_seed(0)).repeat(num_rows, 1, 1)
    full = torch.ones(num_rows, 39)
    return Poses(
        points=world * PX_PER_METRE + 500.0,
        visibility=full,
        presence=full,
        peak=peak * full,
        world=world,
        score=full[:, 0],
        mask=None,
    )


def make_hands(
    poses: Poses, side: str = "left", gap_m: float = 0.03, score: float = 0.95, left: float = 0.95
) -> Hands:
    points = torch.zeros(len(poses.score), 21, 3)
    for number, name in HAND_POINTS.items():
        points[:, number] = poses.points[:, BODY_LANDMARK_INDEX[f"{side}_{name}"]]
    points[..., 0] += gap_m * PX_PER_METRE
    ones = torch.ones(len(points))
    return Hands(points=points, world=points, score=score * ones, left=left * ones)


def make_faces(poses: Poses, gap_m: float = 0.01, score: float = 0.95) -> Faces:
    points = torch.zeros(len(poses.score), 478, 3)
    for number, name in FACE_POINTS.items():
        points[:, number] = poses.points[:, BODY_LANDMARK_INDEX[name]]
    points[..., 0] += gap_m * PX_PER_METRE
    ones = torch.ones(len(points))
    return Faces(points=points, score=score * ones, blendshapes=torch.zeros(len(points), 52))


def test_the_table_has_a_rising_curve_for_every_landmark():
    table = json.loads(TABLE_PATH.read_text())
    assert set(table) == {*map(landmark_kind, BODY_LANDMARKS), "hand", "face"}
    sizes = {name: (len(curve["biases"]), len(curve["slopes"])) for name, curve in table.items()}
    assert sizes.pop("hand") == (21, 4)
    assert sizes.pop("face") == (1, 2)
    assert set(sizes.values()) == {(1, 1)}
    for name, curve in table.items():
        assert min(curve["slopes"]) >= 0, name
        assert max(curve["slopes"]) > 0.2, name


@pytest.mark.parametrize("name", ["left_eye_inner", "mouth_left", "right_foot_index", "nose"])
def test_left_and_right_are_of_one_kind(name):
    assert landmark_kind(name) in ("eye_inner", "mouth", "foot_index", "nose")


def test_a_body_is_as_sure_as_its_heat_maps_are_high():
    sure = torch.cat([body_confidence(make_poses(peak)) for peak in np.linspace(0, 1, 21)])
    assert sure.shape == (21, 33)
    assert (sure.diff(dim=0) >= 0).all()
    assert (sure > 0).all()  # 0 would mean that the landmark was not found
    assert (sure[0] < 0.05).all()
    assert (sure[-1] > 0.85).all()


def test_a_height_that_hits_every_other_time_is_a_confidence_of_a_half():
    # The figure's landmarks with heat maps of about 0.75 lay within 5 % in every other picture.
    limbs = slice(BODY_LANDMARK_INDEX["left_shoulder"], None)
    assert body_confidence(make_poses(0.75))[:, limbs].mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hand_is_surer_the_better_it_fits(side):
    poses = make_poses()
    is_left = 0.95 if side == "left" else 0.05

    def sure(poses: Poses = poses, **changed) -> float:
        hands = make_hands(poses, side, **{"left": is_left, **changed})
        return hand_confidence(hands, poses, side).mean().item()

    assert sure() > 0.85
    for worse in (
        sure(gap_m=0.5),
        sure(score=0.55),
        sure(left=1 - is_left),
        sure(make_poses(0.3)),
    ):
        assert 0 < worse < sure() - 0.02
    assert sure(make_poses(0.3), gap_m=0.5, left=1 - is_left) < 0.3


def test_a_face_elsewhere_than_the_bodys_is_hardly_one():
    poses = make_poses()
    near, far = (
        face_confidence(make_faces(poses, gap_m), poses).mean().item() for gap_m in (0.01, 0.3)
    )
    assert near > 0.9
    assert 0 < far < 0.4


def test_what_was_not_found_has_no_confidence():
    poses = make_poses()
    assert (hand_confidence(make_hands(poses, score=0.4), poses, "left") == 0).all()
    assert (face_confidence(make_faces(poses, score=0.4), poses) == 0).all()


@pytest.mark.filterwarnings("error")
def test_nobody_is_no_rows():
    poses = make_poses(num_rows=0)
    assert body_confidence(poses).shape == (0, 33)
    assert hand_confidence(make_hands(poses), poses, "right").shape == (0, 21)
    assert face_confidence(make_faces(poses), poses).shape == (0, 478)


def test_a_blurred_and_a_covered_landmark_are_in_doubt():
    engine = open_engine("cpu")
    sharp = skimage.data.astronaut()
    covered = sharp.copy()
    covered[150:, 300:] = (120, 130, 140)  # her left arm
    blurred = cv2.GaussianBlur(sharp, (0, 0), 14)
    regions = torch.tensor([[225.0, 480.0, 1150.0, 0.0]]).repeat(3, 1)
    pictures = upload(engine, [sharp, covered, blurred])
    poses = see_bodies(engine, pictures, torch.arange(3), regions, "full")
    face, elbow = (BODY_LANDMARK_INDEX[name] for name in ("nose", "left_elbow"))
    sure = body_confidence(poses)
    assert sure[1, elbow] < 0.7 * sure[0, elbow]
    assert sure[1, face] > 0.5
    assert sure[2, face] < 0.3 < 0.9 < poses.visibility[2, face]  # seen, but where?
