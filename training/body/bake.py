"""The free body, from MakeHuman's CC0 data to core/body/free_body.npz and its light version.

``python -m training.body.bake [--output FOLDER]`` takes some minutes on two cores. The same input
gives the same bytes on the same machine; tests/training/test_bake.py bakes again and compares.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from reelrig.core.body.model import FREE_BODY_PATH, LIGHT_BODY_PATH
from reelrig.core.body.skinning import pose_joints
from reelrig.core.skeletons import (
    ARKIT_INDEX,
    ARKIT_NAMES,
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
)

from . import expressions
from .correctives import Flesh, fit_correctives
from .expressions import Jaw
from .geometry import build_geometry
from .joints import MIRRORED_JOINTS, PELVIS, JointFinder, fit_regressor, mirror_joints
from .landmarks import face_landmarks, landmark_arrays, lip_regressors
from .light import Light, light_map
from .neutral import NEUTRAL
from .phenotype import People, Phenotype
from .pieces import MATERIALS, PARTS, Geometry
from .population import draw_people
from .poses import Pose, Turns
from .rest_pose import RestPoser
from .shape_space import Samples, shape_components
from .sliders import read_sliders
from .source import Source
from .vertex_order import order_vertices
from .weights import limit_influences, skin_weights
from .write import PLACE_STEP, hand_arrays, rounded, skin_arrays, tree_arrays, write_body

NUM_SAMPLES, SEED = 400, 1
NUM_CHECKED, CHECK_SEED = 200, 99  # people that the regressor is measured on
NUM_REGRESSOR_SHAPES = 120
MAX_INFLUENCES = 8
# Columns of shapedirs: SMPL-X has betas from 0 and expression from 300; the rest is ours.
NUM_COLUMNS, EXPRESSION_FIRST, ARKIT_FIRST, SLIDER_FIRST = 400, 300, 310, 362
NUM_LIGHT_VERTICES = 3000
_LIGHT_POSES: tuple[Turns, ...] = (
    {"hip": (-90, 10, 5), "knee": (90, 0, 0), "elbow": (0, -90, 0)},
    {"shoulder": (0, 0, -75), "spine2": (30, 0, 0)},
    {f"{f}{i}": (0, 0, -70) for f in ("index", "middle", "ring", "pinky") for i in (1, 2, 3)},
)
_LIGHT_UNITS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight")
_REST_MOUTH_CLOSE = 0.06  # of a full mouthClose
_LICENSE = "CC0-1.0 (MakeHuman / MPFB2 core assets, Face Units 01; see Reelrig's NOTICE)"
_MIRROR_X = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Person:
    """A person in the rest pose, the pelvis in its place."""

    vertices: np.ndarray  # [19158, 3] m
    joints: np.ndarray  # [55, 3] m


class Bake:
    """The steps of the bake, each made once when it is first asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.people = People(source)
        self.poser = RestPoser(source)
        self.finder = JointFinder(source)

    def person(self, phenotype: Phenotype) -> Person:
        rest = self.poser.pose(self.people.vertices(phenotype))
        joints = self.finder.joints(rest)
        shift = PELVIS - joints[0]
        vertices, joints = rest.vertices + self._lips_shut + shift, joints + shift
        mirrored = vertices[self.source.base.mirror] * _MIRROR_X
        return Person((vertices + mirrored) / 2, (joints + mirror_joints(joints)) / 2)

    @cached_property
    def _lips_shut(self) -> np.ndarray:
        """[19158, 3] m, what shuts the slit between MakeHuman's lips, through which teeth show."""
        return _REST_MOUTH_CLOSE * self.source.face_unit("mouthClose")

    @cached_property
    def neutral(self) -> Person:
        return self.person(NEUTRAL)

    @cached_property
    def geometry(self) -> Geometry:
        return build_geometry(self.source.base, self.neutral.vertices)

    @cached_property
    def template(self) -> np.ndarray:
        """[V, 3] m"""
        return self.geometry.attach @ self.neutral.vertices

    @cached_property
    def is_skin(self) -> np.ndarray:
        return self.geometry.part == PARTS.index("body skin")

    @cached_property
    def triangles(self) -> np.ndarray:
        return _split_quads(self.geometry.quads)

    @cached_property
    def weights(self) -> np.ndarray:
        """[V, 55]"""
        mixed = self.geometry.attach @ skin_weights(self.source, self.finder)
        return limit_influences(np.maximum(mixed, 0), MAX_INFLUENCES)

    @cached_property
    def samples(self) -> Samples:
        people = [self.person(phenotype) for phenotype in draw_people(NUM_SAMPLES, SEED)]
        vertices = [np.float32(self.geometry.attach @ person.vertices) for person in people]
        return Samples(np.stack(vertices), np.stack([person.joints for person in people]))

    @property
    def _regressor_samples(self) -> slice:
        return slice(0, NUM_SAMPLES, NUM_SAMPLES // NUM_REGRESSOR_SHAPES)

    @cached_property
    def _regressor_shapes(self) -> np.ndarray:
        """[S, V, 3] m: the template, drawn people, the sliders' ends."""
        ends = [self.geometry.attach @ person.vertices for person in self.slider_people]
        drawn = self.samples.vertices[self._regressor_samples]
        return np.concatenate([self.template[None], drawn, np.stack(ends)])

    @cached_property
    def regressor(self) -> np.ndarray:
        """[55, V]"""
        joints = [self.neutral.joints[None], self.samples.joints[self._regressor_samples]]
        joints += [np.stack([person.joints for person in self.slider_people])]
        shapes, joints = self._regressor_shapes, np.concatenate(joints)
        fitted = fit_regressor(shapes, joints, self.weights, self.is_skin)
        return (fitted + fitted[MIRRORED_JOINTS][:, self.geometry.mirror]) / 2

    def template_joint_errors(self) -> np.ndarray:
        """[55] m, from where the bake put the neutral person's joints."""
        return np.linalg.norm(self.joints - self.neutral.joints, axis=1)

    def joint_errors(self, phenotypes: list[Phenotype]) -> np.ndarray:
        """[55] m, rms over people of the joints found from their skin."""
        people = [self.person(phenotype) for phenotype in phenotypes]
        found = [self.regressor @ (self.geometry.attach @ person.vertices) for person in people]
        off = np.stack(found) - np.stack([person.joints for person in people])
        return np.sqrt(np.mean(np.square(off).sum(-1), axis=0))

    @cached_property
    def joints(self) -> np.ndarray:
        """[55, 3] m, of the template, as every reader of the file will find them."""
        return self.regressor @ self.template

    @cached_property
    def beta_dirs(self) -> np.ndarray:
        """[V, 3, 10] m; they leave the pelvis where it is."""
        arms = [i for i, name in enumerate(JOINT_NAMES) if _is_arm(name)]
        share = self.weights[:, arms].sum(1)
        skin = self.triangles[self.is_skin[self.triangles].all(1)]
        dirs = self._symmetric(shape_components(self.samples, self.template, share, skin))
        return dirs - np.einsum("v,vcb->cb", self.regressor[0], dirs)

    @cached_property
    def sliders(self) -> dict[str, tuple[Phenotype, Phenotype]]:
        return read_sliders()

    @cached_property
    def slider_people(self) -> list[Person]:
        """[2 S] each slider's person at +1, then the one at -1."""
        return [self.person(end) for pair in self.sliders.values() for end in pair]

    @cached_property
    def slider_dirs(self) -> np.ndarray:
        """[V, 3, S, 2] m at +1 and -1."""
        ends = [self.geometry.attach @ person.vertices for person in self.slider_people]
        dirs = (np.stack(ends) - self.template).reshape(len(self.sliders), 2, *self.template.shape)
        dirs = dirs.transpose(2, 3, 0, 1)
        return dirs - np.einsum("v,vcse->cse", self.regressor[0], dirs)

    @cached_property
    def sculpted_units(self) -> np.ndarray:
        """[V, 3, 52] m, the ARKit units as they were modelled."""
        units = expressions.arkit_units(self.source)
        return np.stack([self.geometry.attach @ units[..., i] for i in range(units.shape[2])], -1)

    @cached_property
    def jaw(self) -> Jaw:
        i_jaw = JOINT_INDEX["jaw"]
        teeth = np.flatnonzero(self.geometry.part == PARTS.index("lower teeth"))
        return expressions.fit_jaw(
            self.template, self.sculpted_units, self.weights[:, i_jaw], self.joints[i_jaw], teeth
        )

    @cached_property
    def arkit_dirs(self) -> np.ndarray:
        """[V, 3, 52] m, mouthClose made for a jaw that its joint opened."""
        i_jaw = JOINT_INDEX["jaw"]
        units = self.sculpted_units.copy()
        closing, _ = expressions.close_mouth(
            self.template,
            units,
            self.weights[:, i_jaw],
            self.joints[i_jaw],
            self.jaw,
            lip_regressors(self.geometry.base_vertex),
        )
        units[..., ARKIT_INDEX["mouthClose"]] = closing
        return units

    @cached_property
    def correctives(self) -> np.ndarray:
        """[V, 3, 54, 9] m; hairs follow the skin that they grow on."""
        skin = np.flatnonzero(self.is_skin)
        flesh = Flesh(
            vertices=self.template[skin],
            quads=self.geometry.quads[self.is_skin[self.geometry.quads].all(1)],
            weights=self.weights[skin],
            joints=self.joints,
            mirror=self.geometry.mirror[skin],
        )
        on_skin = fit_correctives(flesh)
        on_base = np.zeros((len(self.source.base.vertices), on_skin[0].size), np.float32)
        on_base[self.geometry.base_vertex[skin]] = on_skin.reshape(len(skin), -1)
        correctives = (self.geometry.attach @ on_base).reshape(-1, *on_skin.shape[1:])
        correctives[:, :, JOINT_INDEX["jaw"] - 1] += self.jaw.correctives
        return correctives

    def _symmetric(self, dirs: np.ndarray) -> np.ndarray:
        mirrored = dirs[self.geometry.mirror] * _MIRROR_X.reshape(3, *[1] * (dirs.ndim - 2))
        return (dirs + mirrored) / 2

    @cached_property
    def shape_dirs(self) -> np.ndarray:
        """[V, 3, 400] m"""
        shape_dirs = np.zeros((len(self.template), 3, NUM_COLUMNS))
        for first, dirs in (
            (0, self.beta_dirs),
            (EXPRESSION_FIRST, self._symmetric(expressions.expression_components(self.arkit_dirs))),
            (ARKIT_FIRST, self.arkit_dirs),
            (SLIDER_FIRST, self.slider_dirs.reshape(len(self.template), 3, -1)),
        ):
            shape_dirs[:, :, first : first + dirs.shape[2]] = dirs
        return shape_dirs

    def full_arrays(self) -> dict[str, np.ndarray]:
        """Everything in the full body's file, by key."""
        order = order_vertices(self.geometry, self.template, self.joints, self.weights)
        place_of = np.argsort(order)
        faces = place_of[self.triangles].astype(np.uint32)
        base_vertex = self.geometry.base_vertex[order].astype(np.int32)
        skin = skin_arrays(
            self.template[order],
            self.shape_dirs[order],
            self.correctives[order],
            self.weights[order],
        )
        surface = (skin["v_template"], faces, skin["weights"], base_vertex)
        return {
            **skin,
            "f": faces,
            "J_regressor": self.regressor[:, order].astype(np.float32),
            **self._texture_arrays(place_of),
            "face_materials": np.tile(self.geometry.materials, 2).astype(np.uint8),
            **self._shared_arrays(),
            **landmark_arrays(*surface),
            **face_landmarks(*surface),
            "base_vertex": base_vertex,
        }

    def light_arrays(self) -> dict[str, np.ndarray]:
        """Everything in the light body's file, by key."""
        light = self.light
        weights = limit_influences(np.maximum(light.from_full @ self.weights, 0), MAX_INFLUENCES)
        flat_dirs = self.shape_dirs.reshape(len(self.template), -1)
        flat_correctives = self.correctives.reshape(len(self.template), -1)
        count = len(weights)
        return {
            **skin_arrays(
                light.from_full @ self.template,
                (light.from_full @ flat_dirs).reshape(count, 3, -1),
                (light.from_full @ flat_correctives).reshape(count, *self.correctives.shape[1:]),
                weights,
            ),
            "f": light.faces.astype(np.uint32),
            "J_regressor": self._light_regressor(weights).astype(np.float32),
            "face_materials": light.materials.astype(np.uint8),
            **self._shared_arrays(),
        }

    @cached_property
    def light(self) -> Light:
        """It must look right in poses and with expressions too."""
        shapes = [self.template, *(self._posed(turns) for turns in _LIGHT_POSES)]
        for unit in _LIGHT_UNITS:
            shapes.append(self.template + self.arkit_dirs[..., ARKIT_INDEX[unit]])
        steps = rounded(np.stack(shapes), PLACE_STEP).astype(np.float64)
        return light_map(self.geometry, steps, self.weights, NUM_LIGHT_VERTICES)

    def _posed(self, turns: Turns) -> np.ndarray:
        """[V, 3] m, the full body's skin in a pose, without correctives.

        Those may differ a little between machines, and the choice of vertices must not.
        """
        rotations = Pose("", turns, {}).rotations(0.0)
        joints = self.neutral.joints
        places, world = (
            field[0].numpy()
            for field in pose_joints(
                torch.from_numpy(joints), torch.from_numpy(rotations)[None], torch.zeros(1, 3)
            )
        )
        offsets = places - np.einsum("jab,jb->ja", world, joints)
        blended = np.tensordot(self.weights, world, 1)
        return np.einsum("vab,vb->va", blended, self.template) + self.weights @ offsets

    def _light_regressor(self, weights: np.ndarray) -> np.ndarray:
        """[55, Vl] that finds the full body's joints."""
        light, shapes = self.light, self._regressor_shapes
        joints = np.einsum("jv,svc->sjc", self.regressor, shapes)
        skin = light.from_full @ self.is_skin.astype(float) > 0.999
        fitted = fit_regressor(
            np.stack([light.from_full @ s for s in shapes]), joints, weights, skin
        )
        return (fitted + fitted[MIRRORED_JOINTS][:, light.mirror]) / 2

    def _shared_arrays(self) -> dict[str, np.ndarray]:
        return {
            **tree_arrays(),
            **hand_arrays(),
            "arkit_names": np.array(ARKIT_NAMES),
            "arkit_first": np.array(ARKIT_FIRST),
            "slider_names": np.array(list(self.sliders)),
            "slider_first": np.array(SLIDER_FIRST),
            "jaw_open_angle": np.array(self.jaw.open_angle, np.float32),
            "jaw_side_angle": np.array(self.jaw.side_angle, np.float32),
            "material_names": np.array(MATERIALS),
            "license": np.array(_LICENSE),
        }

    def _texture_arrays(self, place_of: np.ndarray) -> dict[str, np.ndarray]:
        uv_quads = self.geometry.quads_uv
        return {
            "vt": self.geometry.uv.astype(np.float32),
            "ft": _split_quads(uv_quads).astype(np.uint32),
            "quads": place_of[self.geometry.quads].astype(np.uint32),
            "quads_uv": uv_quads.astype(np.uint32),
        }


def _split_quads(quads: np.ndarray) -> np.ndarray:
    """[2 Q, 3] triangles 0-1-2 of all quads [Q, 4], then 0-2-3 of all."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _is_arm(joint: str) -> bool:
    i_joint = JOINT_INDEX[joint]
    shoulders = {JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]}
    while i_joint > 0 and i_joint not in shoulders:
        i_joint = PARENTS[i_joint]
    return i_joint in shoulders


def main() -> None:
    """Bake and write the free body."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--output", type=Path, default=FREE_BODY_PATH.parent, help="folder")
    args = parser.parse_args()
    start = time.monotonic()
    bake = Bake(Source())
    write_body(args.output / FREE_BODY_PATH.name, bake.full_arrays())
    write_body(args.output / LIGHT_BODY_PATH.name, bake.light_arrays())
    print(f"Baked both bodies into {args.output} in {time.monotonic() - start:.0f} s.")
    off_mm = 1e3 * bake.joint_errors(draw_people(NUM_CHECKED, CHECK_SEED))
    print(f"Joints of the template: {1e3 * bake.template_joint_errors().max():.2f} mm off at most.")
    worst = off_mm.argmax()
    print(
        f"Joints of {NUM_CHECKED} people not used: {np.sqrt(np.mean(off_mm**2)):.1f} mm rms, "
        f"at worst {JOINT_NAMES[worst]} {off_mm[worst]:.1f} mm."
    )


if __name__ == "__main__":
    main()
