"""The network's starting point: the body as the 3D hints alone would turn it.

Every joint's turn is read off two directions between the hints, without limits or priors. The
network says how far to trust each and what to add, so that good hints come through untouched and
need not be learned (the iterative regression of Kanazawa et al. 2018, HMR, section 3.2, starts from
the mean pose; this one from what was seen).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from ...skeletons import BODY_LANDMARK_INDEX, BODY_LANDMARKS, JOINT_INDEX
from ..rest import rest_point
from .observation import PALM_LANDMARKS, SIDES, Observation
from .points import NUM_BODY_JOINTS

_PRIOR_M = 0.1  # of the trunk's forward, for limbs too straight to show which way they bend
_INDEX, _MIDDLE, _PINKY = (PALM_LANDMARKS.index(row) for row in (5, 9, 17))
_HEAD = JOINT_INDEX["head"]
_Directions = dict[str, tuple[Tensor, Tensor]]  # by joint: along the one exactly, near the other


def first_guess(observation: Observation) -> Tensor:
    """[B, T, 22, 3, 3] view from joint; zeros of a joint whose landmarks are not all seen, and of
    everybody without hints.
    """
    seen = observation.hints

    def at(name: str) -> Tensor:
        return seen[:, :, BODY_LANDMARK_INDEX[name]]

    turns = _frames(_directions(at, _bends_of(at), _palms_of(at, observation)))
    turns = turns @ _rest_frames().to(turns).mT
    has_head = observation.head_confidence > 0
    head = torch.where(has_head[..., None, None], observation.head, turns[:, :, _HEAD])
    turns = torch.cat([turns[:, :, :_HEAD], head[:, :, None], turns[:, :, _HEAD + 1 :]], 2)
    return torch.where(_is_given(observation)[..., None, None], turns, 0.0)


def _is_given(observation: Observation) -> Tensor:
    """[B, T, 22] whether there are the hints that a joint's turn is read off."""
    unseen = (observation.confidence <= 0).float() @ _needs().to(observation.hints)
    is_given = unseen == 0
    is_given[:, :, _HEAD] |= observation.head_confidence > 0
    for i_side, side in enumerate(SIDES):
        is_given[:, :, JOINT_INDEX[f"{side}_wrist"]] |= observation.palm_confidence[..., i_side] > 0
    return is_given & (observation.hints.abs().amax((-2, -1)) > 0)[..., None]


@cache
def _needs() -> Tensor:
    """[33, 22] whether a joint's turn is read off the landmark, 0 or 1."""
    needs = torch.zeros(len(BODY_LANDMARKS), NUM_BODY_JOINTS)

    def note(joints: tuple[str, ...], landmarks: tuple[str, ...]) -> None:
        for name in landmarks:
            needs[BODY_LANDMARK_INDEX[name], [JOINT_INDEX[joint] for joint in joints]] = 1.0

    trunk = tuple(f"{side}_{name}" for side in SIDES for name in ("hip", "shoulder"))
    note(("pelvis", "spine1", "spine2", "spine3"), trunk)
    note(("neck", "head"), ("left_ear", "right_ear"))
    note(("neck",), ("left_shoulder", "right_shoulder"))
    note(("head",), ("nose",))
    for side in SIDES:
        leg, foot, arm, hand = (
            tuple(f"{side}_{name}" for name in names)
            for names in (
                ("hip", "knee", "ankle", "heel", "foot_index"),
                ("knee", "ankle", "heel", "foot_index"),
                ("shoulder", "elbow", "wrist"),
                ("wrist", "index", "pinky"),
            )
        )
        note((f"{side}_hip", f"{side}_knee"), leg + trunk)
        note((f"{side}_ankle", f"{side}_foot"), foot)
        note((f"{side}_collar",), trunk)
        note((f"{side}_shoulder", f"{side}_elbow"), arm + trunk)
        note((f"{side}_wrist",), hand)
    return needs


