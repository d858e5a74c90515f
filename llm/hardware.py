"""What this machine has, and whether a model fits it."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from lastro.llm.gguf import GgufInfo, read_gguf

DEFAULT_CONTEXT = 8_192
_CGROUP = Path("/sys/fs/cgroup")
_OVERHEAD = 150_000_000  # the library and its graph buffers: 99 MiB of them for 512 tokens of the starter model
_SMALLEST_CONTEXT = 1_024


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of this machine's memory; `gpu` is what is free there, None where no GPU is known of."""

    total: int
    available: int
    gpu: int | None


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits: bytes needed and available, and the way out where it does not."""

    needed: int
    available: int
    ok: bool
    advice: str


def memory() -> Memory:
    """The memory of this machine, or of its container where that has less."""
    seen = psutil.virtual_memory()
    total, available = int(seen.total), int(seen.available)
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is not None and used is not None:
        total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total=total, available=available, gpu=_gpu_bytes())


def physical_cores() -> int:
    """Processor cores this process may use, hyper-threads not counted; at least 1."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(1, min(cores, _quota(cores)))


def default_threads() -> int:
    """Threads used where none are set: one a core where threads that wait sleep, else one fewer, at least 1.

    Threads that spin starve the one they wait for as soon as anything else runs (docs/decisions/007-threads.md).
    """
    cores = physical_cores()
    asleep = os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"  # set before OpenMP was loaded, by our programs
    return cores if asleep else max(1, cores - 1)


def default_context(info: GgufInfo) -> int:
    """The context window used where none is set: the model's own, at most 8,192 tokens."""
    return min(info.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def fits(gguf: Path, context_window: int | None = None, *, gpu_layers: int = -1) -> Fit:
    """Whether the model at `gguf` fits the memory that is free now.

    Needed is the file, the attention cache of `context_window` tokens at 16 bits, and the library's own buffers.

    Raises:
        ModelNotFound, ModelCorrupt: as `read_gguf`.
    """
    info = read_gguf(gguf)
    window = context_window or default_context(info)
    found = memory()
    available = found.available + (found.gpu if found.gpu is not None and gpu_layers != 0 else 0)
    needed = info.bytes + info.kv_bytes(window) + _OVERHEAD
    if needed <= available:
        return Fit(needed, available, ok=True, advice="")
    return Fit(needed, available, ok=False, advice=_advice(info, window, available))


def fits_bytes(weights: int) -> Fit:
    """Whether a model of so many bytes may be expected to fit the memory that is free now, before its file is here.

    The attention cache of 8,192 tokens is taken as 0.7 GB and an eighth of the weights, rather too much than too
    little: Llama 3.1 8B (32 layers, 8 key-value heads of 128) needs 1.07 GB at 16 bits, and 1.3 GB are reckoned.
    """
    found = memory()
    available = found.available + (found.gpu or 0)
    needed = weights + weights // 8 + 700_000_000 + _OVERHEAD
    return Fit(needed, available, needed <= available, "" if needed <= available else "choose a smaller model")


def _advice(info: GgufInfo, window: int, available: int) -> str:
    per_token = max(1, info.kv_bytes(1))
    room = (available - info.bytes - _OVERHEAD) // per_token // 256 * 256
    if room >= _SMALLEST_CONTEXT:
        return f"set llm.context_window to {room} or less (it is {window})"
    return "choose a smaller model (`lastro models` shows which fit), or close other programs"


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such control group, or "max"
        return None


def _quota(cores: int) -> int:
    """Cores that a container's share of time amounts to: threads beyond it would spin on each other."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return cores


def _gpu_bytes() -> int | None:
    # torch takes seconds to import, so it is asked only where the program has loaded it already.
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)  # another thread may just be importing torch
    if cuda is None or not hasattr(cuda, "mem_get_info") or not cuda.is_available():
        return None
    return sum(int(cuda.mem_get_info(device)[0]) for device in range(cuda.device_count()))
