"""What a motion file knows of its world, in plain words with a number. No bpy."""

from __future__ import annotations

import json
from typing import Any

LOCK_MODES = (
    ("auto", "Auto", "Feet stand still where they were seen to stand"),
    ("always", "Always", "Feet that are near the floor stand still on it"),
    ("never", "Never", "Feet move as they were measured"),
    ("ground", "Ground Only", "Feet are kept out of the floor, and may slide on it"),
)


def describe_world(world_json: str) -> list[str]:
    """A sentence each on tilt, focal length, size, camera and what else there is to tell."""
    if not world_json:
        return ["This file does not hold what the camera saw: capture again to correct its world"]
    world = json.loads(world_json)
    settings = world["settings"]
    lines = [
        _describe_tilt(world, settings),
        _describe_focal(world, settings),
        _describe_scale(world, settings),
        "The camera moves" if world["camera"] == "moving" else "The camera stands still",
    ]
    if settings["floor_row"] is not None:
        lines[-1] += f"; the floor is as in pose {settings['floor_row'] + 1}"
    return [*lines, world["note"]] if world["note"] else lines


def _describe_tilt(world: dict[str, Any], settings: dict[str, Any]) -> str:
    tilt = f"Tilt {world['tilt_deg']:.0f}°"
    if settings["up_camera"] is not None:
        return f"{tilt}, by your vertical"
    return f"{tilt}, sure to {_at_least_one(world['up_sigma_deg'])}°"


def _describe_focal(world: dict[str, Any], settings: dict[str, Any]) -> str:
    focal = f"Focal length {world['focal_mm35']:.0f} mm"
    if settings["focal_px"] is not None:
        return f"{focal}, as you said"
    return f"{focal}, sure to {_percent(world['focal_sigma'])} %"


def _describe_scale(world: dict[str, Any], settings: dict[str, Any]) -> str:
    if settings["height_m"] is not None:
        return f"Size by the real height, {settings['height_m']:.2f} m"
    sure = f"sure to {_percent(world['scale_sigma'])} %"
    return f"Size from a typical body, {sure}: enter the real height"


def _percent(sigma: float) -> int:
    """A standard deviation of a logarithm, as a share of the value."""
    return _at_least_one(100 * sigma)


def _at_least_one(value: float) -> int:
    return max(round(value), 1)
