import bpy
import numpy as np
import pytest

from reelrig.addon.rig.build import bone_axes, build_armature
from reelrig.addon.rig.rest import rest_bones
from reelrig.core.body.model import load_body
from reelrig.core.frames import WORLD_FROM_BODY
from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES, PARENTS
from tests.addon.motions import SOME_BETAS

MIRROR = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(params=["mean", "shaped"])
def betas(request):
    return np.zeros(10) if request.param == "mean" else SOME_BETAS


@pytest.fixture
def armature(body, betas):
    return build_armature("rig", rest_bones(body, betas))


def test_heads_lie_at_the_joints_of_the_shape(armature, body, betas):
    heads = np.array([armature.data.bones[name].head_local for name in JOINT_NAMES])
    np.testing.assert_allclose(heads, body.rest_joints(betas) @ WORLD_FROM_BODY.T, atol=1e-6)


def test_bones_have_names_and_parents_of_the_joints_and_are_not_connected(armature):
    assert [bone.name for bone in armature.data.bones] != []
    assert {bone.name for bone in armature.data.bones} == set(JOINT_NAMES)
    for name, parent in zip(JOINT_NAMES, PARENTS, strict=True):
        bone = armature.data.bones[name]
        assert (bone.parent.name if bone.parent else None) == (
            JOINT_NAMES[parent] if parent >= 0 else None
        )
        assert not bone.use_connect
        assert armature.pose.bones[name].rotation_mode == "QUATERNION"


def test_axes_of_left_and_right_are_exact_mirrors(armature):
    axes = dict(zip(JOINT_NAMES, bone_axes(armature), strict=True))
    for name in JOINT_NAMES:
        x, y, z = (MIRROR @ axes[name]).T
        mirrored = axes[bpy.utils.flip_name(name)].T
        np.testing.assert_allclose(mirrored, [-x, y, z], atol=2e-6, err_msg=name)


@pytest.mark.parametrize("side", ["left_", "right_"])
@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("knee", (0, 1, 0)),  # heel to the back
        ("elbow", (0, -1, 0)),  # hand to the front
        ("index2", (0, 0, -1)),  # fingertip to the palm
        ("pinky3", (0, 0, -1)),
        ("wrist", (0, 0, -1)),
        ("ankle", (0, 0, 1)),
        ("hip", (0, 1, 0)),
    ],
)
def test_a_positive_turn_about_x_bends_the_natural_way(armature, side, name, direction):
    _, _, z = bone_axes(armature)[JOINT_INDEX[side + name]].T  # x turns y towards z
    assert z @ direction > 0.7


def test_the_spine_bows_to_the_front(armature):
    axes = bone_axes(armature)
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"):
        assert axes[JOINT_INDEX[name]][:, 2] @ (0, -1, 0) > 0.7, name


def test_bones_point_along_the_body_and_have_sensible_lengths(armature):
    bones = armature.data.bones
    for name, child in [("left_hip", "left_knee"), ("pelvis", "spine1"), ("spine3", "neck")]:
        np.testing.assert_allclose(bones[name].tail_local, bones[child].head_local, atol=2e-3)
    for name in JOINT_NAMES:
        assert 0.01 < bones[name].length < 0.6, name
    assert bones["head"].tail_local.z > bones["left_eye_smplhf"].head_local.z + 0.05
    assert (bones["jaw"].tail_local - bones["jaw"].head_local).normalized().y < -0.5
    assert (bones["left_eye_smplhf"].tail_local - bones["left_eye_smplhf"].head_local).y < 0
    assert (bones["left_foot"].tail_local - bones["left_foot"].head_local).y < 0


def test_a_body_whose_joints_coincide_keeps_all_its_bones(body):
    bones = rest_bones(body, np.zeros(10))
    rest = body.rest_joints(np.zeros(10)).copy()
    rest[:] = rest[0]
    stub = type(
        "Stub",
        (),
        {
            "rest_joints": lambda self, betas, sliders: rest,
            "rest_vertices": lambda self, *shape: body.rest_vertices(*shape),
            "weights": body.weights,
        },
    )()
    armature = build_armature("rig", rest_bones(stub, np.zeros(10)))
    assert len(armature.data.bones) == len(bones.heads)


def test_bone_collections_part_body_hands_and_face(armature):
    sizes = {group.name: len(group.bones) for group in armature.data.collections}
    assert sizes == {"Body": 22, "Hands": 30, "Face": 3}
    assert armature.show_in_front


def test_building_leaves_the_users_scene_mode_and_selection_alone(scene, body):
    mesh = bpy.data.objects.new("mine", bpy.data.meshes.new("mine"))
    scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.object.mode_set(mode="EDIT")
    build_armature("rig", rest_bones(body, np.zeros(10)))
    assert (bpy.context.object, mesh.mode) == (mesh, "EDIT")
    assert list(bpy.data.scenes) == [scene]
    assert list(scene.objects) == [mesh]
