"""The posed body drawn over the evaluation clips, and a sheet of the frames where it is worst.

``python -m training.worst_frames --eval FOLDER --method NAME --out SHEET.png [--cache FOLDER]
[--clips FOLDER]``. Half of the frames are the worst of the clips with a reference, by the limbs'
error in mm after Procrustes; half of the others, by how far the landmarks that are sure lie from
those of the posed body, in % of the person's size. Each moment shows the picture, the body over it
(left limbs orange, right ones blue) and the body from its left. ``--clips`` gets each clip as a
video with the body over it, and moments of it as a picture.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from reelrig.core.body.model import LIGHT_BODY_PATH, load_body
from reelrig.core.config import Method
from reelrig.core.frames import WORLD_FROM_LEVEL_CAMERA
from reelrig.core.landmarks import Landmarks
from reelrig.core.motion import Motion
from reelrig.core.overlay import project_points
from reelrig.core.skeletons import LANDMARK_PARTS
from reelrig.core.video import open_video

from .bench_lift import ClipErrors, predict, solve, use_weights
from .eval_sets import Clip, find_clips, load_landmarks, load_sightings
from .mesh_overlay import Painter
from .posed import Figure, free_figure

NUM_FRAMES, COLUMNS = 12, 2
TILE_PX = 320
_APART_S = 0.7  # between chosen frames of a clip
_SURE = 0.6
_MARGIN = 1.3  # side of the crop by the size of the person in the picture
_OPACITY = 0.75
_SIDE_VIEW_M = 2.0  # height and width
_SIDE_DISTANCE_M = 30.0
_BACKGROUND = (70, 74, 80)
_CLIP_MOMENTS, _CLIP_COLUMNS = 24, 6
_JPEG_QUALITY = 80
_BODY = LANDMARK_PARTS["body"]


@dataclass(frozen=True, eq=False)
class Solved:
    """A clip and what a method made of it."""

    clip: Clip
    motion: Motion
    vertices: np.ndarray  # [T, V, 3] m, light body, in the camera's axes
    errors: np.ndarray  # [T], NaN where not known
    unit: str  # of the errors

    @property
    def focal_px(self) -> float:
        assert self.motion.focal_px is not None  # it was captured
        return float(self.motion.focal_px[0])

    @property
    def image_size(self) -> np.ndarray:
        """[2] px, width and height."""
        assert self.motion.image_size is not None  # it was captured
        return np.asarray(self.motion.image_size)

    def label(self, row: int) -> str:
        error = self.errors[row]
        told = f"{error:.0f} {self.unit}" if np.isfinite(error) else "nothing sure"
        return f"{self.clip.name}  frame {self.motion.frame_index[row]}  {told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the evaluation sets")
    parser.add_argument("--method", choices=get_args(Method), required=True)
    parser.add_argument("--weights", type=Path, help="of sts's body network, not the shipped ones")
    parser.add_argument("--out", type=Path, required=True, help="the sheet (.png or .jpg)")
    parser.add_argument("--cache", type=Path, help="folder for the clips' landmarks")
    parser.add_argument("--clips", type=Path, help="folder for a video and a picture of each clip")
    args = parser.parse_args()
    if args.weights:
        use_weights(args.weights)
    painter = Painter(load_body(LIGHT_BODY_PATH))
    solved = []
    for clip in find_clips(args.eval):
        landmarks = load_landmarks(clip, args.cache)
        if len(landmarks.time_s):
            motion = solve(landmarks, args.method, load_sightings(clip, args.cache))
            solved.append(pose_clip(clip, landmarks, motion, painter))
    if args.clips:
        for each in solved:
            write_clip(each, painter, args.clips)
    worst = choose_worst(solved)
    for each, row in worst:
        print(each.label(row))
    tiles = draw_moments(worst, painter)
    write_sheet(args.out, tiles, COLUMNS)


def pose_clip(clip: Clip, landmarks: Landmarks, motion: Motion, painter: Painter) -> Solved:
    assert motion.camera_from_world is not None
    vertices, _ = Figure(painter.body).pose_motion(motion)
    turn, shift = motion.camera_from_world[:, :3, :3], motion.camera_from_world[:, None, :3, 3]
    in_camera = np.einsum("tij,tvj->tvi", turn, vertices) + shift
    errors, unit = _errors(clip, landmarks, motion)
    return Solved(clip, motion, in_camera, errors, unit)


def _errors(clip: Clip, landmarks: Landmarks, motion: Motion) -> tuple[np.ndarray, str]:
    """[T] and their unit."""
    if not clip.has_reference:
        return reprojection_percent(motion), "% off"
    judged = ClipErrors(clip, landmarks, predict(motion, landmarks, use_landmarks=False)).frame_mm
    errors = np.full(motion.num_frames, np.nan)
    errors[: len(judged)] = judged  # the reference may end before the video
    return errors, "mm"


def reprojection_percent(motion: Motion) -> np.ndarray:
    """[T] mean distance of the body's sure landmarks from the posed ones, in % of its size."""
    assert motion.camera_from_world is not None
    assert motion.focal_px is not None
    assert motion.image_size is not None
    assert motion.landmarks_px is not None
    assert motion.landmarks_confidence is not None
    vertices, joints = free_figure().pose_motion(motion)
    points = free_figure().body.landmark_points(vertices, joints)[:, _BODY]
    found = project_points(points, motion.camera_from_world, motion.focal_px, motion.image_size)
    seen, sure = motion.landmarks_px[:, _BODY], motion.landmarks_confidence[:, _BODY] > _SURE
    off = np.where(sure, np.linalg.norm(found - seen, axis=-1), np.nan)
    errors = np.full(motion.num_frames, np.nan)
    rows = sure.sum(1) >= 4
    inside = np.where(sure[rows, :, None], seen[rows], np.nan)
    size = np.linalg.norm(np.nanmax(inside, 1) - np.nanmin(inside, 1), axis=1)
    errors[rows] = 100 * np.nanmean(off[rows], 1) / size
    return errors


