"""The inference core: video in, a Motion out. Never imports bpy."""
