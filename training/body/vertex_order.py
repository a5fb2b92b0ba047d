"""The order of the vertices: SMPL-X's fixed vertex numbers must hit the same places on this body.

The smplx package takes finger tips, toes, heels, ears, eyes and nose by number (smplx 0.1.28,
vertex_ids.py, table "smplx"), and so do tools built on it.
"""

from __future__ import annotations

import numpy as np

from reelrig.core.skeletons import JOINT_INDEX

from .joints import FINGERS
from .pieces import PARTS, Geometry

SLOTS = {
    **{"nose": 9120, "left_eye": 9448, "right_eye": 9929, "left_ear": 6, "right_ear": 616},
    **{"left_thumb": 5361, "left_index": 4933, "left_middle": 5058},
    **{"left_ring": 5169, "left_pinky": 5286},
    **{"right_thumb": 8079, "right_index": 7669, "right_middle": 7794},
    **{"right_ring": 7905, "right_pinky": 8022},
    **{"left_big_toe": 5770, "left_small_toe": 5780, "left_heel": 8846},
    **{"right_big_toe": 8463, "right_small_toe": 8474, "right_heel": 8635},
}
_SOLE = 0.04  # m, height within which the heel is looked for


def order_vertices(
    geometry: Geometry, template: np.ndarray, joints: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """[V] the vertex that comes at each place: swapped so that SLOTS hold, else as they were."""
    order = np.arange(len(template))
    place_of = order.copy()
    for name, vertex in _named_vertices(geometry, template, joints, weights).items():
        slot, place = SLOTS[name], place_of[vertex]
        order[[slot, place]] = order[[place, slot]]
        place_of[order[[slot, place]]] = slot, place
    return order


def _named_vertices(
    geometry: Geometry, template: np.ndarray, joints: np.ndarray, weights: np.ndarray
) -> dict[str, int]:
    skin = geometry.part == PARTS.index("body skin")

    def extreme(mask: np.ndarray, score: np.ndarray) -> int:
        ids = np.flatnonzero(mask & skin)
        return int(ids[score[ids].argmax()])

    def weight(joint: str) -> np.ndarray:
        return weights[:, JOINT_INDEX[joint]]

    x, y, z = template.T
    head = weight("head") + weight("jaw") > 0.6
    eye_height = joints[JOINT_INDEX["left_eye_smplhf"], 1]
    found = {"nose": extreme(head & (np.abs(x) < 0.004) & (y > eye_height - 0.06), z)}
    found["left_ear"] = extreme(head, x)
    eye = np.flatnonzero(geometry.part == PARTS.index("left eye"))
    found["left_eye"] = int(eye[z[eye].argmax()])
    for finger in FINGERS:
        tip = JOINT_INDEX[f"left_{finger}3"]
        along = joints[tip] - joints[tip - 1]
        found[f"left_{finger}"] = extreme(weights[:, tip] > 0.5, template @ along)
    toes = weight("left_foot") > 0.5
    inner = joints[JOINT_INDEX["left_foot"], 0]
    # The big toe reaches furthest to the front on the inner side, the small one lies outermost.
    found["left_big_toe"] = extreme(toes & (x < inner), z)
    found["left_small_toe"] = extreme(toes, x + z)
    sole = y < y[skin].min() + _SOLE
    found["left_heel"] = extreme((weight("left_ankle") > 0.6) & sole, -z)
    for name, vertex in list(found.items()):
        if name.startswith("left_"):
            found[name.replace("left", "right")] = int(geometry.mirror[vertex])
    return found
