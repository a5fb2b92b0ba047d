"""The networks see what MediaPipe 0.10.21 sees in the same pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from core.detect.engine import Engine, open_engine
from core.detect.face import Faces, face_regions, find_faces, regions_of_faces, see_faces
from core.detect.hand import Hands, hand_regions, recrop, regions_of_hands, see_hands
from core.detect.palm import find_palms
from core.detect.person import detect_people, regions_of_people
from core.detect.pose import Poses, regions_of_poses, see_poses
from core.detect.regions import picture_from_crop, upload
from core.skeletons import ARKIT_NAMES, BODY_LANDMARK_INDEX
from core.video import open_video
from tests.core.clips import need_demo_clip

CLIP_TIMES_S = (2.68, 4.02, 5.02)
PICTURES = ("astronaut", *CLIP_TIMES_S)
ONE = torch.tensor([0])
LEFT_IS_RIGHT = [
    BODY_LANDMARK_INDEX[name.replace("left", "?").replace("right", "left").replace("?", "right")]
    for name in BODY_LANDMARK_INDEX
]


@cache
def engine() -> Engine:
    return open_engine("cpu")


@cache
def picture(name: str | float) -> np.ndarray:
    if name == "astronaut":
        return skimage.data.astronaut()
    return next(open_video(need_demo_clip()).frames(start_s=float(name))).image


@cache
def holistic() -> Any:
    # Python drops the options of a graph whose module it does not know: without the import the heat
    # maps' window would be 9, MediaPipe's default, not the 7 of its graph.
    import mediapipe.calculators.util.refine_landmarks_from_heatmap_calculator_pb2  # noqa: F401
    from mediapipe.python.solutions.holistic import Holistic

    return Holistic(static_image_mode=True, model_complexity=1, refine_face_landmarks=True)


@cache
def theirs(name: str | float) -> Any:
    holistic().reset()  # it would follow hands and faces from picture to picture
    return holistic().process(picture(name))


def to_array(landmarks: Any, image: np.ndarray | None = None) -> np.ndarray:
    """[N, 3], in pixels where the image is given."""
    scale = 1.0 if image is None else np.array([image.shape[1], image.shape[0], image.shape[1]])
    return np.array([(point.x, point.y, point.z) for point in landmarks.landmark]) * scale


@dataclass(frozen=True)
class Seen:
    poses: Poses
    hands: dict[str, Hands]
    faces: Faces
    face_score: float  # the face detector's


@cache
def ours(name: str | float) -> Seen:
    pictures = upload(engine(), [picture(name)])
    (found,) = detect_people(engine(), pictures)
    regions = regions_of_people(found.points[:1])
    poses = see_poses(engine(), pictures, ONE, regions, "full")
    hands = {}
    for side in ("left", "right"):
        rough = hand_regions(poses.points, side)
        hands[side] = see_hands(engine(), pictures, ONE, recrop(engine(), pictures, ONE, rough))
    face, score = find_faces(engine(), pictures, ONE, face_regions(poses.points))
    return Seen(poses, hands, see_faces(engine(), pictures, ONE, face), score.item())


def distance_px(name: str | float, found: Tensor, expected: np.ndarray) -> float:
    """Mean over the landmarks, in a picture of 720 pixels' height."""
    error_px = np.linalg.norm(found[0, : len(expected), :2].numpy() - expected[:, :2], axis=1)
    return error_px.mean() * 720 / min(picture(name).shape[:2])


@pytest.mark.parametrize("name", PICTURES)
def test_bodies(name):
    expected, poses = theirs(name), ours(name).poses
    points = to_array(expected.pose_landmarks, picture(name))
    assert distance_px(name, poses.points, points) < 0.5
    assert np.abs(poses.points[0, :33, 2] - points[:, 2]).mean() < 5.0  # of some 400
    world_m = to_array(expected.pose_world_landmarks)
    assert np.linalg.norm(poses.world[0, :33] - world_m, axis=1).mean() < 0.003
    visibility = [point.visibility for point in expected.pose_landmarks.landmark]
    np.testing.assert_allclose(poses.visibility[0, :33], visibility, atol=0.02)
    assert poses.score > 0.9


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_hands(name, side):
    expected, seen = getattr(theirs(name), f"{side}_hand_landmarks"), ours(name)
    wrist = BODY_LANDMARK_INDEX[f"{side}_wrist"]
    is_seen = seen.hands[side].score > 0.5 and seen.poses.visibility[0, wrist] > 0.1
    assert is_seen == (expected is not None)
    if expected is not None:
        points = to_array(expected, picture(name))
        assert distance_px(name, seen.hands[side].points, points) < 0.5
        assert np.abs(seen.hands[side].points[0, :, 2] - points[:, 2]).mean() < 0.5


