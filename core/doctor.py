"""What runs where: versions, device, and a self-test of each stage with its time."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable

import numpy as np

_PACKAGES = ("numpy", "torch", "mediapipe", "av", "opencv-contrib-python", "bpy")


def examine(say: Callable[[str], object]) -> bool:
    """Tell ``say`` one line a finding; whether everything a capture needs is there."""
    say(f"Python {platform.python_version()} on {platform.platform()}")
    for package in _PACKAGES:
        try:
            say(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            say(f"{package}: not installed here")
    checks = {"device": _device, "body": _body, "networks": _networks}
    return all([_check(name, check, say) for name, check in checks.items()])


def _check(name: str, check: Callable[[], str], say: Callable[[str], object]) -> bool:
    start = time.perf_counter()
    try:
        finding = check()
    except (ImportError, OSError, RuntimeError) as error:
        say(f"{name}: does not work here: {error}")
        return False
    say(f"{name}: {finding} ({time.perf_counter() - start:.2f} s)")
    return True


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"CUDA GPU {torch.cuda.get_device_name()}"
    return f"CPU, {torch.get_num_threads()} threads"


def _body() -> str:
    import torch

    from .body.model import load_body
    from .body.skinning import joints_from_pose

    body = load_body()
    rotations = torch.eye(3).repeat(100, 55, 1, 1)
    joints_from_pose(body, np.zeros(10), rotations, torch.zeros(100, 3))
    return f"{body.num_vertices} vertices, 100 frames posed"


def _networks() -> str:
    from .detect.holistic import HolisticDetector
    from .video import Frame

    grey = np.full((720, 1280, 3), 128, np.uint8)
    frames = [Frame(i, i / 30, grey) for i in range(10)]
    HolisticDetector().detect(frames, lambda done: None)
    return "10 empty frames of 720p searched"
