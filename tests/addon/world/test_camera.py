import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from reelrig.addon import scene_file
from reelrig.addon.bodies import LIGHT
from reelrig.addon.camera import find_camera, pixel_of_ray, use_camera
from reelrig.addon.take import find_subject, find_take
from reelrig.core.motion import write_motion
from tests.addon.evaluated import curves_of, heads_at, skin_of
from tests.addon.motions import expected_joints, make_walk
from tests.addon.shots import LANDSCAPE, PORTRAIT, make_shot, project, write_video
from tests.addon.takes import add

OVERLAY_PX = 0.05  # the contract asks for 0.5; this is what single precision leaves


def shown_px(scene, camera, points):
    """[N, 2] px, where Blender's camera shows points [N, 3] m of the scene."""
    seen = [world_to_camera_view(scene, camera, Vector(point)) for point in points]
    x, y = np.array([point[:2] for point in seen]).T
    return np.column_stack([x, 1 - y]) * (scene.render.resolution_x, scene.render.resolution_y)


def check_overlay(scene, armature, camera, motion, frame, row):
    heads = heads_at(scene, armature, frame)
    expected = project(motion, motion.joints_world[row], row)
    np.testing.assert_allclose(shown_px(scene, camera, heads), expected, atol=OVERLAY_PX)


@pytest.mark.parametrize(
    "shot",
    [
        {},
        {"size": PORTRAIT},
        {"pan_deg": 25.0},
        {"pan_deg": -40.0, "zoom": 1.5},
        {"zoom": 0.7, "size": PORTRAIT},
        {"center_px": np.array([150.0, 290.0])},
        {"center_px": np.array([410.0, -60.0]), "pan_deg": 25.0, "size": PORTRAIT},
    ],
)
def test_characters_overlay_the_picture(scene, body, shot):
    motion = make_shot(body, **shot)
    (armature,), camera = add(scene, body, motion, start_frame=5)
    use_camera(scene, camera)
    assert (scene.render.resolution_x, scene.render.resolution_y) == tuple(motion.image_size)
    for row in (0, 3, 11):
        check_overlay(scene, armature, camera, motion, 5 + row, row)


def test_overlay_holds_at_another_rate(scene, body):
    scene.render.fps = 24
    motion = make_shot(body, 13, pan_deg=25.0, zoom=1.2)
    (armature,), camera = add(scene, body, motion)
    use_camera(scene, camera)
    for row in (0, 4, 7, 12):  # rows stand on subframes
        check_overlay(scene, armature, camera, motion, 1 + row * 0.8, row)


def test_the_world_turns_with_all_that_is_in_it(scene, body):
    motion = make_shot(body, pan_deg=25.0)
    (armature,), camera = add(scene, body, motion)
    use_camera(scene, camera)
    world = armature.parent
    assert world.type == "EMPTY"
    assert world.name.endswith(" world")
    assert camera.parent == world
    turn = Matrix.Rotation(0.7, 4, "X") @ Matrix.Rotation(-1.2, 4, "Z")
    world.matrix_world = Matrix.Translation((1, -2, 0.5)) @ turn
    matrix = np.array(world.matrix_world)
    expected = motion.joints_world[6] @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(heads_at(scene, armature, 7), expected, atol=1e-4)
    check_overlay(scene, armature, camera, motion, 7, 6)


def test_a_camera_at_rest_has_no_keys(scene, body):
    _, camera = add(scene, body, make_shot(body))
    assert camera.animation_data is None
    assert camera.data.animation_data is None
    assert len(bpy.data.actions) == 1


def test_keys_only_for_what_changes(scene, body):
    _, moving = add(scene, body, make_shot(body, pan_deg=25.0))
    assert moving.animation_data.action
    assert moving.data.animation_data is None
    _, zooming = add(scene, body, make_shot(body, zoom=2.0))
    assert zooming.animation_data is None
    (curve,) = curves_of(zooming.data)
    assert curve.data_path == "lens"
    assert curve.evaluate(12) == pytest.approx(2 * curve.evaluate(1))


