"""The face: 52 ARKit units, the jaw that carries out three of them, ten expression components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.transform import Rotation

from reelrig.core.skeletons import ARKIT_INDEX, ARKIT_NAMES

from .source import Source

NUM_EXPRESSION = 10
_EYEBALLS = ("helper-l-eye", "helper-r-eye")
# Not in the expression components: jaw and eyes have joints, mouthClose belongs to an open jaw.
_NOT_MIXED = ("jaw", "mouthClose", "tongueOut", "eyeLook")
_NUM_FACES, _SEED = 800, 3
_LARGEST_JAW_ANGLE = 0.8  # rad
_JAW_RIDGE = 2e-3


def arkit_units(source: Source) -> np.ndarray:
    """[19158, 3, 52] m per full score, in the order of ARKIT_NAMES.

    The eyeballs stay where they are: their joints turn them, and a shape beside would do it twice.
    """
    units = np.stack([source.face_unit(name) for name in ARKIT_NAMES], axis=-1)
    for group in _EYEBALLS:
        units[source.base.ids(group)] = 0
    mirrored = units[source.base.mirror][..., _mirrored_units()] * np.array([-1, 1, 1])[:, None]
    return (units + mirrored) / 2


def _mirrored_units() -> list[int]:
    swap = {"Left": "Right", "Right": "Left"}
    names = []
    for name in ARKIT_NAMES:
        side = next((side for side in swap if name.endswith(side)), None)
        names.append(name if side is None else name.removesuffix(side) + swap[side])
    return [ARKIT_INDEX[name] for name in names]


@dataclass(frozen=True, eq=False)
class Jaw:
    """How the jaw joint carries out jawOpen, jawLeft and jawRight."""

    open_angle: float  # rad about x at a full jawOpen
    side_angle: float  # rad about y at a full jawLeft
    correctives: np.ndarray  # [V, 3, 9] m, on the entries of R - I


def fit_jaw(
    vertices: np.ndarray,
    units: np.ndarray,
    weights: np.ndarray,
    pivot: np.ndarray,
    teeth: np.ndarray,
) -> Jaw:
    """The jaw's angles and correctives that reproduce the sculpted units of the jaw.

    ``vertices`` [V, 3] m, ``units`` [V, 3, 52] m, ``weights`` [V] of the jaw joint, ``pivot`` [3]
    the joint, ``teeth`` [N] the lower teeth's vertices: the only part that moves rigidly.
    """
    opened, left = (units[..., ARKIT_INDEX[name]] for name in ("jawOpen", "jawLeft"))
    right = units[..., ARKIT_INDEX["jawRight"]]

    def angle(moved: np.ndarray, axis: tuple[float, float, float]) -> float:
        start = vertices[teeth] - pivot

        def misfit(angle: float) -> float:
            turned = start @ Rotation.from_rotvec(np.array(axis) * angle).as_matrix().T
            return float(np.sum((turned - start - moved[teeth]) ** 2))

        bounds = (0, _LARGEST_JAW_ANGLE)
        return float(minimize_scalar(misfit, bounds=bounds, method="bounded").x)

    open_angle, side_angle = angle(opened, (1, 0, 0)), angle(left, (0, 1, 0))
    scores = [(0.0, 0.0), *((o, 0.0) for o in np.linspace(0.1, 1.5, 12))]
    scores += [(o, s) for o in (0.0, 0.5) for s in (-1.0, -0.5, 0.5, 1.0)]
    features, wanted = [], []
    for open_score, side_score in scores:
        sideways = (left if side_score > 0 else right) * abs(side_score)
        target = vertices + open_score * opened + sideways
        turn = Rotation.from_rotvec([open_angle * open_score, side_angle * side_score, 0])
        rotation = turn.as_matrix()
        blend, shift = _jaw_blend(rotation, weights, pivot)
        back = np.linalg.solve(blend, (target - shift)[..., None])[..., 0]
        features.append((rotation - np.eye(3)).ravel())
        # Eyes, upper teeth and whatever the jaw's weight moves as a whole need no correction.
        skin = (weights > 0) & (weights < 1)
        reached = np.abs(opened).max(1) + np.abs(left).max(1) > 0
        wanted.append(np.where((skin | reached)[:, None], back - vertices, 0).ravel())
    matrix, values = np.array(features), np.array(wanted)
    solved = np.linalg.solve(matrix.T @ matrix + _JAW_RIDGE * np.eye(9), matrix.T @ values)
    correctives = solved.T.reshape(len(vertices), 3, 9)
    correctives[weights > 0.999] = 0
    return Jaw(open_angle, side_angle, correctives.astype(np.float32))


def _jaw_blend(
    rotation: np.ndarray, weights: np.ndarray, pivot: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Blended matrices [V, 3, 3] and shifts [V, 3] with the jaw turned by ``rotation``."""
    share = weights[:, None, None]
    blend = np.eye(3) * (1 - share) + share * rotation
    return blend, weights[:, None] * (pivot - rotation @ pivot)


