"""How each joint is posed for the fit of its correctives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bend:
    """How a joint is posed for the fit, and where its bend presses flesh together."""

    low_deg: tuple[float, float, float]  # about x, y, z of the body axes, left side; see along
    high_deg: tuple[float, float, float]
    main_axes: tuple[int, ...]  # about which it mostly turns
    rings: int  # of vertices around the blended zone that may move
    num_poses: int = 20
    along: int = 1  # the axis along the limb: it turns about that first, then swings as it is
    # The folded sides' far ends, as joints: they fix the plane in which the flesh meets, and how
    # far from the joint (m) it does.
    contact: tuple[str, str] | None = None
    contact_radius: float = 0.0
    paired: bool = False  # both sides are posed together, for their flesh meets
    # What holds the fit to its start. A twisted skin alone would neck down, as a tube of rubber
    # does: where bones fill the limb the start, which keeps its thickness, counts for more.
    ridge: float = 3e-3


# Ranges of motion (degrees), rounded outward from Norkin & White, "Measurement of Joint Motion".
_BENDS: dict[str, Bend] = {
    "hip": Bend(
        (-120, -40, -30), (30, 40, 45), (0,), 16, 28, 1, ("spine1", "knee"), 0.16, paired=True
    ),
    "knee": Bend((0, -10, -5), (145, 10, 5), (0,), 14, 16, 1, ("hip", "ankle"), 0.12),
    "ankle": Bend((-35, -20, -20), (45, 20, 20), (0,), 8, 12),
    "foot": Bend((-45, 0, 0), (25, 0, 0), (0,), 6, 8),
    "spine1": Bend((-20, -25, -25), (40, 25, 25), (0,), 12, 14),
    "spine2": Bend((-20, -25, -25), (40, 25, 25), (0,), 12, 14),
    "spine3": Bend((-20, -25, -25), (30, 25, 25), (0,), 12, 14),
    "neck": Bend((-35, -40, -30), (35, 40, 30), (0,), 8, 14),
    "head": Bend((-30, -40, -25), (30, 40, 25), (0,), 8, 14),
    "collar": Bend((-10, -25, -20), (10, 25, 35), (2,), 14, 14, along=0),
    "shoulder": Bend((-70, -100, -90), (70, 50, 90), (2, 1), 16, 32, along=0),
    "elbow": Bend(
        (-80, -145, -8), (80, 5, 8), (1, 0), 12, 24, 0, ("shoulder", "wrist"), 0.09, ridge=0.03
    ),
    "wrist": Bend((-90, -30, -75), (90, 30, 75), (0, 2), 14, 18, along=0, ridge=1.0),
}
_FINGER = Bend((-8, -20, -95), (8, 20, 20), (2,), 5, 10, along=0)
_THUMB = Bend((-25, -30, -45), (50, 40, 30), (1,), 5, 10, along=0)


def bend_of(joint: str) -> Bend:
    """The bend of a left or middle joint."""
    name = joint.removeprefix("left_")
    if name.startswith("thumb"):
        return _THUMB
    return _FINGER if name[:-1] in ("index", "middle", "ring", "pinky") else _BENDS[name]
