"""What a scene remembers, and what the panel shows of the capture under way."""
# Blender's properties are calls in the place of types.
# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from dataclasses import dataclass, field

import bpy

from .bodies import FULL, LIGHT


class ReelrigResult(bpy.types.PropertyGroup):
    """A motion in the list. Its name is PropertyGroup's own."""

    path: bpy.props.StringProperty(name="Motion File", subtype="FILE_PATH")
    num_frames: bpy.props.IntProperty(name="Frames")
    frame_rate: bpy.props.FloatProperty(name="Frame Rate")
    body_confidence: bpy.props.FloatProperty(name="Body Confidence", min=0, max=1)
    hands_confidence: bpy.props.FloatProperty(name="Hands Confidence", min=0, max=1)
    face_confidence: bpy.props.FloatProperty(name="Face Confidence", min=0, max=1)
    date: bpy.props.StringProperty(name="Date", description="When the motion was captured")


class ReelrigSettings(bpy.types.PropertyGroup):
    """Inputs of the next capture, how characters are built, and the motions of this scene."""

    video_path: bpy.props.StringProperty(
        name="Video",
        description="The video to capture: a movie file, a folder of images, "
        "or a numbered sequence such as frame_%04d.png",
    )
    use_range: bpy.props.BoolProperty(
        name="Only a Part", description="Capture a part of the video instead of all of it"
    )
    start_s: bpy.props.FloatProperty(
        name="Start",
        description="Second of the video where the capture starts",
        unit="TIME_ABSOLUTE",
        min=0.0,
        step=10,
    )
    end_s: bpy.props.FloatProperty(
        name="End",
        description="Second of the video where the capture ends",
        unit="TIME_ABSOLUTE",
        min=0.0,
        default=10.0,
        step=10,
    )
    method: bpy.props.EnumProperty(
        name="Method",
        description="How the pose is recovered from the picture",
        items=(("analytic", "Landmarks", "Joint rotations straight from landmarks"),),
    )
    timing: bpy.props.EnumProperty(
        name="Keys",
        description="Where the keys go in time. The speed is the video's either way, "
        "and the frame rate of the scene is never changed",
        items=(
            ("SCENE", "On Scene Frames", "Resample the motion to the scene's frame rate"),
            ("VIDEO", "On Video Frames", "Keep every captured pose, at its exact time"),
        ),
    )
    detail: bpy.props.EnumProperty(
        name="Skin",
        description="The skin that new characters get. It can be switched at any time. "
        "Your own body, chosen in the preferences, has one detail only",
        items=(
            (FULL, "Full", "The full skin"),
            (LIGHT, "Light", "A skin of few vertices, which plays faster"),
        ),
    )
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="Scene frame of the first pose", default=1
    )
    results: bpy.props.CollectionProperty(type=ReelrigResult)
    active_result: bpy.props.IntProperty(name="Motion")


def get_settings(scene: bpy.types.Scene) -> ReelrigSettings:
    return scene.reelrig  # pyright: ignore[reportAttributeAccessIssue]


def get_active_result(scene: bpy.types.Scene) -> ReelrigResult | None:
    settings = get_settings(scene)
    is_valid = 0 <= settings.active_result < len(settings.results)
    return settings.results[settings.active_result] if is_valid else None


@dataclass
class JobStatus:
    """What the panel shows of the capture under way, and how the last one ended.

    Not a Blender property: neither undo nor opening a file may bring old progress back.
    """

    is_running: bool = False
    stage: str = ""
    progress: float = 0.0  # 0..1 of the stage
    eta: str = ""
    message: str = ""  # how the last capture ended
    is_error: bool = False
    warnings: list[str] = field(default_factory=list)

    def begin(self) -> None:
        vars(self).update(vars(JobStatus(is_running=True, stage="Starting")))

    def end(self, message: str, *, is_error: bool = False) -> None:
        self.is_running = False
        self.message = message
        self.is_error = is_error


status = JobStatus()
