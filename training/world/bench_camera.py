"""The camera found in drawn shots: tilt, focal length, path, rest, and what it costs.

``python -m training.world.bench_camera [tilt|path|rest|cost ...] [--count N]`` prints markdown.
Scenes, cameras and walkers are drawn by seed (training/world/scenes.py); what is measured are
angles between the camera found and the one the pictures were drawn with.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

import cv2
import numpy as np

from reelrig.core.world.camera_path import CameraPath, rest_path, solve_camera_path
from reelrig.core.world.shot import ShotSightings, ShotWatcher
from reelrig.core.world.vertical import PictureTilt, find_vertical

from .scenes import KINDS, Scene, add_walker, look, make_scene

_SIZE = (640, 360)
_MM = 36.0  # width of the sensor that focal lengths in millimetres are told for
_FPS = 30.0
_NOISE = 3.0  # grey levels
_FOCAL_SIGMA = 0.15  # of the logarithm: how well the focal is known where it is given


@dataclass(eq=False)
class Shot:
    """A drawn clip, looked at; and what is true of it."""

    focal_px: float
    world_from_camera: np.ndarray  # [N, 3, 3]
    places: np.ndarray  # [N, 3] m
    zoom: np.ndarray  # [N]
    time_s: np.ndarray  # [N]
    sightings: ShotSightings
    boxes_px: np.ndarray  # [F, 1, 4]
    see_s: float  # spent on looking
    rows: dict[str, float] = field(default_factory=dict)

    @property
    def first_from_camera(self) -> np.ndarray:
        return self.world_from_camera[0].T @ self.world_from_camera

    @property
    def up(self) -> np.ndarray:
        return self.world_from_camera[0].T @ [0.0, 0.0, 1.0]

    def solve_path(self) -> CameraPath:
        return solve_camera_path(self.sightings, self.boxes_px, self.time_s, self.focal_px)


def film(
    scene: Scene,
    turns: np.ndarray,
    places: np.ndarray,
    zoom: np.ndarray,
    focal_px: float,
    rng: np.random.Generator,
    *,
    flicker: float = 0.0,
    quality: int = 60,
    every: int = 1,
) -> Shot:
    """Draw and look at N frames; only each ``every``-th, as the watcher takes no more."""
    watcher = ShotWatcher(_SIZE, _FPS)
    time_s = np.arange(len(turns)) / _FPS
    boxes, see_s = [], 0.0
    still = None
    for i in range(0, len(turns), every):
        moved = i and (np.any(turns[i] != turns[0]) or np.any(places[i] != places[0]))
        if still is None or moved or zoom[i] != zoom[0]:
            still = scene.draw(_SIZE, focal_px * zoom[i], places[i], turns[i])
        image = still.copy()
        walk = places[0] + turns[0] @ [0, 0, 4.0] + [1.5 * np.sin(time_s[i]), 0, 0]
        walk[2] = 0.0
        boxes.append(add_walker(image, walk, focal_px * zoom[i], (places[i], turns[i])))
        picture = _develop(image * (1 + flicker * rng.normal()), quality, rng)
        start = time.thread_time()
        watcher.see(i, time_s[i], picture)
        see_s += time.thread_time() - start
    sightings = watcher.sightings()
    looked = sightings.frame_index // every
    return Shot(
        focal_px, turns, places, zoom, time_s, sightings, np.array(boxes)[looked][:, None], see_s
    )


def _develop(image: np.ndarray, quality: int, rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 with a sensor's noise, compressed."""
    noisy = image + _NOISE * rng.normal(size=image.shape)
    gray = noisy.clip(0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2RGB)


def draw_camera(rng: np.random.Generator) -> tuple[float, np.ndarray, np.ndarray]:
    """Focal in pixels (24 to 85 mm), world from camera, place: pitch to 45, roll to 20 degrees."""
    focal_px = np.exp(rng.uniform(np.log(24), np.log(85))) / _MM * _SIZE[0]
    pitch = np.radians(np.clip(rng.normal(-10, 15), -45, 20))
    roll = np.radians(rng.uniform(-20, 20) if rng.random() < 0.3 else rng.normal(0, 2))
    turn = look(pitch, roll, rng.uniform(-0.9, 0.9))
    place = np.array([rng.uniform(-1, 1), rng.uniform(-1, 0), rng.uniform(1.0, 1.9)])
    return focal_px, turn, place


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


