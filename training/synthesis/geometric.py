"""People of the pool before drawn cameras, seen with the detector's errors: without any picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reelrig.core.lift.sts.observation import Observation
from reelrig.core.lift.sts.points import NUM_BODY_JOINTS, place_points
from reelrig.core.rotation import axes_to_matrix, rotvec_to_matrix
from reelrig.core.skeletons import JOINT_INDEX

from ..bank.cameras import draw_camera
from ..lifter.skeleton import PosedPeople, Proportions, Skeleton
from ..lifter.truth import Truth
from .noise import ErrorBank, heading_of

_SIZES = ((1280, 720), (1920, 1080), (720, 1280), (1080, 1920), (640, 480), (1080, 1080))
_KNOWN_FOCAL = 0.3  # share of people whose focal length the network is told
_SCALE_SPREAD, _BONE_SPREAD = 0.04, 0.05  # of proportions beyond the body's own shapes
_NEAREST_M = 0.15
# Share of the measured errors that a person is seen with: on real video the networks do better than
# on renders, above all in depth.
HINT_ERRORS, _PICTURE_ERRORS = (0.2, 1.0), (0.5, 1.0)
_PALM_ROWS = {"left": slice(33, 39), "right": slice(39, 45)}
_OUTSIDE_CONFIDENCE = 0.15  # of what lies beyond the picture's edge
_OUTSIDE_SPREAD = 0.12  # halves of the box, by which the network guesses it wrong


@dataclass(frozen=True, eq=False)
class Pool:
    """N clips of R rows, as training.bank.pool writes them."""

    rotvecs: np.ndarray  # [N, R, 55, 3] float16
    pelvis: np.ndarray  # [N, R, 3] m
    betas: np.ndarray  # [N, 10]
    rate_hz: np.ndarray  # [N]
    contacts: np.ndarray  # [N, R, 4]

    @classmethod
    def load(cls, paths: list[Path]) -> Pool:
        names = ("rotvecs", "pelvis", "betas", "rate_hz", "contacts")
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for path in paths:
            with np.load(path, allow_pickle=False) as file:
                for name in names:
                    parts[name].append(file[name])
        return cls(**{name: np.concatenate(values) for name, values in parts.items()})


@dataclass(frozen=True, eq=False)
class Shot:
    """Cameras of B people over T rows."""

    camera_from_world: Tensor  # [B, T, 4, 4]
    focal_px: Tensor  # [B, T]
    image_size: Tensor  # [B, 2]


@dataclass(frozen=True, eq=False)
class DrawnShots:
    """B people over T rows: what was seen, what is true, and who saw it."""

    observation: Observation
    truth: Truth
    shot: Shot
    assumed_px: Tensor  # [B] the focal length that the observation's slopes take for granted


class GeometricSource:
    """Batches of the pool's people, each with new proportions, camera and errors."""

    def __init__(self, pool: Pool, skeleton: Skeleton, errors: ErrorBank, seed: int) -> None:
        self.pool, self.skeleton, self.errors = pool, skeleton, errors
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, num_people: int, num_rows: int) -> tuple[Observation, Truth]:
        drawn = self.draw_shots(num_people, num_rows)
        return drawn.observation, drawn.truth

    def draw_shots(self, num_people: int, num_rows: int) -> DrawnShots:
        rng, pool = self.rng, self.pool
        clips = rng.integers(len(pool.rotvecs), size=num_people)
        first = rng.integers(pool.rotvecs.shape[1] - num_rows + 1, size=num_people)
        rows = first[:, None] + np.arange(num_rows)
        at = (clips[:, None], rows)
        rotations = rotvec_to_matrix(torch.from_numpy(np.float32(pool.rotvecs[at])))
        pelvis = torch.from_numpy(pool.pelvis[at])
        betas = torch.from_numpy(np.float32(pool.betas[clips]))
        people = self.skeleton.proportions(betas, self._draw_scales(num_people))
        posed = self.skeleton.pose(people, rotations, pelvis)
        shot = self._draw_shot(posed, pool.rate_hz[clips])
        assumed_px = self._assume_focal(shot)
        observation = self._observe(posed, shot, assumed_px, rows / pool.rate_hz[clips][:, None])
        truth = make_truth(
            posed,
            shot,
            assumed_px,
            people,
            torch.from_numpy(np.float32(pool.contacts[at])),
        )
        return DrawnShots(observation, truth, shot, assumed_px)

    def _draw_scales(self, num_people: int) -> Tensor:
        """[B, 55] of the bones: the same on both sides, and for all bones of a limb's stretch."""
        rng = self.rng
        scales = np.exp(rng.normal(0, _BONE_SPREAD, (num_people, 55)))
        for name, joint in JOINT_INDEX.items():
            if name.startswith("right_"):
                scales[:, joint] = scales[:, JOINT_INDEX["left_" + name[6:]]]
        return torch.from_numpy(np.float32(scales))

    def _draw_shot(self, posed: PosedPeople, rates_hz: np.ndarray) -> Shot:
        cameras = []
        for points, rate_hz in zip(posed.landmarks[:, :, :33].numpy(), rates_hz, strict=True):
            size = _SIZES[self.rng.integers(len(_SIZES))]
            cameras.append(draw_camera(self.rng, points, size, float(rate_hz)))
        return Shot(
            *(
                torch.from_numpy(np.float32(np.stack([getattr(c, name) for c in cameras])))
                for name in ("camera_from_world", "focal_px", "image_size")
            )
        )

    def _assume_focal(self, shot: Shot) -> Tensor:
        is_known = torch.rand(len(shot.focal_px), generator=self.generator) < _KNOWN_FOCAL
        usual = torch.linalg.vector_norm(shot.image_size, dim=-1)
        return torch.where(is_known, shot.focal_px.mean(1), usual)

    def _observe(
        self, posed: PosedPeople, shot: Shot, assumed_px: Tensor, time_s: np.ndarray
    ) -> Observation:
        num_people = len(posed.joints)
        turn = shot.camera_from_world[:, :, None, :3, :3]
        landmarks = to_camera(shot.camera_from_world, posed.landmarks)
        camera_from_joint = turn @ posed.turns
        errors = self.errors.draw(
            self.generator, heading_of(camera_from_joint[:, :, 0]), landmarks.shape[1]
        )
        true_slopes = landmarks[..., :2] / landmarks[..., 2:].clamp_min(_NEAREST_M)
        slopes = true_slopes * (shot.focal_px / assumed_px[:, None])[..., None, None]
        box = true_slopes[:, :, :33]
        half = ((box.amax(2) - box.amin(2)) / 2).amax(-1)
        half = half * shot.focal_px / assumed_px[:, None]
        is_outside = _is_outside(true_slopes, shot)
        stray = torch.randn(slopes.shape, generator=self.generator) * _OUTSIDE_SPREAD
        errors_2d = self._shares(_PICTURE_ERRORS, num_people) * errors.picture
        errors_2d = errors_2d + stray * is_outside[..., None]
        slopes = slopes + errors_2d * half[..., None, None]
        pelvis = camera_from_joint[:, :, 0]
        hips = landmarks[:, :, 23:25].mean(2, keepdim=True)
        errors_3d = self._shares(HINT_ERRORS, num_people) * errors.hints
        hints = landmarks[:, :, :33] - hips + errors_3d @ pelvis.mT
        palm_slopes = torch.stack([slopes[:, :, rows] for rows in _PALM_ROWS.values()], 2)
        palms = torch.stack([landmarks[:, :, rows] for rows in _PALM_ROWS.values()], 2)
        palm_outside = torch.stack(
            [is_outside[:, :, rows].any(-1) for rows in _PALM_ROWS.values()], 2
        )
        head = camera_from_joint[:, :, JOINT_INDEX["head"]] @ errors.heads
        fade = torch.where(is_outside, _OUTSIDE_CONFIDENCE, 1.0)
        return Observation(
            time_s=torch.from_numpy(np.float32(time_s)),
            slopes=slopes[:, :, :33],
            hints=hints,
            confidence=errors.confidence * fade[:, :, :33],
            palm_slopes=palm_slopes,
            palm_hints=spoil_palms(palms, errors.palms),
            palm_confidence=errors.palm_confidence * ~palm_outside,
            head=head,
            head_confidence=errors.head_confidence * ~is_outside[:, :, 0],
        )

    def _shares(self, limits: tuple[float, float], num_people: int) -> Tensor:
        """[B, 1, 1, 1] evenly between the limits."""
        low, high = limits
        shares = torch.rand(num_people, 1, 1, 1, generator=self.generator)
        return low + (high - low) * shares