def test_a_face():
    """The faces' network is a newer one than Holistic's: near, but not the same."""
    expected = to_array(theirs("astronaut").face_landmarks, picture("astronaut"))
    faces = ours("astronaut").faces
    assert np.linalg.norm(faces.points[0, :, :2] - expected[:, :2], axis=1).mean() < 1.0
    assert np.abs(faces.points[0, :, 2] - expected[:, 2]).mean() < 6.0
    assert ours("astronaut").face_score > 0.8
    assert faces.score > 0.99


def test_the_astronaut_smiles_with_open_eyes():
    """As the FaceLandmarker of MediaPipe's tasks scores her, and as one sees."""
    found = ours("astronaut").faces.blendshapes[0, 1:].tolist()
    scores = dict(zip(ARKIT_NAMES[:51], found, strict=True))
    assert scores["mouthSmileLeft"] == pytest.approx(0.90, abs=0.05)
    assert scores["mouthSmileRight"] == pytest.approx(0.90, abs=0.05)
    assert scores["mouthUpperUpLeft"] == pytest.approx(0.55, abs=0.1)
    for name in ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthPucker", "mouthFrownLeft"):
        assert scores[name] < 0.1, name


@pytest.fixture(scope="module")
def hand_picture() -> np.ndarray:
    """The walker's left hand, cut out by eye, twice as large."""
    image = picture(CLIP_TIMES_S[2])
    middle = ours(CLIP_TIMES_S[2]).hands["left"].points[0, :, :2].mean(0).round().int().tolist()
    cut = image[middle[1] - 90 : middle[1] + 90, middle[0] - 90 : middle[0] + 90]
    return cut.repeat(2, 0).repeat(2, 1)


def test_hands_without_a_body(hand_picture):
    from mediapipe.python.solutions.hands import Hands as TheirHands

    with TheirHands(static_image_mode=True) as their_hands:
        expected = their_hands.process(hand_picture)
    pictures = upload(engine(), [hand_picture])
    size = len(hand_picture)
    whole = torch.tensor([[size / 2, size / 2, size, 0.0]])
    regions, scores = find_palms(engine(), pictures, ONE, whole)
    assert (scores > 0).sum() == len(expected.multi_hand_landmarks) == 1
    hands = see_hands(engine(), pictures, ONE, regions[0, :1])
    points = to_array(expected.multi_hand_landmarks[0], hand_picture)
    np.testing.assert_allclose(hands.points[0, :, :2], points[:, :2], atol=0.5)
    world_m = to_array(expected.multi_hand_world_landmarks[0])
    np.testing.assert_allclose(hands.world[0], world_m, atol=0.002)
    # MediaPipe takes the picture for a mirror image, and names the other hand.
    (their_hand,) = expected.multi_handedness[0].classification
    left = hands.left.item()
    assert (left if their_hand.label == "Right" else 1 - left) == pytest.approx(
        their_hand.score, abs=0.02
    )
    assert left > 0.9


@pytest.mark.parametrize("model", ["full", "heavy"])
def test_a_mirrored_look_is_a_look_at_the_mirrored_picture(model):
    name = CLIP_TIMES_S[1]
    image = picture(name)
    width = image.shape[1]
    regions = regions_of_poses(ours(name).poses.points)
    mirror = regions * torch.tensor([-1, 1, 1, -1]) + torch.tensor([width - 1, 0, 0, 0])
    pictures = upload(engine(), [image, np.ascontiguousarray(image[:, ::-1])])
    found = see_poses(engine(), pictures, ONE, regions, model, mirrored=True, with_mask=True)
    by_hand = see_poses(engine(), pictures, ONE + 1, mirror, model, with_mask=True)
    points = by_hand.points[:, LEFT_IS_RIGHT] * torch.tensor([-1, 1, 1]) + torch.tensor(
        [width - 1, 0, 0]
    )
    assert (found.points[:, :33] - points).norm(dim=-1).mean() < 1.0
    world = by_hand.world[:, LEFT_IS_RIGHT] * torch.tensor([-1, 1, 1])
    assert (found.world[:, :33] - world).norm(dim=-1).mean() < 0.003
    for field in ("visibility", "presence", "peak"):
        expected = getattr(by_hand, field)[:, LEFT_IS_RIGHT]
        assert (getattr(found, field)[:, :33] - expected).abs().max() < 0.02, field
    assert found.mask is not None
    assert by_hand.mask is not None
    assert (found.mask[..., 1:] - by_hand.mask.flip(-1)[..., :-1]).abs().mean() < 0.002
    # The network is no mirror itself, but people keep their sides.
    plain = see_poses(engine(), pictures, ONE, regions, model, with_mask=True)
    assert 0.1 < (found.points - plain.points)[..., :2].norm(dim=-1).mean() < 10.0
    assert plain.mask is not None
    assert (found.mask - plain.mask).abs().mean() < 0.02