def measure_tilt(count: int) -> None:
    print(
        "| scene | shots | median deg | mean | worst tenth | level camera | error / sigma (rms) |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    focals = []
    for kind in KINDS:
        errors, ratios, level = [], [], []
        for seed in range(count):
            rng = np.random.default_rng([seed, KINDS.index(kind)])
            focal_px, turn, place = draw_camera(rng)
            turns, places = np.tile(turn, (9, 1, 1)), np.tile(place, (9, 1))
            scene = make_scene(kind, rng)
            shot = film(scene, turns, places, np.ones(9), focal_px, rng, every=4)
            guess = focal_px * np.exp(_FOCAL_SIGMA * rng.normal())
            tilt = find_vertical(
                shot.sightings, shot.boxes_px, rest_path(shot.time_s), guess, _FOCAL_SIGMA
            )
            errors.append(angle_deg(tilt.up_camera, shot.up))
            level.append(angle_deg(np.array([0.0, -1.0, 0.0]), shot.up))
            ratios.append(errors[-1] / np.degrees(tilt.sigma_rad))
            focals += _judge_focal(tilt, focal_px)
        print(
            f"| {kind} | {count} | {np.median(errors):.2f} | {np.mean(errors):.2f} | "
            f"{np.quantile(errors, 0.9):.2f} | {np.mean(level):.1f} | "
            f"{np.sqrt(np.mean(np.square(ratios))):.2f} |",
            flush=True,
        )
    if focals:
        off, ratio = np.abs(np.array(focals)).T
        print(
            f"\nFocal length told by {len(off)} of {count * len(KINDS)}: off by "
            f"{100 * np.median(off):.0f} % (median), error / sigma {np.sqrt(np.mean(ratio**2)):.2f}"
        )


def _judge_focal(tilt: PictureTilt, focal_px: float) -> list[tuple[float, float]]:
    """Its error as a logarithm, and in sigmas; empty where it was not told."""
    if tilt.focal_px is None or tilt.focal_sigma is None:
        return []
    off = float(np.log(tilt.focal_px / focal_px))
    return [(off, off / tilt.focal_sigma)]


def shake(
    turn: np.ndarray, place: np.ndarray, num: int, rng: np.random.Generator, *, style: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A hand's tremor, with a pan, a zoom or steps: turns, places, zoom of N frames."""
    time_s = np.arange(num) / _FPS
    swing = np.zeros((num, 3))
    sway = np.zeros((num, 3))
    for hz, deg, metres in ((0.4, 0.8, 0.02), (1.1, 0.4, 0.01), (2.7, 0.12, 0.003)):
        phase = rng.uniform(0, 2 * np.pi, (2, 3))
        swing += np.radians(deg) * np.sin(2 * np.pi * hz * time_s[:, None] + phase[0])
        sway += metres * np.sin(2 * np.pi * hz * time_s[:, None] + phase[1])
    zoom = np.ones(num)
    if style == "pan":
        swing[:, 1] += np.radians(40) * np.sin(np.pi * time_s / time_s[-1]) ** 2
    elif style == "zoom":
        swing, sway = 0 * swing, 0 * sway
        zoom = np.exp(0.5 * np.sin(np.pi * time_s / time_s[-1]) ** 2)
    elif style == "walk":
        sway += np.outer(0.8 * time_s, turn @ [0.6, 0, 0.8])
    turns = np.stack([turn @ cv2.Rodrigues(vector)[0] for vector in swing])
    return turns, place + sway, zoom


def measure_path(count: int) -> None:
    print("| camera | shots | called moving | turn: rms deg | its sigma | zoom: rms % |")
    print("| --- | --- | --- | --- | --- | --- |")
    for style in ("hand", "pan", "zoom", "walk"):
        offs, sigmas, zooms, moving = [], [], [], 0
        for seed in range(count):
            rng = np.random.default_rng([seed, 7])
            focal_px, turn, place = draw_camera(rng)
            scene = make_scene(KINDS[seed % len(KINDS)], rng)
            turns, places, zoom = shake(turn, place, 61, rng, style=style)
            path = film(scene, turns, places, zoom, focal_px, rng, every=2)
            found = path.solve_path()
            off = np.einsum("tji,tjk->tik", found.first_from_camera, path.first_from_camera)
            angles = [np.linalg.norm(cv2.Rodrigues(matrix)[0]) for matrix in off]
            offs.append(np.degrees(np.sqrt(np.mean(np.square(angles)))))
            sigmas.append(np.degrees(found.sigma_rad))
            zooms.append(100 * np.sqrt(np.mean((found.zoom / path.zoom - 1) ** 2)))
            moving += found.is_moving
        print(
            f"| {style} | {count} | {moving} | {np.round(offs, 2)} | {np.round(sigmas, 2)} | "
            f"{np.round(zooms, 1)} |",
            flush=True,
        )


def measure_rest(count: int) -> None:
    """How often a camera that stands is said to move."""
    wrong = 0
    for seed in range(count):
        rng = np.random.default_rng([seed, 11])
        focal_px, turn, place = draw_camera(rng)
        scene = make_scene(KINDS[seed % len(KINDS)], rng)
        turns, places = np.tile(turn, (61, 1, 1)), np.tile(place, (61, 1))
        shot = film(
            scene, turns, places, np.ones(61), focal_px, rng, every=2,
            flicker=0.05 * (seed % 3), quality=(15, 40, 80)[seed % 3],
        )  # fmt: skip
        # Half of them with nobody known, so that the walker counts as background.
        if seed % 2:
            shot.boxes_px = np.full_like(shot.boxes_px, np.nan)
        wrong += shot.solve_path().is_moving
    print(f"{wrong} of {count} cameras at rest were taken for moving.")


def measure_cost(count: int) -> None:
    """Of a hand-held and of a resting camera's frames at 1280 x 720 and 30 fps, on one core."""
    del count
    cv2.setNumThreads(1)
    for style, frames in (("rest", 120), ("hand", 120)):
        rng = np.random.default_rng(3)
        picture = cv2.resize(
            make_scene("room", rng).draw(_SIZE, 500, np.array([0, 0, 1.5]), look(-0.1, 0, 0.2)),
            (1280, 720),
        )
        picture = cv2.cvtColor(picture.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        watcher, see_s = ShotWatcher((1280, 720), _FPS), 0.0
        for i in range(frames):
            shift = 25 * np.sin(0.08 * i) if style == "hand" else 0.0
            move = np.array([[1, 0, shift], [0, 1, shift / 2]])
            frame = cv2.warpAffine(picture, move, (1280, 720), borderMode=cv2.BORDER_REFLECT)
            start = time.thread_time()
            watcher.see(i, i / _FPS, frame)
            see_s += time.thread_time() - start
        sightings = watcher.sightings()
        nobody = np.full((len(sightings.time_s), 1, 4), np.nan)
        start = time.thread_time()
        path = solve_camera_path(sightings, nobody, np.arange(frames) / _FPS, 1000.0)
        path_s = time.thread_time() - start
        start = time.thread_time()
        find_vertical(sightings, nobody, path, 1000.0)
        tilt_s = time.thread_time() - start
        print(
            f"{style}: {1e3 * see_s / frames:.2f} ms a frame to look, {1e3 * path_s / frames:.2f} "
            f"for the path (is_moving {path.is_moving}); {tilt_s:.2f} s a shot for the vertical"
        )


MEASURES = {
    "tilt": measure_tilt, "path": measure_path, "rest": measure_rest, "cost": measure_cost
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], help="default: all")
    parser.add_argument("--count", type=int, default=8, help="shots of each kind")
    args = parser.parse_args()
    for name in args.measures or MEASURES:
        print(f"\n## {name}\n")
        MEASURES[name](args.count)


if __name__ == "__main__":
    main()
