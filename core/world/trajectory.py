"""The path of a person through space: what the camera measured and what the feet tell, made one.

Weighted least squares over the whole take. Each row has two unknown places: the pelvis, and what
the person stands on: the mean of all touching points, which rests while they do, creeps a little
from step to step, and is free in the air. So a depth that drifts cannot move somebody who stands,
and somebody who walks is carried on by the legs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..check import check_shape
from ..skeletons import JOINT_INDEX
from .block_solver import solve_block_tridiagonal
from .filters import blur, find_runs, smooth_step
from .floor import Floor
from .stances import find_cuts

# Standard deviations of what the camera measures, as shares of the distance; errors last, so that
# many rows say no more than one each so many seconds.
_ALONG_RAY, _ACROSS_RAY, _MEASURED_S = 0.025, 0.004, 0.45
_ROBUST_SIGMAS = 3.0
# A row that is farther from its neighbours' median than this share of the distance is wild.
_SPIKE_S, _SPIKE_ALONG, _SPIKE_ACROSS = 0.07, 0.04, 0.01
_LEAST_CONFIDENCE = 0.03
_BODY = slice(0, 22)
# Touching points about their place: errors of the pose.
_TOUCH_M, _TOUCH_S = 0.005, 0.1
_FLOOR_M = 0.015
# The lowest sole over the floor, as a share of the distance, of somebody who touches hardly
# anything for longer than a jump.
_HOVER, _HOVER_SIGMA_S, _RARELY, _SEEN_FOOT = 0.05, 0.35, 0.15, (0.1, 0.2)
_HIGHEST_HOVER_M = (0.4, 0.9)
_OTHER_GROUND_M = (0.15, 0.35)  # off the floor: less is an error of measurement, more is elsewhere
# How far the place that carries may creep: in a second at rest, in a metre of walk, in a second in
# the air. Slow legs seem to move because their pose is not quite known, and creep less.
_REST_M, _WALK_M, _AIR_M = 0.0005, 0.05, 1.0
_STROLL_M_S = 2.0
_SLIDE_M_S = 1.0  # a touching point this fast carries little
# Contact below the first is none, above the second is full.
_TOUCHES = (0.35, 0.65)
# Heels and toes, hands, knees, seat: soft or moving things carry with less certainty.
_CARRIES = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.5, 0.5, 0.3])
_ANKLES = [JOINT_INDEX[f"{side}_ankle"] for side in ("left", "left", "right", "right")]
_CARRIERS = [
    JOINT_INDEX[f"{side}_{name}"] for name in ("middle1", "knee") for side in ("left", "right")
]
# Accelerations: of the pelvis about those measured, of a body in the air about a fall.
_MOVE_M_S2, _FALL_M_S2, _ACCELERATION_S = 3.0, 1.0, 0.05
_GRAVITY = np.array([0.0, 0.0, -9.81])
_STEADY_DEPTH_S = 0.2
_LEAST_SUPPORT, _FLIGHT_S = 0.3, (0.1, 1.0)
_FLIGHT_SLACK_M_S2 = 4.0  # that the measured path may differ from a fall
_LIMBS_SIGMA_S = 0.05
_NUM_FITS = 3

# Share of the body's mass between two joints (Winter 2009, "Biomechanics and Motor Control of Human
# Movement", table 4.1: trunk .497, head and neck .081, thigh .100, shank .0465, foot .0145,
# upper arm .028, forearm .016, hand .006); each part's mass is put in its middle.
_MASSES = (
    ("pelvis", "neck", 0.497),
    ("neck", "head", 0.081),
    *(
        (f"{side}_{start}", f"{side}_{end}", mass)
        for side in ("left", "right")
        for start, end, mass in (
            ("hip", "knee", 0.100),
            ("knee", "ankle", 0.0465),
            ("ankle", "foot", 0.0145),
            ("shoulder", "elbow", 0.028),
            ("elbow", "wrist", 0.016),
            ("wrist", "middle1", 0.006),
        )
    ),
)


@dataclass(frozen=True, eq=False)
class PosedTake:
    """T rows of one person as measured, in upright axes (z up, metres)."""

    pelvis: np.ndarray  # [T, 3] m
    camera: np.ndarray  # [T, 3] m, where the camera was
    joints: np.ndarray  # [T, 55, 3] m, about the pelvis
    soles: np.ndarray  # [T, 4, 3] m, about the pelvis
    contacts: np.ndarray  # [T, 9] 0..1, CONTACT_POINTS
    confidence: np.ndarray  # [T, 55] 0..1
    rate: float  # rows per second

    def __post_init__(self) -> None:
        num_rows = len(self.pelvis)
        check_shape("pelvis", self.pelvis, "T 3")
        check_shape("camera", self.camera, "T 3", T=num_rows)
        check_shape("joints", self.joints, "T 55 3", T=num_rows)
        check_shape("soles", self.soles, "T 4 3", T=num_rows)
        check_shape("contacts", self.contacts, "T 9", T=num_rows)
        check_shape("confidence", self.confidence, "T 55", T=num_rows)


def fuse_trajectory(
    take: PosedTake, floor: Floor | None = None, clearance: np.ndarray | None = None
) -> np.ndarray:
    """[T, 3] m, the pelvis in upright axes.

    With a ``floor``, and the ``clearance`` [4] m of the sole points over what they stand on, feet
    that stand do so at its height.
    """
    touches = smooth_step((take.contacts - _TOUCHES[0]) / (_TOUCHES[1] - _TOUCHES[0])) * _CARRIES
    points = touching_points(take)
    rays = _rays(take)
    pelvis = _without_spikes(take.pelvis.astype(np.float64), rays, take.rate)
    cuts = find_cuts(pelvis, take.rate)
    is_linked = np.ones(max(len(pelvis) - 1, 0), bool)
    is_linked[cuts - 1] = False
    system = _System(len(pelvis), 1 / take.rate)
    bends, flights = _expected_bends(take, pelvis, rays, touches.max(1), cuts)
    slides = np.ones_like(touches)
    for _ in range(_NUM_FITS):
        system.clear()
        _add_measured(system, take, rays, pelvis)
        _add_carried(system, points, touches * slides, is_linked)
        _add_acceleration(system, bends, flights, is_linked, pelvis)
        if floor is not None:
            assert clearance is not None
            heights = floor.support + clearance
            off = np.abs(take.soles[..., 2] + pelvis[:, 2:] - heights)
            near = touches[:, :4] * _within(off, _OTHER_GROUND_M)
            _add_floor(system, take, near / _FLOOR_M**2, heights)
            low = _hovering(take, rays, touches.max(1)) * _within(off, _HIGHEST_HOVER_M)
            _add_floor(system, take, low, heights)
        pelvis = system.solve()
        slides = _slide_weights(pelvis, points, take.rate)
    return pelvis


def _without_spikes(path: np.ndarray, rays: np.ndarray, rate: float) -> np.ndarray:
    """The path [T, 3], single wild rows put where their neighbours are: the fit starts there."""
    reach = max(1, round(_SPIKE_S * rate))
    padded = np.pad(path, [(reach, reach), (0, 0)], mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    usual = np.median(around, axis=-1)
    distance = np.linalg.norm(rays, axis=1)
    off = (path - usual) / distance[:, None]
    along = (off * rays).sum(1) / distance
    across = np.linalg.norm(off - along[:, None] * rays / distance[:, None], axis=1)
    is_spike = (np.abs(along) > _SPIKE_ALONG) | (across > _SPIKE_ACROSS)
    return np.where(is_spike[:, None], usual, path)


def touching_points(take: PosedTake) -> np.ndarray:
    """[T, 9, 3] m about the pelvis, what may touch (CONTACT_POINTS)."""
    seat = np.zeros((len(take.pelvis), 1, 3))
    return np.concatenate([take.soles, take.joints[:, _CARRIERS], seat], 1).astype(np.float64)


def _rays(take: PosedTake) -> np.ndarray:
    """[T, 3] m, from the camera to the pelvis."""
    ray = (take.pelvis - take.camera).astype(np.float64)
    return np.where(np.linalg.norm(ray, axis=1, keepdims=True) > 0.1, ray, [[0.0, 1.0, 0.0]])


class _System:
    """Normal equations over rows of six unknowns: the pelvis, then what it is carried by."""

    def __init__(self, num_rows: int, step_s: float) -> None:
        self.num_rows, self.step_s = num_rows, step_s
        self.clear()

    def clear(self) -> None:
        # In pairs of rows second neighbours become first ones; a row more fills the last pair.
        self.num_pairs = (self.num_rows + 1) // 2
        rows = 2 * self.num_pairs
        self.own = np.zeros((rows, 6, 6))
        self.own[self.num_rows :] = np.eye(6)
        self.next = np.zeros((rows, 6, 6))  # to the row after
        self.second = np.zeros((rows, 6, 6))  # to the one after that
        self.right = np.zeros((rows, 6))

    def add_link(self, weight: np.ndarray, first: slice, second: slice, gap: np.ndarray) -> None:
        """Of each row: unknowns ``second`` of the same row are ``first`` and ``gap`` [T, 3]."""
        rows = slice(0, self.num_rows)
        square = weight[:, None, None] * np.eye(3)
        self.own[rows, first, first] += square
        self.own[rows, second, second] += square
        self.own[rows, first, second] -= square
        self.own[rows, second, first] -= square
        self.right[rows, first] -= weight[:, None] * gap
        self.right[rows, second] += weight[:, None] * gap

    def add_step(self, weight: np.ndarray, part: slice) -> None:
        """Unknowns ``part`` are the same in the next row; ``weight`` [T - 1]."""
        square = weight[:, None, None] * np.eye(3)
        last = self.num_rows - 1
        self.own[:last, part, part] += square
        self.own[1 : last + 1, part, part] += square
        self.next[:last, part, part] -= square

    def add_bend(self, weight: np.ndarray, target: np.ndarray) -> None:
        """The pelvis' second difference is ``target`` [T - 2, 3] m; ``weight`` [T - 2]."""
        count, p = len(weight), slice(0, 3)
        factors = (1.0, -2.0, 1.0)
        square = weight[:, None, None] * np.eye(3)
        for i, factor in enumerate(factors):
            rows = slice(i, i + count)
            self.own[rows, p, p] += factor * factor * square
            self.right[rows, p] += factor * weight[:, None] * target
        self.next[:count, p, p] += factors[0] * factors[1] * square
        self.next[1 : 1 + count, p, p] += factors[1] * factors[2] * square
        self.second[:count, p, p] += square

    def solve(self) -> np.ndarray:
        """[T, 3] m, the pelvis."""
        pairs = self.num_pairs
        diagonal = np.zeros((pairs, 12, 12))
        diagonal[:, :6, :6], diagonal[:, 6:, 6:] = self.own[::2], self.own[1::2]
        diagonal[:, :6, 6:] = self.next[::2]
        diagonal[:, 6:, :6] = self.next[::2].transpose(0, 2, 1)
        upper = np.zeros((pairs - 1, 12, 12))
        upper[:, :6, :6], upper[:, 6:, 6:] = self.second[:-2:2], self.second[1:-2:2]
        upper[:, 6:, :6] = self.next[1:-1:2]
        found = solve_block_tridiagonal(diagonal, upper, self.right.reshape(pairs, 12))
        return found.reshape(-1, 6)[: self.num_rows, :3]


