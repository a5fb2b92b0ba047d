"""From the camera to the world: upright, on the floor, to scale."""
