"""Names of the axis conventions, and the constant changes of basis between them.

camera: OpenCV, x right, y down, z forward.
body:   SMPL-X rest pose, y up, x to the person's left, z forward.
world:  Blender's, z up, right-handed, metres.
All matrices act on column vectors and read right to left: ``x_world = WORLD_FROM_BODY @ x_body``.
"""

import numpy as np

# A body in its rest pose stands upright in the world and faces -y, as Blender's characters do.
WORLD_FROM_BODY = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

# A level camera that looks along +y: right stays x, down is -z, forward is +y.
WORLD_FROM_LEVEL_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