_PELVIS, _CARRIED = slice(0, 3), slice(3, 6)


def _add_measured(system: _System, take: PosedTake, rays: np.ndarray, pelvis: np.ndarray) -> None:
    """Where the camera saw the pelvis; a depth far off the others counts little (Cauchy).

    Where it was in the picture always counts, or the body would leave its picture.
    """
    distance = np.linalg.norm(rays, axis=1)
    along = np.einsum("ta,tb->tab", rays, rays) / (distance**2)[:, None, None]
    off = (pelvis - take.pelvis) / distance[:, None]
    deep = np.abs(np.einsum("ta,tab,tb->t", off, along, off)) ** 0.5 / _ALONG_RAY
    trust = 1 / (1 + (deep / _ROBUST_SIGMAS) ** 2)
    precision = along * (trust / _ALONG_RAY**2)[:, None, None]
    precision += (np.eye(3) - along) / _ACROSS_RAY**2
    confidence = np.median(take.confidence[:, _BODY], axis=1).clip(_LEAST_CONFIDENCE, 1)
    weight = confidence**2 / distance**2
    precision *= (weight * system.step_s / _MEASURED_S)[:, None, None]
    system.own[: system.num_rows, _PELVIS, _PELVIS] += precision
    system.right[: system.num_rows, _PELVIS] += np.einsum("tab,tb->ta", precision, take.pelvis)


