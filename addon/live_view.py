"""What the networks see, drawn into a corner of the 3D viewports while a job detects."""

from __future__ import annotations

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..core.protocol import Seen
from . import viewports
from .live_geometry import Box, cut_overlaps, place_label, place_lines, place_picture
from .properties import get_settings

_TOGETHER_S = 0.5  # people are drawn together when they were seen this close in time
_FONT = 0  # Blender's own
_FONT_SIZE = 11.0  # points and pixels at a user interface scale of 1
_TEXT_GAP = 4.0
_LINE_WIDTH = 1.6
_BACKGROUND = (0.04, 0.04, 0.04, 0.8)
_TEXT = (0.9, 0.9, 0.9, 1.0)

_seen: dict[int, Seen] = {}  # the newest of each person
_newest: Seen | None = None
_handle: object | None = None


def show(seen: Seen) -> None:
    """Draw a person from now on."""
    global _handle, _newest
    _newest = _seen[seen.person] = seen
    if _handle is None:
        _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")
    if get_settings(bpy.context.scene).show_landmarks:
        viewports.redraw("WINDOW")


def hide() -> None:
    """Draw nothing any more."""
    global _handle, _newest
    _seen.clear()
    _newest = None
    if _handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
        viewports.redraw("WINDOW")


def list_shown() -> list[Seen]:
    """Everybody who was seen at about the moment of the newest sight."""
    if _newest is None:
        return []
    moment_s = _newest.time_s
    return [seen for seen in _seen.values() if abs(seen.time_s - moment_s) < _TOGETHER_S]


def _draw() -> None:
    """Called by Blender for each 3D viewport, in pixels of its main region."""
    context = bpy.context
    if _newest is None or not get_settings(context.scene).show_landmarks:
        return
    scale = context.preferences.system.ui_scale
    picture = place_picture(_find_free_box(context), _newest.image_size, scale)
    if picture is None:
        return
    _draw_lines(picture, scale)
    _draw_texts(picture, scale, _newest.time_s)


def _find_free_box(context: bpy.types.Context) -> Box:
    """The part of the drawn region that no toolbar, sidebar or header lies over."""
    neighbours = [
        (region.alignment, _find_box(region, context.region))
        for region in context.area.regions
        if region.type != "WINDOW" and min(region.width, region.height) > 1  # 1: it is hidden
    ]
    return cut_overlaps(_find_box(context.region, context.region), neighbours)


def _find_box(region: bpy.types.Region, origin: bpy.types.Region) -> Box:
    """Where a region lies, in pixels of another."""
    x, y = region.x - origin.x, region.y - origin.y
    return Box(x, y, x + region.width, y + region.height)


def _draw_lines(picture: Box, scale: float) -> None:
    """The picture's dark ground, and the lines of everybody on it."""
    gpu.state.blend_set("ALPHA")
    left, bottom, right, top = picture
    corners = [(left, bottom), (right, bottom), (left, top), (right, top)]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", _BACKGROUND)
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
    shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", _LINE_WIDTH * scale)
    for ends, colors in (place_lines(seen, picture) for seen in list_shown()):
        if len(ends):
            points = np.pad(ends, ((0, 0), (0, 1)))  # the shader takes points in space
            content = {"pos": points.tolist(), "color": colors.tolist()}
            batch_for_shader(shader, "LINES", content).draw(shader)
    gpu.state.blend_set("NONE")


def _draw_texts(picture: Box, scale: float, time_s: float) -> None:
    """Everybody's number, and the moment of the video."""
    blf.size(_FONT, _FONT_SIZE * scale)
    blf.color(_FONT, *_TEXT)
    gap = _TEXT_GAP * scale
    texts = [(f"{time_s:.2f} s", picture.left + gap, picture.bottom + gap)]
    for seen in list_shown():
        label = place_label(seen, picture)
        if label is not None:
            x, y = label
            texts.append((str(seen.person), x, min(y + gap, picture.top - _FONT_SIZE * scale)))
    for text, x, y in texts:
        blf.position(_FONT, x, y, 0)
        blf.draw(_FONT, text)
