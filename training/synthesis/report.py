"""How well the detector sees what is drawn, over the shards of a folder.

python -m training.synthesis.report FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from reelrig.core.skeletons import BODY_LANDMARK_INDEX, LANDMARK_PARTS

_BODY = LANDMARK_PARTS["body"]
_PARTS = {
    "body": _BODY,
    "hands": slice(LANDMARK_PARTS["left_hand"].start, LANDMARK_PARTS["right_hand"].stop),
    "face": LANDMARK_PARTS["face"],
}
_CONFIDENT = 0.5
_INSIDE = 0.95  # share of the body's landmarks in the picture from which it should be found
_FRONT = 0.3  # of head to hip: the shoulders' distance from which a body is no profile


def _rows(*names: str) -> list[int]:
    return [BODY_LANDMARK_INDEX[f"{side}_{name}"] for name in names for side in ("left", "right")]


_EARS, _HIPS = _rows("ear"), _rows("hip")
_LIMBS = _rows("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_TRUNK, _SWAPPED = _rows("shoulder", "hip"), [_rows("shoulder", "hip")[i] for i in (1, 0, 3, 2)]
_KEYS = ("points_px", "true_px", "hints", "true_points", "confidence", "focal_px", "image_size")


def measure(shard: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values of a shard's frames, NaN where one does not say anything."""
    points, true_px, true_points = shard["points_px"], shard["true_px"], shard["true_points"]
    confidence = shard["confidence"].astype(np.float32)
    trunk = true_points[..., _EARS, :].mean(-2) - true_points[..., _HIPS, :].mean(-2)
    depth = true_points[..., _HIPS, 2].mean(-1)
    trunk_px = np.linalg.norm(trunk, axis=-1) * shard["focal_px"] / depth
    off = np.linalg.norm(points - true_px, axis=-1) / trunk_px[..., None]
    off[confidence <= _CONFIDENT] = np.nan
    is_inside = ((true_px >= 0) & (true_px < shard["image_size"][:, None, None])).all(-1)
    is_found = (confidence[..., _BODY].max(-1) > 0).astype(float)
    is_whole = is_inside[..., _BODY].mean(-1) > _INSIDE
    is_sure = confidence[..., _LIMBS].mean(-1) > _CONFIDENT
    errors = {name: off[..., rows].ravel() for name, rows in _PARTS.items()}
    hints = turned_distance(shard["hints"][..., _LIMBS, :], true_points[..., _LIMBS, :])
    left, right = np.moveaxis(true_px[..., _TRUNK[:2], 0], -1, 0)
    is_plain = is_sure & (np.abs(left - right) > _FRONT * trunk_px)
    as_is = np.linalg.norm(points[..., _TRUNK, :] - true_px[..., _TRUNK, :], axis=-1).sum(-1)
    swapped = np.linalg.norm(points[..., _SWAPPED, :] - true_px[..., _TRUNK, :], axis=-1).sum(-1)
    is_right = (as_is < swapped).astype(float)
    return {
        **{f"error of {name}, share of head to hip": each for name, each in errors.items()},
        "body found": is_found.ravel(),
        "body found where it is in the picture": is_found[is_whole],
        "error of hints, m": hints[is_found > 0],
        "error of confident hints, m": hints[is_sure],
        "left is left, seen from the front": is_right[is_plain & (left > right)],
        "left is left, seen from the back": is_right[is_plain & (left < right)],
    }


def turned_distance(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """[...] mean distance of points [..., K, 3] from others, moved and turned onto them.

    Kabsch 1976; not scaled.
    """
    points, onto = (each - each.mean(-2, keepdims=True) for each in (points, onto))
    u, _, v = np.linalg.svd(np.swapaxes(points, -1, -2) @ onto)
    u[..., -1] *= np.sign(np.linalg.det(u @ v))[..., None]
    return np.linalg.norm(points @ (u @ v) - onto, axis=-1).mean(-1)


def main() -> None:
    """Print the figures: shares, and medians of the errors."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    values: dict[str, list[np.ndarray]] = {}
    for path in sorted(parser.parse_args().folder.glob("shard_*.npz")):
        with np.load(path, allow_pickle=False) as shard:
            for name, each in measure({key: shard[key] for key in _KEYS}).items():
                values.setdefault(name, []).append(each)
    for name, parts in values.items():
        every = np.concatenate(parts)
        middle = np.nanmedian(every) if name.startswith("error") else every.mean()
        print(f"{name}: {middle:.4f} (of {np.isfinite(every).sum()})")


if __name__ == "__main__":
    main()
