"""Everything that touches Blender."""
# Scene gets an attribute that the stubs cannot know.
# pyright: reportAttributeAccessIssue=false

import bpy

from . import jobs, live_view, panels, people, preferences, properties
from .operators import (
    build,
    cancel,
    capture,
    check_installation,
    choose_video,
    find_people,
    floor_here,
    foot_lock,
    forget_corrections,
    open_motion,
    real_height,
    remove,
    reshape,
    set_focal,
    show_folder,
    switch_correctives,
    switch_detail,
    vertical,
    view_camera,
)

_classes = (
    preferences.ReelrigPreferences,
    properties.ReelrigResult,
    properties.ReelrigPerson,
    properties.ReelrigSettings,
    choose_video.REELRIG_OT_choose_video,
    find_people.REELRIG_OT_find_people,
    capture.REELRIG_OT_capture,
    cancel.REELRIG_OT_cancel,
    open_motion.REELRIG_OT_open_motion,
    build.REELRIG_OT_build,
    remove.REELRIG_OT_remove,
    show_folder.REELRIG_OT_show_folder,
    reshape.REELRIG_OT_reshape,
    switch_detail.REELRIG_OT_switch_detail,
    switch_correctives.REELRIG_OT_switch_correctives,
    view_camera.REELRIG_OT_view_camera,
    vertical.REELRIG_OT_vertical,
    floor_here.REELRIG_OT_floor_here,
    real_height.REELRIG_OT_real_height,
    set_focal.REELRIG_OT_set_focal,
    foot_lock.REELRIG_OT_foot_lock,
    forget_corrections.REELRIG_OT_forget_corrections,
    check_installation.REELRIG_OT_check_installation,
    panels.REELRIG_UL_results,
    panels.REELRIG_PT_capture,
    panels.REELRIG_PT_options,
    panels.REELRIG_PT_motions,
    panels.REELRIG_PT_character,
    panels.REELRIG_PT_world,
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(_classes)


def register() -> None:
    _register_classes()
    bpy.types.Scene.reelrig = bpy.props.PointerProperty(type=properties.ReelrigSettings)


def unregister() -> None:
    jobs.cancel()
    live_view.hide()
    people.remove_pictures()
    del bpy.types.Scene.reelrig
    _unregister_classes()
