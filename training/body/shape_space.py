"""The ten betas: principal components of drawn adults in the rest pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUM_BETAS = 10
# In the rest pose the arms are levers: small differences of their length would fill the first
# components. So much of an arm's weight does not count.
_ARM_DISCOUNT = 0.85


@dataclass(frozen=True, eq=False)
class Samples:
    """Drawn adults, pelvis in place."""

    vertices: np.ndarray  # [S, V, 3] m
    joints: np.ndarray  # [S, 55, 3] m


def shape_components(
    samples: Samples, template: np.ndarray, arm_share: np.ndarray, triangles: np.ndarray
) -> np.ndarray:
    """[V, 3, 10] m per standard deviation.

    ``template`` [V, 3] m, ``arm_share`` [V] 0..1, how much of a vertex belongs to the arms,
    ``triangles`` [F, 3] of the skin. Signs: the first beta makes taller, the others heavier.
    """
    people = samples.vertices.reshape(len(samples.vertices), -1).astype(np.float64)
    people -= people.mean(0)
    counted = np.repeat(np.sqrt(1 - _ARM_DISCOUNT * np.clip(arm_share, 0, 1)), 3)
    gram = (people * counted) @ (people * counted).T
    values, vectors = np.linalg.eigh(gram)
    strongest = np.argsort(values)[::-1][:NUM_BETAS]
    dirs = (people.T @ vectors[:, strongest] / np.sqrt(len(people))).reshape(-1, 3, NUM_BETAS)
    skin = np.unique(triangles)
    for i_beta in range(NUM_BETAS):
        shape = template + dirs[..., i_beta]
        if i_beta == 0:
            grows = np.ptp(shape[skin, 1]) > np.ptp(template[skin, 1])
        else:
            grows = volume(shape, triangles) > volume(template, triangles)
        if not grows:
            dirs[..., i_beta] *= -1
    return dirs


def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """m^3 that closed ``triangles`` [F, 3] hold."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return float(np.sum(a * np.cross(b, c)) / 6)
