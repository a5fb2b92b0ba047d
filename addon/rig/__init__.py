"""The character: its armature, its skin, and the way from core arrays to bones."""
