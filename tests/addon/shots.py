"""Made-up captures: a walk, the camera that saw it, and the video it comes from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from scipy.spatial.transform import Rotation

from reelrig.core.body.measures import MEASURE_NAMES, measure_body
from reelrig.core.body.model import BodyModel
from reelrig.core.frames import WORLD_FROM_LEVEL_CAMERA
from reelrig.core.motion import Motion
from tests.addon.fake_resolve import make_world_json
from tests.addon.motions import expected_joints, make_walk

LANDSCAPE, PORTRAIT = (640, 360), (360, 640)
NUM_BITS = 7  # of a picture's number, drawn as black and white columns
COLUMN_PX = 8


def make_shot(
    body: BodyModel,
    num_frames: int = 12,
    *,
    size: tuple[int, int] = LANDSCAPE,
    pan_deg: float = 0.0,
    zoom: float = 1.0,
    **values,
) -> Motion:
    """A walk before a camera that looks down by 10 degrees and leans by 5.

    Over the take the camera pans, moves along as far, and zooms.
    """
    parts = np.linspace(0, 1, num_frames)
    lean = Rotation.from_euler("YXZ", [0, -10, 5], degrees=True)
    pan = Rotation.from_euler("y", parts[:, None] * pan_deg, degrees=True)
    turns = WORLD_FROM_LEVEL_CAMERA @ (pan * lean).as_matrix()
    places = np.array([0.7, -4.5, 1.7]) + np.outer(parts, [0.01 * pan_deg, 0, 0])
    camera_from_world = np.tile(np.eye(4), (num_frames, 1, 1))
    camera_from_world[:, :3, :3] = turns.transpose(0, 2, 1)
    camera_from_world[:, :3, 3] = -np.einsum("tab,ta->tb", turns, places)
    walk = make_walk(body, num_frames)
    known = {
        "joints_world": expected_joints(walk, body),
        "measures": np.asarray(measure_body(body, walk.betas)),
        "measure_names": MEASURE_NAMES,
        "camera_from_world": camera_from_world,
        "focal_px": 600.0 * zoom**parts,
        "image_size": np.array(size),
        "world_json": make_world_json(),
    }
    return make_walk(body, num_frames, **(known | values))


def project(motion: Motion, points: np.ndarray, row: int) -> np.ndarray:
    """[N, 2] px, where the picture of ``row`` shows points [N, 3] m of the world."""
    camera = motion.camera_from_world[row]
    seen = points @ camera[:3, :3].T + camera[:3, 3]
    return motion.focal_px[row] * seen[:, :2] / seen[:, 2:] + motion.axis_px


def draw_number(number: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """[H, W, 3] uint8, a picture that says which one it is."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for bit in range(NUM_BITS):
        image[:, bit * COLUMN_PX : (bit + 1) * COLUMN_PX] = 255 * (number >> bit & 1)
    return image


def write_video(path: Path, times_s: np.ndarray) -> Path:
    """A movie whose pictures, with their numbers on them, begin at ``times_s`` [N]."""
    clock = Fraction(1, 90000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = clock
        for number, time_s in enumerate(times_s):
            frame = av.VideoFrame.from_ndarray(draw_number(number), format="rgb24")
            frame.pts, frame.time_base = round(time_s / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
