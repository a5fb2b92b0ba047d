"""A line that is being drawn over a 3D viewport, from a click to the mouse."""

from __future__ import annotations

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

Place = tuple[float, float]

_WIDTH = 2.0  # pixels at a user interface scale of 1
_ARM = 9.0  # of the cross at its ends
_COLOR = (1.0, 0.8, 0.1, 1.0)


class DrawnLine:
    """Shown in one viewport until it is removed. Places are pixels of its main region."""

    def __init__(self, area: bpy.types.Area) -> None:
        self.area = area
        self.start: Place | None = None  # None: nothing is drawn
        self._end: Place | None = None
        self._handle = bpy.types.SpaceView3D.draw_handler_add(
            self._draw, (), "WINDOW", "POST_PIXEL"
        )

    def remove(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        self.area.tag_redraw()

    def draw_to(self, end: Place) -> None:
        self._end = end
        self.area.tag_redraw()

    def _draw(self) -> None:
        if self.start is None or self._end is None or bpy.context.area != self.area:
            return
        scale = bpy.context.preferences.system.ui_scale
        lines = [self.start, self._end, *_cross(self.start, _ARM * scale)]
        lines += _cross(self._end, _ARM * scale)
        shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
        shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
        shader.uniform_float("lineWidth", _WIDTH * scale)
        shader.uniform_float("color", _COLOR)
        points = np.pad(np.array(lines), ((0, 0), (0, 1)))  # the shader takes points in space
        batch_for_shader(shader, "LINES", {"pos": points.tolist()}).draw(shader)


def _cross(middle: Place, arm: float) -> list[Place]:
    """The ends of two lines."""
    x, y = middle
    return [(x - arm, y), (x + arm, y), (x, y - arm), (x, y + arm)]
