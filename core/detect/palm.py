"""Where hands are, without a body to tell (MediaPipe's palm detector)."""

from __future__ import annotations

from torch import Tensor

from .anchors import decode, make_anchors, merge_overlapping
from .engine import Engine
from .regions import Pictures, angle_upright, crop, square_regions, to_picture

_SIDE = 192
_STRIDES = (8, 16, 16, 16)
_WRIST, _MIDDLE_KNUCKLE = 0, 2  # of the palm's seven points
_SCALE, _SHIFT_Y = 2.6, -0.5  # from the palm to the hand


def find_palms(
    engine: Engine,
    pictures: Pictures,
    picture_of: Tensor,
    regions: Tensor,
    *,
    most: int = 2,
    min_score: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Regions [N, M, 4] of the hands in regions [N, 4] of pictures [N], and scores [N, M].

    The surest first, M at most ``most``; the score is 0 where there is none.
    """
    batch = crop(pictures, picture_of, regions, _SIDE, engine, border="black")
    raw = engine.run("palm_detector", batch)
    finds, scores = merge_overlapping(
        decode(raw["boxes"], make_anchors(_SIDE, _STRIDES, engine.device), _SIDE),
        raw["scores"].sigmoid(),
        min_score=min_score,
        most=most,
    )
    corners, points = finds[:, :, :2], finds[:, :, 2:]
    # A turned region's boxes stay upright in it, so their middles and sizes are put back.
    middle = to_picture(corners.mean(2), regions).flatten(0, 1)
    extent = ((corners[:, :, 1] - corners[:, :, 0]) * regions[:, None, 2:3]).flatten(0, 1)
    points = to_picture(points.flatten(1, 2), regions).unflatten(1, points.shape[1:3])
    vectors = (points[:, :, _MIDDLE_KNUCKLE] - points[:, :, _WRIST]).flatten(0, 1)
    hands = square_regions(middle, extent, angle_upright(vectors), scale=_SCALE, shift_y=_SHIFT_Y)
    return hands.unflatten(0, scores.shape), scores