def test_lens_is_the_35_mm_equivalent_whatever_the_render_size(scene, body):
    for size in (LANDSCAPE, PORTRAIT):
        _, camera = add(scene, body, make_shot(body, size=size))
        assert camera.data.lens == pytest.approx(600 * 36 / 640)
        assert camera.data.sensor_fit == ("HORIZONTAL" if size == LANDSCAPE else "VERTICAL")


def test_a_motion_without_camera_stands_alone(scene, body):
    (armature,), camera = add(scene, body, make_walk(body))
    assert camera is None
    assert armature.parent is None
    assert not bpy.data.cameras


def test_people_of_one_video_share_world_and_camera(scene, body):
    motions = [make_shot(body, person=person) for person in range(3)]
    people, camera = add(scene, body, *motions)
    assert {person.parent for person in people} == {camera.parent}
    assert len(bpy.data.cameras) == 1
    assert [find_take(person).take.motion for person in people] == [
        f"/captures/{person}.npz" for person in range(3)
    ]


def test_the_subject_is_found_from_all_that_belongs_to_it(scene, body):
    people, camera = add(scene, body, make_shot(body), make_shot(body, person=1))
    for person in people:
        assert find_subject(person) == find_subject(skin_of(person)) == person
    assert find_subject(camera) == find_subject(camera.parent) == people[0]
    stranger = bpy.data.objects.new("stranger", None)
    assert find_subject(stranger) is None
    assert find_subject(None) is None


@pytest.mark.parametrize("center_px", [None, np.array([150.0, 290.0])])
def test_a_click_in_the_camera_view_is_a_pixel_of_the_video(scene, body, center_px):
    motion = make_shot(body, pan_deg=25.0, center_px=center_px)
    (armature,), camera = add(scene, body, motion)
    armature.parent.rotation_euler = (0.3, 0.1, 1.0)
    heads = heads_at(scene, armature, 8)
    for head, pixel in zip(heads, project(motion, motion.joints_world[7], 7), strict=True):
        ray = Vector(head) - camera.matrix_world.translation
        np.testing.assert_allclose(pixel_of_ray(camera, ray), pixel, atol=OVERLAY_PX)


@pytest.mark.parametrize("stage", ["build_camera", "place_camera", "show_video"])
def test_a_failure_midway_leaves_nothing(scene, body, monkeypatch, tmp_path, stage):
    def fail(*_args):
        raise RuntimeError("out of luck")

    kinds = ("objects", "cameras", "actions", "images", "collections", "armatures")
    before = {kind: len(getattr(bpy.data, kind)) for kind in kinds}
    monkeypatch.setattr(f"reelrig.addon.world.{stage}", fail)
    with pytest.raises(RuntimeError, match="out of luck"):
        add(scene, body, make_shot(body), video=tmp_path)
    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == before


def test_scene_file_has_the_camera_with_its_video_and_exports_play_the_motion(body, tmp_path):
    video = write_video(tmp_path / "walk.mp4", np.arange(12) / 30)
    motion = make_shot(body, source=video.name)
    write_motion(motion, tmp_path / "walk.npz")
    exported = tmp_path / "walk.fbx"
    scene_file.build_scene_file(
        tmp_path / "walk.npz", tmp_path / "walk.blend", detail=LIGHT, export_path=exported
    )
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "walk.blend"))
    (armature,) = (obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE")
    camera = find_camera(armature)
    assert camera.data.background_images[0].image.name == "walk.mp4"
    use_camera(bpy.context.scene, camera)
    check_overlay(bpy.context.scene, armature, camera, motion, 4, 3)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.ops.import_scene.fbx(filepath=str(exported))
    (armature,) = (obj for obj in bpy.context.scene.objects if obj.type == "ARMATURE")
    start = int(bpy.data.actions[0].frame_range[0])
    found = heads_at(bpy.context.scene, armature, start + 3)
    np.testing.assert_allclose(found, expected_joints(motion, body)[3], atol=1e-3)
