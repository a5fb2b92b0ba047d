"""The detectors: video frames in, whole-body landmarks of each person out."""
