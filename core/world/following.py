"""The camera followed from look to look by the background: turning, zooming, going about."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .bundle import Bundle, Tracks
from .interpolation import interpolate_places, interpolate_turns
from .people_mask import is_on_people
from .shot import ShotSightings
from .turn_fit import fit_turn

_NODE_S = 0.2  # between looks that are adjusted together; those between them follow
_JOIN_SCALES, _NEAR_SCALES, _LAST_SCALES = (10.0, 4.0, 2.0), (2.0, 2.0), (1.5, 1.0, 1.0)
_BETWEEN_SCALES = (20.0, 10.0, 4.0, 2.0, 1.0)
_NEAR, _WINDOW = 6, 24  # looks that are adjusted together, as one joins and in the end
_MOST_POINTS = 100  # of a look: more cost time and tell little
_MIN_COMMON = 8  # points of two looks, for the turn between them to be told
_LEAST_GAIN = 0.1  # less is in how patches change as they are turned
# What a camera that zooms, goes about, or does both must leave of the cost of one that does less.
# Forward over something flat is a zoom to the eye.
_ZOOM_GAIN, _SHIFT_GAIN, _BOTH_GAIN = 0.75, 0.7, 0.5
_ZOOM_RANGE = 0.05  # of the zoom's logarithm over the shot, from which it may be one


def find_tracks(sightings: ShotSightings, boxes_px: np.ndarray, focal_px: float) -> Tracks:
    """Of the points that lie on nobody; ``boxes_px`` [F, P, 4] of the people."""
    on_people = is_on_people(sightings.look_px, boxes_px[sightings.match_look])
    middle = (np.array(sightings.image_size) - 1) / 2
    names, first = np.unique(sightings.match_point, return_index=True)
    anchor, anchor_px = sightings.match_key[first], sightings.key_px[first]
    is_free = ~is_on_people(anchor_px, boxes_px[anchor])
    point = np.searchsorted(names, sightings.match_point)
    look = sightings.match_look
    # A look may have been compared with several key frames that share a point.
    _, once = np.unique(look * len(names) + point, return_index=True)
    kept = once[~on_people[once] & is_free[point[once]] & (look[once] > anchor[point[once]])]
    kept = kept[_is_among_longest(look[kept], point[kept], len(names))]
    return Tracks(
        look=look[kept],
        point=point[kept],
        px=sightings.look_px[kept] - middle,
        anchor=anchor,
        anchor_px=anchor_px - middle,
        focal_px=focal_px,
        pixel=sightings.pixel,
        num_looks=len(sightings.time_s),
    )


def _is_among_longest(look: np.ndarray, point: np.ndarray, num_points: int) -> np.ndarray:
    """[O] bool of sightings sorted by look: those of each look's most often seen points."""
    often = np.bincount(point, minlength=num_points)[point]
    anyhow = point * 7919 % 10007  # those seen as often, from all over the picture
    order = np.lexsort((anyhow, -often, look))
    starts = np.searchsorted(look, look)
    is_kept = np.empty(len(look), bool)
    is_kept[order] = np.arange(len(look)) - starts[order] < _MOST_POINTS
    return is_kept


def follow_camera(tracks: Tracks, time_s: np.ndarray) -> Bundle:
    """The simplest camera that explains the sightings; ``time_s`` [F] of the looks."""
    nodes = _choose_nodes(tracks, time_s)
    turns = [_turn_between(tracks, *pair) for pair in pairwise(nodes)]
    best = _choose_camera(tracks, _Steps(nodes, turns))
    _place_between(best, nodes, time_s)
    return best


@dataclass(frozen=True, eq=False)
class _Steps:
    """From look to look, by which a camera is followed."""

    nodes: list[int]  # K of the looks
    turns: list[np.ndarray]  # K - 1 times [3, 3], each node from the next, roughly


def _choose_camera(tracks: Tracks, steps: _Steps) -> Bundle:
    best = _follow(tracks, steps, with_shift=False, with_zoom=False)
    zoomed = _follow(tracks, steps, with_shift=False, with_zoom=True)
    if np.ptp(zoomed.log_zoom) > _ZOOM_RANGE and _is_better(zoomed, best, _ZOOM_GAIN):
        best = zoomed
    shifted = _follow(tracks, steps, with_shift=True, with_zoom=False)
    if best is not zoomed:
        return shifted if _is_better(shifted, best, _SHIFT_GAIN) else best
    if _is_better(shifted, best, _BOTH_GAIN):
        best = shifted
    both = _follow(tracks, steps, with_shift=True, with_zoom=True)
    return both if _is_better(both, best, _BOTH_GAIN) else best


