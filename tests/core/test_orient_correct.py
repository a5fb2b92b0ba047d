"""Up by the people of a shot: on what a perfect detector would see of a body, in tilted cameras."""

import dataclasses

import numpy as np
import pytest
import torch

from core.camera_motion import BodySight
from core.lift.sts.lifter import StsLifter
from core.rotation import rotvec_to_matrix
from core.world.focal import FocalFromBody, tell_focal
from core.world.gravity import UpGuess, to_angles
from core.world.orient_correct import (
    OrientCorrect,
    PersonRows,
    SeenPerson,
    angles_of_up,
    correct_up,
    up_from_angles,
    upright_from_up,
)

from .synthetic import IMAGE_SIZE, landmarks_of, rotations_from

T = 24
FOCAL_PX = float(np.hypot(*IMAGE_SIZE))
PICTURE = torch.tensor(IMAGE_SIZE) / FOCAL_PX
STILL = np.tile(np.eye(3), (T, 1, 1))
LEVEL = UpGuess(np.array([0.0, -1.0, 0.0]), np.radians(16.0), np.radians(8.0))
GENERATOR = torch.Generator().manual_seed(1)


def stroller():
    swing = np.sin(np.linspace(0, 6, T))[:, None]
    return rotations_from(
        T,
        left_hip=swing * [0.5, 0, 0],
        right_hip=-swing * [0.5, 0, 0],
        left_knee=[0.3, 0, 0] * (1 - swing),
        left_shoulder=[0, 0, -1.2],
        right_shoulder=[0, 0, 1.2],
    )


def seen_by_rolled_camera(angle):
    """Somebody upright, the camera rolled clockwise by ``angle``: all turns the other way."""
    landmarks = landmarks_of(stroller())
    turn = rotvec_to_matrix(torch.tensor([0.0, 0.0, -angle])).numpy()
    middle = np.array(IMAGE_SIZE) / 2
    rolled = dataclasses.replace(
        landmarks,
        points_px=np.float32((landmarks.points_px - middle) @ turn[:2, :2].T + middle),
        hints=np.float32(landmarks.hints @ turn.T),
    )
    motion = StsLifter().lift(rolled, 30.0, FOCAL_PX)
    assert motion.sight is not None
    return SeenPerson(motion.sight, motion.rotations[:, 0], torch.ones(T, dtype=torch.bool))


def random_rows(num_rows=6, sigma=0.1):
    def unit(*shape):
        return torch.nn.functional.normalize(torch.randn(*shape, generator=GENERATOR), dim=-1)

    up = torch.tensor([[0.1, -0.9, 0.2]])
    return PersonRows(
        features=torch.randn(1, num_rows, 320, generator=GENERATOR),
        body_up=torch.tensor([0.0, -1.0, 0.0]) + 0.1 * unit(1, num_rows, 3),
        up=torch.nn.functional.normalize(up, dim=-1),
        sigma_rad=torch.full((1, 2), sigma),
        place=torch.rand(1, num_rows, 3, generator=GENERATOR),
        picture=PICTURE[None],
        turns=rotvec_to_matrix(torch.randn(1, num_rows, 3, generator=GENERATOR)),
    )


def test_angles_and_up_are_each_others_inverse_and_agree_with_numpys():
    up = np.array([0.3, -0.8, 0.4]) / np.linalg.norm([0.3, -0.8, 0.4])
    angles = angles_of_up(torch.from_numpy(up))
    np.testing.assert_allclose(angles.numpy(), to_angles(up), atol=1e-12)
    np.testing.assert_allclose(up_from_angles(angles).numpy(), up, atol=1e-12)


def test_upright_axes_are_a_rotation_with_up_as_z():
    up = torch.nn.functional.normalize(torch.tensor([0.3, -0.8, 0.4]), dim=-1)
    turn = upright_from_up(up)
    torch.testing.assert_close(turn @ turn.mT, torch.eye(3), atol=1e-6, rtol=0)
    assert torch.linalg.det(turn) == pytest.approx(1)
    torch.testing.assert_close(turn @ up, torch.tensor([0.0, 0.0, 1.0]), atol=1e-6, rtol=0)
    assert (turn @ torch.tensor([0.0, 0.0, 1.0]))[0] == pytest.approx(0, abs=1e-6)  # ahead is y