def _add_carried(
    system: _System, points: np.ndarray, weights: np.ndarray, is_linked: np.ndarray
) -> None:
    """What touches rests. ``points`` [T, 9, 3] m about the pelvis, ``weights`` [T, 9]."""
    support = weights.max(1)
    both = np.minimum(weights[1:], weights[:-1])
    total = both.sum(1)
    share = both / np.maximum(total, 1e-6)[:, None]
    moved = np.einsum("tk,tka->ta", share, np.diff(points, axis=0))
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(moved, 0)])
    jitter = support * system.step_s / _TOUCH_S / _TOUCH_M**2 + 1e-3
    system.add_link(jitter, _PELVIS, _CARRIED, path)
    speed = np.linalg.norm(moved, axis=1) / system.step_s
    walked = speed**2 / (speed + _STROLL_M_S)
    held = both.max(1)
    creep = _REST_M**2 + _WALK_M**2 * walked + (1 - held) ** 2 * _AIR_M**2
    creep *= system.step_s
    system.add_step(is_linked / creep, _CARRIED)


def _expected_bends(
    take: PosedTake, path: np.ndarray, rays: np.ndarray, support: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Second differences [T - 2, 3] m that the pelvis should have, and shares [T - 2] of flight.

    As on the measured ``path`` [T, 3] across the ray, where cameras see well, steadied along it. In
    flight those of a fall.
    """
    if len(path) < 3:
        return np.zeros((0, 3)), np.zeros(0)
    ray = rays[1:-1] / np.linalg.norm(rays[1:-1], axis=1, keepdims=True)
    seen = _bends(path)
    seen[np.unique(np.clip([cuts - 2, cuts - 1], 0, len(seen) - 1))] = 0
    slow = blur(seen, _STEADY_DEPTH_S * take.rate)
    seen += ((slow - seen) * ray).sum(1, keepdims=True) * ray
    balance = _balance_points(take)
    flights = _find_flights(take, take.pelvis + balance, support, cuts)[1:-1]
    fall = _GRAVITY / take.rate**2 - _bends(balance)
    return np.where(flights[:, None] > 0, fall, seen), flights


def _add_acceleration(
    system: _System,
    bends: np.ndarray,
    flights: np.ndarray,
    is_linked: np.ndarray,
    pelvis: np.ndarray,
) -> None:
    """The pelvis' second differences are ``bends`` [T - 2, 3] m; rare ones may differ (Cauchy)."""
    if not len(bends):
        return
    square = system.step_s**2
    sigma = square * np.where(flights > 0, _FALL_M_S2 / np.maximum(flights, 0.1), _MOVE_M_S2)
    off = np.linalg.norm(bends - _bends(pelvis), axis=1) / sigma
    weight = system.step_s / _ACCELERATION_S / sigma**2 / (1 + (off / _ROBUST_SIGMAS) ** 2)
    system.add_bend(weight * (is_linked[1:] & is_linked[:-1]), bends)


def _add_floor(
    system: _System, take: PosedTake, precision: np.ndarray, heights: np.ndarray
) -> None:
    """Sole points are at ``heights`` [T, 4] m, as surely as ``precision`` [T, 4] 1 / m^2 says."""
    weight = precision * system.step_s / _TOUCH_S
    rows = slice(0, system.num_rows)
    system.own[rows, 2, 2] += weight.sum(1)
    system.right[rows, 2] += (weight * (heights - take.soles[..., 2])).sum(1)


def _hovering(take: PosedTake, rays: np.ndarray, support: np.ndarray) -> np.ndarray:
    """[T, 4] 1 / m^2, of the lowest sole point where less touches than of who jumps or runs.

    Nobody hovers: such feet stand, and were not seen to. Feet that are a mere guess tell nothing.
    """
    is_rare = blur(support, _HOVER_SIGMA_S * take.rate) < _RARELY
    lowest = np.zeros(take.soles.shape[:2])
    lowest[np.arange(len(support)), take.soles[..., 2].argmin(1)] = is_rare
    sigma = _HOVER * np.linalg.norm(rays, axis=1, keepdims=True)
    seen = smooth_step((take.confidence[:, _ANKLES] - _SEEN_FOOT[0]) / np.ptp(_SEEN_FOOT))
    return lowest * seen / sigma**2


def _within(off: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """1 of what is less ``off`` than the first of the limits, 0 from the second on."""
    return smooth_step((limits[1] - off) / np.ptp(limits))


def _bends(path: np.ndarray) -> np.ndarray:
    return path[2:] - 2 * path[1:-1] + path[:-2]


def _balance_points(take: PosedTake) -> np.ndarray:
    """[T, 3] m about the pelvis, the centre of the body's mass, without the pose's jitter."""
    centre = np.zeros((len(take.joints), 3))
    for start, end, mass in _MASSES:
        centre += (
            0.5 * mass * (take.joints[:, JOINT_INDEX[start]] + take.joints[:, JOINT_INDEX[end]])
        )
    return blur(centre / sum(mass for *_, mass in _MASSES), _LIMBS_SIGMA_S * take.rate)


def _find_flights(
    take: PosedTake, centre: np.ndarray, support: np.ndarray, cuts: np.ndarray
) -> np.ndarray:
    """[T] 0..1, where a body flies: nothing touches, not for long, and it is seen to fall.

    ``centre`` [T, 3] m of its mass. The rows of take-off and landing are left out.
    """
    flights = np.zeros(len(support))
    for first, end in find_runs(support < _LEAST_SUPPORT):
        at_an_end = first == 0 or end == len(support)
        is_cut = ((cuts >= first) & (cuts <= end)).any()
        inside = slice(first + 1, end - 1)
        seconds = (end - first) / take.rate
        if at_an_end or is_cut or end - first < 5 or not _FLIGHT_S[0] < seconds < _FLIGHT_S[1]:
            continue
        time_s = np.arange(end - first - 2) / take.rate
        fall = 2 * np.polyfit(time_s, centre[inside, 2], 2)[0]
        flights[inside] = np.clip(2 - abs(fall - _GRAVITY[2]) / _FLIGHT_SLACK_M_S2, 0, 1)
    return flights


def _slide_weights(pelvis: np.ndarray, points: np.ndarray, rate: float) -> np.ndarray:
    """[T, 9], little for points that move although they are said to touch."""
    if len(pelvis) == 1:
        return np.ones(points.shape[:2])
    moved = np.gradient(pelvis[:, None] + points, axis=0) * rate
    speed = np.linalg.norm(blur(moved, 0.07 * rate), axis=-1)
    return 1 / (1 + (speed / _SLIDE_M_S) ** 2) ** 2
