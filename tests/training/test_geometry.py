"""What is made over MakeHuman's base mesh, and the light body."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from training.body.decimate import Decimator
from training.body.geometry import build_geometry
from training.body.light import light_map
from training.body.pieces import MATERIALS, PARTS
from training.body.source import Source

MIRROR = np.array([-1.0, 1.0, 1.0])
STEP = 2.0**-18  # m, the grid on which the template is written
SYMMETRIC_UNITS = ("eyeBlink", "eyeLookDown", "eyeLookUp", "browDown")


@pytest.fixture(scope="module")
def source():
    return Source()


@pytest.fixture(scope="module")
def rest(source):
    """[19158, 3] m, an adult between woman and man, in the A-pose: the head is upright."""

    def mean(names):
        return np.mean([source.target(f"macrodetails/{name}") for name in names], axis=0)

    genders = ("female", "male")
    bodies = [f"universal-{gender}-young-averagemuscle-averageweight" for gender in genders]
    faces = [f"{race}-{g}-young" for race in ("african", "asian", "caucasian") for g in genders]
    vertices = source.base.vertices + mean(bodies) + mean(faces)
    return (vertices + vertices[source.base.mirror] * MIRROR) / 2


@pytest.fixture(scope="module")
def geometry(source, rest):
    return build_geometry(source.base, rest)


@pytest.fixture(scope="module")
def vertices(geometry, rest):
    return geometry.attach @ rest


@pytest.fixture(scope="module")
def weights(geometry):
    """[V, 55] with everything on the pelvis: the light body then favours eyes and lips only."""
    weights = np.zeros((len(geometry.part), 55))
    weights[:, 0] = 1
    return weights


@pytest.fixture(scope="module")
def light(geometry, vertices, weights):
    return light_map(geometry, vertices[None], weights, 3000)


def with_unit(source, geometry, vertices, name):
    """[V, 3] m, with a face unit (of both sides, if it has sides) at full score."""
    names = [name + side for side in ("Left", "Right")] if name in SYMMETRIC_UNITS else [name]
    return vertices + sum(geometry.attach @ source.face_unit(unit) for unit in names)


def of_part(geometry, name):
    return geometry.part == PARTS.index(name)


def quads_of_part(geometry, name):
    return geometry.quads[of_part(geometry, name)[geometry.quads[:, 0]]]


def triangles_of(quads):
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def directed_edges(faces):
    """Counts of the edges (from, to) of all faces."""
    size = faces.shape[1]
    return Counter((int(f[k]), int(f[(k + 1) % size])) for f in faces for k in range(size))


def is_closed(faces):
    """Every edge has two faces that run along it in opposite directions."""
    edges = directed_edges(faces)
    return all(n == 1 and edges[b, a] == 1 for (a, b), n in list(edges.items()))


def volume(vertices, triangles):
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return np.einsum("ij,ij->", a, np.cross(b, c)) / 6


def farthest_hits(vertices, triangles, origin, directions):
    """[N] m, how far the outermost triangle on each ray from ``origin`` is; 0 without any."""
    corner, first, second = vertices[triangles].transpose(1, 0, 2)
    first, second, start = first - corner, second - corner, origin - corner
    across = np.cross(directions[:, None], second)
    scale = (first * across).sum(-1)
    scale[np.abs(scale) < 1e-15] = 1e-15
    turned = np.cross(start, first)
    u = (start * across).sum(-1) / scale
    v = directions @ turned.T / scale
    distance = (second * turned).sum(-1) / scale
    is_hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0) & (distance < 0.1)
    return np.where(is_hit, distance, 0).max(axis=1)


def directions_ahead(step_deg, largest_deg):
    """[N, 3] unit vectors within a cone about +z."""
    steps = np.radians(np.arange(-largest_deg, largest_deg + 1, step_deg))
    x, y = (grid.ravel() for grid in np.meshgrid(steps, steps))
    angle = np.hypot(x, y)
    rays = np.stack([x * np.sinc(angle / np.pi), y * np.sinc(angle / np.pi), np.cos(angle)], -1)
    return rays[angle <= np.radians(largest_deg)]


# ---------------------------------------------------------------------------- the whole


def test_every_row_sums_to_one(geometry):
    np.testing.assert_allclose(geometry.attach.sum(axis=1), 1, atol=1e-12)


def test_no_vertex_hangs_on_a_far_extrapolation(geometry):
    assert np.abs(geometry.attach.data).max() < 1.5


def test_left_and_right_are_mirror_images(geometry, vertices):
    on_grid = np.round(vertices / STEP) * STEP
    np.testing.assert_array_equal(geometry.mirror[geometry.mirror], np.arange(len(vertices)))
    np.testing.assert_array_equal(on_grid[geometry.mirror], on_grid * MIRROR)


def test_quads_and_their_materials_are_mirrored(geometry):
    def regions(quads):
        corners = np.sort(quads, axis=1).tolist()
        return set(zip(map(tuple, corners), geometry.materials.tolist(), strict=True))

    assert regions(geometry.mirror[geometry.quads]) == regions(geometry.quads)


@pytest.mark.parametrize("name", PARTS[:6])
def test_surfaces_are_closed_and_face_outwards(geometry, vertices, name):
    quads = quads_of_part(geometry, name)
    assert is_closed(quads)
    assert volume(vertices, triangles_of(quads)) > 0


def test_texture_coordinates_fit_the_quads(geometry):
    assert geometry.quads_uv.shape == geometry.quads.shape
    assert geometry.quads_uv.max() == len(geometry.uv) - 1
    assert np.isfinite(geometry.uv).all()


# ---------------------------------------------------------------------------- regions


def border_loops(quads, is_inside):
    """Vertex sets of the closed lines around a region; fails where lines branch or end."""
    edges = directed_edges(quads[is_inside])
    following = {a: b for (a, b) in list(edges) if not edges[b, a]}
    assert len(following) == sum(not edges[b, a] for (a, b) in list(edges)), "borders branch"
    loops, left = [], set(following)
    while left:
        loop = [left.pop()]
        while following[loop[-1]] != loop[0]:
            loop.append(following[loop[-1]])
        left -= set(loop)
        loops.append(loop)
    return loops


def test_suit_ends_in_five_smooth_loops(geometry, vertices):
    """Neck, two sleeves, two legs; a border that zigzags over the quads turns by 90 degrees."""
    loops = border_loops(geometry.quads, geometry.materials == MATERIALS.index("Suit"))
    assert len(loops) == 5
    for loop in loops:
        steps = np.diff(vertices[[*loop, *loop[:2]]], axis=0)
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        assert np.degrees(np.arccos((steps[1:] * steps[:-1]).sum(1))).max() < 50


def test_suit_covers_the_trunk(geometry, vertices):
    """From the crotch to below the neck, between the arms' roots: no bare skin."""
    quads = quads_of_part(geometry, "body skin")
    materials = geometry.materials[: len(quads)]
    centre = vertices[quads].mean(axis=1)
    neckline = np.concatenate(
        [vertices[loop] for loop in border_loops(quads, materials == MATERIALS.index("Suit"))]
    )
    is_middle = np.abs(neckline[:, 0]) < 1e-9
    crotch = centre[(np.abs(centre[:, 0]) < 0.01) & (centre[:, 1] < 0), 1].min()
    is_trunk = (centre[:, 1] < neckline[is_middle, 1].min()) & (centre[:, 1] > crotch)
    is_trunk &= np.abs(centre[:, 0]) < 0.12
    assert is_trunk.sum() > 1000
    assert set(materials[is_trunk]) == {MATERIALS.index("Suit")}


