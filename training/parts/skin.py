"""What errors of scores do to the face, and what the face's branch is told about them."""

from __future__ import annotations

import torch
from torch import Tensor

from reelrig.core.lift.rest import reference_body
from reelrig.core.lift.sts.face_branch import FaceOutput
from reelrig.core.skeletons import ARKIT_INDEX

from .face_windows import FaceWindows
from .fit import Losses

# Skin in millimetres, scores 0..1, turns as matrices.
_WEIGHTS = {"skin": 1.0, "scores": 8.0, "head": 20.0, "tremble": 0.5}
_SIGMA_WEIGHT = 0.05
_BEYOND = 0.1  # slope of a score beyond 0..1: it may lie there, but not far
_LEAST_MM = 0.05
# Lids are few among the landmarks and matter most: a blink is seen from afar.
_LID_WEIGHT, _LID_MOVE_MM = 3.0, 1.5


class Skin:
    """What scores do to the face's landmarks."""

    def __init__(self) -> None:
        body = reference_body()
        assert body.arkit_dirs is not None  # the shipped body has them
        self.dirs = 1000 * torch.from_numpy(body.on_face_landmarks(body.arkit_dirs))
        blinks = [ARKIT_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
        is_lid = torch.linalg.vector_norm(self.dirs[..., blinks], dim=1).amax(1) > _LID_MOVE_MM
        self.weight = torch.where(is_lid, _LID_WEIGHT, 1.0)
        self.weight = self.weight / self.weight.mean()

    def miss_mm(self, scores: Tensor) -> Tensor:
        """[..., 478] mm, how far scores [..., 52] move the landmarks."""
        moved = (scores @ self.dirs.flatten(0, 1).T).unflatten(-1, self.dirs.shape[:2])
        return (moved.square().sum(-1) + _LEAST_MM**2).sqrt()

    def losses(self, found: FaceOutput, windows: FaceWindows) -> Losses:
        """Skin, scores and head, movement against the true movement, uncertainty."""
        inside = found.arkit.clamp(0, 1)
        miss = inside + _BEYOND * (found.arkit - inside) - windows.arkit
        turn = found.head - windows.head
        misses = {
            "skin": (self.weight * self.miss_mm(miss)).mean(),
            "scores": miss.square().mean(),
            "head": turn.square().mean(),
            "tremble": self._tremble(miss),
        }
        losses = {name: _WEIGHTS[name] * value for name, value in misses.items()}
        squares = torch.cat([0.5 * turn.square().sum((-1, -2))[..., None], miss.square()], -1)
        surprise = 0.5 * squares.detach() / found.sigma.square() + found.sigma.log()
        return losses | {"sigma": _SIGMA_WEIGHT * surprise.mean()}

    def _tremble(self, miss: Tensor) -> Tensor:
        if miss.shape[1] < 3:
            return miss.new_zeros(())
        return self.miss_mm(miss[:, 2:] - 2 * miss[:, 1:-1] + miss[:, :-2]).mean()
