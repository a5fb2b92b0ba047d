"""The 3D viewports that are open."""

from __future__ import annotations

import bpy


def redraw(region_type: str) -> None:
    """Let every 3D viewport draw its regions of one type anew: WINDOW, or UI for the sidebar."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == region_type:
                        region.tag_redraw()