@pytest.mark.parametrize(("material", "num_loops"), [("Lips", 2), ("Mouth", 1)])
def test_lips_and_mouth_have_clean_borders(geometry, material, num_loops):
    quads = quads_of_part(geometry, "body skin")
    materials = geometry.materials[: len(quads)]
    assert len(border_loops(quads, materials == MATERIALS.index(material))) == num_loops


# ---------------------------------------------------------------------------- eyes


def eyeball_centre(geometry, vertices):
    points = vertices[of_part(geometry, "left eye")]
    low, high = points.min(axis=0), points.max(axis=0)
    radius = (high[0] - low[0]) / 2
    return np.array([low[0] + radius, (low[1] + high[1]) / 2, low[2] + radius])


def test_iris_and_pupil_have_a_persons_proportions(geometry, vertices):
    diameter = np.ptp(vertices[of_part(geometry, "left eye"), 0])
    for material, share in (("Pupil", 4 / 29.7), ("Iris", 11.7 / 29.7)):
        quads = geometry.quads[geometry.materials == MATERIALS.index(material)]
        quads = quads[of_part(geometry, "left eye")[quads[:, 0]]]
        assert np.ptp(vertices[quads.ravel(), 0]) / diameter == pytest.approx(share, rel=0.05)


def test_right_eye_is_a_part_of_its_own(geometry, vertices):
    right = of_part(geometry, "right eye")
    np.testing.assert_array_equal(right[geometry.mirror], of_part(geometry, "left eye"))
    assert (vertices[right, 0] < 0).all()


