"""Palms of the hand's branch on the forearms of the body's network."""

import numpy as np
import pytest
import torch

from core.lift.rest import rest_bone
from core.lift.sts.parts import HandTurns
from core.lift.sts.wrists import join_palms
from core.rotation import matrix_to_rotvec, rotvec_to_matrix, twist_angle
from core.skeletons import JOINT_INDEX

T, RATE = 20, 10.0
ELBOW, WRIST = JOINT_INDEX["left_elbow"], JOINT_INDEX["left_wrist"]
AXIS = torch.nn.functional.normalize(rest_bone("left_elbow", "left_wrist"), dim=0)
BEND = rotvec_to_matrix(torch.tensor([[0.0, 0.0, 0.6]]))
ALL = torch.ones(T, dtype=torch.bool)


@pytest.fixture
def body() -> torch.Tensor:
    """[T, 22, 3, 3] a T pose turned as a whole."""
    return rotvec_to_matrix(torch.tensor([0.4, 2.0, -0.3])).repeat(T, 22, 1, 1)


def hand_of(palm: torch.Tensor, sigma: float) -> dict[str, HandTurns]:
    fingers = torch.eye(3).repeat(T, 15, 1, 1)
    return {"left": HandTurns(fingers, palm, torch.full((T, 16), sigma))}


def angle(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return matrix_to_rotvec(one.mT @ other).norm(dim=-1)


def test_a_sure_palm_is_taken(body):
    palm = body[:, WRIST] @ BEND
    found = join_palms(body, hand_of(palm, 0.2), {"left": ALL}, RATE)
    assert angle(found[:, WRIST], palm).max() < 1e-3


def test_an_unsure_palm_changes_nothing(body):
    found = join_palms(body, hand_of(body[:, WRIST] @ BEND, 1.5), {"left": ALL}, RATE)
    np.testing.assert_allclose(found, body, atol=1e-3)


def test_pronation_is_shared_by_elbow_and_wrist(body):
    palm = body[:, WRIST] @ rotvec_to_matrix(-1.2 * AXIS)  # palm up
    found = join_palms(body, hand_of(palm, 0.2), {"left": ALL}, RATE)
    turned = twist_angle(body[:, ELBOW].mT @ found[:, ELBOW], AXIS.expand(T, 3))
    np.testing.assert_allclose(turned, np.full(T, -0.6), atol=1e-3)
    assert angle(found[:, WRIST], palm).max() < 1e-3


def test_a_hand_out_of_sight_hands_over_to_the_body_in_half_a_second(body):
    seen = torch.arange(T) < 8
    palm = body[:, WRIST] @ BEND
    found = join_palms(body, hand_of(palm, 0.2), {"left": seen}, RATE)
    off = angle(found[:, WRIST], palm)
    assert off[:8].max() < 1e-3
    assert (torch.diff(off[7:13]) > 0.05).all()
    assert angle(found[13:, WRIST], body[13:, WRIST]).max() < 1e-3


def test_the_other_arm_stays(body):
    found = join_palms(body, hand_of(body[:, WRIST] @ BEND, 0.2), {"left": ALL}, RATE)
    others = [joint for joint in range(22) if joint not in (ELBOW, WRIST)]
    np.testing.assert_array_equal(found[:, others], body[:, others])
