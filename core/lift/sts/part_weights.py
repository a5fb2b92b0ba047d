"""The weights of the partial branches, as they are shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ...errors import ModelFileError
from .face_branch import FaceBranch
from .hand_branch import HandBranch

FOLDER = Path(__file__).parents[1] / "weights"


@cache
def load_hand_branch() -> HandBranch:
    branch = HandBranch()
    load_into(branch, FOLDER / "hands.safetensors")
    return branch


@cache
def load_face_branch() -> FaceBranch:
    branch = FaceBranch()
    load_into(branch, FOLDER / "face.safetensors")
    return branch


def load_into(branch: nn.Module, path: Path) -> None:
    """Fill ``branch`` with the weights of the file, ready to be used."""
    try:
        branch.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path} cannot be read: {error}. Install Reelrig again.") from error
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} holds other weights than expected: {error}. Install Reelrig again."
        ) from error
    branch.requires_grad_(False).eval()
