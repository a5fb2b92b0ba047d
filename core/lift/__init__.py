"""The recoverers: landmarks of one person in, CameraMotion out."""
