import bpy
import numpy as np
import pytest

from reelrig.addon.background import find_video
from reelrig.addon.take import find_subject, find_take
from tests.addon.evaluated import curves_of
from tests.addon.shots import COLUMN_PX, NUM_BITS, draw_number, make_shot, write_video
from tests.addon.takes import add


def see_numbers(scene, camera, frames):
    """The numbers on the pictures that Blender finds for the camera's background at ``frames``.

    Only a window draws backgrounds, so the same image user is given to a plane that is rendered.
    """
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = 64, 8
    scene.view_settings.view_transform = "Raw"
    scene.collection.children[0].hide_render = True
    scene.render.filepath = bpy.app.tempdir + "seen.png"
    texture = add_screen(scene, camera.data.background_images[0].image)
    numbers = []
    for frame in frames:
        scene.frame_set(frame)
        posed = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
        user = posed.data.background_images[0].image_user
        for name in ("frame_start", "frame_duration", "frame_offset"):
            setattr(texture.image_user, name, getattr(user, name))
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        row = np.array(image.pixels[:]).reshape(8, 64, 4)[4, COLUMN_PX // 2 :: COLUMN_PX, 0]
        numbers.append(sum(1 << bit for bit in range(NUM_BITS) if row[bit] > 0.5))
        bpy.data.images.remove(image)
    return numbers


def add_screen(scene, image):
    """A plane that shines with an image and fills the view of a new camera; its texture node."""
    mesh = bpy.data.meshes.new("screen")
    corners = [(-0.5, -0.375), (0.5, -0.375), (0.5, 0.375), (-0.5, 0.375)]
    mesh.from_pydata([(*corner, 0) for corner in corners], [], [(0, 1, 2, 3)])
    for place, corner in zip(mesh.uv_layers.new().data, corners, strict=True):
        place.uv = corner[0] + 0.5, corner[1] / 0.75 + 0.5
    material = bpy.data.materials.new("screen")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    texture, shine, output = (
        nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial")
    )
    texture.image, texture.interpolation = image, "Closest"
    texture.image_user.use_auto_refresh = True
    material.node_tree.links.new(texture.outputs["Color"], shine.inputs["Color"])
    material.node_tree.links.new(shine.outputs[0], output.inputs["Surface"])
    mesh.materials.append(material)
    plane = bpy.data.objects.new("screen", mesh)
    lens = bpy.data.cameras.new("screen")
    lens.type, lens.ortho_scale = "ORTHO", 1.0
    scene.camera = bpy.data.objects.new("screen camera", lens)
    scene.camera.location = (50, 0, 1)  # away from the character
    plane.location = (50, 0, 0)
    for obj in (plane, scene.camera):
        scene.collection.objects.link(obj)
    return texture


def make_filmed(body, video, times_s, indices, rate, **values):
    """A shot whose rows were seen in the pictures ``indices`` of a video."""
    return make_shot(
        body,
        len(indices),
        frame_index=np.asarray(indices),
        time_s=np.asarray(times_s, dtype=float),
        mocap_frame_rate=rate,
        source=video.name,
        **values,
    )


def test_each_frame_has_its_own_picture(scene, body, tmp_path):
    video = write_video(tmp_path / "even.mp4", np.arange(40) / 30)
    indices = np.arange(10, 34)  # a part of the video
    motion = make_filmed(body, video, indices / 30, indices, 30.0)
    _, camera = add(scene, body, motion, video=video, start_frame=5)
    assert camera.data.show_background_images
    assert camera.data.animation_data is None  # at one rate one offset is enough
    assert see_numbers(scene, camera, (5, 6, 17, 28)) == [10, 11, 22, 33]
    assert not bpy.data.movieclips


def test_pictures_keep_their_time_at_another_rate(scene, body, tmp_path):
    scene.render.fps = 24
    video = write_video(tmp_path / "even.mp4", np.arange(40) / 30)
    motion = make_filmed(body, video, np.arange(40) / 30, np.arange(40), 30.0)
    _, camera = add(scene, body, motion, video=video)
    assert find_take(find_subject(camera)).take.rows_per_frame == 30 / 24
    (curve,) = curves_of(camera.data)
    assert {key.interpolation for key in curve.keyframe_points} == {"CONSTANT"}
    # Frame 1 + n shows the moment n / 24 s, nearest to picture 1.25 n.
    assert see_numbers(scene, camera, (1, 2, 4, 8, 21, 32)) == [0, 1, 4, 9, 25, 39]


@pytest.mark.parametrize("name", ["phone.mp4", "phone.mkv"])
def test_each_frame_has_the_nearest_picture_where_the_rate_varies(scene, body, tmp_path, name):
    steps = np.random.default_rng(0).choice([1 / 30, 1 / 30, 2 / 30, 3 / 30], 29)
    times_s = np.concatenate([[0.0], np.cumsum(steps)])
    video = write_video(tmp_path / name, times_s)
    moments = (
        np.arange(times_s[0], times_s[-1], 1 / 30) + 0.007
    )  # a part, from between two pictures
    moments = moments[9:]
    nearest = np.abs(times_s - moments[:, None]).argmin(1)
    began_s = np.round(times_s, 3) if name.endswith("mkv") else times_s  # Matroska's clock
    motion = make_filmed(body, video, moments, nearest, 30.0, frame_time_s=began_s[nearest])
    _, camera = add(scene, body, motion, video=video)
    rows = range(0, len(moments), 3)
    assert len(set(nearest[rows])) > 8
    seen = see_numbers(scene, camera, [row + 1 for row in rows])
    assert seen == nearest[rows].tolist()


@pytest.mark.parametrize("name", ["", "shot_%03d.png"])
def test_images_of_a_sequence_by_their_numbers(scene, body, tmp_path, name):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(7, 20):
        save_image(draw_number(number), folder / f"shot_{number:03d}.png")
    video = folder / name if name else folder
    motion = make_filmed(body, video, np.arange(13) / 30, np.arange(13), 30.0)
    _, camera = add(scene, body, motion, video=video)
    assert see_numbers(scene, camera, (1, 6, 13)) == [7, 12, 19]


def save_image(picture, path):
    image = bpy.data.images.new(path.stem, picture.shape[1], picture.shape[0])
    rgba = np.ones((*picture.shape[:2], 4), np.float32)
    rgba[..., :3] = picture[::-1] / 255
    image.pixels.foreach_set(rgba.ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


def test_a_video_that_blender_cannot_show_is_told(scene, body, tmp_path):
    video = tmp_path / "broken.mp4"
    video.write_text("no video")
    warnings = []
    motion = make_shot(body, source=video.name)
    _, camera = add(scene, body, motion, video=video, warn=warnings.append)
    assert not camera.data.background_images
    assert "shows no video" in warnings[0]
    assert "broken.mp4" in warnings[0]
    for number, name in enumerate(("a_1.png", "b_2.png")):
        save_image(draw_number(number), tmp_path / name)
    video.unlink()
    _, camera = add(scene, body, motion, video=tmp_path, warn=warnings.append)
    assert "one number only" in warnings[1]


def test_the_video_is_looked_for_by_its_name(tmp_path):
    video = tmp_path / "walk.mp4"
    assert find_video("walk.mp4", None, tmp_path, video) is None
    video.touch()
    assert find_video("walk.mp4", None, tmp_path) == video
    assert find_video("walk.mp4", tmp_path / "other.mp4", video) == video
    assert find_video("run.mp4", tmp_path, video) is None
    (tmp_path / "walk_01.png").touch()
    assert find_video("walk_%02d.png", tmp_path) == tmp_path / "walk_%02d.png"
    assert find_video(tmp_path.name, tmp_path) == tmp_path
