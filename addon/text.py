"""Text in Blender's layouts."""
# Whatever is drawn has a region, and preferences.
# pyright: reportOptionalMemberAccess=false, reportArgumentType=false

from __future__ import annotations

import textwrap

import bpy


def draw_text(layout: bpy.types.UILayout, text: str, icon: str, context: bpy.types.Context) -> None:
    """A text in as many lines as the region's width asks for: labels do not wrap."""
    letter_px = 7.0 * context.preferences.system.ui_scale
    letters = max(int(context.region.width / letter_px) - 6, 12)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for i, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=icon if i == 0 else "BLANK1")
