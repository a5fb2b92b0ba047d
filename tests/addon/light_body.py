"""A light body made up of the full one: same joints and keys, other vertices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reelrig.core.body.model import LIGHT_BODY_PATH, BodyModel

NUM_MORE = 7


def make_light_body(body: BodyModel) -> BodyModel:
    """``body`` with its vertices in reverse, and the last of them once more."""
    count = body.num_vertices
    taken = np.append(np.arange(count)[::-1], np.arange(NUM_MORE))
    unused = np.zeros((len(body.joint_regressor), NUM_MORE), np.float32)
    assert body.quads is not None
    assert body.slider_dirs is not None
    assert body.arkit_dirs is not None
    light = replace(
        body,
        path=LIGHT_BODY_PATH,
        template=body.template[taken],
        faces=count - 1 - body.faces,
        quads=count - 1 - body.quads,
        shape_dirs=body.shape_dirs[taken],
        slider_dirs=body.slider_dirs[taken],
        expression_dirs=body.expression_dirs[taken],
        arkit_dirs=body.arkit_dirs[taken],
        joint_regressor=np.hstack([body.joint_regressor[:, ::-1], unused]),
        weights=body.weights[taken],
    )
    # What the other body would read from its file.
    correctives = [replace(c, vertices=count - 1 - c.vertices) for c in body.pose_correctives]
    light.__dict__["pose_correctives"] = tuple(correctives)
    return light
