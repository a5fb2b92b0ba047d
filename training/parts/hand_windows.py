"""Windows of a left hand before a camera: what a detector would see of it, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from reelrig.core.lift.sts.hand_branch import bends_to_fingers, halve_box
from reelrig.core.rotation import rotvec_to_matrix

from .hand_bends import draw_bends
from .hand_model import HandModel, HandShape
from .hand_pool import HandPool
from .smooth import curve, draw_rotations, draw_times, noise, wander

_SHAPE_SIGMA, _BONE_SIGMA = 1.3, 0.06
_DISTANCE_M = (0.3, 5.0)
_WRIST_SIGMA = torch.tensor([0.05, 0.25, 0.6])  # twist, sideways, flexion
_TREMBLE = 0.02  # rad
_POOL_SHARE = 0.65  # of the windows, from the bank


@dataclass(frozen=True)
class HandWindows:
    """B windows of T frames. Points in halves of the hand's box, as hand_branch.HandView."""

    points: Tensor  # [B, T, 21, 2]
    hints: Tensor  # [B, T, 21, 3]
    confidence: Tensor  # [B, T, 21]
    time_s: Tensor  # [B, T]
    fingers: Tensor  # [B, T, 15, 3, 3] the truth
    palm: Tensor  # [B, T, 3, 3]
    joints: Tensor  # [B, T, 21, 3] m, the true landmarks from the wrist, view axes
    true_points: Tensor  # [B, T, 21, 2] the landmarks without the detector's errors
    is_labelled: Tensor  # [B, T] bool, whether the truth is known

    def map(self, change) -> HandWindows:
        return HandWindows(**{f.name: change(getattr(self, f.name)) for f in fields(self)})

    def split_frames(self) -> HandWindows:
        """Each frame a window of its own."""
        return self.map(lambda values: values.flatten(0, 1)[:, None])


