"""Anchors, and overlapping finds merged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.detect.anchors import decode, make_anchors, merge_overlapping

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("side", "strides", "number"),
    [(224, (8, 16, 32, 32, 32), 2254), (192, (8, 16, 16, 16), 2016), (128, (8, 16, 16, 16), 896)],
)
def test_there_is_an_anchor_for_each_of_the_networks_boxes(side, strides, number):
    anchors = make_anchors(side, strides, CPU) * side
    assert anchors.shape == (number, 2)
    # Two a cell in the finest grid, line by line; the last ones share a cell of the coarsest.
    np.testing.assert_allclose(anchors[:4], [[4, 4], [4, 4], [12, 4], [12, 4]])
    np.testing.assert_allclose(anchors[-6:], np.full((6, 2), side - strides[-1] / 2), rtol=1e-6)


def test_boxes_and_points_are_read_from_their_anchor():
    anchors = torch.tensor([[0.5, 0.25]])
    boxes = torch.tensor([[[10.0, -20.0, 40.0, 20.0, 5.0, 6.0]]])
    found = decode(boxes, anchors, 100)
    np.testing.assert_allclose(found, [[[[0.4, -0.05], [0.8, 0.15], [0.55, 0.31]]]], atol=1e-6)


def merge_one_by_one(finds: np.ndarray, scores: np.ndarray, min_score: float) -> list:
    """As MediaPipe tells it: the best, and all that overlap with it; then the rest."""
    order = [i for i in np.argsort(-scores) if scores[i] >= min_score]
    merged = []
    while order:
        best, same = order[0], []
        for i in order:
            low, high = (
                np.maximum(finds[i, 0], finds[best, 0]),
                np.minimum(finds[i, 1], finds[best, 1]),
            )
            shared = np.prod(np.clip(high - low, 0, None))
            areas = [np.prod(finds[k, 1] - finds[k, 0]) for k in (i, best)]
            if shared / (sum(areas) - shared) > 0.3:
                same.append(i)
        merged.append((np.average(finds[same], axis=0, weights=scores[same]), scores[best]))
        order = [i for i in order if i not in same]
    return merged


@pytest.mark.parametrize("seed", range(4))
def test_finds_are_merged_as_told(seed):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 1, (2, 60, 1, 2))
    finds = np.concatenate(
        [corner, corner + rng.uniform(0.1, 0.6, (2, 60, 1, 2)), rng.uniform(0, 1, (2, 60, 3, 2))], 2
    )
    scores = rng.uniform(0, 1, (2, 60))
    merged, found_scores = merge_overlapping(
        torch.from_numpy(finds), torch.from_numpy(scores), min_score=0.5, most=60
    )
    for i in range(2):
        expected = merge_one_by_one(finds[i], scores[i], 0.5)
        assert (found_scores[i] > 0).sum() == len(expected)
        for k, (find, score) in enumerate(expected):
            np.testing.assert_allclose(merged[i, k], find, atol=1e-9)
            np.testing.assert_allclose(found_scores[i, k], score)


def squares(*corners: tuple[float, float]) -> torch.Tensor:
    low = torch.tensor(corners)
    return torch.stack([low, low + 0.2], 1)[None]


def test_no_more_are_taken_than_asked_for():
    finds = squares((0, 0), (0.3, 0), (0.6, 0))
    merged, scores = merge_overlapping(
        finds, torch.tensor([[0.6, 0.9, 0.7]]), min_score=0.5, most=2
    )
    np.testing.assert_allclose(merged[0], finds[0, [1, 2]])
    np.testing.assert_allclose(scores, [[0.9, 0.7]])


def test_where_nothing_is_sure_the_best_has_score_0():
    finds = squares((0, 0), (0.3, 0))
    merged, scores = merge_overlapping(finds, torch.tensor([[0.2, 0.4]]), min_score=0.5, most=8)
    np.testing.assert_allclose(merged, finds[:, 1:])
    np.testing.assert_allclose(scores, [[0.0]])


def test_a_box_turned_inside_out_is_none():
    finds = squares((0, 0), (0.3, 0))
    finds[0, 0, 1] = -0.1
    _, scores = merge_overlapping(finds, torch.tensor([[0.9, 0.6]]), min_score=0.5, most=8)
    np.testing.assert_allclose(scores, [[0.6]])
