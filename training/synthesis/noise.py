"""How the detector errs: whole sequences of its errors, to be laid over other people's landmarks.

Errors are kept as they were measured on rendered people, with the confidence that went with them
and in their order of time, so that jitter, slow drifts, swaps of left and right and lost hands come
as they come from the networks. They are kept by heading: backs are seen otherwise than fronts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NUM_HEADINGS = 8


@dataclass(frozen=True, eq=False)
class ErrorBank:
    """S sequences of T rows; 45 landmarks as skeleton.SEEN_LANDMARKS, 33 of them the body's."""

    picture: Tensor  # [S, T, 45, 2] in halves of the person's box
    hints: Tensor  # [S, T, 33, 3] m, in the body's own axes
    palms: Tensor  # [S, T, 2, 6, 3] in lengths of the palm, in the palm's own axes
    heads: Tensor  # [S, T, 3, 3] true head from seen head
    confidence: Tensor  # [S, T, 33]
    palm_confidence: Tensor  # [S, T, 2]
    head_confidence: Tensor  # [S, T]
    heading: Tensor  # [S] int, eighth of a turn that the body is turned by in the picture

    def draw(self, generator: torch.Generator, headings: Tensor, num_rows: int) -> ErrorBank:
        """A sequence of ``num_rows`` rows for each of ``headings`` [B], of the same heading."""
        noise = torch.rand(len(headings), len(self.heading), generator=generator)
        far = (self.heading[None] != headings[:, None]).float()
        chosen = (noise + far).argmin(1)
        longest = self.picture.shape[1]
        # Short of rows, a sequence runs back and forth.
        rows = torch.arange(num_rows)[None] + torch.randint(
            0, 2 * longest, (len(headings), 1), generator=generator
        )
        rows = rows % (2 * longest)
        rows = torch.where(rows < longest, rows, 2 * longest - 1 - rows)
        at = (chosen[:, None], rows)
        return ErrorBank(
            picture=self.picture[at].float(),
            hints=self.hints[at].float(),
            palms=self.palms[at].float(),
            heads=self.heads[at].float(),
            confidence=self.confidence[at].float(),
            palm_confidence=self.palm_confidence[at].float(),
            head_confidence=self.head_confidence[at].float(),
            heading=headings,
        )


def heading_of(camera_from_pelvis: Tensor) -> Tensor:
    """[B] int, eighth of a turn that the body [B, T, 3, 3] is turned by in the middle row."""
    middle = camera_from_pelvis[:, camera_from_pelvis.shape[1] // 2]
    forward = middle[:, :, 2]
    angle = torch.atan2(forward[:, 0], -forward[:, 2])
    return ((angle / (2 * torch.pi) + 1.0) * NUM_HEADINGS).round().long() % NUM_HEADINGS
