"""The lifter's training: its sources say the truth, its losses know it, it learns and goes on."""

from dataclasses import asdict, fields

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reelrig.core.body.model import load_body
from reelrig.core.body.skinning import Skin
from reelrig.core.lift.sts.body_network import BodyEstimate, BodyNetworkConfig
from reelrig.core.lift.sts.d2s import D2SCamera
from reelrig.core.lift.sts.observation import view_of
from reelrig.core.rotation import rotvec_to_matrix
from training.lifter.config import TrainConfig, config_from
from training.lifter.losses import LossWeights, body_losses
from training.lifter.skeleton import POINT_NAMES, SEEN_LANDMARKS, Skeleton
from training.lifter.train import Training
from training.scores import align
from training.synthesis.detected_source import mirror, roll
from training.synthesis.geometric import GeometricSource, Pool
from training.synthesis.noise import ErrorBank

ROWS = 6
SMALL = TrainConfig(
    network=BodyNetworkConfig(
        width=48, num_layers=1, num_second_layers=1, num_heads=2, widening=2, bilinear_rank=16
    ),
    steps=60,
    warm_up=5,
    learning_rate=3e-3,
)


@pytest.fixture(scope="module")
def skeleton():
    return Skeleton(load_body())


@pytest.fixture(scope="module")
def source(skeleton):
    """People who sway about an ordinary pose, seen without any error."""
    rng = np.random.default_rng(0)
    count, rows = 12, 10
    sway = np.sin(np.linspace(0, 3, rows))[:, None, None]
    rotvecs = rng.normal(0, 0.25, (count, 1, 55, 3)) * sway
    rotvecs[:, :, 0] = (np.pi / 2, 0, 0)  # upright in a world whose z is up
    pelvis = np.tile([0.0, 0.0, 0.95], (count, rows, 1)).astype(np.float32)
    pool = Pool(
        rotvecs=rotvecs.astype(np.float16),
        pelvis=pelvis,
        betas=rng.normal(0, 1, (count, 10)),
        rate_hz=np.full(count, 20.0),
        contacts=np.ones((count, rows, 4)),
    )
    return GeometricSource(pool, skeleton, no_errors(), seed=3)


def no_errors():
    shape = (1, 8)
    return ErrorBank(
        picture=torch.zeros(*shape, 45, 2),
        hints=torch.zeros(*shape, 33, 3),
        palms=torch.zeros(*shape, 2, 6, 3),
        heads=torch.eye(3).expand(*shape, 3, 3),
        confidence=torch.ones(*shape, 33),
        palm_confidence=torch.ones(*shape, 2),
        head_confidence=torch.ones(*shape),
        heading=torch.zeros(1, dtype=torch.long),
    )


def true_estimate(observation, truth):
    """The estimate that knows everything but the camera."""
    view = view_of(observation)
    turn = view.camera_from_view.mT
    return BodyEstimate(
        view=view,
        rotations=turn[:, :, None] @ truth.rotations,
        sigma=torch.full(truth.rotations.shape[:3], 0.05),
        log_measures=truth.log_measures[:, None].expand(-1, ROWS, -1),
        camera=D2SCamera(torch.ones(()), torch.zeros(2), torch.ones(())),
        up=(turn @ truth.up[..., None])[..., 0],
        contact_logits=20 * (2 * truth.contacts - 1),
        features=torch.zeros(*truth.up.shape[:2], 8),
    )


def test_skeleton_agrees_with_the_skinned_body(skeleton):
    generator = torch.Generator().manual_seed(1)
    betas = torch.randn(10, generator=generator)
    rotations = rotvec_to_matrix(0.3 * torch.randn(1, 55, 3, generator=generator))
    people = skeleton.proportions(betas[None], torch.ones(1, 55))
    pelvis = torch.tensor([[[0.3, -0.2, 1.0]]])
    posed = skeleton.pose(people, rotations[None], pelvis)
    trans = pelvis[0] - people.joints[:, 0]
    vertices, joints = Skin(skeleton.body).pose_vertices(
        betas, torch.zeros(1, 10), rotations, trans
    )
    landmarks = skeleton.body.landmark_points(vertices.numpy(), joints.numpy())
    np.testing.assert_allclose(posed.joints[0], joints, atol=1e-4)
    # The skin bends, the points here go rigidly with one joint.
    np.testing.assert_allclose(posed.landmarks[0], landmarks[:, SEEN_LANDMARKS], atol=0.02)


def test_longer_bones_are_measured_longer(skeleton):
    scales = torch.ones(2, 55)
    scales[1] = 1.1
    people = skeleton.proportions(torch.zeros(2, 10), scales)
    grown = (people.log_measures[1] - people.log_measures[0]).exp()
    np.testing.assert_allclose(grown[1:], 1.1, atol=1e-4)
    assert 1.08 < grown[0] < 1.11


