"""What OrientCorrect and the focal length learn from: on people made up point by point."""

import dataclasses

import numpy as np
import pytest
import torch

from reelrig.core.rotation import rotvec_to_matrix, swing_between
from reelrig.core.world.focal import ToldFocal
from reelrig.core.world.orient_correct import angles_of_up, up_from_angles, upright_from_up
from training.world.seen_people import NUM_ROWS, SEEN_NAMES, SeenPeople
from training.world.train_focal import reprojection_losses
from training.world.train_orient import LEVEL_SIGMAS_DEG, OneStep, draw_guess, guess_tilt, steady

PEOPLE, POINTS = 5, len(SEEN_NAMES)
ASSUMED_PX, TRUE_PX = 1000.0, 1400.0
ROWS = torch.arange(NUM_ROWS)


def made_up_people():
    """Balls of points at 2 to 4 m, seen through TRUE_PX while ASSUMED_PX is assumed."""
    generator = torch.Generator().manual_seed(3)

    def random(*shape):
        return torch.randn(PEOPLE, *shape, generator=generator)

    points = 0.4 * random(NUM_ROWS, POINTS, 3)  # camera axes, about the middle
    middle = torch.cat([0.3 * random(1, 2), 2 + 2 * torch.rand(PEOPLE, 1, 1)], -1)
    middle = middle + 0.02 * random(NUM_ROWS, 3)
    placed = points + middle[:, :, None]
    slopes = placed[..., :2] / placed[..., 2:] * TRUE_PX / ASSUMED_PX
    place = torch.cat(
        [
            middle[..., :2] / middle[..., 2:] * TRUE_PX / ASSUMED_PX,
            torch.full((PEOPLE, NUM_ROWS, 1), 0.4),
        ],
        -1,
    )
    ray = torch.nn.functional.pad(place[..., :2], (0, 1), value=1.0)
    turn = swing_between(torch.tensor([0.0, 0.0, 1.0]), ray)
    rays = torch.nn.functional.pad(slopes, (0, 1), value=1.0) @ turn
    up = up_from_angles(0.2 * random(2))[:, None].expand(-1, NUM_ROWS, -1)
    turns = rotvec_to_matrix(random(NUM_ROWS, 3))
    return SeenPeople(
        features=random(NUM_ROWS, 320),
        place=place,
        scale=TRUE_PX / ASSUMED_PX / (0.4 * middle[..., 2]),
        turns=turns,
        true_turns=turns,
        up=up,
        true_up=up,
        confidence=torch.ones(PEOPLE, NUM_ROWS),
        picture=torch.tensor([1280.0, 720.0]).expand(PEOPLE, 2),
        assumed_px=torch.full((PEOPLE,), ASSUMED_PX),
        true_px=torch.full((PEOPLE, NUM_ROWS), TRUE_PX),
        points=points @ turn,
        seen=rays[..., :2] / rays[..., 2:] / 0.4,
        seen_confidence=torch.ones(PEOPLE, NUM_ROWS, POINTS),
    )


def told(people, ratio):
    usual = 1 / (people.scale * people.place[..., 2])
    return ToldFocal(ratio * usual, torch.full((PEOPLE,), float(np.log(ratio))))


def test_the_whole_picture_is_met_by_the_true_focal_length_alone():
    people = made_up_people()
    losses = {
        ratio: float(reprojection_losses(told(people, ratio), people, ROWS)["full"])
        for ratio in (1.0, TRUE_PX / ASSUMED_PX, 2.0)
    }
    assert losses[TRUE_PX / ASSUMED_PX] < 0.02 < 2 * min(losses[1.0], losses[2.0])
    assert losses[TRUE_PX / ASSUMED_PX] == min(losses.values())


def test_the_box_is_met_at_the_true_distance_alone():
    # In the person's own view, where nothing but the distance matters.
    people = made_up_people()
    people = dataclasses.replace(
        people,
        place=torch.cat([torch.zeros_like(people.place[..., :2]), people.place[..., 2:]], -1),
    )
    distance = 1 / (people.scale * people.place[..., 2])
    away = distance[..., None, None] + people.points[..., 2:]
    seen = people.points[..., :2] / away / people.place[..., 2, None, None]
    people = dataclasses.replace(people, seen=seen)
    losses = [
        float(reprojection_losses(told(people, r), people, ROWS)["crop"]) for r in (0.7, 1, 1.5)
    ]
    assert losses[1] < 1e-4 < 1e-2 < min(losses[0], losses[2])


def test_hidden_landmarks_do_not_count():
    people = made_up_people()
    seen = people.seen.clone()
    seen[:, :, 3] += 5.0
    trust = people.seen_confidence.clone()
    trust[:, :, 3] = 0
    hidden = dataclasses.replace(people, seen=seen, seen_confidence=trust)
    without = dataclasses.replace(people, seen_confidence=trust)
    ratio = TRUE_PX / ASSUMED_PX
    for name, loss in reprojection_losses(told(hidden, ratio), hidden, ROWS).items():
        expected = reprojection_losses(told(without, ratio), without, ROWS)[name]
        torch.testing.assert_close(loss, expected)


def test_a_guess_is_as_far_off_as_its_errors_say_and_level_where_nothing_is_known():
    people = made_up_people()
    sigmas = torch.tensor([[4.0, 2.0]]).expand(PEOPLE, 2)
    errors = torch.tensor([[1.0, -1.0]]).expand(PEOPLE, 2)
    is_level = torch.arange(PEOPLE) == 2
    batch = guess_tilt(people, ROWS, sigmas, errors, is_level)
    off = torch.rad2deg(angles_of_up(batch.rows.up) - batch.angles)
    torch.testing.assert_close(
        off[~is_level], torch.tensor([[4.0, -2.0]]).expand(PEOPLE - 1, 2), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(batch.rows.up[2], torch.tensor([0.0, -1.0, 0.0]))
    torch.testing.assert_close(
        torch.rad2deg(batch.rows.sigma_rad[2]), torch.tensor(LEVEL_SIGMAS_DEG)
    )
    expected = upright_from_up(people.true_up) @ people.true_turns
    torch.testing.assert_close(batch.turns, expected)


def test_the_same_seed_draws_the_same_guesses():
    people = made_up_people()
    one, other = (draw_guess(people, torch.Generator().manual_seed(9)) for _ in range(2))
    torch.testing.assert_close(one.rows.up, other.rows.up)
    assert one.rows.features.shape == other.rows.features.shape


def test_cameras_that_tilt_are_left_out():
    people = made_up_people()
    up = people.true_up.clone()
    up[1] = up_from_angles(torch.linspace(0, 0.2, NUM_ROWS)[:, None] * torch.tensor([1.0, 0.0]))
    assert len(steady(dataclasses.replace(people, true_up=up))) == PEOPLE - 1


@torch.no_grad()
def test_one_step_knows_nothing_of_the_bodys_turn_but_by_learning():
    people = made_up_people()
    batch = guess_tilt(
        people, ROWS, torch.ones(PEOPLE, 2), torch.zeros(PEOPLE, 2), torch.zeros(PEOPLE) > 0
    )
    found = OneStep().eval()(batch.rows).turns
    torch.testing.assert_close(found @ found.mT, torch.eye(3).expand_as(found), atol=1e-5, rtol=0)
    assert float(torch.linalg.det(found).min()) == pytest.approx(1, abs=1e-5)
    assert (found - batch.turns).abs().max() > 0.5
