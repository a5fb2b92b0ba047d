"""The shipped bodies are what the bake makes of its source, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH
from reelrig.core.skeletons import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES
from training.body.bake import CHECK_SEED, NUM_CHECKED, Bake
from training.body.bends import bend_of
from training.body.pieces import PARTS
from training.body.population import draw_people
from training.body.source import Source
from training.body.write import PLACE_STEP, SHAPE_STEP, write_body

JAW = slice(9 * (JOINT_INDEX["jaw"] - 1), 9 * JOINT_INDEX["jaw"])

# Another processor rounds otherwise: a last bit may fall to the other side. Lengths in metres.
TOLERANCES = {
    "v_template": 2 * PLACE_STEP,
    "shapedirs": 4 * SHAPE_STEP,
    "weights": 1e-3,
}


# The correctives' solver goes other ways from rounding to rounding, and ends where the skin is the
# same to this much, m rms over a joint's range (0.34 mm at the hip with one thread instead of two).
CORRECTIVE_TOLERANCE = 1e-3


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
        if key == "posedirs":
            compare_correctives(values, baked[key])
        elif key == "J_regressor":
            # Many rows find the same joint; what they find must be the same, in every shape.
            off = values - baked[key]
            assert np.abs(off @ shipped["v_template"]).max() < 1e-4
            assert np.abs(np.tensordot(off, shipped["shapedirs"], 1)).max() < 1e-3
        elif values.dtype.kind == "f":
            far = np.abs(values - baked[key]).max()
            assert far <= TOLERANCES.get(key, 1e-4), (key, far)
        else:
            np.testing.assert_array_equal(values, baked[key], err_msg=key)


def compare_correctives(found, expected):
    """Both [V, 3, 486] move the skin alike in each joint's range; right joints mirror left ones."""
    rng = np.random.default_rng(0)
    assert np.abs(found[:, :, JAW] - expected[:, :, JAW]).max() < 1e-4
    for joint in JOINT_NAMES[1:]:
        if joint.startswith("right_") or joint == "jaw" or "eye" in joint:
            continue
        bend, first = bend_of(joint), 9 * (JOINT_INDEX[joint] - 1)
        turns = rng.uniform(bend.low_deg, bend.high_deg, (100, 3))
        features = (Rotation.from_rotvec(turns, degrees=True).as_matrix() - np.eye(3)).reshape(
            -1, 9
        )
        off = (found - expected)[:, :, first : first + 9]
        moved = np.abs(expected[:, :, first : first + 9]).max((1, 2)) > 0
        squares = np.square(off[moved] @ features.T.astype(np.float32)).sum(1)
        assert np.sqrt(squares.mean()) < CORRECTIVE_TOLERANCE, joint


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