def choose_worst(solved: list[Solved]) -> list[tuple[Solved, int]]:
    """Half by each measure, the worst first, frames of a clip well apart."""
    chosen = []
    for unit in ("mm", "% off"):
        clips = [each for each in solved if each.unit == unit]
        candidates = [
            (each, row) for each in clips for row in np.flatnonzero(np.isfinite(each.errors))
        ]
        candidates.sort(key=lambda pair: -pair[0].errors[pair[1]])
        picked: list[tuple[Solved, int]] = []
        for each, row in candidates:
            if len(picked) < NUM_FRAMES // 2 and all(
                other is not each or _seconds_apart(each.motion, row, taken) >= _APART_S
                for other, taken in picked
            ):
                picked.append((each, int(row)))
        chosen += picked
    return chosen


def _seconds_apart(motion: Motion, row: int, other: int) -> float:
    return abs(row - other) / motion.mocap_frame_rate


def draw_moments(moments: list[tuple[Solved, int]], painter: Painter) -> list[np.ndarray]:
    """Picture, overlay and side view [TILE_PX, 3 * TILE_PX, 3] of each."""
    pictures: dict[tuple[str, int], np.ndarray] = {}
    for each in {id(solved): solved for solved, _ in moments}.values():
        wanted = {int(each.motion.frame_index[row]) for solved, row in moments if solved is each}
        for frame in open_video(each.clip.video).frames():
            if frame.index in wanted:
                pictures[each.clip.name, frame.index] = frame.image
    tiles = []
    for each, row in moments:
        picture = pictures[each.clip.name, int(each.motion.frame_index[row])]
        crop, over = draw_crops(each, row, picture, painter)
        label(crop, each.label(row))
        tiles.append(np.hstack([crop, over, draw_side(each, row, painter)]))
    return tiles


