"""Layers over the raw motion: gaps bridged, noise taken out without lag."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .camera_motion import CameraMotion
from .rotation import matrix_to_rotvec, nearest_rotation, rotvec_to_matrix
from .skeletons import ARKIT_INDEX

# Gaps up to this long are bridged from end to end; over longer ones a part with a rest pose
# (fingers, face) goes to rest and comes back, half of this at each end.
_BRIDGE_S = 1.0
# Depth is the least certain direction of a single camera and gets this much more smoothing.
_DEPTH_FACTOR = 3.0
# A blink is over in a tenth of a second: the lids get this much of the smoothing.
_LID_FACTOR = 1 / 3
_LIDS = [i for name, i in ARKIT_INDEX.items() if name.startswith(("eyeBlink", "eyeSquint"))]
# A hand or a face that is less sure than this, or seen for less long, is a guess and no sight.
_LEAST_SURE, _SHORTEST_SIGHT_S = 0.2, 0.1
_NEAREST_M = 0.05
_TRUNCATE_SIGMAS = 3.0
_MIN_WEIGHT = 1e-3

# Joints that are seen and lost together.
_PARTS = {
    "body": slice(0, 22),
    "face": slice(22, 25),
    "left_hand": slice(25, 40),
    "right_hand": slice(40, 55),
}


def fill_gaps(motion: CameraMotion, resting: Tensor) -> CameraMotion:
    """Every joint posed in every row; confidence is 0 where a pose is only bridged.

    ``resting`` [55, 3, 3] parent from joint: the pose that hands and face take when they are
    out of sight for long. The body has none: it is always bridged, or held at the ends.
    """
    rotations, arkit = motion.rotations.clone(), motion.arkit.clone()
    pelvis, confidence = motion.pelvis.clone(), motion.confidence.clone()
    longest = motion.rate * _BRIDGE_S
    for name, part in _PARTS.items():
        sure = confidence[:, part].amax(1)
        seen = sure > 0 if name == "body" else _true_sights(sure, motion.rate)
        confidence[~seen, part] = 0
        for start, end in _gaps(seen):
            rest = None if name == "body" else resting[part]
            rotations[start:end, part] = _bridge_rotations(
                rotations[:, part], start, end, rest, longest
            )
            if name == "body":
                pelvis[start:end] = _bridge_values(pelvis, start, end, None, longest)
            if name == "face":
                neutral = torch.zeros(arkit.shape[1])
                arkit[start:end] = _bridge_values(arkit, start, end, neutral, longest)
    return replace(motion, rotations=rotations, arkit=arkit, pelvis=pelvis, confidence=confidence)


def _true_sights(sure: Tensor, rate: float) -> Tensor:
    """[T] bool, rows in which a part of confidence ``sure`` [T] is seen and not guessed.

    A sight at an end of the clip may have been longer, so it is not too short.
    """
    seen = sure > _LEAST_SURE
    for start, end in _gaps(~seen):
        if start > 0 and end < len(seen) and end - start < _SHORTEST_SIGHT_S * rate:
            seen[start:end] = False
    return seen


def _gaps(seen: Tensor) -> list[tuple[int, int]]:
    """(start, end) rows of each run in which ``seen`` [T] is false."""
    edges = torch.diff(seen.int(), prepend=torch.ones(1), append=torch.ones(1))
    starts = torch.nonzero(edges < 0)[:, 0].tolist()
    ends = torch.nonzero(edges > 0)[:, 0].tolist()
    return list(zip(starts, ends, strict=True))


def _shares(start: int, end: int, num_rows: int, has_rest: bool, longest: float) -> Tensor:
    """[3, N] shares of the pose before the gap, of the one after it, and of the rest pose."""
    rows = torch.arange(start, end, dtype=torch.float32)
    since, until = rows - (start - 1), end - rows
    after = since / (since + until)
    if start == 0:
        after = torch.ones_like(rows)
    elif end == num_rows:
        after = torch.zeros_like(rows)
    rest = torch.zeros_like(rows)
    if has_rest and (end - start > longest or start == 0 or end == num_rows):
        edge = torch.minimum(
            since if start > 0 else torch.full_like(rows, torch.inf),
            until if end < num_rows else torch.full_like(rows, torch.inf),
        )
        x = (edge / (0.5 * longest)).clamp(0, 1)
        rest = x * x * (3 - 2 * x)
    return torch.stack([(1 - after) * (1 - rest), after * (1 - rest), rest])


def _ends(values: Tensor, start: int, end: int, rest: Tensor | None) -> tuple[Tensor, Tensor]:
    """The values just before and just after the gap; the other, or rest, where there is none."""
    nothing = values[0] if rest is None else rest
    before = values[start - 1] if start > 0 else None
    after = values[end] if end < len(values) else None
    if before is None:
        before = nothing if after is None else after
    return before, before if after is None else after


def _bridge_values(
    values: Tensor, start: int, end: int, rest: Tensor | None, longest: float
) -> Tensor:
    before, after = _ends(values, start, end, rest)
    shares = _shares(start, end, len(values), rest is not None, longest)
    bridged = shares[0][:, None] * before + shares[1][:, None] * after
    return bridged if rest is None else bridged + shares[2][:, None] * rest


def _bridge_rotations(
    values: Tensor, start: int, end: int, rest: Tensor | None, longest: float
) -> Tensor:
    """Slerp from end to end, then from there toward the rest pose. ``values`` [T, J, 3, 3]."""
    before, after = _ends(values, start, end, rest)
    shares = _shares(start, end, len(values), rest is not None, longest)
    kept = (1 - shares[2]).clamp_min(1e-6)
    bridged = _slerp(before, after, shares[1] / kept)
    return bridged if rest is None else _slerp(bridged, rest, shares[2])


def _slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    turn = matrix_to_rotvec(first.transpose(-1, -2) @ second)
    return first @ rotvec_to_matrix(turn * share[:, None, None])


def smooth(motion: CameraMotion, sigma_s: float) -> CameraMotion:
    """Gaussian smoothing of standard deviation ``sigma_s`` seconds, weighted by confidence.

    Of a motion whose gaps are filled. Symmetric in time, hence without lag. Rotations are averaged
    as matrices and brought back to the nearest rotation (chordal mean, Hartley et al. 2013,
    "Rotation averaging", section 5.3).
    """
    sigma = sigma_s * motion.rate
    if sigma <= 0:
        return motion
    weight = _weights(motion.confidence)
    # Joint by joint, which keeps memory flat on long clips.
    rotations = torch.stack(
        [
            nearest_rotation(_average(turn.flatten(1), trust[:, None], sigma).unflatten(1, (3, 3)))
            for turn, trust in zip(motion.rotations.unbind(1), weight.unbind(1), strict=True)
        ],
        dim=1,
    )
    root = weight[:, :1]
    # The ray and the way along it, so that a steadier depth leaves the person where they were seen.
    ray = motion.pelvis[:, :2] / motion.pelvis[:, 2:].clamp_min(_NEAREST_M)
    ray = _average(ray, root, sigma)
    depth = _average(motion.pelvis[:, 2:], root, _DEPTH_FACTOR * sigma)
    face = weight[:, _PARTS["face"]][:, :1]
    arkit = _average(motion.arkit, face, sigma)
    arkit[:, _LIDS] = _average(motion.arkit[:, _LIDS], face, _LID_FACTOR * sigma)
    pelvis = torch.cat([ray * depth.clamp_min(_NEAREST_M), depth], 1)
    return replace(motion, rotations=rotations, pelvis=pelvis, arkit=arkit.clamp(0, 1))


def _weights(confidence: Tensor) -> Tensor:
    """[T, 55] how much each joint counts; one that was bridged with its part, as the ends do.

    Were bridges to count little, a part would be held beside its gap and then jump onto the bridge.
    """
    weight = confidence.clamp_min(_MIN_WEIGHT)
    for part in _PARTS.values():
        for start, end in _gaps(confidence[:, part].amax(1) > 0):
            weight[start:end, part] = _bridge_values(weight[:, part], start, end, None, math.inf)
    return weight


def _average(values: Tensor, weight: Tensor, sigma: float) -> Tensor:
    """Gaussian mean [T, N] over rows, weighted [T, 1]; at the ends only over the rows there are."""
    return _blur(values * weight, sigma) / _blur(weight, sigma)


def _blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian sums [T, N] along the rows, with nothing beyond the ends."""
    radius = max(1, math.ceil(_TRUNCATE_SIGMAS * sigma))
    padded = torch.nn.functional.pad(values, (0, 0, radius, radius))
    blurred = torch.zeros_like(values)
    # Tap by tap: a convolution would unfold the rows and take many times the memory.
    for tap in range(2 * radius + 1):
        weight = math.exp(-0.5 * ((tap - radius) / sigma) ** 2)
        blurred += weight * padded[tap : tap + len(values)]
    return blurred