def test_what_is_seen_without_errors_is_where_it_is(source):
    observation, truth = source.draw(8, ROWS)
    # The ankles are landmarks and points of (nearly) the same place.
    ankle, row = POINT_NAMES.index("left_ankle"), 27
    gap = (truth.slopes[:, :, ankle] - observation.slopes[:, :, row]).norm(dim=-1)
    size = observation.slopes.amax((1, 2)) - observation.slopes.amin((1, 2))
    in_picture = observation.confidence[:, :, row] == 1
    assert (gap[in_picture] / size.amax(-1)[:, None].expand_as(gap)[in_picture]).max() < 0.05


def test_the_truth_costs_nothing(source):
    observation, truth = source.draw(8, ROWS)
    losses = body_losses(true_estimate(observation, truth), observation, truth)
    for name in ("rotations", "local_rotations", "joints", "up", "measures", "contacts"):
        assert losses[name] < 1e-3, name
    wrong = true_estimate(observation, truth)
    turned = wrong.rotations @ rotvec_to_matrix(torch.tensor([0.0, 0.3, 0.0]))
    object.__setattr__(wrong, "rotations", turned)
    assert body_losses(wrong, observation, truth)["joints"] > 0.01


def test_losses_are_those_that_have_weights(source):
    observation, truth = source.draw(2, ROWS)
    losses = body_losses(true_estimate(observation, truth), observation, truth)
    assert set(losses) == set(asdict(LossWeights()))


def test_mirrored_twice_is_as_before(source):
    before = source.draw(4, ROWS)
    everybody = torch.ones(4, dtype=torch.bool)
    after = mirror(*mirror(*before, everybody), everybody)
    for old, new in zip(before, after, strict=True):
        for field in fields(old):
            np.testing.assert_allclose(
                getattr(old, field.name), getattr(new, field.name), atol=1e-6, err_msg=field.name
            )


def test_mirrored_truth_belongs_to_mirrored_landmarks(source):
    observation, truth = mirror(*source.draw(4, ROWS), torch.ones(4, dtype=torch.bool))
    losses = body_losses(true_estimate(observation, truth), observation, truth)
    assert losses["joints"] < 1e-3
    ankle = POINT_NAMES.index("right_ankle")
    seen = observation.confidence[:, :, 28] == 1
    gap = (truth.slopes[:, :, ankle] - observation.slopes[:, :, 28]).norm(dim=-1)
    assert gap[seen].max() < 0.1


def test_rolled_truth_belongs_to_rolled_landmarks(source):
    observation, truth = source.draw(4, ROWS)
    rolled, rolled_truth = roll(observation, truth, torch.full((4,), 0.7))
    losses = body_losses(true_estimate(rolled, rolled_truth), rolled, rolled_truth)
    assert losses["joints"] < 1e-3
    ankle = POINT_NAMES.index("left_ankle")
    gaps = [
        (said.slopes[:, :, ankle] - seen.slopes[:, :, 27]).norm(dim=-1)
        for seen, said in ((observation, truth), (rolled, rolled_truth))
    ]
    np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-5)
    assert (rolled.slopes - observation.slopes).abs().max() > 0.01


def test_align_ignores_turn_shift_and_scale():
    generator = torch.Generator().manual_seed(4)
    points = torch.randn(5, 12, 3, generator=generator)
    turn = rotvec_to_matrix(torch.tensor([1.0, -2.0, 0.5]))
    moved = (1.7 * points @ turn.mT + torch.tensor([1.0, 2.0, 3.0])).numpy()
    assert np.linalg.norm(align(points.numpy(), moved) - moved, axis=-1).max() < 1e-4
    moved[:, 0] += 0.5
    off = np.linalg.norm(align(points.numpy(), moved) - moved, axis=-1)
    assert off[:, 0].min() > 0.1


def test_training_learns(source):
    training = Training(SMALL, "cpu")
    observation, truth = source.draw(16, ROWS)
    first = float(training.take_step(observation, truth)["joints"])
    for _ in range(SMALL.steps - 1):
        last = float(training.take_step(observation, truth)["joints"])
    assert last < 0.5 * first


def test_training_goes_on_where_it_was(source, tmp_path):
    batches = [source.draw(4, ROWS) for _ in range(4)]
    whole, broken = Training(SMALL, "cpu"), Training(SMALL, "cpu")
    for batch in batches:
        whole.take_step(*batch)
    for batch in batches[:2]:
        broken.take_step(*batch)
    broken.save(tmp_path / "checkpoint.safetensors")
    resumed = Training(SMALL, "cpu")
    resumed.resume(tmp_path / "checkpoint.safetensors")
    for batch in batches[2:]:
        resumed.take_step(*batch)
    assert resumed.step == 4
    for name, value in whole.average.items():
        np.testing.assert_allclose(value, resumed.average[name], atol=1e-6, err_msg=name)
    whole.save(tmp_path / "whole.safetensors")
    assert all(torch.isfinite(t).all() for t in load_file(tmp_path / "whole.safetensors").values())


def test_config_survives_its_file():
    config = config_from({"steps": 7, "network": {"width": 64}, "losses": {"up": 0.0}})
    assert config_from(asdict(config)) == config
    assert (config.steps, config.network.width, config.losses.up) == (7, 64, 0.0)
