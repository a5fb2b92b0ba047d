"""The partial branches of `sts`: what holds for any weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import ModelFileError
from core.landmarks import Landmarks
from core.lift import face as faces
from core.lift.face import CalmFace
from core.lift.rest import reference_body
from core.lift.sts import part_weights, parts
from core.lift.sts.face_branch import FaceBranch, view_face
from core.lift.sts.hand_branch import (
    HandBranch,
    bends_to_fingers,
    fit_palm,
    limit_bends,
    mirror,
    turn_by,
    view_hand,
)
from core.lift.sts.nearby_frames import Nearby, NearbyAttention, at_nearby
from core.lift.sts.semantic_graph import SemanticGraphConvolution, find_neighbours
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_INDEX, LANDMARK_PARTS

IMAGE = (1280, 720)


@pytest.fixture
def branch() -> HandBranch:
    """With random weights, which bring every output out of its rest."""
    torch.manual_seed(0)
    branch = HandBranch().eval()
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    return branch


def draw_hand(num_frames: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    hints = torch.randn(1, num_frames, 21, 3, generator=generator)
    confidence = 0.2 + 0.8 * torch.rand(1, num_frames, 21, generator=generator)
    return hints[..., :2], hints, confidence, torch.arange(num_frames)[None] / 30


def test_a_convolution_reaches_neighbours_only():
    layer = SemanticGraphConvolution(2, 8, find_neighbours(4, [(0, 1), (1, 2)]))
    nodes = torch.randn(1, 4, 2)
    moved = nodes.clone()
    moved[0, 0] += 1
    is_changed = (layer(nodes) != layer(moved)).any(-1)[0]
    assert is_changed.tolist() == [True, True, False, False]


def test_shares_of_a_node_sum_to_one():
    neighbours = find_neighbours(3, [(0, 1), (0, 2)])
    layer = SemanticGraphConvolution(4, 4, neighbours)
    torch.nn.init.normal_(layer.edges)
    for linear in (layer.own, layer.others):
        torch.nn.init.eye_(linear.weight)
    torch.nn.init.zeros_(layer.own.bias)
    torch.testing.assert_close(layer(torch.ones(1, 3, 4)), torch.ones(1, 3, 4))


def test_neighbours_are_the_frames_around():
    nearby = at_nearby(torch.arange(1.0, 31.0)[None])
    assert nearby[0, 15].tolist() == list(range(8, 25))
    assert nearby[0, 0, :9].tolist() == [0] * 8 + [1]


def test_frames_that_were_not_seen_tell_nothing():
    torch.manual_seed(0)
    block, tokens = NearbyAttention(32), torch.randn(1, 6, 32)
    is_seen = torch.tensor([[True, True, True, False, True, True]])
    axes, time_s = torch.eye(3).expand(1, 6, 3, 3), torch.arange(6)[None] / 30
    before = block(tokens, Nearby(axes, is_seen, time_s))
    tokens[0, 3] += 1
    after = block(tokens, Nearby(axes, is_seen, time_s))
    is_changed = (before != after).any(-1)[0]
    assert is_changed.tolist() == [False, False, False, True, False, False]


def test_a_hand_turned_in_the_picture_is_the_same_hand(branch):
    points, hints, confidence, time_s = draw_hand()
    turn = rotvec_to_matrix(torch.tensor([0.0, 0.0, 2.0]))
    still = branch(points, hints, confidence, time_s)
    turned = branch(points @ turn[:2, :2].T, hints @ turn.T, confidence, time_s)
    torch.testing.assert_close(turned.fingers, still.fingers, atol=1e-4, rtol=0)
    torch.testing.assert_close(turned.palm, turn @ still.palm, atol=1e-4, rtol=0)


def test_landmarks_of_no_confidence_are_not_looked_at(branch):
    points, hints, confidence, time_s = draw_hand()
    confidence[..., 6:] = 0
    moved_points, moved_hints = points.clone(), hints.clone()
    moved_points[..., 6:, :], moved_hints[..., 6:, :] = 5, -5
    before = branch(points, hints, confidence, time_s)
    after = branch(moved_points, moved_hints, confidence, time_s)
    torch.testing.assert_close(after.fingers, before.fingers)
    torch.testing.assert_close(after.palm, before.palm)


def test_hands_never_seen_and_single_frames_come_out_as_rotations(branch):
    points, hints, confidence, time_s = draw_hand(1)
    for seen in (confidence, torch.zeros_like(confidence)):
        found = branch(points, hints, seen, time_s)
        for turns in (found.fingers, found.palm):
            torch.testing.assert_close(
                turns @ turns.mT, torch.eye(3).expand_as(turns), atol=1e-5, rtol=0
            )
        assert torch.isfinite(found.sigma).all()
        assert (found.sigma > 0).all()


def test_fingers_stay_within_their_limits():
    raw = 20 * torch.randn(500, 25, generator=torch.Generator().manual_seed(0))
    bends = limit_bends(raw)
    flexion = bends[:, :16].unflatten(1, (4, 4))
    assert flexion[..., 0].amin() >= -0.5
    assert flexion[..., 2].amin() >= -0.1
    assert flexion[..., 3].amin() >= -0.15
    thumb = torch.linalg.vector_norm(bends[:, 16:].unflatten(1, (3, 3)), dim=-1)
    assert (thumb.amax(0) <= torch.tensor([1.2001, 1.0001, 1.4001])).all()


def test_a_bent_finger_points_into_the_palm():
    bends = torch.zeros(25)
    bends[0] = 1.2  # the index finger's knuckle
    bent = bends_to_fingers(bends)[0] @ torch.tensor([1.0, 0.0, 0.0])
    assert bent[1] < -0.8  # the left palm faces the floor in the T pose


def test_the_palm_is_found_in_a_hand_at_rest():
    body = reference_body()
    points = body.landmark_points(body.template, body.template_joints)
    hand = torch.from_numpy(points[33:54] - points[33])[None].float()
    turn = rotvec_to_matrix(torch.tensor([0.4, -1.0, 2.0]))
    palm = fit_palm(10 * hand @ turn.T, torch.ones(1, 21))
    angle = torch.acos(((palm[0] * turn).sum() - 1) / 2)
    assert angle < 0.15  # landmarks lie beside the joints


def test_no_six_numbers_mean_no_turn():
    torch.testing.assert_close(turn_by(torch.zeros(6)), torch.eye(3))
    turns = turn_by(torch.randn(10, 6))
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(10))


def test_a_right_hand_is_a_left_hand_in_the_mirror():
    """Of a picture that is turned round left and right."""
    generator = torch.Generator().manual_seed(3)
    hints = torch.randn(4, 21, 3, generator=generator) * 40
    points_px = hints[..., :2] + torch.tensor([900.0, 200.0])
    flip = torch.tensor([-1.0, 1.0, 1.0])
    flipped_px = torch.stack([IMAGE[0] - points_px[..., 0], points_px[..., 1]], -1)
    left = view_hand(points_px, hints, 1000.0, IMAGE, "left")
    right = view_hand(flipped_px, hints * flip, 1000.0, IMAGE, "right")
    torch.testing.assert_close(right.points, left.points, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(right.hints, left.hints)
    torch.testing.assert_close(right.camera_from_view, mirror(left.camera_from_view))


def test_the_view_looks_along_the_ray_and_halves_the_box():
    points_px = torch.rand(1, 21, 2) * 50 + torch.tensor([1100.0, 100.0])
    view = view_hand(points_px, torch.rand(1, 21, 3), 800.0, IMAGE, "left")
    ray = (points_px.mean(1) - torch.tensor(IMAGE) / 2) / 800
    direction = torch.nn.functional.normalize(torch.cat([ray, torch.ones(1, 1)], 1), dim=1)
    torch.testing.assert_close(view.camera_from_view[..., 2], direction)
    box = view.points.amax(1) - view.points.amin(1)
    assert box.amax() == pytest.approx(2)


def make_face() -> tuple[torch.Tensor, CalmFace]:
    """Two frames: the mean face at rest, and smiling."""
    body = reference_body()
    assert body.arkit_dirs is not None  # the shipped body has them
    rest = torch.from_numpy(body.face_points())
    smile = torch.from_numpy(
        body.on_face_landmarks(body.arkit_dirs[..., ARKIT_INDEX["mouthSmileLeft"]])
    )
    at_rest = faces.face_in_rest_axes(rest[None], torch.eye(3)[None])
    calm = CalmFace.among(at_rest, torch.zeros(1, 52))
    turn = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # faces the camera
    return 500 * torch.stack([rest, rest + smile]) @ turn, calm


def test_an_untrained_face_branch_says_what_geometry_says():
    hints, calm = make_face()
    view = view_face(hints, torch.zeros(2, 52), torch.ones(2), torch.arange(2) / 30, calm)
    found = FaceBranch().eval()(view)
    torch.testing.assert_close(found.arkit, view.start)
    torch.testing.assert_close(found.head, view.head)
    assert found.arkit[0, 1, ARKIT_INDEX["mouthSmileLeft"]] > 0.3


def test_an_unseen_face_is_a_calm_one():
    hints, calm = make_face()
    view = view_face(hints, torch.ones(2, 52), torch.tensor([1.0, 0.0]), torch.arange(2) / 30, calm)
    torch.testing.assert_close(view.at_rest[0, 1], calm.points)
    assert view.start[0, 1].abs().max() < 0.01


def test_damaged_weights_say_what_to_do(tmp_path):
    path = tmp_path / "hands.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(ModelFileError, match="Install Reelrig again"):
        part_weights.load_into(HandBranch(), path)


@pytest.mark.parametrize("load", [part_weights.load_hand_branch, part_weights.load_face_branch])
def test_the_shipped_branches_are_small(load):
    assert sum(parameter.numel() for parameter in load().parameters()) < 600_000


def make_landmarks(num_rows: int) -> Landmarks:
    """A person whose hands and face wander through the picture; the left hand is lost for a row."""
    rng = np.random.default_rng(0)
    hints = rng.normal(0, 20, (num_rows, 553, 3)).astype(np.float32)
    hints[..., :2] += (700, 300)
    face, _ = make_face()
    hints[:, LANDMARK_PARTS["face"]] = face[:1].numpy() + np.array([600, 300, 0], np.float32)
    confidence = np.full((num_rows, 553), 0.9, np.float32)
    confidence[1, LANDMARK_PARTS["left_hand"]] = 0
    hints[1, LANDMARK_PARTS["left_hand"]] = 0
    return Landmarks(
        frame_index=np.arange(num_rows),
        time_s=np.arange(num_rows) / 25,
        image_size=IMAGE,
        points_px=hints[..., :2].copy(),
        hints=hints,
        confidence=confidence,
        face_scores=np.zeros((num_rows, 52), np.float32),
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_hands_lifted_in_blocks_are_those_lifted_at_once(branch, side, monkeypatch):
    landmarks = make_landmarks(60)
    whole = parts.lift_hands(landmarks, 900.0, branch)[side]
    monkeypatch.setattr(parts, "_BLOCK", 7)
    pieces = parts.lift_hands(landmarks, 900.0, branch)[side]
    torch.testing.assert_close(pieces.fingers, whole.fingers, atol=1e-4, rtol=0)
    torch.testing.assert_close(pieces.palm, whole.palm, atol=1e-4, rtol=0)
    assert whole.fingers.shape == (60, 15, 3, 3)
    torch.testing.assert_close(torch.linalg.det(whole.palm), torch.ones(60))


def test_a_hand_is_lifted_alike_without_the_other(branch):
    landmarks = make_landmarks(6)
    both = parts.lift_hands(landmarks, 900.0, branch)["right"]
    landmarks.confidence[:, LANDMARK_PARTS["left_hand"]] = 0
    alone = parts.lift_hands(landmarks, 900.0, branch)
    assert list(alone) == ["right"]
    torch.testing.assert_close(alone["right"].palm, both.palm, atol=1e-5, rtol=0)


def test_a_face_seen_aside_is_turned_by_its_ray():
    landmarks = make_landmarks(3)
    found = parts.lift_face(landmarks, 900.0, FaceBranch().eval())
    assert found is not None
    towards = -found.head[0, :, 2]  # where the face's back looks: away from the camera
    middle = landmarks.points_px[0, LANDMARK_PARTS["face"]].mean(0)
    ray = torch.tensor([*((middle - np.array(IMAGE) / 2) / 900.0), 1.0], dtype=torch.float32)
    cosine = torch.nn.functional.normalize(ray, dim=0) @ towards
    assert cosine > 0.99
    assert found.arkit.abs().max() < 0.05


def test_no_face_is_none():
    landmarks = make_landmarks(3)
    landmarks.confidence[:, LANDMARK_PARTS["face"]] = 0
    assert parts.lift_face(landmarks, 900.0) is None