def _directions(
    at: Callable[[str], Tensor],
    bends: dict[str, Tensor],
    palms: dict[str, tuple[Tensor, Tensor]],
) -> _Directions:
    """Directions of every joint; ``bends`` say where a limb's middle joint points when bent."""
    hips, shoulders = _between(at, "hip"), _between(at, "shoulder")
    up = _middle(at, "shoulder") - _middle(at, "hip")
    ears = _middle(at, "ear")
    found: _Directions = {
        "pelvis": (hips, up),
        "spine1": (up, 2 * hips + shoulders),
        "spine2": (up, hips + 2 * shoulders),
        "spine3": (up, shoulders),
        "neck": (ears - _middle(at, "shoulder"), shoulders + _between(at, "ear")),
        "head": (_between(at, "ear"), at("nose") - ears),
    }
    for side in SIDES:
        hip, knee, ankle, heel, toe, shoulder, elbow, wrist = (
            at(f"{side}_{name}")
            for name in (
                *("hip", "knee", "ankle", "heel", "foot_index"),
                *("shoulder", "elbow", "wrist"),
            )
        )
        foot = (toe - heel, knee - ankle)
        found |= {
            f"{side}_hip": (knee - hip, bends[f"{side}_knee"]),
            f"{side}_knee": (ankle - knee, bends[f"{side}_knee"]),
            f"{side}_ankle": foot,
            f"{side}_foot": foot,
            f"{side}_collar": (up, shoulders),
            f"{side}_shoulder": (elbow - shoulder, bends[f"{side}_elbow"]),
            f"{side}_elbow": (wrist - elbow, bends[f"{side}_elbow"]),
            f"{side}_wrist": palms[side],
        }
    return found


def _between(at: Callable[[str], Tensor], name: str) -> Tensor:
    """From the right to the left one."""
    return at(f"left_{name}") - at(f"right_{name}")


def _middle(at: Callable[[str], Tensor], name: str) -> Tensor:
    return (at(f"left_{name}") + at(f"right_{name}")) / 2


def _bends_of(at: Callable[[str], Tensor]) -> dict[str, Tensor]:
    """[B, T, 3] to where knees (forward) and elbows (backward) point."""
    up = _middle(at, "shoulder") - _middle(at, "hip")
    bends = {}
    for side in SIDES:
        forward = _PRIOR_M * _unit(torch.linalg.cross(_between(at, "hip"), up))
        hip, knee, ankle = (at(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        sole = at(f"{side}_foot_index") - at(f"{side}_heel")
        bends[f"{side}_knee"] = 2 * knee - hip - ankle + sole + forward
        forward = _PRIOR_M * _unit(torch.linalg.cross(_between(at, "shoulder"), up))
        shoulder, elbow, wrist = (at(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        bends[f"{side}_elbow"] = 2 * elbow - shoulder - wrist - forward
    return bends


def _palms_of(
    at: Callable[[str], Tensor], observation: Observation
) -> dict[str, tuple[Tensor, Tensor]]:
    """By side, [B, T, 3] to the knuckles and across them; by the body's landmarks if need be."""
    palms = {}
    for i_side, side in enumerate(SIDES):
        palm = observation.palm_hints[:, :, i_side]
        wrist, index, pinky = (at(f"{side}_{name}") for name in ("wrist", "index", "pinky"))
        has_palm = observation.palm_confidence[:, :, i_side, None] > 0
        palms[side] = (
            torch.where(has_palm, palm[:, :, _MIDDLE] - palm[:, :, 0], (index + pinky) / 2 - wrist),
            torch.where(has_palm, palm[:, :, _INDEX] - palm[:, :, _PINKY], index - pinky),
        )
    return palms


def _frames(directions: _Directions) -> Tensor:
    """[..., 22, 3, 3] an axis along each first direction, the next near the second."""
    pairs = [directions[name] for name in JOINT_INDEX if name in directions]
    assert len(pairs) == NUM_BODY_JOINTS
    first = _unit(torch.stack([pair[0] for pair in pairs], -2))
    second = torch.stack([pair[1] for pair in pairs], -2)
    second = _unit(second - (first * second).sum(-1, keepdim=True) * first)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


@cache
def _rest_frames() -> Tensor:
    """[22, 3, 3] of the reference body, whose straight limbs bend as limbs do."""
    bends, palms = {}, {}
    for side in SIDES:
        bends[f"{side}_knee"] = torch.tensor([0.0, 0.0, 1.0])
        bends[f"{side}_elbow"] = torch.tensor([0.0, 0.0, -1.0])
        wrist, index, middle, pinky = (
            rest_point(f"{side}_{name}") for name in ("wrist", "index1", "middle1", "pinky1")
        )
        palms[side] = (middle - wrist, index - pinky)
    return _frames(_directions(rest_point, bends, palms))


def _unit(vector: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vector, dim=-1)
