"""What a correction of the world did, in plain words with a number. No bpy."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from ..core.motion import Motion
from ..core.skeletons import JOINT_NAMES
from .world_words import LOCK_MODES

_ROOT = JOINT_NAMES[0]
_SAME_TURN_DEG = 0.05
_SAME_LIFT_CM = 0.05
_SAME_SHARE = 5e-4
_HEIGHT_SLACK_M = 0.01


def describe_turn(old: Motion, new: Motion) -> str:
    angle = np.degrees(np.arccos(np.clip(_up(old) @ _up(new), -1, 1)))
    if angle < _SAME_TURN_DEG:
        return "The take was upright by this already."
    tilt = np.degrees(np.arccos(np.clip(-_up(new)[1], -1, 1)))
    return f"Turned by {angle:.1f}°: the camera's tilt is {tilt:.0f}° now."


def describe_lift(old: Motion, new: Motion) -> str:
    assert old.joints_world is not None
    assert new.joints_world is not None
    lift_cm = 100 * float(np.mean(new.joints_world[:, 0, 2] - old.joints_world[:, 0, 2]))
    if abs(lift_cm) < _SAME_LIFT_CM:
        return "The lower foot stood on the floor already."
    return f"{'Raised' if lift_cm > 0 else 'Lowered'} by {abs(lift_cm):.1f} cm."


def describe_growth(old: Motion, new: Motion, wanted_m: float | None) -> str:
    """``wanted_m``: the height that was asked for; None: that of a typical body."""
    before_m, after_m = stature(old), stature(new)
    share = after_m / before_m - 1
    change = "as before"
    if abs(share) > _SAME_SHARE:
        change = f"{abs(share):.1%} {'taller' if share > 0 else 'smaller'} than before"
    if wanted_m is not None and abs(after_m - wanted_m) > _HEIGHT_SLACK_M:
        return (
            f"{after_m:.2f} m tall now, {change}: the body keeps a human shape no further. Scale "
            f"the take's world by {wanted_m / after_m:.2f} if {wanted_m:.2f} m matter."
        )
    return f"{after_m:.2f} m tall now, {change}."


def describe_lens(old: Motion, new: Motion, focal_mm: float) -> str:
    assert old.focal_px is not None
    assert new.focal_px is not None
    share = new.focal_px[0] / old.focal_px[0]
    if abs(share - 1) < _SAME_SHARE:
        return f"Focal length {focal_mm:.0f} mm, as before."
    return f"Focal length {focal_mm:.0f} mm: people stand {share:.2f} times as far off."


def describe_lock(mode: str, strength: float) -> str:
    label = next(label for name, label, _ in LOCK_MODES if name == mode)
    return f"Foot lock: {label}, strength {strength:.0%}."


def describe_keys(rekeyed: Set[str], num_people: int) -> str:
    """``rekeyed``: the bones that got new keys."""
    if not rekeyed:
        return "No key had to change."
    parts = ["pelvis"] if _ROOT in rekeyed else []
    parts += ["legs"] if rekeyed - {_ROOT} else []
    whose = f" of {num_people} people" if num_people > 1 else ""
    return f"New keys on {' and '.join(parts)}{whose}, all others stay."


def stature(motion: Motion) -> float:
    """m"""
    return float(motion.measures[motion.measure_names.index("stature")])


def _up(motion: Motion) -> np.ndarray:
    """[3] unit, in the first camera's axes."""
    assert motion.camera_from_world is not None
    return motion.camera_from_world[0, :3, 2].astype(np.float64)