def draw_crops(
    each: Solved, row: int, picture: np.ndarray, painter: Painter
) -> tuple[np.ndarray, np.ndarray]:
    """The square around the person, and the same with the body over it."""
    centre_px, side_px = _person_square(each, row)
    scale = TILE_PX / side_px
    shift = TILE_PX / 2 - scale * centre_px
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(picture, matrix, (TILE_PX, TILE_PX), flags=cv2.INTER_AREA)
    middle = scale * each.image_size / 2 + shift
    return crop, painter.draw(crop, each.vertices[row], scale * each.focal_px, middle, _OPACITY)


def _person_square(each: Solved, row: int) -> tuple[np.ndarray, float]:
    """Middle [2] and side in pixels of the video of what it shows of the person."""
    assert each.motion.landmarks_px is not None
    points_px = each.motion.landmarks_px[row]
    is_inside = ((points_px > 0) & (points_px < each.image_size)).all(1)
    shown = points_px[is_inside]
    if not len(shown):
        shown = np.array([[0, 0], each.image_size])
    low, high = shown.min(0), shown.max(0)
    return (low + high) / 2, float((high - low).max() * _MARGIN)


def draw_side(each: Solved, row: int, painter: Painter) -> np.ndarray:
    """The body from its left, upright as the world has it."""
    motion = each.motion
    assert motion.joints_world is not None
    assert motion.camera_from_world is not None
    camera_from_world = motion.camera_from_world[row]
    world = (each.vertices[row] - camera_from_world[:3, 3]) @ camera_from_world[:3, :3]
    hips = motion.joints_world[row, 1] - motion.joints_world[row, 2]
    towards = np.array([hips[0], hips[1], 0.0])
    towards /= np.linalg.norm(towards)
    forward, up = -towards, WORLD_FROM_LEVEL_CAMERA @ [0, -1, 0]
    axes = np.stack([np.cross(forward, up), -up, forward])  # rows: right, down, ahead
    pelvis = motion.joints_world[row, 0]
    seen = (world - pelvis) @ axes.T + [0.0, 0.0, _SIDE_DISTANCE_M]
    image = np.full((TILE_PX, TILE_PX, 3), _BACKGROUND, np.uint8)
    focal_px = _SIDE_DISTANCE_M * TILE_PX / _SIDE_VIEW_M
    return painter.draw(image, seen, focal_px, np.full(2, TILE_PX / 2), 1.0)


def write_clip(each: Solved, painter: Painter, folder: Path) -> None:
    """The clip with the body over it, and moments of it as a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    name = each.clip.name.replace(" ", "_")
    video = open_video(each.clip.video)
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    rate = each.motion.mocap_frame_rate
    writer = cv2.VideoWriter(str(folder / f"{name}.mp4"), codec, rate, video.image_size)
    moments = np.linspace(0, each.motion.num_frames - 1, _CLIP_MOMENTS).astype(int)
    tiles = []
    for frame in video.frames():
        row = int(np.abs(each.motion.time_s - frame.time_s).argmin())
        drawn = painter.draw(
            frame.image, each.vertices[row], each.focal_px, each.image_size / 2, _OPACITY
        )
        writer.write(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
        if row in moments and len(tiles) < _CLIP_MOMENTS:
            tile = draw_crops(each, row, frame.image, painter)[1]
            label(tile, each.label(row))
            tiles.append(tile)
    writer.release()
    write_sheet(folder / f"{name}.png", tiles, _CLIP_COLUMNS)


def label(tile: np.ndarray, text: str) -> None:
    for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.38, color, width, cv2.LINE_AA)


def write_sheet(path: Path, tiles: list[np.ndarray], columns: int) -> None:
    """The tiles in lines of ``columns``, the last one filled up with black."""
    missing = -len(tiles) % columns
    tiles = [*tiles, *[np.zeros_like(tiles[0])] * missing]
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    picture = cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


if __name__ == "__main__":
    main()
