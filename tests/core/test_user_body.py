"""A user's own SMPL-X file, with a made-up one of its exact sizes."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core import people_solver, pipeline
from core.body.measures import MEASURE_NAMES, measure_body, solve_betas
from core.body.model import load_body
from core.body.skinning import Skin
from core.body.surface import VERTICES, surface_point
from core.config import CaptureConfig, CaptureJob
from core.protocol import Warn
from core.rotation import rotvec_to_matrix
from core.skeletons import ARKIT_BY_JOINTS, ARKIT_INDEX, JOINT_INDEX
from tests.core.smplx_reference import pose_with_smplx, random_pose
from tests.core.synthetic import FOCAL_PX, NO_SIGHTINGS, landmarks_of, rotations_from, scores
from tests.synthetic_smplx import (
    EXPRESSION_UNITS,
    NUM_FACES,
    NUM_VERTICES,
    SCALE,
    UNIT_SHARE,
    write_synthetic_smplx,
)

T = 12
CONFIG = CaptureConfig(focal_px=FOCAL_PX)
NO_BETAS = np.zeros(10)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_synthetic_smplx(tmp_path_factory.mktemp("body") / "SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def body(path):
    return load_body(path)


@pytest.fixture(scope="module")
def free_body():
    return load_body()


def test_it_opens_without_unpickling(path, body):
    with np.load(path, allow_pickle=False) as file, pytest.raises(ValueError, match="Object array"):
        _ = file["joint2num"]
    assert body.template.shape == (NUM_VERTICES, 3)
    assert body.faces.shape == (NUM_FACES, 3)
    assert body.arkit_names == body.slider_names == body.material_names == ()
    assert body.landmarks is body.quads is body.quads_uv is None


def test_vertices_and_joints_agree_with_smplx(path, body):
    betas, expression, rotvecs, trans = random_pose(0, 0.5)
    expected, expected_joints = pose_with_smplx(path, betas, expression, rotvecs, trans)
    vertices, joints = Skin(body).pose_vertices(betas, expression, rotvec_to_matrix(rotvecs), trans)
    np.testing.assert_allclose(vertices, expected, atol=1e-5)
    np.testing.assert_allclose(joints, expected_joints, atol=1e-5)


def test_betas_are_solved_from_measures(body):
    for seed in range(3):
        wanted = measure_body(body, np.random.default_rng(seed).normal(size=10))
        found = measure_body(body, solve_betas(body, MEASURE_NAMES, wanted))
        np.testing.assert_allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize("name", VERTICES)
def test_points_that_the_capture_asks_for_are_found(body, free_body, name):
    expected = SCALE * surface_point(free_body, name, NO_BETAS)
    np.testing.assert_allclose(surface_point(body, name, NO_BETAS), expected, atol=1e-6)


@pytest.mark.parametrize("i_unit", range(10), ids=EXPRESSION_UNITS)
def test_a_unit_is_answered_by_the_component_that_moves_the_same_way(body, i_unit):
    found = body.expression_from_arkit[:, ARKIT_INDEX[EXPRESSION_UNITS[i_unit]]]
    # The ridge takes a little, most from units that move few landmarks.
    assert found[i_unit] == pytest.approx(1 / UNIT_SHARE, rel=0.4)
    assert np.abs(np.delete(found, i_unit)).max() < 0.35 * found[i_unit]


def test_the_answer_does_not_depend_on_where_the_face_looks(body):
    cosine, sine = np.cos(0.3), np.sin(0.3)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)
    turned = dataclasses.replace(
        body,
        template=body.template @ turn.T,
        expression_dirs=np.einsum("xy,vye->vxe", turn, body.expression_dirs),
    )
    others = [i for name, i in ARKIT_INDEX.items() if name not in ARKIT_BY_JOINTS]
    np.testing.assert_allclose(
        turned.expression_from_arkit[:, others], body.expression_from_arkit[:, others], atol=1e-3
    )


def test_the_jaw_of_the_same_make_turns_by_the_same_angles(body, free_body):
    assert body.jaw_open_angle == pytest.approx(free_body.jaw_open_angle, rel=0.05)
    assert body.jaw_side_angle == pytest.approx(free_body.jaw_side_angle, rel=0.05)


def test_a_lazier_jaw_turns_further(body):
    jaw = JOINT_INDEX["jaw"]
    weights = body.weights.copy()
    weights[:, jaw] *= 0.8
    correctives = tuple(
        dataclasses.replace(each, dirs=0.8 * each.dirs) for each in body.pose_correctives
    )
    lazy = dataclasses.replace(body, weights=weights)
    lazy.__dict__["pose_correctives"] = correctives
    assert lazy.jaw_open_angle == pytest.approx(body.jaw_open_angle / 0.8, rel=0.02)
    assert lazy.jaw_side_angle == pytest.approx(body.jaw_side_angle / 0.8, rel=0.02)


def inner_face(body, vertices):
    face, barycentric = body.inner_face
    return np.einsum("kc,...kcx->...kx", barycentric, vertices[..., body.faces[face], :])


@pytest.mark.parametrize("name", ["jawOpen", "jawLeft", "jawRight", *EXPRESSION_UNITS])
def test_jaw_and_expression_together_move_the_face_as_the_unit_does(body, free_body, name):
    arkit = scores(1, **{name: 1.0})
    rotvecs = torch.zeros(1, 55, 3)
    rotvecs[:, JOINT_INDEX["jaw"]] = torch.from_numpy(body.face_response.jaw_rotvecs(arkit))
    expression = torch.from_numpy(arkit @ body.expression_from_arkit.T)
    posed, _ = Skin(body).pose_vertices(
        torch.zeros(10), expression, rotvec_to_matrix(rotvecs), torch.zeros(1, 3)
    )
    moved = inner_face(body, posed[0].numpy()) - inner_face(body, body.template)
    unit = free_body.arkit_dirs[..., free_body.arkit_names.index(name)]
    wanted = SCALE * inner_face(free_body, unit)
    error = np.linalg.norm(moved - wanted, axis=-1).mean()
    assert error < 0.2 * np.linalg.norm(wanted, axis=-1).mean() + 0.0003


def test_the_lids_follow_the_gaze_by_expression(body):
    i_blink = EXPRESSION_UNITS.index("eyeBlinkLeft")
    assert body.expression_from_arkit[i_blink, ARKIT_INDEX["eyeLookDownLeft"]] > 0.2


def test_a_capture_is_solved_for_the_body(body, free_body):
    arkit = scores(T, jawOpen=np.linspace(0, 1, T), mouthSmileLeft=np.linspace(0, 0.5, T))
    gaze = {f"{side}_eye_smplhf": (0.2, 0.1, 0.0) for side in ("left", "right")}
    landmarks = landmarks_of(rotations_from(T, left_knee=(0.5, 0, 0), **gaze), arkit)
    motion = people_solver.solve_motion(landmarks, CONFIG, body, "clip.mp4")
    free = people_solver.solve_motion(landmarks, CONFIG, free_body, "clip.mp4")
    np.testing.assert_allclose(motion.expression, motion.arkit @ body.expression_from_arkit.T)
    jaw, factor = JOINT_INDEX["jaw"], body.jaw_open_angle / free_body.jaw_open_angle
    np.testing.assert_allclose(motion.rotvecs[:, jaw], factor * free.rotvecs[:, jaw], atol=2e-3)
    others = np.delete(np.arange(55), jaw)
    measured, of_free_body = (
        each.measured.poses.reshape(T, 55, 3)[:, others] for each in (motion, free)
    )
    np.testing.assert_array_equal(measured, of_free_body)  # each stands on its own feet after
    # The same limbs on another body: the free body's measures, not this one's larger mean.
    of_motion = dict(zip(motion.measure_names, motion.measures, strict=True))
    of_free = dict(zip(free.measure_names, free.measures, strict=True))
    assert of_motion["thigh"] == pytest.approx(of_free["thigh"], abs=0.01)
    found = dict(zip(MEASURE_NAMES, measure_body(body, motion.betas), strict=True))
    assert found["thigh"] == pytest.approx(of_free["thigh"], abs=0.015)
    assert motion.joints_world[:, JOINT_INDEX["right_ankle"], 2].min() > 0.0


@pytest.mark.parametrize("has_landmarks", [True, False])
def test_a_face_that_cannot_be_solved_is_warned_of(monkeypatch, tmp_path, body, has_landmarks):
    used = body if has_landmarks else dataclasses.replace(body, inner_face=None)
    monkeypatch.setattr(pipeline, "load_body", lambda path: used)
    monkeypatch.setattr(pipeline, "open_video", lambda path: SimpleNamespace(path=path, focal=None))
    monkeypatch.setattr(pipeline, "find_people", lambda *args: [None])
    monkeypatch.setattr(
        pipeline, "detect", lambda *args: ({0: landmarks_of(rotations_from(T))}, NO_SIGHTINGS)
    )
    messages = []
    job = CaptureJob(video=tmp_path / "clip.mp4", output=tmp_path / "motion.npz", config=CONFIG)
    pipeline.capture(job, messages.append)
    warnings = [message.text for message in messages if isinstance(message, Warn)]
    if has_landmarks:
        assert warnings == []
    else:
        (warning,) = warnings
        assert "neither ARKit units nor face landmarks (lmk_faces_idx" in warning
        assert "only jaw and eyes will move" in warning