@pytest.mark.parametrize(
    ("unit", "turn_deg"),
    [
        (None, (0, 0, 0)),
        ("eyeBlink", (0, 0, 0)),
        ("eyeBlink", (25, 0, 0)),
        ("eyeBlink", (0, 25, 0)),
        ("eyeBlink", (0, -25, 0)),
        ("eyeLookUp", (-25, 0, 0)),
        ("eyeLookDown", (25, 0, 0)),
    ],
)
def test_eyeball_stays_behind_the_lids(source, geometry, vertices, unit, turn_deg):
    moved = vertices if unit is None else with_unit(source, geometry, vertices, unit)
    moved = moved.copy()
    eye = of_part(geometry, "left eye")
    centre = eyeball_centre(geometry, vertices)
    turn = Rotation.from_rotvec(turn_deg, degrees=True)
    moved[eye] = turn.apply(vertices[eye] - centre) + centre
    skin = quads_of_part(geometry, "body skin")
    near = skin[np.linalg.norm(vertices[skin].mean(axis=1) - centre, axis=1) < 0.06]
    rays = directions_ahead(4, 48)
    lid = farthest_hits(moved, triangles_of(near), centre, rays)
    ball = farthest_hits(moved, triangles_of(quads_of_part(geometry, "left eye")), centre, rays)
    assert (ball > 0.012).all()
    is_covered = lid > 0
    assert is_covered.all() if unit == "eyeBlink" else 0.3 < is_covered.mean() < 0.95
    assert (lid[is_covered] > ball[is_covered]).all()


# ---------------------------------------------------------------------------- mouth


def test_upper_teeth_bite_over_the_lower_behind_the_lips(geometry, vertices):
    upper, lower = (vertices[of_part(geometry, f"{jaw} teeth")] for jaw in ("upper", "lower"))
    assert upper[:, 1].min() < lower[:, 1].max()
    assert upper[:, 2].max() > lower[:, 2].max()
    lips = geometry.quads[geometry.materials == MATERIALS.index("Lips")]
    in_front = np.abs(vertices[lips].mean(axis=1)[:, 0]) < 0.01
    assert upper[:, 2].max() < vertices[lips[in_front]][..., 2].min()


def test_tongue_lies_between_the_lower_teeth(geometry, vertices):
    """Below the upper teeth's cutting edges: it does not fill the mouth that a jaw opens."""
    tongue = vertices[of_part(geometry, "tongue")]
    teeth = vertices[of_part(geometry, "lower teeth")]
    front = tongue[tongue[:, 2] > np.median(teeth[:, 2])]
    assert front[:, 1].max() < teeth[:, 1].max()
    assert front[:, 2].max() < teeth[:, 2].max()


