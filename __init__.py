"""Reelrig: whole-body motion capture from one video, as an extension of Blender."""


def register() -> None:
    from . import addon

    addon.register()


def unregister() -> None:
    from . import addon

    addon.unregister()
