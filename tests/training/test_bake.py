"""The shipped bodies are what the bake makes of its source, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH
from reelrig.core.skeletons import ARKIT_NAMES, JOINT_NAMES
from training.body.bake import CHECK_SEED, NUM_CHECKED, Bake
from training.body.pieces import PARTS
from training.body.population import draw_people
from training.body.source import Source
from training.body.write import CORRECTIVE_STEP, PLACE_STEP, SHAPE_STEP, write_body

# Another processor rounds otherwise: a last bit may fall to the other side, and the correctives'
# solver takes slightly other steps. Lengths in metres.
TOLERANCES = {
    "v_template": 2 * PLACE_STEP,
    "shapedirs": 4 * SHAPE_STEP,
    "posedirs": 40 * CORRECTIVE_STEP,
    "J_regressor": 1e-3,
    "weights": 1e-3,
}


@pytest.fixture(scope="module")
def bake():
    return Bake(Source())


@pytest.fixture(scope="module")
def full(bake):
    return bake.full_arrays()


@pytest.fixture(scope="module")
def light(bake, full):
    return bake.light_arrays()


def read(path):
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "path"), [("full", FREE_BODY_PATH), ("light", LIGHT_BODY_PATH)], ids=["full", "light"]
)
def test_the_shipped_body_is_what_the_bake_makes(name, path, request):
    baked, shipped = request.getfixturevalue(name), read(path)
    assert sorted(shipped) == sorted(baked)
    for key, values in shipped.items():
        assert values.dtype == baked[key].dtype, key
        assert values.shape == baked[key].shape, key
        if values.dtype.kind == "f":
            far = np.abs(values - baked[key]).max()
            assert far <= TOLERANCES.get(key, 1e-4), (key, far)
        else:
            np.testing.assert_array_equal(values, baked[key], err_msg=key)


def test_writing_twice_gives_the_same_bytes(light, tmp_path):
    for name in ("first.npz", "second.npz"):
        write_body(tmp_path / name, light)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_joints_are_found_in_every_shape(bake, full):
    assert bake.template_joint_errors().max() < 1e-3
    # Others than those it was fitted to.
    off = bake.joint_errors(draw_people(NUM_CHECKED, CHECK_SEED))
    assert np.sqrt(np.mean(off**2)) < 8e-3
    assert off.max() < 12e-3, JOINT_NAMES[off.argmax()]


def test_the_light_body_has_the_full_bodys_joints(full, light):
    for first, count in ((0, 1), (3, 1)):
        betas = np.zeros(400)
        betas[first : first + count] = 1.5
        joints = [
            b["J_regressor"] @ (b["v_template"] + b["shapedirs"] @ betas.astype(np.float32))
            for b in (full, light)
        ]
        assert np.linalg.norm(joints[0] - joints[1], axis=1).max() < 4e-3


def test_eyes_turn_by_their_joints_alone(bake):
    eyes = np.isin(bake.geometry.part, [PARTS.index("left eye"), PARTS.index("right eye")])
    moved = np.abs(bake.arkit_dirs[eyes]).max((0, 1))
    assert not moved.any(), ARKIT_NAMES[moved.argmax()]
