"""Regions: what is cut out, and where it is put back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from core.detect.engine import Engine
from core.detect.regions import (
    _gather,
    angle_level,
    angle_upright,
    bounding_boxes,
    crop,
    picture_from_crop,
    regions_towards,
    square_regions,
    to_picture,
    turn,
    turn_world,
    upload,
)

HEIGHT, WIDTH, SIDE = 90, 120, 32
ENGINE = Engine(torch.device("cpu"), torch.float32)
INSIDE = torch.tensor([[60.0, 45.0, 32.0, 0.0], [60.3, 40.8, 50.0, 0.4], [50.0, 45.0, 20.0, -2.0]])
NEAR_AND_FAR = torch.tensor([[5.0, 80.0, 70.0, 1.0], [60.0, 45.0, 400.0, 0.2], [-300, 20, 50, 0]])


def ramp() -> np.ndarray:
    """Each pixel holds its own column, line, and 0."""
    line, column = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([column, line, 0 * line], -1).astype(np.uint8)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def crop_one(image: np.ndarray, regions: torch.Tensor, **options) -> torch.Tensor:
    picture_of = torch.zeros(len(regions), dtype=torch.long)
    return crop(upload(ENGINE, [image]), picture_of, regions, SIDE, ENGINE, **options)


def crop_points() -> torch.Tensor:
    """[1, SIDE * SIDE, 2]: where the pixels of a crop lie in it, line by line."""
    steps = torch.arange(SIDE) / SIDE
    return torch.cartesian_prod(steps, steps).flip(-1)[None]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_crops_pixels_are_the_pictures_at_the_places_it_is_put_back_to(mirrored):
    colours = crop_one(ramp(), INSIDE, mirrored=mirrored).flatten(2).mT[..., :2] * 255
    places = to_picture(crop_points().expand(3, -1, -1), INSIDE, mirrored=mirrored)
    np.testing.assert_allclose(colours, places, atol=0.55)  # whole grey levels


def test_a_whole_region_is_the_picture_itself():
    square = noise()[:SIDE, :SIDE]
    region = torch.tensor([[SIDE / 2, SIDE / 2, SIDE, 0.0]])
    found = crop_one(square, region)[0].permute(1, 2, 0) * 255
    np.testing.assert_allclose(found, square, atol=1e-3)


def test_angles_turn_clockwise_on_the_screen():
    quarter = torch.tensor([[50.0, 40.0, 20.0, np.pi / 2]])
    right, below = to_picture(torch.tensor([[[1.0, 0.5], [0.5, 1.0]]]), quarter)[0]
    np.testing.assert_allclose(right, [50, 50], atol=1e-4)
    np.testing.assert_allclose(below, [40, 40], atol=1e-4)


def test_depth_is_scaled_as_the_region():
    points = torch.tensor([[[0.5, 0.5, -0.25]]])
    np.testing.assert_allclose(
        to_picture(points, torch.tensor([[7.0, 8.0, 40.0, 1.0]])), [[[7, 8, -10]]], atol=1e-5
    )


def test_borders():
    beyond = torch.tensor([[-200.0, 45.0, 50.0, 0.0]])
    assert not crop_one(noise(), beyond, border="black").any()
    image = noise()
    image[:, 0] = (10, 20, 30)
    edge = crop_one(image, beyond) * 255
    np.testing.assert_allclose(edge[0, :, 3, 4], [10, 20, 30], atol=1e-3)
    half = crop_one(np.full_like(image, 200), torch.tensor([[0.0, 45, 32, 0]]), border="black")
    np.testing.assert_allclose(half[0, 0, 5, 14:18] * 255, [0, 0, 200, 200], atol=1e-3)


def test_each_crop_is_of_its_own_picture():
    images = [noise(seed) for seed in range(3)]
    picture_of = torch.tensor([2, 0, 2])
    together = crop(upload(ENGINE, images), picture_of, INSIDE, SIDE, ENGINE)
    for i, number in enumerate(picture_of.tolist()):
        alone = crop_one(images[number], INSIDE[i : i + 1])
        np.testing.assert_array_equal(together[i], alone[0])


def test_no_regions_make_no_crops():
    assert crop_one(noise(), torch.zeros(0, 4)).shape == (0, 3, SIDE, SIDE)


def test_a_mirrored_crop_is_the_crop_of_the_mirrored_picture():
    mirror = INSIDE * torch.tensor([-1, 1, 1, -1]) + torch.tensor([WIDTH - 1, 0, 0, 0])
    found = crop_one(noise(), INSIDE, mirrored=True)
    expected = crop_one(np.ascontiguousarray(noise()[:, ::-1]), mirror)
    assert (found - expected).abs().mean() < 0.001


@pytest.mark.parametrize("border", ["edge", "black"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_gpu_crops_as_the_cpu_does(border, mirrored):
    regions = torch.cat([INSIDE, NEAR_AND_FAR]).repeat(7, 1)  # more than are made at once
    picture_of = torch.arange(len(regions)) % 4 // 2
    pictures = upload(ENGINE, [noise(1), noise(2)])
    gpu: Any = SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=torch.float64)
    on_cpu, on_gpu = (
        crop(pictures, picture_of, regions, SIDE, engine, border=border, mirrored=mirrored) * 255
        for engine in (ENGINE, gpu)
    )
    assert on_gpu.dtype == torch.float64
    # Here and there a place is rounded to the other 32nd of a pixel.
    assert ((on_cpu - on_gpu).abs() > 0.01).double().mean() < 0.001


def test_what_is_no_number_breaks_nothing():
    regions = torch.full((1, 4), torch.nan)
    assert crop_one(noise(), regions).isfinite().all()
    matrices = picture_from_crop(regions)
    _gather(torch.from_numpy(noise())[None], torch.tensor([0]), matrices, SIDE, "edge")


@pytest.mark.parametrize("degrees", [0, 30, 90, 179, -120])
def test_regions_stand_upright_on_their_vector(degrees):
    angle = torch.tensor([np.radians(degrees)], dtype=torch.float32)
    centre, up = torch.tensor([[40.0, 30.0]]), turn(torch.tensor([[[0.0, -1.0]]]), angle)[0]
    region = regions_towards(centre, centre + 12 * up, scale=1.25)
    np.testing.assert_allclose(region[0], [40, 30, 30, angle.item()], atol=1e-4)
    top = to_picture(torch.tensor([[[0.5, 0.5 - 0.5 / 1.25]]]), region)
    np.testing.assert_allclose(top[0], centre + 12 * up, atol=1e-4)
    np.testing.assert_allclose(angle_upright(up), angle, atol=1e-5)
    right = turn(torch.tensor([[[1.0, 0.0]]]), angle)[0]
    np.testing.assert_allclose(angle_level(right), angle, atol=1e-5)


def test_boxes_become_squares_shifted_along_their_own_axes():
    points = torch.tensor([[[0.0, 10.0], [30.0, 20.0], [4.0, 18.0]]])
    centres, extents = bounding_boxes(points)
    np.testing.assert_allclose(centres, [[15, 15]])
    np.testing.assert_allclose(extents, [[30, 10]])
    angles = torch.tensor([np.pi / 2], dtype=torch.float32)
    region = square_regions(centres, extents, angles, scale=2.0, shift_y=-0.1)
    np.testing.assert_allclose(region, [[16, 15, 60, np.pi / 2]], atol=1e-5)  # up is now right


def test_metres_are_only_turned():
    region = torch.tensor([[70.0, 30.0, 200.0, np.pi / 2]])
    points = torch.tensor([[[0.1, 0.2, 0.3]]])
    np.testing.assert_allclose(turn_world(points, region), [[[-0.2, 0.1, 0.3]]], atol=1e-6)
    mirrored = turn_world(points, region, mirrored=True)
    np.testing.assert_allclose(mirrored, [[[-0.2, -0.1, 0.3]]], atol=1e-6)
