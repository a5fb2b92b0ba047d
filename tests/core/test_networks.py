"""The converted networks: what they compute, whole and in part, and what a damaged file says."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from core.detect import network_files, onednn
from core.detect.network import Network
from core.errors import ModelFileError

CPU = torch.device("cpu")

# What the .tflite files give for `picture` of the astronaut: values spread evenly over each
# output, by ai-edge-litert 2.3.0:
#     interpreter = Interpreter("pose_landmark_lite.tflite")
#     interpreter.allocate_tensors()
#     interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[None])
#     interpreter.invoke()
#     flat = interpreter.get_tensor(output["index"]).reshape(-1)  # heatmap: channels first
#     flat[np.linspace(0, len(flat) - 1, 5).astype(int)]
EXPECTED: dict[str, dict[str, tuple[float, ...]]] = {
    "person_detector": {
        "boxes": (-1.64842, -12.1533, 56.0231, 162.17, 0.152718),
        "scores": (-86.9789, -9.2774, -104.372, -122.373, -37.3727),
    },
    "pose_lite": {
        "landmarks": (112.47, 11.5102, -270.021, 134.742, 6.15859),
        "presence": (0.987021,),
        "segmentation": (-10.7299, -37.7998, -37.3732, -36.4577, -1.87488),
        "heatmap": (-11.325, -13.2719, -10.3962, -11.3147, -9.72314),
        "world": (0.0873587, -0.533117, 0.15101, 0.296708, 0.393355),
    },
    "pose_full": {
        "landmarks": (117.277, 11.1833, -362.975, 119.394, 5.5634),
        "presence": (0.969129,),
        "segmentation": (-76.3183, -12.7956, -12.6701, -12.5736, -7.02403),
        "heatmap": (-21.639, -16.4465, -11.1162, -9.40323, -8.4909),
        "world": (0.1056, -0.42517, 0.00237532, 0.143371, -0.236639),
    },
    "pose_heavy": {
        "landmarks": (110.894, 14.1424, -208.245, 115.158, 10.2448),
        "presence": (1,),
        "segmentation": (1.06876, -13.5162, -13.8961, -13.8476, -3.53358),
        "heatmap": (-20.035, -8.71738, -11.3472, -27.9599, -25.3831),
        "world": (0.0465313, -0.493536, 0.211576, 0.0964908, 0.876735),
    },
    "palm_detector": {
        "boxes": (-2.65522, 5.74065, -1.05933, 28.9403, 4.13072),
        "scores": (-4.36435, -7.42961, -5.94528, -9.24428, -12.0689),
    },
    "hand_landmarks": {
        "landmarks": (107.268, 108.51, 97.2592, 106.947, -10.5299),
        "presence": (0.000154078,),
        "handedness": (0.391814,),
        "world": (-0.00259874, -0.013375, -0.0642569, -0.0558928, 0.0439224),
    },
    "hand_recrop": {
        "region": (124.06, 124.06, 136.587, 129.951, 222.086),
    },
    "face_detector": {
        "boxes": (1.06664, -6.12664, -0.175682, -21.5453, 0.184523),
        "scores": (-3.68986, -4.74411, -2.92083, -57.466, -56.4985),
    },
    "face_mesh": {
        "landmarks": (147.87, 125.589, -37.0296, 178.263, 0.793033),
        "presence": (25.0926,),
    },
    "face_blendshapes": {
        "scores": (4.277e-05, 0.0046272, 0.351539, 0.684901, 2.75065e-05),
    },
}
# The logits of a mask reach 1000 where there is no doubt, and are then badly conditioned.
TOLERANCES = {"segmentation": 1e-2}


@cache
def network(name: str) -> Network:
    return Network(name, CPU, torch.float32)


@cache
def picture(name: str) -> Tensor:
    """[1, *input_shape]: the astronaut, or her face, without any interpolation."""
    if name == "face_blendshapes":
        landmarks = network("face_mesh")(picture("face_mesh"))["landmarks"]
        return landmarks[:, :438:3, :2]
    astronaut = skimage.data.astronaut()
    side = network(name).input_shape[-1]
    step = 512 // side
    image = astronaut[: side * step : step, : side * step : step] / 255
    if name == "face_mesh":
        image = astronaut[50:178, 150:278].repeat(2, 0).repeat(2, 1) / 255
    if name in ("person_detector", "face_detector"):
        image = 2 * image - 1
    return torch.tensor(image, dtype=torch.float32).permute(2, 0, 1)[None]


def pictures(name: str) -> Tensor:
    """[3, *input_shape]: three that differ."""
    one = picture(name)
    return torch.cat([one, one.flip(1), 0.8 * one])


def assert_close(found: Tensor, expected: Tensor, relative: float = 1e-4) -> None:
    assert found.shape == expected.shape
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= relative * expected.abs().max()


@pytest.mark.parametrize("name", EXPECTED)
def test_gives_what_the_original_gives(name):
    found = network(name)(picture(name))
    assert found.keys() == EXPECTED[name].keys()
    for output, expected in EXPECTED[name].items():
        flat = found[output].reshape(-1)
        spread = flat[np.linspace(0, len(flat) - 1, len(expected)).astype(int)]
        tolerance = TOLERANCES.get(output, 1e-3) * flat.abs().max().item()
        np.testing.assert_allclose(spread.numpy(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_batch_gives_what_its_items_give(name):
    batch = pictures(name)
    together = network(name)(batch)
    alone = [network(name)(item[None]) for item in batch]
    for output, values in together.items():
        assert values.shape == (3, *network(name).output_shapes[output])
        assert_close(values, torch.cat([item[output] for item in alone]))


@pytest.mark.parametrize("name", ["pose_lite", "hand_landmarks", "palm_detector"])
def test_an_output_does_not_hang_on_the_others(name):
    whole = network(name)(picture(name))
    for output, values in whole.items():
        part = network(name)(picture(name), [output])
        assert list(part) == [output]
        torch.testing.assert_close(part[output], values)


# Between them they hold every operation.
@pytest.mark.parametrize("name", ["pose_lite", "palm_detector", "person_detector", "hand_recrop"])
def test_plain_operations_give_what_onednn_gives(name, monkeypatch):
    monkeypatch.setattr(onednn, "has_onednn", lambda: False)
    plain = Network(name, CPU, torch.float32)(pictures(name))
    for output, values in network(name)(pictures(name)).items():
        assert_close(plain[output], values, 1e-3)


@pytest.mark.parametrize("name", ["face_mesh", "face_blendshapes"])
def test_half_precision_keeps_outputs_in_float32(name, monkeypatch):
    monkeypatch.setattr(onednn, "has_onednn", lambda: False)
    half = Network(name, CPU, torch.float16)(picture(name))
    for output, values in network(name)(picture(name)).items():
        assert_close(half[output], values, 1e-2)


def test_coordinates_are_never_taken_in_half_precision(monkeypatch):
    monkeypatch.setattr(onednn, "has_onednn", lambda: False)
    far = picture("face_blendshapes") + 4000  # where half precision has steps of 4 pixels
    half = Network("face_blendshapes", CPU, torch.float16)(far)["scores"]
    assert_close(half, network("face_blendshapes")(far)["scores"])


def test_the_input_is_left_as_it_is():
    batch = pictures("pose_lite").contiguous(memory_format=torch.channels_last)
    before = batch.clone()
    network("pose_lite")(batch)
    assert torch.equal(batch, before)


def test_files_name_their_source_and_licence():
    files = sorted(network_files.FOLDER.glob("*.safetensors"))
    assert {file.stem for file in files} == set(EXPECTED)
    assert sum(file.stat().st_size for file in files) < 60e6
    for file in files:
        graph, _ = network_files.read_network_file(file.stem)
        assert graph["licence"].startswith("Apache-2.0")
        assert len(graph["source"]["sha256"]) == 64


@pytest.fixture
def own_file(tmp_path, monkeypatch) -> Path:
    """A copy of a network's file, which is read instead of it."""
    for name in ("SHA256SUMS", "hand_recrop.safetensors"):
        shutil.copy(network_files.FOLDER / name, tmp_path)
    monkeypatch.setattr(network_files, "FOLDER", tmp_path)
    return tmp_path / "hand_recrop.safetensors"


def test_a_changed_file_is_named_with_both_hashes(own_file):
    data = bytearray(own_file.read_bytes())
    data[-1] ^= 1
    own_file.write_bytes(data)
    with pytest.raises(
        ModelFileError, match=r"hand_recrop.* sha256 is \w{64}, \w{64} was expected"
    ):
        Network("hand_recrop", CPU, torch.float32)


def test_a_file_cut_short_is_named(own_file):
    own_file.write_bytes(own_file.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match=r"hand_recrop.* is damaged.* \(1000 bytes"):
        Network("hand_recrop", CPU, torch.float32)


def test_a_missing_file_is_named(own_file):
    own_file.unlink()
    with pytest.raises(ModelFileError, match=r"hand_recrop.* cannot be read"):
        Network("hand_recrop", CPU, torch.float32)
