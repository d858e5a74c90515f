"""A disk that fails where it is told to: the driver of `shim.c`, which stands before libc's write-like calls.

A benchmark starts itself again with the shim loaded (`restart_with_shim`); its forked children then `watch` a folder
and `arm` one fault. Writes through shared memory maps are not seen: of all files here only SQLite's `-shm` has them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LOADED = "LASTRO_FAULT_SHIM"  # set for the process that has the shim loaded


@dataclass(frozen=True)
class Fault:
    """The `nth` call (from 1) of a kind on paths that end with `path` fails with `error`, once or from then on.

    A `path` that begins with "/" may stand anywhere in it.
    """

    kind: str  # "write", "pwrite", "sync", "truncate", "rename", "mkdir" or "create"
    path: str
    nth: int
    error: int  # errno.ENOSPC or errno.EIO
    sticky: bool


def unavailable() -> str:
    """Why faults cannot be injected here; "" where they can."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform}: LD_PRELOAD and /proc are needed, which only Linux has"
    return "" if shutil.which("cc") else "no C compiler (cc) on the path"


def restart_with_shim(module: str, arguments: Sequence[str]) -> int | None:
    """Run `python -m module` anew with the shim loaded and return its exit code; None where it is loaded already."""
    if os.environ.get(_LOADED):
        return None
    with tempfile.TemporaryDirectory(prefix="lastro-faults-") as folder:
        shim = Path(folder) / "shim.so"
        source = Path(__file__).with_name("shim.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl", "-pthread"], check=True)
        environment = os.environ | {"LD_PRELOAD": str(shim), _LOADED: "1"}
        return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, check=False).returncode


def watch(folder: Path, log: int = -1) -> None:
    """Count the write-like calls of this process below a folder; each is a line "kind path" in an open log file."""
    _shim().fault_watch(os.fsencode(folder), log)


def arm(fault: Fault) -> None:
    """Let one call fail."""
    _shim().fault_arm(fault.kind.encode(), os.fsencode(fault.path), fault.nth, fault.error, int(fault.sticky))


def disarm() -> int:
    """The disk is well again; returns how many calls failed."""
    fired = int(_shim().fault_fired())
    _shim().fault_arm(b"", b"", 0, 0, 0)
    return fired


def _shim() -> ctypes.CDLL:
    return ctypes.CDLL(None)  # the process itself: the shim is loaded into it
