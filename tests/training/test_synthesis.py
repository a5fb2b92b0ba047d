"""The renderer draws what is there, and the detector sees in it what was drawn."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.skeletons import BODY_LANDMARK_INDEX, JOINT_INDEX, LANDMARK_PARTS
from training.bank.cameras import CameraPath
from training.bank.clip import Clip
from training.synthesis import detected, looks, renderer, report, scenes, spoiling

SIZE = (160, 120)
FOCAL_PX = 100.0
RED, GREEN = 0, 1
ROWS = 3
RATE_HZ = 10.0


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def surfaces():
    textures = np.zeros((2, 8, 8, 3), np.uint8)
    textures[RED, ..., 0], textures[GREEN, ..., 1] = 255, 255
    return renderer.Surfaces(textures, np.ones(2, np.float32), np.zeros(2, np.float32))


def lights(toward=(0.0, 0.0, -1.0), sky=1.0, strength=0.0):
    even = np.full(3, sky, np.float32)
    colors = np.full((1, 3), strength, np.float32)
    return renderer.Lights(np.float32([toward]), colors, np.float32([0, -1, 0]), even, even)


def square(material, depth, half=0.2, middle=(0.0, 0.0)):
    """A square that faces the camera, and its vertices."""
    x, y = middle
    corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
    vertices = np.float32([(x + dx, y + dy, depth) for dx, dy in corners])
    mesh = renderer.Mesh(
        np.int32([[0, 2, 1], [0, 3, 2]]),
        np.full(2, material, np.int32),
        vertices[:, :2],
        np.ones(4, np.float32),
        np.zeros(2, bool),
    )
    return mesh, vertices


def empty_canvas():
    width, height = SIZE
    return renderer.Canvas(
        np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    )


def draw(surfaces, *squares, lit=None, samples=1):
    canvas = empty_canvas()
    mesh = renderer.merge_meshes([mesh for mesh, _ in squares])
    vertices = np.concatenate([vertices for _, vertices in squares])
    renderer.draw_mesh(canvas, mesh, vertices, surfaces, FOCAL_PX, lit or lights(), samples)
    return canvas


@pytest.mark.parametrize("samples", [1, 2])
def test_mesh_covers_the_pixels_it_projects_to(surfaces, samples):
    canvas = draw(surfaces, square(RED, depth=2.0, middle=(0.5, -0.2)), samples=samples)
    rows, columns = np.nonzero(canvas.colors[..., 0] > 0.5)
    # 100 px * (0.5 -+ 0.2) / 2 right of the middle, and so on.
    assert (columns.min(), columns.max()) == (80 + 15, 80 + 34)
    assert (rows.min(), rows.max()) == (60 - 20, 60 - 1)


def test_samples_mix_edges_by_cover(surfaces):
    canvas = draw(surfaces, square(RED, depth=2.0, half=0.21), samples=2)
    row = canvas.colors[60, :, 0]
    assert row[69] == pytest.approx(0.5)
    assert row[70] == pytest.approx(1.0)


def test_nearer_hides_farther_whatever_the_order(surfaces):
    near, far = square(RED, depth=1.0, half=0.1), square(GREEN, depth=2.0, half=0.5)
    for order in ((near, far), (far, near)):
        canvas = draw(surfaces, *order)
        np.testing.assert_allclose(canvas.colors[60, 80], (1, 0, 0))
        np.testing.assert_allclose(canvas.colors[60, 95], (0, 1, 0))


def test_canvas_remembers_what_is_nearer(surfaces):
    canvas = draw(surfaces, square(RED, depth=1.0, half=0.1))
    mesh, vertices = square(GREEN, depth=2.0, half=0.5)
    renderer.draw_mesh(canvas, mesh, vertices, surfaces, FOCAL_PX, lights(), 2)
    np.testing.assert_allclose(canvas.colors[60, 80], (1, 0, 0))


def test_backs_are_not_drawn_unless_open(surfaces):
    mesh, vertices = square(RED, depth=2.0)
    turned = replace(mesh, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))
    assert draw(surfaces, (turned, vertices)).colors.max() == 0
    both_sides = replace(turned, is_open=np.ones(2, bool))
    assert draw(surfaces, (both_sides, vertices)).colors.max() == pytest.approx(1)


def test_what_reaches_behind_the_camera_is_left_out(surfaces):
    assert draw(surfaces, square(RED, depth=-1.0)).colors.max() == 0


def test_near_things_throw_shadows_on_what_is_behind(surfaces):
    lit = lights(toward=(0, 0, -1), sky=0.0, strength=1.0)
    canvas = draw(surfaces, square(RED, 2.0, half=0.2), square(GREEN, 3.0, half=1.0), lit=lit)
    green = canvas.colors[60, :, 1]
    # Light falls straight ahead: what is dark behind the square is 0.2 / 3 wide, and hidden.
    assert green[110] == pytest.approx(1.0)
    slanted = lights(toward=(-0.6, 0, -0.8), sky=0.0, strength=1.0)
    canvas = draw(surfaces, square(RED, 2.0, half=0.2), square(GREEN, 3.0, half=1.0), lit=slanted)
    # The shadow moves by 0.6 / 0.8 m to the right at 3 m.
    assert canvas.colors[60, 80 + 25, 1] == pytest.approx(0.0)
    assert canvas.colors[60, 80 - 25, 1] == pytest.approx(0.8, abs=0.01)


def test_room_shows_the_floor_below_the_horizon(surfaces):
    materials = np.int32([RED, RED, RED, RED, GREEN, RED])
    room = renderer.Room(np.array([-50.0, -50, 0]), np.array([50.0, 50, 9]), materials)
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]  # level, along the world's y
    world_from_camera[:3, 3] = (0, 0, 1.5)
    colors = renderer.draw_room(room, surfaces, world_from_camera, FOCAL_PX, SIZE, lights())
    # The floor ends 50 m off, at 100 px * 1.5 / 50 under the middle.
    is_floor = colors[:, 80, 1] > 0
    assert is_floor[63:].all()
    assert not is_floor[:63].any()


def test_clean_camera_leaves_the_picture_as_it_is(rng):
    colors = np.float32(rng.random((30, 40, 3)))
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    clean = spoiling.Spoiling(1.0, levels, 0.01, 1.0, None, None)
    assert np.abs(clean.spoil(colors, 0) / 255 - colors).max() < 0.003


def test_noise_moves_between_frames_and_is_the_same_twice(rng):
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    noise = spoiling.Spoiling.draw(rng, SIZE, 100.0).noise
    while noise is None:
        noise = spoiling.Spoiling.draw(rng, SIZE, 100.0).noise
    noisy = spoiling.Spoiling(1.0, levels, 0.4, 1.0, noise, 50)
    colors = np.full((SIZE[1], SIZE[0], 3), 0.5, np.float32)
    assert (noisy.spoil(colors, 0) == noisy.spoil(colors, 0)).all()
    assert (noisy.spoil(colors, 0) != noisy.spoil(colors, 1)).any()


@pytest.fixture(scope="module")
def light_body():
    return load_body(LIGHT_BODY_PATH)


def test_look_gives_every_polygon_a_material_and_leaves_the_nose_bare(light_body):
    _, y, z = light_body.template.T
    nose = np.where(y > light_body.template_joints[JOINT_INDEX["neck"], 1], z, 0).argmax()
    for seed in range(8):
        look = looks.draw_look(np.random.default_rng(seed), light_body, np.zeros(10))
        assert look.mesh.materials.max() < len(look.surfaces.gloss)
        assert len(look.surfaces.textures) == len(look.surfaces.repeat_m)
        assert look.swell[nose] == 0
        assert look.swell.max() < 0.1


def standing_clip(turn_deg=0.0):
    """Somebody who stands and lifts the left arm's hand a little, facing the world's -y."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (ROWS, 55, 1, 1))
    angle = np.radians(turn_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    upright = np.float32([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    about = np.float32([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    rotations[:, 0] = about @ upright
    for side, sign in (("left", -1), ("right", 1)):
        bend = sign * np.radians(60)
        rotations[:, JOINT_INDEX[f"{side}_shoulder"]] = np.float32(
            [[np.cos(bend), -np.sin(bend), 0], [np.sin(bend), np.cos(bend), 0], [0, 0, 1]]
        )
    return Clip(
        np.arange(ROWS) / RATE_HZ,
        rotations,
        np.tile([0.0, 0.0, 0.95], (ROWS, 1)),
        np.zeros((ROWS, 52)),
        np.zeros(10),
        "1",
        "mocap",
        np.zeros((ROWS, 4)),
    )


@dataclass
class StubBank:
    """Hands out one clip, and remembers what was asked for."""

    asked: list

    def draw(self, rng, num_rows, rate_hz, held_out):
        self.asked.append(held_out)
        return standing_clip()


@pytest.fixture(scope="module")
def studio():
    torch.set_num_threads(1)
    return detected.Studio(StubBank([]))


def level_camera(size=(480, 480)):
    """3.5 m in front of the world's origin, 1 m up, looking along y."""
    matrix = np.eye(4)
    matrix[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    matrix[:3, 3] = -matrix[:3, :3] @ (0, -3.5, 1.0)
    path = np.tile(matrix, (ROWS, 1, 1))
    return CameraPath(path, np.full(ROWS, 700.0), size)


def stage(studio, clip, seed=5):
    rng = np.random.default_rng(seed)
    posed = studio.full.pose(clip)
    actors = [studio.full.dress(rng, clip, posed, studio.full.points(posed))]
    camera = level_camera()
    scene = scenes.Scene(rng, actors, camera, sits=False, exposure=0.0)
    return detected.Drawn(clip, actors, camera, scene)


def test_person_is_drawn_where_the_true_landmarks_are(studio):
    drawn = stage(studio, standing_clip())
    with_person = drawn.scene._draw_people(drawn.scene._draw_backdrop(0).copy(), 0, 0)
    changed = np.abs(with_person - drawn.scene._draw_backdrop(0).colors).max(-1) > 0.02
    px = drawn.camera.project(drawn.actors[0].points)[0].astype(int)
    body = px[LANDMARK_PARTS["body"]]
    assert changed[body[:, 1], body[:, 0]].mean() > 0.9
    assert changed.mean() < 0.5


def test_detector_sees_what_was_drawn(studio):
    drawn = stage(studio, standing_clip(turn_deg=20))
    seen = studio.see(np.random.default_rng(0), drawn, "full")
    true_px = drawn.camera.project(drawn.actors[0].points)
    parts = [BODY_LANDMARK_INDEX[f"{s}_{n}"] for s in ("left", "right") for n in ("hip", "ankle")]
    body_px = np.linalg.norm(np.subtract(*true_px[0, [parts[0], parts[1]]]))
    assert seen.is_seen.all()
    off = np.linalg.norm(seen.points_px - true_px, axis=2)[:, LANDMARK_PARTS["body"]]
    assert off.mean() < 0.1 * body_px
    shoulders = [BODY_LANDMARK_INDEX[f"{side}_shoulder"] for side in ("left", "right")]
    left, right = seen.points_px[:, shoulders, 0].T
    assert (left > right).all()  # who faces the camera has the left on the picture's right
    row = detected.to_row(drawn, seen, "full")
    assert row["true_points"].shape == (ROWS, 75, 3)
    assert row["points_px"].shape == row["true_px"].shape == (ROWS, 553, 2)


def test_other_person_stands_beside_and_keeps_their_height(rng):
    clip = standing_clip()
    other = detected.stand_beside(rng, clip, clip)
    gap = (other.pelvis - clip.pelvis).mean(0)
    assert 0.4 <= np.hypot(*gap[:2]) <= 1.6
    assert gap[2] == pytest.approx(0)
    up = other.rotations[:, 0] @ (0, 1, 0)
    np.testing.assert_allclose(up, np.tile([0, 0, 1], (ROWS, 1)), atol=1e-6)


def test_shards_in_ten_are_held_out(studio):
    assert [number for number in range(30) if detected.is_held_out(number)] == [9, 19, 29]
    studio.bank.asked.clear()
    studio.draw_sequence(np.random.default_rng(0), held_out=True)
    assert set(studio.bank.asked) == {True}


def test_shards_are_written_whole_and_not_made_twice(tmp_path):
    class StubStudio:
        def make_shard(self, number):
            return {"confidence": np.ones((1, 2, 553)), "time_s": np.zeros((1, 2))}

    tasks = detected.missing_shards(tmp_path, 40)
    assert [number for _, number in tasks] == [0, 1, 2]
    line = detected.write_shard(StubStudio(), *tasks[1])
    assert "body found in 100.0%" in line
    assert [number for _, number in detected.missing_shards(tmp_path, 40)] == [0, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["shard_00001.npz"]
    with np.load(tasks[1][0], allow_pickle=False) as shard:
        assert set(shard.files) == {"confidence", "time_s"}


def test_report_turns_points_but_does_not_scale_or_mirror_them(rng):
    points = rng.normal(0, 1, (5, 12, 3))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(report.turned_distance(points, points @ turn + 3), 0, atol=1e-6)
    assert (report.turned_distance(points, 2 * points) > 0.5).all()
    assert (report.turned_distance(points, points * (-1, 1, 1)) > 0.1).all()


def test_report_tells_swapped_sides_and_distances():
    true_points = np.zeros((1, 2, 75, 3))
    true_points[..., 2] = 4.0
    for row, (side, name) in enumerate(
        (side, name) for side in ("left", "right") for name in ("ear", "shoulder", "hip")
    ):
        height = {"ear": -0.5, "shoulder": -0.4, "hip": 0.1}[name]
        place = BODY_LANDMARK_INDEX[f"{side}_{name}"]
        true_points[..., place, :2] = (0.2 if row < 3 else -0.2), height
    true_px = np.zeros((1, 2, 553, 2))
    true_px[:, :, :75] = true_points[..., :2] * 100 / 4 + 50
    points_px = true_px.copy()
    points_px[0, 1, :, 0] = 100 - points_px[0, 1, :, 0]  # left and right swapped
    values = report.measure(
        {
            "points_px": points_px + np.array((0, 1.5)),
            "true_px": true_px,
            "hints": np.zeros((1, 2, 553, 3)),
            "true_points": true_points,
            "confidence": np.ones((1, 2, 553)),
            "focal_px": np.full((1, 2), 100.0),
            "image_size": np.array([[100, 100]]),
        }
    )
    assert values["left is left, seen from the front"].tolist() == [1.0, 0.0]
    # 1.5 px, of 0.6 m at 4 m before a lens of 100 px.
    first = values["error of body, share of head to hip"][:33]
    np.testing.assert_allclose(first, 1.5 / 15)
    assert values["body found"].tolist() == [1.0, 1.0]
