"""What the world of a capture must reach, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Of the mean over a set's clips, but for focal errors: of their median."""

    of: str  # the clips
    measure: str
    limit: float
    aim: float | None = None


BEAM, CALISCOPE, COST = "beam", "caliscope_charuco", "cost"
STATIC, MOVING = "rendered, camera at rest", "rendered, camera moving"
TARGETS = (
    Target(BEAM, "gravity_deg", 5, 2.5),
    Target(BEAM, "w_mpjpe", 95, 70),
    Target(BEAM, "skate", 2.5, 1.5),
    Target(BEAM, "traj", 150, 80),
    Target(CALISCOPE, "gravity_deg", 4, 2),
    Target(CALISCOPE, "w_mpjpe", 90, 65),
    Target(STATIC, "gravity_deg", 3, 1.5),
    Target(STATIC, "focal_percent", 15, 8),
    Target(STATIC, "float", 10, 4),
    Target(STATIC, "sunk", 10, 4),
    Target(STATIC, "skate", 2, 0.7),
    Target(MOVING, "traj_percent", 12, 5),
    Target(COST, "% of detection", 10),
)


def print_targets(reached: dict[str, dict[str, float]]) -> None:
    """Those of which something was ``reached``: by clips and measure."""
    print("\n| clips | measure | must be at most | aim | reached | |")
    print("| --- | --- | --- | --- | --- | --- |")
    for target in TARGETS:
        value = reached.get(target.of, {}).get(target.measure)
        if value is not None:
            aim = "-" if target.aim is None else f"{target.aim:g}"
            print(
                f"| {target.of} | {target.measure} | {target.limit:g} | {aim} | {value:.2f} | "
                f"{judge(target, value)} |"
            )


def judge(target: Target, value: float) -> str:
    if target.aim is not None and value <= target.aim:
        return "met, aim too"
    return "met" if value <= target.limit else "missed"
