"""The engine: any number of items, memory that runs out, devices that do not work."""

from __future__ import annotations

import warnings as python_warnings

import pytest
import torch
from torch import Tensor

from core.detect import engine as engine_module
from core.detect.engine import Engine, open_engine
from core.errors import ReelrigError

CPU = torch.device("cpu")


class SmallMemory:
    """A network that doubles its items, and has room for ``room`` of them at a time."""

    output_shapes = {"doubled": (2,), "first": ()}  # noqa: RUF012
    room = 2
    error: RuntimeError = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    def __init__(self, name: str, device: torch.device, dtype: torch.dtype) -> None:
        self.name = name
        self.sizes: list[int] = []

    def __call__(self, batch: Tensor, outputs: list[str]) -> dict[str, Tensor]:
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise self.error
        values = {"doubled": 2 * batch, "first": batch[:, 0]}
        return {output: values[output] for output in outputs}


@pytest.fixture
def small_memory(monkeypatch) -> type[SmallMemory]:
    class Network(SmallMemory):
        pass

    monkeypatch.setattr(engine_module, "Network", Network)
    monkeypatch.setattr(engine_module, "_BATCH_SIZES", {"cpu": 8})
    return Network


def items(number: int) -> Tensor:
    return torch.arange(2.0 * number).reshape(number, 2)


@pytest.mark.parametrize("number", [0, 1, 2, 7, 50])
def test_any_number_of_items_comes_back_in_order(number, small_memory):
    small_memory.room = 8
    found = Engine(CPU, torch.float32).run("any", items(number))
    assert list(found) == ["doubled", "first"]
    assert torch.equal(found["doubled"], 2 * items(number))
    assert torch.equal(found["first"], items(number)[:, 0])


def test_a_real_network_takes_any_number():
    engine = open_engine("cpu")
    pictures = torch.rand(7, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    found = engine.run("hand_recrop", pictures)["region"]
    alone = torch.cat([engine.run("hand_recrop", one[None])["region"] for one in pictures])
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-2)
    assert engine.run("hand_recrop", pictures[:0])["region"].shape == (0, 4)
    found += 1  # belongs to the caller


def test_only_what_is_asked_for_comes_back(small_memory):
    found = Engine(CPU, torch.float32).run("any", items(2), ["first"])
    assert list(found) == ["first"]


def test_memory_running_out_halves_the_batch_for_good(small_memory):
    engine = Engine(CPU, torch.float32)
    assert engine.batch_size("any") == 8
    assert torch.equal(engine.run("any", items(40))["doubled"], 2 * items(40))
    assert 1 <= engine.batch_size("any") <= 2
    network = engine._networks["any"]
    network.sizes.clear()
    engine.run("any", items(40))
    assert max(network.sizes) <= 2


def test_no_memory_for_one_item_is_a_sentence(small_memory):
    small_memory.room = 0
    with pytest.raises(ReelrigError, match="not enough memory on cpu for the network any"):
        Engine(CPU, torch.float32).run("any", items(3))


def test_other_libraries_running_out_of_memory_counts_too(small_memory):
    small_memory.error = RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
    assert len(Engine(CPU, torch.float32).run("any", items(5))["first"]) == 5


def test_another_error_rises(small_memory):
    small_memory.room, small_memory.error = 0, RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Engine(CPU, torch.float32).run("any", items(3))


def test_the_cpu_reads_no_network_before_the_first_is_run(monkeypatch):
    monkeypatch.setattr(engine_module, "Network", None)
    engine = open_engine("cpu")
    assert (engine.device.type, engine.dtype) == ("cpu", torch.float32)


@pytest.mark.parametrize(
    ("device", "is_there"),
    [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())],
)
def test_a_missing_device_is_replaced_with_a_reason(device, is_there):
    if is_there:
        pytest.skip(f"{device} is there")
    warnings: list[str] = []
    engine = open_engine(device, warnings.append)
    assert engine.device.type == "cpu"
    (warning,) = warnings
    assert warning.startswith(f"The device {device} cannot be used: ")
    assert warning.endswith(". The networks run on the CPU instead.")


def test_a_device_with_other_results_is_not_trusted(monkeypatch):
    picture = torch.zeros(1, 4)
    engine, cpu = Engine(CPU, torch.float32), Engine(CPU, torch.float32)
    monkeypatch.setattr(engine, "run", lambda name, batch: {"region": picture + torch.nan})
    monkeypatch.setattr(cpu, "run", lambda name, batch: {"region": picture})
    assert engine_module._why_not(engine, cpu) == "it gives other results than the CPU"


def test_a_device_without_memory_is_replaced(small_memory, monkeypatch):
    small_memory.output_shapes = {"region": (4,)}
    small_memory.room = 0
    engine, cpu = Engine(CPU, torch.float32), Engine(CPU, torch.float32)
    monkeypatch.setattr(cpu, "run", lambda name, batch: {"region": torch.zeros(1, 4)})
    reason = engine_module._why_not(engine, cpu)
    assert reason is not None
    assert "not enough memory" in reason


def test_auto_names_an_old_driver_and_takes_the_cpu(monkeypatch):
    def is_available() -> bool:
        python_warnings.warn(
            "CUDA initialization: too old (Triggered internally at x)", stacklevel=1
        )
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    warnings: list[str] = []
    assert open_engine("auto", warnings.append).device.type == "cpu"
    assert warnings == ["CUDA initialization: too old"]