def test_front_of_the_teeth_faces_forward(geometry, vertices):
    quads = geometry.quads[geometry.materials == MATERIALS.index("Teeth")]
    corners = vertices[quads]
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    foremost = corners[..., 2].mean(axis=1) > corners[..., 2].max() - 0.003
    faces_ahead = normals[foremost, 2]
    assert (faces_ahead > 0.7).sum() >= 8
    assert (faces_ahead > -0.3).all()


# ---------------------------------------------------------------------------- hairs


def test_lashes_follow_the_upper_lid(source, geometry, vertices):
    blink = with_unit(source, geometry, vertices, "eyeBlink")
    moved = (blink - vertices)[of_part(geometry, "lashes"), 1]
    assert moved.min() < -0.008  # the upper ones
    assert np.median(np.abs(moved[moved > -1e-4])) < 1e-4  # the lower ones
    skin = cKDTree(blink[of_part(geometry, "body skin")])
    assert skin.query(blink[of_part(geometry, "lashes")])[0].max() < 0.0075


@pytest.mark.parametrize("unit", ["browInnerUp", "browDown"])
def test_brows_lie_on_the_skin_and_move_with_it(source, geometry, vertices, unit):
    brows = of_part(geometry, "brows")
    skin = of_part(geometry, "body skin")
    moved = with_unit(source, geometry, vertices, unit)
    nearest = cKDTree(vertices[skin]).query(vertices[brows])[1]
    brow_moves, skin_moves = (moved - vertices)[brows], (moved - vertices)[skin][nearest]
    assert np.linalg.norm(brow_moves, axis=1).max() > 0.003
    assert np.linalg.norm(brow_moves - skin_moves, axis=1).max() < 0.0025
    corners = vertices[quads_of_part(geometry, "brows")]
    assert (np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])[:, 2] > 0).all()


def test_brows_stand_off_the_skin_by_a_millimetre_at_most(geometry, vertices):
    brows = vertices[of_part(geometry, "brows")]
    centre = brows.mean(axis=0)
    skin = quads_of_part(geometry, "body skin")
    near = skin[np.linalg.norm(vertices[skin].mean(axis=1) - centre, axis=1) < 0.08]
    origin = centre - [0, 0, 0.06]
    distance = np.linalg.norm(brows - origin, axis=1)
    rays = (brows - origin) / distance[:, None]
    height = distance - farthest_hits(vertices, triangles_of(near), origin, rays)
    assert np.median(height) > 0
    assert np.abs(height).max() < 0.0015


# ---------------------------------------------------------------------------- light body


def light_part(geometry, light):
    """[Vl] the part of each light vertex."""
    return geometry.part[light.from_full.indices[light.from_full.indptr[:-1]]]


def test_light_body_has_the_wanted_size(light):
    assert light.from_full.shape[0] == pytest.approx(3000, abs=10)
    np.testing.assert_array_equal(np.unique(light.faces), np.arange(light.from_full.shape[0]))
    np.testing.assert_allclose(light.from_full.sum(axis=1), 1, atol=1e-12)


def test_light_body_is_symmetric(light, vertices):
    points = light.from_full @ (np.round(vertices / STEP) * STEP)
    np.testing.assert_array_equal(points[light.mirror], points * MIRROR)
    faces = {tuple(sorted(face)) for face in light.faces.tolist()}
    assert {tuple(sorted(face)) for face in light.mirror[light.faces].tolist()} == faces


def test_light_body_is_closed_and_faces_outwards(geometry, light, vertices):
    part = light_part(geometry, light)[light.faces[:, 0]]
    for i_part in range(6):
        faces = light.faces[part == i_part]
        assert is_closed(faces), PARTS[i_part]
        assert volume(light.from_full @ vertices, faces) > 0, PARTS[i_part]


def test_light_skin_vertices_are_the_full_bodys_own(geometry, light):
    """So weights and shapes are carried over as they are."""
    is_skin = light_part(geometry, light) == 0
    rows = light.from_full[is_skin]
    np.testing.assert_array_equal(np.diff(rows.indptr), 1)
    assert len(set(rows.indices)) == is_skin.sum()