def test_the_mask_covers_the_body():
    name = CLIP_TIMES_S[1]
    pictures, poses = upload(engine(), [picture(name)]), ours(name).poses
    regions = regions_of_poses(poses.points)
    mask = see_poses(engine(), pictures, ONE, regions, "full", with_mask=True).mask
    assert mask is not None
    across, down, start = picture_from_crop(regions)[0].unbind(-1)
    crop_from_picture = torch.linalg.inv(torch.stack([across, down], -1))
    places = [BODY_LANDMARK_INDEX[name] for name in ("left_hip", "right_hip", "left_knee")]
    inside = (poses.points[0, places, :2] - start) @ crop_from_picture.mT
    columns, rows = (inside * 256).long().unbind(-1)
    assert (mask[0, rows, columns] > 0.5).all()
    assert (mask[0, [0, 0, -1, -1], [0, -1, 0, -1]] < 0.1).all()


def test_looking_again_where_a_thing_was_seen_shows_the_same():
    name = CLIP_TIMES_S[2]
    pictures, seen = upload(engine(), [picture(name)]), ours(name)
    again = see_poses(engine(), pictures, ONE, regions_of_poses(seen.poses.points), "full")
    assert (again.points - seen.poses.points)[0, :33, :2].norm(dim=-1).mean() < 10.0
    hand = seen.hands["left"].points
    again = see_hands(engine(), pictures, ONE, regions_of_hands(hand))
    assert (again.points - hand)[..., :2].norm(dim=-1).mean() < 5.0
    pictures, face = upload(engine(), [picture("astronaut")]), ours("astronaut").faces.points
    again = see_faces(engine(), pictures, ONE, regions_of_faces(face))
    assert (again.points - face)[..., :2].norm(dim=-1).mean() < 2.0


def test_several_pictures_and_regions_in_one_call():
    pictures = upload(engine(), [picture(name) for name in CLIP_TIMES_S])
    people = detect_people(engine(), pictures)
    regions = torch.cat([regions_of_people(found.points[:1]) for found in people])
    together = see_poses(
        engine(), pictures, torch.tensor([2, 0, 2, 1]), regions[[2, 0, 0, 1]], "full"
    )
    for row, name in ((0, CLIP_TIMES_S[2]), (1, CLIP_TIMES_S[0]), (3, CLIP_TIMES_S[1])):
        alone = ours(name).poses
        assert (together.points[row] - alone.points[0]).norm(dim=-1).mean() < 0.1
        assert (together.world[row] - alone.world[0]).norm(dim=-1).mean() < 0.001


def test_a_closer_look_finds_smaller_people():
    """At 1.7 s one walks on the roof, the other enters at the right; MediaPipe sees neither."""
    pictures = upload(engine(), [picture(1.7)])
    (found,) = detect_people(engine(), pictures, closer=True)
    assert (found.score > 0.9).sum() == 2
    hips = found.points[:, 0]
    order = hips[:2, 0].argsort()
    np.testing.assert_allclose(hips[order], [[640, 270], [1500, 740]], atol=50)
    portrait = upload(engine(), [np.ascontiguousarray(picture(1.7)[:, 300:800])])
    (found,) = detect_people(engine(), portrait, closer=True)
    np.testing.assert_allclose(found.points[0, 0], [340, 270], atol=50)


def test_nobody_is_found_in_noise():
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    black = np.zeros_like(image)
    for closer in (False, True):
        for found in detect_people(engine(), upload(engine(), [image, black]), closer=closer):
            assert found.points.shape == (0, 4, 2)
            assert regions_of_people(found.points).shape == (0, 4)
    assert detect_people(engine(), []) == []


def test_nobody_has_no_hands_and_no_face():
    pictures, nobody = upload(engine(), [picture("astronaut")]), torch.zeros(0, 39, 3)
    none = ONE[:0]
    assert see_poses(engine(), pictures, none, torch.zeros(0, 4), "full").points.shape == (0, 39, 3)
    rough = hand_regions(nobody, "left")
    hands = see_hands(engine(), pictures, none, recrop(engine(), pictures, none, rough))
    assert hands.points.shape == (0, 21, 3)
    regions, scores = find_faces(engine(), pictures, none, face_regions(nobody))
    assert scores.shape == (0,)
    faces = see_faces(engine(), pictures, none, regions)
    assert faces.points.shape == (0, 478, 3)
    assert faces.blendshapes.shape == (0, 52)
    assert find_palms(engine(), pictures, none, torch.zeros(0, 4))[1].shape[0] == 0
