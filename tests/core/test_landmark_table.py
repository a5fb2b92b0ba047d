"""The table of MediaPipe's landmarks: whole, symmetric, and in place however a body is numbered."""

from __future__ import annotations

import re

import numpy as np
import pytest

from reelrig.core.body.model import load_body
from reelrig.core.errors import ModelFileError
from reelrig.core.skeletons import (
    BODY_LANDMARK_INDEX,
    BODY_LANDMARKS,
    HAND_FINGER_START,
    JOINT_INDEX,
    LANDMARK_PARTS,
)
from training.body import landmarks
from training.body.landmarks import (
    CONTOUR_YAWS_DEG,
    IBUG_CONTOUR,
    IBUG_INNER,
    Surface,
    face_landmarks,
    landmark_arrays,
    lip_regressors,
    nearest_in_triangles,
    read_table,
)

FACE = LANDMARK_PARTS["face"].start
LEFT_HAND, RIGHT_HAND = LANDMARK_PARTS["left_hand"], LANDMARK_PARTS["right_hand"]
FLIP_X = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def surface(body):
    with np.load(body.path, allow_pickle=False) as file:
        return Surface(body.template, body.faces, body.weights, file["base_vertex"])


@pytest.fixture(scope="module")
def arrays(surface):
    return landmark_arrays(*fields(surface)) | face_landmarks(*fields(surface))


@pytest.fixture(scope="module")
def points(body, surface, arrays):
    """[553, 3] m"""
    return table_points(surface, arrays, body.template_joints)


def fields(surface):
    return surface.vertices, surface.faces, surface.weights, surface.base_vertex


def table_points(surface, arrays, joints):
    triangles = arrays["landmark_faces_idx"]
    on_skin = surface.points(np.maximum(triangles, 0), arrays["landmark_bary_coords"])
    on_skin[triangles < 0] = 0
    on_skin[:FACE] += arrays["landmark_joint_weights"] @ joints
    return on_skin


def contour_points(surface, arrays):
    """[79, 17, 3] m"""
    return surface.points(arrays["dynamic_lmk_faces_idx"], arrays["dynamic_lmk_bary_coords"])


# The table


def test_every_landmark_has_one_place(arrays):
    is_on_skin = arrays["landmark_faces_idx"] >= 0
    is_mixed = np.zeros(len(is_on_skin), bool)
    is_mixed[:FACE] = arrays["landmark_joint_weights"].any(1)
    assert (is_on_skin ^ is_mixed).all()
    barycentric = arrays["landmark_bary_coords"]
    np.testing.assert_allclose(barycentric.sum(1), is_on_skin, atol=1e-6)
    assert barycentric.min() >= 0
    np.testing.assert_allclose(arrays["landmark_joint_weights"].sum(1), is_mixed[:FACE], atol=1e-6)


def test_left_and_right_mirror_each_other(points):
    mirrored = points * FLIP_X
    for i, name in enumerate(BODY_LANDMARKS):
        other_name = name.replace("left", "?").replace("right", "left").replace("?", "right")
        other = BODY_LANDMARK_INDEX[other_name]
        np.testing.assert_allclose(mirrored[other], points[i], atol=5e-4, err_msg=name)
    np.testing.assert_allclose(mirrored[RIGHT_HAND], points[LEFT_HAND], atol=5e-4)
    gaps = np.linalg.norm(points[FACE:, None] - mirrored[FACE:], axis=2)
    assert gaps.min(1).max() < 5e-4


def test_landmarks_lie_where_their_names_say(body, points):
    def at(name):
        return points[BODY_LANDMARK_INDEX[name]]

    def joint(name):
        return body.template_joints[JOINT_INDEX[name]]

    head = body.template[body.weights[:, JOINT_INDEX["head"]] > 0.5]
    assert np.linalg.norm(at("nose") - head[head[:, 2].argmax()]) < 0.02
    assert at("left_ear")[0] > at("left_eye_outer")[0] > at("left_eye_inner")[0] > 0
    assert at("mouth_left")[1] < at("nose")[1] < at("left_eye")[1]
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert np.linalg.norm(at(f"left_{name}") - joint(f"left_{name}")) < 0.06, name
    assert at("left_heel")[2] < at("left_ankle")[2] < at("left_foot_index")[2]
    assert at("left_foot_index")[1] < joint("left_foot")[1]


@pytest.mark.parametrize("finger", HAND_FINGER_START)
def test_a_fingers_landmarks_follow_each_other_to_its_tip(body, points, finger):
    hand, start = points[LEFT_HAND], HAND_FINGER_START[finger]
    from_wrist = np.linalg.norm(hand[start : start + 4] - hand[0], axis=1)
    assert (np.diff(from_wrist) > 0.01).all()
    skin = body.template[body.weights[:, JOINT_INDEX[f"left_{finger}3"]] > 0.5]
    reach = np.linalg.norm(skin - hand[0], axis=1).max()
    assert reach - 0.015 < from_wrist[3] <= reach


def test_the_faces_landmarks_lie_where_mediapipe_names_them(points):
    face = points[FACE:]
    chin, under_lip, lower_lip, upper_lip, nose, forehead = face[[152, 17, 14, 13, 1, 10]]
    heights = [point[1] for point in (chin, under_lip, lower_lip, upper_lip, nose, forehead)]
    assert (np.diff(heights) > 0).all()
    assert abs(chin[0]) < 1e-5
    right_eye, left_eye = face[[33, 133]], face[[362, 263]]
    assert (right_eye[:, 0] < 0).all()
    assert (left_eye[:, 0] > 0).all()
    upper_lid, lower_lid, brow = face[[386, 374, 334]]
    assert lower_lid[1] < upper_lid[1] < brow[1]