def test_light_surface_stays_close(geometry, light, vertices):
    """The full skin's vertices, against samples all over the light one's triangles."""
    points = light.from_full @ vertices
    faces = light.faces[light_part(geometry, light)[light.faces[:, 0]] == 0]
    steps = [(i, j, 8 - i - j) for i in range(9) for j in range(9 - i)]
    samples = np.einsum("sk,fkc->fsc", np.array(steps) / 8, points[faces]).reshape(-1, 3)
    far = cKDTree(samples).query(vertices[of_part(geometry, "body skin")])[0]
    assert np.mean(far) < 0.002
    assert np.percentile(far, 99) < 0.008


def test_light_eyes_keep_pupil_and_iris(geometry, light, vertices):
    points = light.from_full @ vertices
    for material in ("Pupil", "Iris"):
        number = MATERIALS.index(material)
        full = vertices[np.unique(geometry.quads[geometry.materials == number])]
        kept = points[np.unique(light.faces[light.materials == number])]
        np.testing.assert_allclose(np.ptp(kept, axis=0), np.ptp(full, axis=0), rtol=0.05, atol=5e-4)


def test_light_suit_keeps_its_five_loops(light):
    assert len(border_loops(light.faces, light.materials == MATERIALS.index("Suit"))) == 5


# ---------------------------------------------------------------------------- decimation


def sheet(num_rows, num_columns):
    """Vertices [R * C, 3] and triangles of a flat grid with steps of 1."""
    y, x = np.divmod(np.arange(num_rows * num_columns), num_columns)
    points = np.stack([x, y, np.zeros(len(x))], axis=-1).astype(float)
    first = (np.arange(num_rows - 1)[:, None] * num_columns + np.arange(num_columns - 1)).ravel()
    corners = [0, 1, num_columns + 1, num_columns]
    return points, triangles_of(first[:, None] + np.array(corners))


def outline(triangles):
    edges = directed_edges(triangles)
    return np.array([(a, b) for (a, b) in list(edges) if not edges[b, a]])


def decimated(shapes, triangles, num_vertices, lines=()):
    count = shapes.shape[1]
    features = np.concatenate([outline(triangles), np.array(lines, int).reshape(-1, 2)])
    decimator = Decimator(
        shapes,
        triangles,
        importance=np.ones(count),
        features=features,
        border=np.ones(count, bool),
    )
    decimator.run(num_vertices)
    return decimator.triangles()


def test_decimation_keeps_a_flat_sheets_outline_and_lines():
    points, triangles = sheet(9, 13)
    line = [(4 * 13 + i, 4 * 13 + i + 1) for i in range(12)]
    left, origin = decimated(points[None], triangles, 40, line)
    assert len(np.unique(left)) == 40
    corners = points[left]
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(8 * 12)
    is_above = corners[..., 1].mean(axis=1) > 4
    np.testing.assert_array_equal(corners[is_above][..., 1].min(axis=1) >= 4, True)
    np.testing.assert_array_equal(points[triangles[origin]][..., 1].mean(axis=1) > 4, is_above)


def test_decimation_keeps_what_another_shape_needs():
    """A sheet that is flat at rest and bends at one place keeps its vertices there."""
    points, triangles = sheet(5, 41)
    bent = points.copy()
    angle = np.clip((points[:, 0] - 16) / 4, 0, 1) * np.radians(150)
    step = np.stack([np.cos(angle), np.zeros(len(angle)), np.sin(angle)], axis=-1)
    middle = np.cumsum(step[:41], axis=0)
    bent[:, [0, 2]] = np.tile(middle[:, [0, 2]], (5, 1))

    def num_kept_at_bend(*shapes):
        kept = np.unique(decimated(np.stack(shapes), triangles, 120)[0])
        return ((points[kept, 0] > 15) & (points[kept, 0] < 20)).sum()

    assert num_kept_at_bend(points, bent) > 1.4 * num_kept_at_bend(points)
