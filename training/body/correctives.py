"""Pose correctives: what keeps flesh in shape where linear blend skinning collapses it.

SMPL-X's correctives are linear: joint j adds D_j (R_j - I) to the rest shape, D_j [3, 9] a vertex.
Each joint's D is found by posing it over its range and minimising the elastic energy of the skin
that comes out: triangles keep their size and shape, the surface keeps its curvature, the body keeps
its volume, and parts that meet in a bend press against each other instead of passing through. So D
is fitted to what flesh does, in the very form in which it will be used.

The energy follows the usual terms of discrete shells (Green strain of each triangle; difference of
the Laplacian, turned with the skin) plus volume and contact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from reelrig.core.body.skinning import pose_joints
from reelrig.core.skeletons import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS, PARENTS

from .bends import bend_of
from .joints import MIRRORED_JOINTS
from .skinning import blend_dual_quaternions, neighbour_mean

FEATURES = 9  # entries of R - I


_SEED = 7
_STEPS = 30
_CONTACT_FROM_DEG = 60.0
# Weights of the terms; each is a mean over the patch's area, free of units.
_STRAIN, _CURVATURE, _VOLUME, _CONTACT = 1.0, 6.0, 2.0, 10.0
_SQUEEZE = 0.2  # of the strain
_FLAT = 1e-4  # squared share of its area below which a triangle is flat
_LENGTH = 0.01  # m, the unit in which displacements are compared
_SMOOTHING_STEPS = 8
_RARE = 5e-3  # turns rarer than this in the poses get no large coefficients
_DROP = 5e-5  # m; entries below are noise


@dataclass(frozen=True, eq=False)
class Flesh:
    """The skin of the template that correctives are fitted on."""

    vertices: np.ndarray  # [V, 3] m
    quads: np.ndarray  # [Q, 4]
    weights: np.ndarray  # [V, 55]
    joints: np.ndarray  # [55, 3] m
    mirror: np.ndarray  # [V]


def fit_correctives(flesh: Flesh) -> np.ndarray:
    """[V, 3, 54, 9] m; the jaw and the eyes stay zero."""
    correctives = np.zeros((len(flesh.vertices), 3, NUM_JOINTS - 1, FEATURES), np.float32)
    for joint in JOINT_NAMES[1:]:
        if joint.startswith("right_") or joint == "jaw" or "eye" in joint:
            continue
        patch = _Patch(flesh, joint)
        correctives[patch.free, :, JOINT_INDEX[joint] - 1] = patch.fit()
    _mirror_left_to_right(correctives, flesh.mirror)
    correctives[np.abs(correctives) < _DROP] = 0
    return correctives


# R of the mirrored pose is M R M with M = diag(-1, 1, 1): which entries change sign.
_MIRROR_SIGNS = np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]], np.float32).ravel()
_MIRROR_X = np.array([-1, 1, 1], np.float32)


def _mirror_left_to_right(correctives: np.ndarray, mirror: np.ndarray) -> None:
    """Fill the right side's joints from the left's and make the middle ones symmetric, in place."""
    for i_joint, i_mirrored in enumerate(MIRRORED_JOINTS):
        name = JOINT_NAMES[i_joint]
        if i_joint == 0 or name.startswith("right_"):
            continue
        block = correctives[:, :, i_joint - 1]
        mirrored = block[mirror] * _MIRROR_X[:, None] * _MIRROR_SIGNS
        if i_joint == i_mirrored:
            correctives[:, :, i_joint - 1] = (block + mirrored) / 2
        else:
            correctives[:, :, i_mirrored - 1] = mirrored


class _Patch:
    """The piece of skin around one joint, posed over the joint's range."""

    def __init__(self, flesh: Flesh, joint: str) -> None:
        self.flesh, self.joint, self.bend = flesh, joint, bend_of(joint)
        rotations = torch.from_numpy(self._sample_rotations())
        self.features = (rotations - torch.eye(3)).flatten(2)  # [P, 55, 9]
        self.whitening = _whiten(self.features[:, JOINT_INDEX[joint]])
        smoother = neighbour_mean(flesh.quads, len(flesh.vertices))
        self.free, falloff = self._free_vertices(smoother)
        self.falloff = torch.from_numpy(np.float32(falloff))[:, None, None]
        triangles = np.concatenate([flesh.quads[:, [0, 1, 2]], flesh.quads[:, [0, 2, 3]]])
        moved = np.zeros(len(flesh.vertices), bool)
        moved[self.free] = True
        if self.bend.paired:
            moved[flesh.mirror[self.free]] = True
        # Everything that an energy term of a moving vertex looks at: two rings around.
        around = moved.copy()
        for _ in range(2):
            around |= smoother @ around.astype(float) > 0
        self.ids = np.flatnonzero(around)
        local = np.full(len(around), -1)
        local[self.ids] = np.arange(len(self.ids))
        self.triangles = torch.from_numpy(local[triangles[moved[triangles].any(1)]])
        self.moved = torch.from_numpy(local[np.flatnonzero(moved)])
        self.smoother = _to_torch(smoother[self.ids][:, self.ids])
        self.rest = torch.from_numpy(np.float32(flesh.vertices[self.ids]))
        self._pose(rotations)
        self._measure_rest()
        self._left = torch.from_numpy(local[self.free])
        self._right = torch.from_numpy(local[flesh.mirror[self.free]])
        self.start = self._fit_dual_quaternions(rotations)

    def _sample_rotations(self) -> np.ndarray:
        """[P, 55, 3, 3] float32: each main axis swept, and all axes drawn."""
        bend = self.bend
        rng = np.random.default_rng(_SEED)
        low, high = np.array(bend.low_deg), np.array(bend.high_deg)
        # Evenly in a ball, each half-axis stretched to its limit: no joint reaches all at once.
        ball = rng.normal(size=(bend.num_poses, 3))
        ball *= rng.uniform(size=(bend.num_poses, 1)) ** (1 / 3) / np.linalg.norm(
            ball, axis=1, keepdims=True
        )
        angles = np.where(ball < 0, -ball * low, ball * high)
        for i_axis, axis in enumerate(bend.main_axes):
            sweep = np.arange(i_axis, bend.num_poses, len(bend.main_axes) + 1)
            angles[sweep] = 0
            angles[sweep, axis] = np.linspace(low[axis], high[axis], len(sweep))
        rotations = np.tile(np.eye(3, dtype=np.float32), (bend.num_poses, NUM_JOINTS, 1, 1))
        i_joint = JOINT_INDEX[self.joint]
        rotations[:, i_joint] = _swing_twist(angles, bend.along)
        if bend.paired:
            # Together, apart, and one alone: flesh of both sides meets in the middle.
            other = np.where(np.arange(bend.num_poses)[:, None] % 3 == 2, 0, angles[:, :])
            other = other * [1, -1, -1]
            mirrored = MIRRORED_JOINTS[i_joint]
            rotations[:, mirrored] = _swing_twist(other, bend.along)
        return rotations

    def _free_vertices(self, smoother) -> tuple[np.ndarray, np.ndarray]:
        """Vertices [N] that the joint moves in part, rings around them; their freedom [N] 0..1."""
        i_joint = JOINT_INDEX[self.joint]
        below = [i for i in range(NUM_JOINTS) if _is_below(i, i_joint)]
        share = self.flesh.weights[:, below].sum(1)
        free = (share > 0.03) & (share < 0.97)
        freedom = free.astype(float)
        for i_ring in range(1, self.bend.rings):
            ring = ~free & (smoother @ free.astype(float) > 0)
            freedom[ring] = np.cos(np.pi / 2 * i_ring / self.bend.rings) ** 2
            free |= ring
        freedom = smoother @ freedom
        used = np.zeros(len(free), bool)
        used[self.flesh.quads] = True
        jaw = self.flesh.weights[:, JOINT_INDEX["jaw"]] > 0.02
        free &= used & ~jaw
        return np.flatnonzero(free), freedom[free]

    def _pose(self, rotations: Tensor) -> None:
        """Blended transforms of the patch's vertices in every pose."""
        joints = torch.from_numpy(np.float32(self.flesh.joints))
        places, turns = pose_joints(joints, rotations, torch.zeros(len(rotations), 3))
        offsets = places - (turns @ joints[..., None])[..., 0]
        self.joint_places = places
        weights = torch.from_numpy(np.float32(self.flesh.weights))
        transforms = torch.cat([turns, offsets[..., None]], -1).flatten(2)
        blended = (weights @ transforms).unflatten(-1, (3, 4))
        self.turn = blended[:, self.ids, :, :3].contiguous()
        self.shift = blended[:, self.ids, :, 3].contiguous()
        left, _, right = torch.linalg.svd(self.turn)
        self.rigid = left @ right
        rest = torch.from_numpy(np.float32(self.flesh.vertices))
        skin = torch.from_numpy(
            np.concatenate([self.flesh.quads[:, [0, 1, 2]], self.flesh.quads[:, [0, 2, 3]]])
        )
        posed = (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3]
        self.lost = _volume(rest[None], skin) - _volume(posed, skin)  # [P] m^3, by blending alone

    def _fit_dual_quaternions(self, rotations: Tensor) -> Tensor:
        """[N, 3, 9] m, D that comes closest to blending by dual quaternions: where the fit starts.

        They keep a twisted limb's thickness, which linear blending loses and elastic energy alone
        is slow to find.
        """
        joints = np.float64(self.flesh.joints)
        places, turns = (
            field.double().numpy()
            for field in pose_joints(
                torch.from_numpy(np.float32(joints)), rotations, torch.zeros(len(rotations), 3)
            )
        )
        weights = sp.csr_matrix(self.flesh.weights[self.free])
        rest, wanted = self.flesh.vertices[self.free], []
        for place, turn in zip(places, turns, strict=True):
            offsets = place - np.einsum("jab,jb->ja", turn, joints)
            bulged = blend_dual_quaternions(rest, weights, turn, offsets)
            mixed = (weights @ turn.reshape(-1, 9)).reshape(-1, 3, 3)
            away = bulged - np.einsum("vab,vb->va", mixed, rest) - weights @ offsets
            # A blend that is nearly flat cannot be undone: leave such a direction alone.
            wanted.append((np.linalg.pinv(mixed, rcond=0.2) @ away[..., None])[..., 0])
        features = self.features[:, JOINT_INDEX[self.joint]].double().numpy()
        normal = features.T @ features / len(features) + _RARE * np.eye(FEATURES)
        solved = np.linalg.solve(normal, features.T @ np.reshape(wanted, (len(wanted), -1)))
        dirs = (solved / len(features)).T.reshape(len(rest), 3, FEATURES)
        return torch.from_numpy(np.float32(dirs))

    def _measure_rest(self) -> None:
        corners = self.rest[self.triangles]
        edges = torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)
        along = edges[..., 0] / edges[..., 0].norm(dim=-1, keepdim=True)
        normal = torch.linalg.cross(edges[..., 0], edges[..., 1])
        self.area = normal.norm(dim=-1) / 2
        across = torch.linalg.cross(normal / normal.norm(dim=-1, keepdim=True), along)
        flat = torch.stack([along, across], -2) @ edges  # [F, 2, 2]
        self.flat_inverse = torch.linalg.inv(flat)
        self.laplacian = self.smoother @ self.rest - self.rest
        per_vertex = torch.zeros(len(self.rest))
        per_vertex.index_add_(0, self.triangles.flatten(), (self.area / 3).repeat_interleave(3))
        self.vertex_area = per_vertex[self.moved]
        self.total_area = self.area.sum()
        self.edge_length = edges.norm(dim=1).mean()

    def fit(self) -> np.ndarray:
        """[N, 3, 9] m, the joint's D at the free vertices."""
        unknown = torch.zeros(len(self.free), 3, FEATURES, requires_grad=True)
        optimiser = torch.optim.LBFGS(
            [unknown], max_iter=_STEPS, history_size=12, line_search_fn="strong_wolfe"
        )

        def energy() -> Tensor:
            optimiser.zero_grad()
            ridge = self.bend.ridge * unknown.square().sum((1, 2)).mean()
            value = self._energy(self._dirs(unknown)) + ridge
            value.backward()
            return value

        optimiser.step(energy)
        return self._dirs(unknown.detach()).numpy()

    def _dirs(self, unknown: Tensor) -> Tensor:
        """[N, 3, 9] m, D out of what is solved for, [N, 3, 9] in units of _LENGTH.

        Smooth over the skin, fading toward the patch's border, and counted along the poses' own
        principal directions: so that all unknowns weigh alike, which the solver needs.
        """
        field = torch.zeros(len(self.rest), 3 * FEATURES).index_add(
            0, self._left, unknown.flatten(1)
        )
        for _ in range(_SMOOTHING_STEPS):
            field = (field + self.smoother @ field) / 2
        smooth = field[self._left].unflatten(1, (3, FEATURES))
        return self.falloff * (self.start + _LENGTH * smooth @ self.whitening)

    def _displace(self, dirs: Tensor) -> Tensor:
        """[P, N, 3] m, the rest shape's change in every pose."""
        i_joint = JOINT_INDEX[self.joint]
        shift = torch.zeros(len(self.features), *self.rest.shape)
        left = torch.einsum("vcf,pf->pvc", dirs, self.features[:, i_joint])
        shift = shift.index_add(1, self._left, left)
        if self.bend.paired:
            signs, flip = torch.from_numpy(_MIRROR_SIGNS), torch.from_numpy(_MIRROR_X)
            features = self.features[:, MIRRORED_JOINTS[i_joint]] * signs
            right = torch.einsum("vcf,pf->pvc", dirs, features) * flip
            shift = shift.index_add(1, self._right, right)
        return shift

    def _energy(self, dirs: Tensor) -> Tensor:
        shape = self.rest + self._displace(dirs)
        posed = (self.turn @ shape[..., None])[..., 0] + self.shift
        return (
            _STRAIN * self._strain(posed)
            + _CURVATURE * self._bending(posed)
            + _VOLUME * self._volume_change(posed)
            + _CONTACT * self._overlap(posed)
        )

    def _strain(self, posed: Tensor) -> Tensor:
        corners = posed[:, self.triangles]
        edges = torch.stack(
            [corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]], -1
        )
        gradient = edges @ self.flat_inverse
        metric = gradient.mT @ gradient
        strain = (metric - torch.eye(2)).square().sum((-1, -2)) / 4
        # Green strain hardly minds a triangle pressed to nothing; its area's logarithm does.
        squeeze = torch.linalg.det(metric).clamp_min(_FLAT).log().square() / 4
        energy = self.area * (strain + _SQUEEZE * squeeze)
        return energy.sum(-1).mean() / self.total_area

    def _bending(self, posed: Tensor) -> Tensor:
        flat = posed.transpose(0, 1).flatten(1)
        curved = (self.smoother @ flat).unflatten(1, (-1, 3)).transpose(0, 1) - posed
        wanted = (self.rigid @ self.laplacian[..., None])[..., 0]
        change = (curved - wanted)[:, self.moved].square().sum(-1) / self.edge_length**2
        return (self.vertex_area * change).sum(-1).mean() / self.total_area

    def _volume_change(self, posed: Tensor) -> Tensor:
        """Squared change of volume, as a mean displacement of the patch over 1 cm."""
        blended = (self.turn @ self.rest[..., None])[..., 0] + self.shift
        gained = _volume(posed, self.triangles) - _volume(blended, self.triangles)
        return ((gained - self.lost) / self.total_area / _LENGTH).square().mean()

    def _overlap(self, posed: Tensor) -> Tensor:
        """Squared depth (over 1 cm) to which the bend's sides pass through their meeting plane."""
        if self.bend.contact is None:
            return posed.new_zeros(())
        total = posed.new_zeros(())
        sides = ("left", "right") if self.bend.paired else ("left",)
        for side in sides:
            total = total + self._overlap_of(side, posed)
        return total / len(sides)

    def _overlap_of(self, side: str, posed: Tensor) -> Tensor:
        assert self.bend.contact is not None
        stem = self.joint.removeprefix("left_")
        here = self.joint_places[:, JOINT_INDEX[f"{side}_{stem}"]]
        upper, lower = (_unit(self._place(name, side) - here) for name in self.bend.contact)
        folded = torch.arccos((upper * lower).sum(-1).clamp(-1, 1))
        is_bent = folded < np.radians(180 - _CONTACT_FROM_DEG)
        inside, normal = _unit(upper + lower), _unit(lower - upper)
        i_joint = JOINT_INDEX[f"{side}_{stem}"]
        below = [i for i in range(NUM_JOINTS) if _is_below(i, i_joint)]
        share = self.flesh.weights[self.ids][:, below].sum(1)
        which = torch.from_numpy(np.float32(2 * share - 1))[self.moved]
        near = posed[:, self.moved] - here[:, None]
        depth = -(near @ normal[..., None])[..., 0] * which.sign()
        # Both limits are faded, or the solver would stumble over their edges.
        is_inside = ((near @ inside[..., None])[..., 0] / _LENGTH).clamp(0, 1)
        is_near = (1 - (near.norm(dim=-1) / self.bend.contact_radius).square()).clamp_min(0)
        pressed = depth.clamp_min(0) * is_inside * is_bent[:, None]
        weight = self.vertex_area * which.abs() * is_near
        return (weight * (pressed / _LENGTH).square()).sum(-1).mean() / self.total_area

    def _place(self, name: str, side: str) -> Tensor:
        name = name.replace("left_", f"{side}_")
        full = name if name in JOINT_INDEX else f"{side}_{name}"
        return self.joint_places[:, JOINT_INDEX[full]]


