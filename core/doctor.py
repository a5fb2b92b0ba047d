"""What runs where: versions, device, each network with its speed, and a self-test."""

from __future__ import annotations

import functools
import importlib.metadata
import math
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .errors import ReelrigError

if TYPE_CHECKING:
    from .detect.engine import Engine

_PACKAGES = ("numpy", "torch", "av", "opencv-python-headless", "safetensors", "bpy")
NETWORKS = (
    *("person_detector", "pose_lite", "pose_full", "pose_heavy"),
    *("palm_detector", "hand_recrop", "hand_landmarks"),
    *("face_detector", "face_mesh", "face_blendshapes"),
)

_BATCHES = 4  # that a network is timed on; enough to keep the processor's cores busy

# The picture of the self-test: the body from ahead, without perspective.
_PICTURE_SIZE = (1280, 720)
_BODY_PX = 600
_GREY = 170
_COLORS = {"Skin": (200, 160, 130), "Suit": (240, 240, 240)}  # RGB; of all else:
_DARK = (60, 60, 90)
_LIGHT = np.array([0.3, 0.5, 0.8], np.float32)  # body axes
_AMBIENT = 0.4
_SEEN = ("shoulder", "elbow", "wrist", "hip", "knee")  # where landmark and joint mean the same
_MOST_ERROR = 0.05  # of the body's height; 0.02 is usual


def examine(say: Callable[[str], object]) -> bool:
    """Tell ``say`` one line a finding; whether everything a capture needs is there."""
    say(f"Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            say(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            say(f"{package}: not installed here")
    checks = {
        "device": _device,
        "body": _body,
        **{f"network {name}": functools.partial(_network, name) for name in NETWORKS},
        "self-test": _self_test,
    }
    return all([_check(name, check, say) for name, check in checks.items()])


def _check(name: str, check: Callable[[], str], say: Callable[[str], object]) -> bool:
    start = time.perf_counter()
    try:
        finding = check()
    except (ImportError, OSError, RuntimeError, ReelrigError) as error:
        say(f"{name}: does not work here: {error}")
        return False
    say(f"{name}: {finding} ({time.perf_counter() - start:.2f} s)")
    return True


@functools.cache
def _open_engine() -> tuple[Engine, list[str]]:
    """What a capture would run on, and why it is no better."""
    from .detect.engine import open_engine

    reasons: list[str] = []
    return open_engine("auto", reasons.append), reasons


def _device() -> str:
    import torch

    engine, reasons = _open_engine()
    if engine.device.type == "cuda":
        return f"CUDA GPU {torch.cuda.get_device_name()}"
    if engine.device.type == "mps":
        return "Apple GPU"
    reason = " ".join(reasons) or f"No CUDA GPU: {_why_no_cuda()}"
    return f"CPU, {torch.get_num_threads()} threads. {reason}"


def _why_no_cuda() -> str:
    import torch

    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:  # without a driver; without CUDA in torch
        return str(error).splitlines()[0]
    return "torch found none"


def _body() -> str:
    import torch

    from .body.model import load_body
    from .body.skinning import joints_from_pose

    body = load_body()
    rotations = torch.eye(3).repeat(100, 55, 1, 1)
    joints_from_pose(body, np.zeros(10), rotations, torch.zeros(100, 3))
    return f"{body.num_vertices} vertices, 100 frames posed"


def _network(name: str) -> str:
    """The network's file compared with its sha256, and the network run on a batch twice."""
    import torch

    from .detect.network_files import read_network_file

    engine, _ = _open_engine()
    graph, _ = read_network_file(name)
    shape = graph["input_shape"]
    count = _BATCHES * engine.batch_size(name)
    item = torch.linspace(0, 1, math.prod(shape), device=engine.device).reshape(shape)
    seconds = 0.0
    for _ in range(2):  # the first time warms up
        start = time.perf_counter()
        outputs = [output.cpu() for output in engine.run(name, item.expand(count, *shape)).values()]
        seconds = time.perf_counter() - start
        if not all(output.isfinite().all() for output in outputs):
            raise RuntimeError("it gives numbers that are not finite")
    return f"file intact, {1000 * seconds / count:.1f} ms an item"


def _self_test() -> str:
    """The networks find the free body in a drawing of it, with its landmarks at its joints."""
    import torch

    from .detect.person import detect_people, regions_of_people
    from .detect.pose import see_poses
    from .detect.regions import upload
    from .skeletons import BODY_LANDMARK_INDEX, JOINT_NAMES

    engine, _ = _open_engine()
    image, joints_px = _draw_body()
    pictures = upload(engine, [image])
    (found,) = detect_people(engine, pictures)
    if len(found.score) != 1:
        raise RuntimeError(f"one person was drawn, {len(found.score)} were found")
    picture_of = torch.zeros(1, dtype=torch.long, device=engine.device)
    poses = see_poses(engine, pictures, picture_of, regions_of_people(found.points), "heavy")
    points_px = poses.points[0, :, :2].cpu().numpy()
    names = [f"{side}_{name}" for side in ("left", "right") for name in _SEEN]
    offsets = [
        points_px[BODY_LANDMARK_INDEX[name]] - joints_px[JOINT_NAMES.index(name)] for name in names
    ]
    error = float(np.linalg.norm(offsets, axis=1).max()) / _BODY_PX
    if not error < _MOST_ERROR:
        raise RuntimeError(f"landmarks are off by {error:.0%} of the drawn person's height")
    return f"a drawn person was seen, landmarks within {error:.1%} of the height"


def _draw_body() -> tuple[np.ndarray, np.ndarray]:
    """The light body, [H, W, 3] uint8 RGB, and its joints [55, 2] in pixels."""
    import cv2

    from .body.model import LIGHT_BODY_PATH, load_body

    body = load_body(LIGHT_BODY_PATH)
    low, high = body.template.min(0), body.template.max(0)
    width, height = _PICTURE_SIZE
    px_per_m = _BODY_PX / (high[1] - low[1])

    def project(points: np.ndarray) -> np.ndarray:
        from_middle = (points - (low + high) / 2)[..., :2] * (px_per_m, -px_per_m)
        return from_middle + np.array([width, height]) / 2

    corners = body.template[body.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    shade = _AMBIENT + (1 - _AMBIENT) * (normals @ _LIGHT).clip(0, 1)
    colors = np.array([_COLORS.get(name, _DARK) for name in body.material_names])
    shaded = colors[body.face_materials] * shade[:, None]
    image = np.full((height, width, 3), _GREY, np.uint8)
    corners_px = project(corners).round().astype(np.int32)
    for i in corners[..., 2].mean(1).argsort():  # from the back to the front
        if normals[i, 2] > 0:
            cv2.fillConvexPoly(image, corners_px[i], shaded[i].tolist(), cv2.LINE_AA)
    return image, project(body.template_joints)
