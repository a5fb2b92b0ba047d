"""The shipped body's proportions, its named sliders and the people it was learnt from."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from reelrig.core.body.model import BodyModel, load_body
from reelrig.core.skeletons import JOINT_INDEX
from training.body.measure import Figure, measure, perimeter
from training.body.neutral import TARGETS
from training.body.population import STATURE_SD, draw_people
from training.body.source import Source
from training.body.tuning import Tuner

LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot")


@pytest.fixture(scope="module")
def body():
    return load_body()


def skin_triangles(body: BodyModel) -> np.ndarray:
    """[F, 3], the largest connected piece: without eyes, teeth and hairs."""
    ends = body.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    size = (body.num_vertices, body.num_vertices)
    edges = sp.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), size)
    _, piece = connected_components(edges)
    of_face = piece[body.faces[:, 0]]
    return body.faces[of_face == np.bincount(of_face).argmax()]


def shape(body: BodyModel, slider: str | None = None, amount: float = 0.0) -> Figure:
    sliders = np.zeros(len(body.slider_names))
    if slider:
        sliders[body.slider_names.index(slider)] = amount
    betas = np.zeros(10)
    vertices = body.rest_vertices(betas, sliders).astype(float)
    return Figure(vertices, skin_triangles(body), body.rest_joints(betas, sliders).astype(float))


@pytest.fixture(scope="module")
def measures(body):
    return measure(shape(body))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_proportions_meet_the_published_ones(measures, target):
    assert measures[target.name] == pytest.approx(target.mean, abs=target.tolerance)


def test_a_tape_bridges_hollows_and_cuts_where_it_is_told():
    # A square tube of side 1 and height 2 whose front wall is bent inward.
    ring = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0.5, 0, 0.5], [0, 0, 1]], dtype=float)
    vertices = np.concatenate([ring, ring + np.array([0.0, 2.0, 0.0])])
    i, j = np.arange(5), np.roll(np.arange(5), -1)
    walls = np.concatenate([np.stack([i, j, i + 5], 1), np.stack([j, j + 5, i + 5], 1)])
    figure = Figure(vertices, walls, np.zeros((55, 3)))
    up = np.array([0.0, 1.0, 0.0])
    section = figure.section(0.5 * up, up)
    np.testing.assert_allclose(section[:, 1], 0.5)
    assert perimeter(section, up) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("slider", "name", "change", "share"),
    [
        ("stature", "stature", 0.134, 0.1),
        ("leg_length", "stature", 0.050, 0.1),
        ("arm_length", "forearm", 0.018, 0.2),
        # The regressor sees the shoulders through skin that moves less than they do.
        ("shoulder_width", "shoulder_joints", 0.025, 0.5),
        ("hip_width", "hip_breadth", 0.030, 0.1),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_slider_does_what_it_is_named_for(body, measures, slider, name, change, share, sign):
    reached = measure(shape(body, slider, sign))[name] - measures[name]
    assert reached == pytest.approx(sign * change, rel=share)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("slider", "farthest"),
    [("weight", 0.01), ("muscle", 0.01), ("age", 0.02)],  # the old stoop a little
)
def test_flesh_leaves_the_bones(body, slider, farthest, sign):
    moved = np.linalg.norm(shape(body, slider, sign).joints - shape(body).joints, axis=1)
    assert moved.max() < farthest


@pytest.mark.parametrize("sign", [1, -1])
def test_leg_length_leaves_what_is_above_the_hips(body, sign):
    moved = np.linalg.norm(shape(body, "leg_length", sign).joints - shape(body).joints, axis=1)
    above = [i for name, i in JOINT_INDEX.items() if name not in LEGS]
    assert moved[above].max() < 0.005


@pytest.mark.parametrize(("sign", "column"), [(1, "female"), (-1, "male")])
def test_gender_gives_the_mean_woman_and_man(body, sign, column):
    reached = measure(shape(body, "gender", sign))
    for target in TARGETS:
        if target.is_fitted:
            wanted = getattr(target, column)
            assert reached[target.name] == pytest.approx(wanted, abs=2 * target.tolerance), target


def test_drawn_people_have_the_published_statures():
    tuner = Tuner(Source())
    statures = np.array([tuner.measure(person)["stature"] for person in draw_people(200, seed=2)])
    published = next(target for target in TARGETS if target.name == "stature")
    for sex, drawn in (("female", statures[::2]), ("male", statures[1::2])):
        assert drawn.mean() == pytest.approx(getattr(published, sex), abs=0.02)
        assert drawn.std() == pytest.approx(STATURE_SD[sex], rel=0.10)