def _swing_twist(angles_deg: np.ndarray, along: int) -> np.ndarray:
    """[P, 3, 3] a turn about the axis ``along``, then one about the two others [P, 3]."""
    twist = angles_deg * np.eye(3)[along]
    swing = Rotation.from_rotvec(angles_deg - twist, degrees=True)
    return (swing * Rotation.from_rotvec(twist, degrees=True)).as_matrix()


def _whiten(features: Tensor) -> Tensor:
    """[9, 9] takes unknowns of equal weight to the coefficients of ``features`` [P, 9]."""
    values, vectors = torch.linalg.eigh(features.T @ features / len(features))
    return vectors @ torch.diag((values + _RARE).rsqrt()) @ vectors.T


def _is_below(i_joint: int, root: int) -> bool:
    while i_joint > root:
        i_joint = PARENTS[i_joint]
    return i_joint == root


def _unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-9)


def _volume(vertices: Tensor, triangles: Tensor) -> Tensor:
    """[P] m^3, signed volume between the triangles and the origin."""
    a, b, c = vertices[:, triangles].unbind(2)
    return (a * torch.linalg.cross(b, c)).sum((-1, -2)) / 6


def _to_torch(matrix) -> Tensor:
    matrix = matrix.tocoo()
    places = torch.from_numpy(np.stack([matrix.row, matrix.col]).astype(np.int64))
    values = torch.from_numpy(np.float32(matrix.data))
    return torch.sparse_coo_tensor(places, values, matrix.shape, check_invariants=True).coalesce()