def close_mouth(
    vertices: np.ndarray,
    units: np.ndarray,
    weights: np.ndarray,
    pivot: np.ndarray,
    jaw: Jaw,
    lips: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, float]:
    """mouthClose [V, 3] m that shuts the lips of a jaw opened by its joint; the scale it took.

    The sculpted unit closes the sculpted jawOpen. Skinning turns a shape with the jaw, so the unit
    is turned back first, and scaled until the ``lips``, rows of upper and lower landmarks as
    regressors [N, V], are as far apart as at rest.
    """
    rotation = Rotation.from_rotvec([jaw.open_angle, 0, 0]).as_matrix()
    blend, shift = _jaw_blend(rotation, weights, pivot)
    opened = vertices + jaw.correctives @ (rotation - np.eye(3)).ravel()
    unit = np.linalg.solve(blend, units[..., ARKIT_INDEX["mouthClose"]][..., None])[..., 0]

    def gaps(points: np.ndarray) -> np.ndarray:
        upper, lower = (matrix @ points for matrix in lips)
        return (upper - lower)[:, 1]

    def posed_gaps(scale: float) -> np.ndarray:
        shape = opened + scale * unit
        return gaps(np.einsum("vij,vj->vi", blend, shape) + shift)

    still, closed, wanted = posed_gaps(0.0), posed_gaps(1.0), gaps(vertices)
    slope = closed - still
    scale = float(slope @ (wanted - still) / (slope @ slope))
    return scale * unit, scale


def expression_components(units: np.ndarray) -> np.ndarray:
    """[V, 3, 10] m per standard deviation: principal components of plausible faces.

    Faces are drawn as mixes of the units, left and right nearly alike, most scores low.
    """
    rng = np.random.default_rng(_SEED)
    scores = np.zeros((_NUM_FACES, len(ARKIT_NAMES)))
    for row in scores:
        shared: dict[str, float] = {}
        for name, i_unit in ARKIT_INDEX.items():
            if name.startswith(_NOT_MIXED):
                continue
            stem = name.removesuffix("Left").removesuffix("Right")
            score = shared.setdefault(stem, rng.beta(0.5, 1.8))
            row[i_unit] = np.clip(score + (stem != name) * rng.normal(0, 0.08), 0, 1)
    flat = units.reshape(-1, len(ARKIT_NAMES))
    half = np.linalg.cholesky(np.cov(scores.T) + 1e-10 * np.eye(len(ARKIT_NAMES)))
    values, vectors = np.linalg.eigh(half.T @ (flat.T @ flat) @ half)
    strongest = np.argsort(values)[::-1][:NUM_EXPRESSION]
    mixes = half @ vectors[:, strongest]
    mixes *= np.sign(mixes[np.abs(mixes).argmax(0), np.arange(NUM_EXPRESSION)])
    return (flat @ mixes).reshape(*units.shape[:2], NUM_EXPRESSION)
