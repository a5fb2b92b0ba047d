"""What a scene remembers, and what the panel shows of the job under way."""
# Blender's properties are calls in the place of types.
# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from dataclasses import dataclass, field

import bpy

from ..core.config import CaptureConfig
from . import viewports
from .bodies import FULL, LIGHT
from .people import ALL, forget_people, person_items


class ReelrigResult(bpy.types.PropertyGroup):
    """A motion in the list. Its name is PropertyGroup's own."""

    path: bpy.props.StringProperty(name="Motion File", subtype="FILE_PATH")
    video: bpy.props.StringProperty(name="Video", subtype="FILE_PATH")
    num_frames: bpy.props.IntProperty(name="Frames")
    frame_rate: bpy.props.FloatProperty(name="Frame Rate")
    body_confidence: bpy.props.FloatProperty(name="Body Confidence", min=0, max=1)
    hands_confidence: bpy.props.FloatProperty(name="Hands Confidence", min=0, max=1)
    face_confidence: bpy.props.FloatProperty(name="Face Confidence", min=0, max=1)
    date: bpy.props.StringProperty(name="Date", description="When the motion was captured")


class ReelrigPerson(bpy.types.PropertyGroup):
    """Somebody who was found in the video."""

    number: bpy.props.IntProperty(name="Person")
    first_s: bpy.props.FloatProperty(name="First Seen")
    last_s: bpy.props.FloatProperty(name="Last Seen")
    share: bpy.props.FloatProperty(name="Share of the Frames", min=0, max=1)
    picture: bpy.props.StringProperty(name="Picture", subtype="FILE_PATH")


def _redraw_viewports(_settings: ReelrigSettings, _context: bpy.types.Context) -> None:
    viewports.redraw("WINDOW")


def _forget_people(settings: ReelrigSettings, _context: bpy.types.Context) -> None:
    forget_people(settings)


class ReelrigSettings(bpy.types.PropertyGroup):
    """Inputs of the next capture, how characters are built, and the motions of this scene."""

    video_path: bpy.props.StringProperty(
        name="Video",
        description="The video to capture: a movie file, a folder of images, "
        "or a numbered sequence such as frame_%04d.png",
        update=_forget_people,
    )
    use_range: bpy.props.BoolProperty(
        name="Only a Part",
        description="Capture a part of the video instead of all of it",
        update=_forget_people,
    )
    start_s: bpy.props.FloatProperty(
        name="Start",
        description="Second of the video where the capture starts",
        unit="TIME_ABSOLUTE",
        min=0.0,
        step=10,
        update=_forget_people,
    )
    end_s: bpy.props.FloatProperty(
        name="End",
        description="Second of the video where the capture ends",
        unit="TIME_ABSOLUTE",
        min=0.0,
        default=10.0,
        step=10,
        update=_forget_people,
    )
    people: bpy.props.CollectionProperty(type=ReelrigPerson)
    person: bpy.props.EnumProperty(
        name="Person",
        description="Who is captured",
        items=person_items,
    )
    method: bpy.props.EnumProperty(
        name="Motion",
        description="How the motion is made from what the networks see",
        items=(
            (
                "sts",
                "Learned",
                "By networks that have learned how people move: the steadiest and most natural",
            ),
            (
                "analytic",
                "Geometric",
                "By geometry alone, exactly as seen, slips and all: the baseline to compare with",
            ),
        ),
        default=CaptureConfig().method,
    )
    pose_model: bpy.props.EnumProperty(
        name="Quality",
        description="The network that sees the body. Hands and face have the same one in all three",
        items=(
            (
                "lite",
                "Fast",
                "For a first look: limbs are less exact, and lost sooner where bent or hidden",
            ),
            ("full", "Balanced", "Limbs a little less exact than with Best, in less time"),
            ("heavy", "Best", "The most exact limbs. It takes the longest"),
        ),
        default="heavy",
    )
    camera: bpy.props.EnumProperty(
        name="Camera",
        description="Whether the camera moved while it filmed",
        items=(
            ("auto", "Auto", "Moving where the background leaves no doubt, at rest otherwise"),
            ("static", "At Rest", "On a tripod, or on something as still"),
            (
                "moving",
                "Moving",
                "Held in a hand, turned, zoomed or carried along. Choose it where Auto misses it: "
                "the background is then followed on weaker signs",
            ),
        ),
        default=CaptureConfig().camera,
    )
    height_m: bpy.props.FloatProperty(
        name="Real Height (m)",
        description="The person's height in metres, 0 if you do not know it. One camera cannot "
        "tell a tall person from a short one who is nearer, so this sets the size of everything. "
        "Not for all people at once",
        min=0.0,
        max=2.5,
        step=1,
        precision=2,
    )
    is_cropped: bpy.props.BoolProperty(
        name="Off-Centre Crop",
        description="The video shows a part of what the camera saw that is not its middle, because "
        "it was cropped or re-framed afterwards",
    )
    center_px: bpy.props.FloatVectorProperty(
        name="Optical Axis",
        description="Where the middle of the uncropped picture lies: pixels of this video to the "
        "right and down from its upper left corner. It may lie outside",
        size=2,
        default=(960.0, 540.0),
        step=100,
        precision=0,
    )
    show_landmarks: bpy.props.BoolProperty(
        name="Show Landmarks While Detecting",
        description="Draw what the networks see into a corner of the 3D viewport",
        default=True,
        update=_redraw_viewports,
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

    @property
    def range_s(self) -> tuple[float, float | None]:
        """First and last second of the video to capture; None: to the end."""
        return (self.start_s, self.end_s) if self.use_range else (0.0, None)

    @property
    def known_center_px(self) -> tuple[float, float] | None:
        """Where the optical axis is in the picture; None: in its middle."""
        return tuple(self.center_px) if self.is_cropped else None

    @property
    def known_height_m(self) -> float | None:
        """The height of the person to capture; None: unknown, or of several people."""
        return None if self.person == ALL else self.height_m or None


def get_settings(scene: bpy.types.Scene) -> ReelrigSettings:
    return scene.reelrig  # pyright: ignore[reportAttributeAccessIssue]


def get_active_result(scene: bpy.types.Scene) -> ReelrigResult | None:
    settings = get_settings(scene)
    is_valid = 0 <= settings.active_result < len(settings.results)
    return settings.results[settings.active_result] if is_valid else None


@dataclass
class JobStatus:
    """What the panel shows of the job under way, and how the last one ended.

    Not a Blender property: neither undo nor opening a file may bring old progress back.
    """

    is_running: bool = False
    stage: str = ""
    progress: float = 0.0  # 0..1 of the stage
    eta: str = ""
    message: str = ""  # how the last job ended
    is_error: bool = False
    warnings: list[str] = field(default_factory=list)

    def begin(self) -> None:
        vars(self).update(vars(JobStatus(is_running=True, stage="Starting")))

    def end(self, message: str, *, is_error: bool = False) -> None:
        self.is_running = False
        self.message = message
        self.is_error = is_error


status = JobStatus()