def find_cost(errors: np.ndarray) -> float:
    """0..1 of errors [N] px: their mean bounded square."""
    return float(np.mean(errors**2 / (errors**2 + 1.0))) if len(errors) else 1.0


def _is_better(able: Bundle, simple: Bundle, gain: float) -> bool:
    """Whether a camera that can do more explains the sightings so much better."""
    cost = _cost(simple)
    return _cost(able) < min(gain * cost, cost - _LEAST_GAIN)


def _cost(bundle: Bundle) -> float:
    """Over the looks that are placed."""
    return find_cost(bundle.errors_px()[bundle.is_placed[bundle.tracks.look]])


def _choose_nodes(tracks: Tracks, time_s: np.ndarray) -> list[int]:
    """The key frames, and others so that no two are far apart."""
    is_node = np.zeros(len(time_s), bool)
    is_node[tracks.anchor] = is_node[0] = True
    last_s = -np.inf
    for look, moment in enumerate(time_s):
        if is_node[look] or moment - last_s >= _NODE_S:
            is_node[look], last_s = True, moment
    return np.flatnonzero(is_node).tolist()


def _follow(tracks: Tracks, steps: _Steps, *, with_shift: bool, with_zoom: bool) -> Bundle:
    bundle = Bundle(tracks, with_shift=with_shift, with_zoom=with_zoom)
    nodes, before = steps.nodes, dict(zip(steps.nodes[1:], steps.nodes, strict=False))
    # Where all is far, each look is told by its own points and needs no others.
    join_scales = _JOIN_SCALES if with_shift else (*_JOIN_SCALES, *_NEAR_SCALES)
    for number, node in enumerate(nodes[1:], start=1):
        bundle.copy_look(before[node], node)
        bundle.turn[node] = bundle.turn[before[node]] @ steps.turns[number - 1]
        bundle.is_placed[node] = True
        bundle.refine([node], before, join_scales)
        if with_shift:
            bundle.refine(nodes[max(1, number + 1 - _NEAR) : number + 1], before, _NEAR_SCALES)
    for start in range(1, len(nodes), _WINDOW // 2):
        bundle.refine(nodes[start : start + _WINDOW], before, _LAST_SCALES)
    return bundle


def _place_between(bundle: Bundle, nodes: list[int], time_s: np.ndarray) -> None:
    """The looks that are no nodes."""
    others = np.setdiff1d(np.arange(len(time_s)), nodes)
    at = np.minimum(time_s[others], time_s[nodes[-1]])
    bundle.turn[others] = interpolate_turns(bundle.turn[nodes], time_s[nodes], at)
    bundle.place[others] = interpolate_places(bundle.place[nodes], time_s[nodes], at)
    bundle.log_zoom[others] = np.interp(at, time_s[nodes], bundle.log_zoom[nodes])
    bundle.resect(others, _BETWEEN_SCALES)


def _turn_between(tracks: Tracks, first: int, second: int) -> np.ndarray:
    """[3, 3] first look from second, roughly, as if the camera only turned and zoomed."""
    points, px = _seen_in(tracks, first)
    others, other_px = _seen_in(tracks, second)
    _, here, there = np.intersect1d(points, others, return_indices=True)
    if len(here) < _MIN_COMMON:
        return np.eye(3)
    fit = fit_turn(px[here], other_px[there], tracks.focal_px, tracks.pixel, with_zoom=True)
    return fit.look_from_key.T


def _seen_in(tracks: Tracks, look: int) -> tuple[np.ndarray, np.ndarray]:
    """The points [N] of a look and where they are [N, 2] px, also those chosen in it."""
    sightings = tracks.of_look(look)
    chosen = np.flatnonzero(tracks.anchor == look)
    return (
        np.concatenate([tracks.point[sightings], chosen]),
        np.concatenate([tracks.px[sightings], tracks.anchor_px[chosen]]),
    )
