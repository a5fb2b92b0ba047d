"""How well hands come out, by the branch and by geometry (`analytic`).

``python -m training.parts.measure_hands [--detected FOLDER]``: on drawn hands, and on real
detections of rendered people who were never trained on. Prints markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from reelrig.core.lift import hands
from reelrig.core.lift.sts.hand_branch import HandBranch, HandOutput
from reelrig.core.lift.sts.part_weights import load_hand_branch

from .detected_hands import DetectedHands
from .hand_losses import angle_deg, pose, procrustes_mm
from .hand_model import HandModel
from .hand_windows import HandStudio, HandWindows

_SEED, _NUM_WINDOWS, _NUM_ROWS = 10**9, 200, 16
_HEAD = (
    "| hands | by | PA-MPJPE mm | fingers deg | palm deg | sigma / error |\n" + "| --- " * 6 + "|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detected", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    branch = load_hand_branch()
    print(_HEAD)
    print(measure_drawn(branch))
    if args.detected is not None:
        windows = DetectedHands.load(args.detected, held_out=True).windows
        print(measure(branch, "detected", windows))


def measure_drawn(branch: HandBranch) -> str:
    return measure(branch, "drawn", HandStudio(_SEED).draw(_NUM_WINDOWS, _NUM_ROWS))


@torch.no_grad()
def measure(branch: HandBranch, name: str, windows: HandWindows) -> str:
    """Rows of the table: over the frames in which at least half of the hand was seen."""
    branch.eval()
    model = HandModel()
    given = (windows.points, windows.hints, windows.confidence, windows.time_s)
    single = branch(*(values.flatten(0, 1)[:, None] for values in given))
    single = HandOutput(
        *(x.reshape(*windows.time_s.shape, *x.shape[2:]) for x in vars(single).values())
    )
    ways = {"analytic": by_geometry(windows.hints), "single": single, "branch": branch(*given)}
    is_seen = ((windows.confidence > 0).float().mean(-1) > 0.5) & windows.is_labelled
    return "\n".join(
        f"| {name} | {way} | {_figures(model, hand, windows, is_seen)} |"
        for way, hand in ways.items()
    )


def _figures(model: HandModel, hand: HandOutput, windows: HandWindows, is_seen: Tensor) -> str:
    points = procrustes_mm(pose(model, hand)[is_seen], windows.joints[is_seen])
    fingers = angle_deg(hand.fingers, windows.fingers)[is_seen]
    palm = angle_deg(hand.palm, windows.palm)[is_seen]
    misses = torch.cat([palm[:, None], fingers], 1)
    ratio = (torch.rad2deg(hand.sigma[is_seen]) / misses.square().mean(0).sqrt()).mean()
    figures = (points.mean(), fingers.mean(), palm.mean(), ratio)
    return " | ".join(f"{float(figure):.2f}" for figure in figures)


def by_geometry(hints: Tensor) -> HandOutput:
    """What `analytic` makes of left hands' hints [B, T, 21, 3]."""
    flat = hints.flatten(0, 1)
    palm = hands.palm_rotation("left", flat)
    fingers = hands.finger_rotations("left", flat, palm)
    shape = hints.shape[:2]
    sigma = torch.full((*shape, 16), torch.nan)
    return HandOutput(fingers.unflatten(0, shape), palm.unflatten(0, shape), sigma)


if __name__ == "__main__":
    main()
