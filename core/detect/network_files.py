"""The networks' files: found, compared with their known sha256, read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import Tensor

from ..errors import ModelFileError

FOLDER = Path(__file__).parent / "weights"


def read_network_file(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The graph of the network (see network.py), and its constants as they are on disk."""
    path = FOLDER / f"{name}.safetensors"
    expected = _known_sha256()[path.name]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror}. Install Reelrig again."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise ModelFileError(
            f"{path} is damaged: its sha256 is {found}, {expected} was expected "
            f"({len(data)} bytes were read). Install Reelrig again."
        )
    # The layout of a .safetensors file: the size of its header in 8 bytes, the header as JSON.
    header_size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_size])
    return json.loads(header["__metadata__"]["network"]), load(data)


def _known_sha256() -> dict[str, str]:
    """File name -> sha256, as tools/convert_networks.py wrote them."""
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}