@torch.no_grad()
def test_an_untrained_network_weighs_guess_and_body_by_their_sigmas():
    rows = random_rows(sigma=0.14)
    told = OrientCorrect().eval()(rows)
    body = torch.nn.functional.normalize(rows.body_up.mean(1), dim=-1)
    middle = (angles_of_up(rows.up) + angles_of_up(body)) / 2  # both equally sure
    torch.testing.assert_close(told.angles, middle)
    torch.testing.assert_close(told.sigma_rad, torch.full((1, 2), 0.14 / 2**0.5))
    expected = upright_from_up(up_from_angles(middle))[:, None] @ rows.turns
    torch.testing.assert_close(told.turns, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_rows_in_another_order_tell_the_same():
    network = OrientCorrect().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=GENERATOR)
    rows, order = random_rows(), torch.tensor([3, 1, 5, 0, 2, 4])
    per_row = ("features", "body_up", "place", "turns")
    mixed = dataclasses.replace(rows, **{name: getattr(rows, name)[:, order] for name in per_row})
    one, other = network(rows), network(mixed)
    torch.testing.assert_close(one.angles, other.angles)
    torch.testing.assert_close(one.turns[:, order], other.turns)


@pytest.mark.parametrize("roll_deg", [-18.0, 12.0])
def test_a_rolled_camera_is_seen_by_the_body_alone(roll_deg):
    person = seen_by_rolled_camera(np.radians(roll_deg))
    found = correct_up([person], STILL, LEVEL, PICTURE)
    _, roll = to_angles(found.up_camera)
    assert np.degrees(roll) == pytest.approx(roll_deg, abs=5)
    assert 0 < found.roll_sigma_rad < LEVEL.roll_sigma_rad


def test_a_sure_guess_stands_whatever_the_body_says():
    person = seen_by_rolled_camera(np.radians(15.0))
    guess = UpGuess(np.array([0.0, -1.0, 0.0]), np.radians(0.5), np.radians(0.5))
    found = correct_up([person], STILL, guess, PICTURE)
    assert np.degrees(np.arccos(found.up_camera @ guess.up_camera)) < 1


def test_two_views_of_one_person_tell_what_one_tells():
    person = seen_by_rolled_camera(np.radians(10.0))
    one = correct_up([person], STILL, LEVEL, PICTURE)
    both = correct_up([person, person], STILL, LEVEL, PICTURE)
    np.testing.assert_allclose(one.up_camera, both.up_camera, atol=1e-5)


def test_a_camera_that_turns_is_brought_back_to_the_first_row():
    person = seen_by_rolled_camera(0.0)
    back = rotvec_to_matrix(torch.linspace(0, 0.3, T)[:, None] * torch.tensor([0.0, 0.0, 1.0]))
    sight = person.sight
    turned = SeenPerson(
        BodySight(
            sight.features, (back.mT @ sight.up[..., None])[..., 0], sight.place, sight.scale
        ),
        back.mT @ person.turns,
        person.is_seen,
    )
    expected = correct_up([person], STILL, LEVEL, PICTURE)
    found = correct_up([turned], back.double().numpy(), LEVEL, PICTURE)
    np.testing.assert_allclose(found.up_camera, expected.up_camera, atol=1e-5)


def test_nobody_seen_leaves_the_guess():
    person = seen_by_rolled_camera(0.2)
    nowhere = dataclasses.replace(person, is_seen=torch.zeros(T, dtype=torch.bool))
    assert correct_up([nowhere], STILL, LEVEL, PICTURE).up_camera[1] == -1


@torch.no_grad()
def test_the_focal_length_is_size_in_pixels_per_metre_times_distance():
    network = FocalFromBody().eval()
    torch.nn.init.constant_(network.distance.bias, 0.7)
    place, scale = torch.tensor([[[0.1, 0.0, 0.4], [0.1, 0.0, 0.4]]]), torch.full((1, 2), 1.2)
    told = network(torch.zeros(1, 2, 320), place, scale, PICTURE[None])
    px_per_m = 1.2 * 0.4 * FOCAL_PX
    focal_px = FOCAL_PX * told.log_ratio.exp()
    torch.testing.assert_close(focal_px, px_per_m * told.distance_m[:, 0], rtol=1e-4, atol=0)
    assert told.distance_m[0, 0] > 1 / (1.2 * 0.4)  # of the usual focal length


def test_what_a_body_tells_of_the_lens_is_told_with_its_doubt():
    person = seen_by_rolled_camera(0.0)
    guess = tell_focal(person.sight, IMAGE_SIZE, FOCAL_PX)
    assert guess.sigma > 0.5  # hardly anything, and that is said
    assert 0.02 < guess.focal_px / FOCAL_PX < 50
