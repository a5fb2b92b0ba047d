"""What a capture needs besides the video."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from .errors import ReelrigError

Device = Literal["auto", "cpu", "cuda", "mps"]
Method = Literal["sts", "analytic"]
Camera = Literal["auto", "static", "moving"]
PoseModel = Literal["lite", "full", "heavy"]
Task = Literal["capture", "people"]

_HEIGHT_RANGE_M = (0.5, 2.5)


@dataclass(frozen=True, kw_only=True)
class CaptureConfig:
    """Settings of a capture. Defaults are the recommended ones."""

    start_s: float = 0.0  # first moment of the video to capture
    end_s: float | None = None  # last moment; None: to the end
    method: Method = "sts"
    device: Device = "auto"
    pose_model: PoseModel = "heavy"  # the network of the body's landmarks, quickest to best
    person: int | None = 0  # the main one is 0; None: everybody
    camera: Camera = "auto"  # auto: moving only where the pictures leave no doubt
    focal_px: float | None = None  # None: sqrt(width^2 + height^2)
    center_px: tuple[float, float] | None = None  # of the optical axis; None: the picture's middle
    height_m: float | None = None  # the person's real height; None: as tall as they look
    smooth_s: float = 0.06  # standard deviation of the zero-lag smoothing; 0 switches it off
    body: str | None = None  # path of an SMPL-X-format .npz; None: the body shipped with Reelrig

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < math.inf:
            raise ReelrigError(f"The start must be 0 seconds or later, got {self.start_s:g}.")
        if self.end_s is not None and not self.end_s > self.start_s:
            raise ReelrigError(
                f"The end must be later than the start ({self.start_s:g} s), got {self.end_s:g} s."
            )
        if self.method not in get_args(Method):
            raise ReelrigError(
                f"The method must be one of {', '.join(get_args(Method))}, got {self.method!r}."
            )
        if self.device not in get_args(Device):
            raise ReelrigError(
                f"The device must be one of {', '.join(get_args(Device))}, got {self.device!r}."
            )
        if self.pose_model not in get_args(PoseModel):
            raise ReelrigError(
                f"The pose model must be one of {', '.join(get_args(PoseModel))}, "
                f"got {self.pose_model!r}."
            )
        if self.camera not in get_args(Camera):
            raise ReelrigError(
                f"The camera must be one of {', '.join(get_args(Camera))}, got {self.camera!r}."
            )
        if self.person is not None and self.person < 0:
            raise ReelrigError(f"The person must be 0 (the first) or higher, got {self.person}.")
        if self.focal_px is not None and not 0 < self.focal_px < math.inf:
            raise ReelrigError(f"The focal length must be above 0 pixels, got {self.focal_px:g}.")
        if self.center_px is not None and not all(map(math.isfinite, self.center_px)):
            raise ReelrigError(
                f"The optical axis must be at two finite numbers of pixels, got {self.center_px}."
            )
        if self.height_m is not None:
            self._check_height(self.height_m)
        if not 0 <= self.smooth_s < math.inf:
            raise ReelrigError(f"The smoothing must be 0 seconds or more, got {self.smooth_s:g}.")

    def _check_height(self, height_m: float) -> None:
        low, high = _HEIGHT_RANGE_M
        if not low <= height_m <= high:
            raise ReelrigError(
                f"The height must be between {low} and {high} metres, got {height_m:g}."
            )
        if self.person is None:
            raise ReelrigError(
                "The height is that of one person, but everybody was asked for. Choose a person, "
                "or leave the height out."
            )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CaptureConfig:
        """The config of a job message; unknown keys are refused, so that no setting is lost."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ReelrigError(f"Unknown capture settings: {', '.join(sorted(unknown))}.")
        center_px = values.get("center_px")
        if center_px is not None:
            values = values | {"center_px": tuple(center_px)}  # JSON has lists only
        return cls(**values)


def person_path(output: Path, person: int) -> Path:
    """Where a person's file goes when everybody is captured: ``output`` is the first one's."""
    return output.with_stem(f"{output.stem}_person{person}") if person else output


@dataclass(frozen=True, kw_only=True)
class CaptureJob:
    """One task of the core: where from, where to, how."""

    task: Task = "capture"
    video: Path
    output: Path  # the motion file of a capture; the folder of the people's pictures
    overlay: Path | None = None
    config: CaptureConfig = CaptureConfig()

    def to_line(self) -> str:
        return (
            json.dumps(
                {
                    "task": self.task,
                    "video": str(self.video),
                    "output": str(self.output),
                    "overlay": None if self.overlay is None else str(self.overlay),
                    "config": asdict(self.config),
                }
            )
            + "\n"
        )

    @classmethod
    def from_line(cls, line: str) -> CaptureJob:
        values = json.loads(line)
        overlay = values["overlay"]
        return cls(
            task=values["task"],
            video=Path(values["video"]),
            output=Path(values["output"]),
            overlay=None if overlay is None else Path(overlay),
            config=CaptureConfig.from_dict(values["config"]),
        )
