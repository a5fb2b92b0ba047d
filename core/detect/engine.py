"""Where the networks run: the device, its precision, the size of batches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import torch
from torch import Tensor

from ..errors import ReelrigError
from .network import Network

Outputs = dict[str, Tensor]

_NUM_CORES = torch.get_num_threads()  # before this process is told to use one

_PROBE = "hand_recrop"  # the smallest network that looks at pictures
_PROBE_TOLERANCE = 1.0  # of values 0..256, in half precision
# On the CPU as many as keep the largest tensors within one of glibc's heaps of 64 MB: what does not
# fit goes back to the system after every layer, and getting it anew costs a sixth of the time.
_BATCH_SIZES = {"cpu": 3, "mps": 32, "cuda": 128}
# A build of torch for the CPU asserts that it knows CUDA; ReelrigError: not even memory for this.
_DEVICE_ERRORS = (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError, ReelrigError)
# Only PyTorch's own allocators raise OutOfMemoryError.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


class Engine:
    """Runs networks by name. One is read at its first use, and kept.

    On the CPU every core works on items of its own: as fast as all cores on the same layer, and
    many times faster while other programs want the cores, too, as cores that share a layer wait
    for the last of them after each.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.dtype = dtype
        self._networks: dict[str, Network] = {}
        self._batch_sizes: dict[str, int] = {}
        self._num_workers = _NUM_CORES if device.type == "cpu" else 1
        self._workers = ThreadPoolExecutor(
            self._num_workers, "network", initializer=_use_one_thread
        )

    def batch_size(self, name: str) -> int:
        """The most items that the network takes at once: the device's, fewer if memory ran out."""
        return self._batch_sizes.get(name, _BATCH_SIZES[self.device.type])

    def run(self, name: str, batch: Tensor, outputs: Sequence[str] | None = None) -> Outputs:
        """The outputs asked for (all when None), float32 on the device, of any number of items."""
        network = self._network(name)
        wanted = tuple(network.output_shapes) if outputs is None else tuple(outputs)
        if len(batch) == 0:
            shapes = {key: (0, *network.output_shapes[key]) for key in wanted}
            return {key: torch.zeros(shape, device=self.device) for key, shape in shapes.items()}

        def run_part(part: Tensor) -> list[Outputs]:
            return self._run_part(network, part, wanted)

        map_parts = self._workers.map if self._num_workers > 1 else map
        parts = list(chain.from_iterable(map_parts(run_part, self._split(name, batch))))
        return {key: torch.cat([part[key] for part in parts]) for key in wanted}

    def _network(self, name: str) -> Network:
        if name not in self._networks:
            self._networks[name] = Network(name, self.device, self.dtype)
        return self._networks[name]

    def _split(self, name: str, batch: Tensor) -> Sequence[Tensor]:
        """Parts of nearly one size, as many for each worker."""
        rounds = math.ceil(len(batch) / (self.batch_size(name) * self._num_workers))
        return batch.tensor_split(min(rounds * self._num_workers, len(batch)))

    def _run_part(self, network: Network, part: Tensor, outputs: Sequence[str]) -> list[Outputs]:
        try:
            return [network(part, outputs)]
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        # Outside of the handler, which would keep the tensors of the failed call alive.
        self._halve(network.name, len(part))
        halves = part.split(self.batch_size(network.name))
        return [found for half in halves for found in self._run_part(network, half, outputs)]

    def _halve(self, name: str, size: int) -> None:
        if size == 1:
            raise ReelrigError(
                f"There is not enough memory on {self.device} for the network {name}, even for "
                "one picture at a time. Close other programs, or choose the device cpu."
            )
        self._batch_sizes[name] = min(size // 2, self.batch_size(name))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def open_engine(device: str = "auto", warn: Callable[[str], None] = warnings.warn) -> Engine:
    """An engine on "cpu", "cuda" or "mps", or for "auto" on the best there is.

    A device that does not work is replaced by the CPU, and ``warn`` is told why.
    """
    # For the small work between the networks: threads that wait for each other at every step of it
    # are a few times slower than one as soon as another program wants a core.
    torch.set_num_threads(1)
    cpu = Engine(torch.device("cpu"), torch.float32)
    if device == "auto":
        device = _best_device(warn)
    if device == "cpu":
        return cpu
    engine = Engine(torch.device(device), torch.float16 if device == "cuda" else torch.float32)
    reason = _why_not(engine, cpu)
    if reason is None:
        return engine
    warn(f"The device {device} cannot be used: {reason}. The networks run on the CPU instead.")
    return cpu


def _best_device(warn: Callable[[str], None]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        has_cuda = torch.cuda.is_available()
    for warning in caught:  # of a GPU that is there, but whose driver is too old
        warn(str(warning.message).split(" (Triggered internally")[0])
    if has_cuda:
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _why_not(engine: Engine, cpu: Engine) -> str | None:
    """What is wrong with the engine's device; None where it agrees with the CPU."""
    picture = torch.linspace(0, 1, 256).expand(1, 3, 256, 256)
    expected = cpu.run(_PROBE, picture)["region"]
    try:
        found = engine.run(_PROBE, picture.to(engine.device))["region"].cpu()
    except _DEVICE_ERRORS as error:
        return str(error).strip().splitlines()[0].rstrip(".")
    if not torch.allclose(found, expected, rtol=0, atol=_PROBE_TOLERANCE):
        return "it gives other results than the CPU"
    return None


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in str(error) for text in _OUT_OF_MEMORY
    )


def _use_one_thread() -> None:
    """For the layers that this worker runs."""
    torch.set_num_threads(1)