def to_camera(camera_from_world: Tensor, points: Tensor) -> Tensor:
    """[B, T, K, 3] m of world points [B, T, K, 3]; ``camera_from_world`` [B, T, 4, 4]."""
    turn, shift = camera_from_world[..., :3, :3], camera_from_world[..., :3, 3]
    return points @ turn.mT + shift[..., None, :]


def _is_outside(slopes: Tensor, shot: Shot) -> Tensor:
    """[B, T, K] bool, points beyond the picture's edge."""
    edge = shot.image_size[:, None] / 2 / shot.focal_px[..., None]
    return (slopes.abs() > edge[:, :, None]).any(-1)


def palm_axes(palms: Tensor) -> tuple[Tensor, Tensor]:
    """Axes [..., 3, 3] and lengths [...] of palms [..., 6, 3] (PALM_LANDMARKS)."""
    along, across = palms[..., 3, :] - palms[..., 0, :], palms[..., 2, :] - palms[..., 5, :]
    return axes_to_matrix(along, across, "yx"), along.norm(dim=-1)


def spoil_palms(palms: Tensor, errors: Tensor) -> Tensor:
    """Palms [..., 6, 3] with ``errors`` [..., 6, 3], in lengths of the palm and its own axes."""
    axes, length = palm_axes(palms)
    return palms + length[..., None, None] * errors @ axes.mT


def make_truth(
    posed: PosedPeople,
    shot: Shot,
    assumed_px: Tensor,
    people: Proportions,
    contacts: Tensor,
) -> Truth:
    """The right answers for people in the world ``posed`` before the cameras ``shot``."""
    turn = shot.camera_from_world[:, :, None, :3, :3]
    rotations = (turn @ posed.turns)[:, :, :NUM_BODY_JOINTS]
    points = place_points(rotations, people.bones)
    pelvis = to_camera(shot.camera_from_world, posed.joints[:, :, :1])
    places = points + pelvis
    slopes = places[..., :2] / places[..., 2:].clamp_min(_NEAREST_M)
    ratio = shot.focal_px / assumed_px[:, None]
    return Truth(
        rotations=rotations,
        bones=people.bones,
        points=points,
        slopes=slopes * ratio[..., None, None],
        up=turn[:, :, 0, :, 2],
        log_measures=people.log_measures,
        contacts=contacts,
        has_stature=((ratio - 1).abs().amax(1) < 1e-3).float(),
    )
