"""Keyframes: which frames they stand on, and how they are written."""
