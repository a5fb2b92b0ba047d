"""Do captures stand? Moments of clips: the picture, the character from the side and from above.

``python -m training.world.ground_sheet CLIP_OR_FOLDER ... --out SHEET.jpg [--cache FOLDER]``. One
line a clip, each moment with three pictures. From the side: the video's camera is far off to the
left, the floor a white line. From above: the camera is below. The grid is of half a metre; the feet
leave their path, left orange, right blue, thick where they are said to stand.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import torch

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.config import CaptureConfig, Method
from reelrig.core.motion import Motion
from reelrig.core.overlay import LEFT_COLOR, RIGHT_COLOR
from reelrig.core.rotation import rotvec_to_matrix
from reelrig.core.video import open_video

from ..bench_lift import solve
from ..eval_sets import Clip, load_landmarks, load_sightings
from ..mesh_overlay import Painter
from ..posed import Figure
from ..worst_frames import label, write_sheet
from .feet import Walker, score_feet

TILE_PX, NUM_MOMENTS = 240, 3
_HEAD_PX = 22  # over each line, for its words
VIEW_M, _FLOOR_M = 2.6, 0.3  # height and width of a view; what is seen below the floor
_HIGH_M = 1.6  # of a pelvis, above which the floor may be out of sight
_GRID_M = 0.5
_FAR_M = 1000.0  # of the painter's camera: no perspective
_BACKGROUND, _GRID, _FLOOR = (70, 74, 80), (104, 108, 114), (235, 235, 235)
_STANDS = 0.5  # probability of a contact
_SUBPIXEL_BITS = 4


@dataclass(frozen=True, eq=False)
class View:
    """Looks along ``axes[2]`` without perspective; its middle shows ``middle``."""

    axes: np.ndarray  # [3, 3] rows: right, down, ahead; world
    middle: np.ndarray  # [3] m

    @classmethod
    def from_side(cls, place: np.ndarray) -> View:
        """Of somebody whose pelvis is at ``place`` [3]; ahead of the video's camera is right."""
        is_near_floor = 0.0 < place[2] < _HIGH_M
        height = VIEW_M / 2 - _FLOOR_M if is_near_floor else place[2]
        return cls(np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]), np.array([*place[:2], height]))

    @classmethod
    def from_above(cls, place: np.ndarray) -> View:
        """The same; ahead of the video's camera is up."""
        return cls(np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]), np.array([*place[:2], 0.0]))

    def to_px(self, points: np.ndarray) -> np.ndarray:
        """[..., 2] of points [..., 3] m."""
        return (points - self.middle) @ self.axes[:2].T * TILE_PX / VIEW_M + TILE_PX / 2

    def draw_ground(self) -> np.ndarray:
        """[TILE_PX, TILE_PX, 3] the grid, and the floor where it is a line."""
        tile = np.full((TILE_PX, TILE_PX, 3), _BACKGROUND, np.uint8)
        tile[:, :2] = 0
        for right, down in ((0, 1), (1, 0)):
            axis = np.abs(self.axes[right]).argmax()
            first = np.ceil((self.middle[axis] - VIEW_M / 2) / _GRID_M)
            for step in np.arange(first, first + VIEW_M / _GRID_M):
                point = self.middle.copy()
                point[axis] = step * _GRID_M
                ends = self.to_px(point + np.outer([-VIEW_M, VIEW_M], self.axes[down]))
                start, end = _fixed(ends)
                color, width = (_FLOOR, 2) if axis == 2 and step == 0 else (_GRID, 1)
                cv2.line(tile, start, end, color, width, cv2.LINE_AA, _SUBPIXEL_BITS)
        return tile

    def draw_body(self, tile: np.ndarray, painter: Painter, vertices: np.ndarray) -> np.ndarray:
        """The tile with the skin of ``vertices`` [V, 3] m over it."""
        seen = (vertices - self.middle) @ self.axes.T + [0.0, 0.0, _FAR_M]
        focal_px = _FAR_M * TILE_PX / VIEW_M
        return painter.draw(tile, seen, focal_px, np.full(2, TILE_PX / 2), 0.85)

    def draw_paths(self, tile: np.ndarray, soles: np.ndarray, stands: np.ndarray) -> None:
        """Each foot's way, of ``soles`` [T, 4, 3] m, and where it ``stands`` [T, 4]."""
        for color, foot in ((LEFT_COLOR, slice(0, 2)), (RIGHT_COLOR, slice(2, 4))):
            path = _fixed(self.to_px(soles[:, foot].mean(1)))
            cv2.polylines(tile, [np.array(path)], False, color, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
            for point in _fixed(self.to_px(soles[:, foot][stands[:, foot]])):
                cv2.circle(tile, point, 1 << _SUBPIXEL_BITS, color, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _fixed(points_px: np.ndarray) -> list[tuple[int, int]]:
    """Points [N, 2] in cv2's fixed-point numbers."""
    fixed = np.round(points_px.clip(-1e4, 1e4) * 2**_SUBPIXEL_BITS).astype(int)
    return [(x, y) for x, y in fixed.tolist()]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, nargs="+", help="videos, or folders of videos")
    parser.add_argument("--out", type=Path, required=True, help="the sheet (.jpg or .png)")
    parser.add_argument("--cache", type=Path, help="folder for what was seen of the clips")
    parser.add_argument("--method", choices=get_args(Method), default=CaptureConfig().method)
    args = parser.parse_args(argv)
    painter = Painter(load_body(LIGHT_BODY_PATH))
    lines = []
    for path in list_videos(args.clips):
        clip = Clip(path)
        landmarks = load_landmarks(clip, args.cache)
        if not len(landmarks.time_s):
            print(f"{clip.name}: nobody was found")
            continue
        motion = solve(landmarks, args.method, load_sightings(clip, args.cache))
        words = f"{clip.name}: {describe(motion)}"
        print(words, flush=True)
        lines.append(draw_line(clip, motion, painter, words))
    write_sheet(args.out, lines, 1)


def list_videos(paths: list[Path]) -> list[Path]:
    """Those of folders by name; videos as they were given."""
    return [
        video
        for path in paths
        for video in (sorted(path.glob("*.mp4")) if path.is_dir() else [path])
    ]


def describe(motion: Motion) -> str:
    """What the take knows of its world, and how far feet slip that it says to stand."""
    world = json.loads(motion.world_json)
    slip = score_feet(Walker.of_motion(motion), motion.contacts > _STANDS)["skate"]
    feet = "no foot stands" if np.isnan(slip) else f"standing feet slip {slip:.1f} mm a frame"
    return (
        f"tilt {world['tilt_deg']:.0f} deg, sure to {world['up_sigma_deg']:.0f}; "
        f"focal {world['focal_mm35']:.0f} mm, sure to {100 * world['focal_sigma']:.0f} %; "
        f"camera {world['camera']}; {feet}"
    )


def draw_line(clip: Clip, motion: Motion, painter: Painter, words: str) -> np.ndarray:
    """[_HEAD_PX + TILE_PX, 3 * NUM_MOMENTS * TILE_PX, 3] the moments side by side."""
    assert motion.joints_world is not None  # it was captured
    rows = choose_moments(motion)
    rotations = rotvec_to_matrix(torch.from_numpy(np.float32(motion.rotvecs[rows])))
    places = motion.joints_world[rows, 0]
    skins, _ = Figure(painter.body).pose(motion.betas, motion.arkit[rows], rotations, places)
    pictures = read_pictures(clip.video, motion.frame_index[rows])
    soles, stands = Walker.of_motion(motion).soles, motion.contacts > _STANDS
    tiles = []
    for picture, skin, place in zip(pictures, skins, places, strict=True):
        tiles.append(fit(picture))
        for view in (View.from_side(place), View.from_above(place)):
            tile = view.draw_body(view.draw_ground(), painter, skin)
            view.draw_paths(tile, soles, stands)
            tiles.append(tile)
    head = np.zeros((_HEAD_PX, len(tiles) * TILE_PX, 3), np.uint8)
    label(head, words)
    return np.vstack([head, np.hstack(tiles)])


def choose_moments(motion: Motion) -> np.ndarray:
    """[NUM_MOMENTS] rows in which the person was seen, evenly apart."""
    seen = np.flatnonzero(motion.confidence.max(1) > 0)
    shares = (np.arange(NUM_MOMENTS) + 0.5) / NUM_MOMENTS
    return seen[(shares * len(seen)).astype(int)]


def read_pictures(path: Path, indices: np.ndarray) -> list[np.ndarray]:
    frames = {
        frame.index: frame.image for frame in open_video(path).frames() if frame.index in indices
    }
    return [frames[index] for index in indices.tolist()]


def fit(picture: np.ndarray) -> np.ndarray:
    """The whole picture in the middle of a tile."""
    height, width = picture.shape[:2]
    scale = TILE_PX / max(height, width)
    size = round(width * scale), round(height * scale)
    left, top = (TILE_PX - size[0]) // 2, (TILE_PX - size[1]) // 2
    tile = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


if __name__ == "__main__":
    main()
