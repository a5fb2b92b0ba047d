"""Left and right, front and back put right where the network took the one for the other.

Seen from behind, from the side or blurred, BlazePose exchanges left and right of the whole body, of
the arms or of the legs, and mirrors the depth that it hints with them; or it mirrors the depth
alone. The likeliest course of these states is found by dynamic programming (Viterbi 1967), over
chains that may leave frames out: between two states the network also gives a mean of both.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..landmarks import Landmarks
from ..skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS, LANDMARK_PARTS
from .scale import px_per_metre

_SIDES = ("left", "right")
_BODY = LANDMARK_PARTS["body"]
_LEFT_HAND, _RIGHT_HAND = (LANDMARK_PARTS[f"{side}_hand"] for side in _SIDES)
_MIRRORED = np.array(
    [
        BODY_LANDMARK_INDEX[
            name.replace("left", "?").replace("right", "left").replace("?", "right")
        ]
        for name in BODY_LANDMARKS
    ]
)


def _rows(*names: str) -> np.ndarray:
    """Body landmarks of both sides by their names without a side, left before right."""
    return np.array([BODY_LANDMARK_INDEX[f"{side}_{name}"] for name in names for side in _SIDES])


# A state is a number with a bit for each part that is exchanged and one for the depth of the whole
# body mirrored. The bits in which two states differ are `^` of them, and so is their sum.
_TORSO, _ARMS, _LEGS, _DEPTH = 1, 2, 4, 8
_STATES = np.arange(16)
_EXCHANGES = _TORSO | _ARMS | _LEGS
_ARM_ROWS = _rows("elbow", "wrist", "pinky", "index", "thumb")
_LEG_ROWS = _rows("knee", "ankle", "heel", "foot_index")
_TORSO_ROWS = np.setdiff1d(np.arange(len(BODY_LANDMARKS)), [*_ARM_ROWS, *_LEG_ROWS])
_PARTS = {_TORSO: _TORSO_ROWS, _ARMS: _ARM_ROWS, _LEGS: _LEG_ROWS}
# The landmarks by which flips are seen: those that lie well apart.
_WATCHED = {
    _TORSO: _rows("shoulder", "hip"),
    _ARMS: _rows("elbow", "wrist"),
    _LEGS: _rows("knee", "ankle", "foot_index"),
}
_HIPS, _SHOULDERS, _ELBOWS, _KNEES = (_rows(n) for n in ("hip", "shoulder", "elbow", "knee"))
_HEELS, _TOES, _EARS = (_rows(n) for n in ("heel", "foot_index", "ear"))
_NOSE = BODY_LANDMARK_INDEX["nose"]

# Costs are like negative logarithms of probabilities. They are tuned on motion capture, drawn and
# looked at by the network or flipped on purpose (training/bench_flips.py), not on what is measured.
# A step from frame to frame, of each landmark:
_NOISE_M, _SPEED = 0.05, 1.1  # metres, metres a second by which it may miss its prediction
_DEPTH_SHARE = 0.46  # hints of depth tremble more than pixels
_STEP_CAP = 3.0  # beyond it is another person, who says nothing about sides
_INERTIA = 0.7  # of the movement before, that goes on
_TOO_FAST = 6.0  # metres a second; a flip and no movement, which predicts nothing
# Between states:
_CHANGE, _DEPTH_CHANGE = 5.0, 4.0
_LEFT_OUT = 4.0  # a frame that the chain leaves out, at 30 frames a second or less
_LEFT_OUT_CHANGE = 0.34  # share of the change that it pays to take on one of its neighbours' states
_LOOK_BACK_S, _LOOK_BACK_FRAMES = 0.2, (3, 12)  # the chain's longest step
# Of a state, each second:
_EXCHANGED, _MIRRORED_DEPTH = 1.0, 4.2  # in the long run the network is right
_POSTURE = 6.0  # knees or elbows crossed, feet and nose backwards
_KNEES_M, _ELBOWS_M, _FORWARD_M = 0.08, 0.12, 0.15  # so far the other way to cost it in full
_FACE_BEHIND = 1.7  # the face's own network saw a face on a back
_HEAD_TURN = 0.15  # share of the way backwards that a head turns against its body
_WALK_BACKWARDS = 0.5
_WALK_SPEED = (0.6, 1.2)  # metres a second to or from the camera, from no weight to full
_WALK_WINDOW_S = 0.5  # either side
_LONGEST_FRAME_S = 0.1  # the time between frames far apart says nothing

_FLIPPED_TRUST = 0.5  # what was put right is less sure


def repair_flips(landmarks: Landmarks) -> None:
    """Turn flipped parts of the body back in place, and lower their confidence."""
    rows = np.flatnonzero(landmarks.is_seen)
    if len(rows) < 2:
        return
    states = _find_states(landmarks.at_rows(rows))
    for state in np.unique(states[states > 0]):
        _turn_back(landmarks, rows[states == state], state)


def _turn_back(landmarks: Landmarks, frames: np.ndarray, state: int) -> None:
    points_px, hints, confidence = landmarks.points_px, landmarks.hints, landmarks.confidence
    turned = _about_own_joints(hints[frames, _BODY])
    changed = [_TORSO_ROWS, _ARM_ROWS, _LEG_ROWS] if state & _DEPTH else []
    for part, part_rows in _PARTS.items():
        if not state & part:
            continue
        other = _MIRRORED[part_rows]
        turned[:, part_rows] = turned[:, other] * (1, 1, -1)
        for values in (points_px, confidence):
            values[np.ix_(frames, part_rows)] = values[np.ix_(frames, other)]
        changed.append(part_rows)
    if state & _DEPTH:
        turned[..., 2] *= -1
    hints[frames, _BODY] = _about_mid_hip(turned)
    if state & _ARMS:  # the hands' own networks saw their depth right
        hands = np.r_[_LEFT_HAND, _RIGHT_HAND]
        for values in (points_px, hints, confidence):
            values[np.ix_(frames, hands)] = values[np.ix_(frames, np.r_[_RIGHT_HAND, _LEFT_HAND])]
        changed.append(hands)
    confidence[np.ix_(frames, np.unique(np.concatenate(changed)))] *= _FLIPPED_TRUST


def _about_own_joints(hints: np.ndarray) -> np.ndarray:
    """Hints [T, 33, 3] with those of the arms counted from between the shoulders."""
    moved = hints.copy()
    moved[:, _ARM_ROWS] -= hints[:, _SHOULDERS].mean(1, keepdims=True)
    return moved


def _about_mid_hip(hints: np.ndarray) -> np.ndarray:
    """Undoes _about_own_joints."""
    moved = hints.copy()
    moved[:, _ARM_ROWS] += hints[:, _SHOULDERS].mean(1, keepdims=True)
    return moved


def _find_states(seen: Landmarks) -> np.ndarray:
    """[T] int, what is flipped in each frame."""
    body_px, hints = seen.points_px[:, _BODY], seen.hints[:, _BODY]
    scale = px_per_metre(body_px, hints)
    across = (body_px - np.median(body_px, axis=1, keepdims=True)) / scale[:, None, None]
    depth = _about_own_joints(hints)[..., 2:]
    steps = _step_costs(np.concatenate([across, _DEPTH_SHARE * depth], -1), seen.time_s)
    towards = _speed_towards(seen.time_s, np.hypot(*seen.image_size) / scale)
    has_face = seen.confidence[:, LANDMARK_PARTS["face"]].max(axis=1) > 0
    frame_s = np.gradient(seen.time_s).clip(max=_LONGEST_FRAME_S)
    costs = frame_s[:, None] * _state_costs(hints, has_face, towards)
    states = _likeliest_chain(costs, steps, _LEFT_OUT * (30.0 * frame_s).clip(max=1.0))
    return _fill_left_out(states, costs, steps)


def _step_costs(points_m: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """[T, L, 16] of the steps to each frame from the L before it, the nearest first.

    By the bits in which their states differ. ``points_m`` [T, 33, 3]; a mirror and an exchange of
    both ends of a step change no distance, so only what differs between them matters.
    """
    frame_s = np.diff(time_s)
    num_back = int(np.clip(round(_LOOK_BACK_S / np.median(frame_s)), *_LOOK_BACK_FRAMES))
    speeds = np.zeros_like(points_m)
    speeds[1:] = np.diff(points_m, axis=0) / frame_s[:, None, None]
    speeds[np.linalg.norm(speeds, axis=2) > _TOO_FAST] = 0
    costs = np.full((len(points_m), num_back, len(_STATES)), np.inf)
    for i_back in range(min(num_back, len(points_m) - 1)):
        back = i_back + 1
        step_s = (time_s[back:] - time_s[:-back])[:, None]
        before, after = points_m[:-back], points_m[back:]
        ahead = before + _INERTIA * speeds[:-back] * step_s[..., None]
        reach_m = _NOISE_M + _SPEED * step_s
        costs[back:, i_back] = 0
        for (part, watched), is_exchanged, is_mirrored in itertools.product(
            _WATCHED.items(), (False, True), (False, True)
        ):
            moved = after[:, _MIRRORED[watched] if is_exchanged else watched]
            moved = moved * (1, 1, -1 if is_mirrored else 1)
            off_m = np.minimum(
                np.linalg.norm(moved - before[:, watched], axis=2),
                np.linalg.norm(moved - ahead[:, watched], axis=2),
            )
            cost = np.log1p((off_m / reach_m) ** 2).clip(max=_STEP_CAP).mean(1)
            has_part, has_depth = _STATES & part > 0, _STATES & _DEPTH > 0
            differs = (has_part == is_exchanged) & ((has_part ^ has_depth) == is_mirrored)
            costs[back:, i_back, differs] += (np.sqrt(len(watched)) * cost)[:, None]
    return costs


def _state_costs(hints: np.ndarray, has_face: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """[T, 16] each second of being in a state, by what hints [T, 33, 3] are in it.

    ``has_face`` [T], ``towards`` [T] -1..1 walks towards the camera.
    """
    hips, shoulders, knees, elbows = (
        hints[:, rows[0]] - hints[:, rows[1]] for rows in (_HIPS, _SHOULDERS, _KNEES, _ELBOWS)
    )
    hips, shoulders = _unit(hips), _unit(shoulders)
    forward = np.cross(_unit(hips + shoulders), _unit(hints[:, _SHOULDERS].mean(1)))
    feet = (hints[:, _TOES] - hints[:, _HEELS]).sum(1)
    nose = hints[:, _NOSE] - hints[:, _EARS].mean(1)
    # The exchange of one part turns its share across the picture about, against the others.
    has_torso, has_arms, has_legs, has_depth = (
        _STATES & bit > 0 for bit in (_TORSO, _ARMS, _LEGS, _DEPTH)
    )
    legs_apart, arms_apart = has_torso != has_legs, has_torso != has_arms
    side_of_knees = _dot(knees, hips, np.where(legs_apart, -1, 1))
    side_of_elbows = _dot(elbows, shoulders, np.where(arms_apart, -1, 1))
    ahead = _dot(nose, forward, 1) + _dot(feet, forward, 1, np.where(legs_apart, -1, 1))
    ahead = np.where(has_depth, -ahead, ahead)
    away = forward[:, 2:] * np.where(has_torso, -1, 1)
    posture = (
        _soft_step(-side_of_knees / _KNEES_M)
        + _soft_step(-side_of_elbows / _ELBOWS_M)
        + _soft_step(-ahead / _FORWARD_M)
    )
    return (
        _EXCHANGED * (_STATES & _EXCHANGES > 0)
        + _MIRRORED_DEPTH * has_depth
        + _POSTURE * posture
        + _FACE_BEHIND * has_face[:, None] * _soft_step(away / _HEAD_TURN - 1)
        + _WALK_BACKWARDS * towards[:, None] * away
    )


def _dot(
    first: np.ndarray, second: np.ndarray, across: np.ndarray | int, depth: np.ndarray | int = 1
) -> np.ndarray:
    """[T, N] of vectors [T, 3], their share across the picture and in depth with signs [N]."""
    products = first * second
    return products[:, :2].sum(1, keepdims=True) * across + products[:, 2:] * depth


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True).clip(1e-6)


def _soft_step(values: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, values)


def _speed_towards(time_s: np.ndarray, distance_m: np.ndarray) -> np.ndarray:
    """[T] -1..1, how clearly the body comes nearer (positive) or goes away."""
    start_s = (time_s - _WALK_WINDOW_S).clip(min=time_s[0])
    end_s = (time_s + _WALK_WINDOW_S).clip(max=time_s[-1])
    way_m = np.interp(start_s, time_s, distance_m) - np.interp(end_s, time_s, distance_m)
    speed = way_m / (end_s - start_s)
    least, full = _WALK_SPEED
    return np.sign(speed) * ((np.abs(speed) - least) / (full - least)).clip(0, 1)


def _change_costs() -> np.ndarray:
    """[16] by the bits in which two states differ."""
    return _CHANGE * (_STATES & _EXCHANGES > 0) + _DEPTH_CHANGE * (_STATES & _DEPTH > 0)


def _likeliest_chain(costs: np.ndarray, steps: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """[T] states, -1 for the frames that the chain leaves out at ``left_out`` [T] each."""
    num_frames, num_back, num_states = steps.shape
    differs = _STATES[:, None] ^ _STATES  # [before, now]
    steps = steps + _change_costs()
    value = np.empty((num_frames, num_states))  # against leaving everything out
    came_from = np.full((num_frames, num_states), -1)  # steps back and state there, as one number
    for i_frame in range(num_frames):
        value[i_frame] = costs[i_frame] - left_out[i_frame]
        back = min(num_back, i_frame)
        if back == 0:
            continue
        before = value[i_frame - back : i_frame][::-1, :, None]
        total = (before + steps[i_frame, :back][:, differs]).reshape(-1, num_states)
        best = total.argmin(0)
        gain = total[best, _STATES]
        came_from[i_frame] = np.where(gain < 0, best, -1)
        value[i_frame] += gain.clip(max=0)
    states = np.full(num_frames, -1)
    i_frame, state = np.unravel_index(value.argmin(), value.shape)
    while True:
        states[i_frame] = state
        origin = came_from[i_frame, state]
        if origin < 0:
            return states
        back, state = divmod(origin, num_states)
        i_frame -= back + 1


def _fill_left_out(states: np.ndarray, costs: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """[T] states in which each frame that was left out fits its kept neighbours best."""
    steps = steps + _LEFT_OUT_CHANGE * _change_costs()
    num_back = steps.shape[1]
    kept = np.flatnonzero(states >= 0)
    filled = states.copy()
    for i_frame in np.flatnonzero(states < 0):
        total = costs[i_frame].copy()
        place = np.searchsorted(kept, i_frame)
        for neighbour in kept[max(0, place - 1) : place + 1]:
            back = abs(i_frame - neighbour)
            if back <= num_back:
                step = steps[max(i_frame, neighbour), back - 1]
                total += step[_STATES ^ states[neighbour]]
        filled[i_frame] = total.argmin()
    return filled
