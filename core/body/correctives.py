"""Pose correctives: what a turned joint adds to the skin, kept for the vertices it moves only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..skeletons import NUM_JOINTS
from .file import check_sizes, open_body_file


@dataclass(frozen=True, eq=False)
class Corrective:
    """One joint's correctives. The skin at rest moves by ``dirs @ (R - I).ravel()``.

    R [3, 3] is the joint's rotation, parent from joint, row-major.
    """

    joint: int
    vertices: np.ndarray  # [n] int, the vertices that it moves
    dirs: np.ndarray  # [n, 3, 9] float32, m


def read_correctives(path: Path, num_vertices: int) -> tuple[Corrective, ...]:
    """The correctives of a body file, for the joints that have any."""
    with open_body_file(path) as file:
        pose_dirs = file["posedirs"]
    check_sizes(path, num_vertices, posedirs=pose_dirs)
    correctives = []
    for joint in range(1, NUM_JOINTS):  # the root has none
        dirs = pose_dirs[:, :, 9 * (joint - 1) : 9 * joint]
        vertices = np.flatnonzero(dirs.any((1, 2)))
        if len(vertices):
            correctives.append(Corrective(joint, vertices, dirs[vertices].astype(np.float32)))
    return tuple(correctives)
