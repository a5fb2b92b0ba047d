"""Windows of faces as the real networks saw them, and the truth (drawn by face_takes.py)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from reelrig.core.lift import face as faces
from reelrig.core.lift.face import CalmFace
from reelrig.core.lift.sts.face_branch import FaceView, compare_with_calm

from .smooth import draw_times

HELD_OUT = 9  # takes whose number ends with it
_LEAST_PRESENCE = 0.5
_LARGEST_HEAD_MISS = 0.4  # rad, beyond it the networks saw something else
_SECONDS_BETWEEN_FACES = 0.35
_JITTER = 0.7  # of the difference between two looks at one face


@dataclass(frozen=True)
class FaceWindows:
    """B windows of T frames."""

    view: FaceView
    arkit: Tensor  # [B, T, 52] 0..1 the truth
    head: Tensor  # [B, T, 3, 3] view from joint, the truth

    def split_frames(self) -> FaceWindows:
        """Each frame a window of its own."""

        def split(values: Tensor) -> Tensor:
            return values.flatten(0, 1)[:, None]

        return FaceWindows(self.view.map(split), split(self.arkit), split(self.head))


@dataclass(frozen=True)
class FaceLooks:
    """G looks at N faces of one person each, and what that person is at rest."""

    at_rest: Tensor  # [G, N, 478, 3] m
    network: Tensor  # [G, N, 52]
    head: Tensor  # [G, N, 3, 3] by fitting
    size_px: Tensor  # [G, N]
    arkit: Tensor  # [G, N, 52] the truth
    true_head: Tensor  # [G, N, 3, 3]
    calm_points: Tensor  # [G, 478, 3]
    calm_scores: Tensor  # [G, 52]
    iris_height: Tensor  # [G]
    other: Tensor  # [G] int, another look at the same faces

    @classmethod
    def load(cls, folder: Path, *, held_out: bool) -> FaceLooks:
        paths = [
            path
            for path in sorted(folder.glob("take_*.npz"))
            if (int(path.stem[-4:]) % 10 == HELD_OUT) == held_out
        ]
        if not paths:
            raise SystemExit(f"{folder} has no takes. Run training.parts.face_takes.")
        looks: list[dict[str, Tensor]] = []
        for path in paths:
            kept = [look for look in _read_take(path) if look is not None]
            for i, look in enumerate(kept):
                look["other"] = torch.tensor(len(looks) - i + (i + 1) % len(kept))
                looks.append(look)
        columns = [torch.stack([look[f.name] for look in looks]) for f in fields(cls)]
        return cls(*columns)

    def all_faces(self) -> FaceWindows:
        """Every face as it was seen, a window each."""
        count = self.arkit.shape[1]
        rows = torch.arange(len(self.arkit)).repeat_interleave(count)
        flat = FaceWindows(
            self._view(
                rows,
                self.at_rest.flatten(0, 1),
                self.network.flatten(0, 1),
                self.head.flatten(0, 1),
                torch.zeros(len(rows)),
            ),
            self.arkit.flatten(0, 1),
            self.true_head.flatten(0, 1),
        )
        return FaceWindows(
            flat.view.map(lambda values: values[:, None]), flat.arkit[:, None], flat.head[:, None]
        )

    def draw(self, generator: Generator, num_windows: int, num_rows: int) -> FaceWindows:
        """People who go from one of their faces to the next, seen with the networks' jitter."""
        time_s = draw_times(generator, num_windows, num_rows)
        chosen = torch.randint(len(self.arkit), (num_windows, 1), generator=generator)
        pace = _SECONDS_BETWEEN_FACES * 3 ** (
            2 * torch.rand(num_windows, 1, generator=generator) - 1
        )
        phase = time_s / pace + torch.rand(num_windows, 1, generator=generator)
        num_faces = self.arkit.shape[1]
        keys = torch.randint(num_faces, (num_windows, int(phase.max()) + 2), generator=generator)
        before = phase.long()
        share = phase - before
        share = share**2 * (3 - 2 * share)
        first, second = keys.gather(1, before), keys.gather(1, before + 1)

        def blend(values: Tensor) -> Tensor:
            shares = share.reshape(*share.shape, *(1,) * (values.ndim - 2))
            return values[chosen, first].lerp(values[chosen, second], shares)

        shaken = torch.randint(num_faces, (num_windows, num_rows), generator=generator)
        amount = _JITTER * torch.rand(num_windows, 1, 1, generator=generator)

        def shake(values: Tensor) -> Tensor:
            """What two looks at a face differ by, without what they always differ by."""
            other = self.other[chosen]
            differences = values[chosen[:, 0]] - values[other[:, 0]]
            differences = differences - differences.mean(1, keepdim=True)
            picked = differences[torch.arange(num_windows)[:, None], shaken]
            return picked * amount.reshape(-1, *(1,) * (picked.ndim - 1))

        at_rest = blend(self.at_rest) + shake(self.at_rest)
        network = (blend(self.network) + shake(self.network)).clamp(0, 1)
        nearest = torch.where(share < 0.5, first, second)
        view = self._view(
            chosen.expand_as(shaken).flatten(),
            at_rest.flatten(0, 1),
            network.flatten(0, 1),
            self.head[chosen, nearest].flatten(0, 1),
            time_s.flatten(),
        )
        return FaceWindows(
            view.map(lambda values: values.unflatten(0, shaken.shape)),
            blend(self.arkit),
            self.true_head[chosen, nearest],
        )

    def _view(
        self, rows: Tensor, at_rest: Tensor, network: Tensor, head: Tensor, time_s: Tensor
    ) -> FaceView:
        calm = CalmFace(self.calm_points[rows], self.calm_scores[rows], self.iris_height[rows])
        size_px = self.size_px[rows, 0]
        return compare_with_calm(
            at_rest, network, calm, head, size_px, torch.ones(len(rows)), time_s
        )


def _read_take(path: Path) -> list[dict[str, Tensor] | None]:
    """A dictionary per size; None where a face was not found."""
    with np.load(path) as file:
        take = {key: torch.from_numpy(file[key]) for key in file.files}
    sizes = take["size_px"].unique_consecutive()
    per_size = len(take["size_px"]) // len(sizes)
    looks = []
    for rows in torch.arange(len(take["size_px"])).split(per_size):
        look = {key: values[rows] for key, values in take.items()}
        looks.append(_make_look(look))
    return looks


def _make_look(look: dict[str, Tensor]) -> dict[str, Tensor] | None:
    head = faces.head_rotation(look["points"])
    cosine = ((head * look["head"]).sum((1, 2)) - 1) / 2
    is_found = look["presence"].amin() > _LEAST_PRESENCE
    if not is_found or torch.acos(cosine.clamp(-1, 1)).amax() > _LARGEST_HEAD_MISS:
        return None
    at_rest = faces.face_in_rest_axes(look["points"], head)
    calm = CalmFace.among(at_rest, look["network"])
    return {
        "at_rest": at_rest,
        "network": look["network"],
        "head": head,
        "size_px": look["size_px"],
        "arkit": look["arkit"],
        "true_head": look["head"],
        "calm_points": calm.points,
        "calm_scores": calm.scores,
        "iris_height": calm.iris_height,
    }