def test_irises_lie_on_the_eyeballs_in_the_pictures_order(body, arrays, points):
    for side, first in (("right", 468), ("left", 473)):
        rows = np.arange(first, first + 5)
        triangles = arrays["landmark_faces_idx"][FACE + rows]
        share = body.weights[body.faces[triangles], JOINT_INDEX[f"{side}_eye_smplhf"]]
        assert share.min() > 0.999
        middle, right, top, left, bottom = points[FACE + rows]
        assert right[0] > middle[0] > left[0]
        assert top[1] > middle[1] > bottom[1]
        width = np.linalg.norm(right - left)
        assert 0.008 < width < 0.014  # an iris is about 12 mm wide


# Any numbering


def test_a_body_numbered_otherwise_has_its_landmarks_in_the_same_places(body, surface, points):
    rng = np.random.default_rng(3)
    order = rng.permutation(len(surface.vertices))
    faces = np.argsort(order)[surface.faces][rng.permutation(len(surface.faces))]
    turned = Surface(
        surface.vertices[order],
        np.roll(faces, 1, axis=1),
        surface.weights[order],
        surface.base_vertex[order],
    )
    found = table_points(turned, landmark_arrays(*fields(turned)), body.template_joints)
    np.testing.assert_allclose(found, points, atol=2e-6)


def test_quads_split_along_the_other_diagonal_keep_their_landmarks(body, surface, points):
    other = body.quads[:, [[1, 2, 3], [1, 3, 0]]].reshape(-1, 3)
    turned = Surface(surface.vertices, other, surface.weights, surface.base_vertex)
    found = table_points(turned, landmark_arrays(*fields(turned)), body.template_joints)
    assert np.linalg.norm(found - points, axis=1).max() < 1e-3


def test_a_body_without_the_tables_vertices_is_refused(surface):
    bare = Surface(
        surface.vertices, surface.faces, surface.weights, np.full_like(surface.base_vertex, -1)
    )
    with pytest.raises(ModelFileError, match=re.escape("training.body.fit_landmarks")):
        landmark_arrays(*fields(bare))


def test_a_table_survives_writing_and_reading(tmp_path):
    landmarks.write_table(read_table(), tmp_path / "table.json")
    assert read_table(tmp_path / "table.json") == read_table()


# iBUG's landmarks and the outline of the face


def test_ibugs_inner_landmarks_are_mediapipes(surface, arrays, points):
    found = surface.points(arrays["lmk_faces_idx"], arrays["lmk_bary_coords"])
    np.testing.assert_allclose(found, points[FACE + np.array(IBUG_INNER)], atol=1e-6)


def test_the_outline_from_ahead_is_mediapipes(surface, arrays, points):
    ahead = contour_points(surface, arrays)[CONTOUR_YAWS_DEG.index(0)]
    gaps = np.linalg.norm(ahead - points[FACE + np.array(IBUG_CONTOUR)], axis=1)
    assert gaps.max() < 0.025  # where the cheek reaches farther out than its landmark


def test_the_outline_of_a_turned_head_is_outermost(surface, arrays):
    """On the far side no skin of the face at the same height lies farther out."""
    yaw = np.radians(39)
    across = np.array([np.cos(yaw), 0, -np.sin(yaw)])
    turned = contour_points(surface, arrays)[CONTOUR_YAWS_DEG.index(39)]
    ahead = contour_points(surface, arrays)[CONTOUR_YAWS_DEG.index(0)]
    far = slice(0, 6)  # the head looks to its right: its right cheek turns away
    assert ((ahead - turned)[far] @ across > 0.002).all()
    is_head = surface.weights[:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(1) > 0.5
    head = surface.vertices[is_head]
    for place, start in zip(turned[far], ahead[far], strict=True):
        beside = head[(np.abs(head[:, 1] - place[1]) < 2e-3) & (head[:, 2] > start[2] + 0.01)]
        assert place @ across < (beside @ across).min() + 1.5e-3
    near = slice(10, 17)
    np.testing.assert_allclose(turned[near], ahead[near], atol=0.02)


def test_the_outline_of_a_head_turned_left_mirrors_that_turned_right(surface, arrays):
    contour = contour_points(surface, arrays)
    for yaw in (10, 25, 39):
        right, left = (contour[CONTOUR_YAWS_DEG.index(sign * yaw)] for sign in (1, -1))
        np.testing.assert_allclose(left[::-1] * FLIP_X, right, atol=1e-3)


# Parts


def test_lip_regressors_find_the_lips(surface, points):
    upper, lower = lip_regressors(surface.base_vertex)
    np.testing.assert_allclose(
        upper @ surface.vertices, points[FACE + np.array([82, 13, 312])], atol=1e-6
    )
    assert ((upper @ surface.vertices)[:, 1] > (lower @ surface.vertices)[:, 1]).all()


def test_nearest_in_triangles_against_a_search():
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(100, 3, 3))
    grid = rng.dirichlet([0.5, 0.5, 0.5], 5000)
    for point in rng.normal(size=(5, 3)):
        weights = nearest_in_triangles(corners, point)
        np.testing.assert_allclose(weights.sum(1), 1)
        assert weights.min() >= 0
        gaps = np.linalg.norm(np.einsum("nc,ncx->nx", weights, corners) - point, axis=1)
        searched = np.linalg.norm(np.einsum("gc,ncx->ngx", grid, corners) - point, axis=2).min(1)
        assert (gaps <= searched + 1e-9).all()
        assert (gaps > searched - 0.05).all()