class HandStudio:
    """Draws windows; the same seed draws the same ones.

    Fingers come from the bank's ``pool`` where there is one, and by anatomy alone.
    """

    def __init__(self, seed: int, pool: HandPool | None = None) -> None:
        self.model, self.pool = HandModel(), pool
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, num_windows: int, num_rows: int) -> HandWindows:
        time_s = draw_times(self.generator, num_windows, num_rows)
        fingers = self._draw_fingers(time_s)
        start = draw_rotations(self.generator, num_windows)
        palm = wander(self.generator, time_s, start, 1.0)
        bend = _WRIST_SIGMA * noise(self.generator, time_s, (3,), 0.7)
        in_hand = self.model.landmarks(
            self._draw_shape(num_windows), fingers, rotvec_to_matrix(bend)
        )
        joints = in_hand @ palm.mT
        nearest, farthest = _DISTANCE_M
        share = torch.rand(num_windows, 1, 1, generator=self.generator)
        distance = nearest * (farthest / nearest) ** share
        seen = joints - joints.mean(2, keepdim=True)
        true_points = seen[..., :2] / (seen[..., 2:] + distance[..., None])
        depth = seen[..., 2:] / distance[..., None]
        seen = halve_box(torch.cat([true_points, depth], -1))
        wrong, confidence = degrade(self.generator, time_s, seen)
        return HandWindows(
            points=wrong[..., :2],
            hints=wrong,
            confidence=confidence,
            time_s=time_s,
            fingers=fingers,
            palm=palm,
            joints=joints,
            true_points=seen[..., :2],
            is_labelled=torch.ones_like(time_s, dtype=torch.bool),
        )

    def _draw_fingers(self, time_s: Tensor) -> Tensor:
        generator = self.generator
        bends = curve(generator, time_s, lambda n: draw_bends(generator, n), 0.6)
        still = torch.rand(len(bends), 1, 1, generator=generator) < 0.2
        bends = torch.where(still, bends[:, :1], bends)
        drawn = bends_to_fingers(bends + _TREMBLE * noise(generator, time_s, (25,), 0.2))
        if self.pool is None:
            return drawn
        is_pooled = torch.rand(len(bends), 1, 1, 1, 1, generator=generator) < _POOL_SHARE
        return torch.where(is_pooled, self.pool.at(generator, time_s), drawn)

    def _draw_shape(self, count: int) -> HandShape:
        """Hands of bodies in all shapes, and each bone a little longer or shorter of its own."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(count, *shape, generator=self.generator)

        shape = self.model.shape(_SHAPE_SIGMA * normal(10))
        chain = torch.cat([shape.joints, shape.tips[:, :, None]], 2)
        bones = torch.diff(chain, dim=2) * (_BONE_SIGMA * normal(5, 3, 1)).exp()
        bones = bones * (_BONE_SIGMA * normal(1, 1, 1)).exp()
        roots = chain[:, :, :1] * (_BONE_SIGMA * normal(1, 1, 3)).exp()
        chain = torch.cat([roots, bones], 2).cumsum(2)
        return HandShape(chain[:, :, :3], chain[:, :, 3], shape.elbow)


def degrade(generator: Generator, time_s: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """What a detector makes of true landmarks [B, T, 21, 3] (in halves of their box), and its
    confidence [B, T, 21].

    The networks guess depth: too flat, leaning, whole fingers too near or too far, all of it slowly
    changing. In the picture they err less, but as much by fingers as by points.
    """
    num_windows = len(seen)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(num_windows, *shape, generator=generator)

    def drift(*shape: int, pace_s: float = 0.4) -> Tensor:
        return noise(generator, time_s, shape, pace_s)

    quality = uniform(1, 1, 1)  # 0 is best
    level = 0.3 + 3.0 * quality**2
    finger_of = torch.tensor([0, *(f for f in range(5) for _ in range(4))])
    along = torch.tensor([0.0, *(0.25, 0.5, 0.75, 1.0) * 5])[:, None]
    by_finger = drift(5, 3)[:, :, finger_of] * along * torch.tensor([0.07, 0.07, 0.22])
    by_point = drift(21, 3, pace_s=0.25) * torch.tensor([0.035, 0.035, 0.07])
    jitter = torch.randn(seen.shape, generator=generator) * torch.tensor([0.008, 0.008, 0.02])
    flat = 0.15 + 0.9 * uniform(1, 1, 1) + 0.1 * drift(1, 1)
    lean = 0.25 * (drift(1, 2) * seen[..., :2]).sum(-1, keepdim=True)
    depth = seen[..., 2:] * flat + level * lean
    wrong = torch.cat([seen[..., :2], depth], -1) + level * (by_finger + by_point + jitter)
    wrong = _mistake(generator, time_s, wrong)
    sure = (1.0 - 0.45 * quality[..., 0] + 0.1 * drift(1)[..., 0:1]).clamp(0.05, 1)
    return _hide(generator, time_s, wrong, sure.expand(seen.shape[:3]))


def _mistake(generator: Generator, time_s: Tensor, points: Tensor) -> Tensor:
    """For a while the depth is the other way round, or it is another hand's."""
    is_event = noise(generator, time_s, (2,), 0.4).abs()
    is_event = is_event > torch.tensor([2.4, 2.8])
    turned = points * torch.where(is_event[..., :1, None], torch.tensor([1.0, 1.0, -1.0]), 1.0)
    return torch.where(is_event[..., 1:, None], turned.roll(1, 0), turned)


def _hide(
    generator: Generator, time_s: Tensor, points: Tensor, confidence: Tensor
) -> tuple[Tensor, Tensor]:
    """Half the hand beyond the picture's edge or behind things; the whole hand lost for a while."""
    num_windows = len(points)
    angle = 6.28 * torch.rand(num_windows, 1, 1, generator=generator)
    side = points[..., 0] * angle.cos() + points[..., 1] * angle.sin()
    edge = noise(generator, time_s, (1,), 0.7)
    is_cut = torch.rand(num_windows, 1, 1, generator=generator) < 0.12
    is_lost = noise(generator, time_s, (1,), 0.5) > 1.9
    confidence = confidence.masked_fill((is_cut & (side > edge)) | is_lost, 0)
    # What lies behind things is guessed: unsure, and far off.
    is_behind = torch.rand(num_windows, 1, 1, generator=generator) < 0.15
    is_behind = is_behind & (side > edge)
    guess = points + 0.25 * noise(generator, time_s, (21, 3), 0.5)
    points = torch.where(is_behind[..., None], guess, points)
    return points, torch.where(is_behind, 0.6 * confidence, confidence)
