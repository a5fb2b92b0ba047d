"""The body's first guess from the hints, and its alignment with the picture."""

import dataclasses

import numpy as np
import pytest
import torch

from core.body.measures import measure_body
from core.body.skinning import joints_from_pose
from core.lift.rest import reference_body
from core.lift.sts.alignment import align_to_picture
from core.lift.sts.first_guess import first_guess
from core.lift.sts.observation import Observation
from core.lift.sts.points import POINT_NAMES, bones_of, place_points
from core.rotation import matrix_to_rotvec, rotvec_to_matrix
from core.skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX
from tests.core.synthetic import rotations_from

T = 4
PLACE = torch.tensor([0.4, -0.2, 3.0])
POSE = {
    "left_shoulder": (0.3, -0.2, -1.1),
    "right_shoulder": (0.0, 0.0, 0.9),
    "right_elbow": (0.0, 1.3, 0.0),
    "left_hip": (-0.6, 0.0, 0.1),
    "left_knee": (0.9, 0.0, 0.0),
}
FACING = rotvec_to_matrix(torch.tensor([torch.pi, 0.0, 0.0]))  # the camera, upright
NAMED = [i for i, name in enumerate(POINT_NAMES) if name in BODY_LANDMARK_INDEX]
LANDMARKS = [BODY_LANDMARK_INDEX[POINT_NAMES[i]] for i in NAMED]


@pytest.fixture
def turns() -> torch.Tensor:
    """[T, 22, 3, 3] camera from joint."""
    rotations = rotations_from(T, **POSE)
    rotations[:, 0] = FACING
    _, turns = joints_from_pose(reference_body(), np.zeros(10), rotations, torch.zeros(T, 3))
    return turns[:, :22]


@pytest.fixture
def bones() -> torch.Tensor:
    return bones_of(
        torch.from_numpy(np.float32(np.log(measure_body(reference_body(), np.zeros(10)))))
    )


def place(turns: torch.Tensor, bones: torch.Tensor) -> torch.Tensor:
    return place_points(turns[None], bones[None])[0]


def observe_points(points: torch.Tensor) -> Observation:
    """What a perfect detector says of points [T, 35, 3] about the pelvis."""
    seen = points + PLACE
    slopes, hints = torch.zeros(T, 33, 2), torch.zeros(T, 33, 3)
    confidence = torch.zeros(T, 33)
    slopes[:, LANDMARKS] = seen[:, NAMED, :2] / seen[:, NAMED, 2:]
    hints[:, LANDMARKS] = points[:, NAMED]
    confidence[:, LANDMARKS] = 1.0
    given = {
        "time_s": torch.arange(T) / 30,
        "slopes": slopes,
        "hints": hints,
        "confidence": confidence,
        "palm_slopes": torch.zeros(T, 2, 6, 2),
        "palm_hints": torch.zeros(T, 2, 6, 3),
        "palm_confidence": torch.zeros(T, 2),
        "head": torch.eye(3).repeat(T, 1, 1),
        "head_confidence": torch.zeros(T),
    }
    return Observation(**{name: values[None] for name, values in given.items()})


def disturb(turns: torch.Tensor) -> torch.Tensor:
    """Thighs and upper arms turned in the picture's plane, what hangs on them left as it was."""
    wrong = turns.clone()
    for name, angle in (("left_hip", 0.3), ("right_hip", -0.2), ("left_shoulder", 0.25)):
        joint = JOINT_INDEX[name]
        wrong[:, joint] = rotvec_to_matrix(torch.tensor([0.0, 0.0, angle])) @ turns[:, joint]
    return wrong


def test_a_body_beside_its_landmarks_is_brought_onto_them(turns, bones):
    true, wrong = place(turns, bones), place(disturb(turns), bones)
    observation = observe_points(true)
    found = place(align_to_picture(disturb(turns), bones, observation), bones)
    before, after = ((each - true)[..., :2].norm(dim=-1).mean() for each in (wrong, found))
    assert after < before / 5
    assert (found - true).norm(dim=-1).mean() < (wrong - true).norm(dim=-1).mean() / 2


def test_a_body_on_its_landmarks_stays(turns, bones):
    found = align_to_picture(turns, bones, observe_points(place(turns, bones)))
    np.testing.assert_allclose(found, turns, atol=1e-3)


def test_what_comes_out_are_rotations(turns, bones):
    found = align_to_picture(disturb(turns), bones, observe_points(place(turns, bones)))
    np.testing.assert_allclose(found @ found.mT, torch.eye(3).expand_as(found), atol=1e-5)


def test_nothing_seen_changes_nothing(turns, bones):
    seen = observe_points(place(turns, bones))
    unseen = dataclasses.replace(seen, confidence=torch.zeros_like(seen.confidence))
    np.testing.assert_allclose(
        align_to_picture(disturb(turns), bones, unseen), disturb(turns), atol=1e-5
    )


def test_the_less_sure_the_landmarks_the_less_they_pull(turns, bones):
    seen, wrong = observe_points(place(turns, bones)), disturb(turns)
    moved = []
    for trust in (1.0, 0.2, 0.05):
        unsure = dataclasses.replace(seen, confidence=trust * seen.confidence)
        moved.append(float((align_to_picture(wrong, bones, unsure) - wrong).abs().mean()))
    assert moved[0] > moved[1] > 2 * moved[2] > 0


def test_knees_do_not_bend_sideways(turns, bones):
    """An ankle seen beside the leg's plane turns the hip rather than break the knee."""
    observation = observe_points(place(turns, bones))
    observation.slopes[:, :, BODY_LANDMARK_INDEX["right_ankle"], 0] += 0.04
    found = align_to_picture(turns, bones, observation)
    hip, knee = JOINT_INDEX["right_hip"], JOINT_INDEX["right_knee"]
    bend = matrix_to_rotvec(found[:, hip].mT @ found[:, knee])
    swing = matrix_to_rotvec(turns[:, hip].mT @ found[:, hip])
    assert bend[:, 2].abs().max() < swing.norm(dim=-1).min()


def test_the_first_guess_points_every_limb_where_the_hints_do(turns, bones):
    observation = observe_points(place(turns, bones))
    guess = first_guess(observation)[0]
    for joint, end in (("left_hip", "left_knee"), ("right_elbow", "right_wrist")):
        bone = bones[POINT_NAMES.index(end)]
        cosine = torch.nn.functional.cosine_similarity(
            guess[:, JOINT_INDEX[joint]] @ bone, turns[:, JOINT_INDEX[joint]] @ bone, dim=-1
        )
        assert cosine.min() > 0.999
    angle = matrix_to_rotvec(guess.mT @ turns).norm(dim=-1).rad2deg()
    trunk = [JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3")]
    legs = [JOINT_INDEX[name] for name in ("left_hip", "left_knee", "right_hip", "right_knee")]
    assert angle[:, trunk].max() < 12
    assert angle[:, legs].max() < 15


def test_without_hints_there_is_no_first_guess(turns, bones):
    seen = observe_points(place(turns, bones))
    assert (
        first_guess(dataclasses.replace(seen, hints=torch.zeros_like(seen.hints))).abs().max() == 0
    )


def test_a_seen_head_is_taken_as_it_is(turns, bones):
    seen = observe_points(place(turns, bones))
    head = rotvec_to_matrix(torch.tensor([0.3, 2.0, 0.1])).expand(1, T, 3, 3)
    seen = dataclasses.replace(seen, head=head, head_confidence=torch.ones(1, T))
    np.testing.assert_allclose(first_guess(seen)[:, :, JOINT_INDEX["head"]], head, atol=1e-6)
