"""How the partial branches are trained: hands and faces that are drawn, read and measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reelrig.core.body.model import load_body
from reelrig.core.body.skinning import Skin
from reelrig.core.lift.sts.hand_branch import HandBranch, HandOutput, bends_to_fingers
from reelrig.core.rotation import matrix_to_rotvec, rotvec_to_matrix
from reelrig.core.skeletons import ARKIT_INDEX, JOINT_INDEX, LANDMARK_PARTS
from training.parts.detected_hands import DetectedHands
from training.parts.face_scores import MIRRORED, draw_scores
from training.parts.fit import FitConfig, fit
from training.parts.hand_bends import draw_bends
from training.parts.hand_losses import angle_deg, hand_losses, pose, procrustes_mm
from training.parts.hand_windows import HandStudio, degrade
from training.parts.measure_hands import by_geometry

FOCAL_PX, IMAGE = 900.0, (1280, 720)


def make_rotvecs(generator: torch.Generator) -> torch.Tensor:
    """[55, 3] a standing person, hands and arms in any pose."""
    rotvecs = torch.zeros(55, 3)
    for side, flip in (("left", torch.ones(3)), ("right", torch.tensor([1.0, -1.0, -1.0]))):
        first = JOINT_INDEX[f"{side}_index1"]
        fingers = bends_to_fingers(draw_bends(generator, 1))[0]
        rotvecs[first : first + 15] = flip * matrix_to_rotvec(fingers)
        for joint in ("shoulder", "elbow", "wrist"):
            rotvecs[JOINT_INDEX[f"{side}_{joint}"]] = 0.5 * torch.randn(3, generator=generator)
    return rotvecs


@pytest.fixture(scope="module")
def shard() -> dict[str, np.ndarray]:
    """Two people over four frames, seen without any error."""
    body, generator = load_body(), torch.Generator().manual_seed(4)
    rotvecs = torch.stack([make_rotvecs(generator) for _ in range(2)])[:, None].repeat(1, 4, 1, 1)
    # Camera axes from the body's: x left, y down, z away.
    camera_from_world = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0]))
    world_from_camera = camera_from_world.T[:3, :3]
    place = world_from_camera @ torch.tensor([0.3, -0.2, 2.0])
    vertices, joints = Skin(body).pose_vertices(
        torch.zeros(10),
        torch.zeros(8, 10),
        rotvec_to_matrix(rotvecs.flatten(0, 1)),
        place.expand(8, 3),
    )
    points = body.landmark_points(vertices.numpy(), joints.numpy())
    points = points @ camera_from_world[:3, :3].numpy().T
    pixels = FOCAL_PX * points[..., :2] / points[..., 2:] + np.array(IMAGE) / 2
    depth = FOCAL_PX * points[..., 2:] / points[:, :1, 2:]
    hints = np.concatenate([pixels, depth], -1)
    return {
        "points_px": pixels.reshape(2, 4, 553, 2).astype(np.float32),
        "true_px": pixels.reshape(2, 4, 553, 2).astype(np.float32),
        "hints": hints.reshape(2, 4, 553, 3).astype(np.float32),
        "confidence": np.ones((2, 4, 553), np.float16),
        "rotvecs": rotvecs.numpy(),
        "camera_from_world": np.tile(camera_from_world.numpy(), (2, 4, 1, 1)),
        "focal_px": np.full((2, 4), FOCAL_PX, np.float32),
        "image_size": np.tile(np.array(IMAGE), (2, 1)),
        "time_s": np.tile(np.arange(4) / 15, (2, 1)),
        "true_points": points[:, :75].reshape(2, 4, 75, 3).astype(np.float32),
    }


@pytest.fixture(scope="module")
def hands(shard, tmp_path_factory) -> DetectedHands:
    folder = tmp_path_factory.mktemp("detected")
    np.savez(folder / "shard_00000.npz", **shard)
    return DetectedHands.load(folder, held_out=False)


def test_a_drawn_hand_is_the_body_s_hand():
    body, studio = load_body(), HandStudio(0)
    fingers = bends_to_fingers(draw_bends(studio.generator, 3))
    betas = torch.randn(10, generator=studio.generator)
    rotations = torch.eye(3).repeat(3, 55, 1, 1)
    first = JOINT_INDEX["left_index1"]
    rotations[:, first : first + 15] = fingers
    vertices, joints = Skin(body).pose_vertices(
        betas, torch.zeros(3, 10), rotations, torch.zeros(3, 3)
    )
    points = body.landmark_points(vertices.numpy(), joints.numpy())[:, LANDMARK_PARTS["left_hand"]]
    drawn = studio.model.landmarks(studio.model.shape(betas[None]), fingers[None])[0]
    wrist = joints[:, None, JOINT_INDEX["left_wrist"]].numpy()
    np.testing.assert_allclose(drawn.numpy() + wrist, points, atol=1e-3)  # correctives of the skin


def test_a_seed_draws_the_same_windows():
    first, again, other = (HandStudio(seed).draw(4, 6) for seed in (7, 7, 8))
    torch.testing.assert_close(first.points, again.points)
    torch.testing.assert_close(first.fingers, again.fingers)
    assert not torch.equal(first.points, other.points)


def test_windows_hold_single_frames():
    windows = HandStudio(1).draw(3, 5)
    frames = windows.split_frames()
    assert frames.points.shape == (15, 1, 21, 2)
    torch.testing.assert_close(frames.palm[7, 0], windows.palm[1, 2])


def test_the_detector_errs_more_in_depth_than_in_the_picture():
    generator = torch.Generator().manual_seed(0)
    seen = HandStudio(2).draw(64, 8)
    true = torch.cat([seen.true_points, seen.true_points[..., :1]], -1)
    wrong, confidence = degrade(generator, seen.time_s, true)
    miss = (wrong - true)[confidence > 0].abs().median(0).values
    assert 0 < miss[0] < miss[2]
    assert 0.01 < (confidence == 0).float().mean() < 0.3


def test_true_hands_cost_nothing():
    studio = HandStudio(3)
    windows = studio.draw(2, 5)
    sigma = torch.ones(2, 5, 16)
    losses = hand_losses(studio.model, HandOutput(windows.fingers, windows.palm, sigma), windows)
    for name in ("fingers", "palm", "joints", "tremble", "sigma"):
        assert float(losses[name]) == pytest.approx(0, abs=1e-8)
    turned = windows.palm @ rotvec_to_matrix(torch.tensor([0.0, 0.3, 0.0]))
    wrong = hand_losses(studio.model, HandOutput(windows.fingers, turned, sigma), windows)
    for name in ("palm", "joints", "picture"):
        assert float(wrong[name]) > float(losses[name]) + 1e-3


def test_procrustes_forgives_place_turn_and_size_only():
    generator = torch.Generator().manual_seed(0)
    points = 0.1 * torch.randn(2, 21, 3, generator=generator)
    moved = 3 * points @ rotvec_to_matrix(torch.tensor([1.0, 2.0, 0.5])).T + 1
    assert procrustes_mm(moved, points).amax() < 1e-2
    assert procrustes_mm(points * torch.tensor([1.0, 1.0, 0.5]), points).amin() > 5


def test_detected_hands_of_both_sides_are_left_hands(hands, shard):
    """Geometry, which knows left hands only, finds the truth in landmarks without errors."""
    windows = hands.windows
    assert windows.time_s.shape == (4, 4)  # two people's two hands
    found = by_geometry(windows.hints)
    assert angle_deg(found.palm, windows.palm).amax() < 25
    studio = HandStudio(0)
    miss = procrustes_mm(pose(studio.model, found), windows.joints)
    assert miss.amax() < 15
    # The true pose on the mean hand is the true hand, but for the wrist's own bend.
    true = pose(studio.model, HandOutput(windows.fingers, windows.palm, found.sigma))
    offset = true[:, :, 5] - true[:, :, 17]
    torch.testing.assert_close(
        offset, windows.joints[:, :, 5] - windows.joints[:, :, 17], atol=2e-3, rtol=0
    )


def test_held_out_shards_are_kept_apart(shard, tmp_path):
    for number in (9, 10):
        np.savez(tmp_path / f"shard_{number:05d}.npz", **shard)
    one = {key: values[:1] for key, values in shard.items()}
    np.savez(tmp_path / "shard_00019.npz", **one)
    assert len(DetectedHands.load(tmp_path, held_out=True).windows.time_s) == 6
    assert len(DetectedHands.load(tmp_path, held_out=False).windows.time_s) == 4
    with pytest.raises(SystemExit, match=r"training\.synthesis\.detected"):
        DetectedHands.load(tmp_path / "none", held_out=False)


def test_an_interrupted_run_comes_out_as_a_whole_one(tmp_path):
    """Stopped right after a checkpoint (they are written every 200 steps)."""

    def run(num_steps_now: int, checkpoint) -> torch.Tensor:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)

        def losses_at(step: int) -> dict[str, torch.Tensor]:
            if step == num_steps_now:
                raise KeyboardInterrupt
            given = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
            return {"miss": (model(given) - given.sum(1, keepdim=True)).square().mean()}

        try:
            fit(model, losses_at, FitConfig(num_steps=300), checkpoint)
        except KeyboardInterrupt:
            return torch.empty(0)
        return model.weight.detach().clone()

    whole = run(-1, tmp_path / "whole.safetensors")
    assert not len(run(230, tmp_path / "parts.safetensors"))
    torch.testing.assert_close(run(-1, tmp_path / "parts.safetensors"), whole)


def test_branches_learn_from_drawn_hands(tmp_path):
    torch.manual_seed(0)
    studio, branch = HandStudio(5), HandBranch()
    windows = studio.draw(6, 4)
    given = (windows.points, windows.hints, windows.confidence, windows.time_s)
    optimizer = torch.optim.AdamW(branch.parameters(), 2e-3)
    totals = []
    for _ in range(12):
        losses = hand_losses(studio.model, branch(*given), windows)
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.7 * totals[0]


def test_drawn_scores_look_one_way_and_keep_the_tongue_in():
    rng = np.random.default_rng(0)
    scores = draw_scores(rng, rng.random((50, 52)), 200)
    assert scores[0].max() == 0
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert not scores[:, ARKIT_INDEX["tongueOut"]].any()
    left, right = (scores[:, ARKIT_INDEX[f"eyeLook{way}"]] for way in ("OutLeft", "InRight"))
    np.testing.assert_array_equal(left, right)


def test_mirroring_scores_twice_changes_nothing():
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(52))
    assert MIRRORED[ARKIT_INDEX["mouthLeft"]] == ARKIT_INDEX["mouthRight"]
    assert MIRRORED[ARKIT_INDEX["jawOpen"]] == ARKIT_INDEX["jawOpen"]
