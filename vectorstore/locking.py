"""One writer a library: a file lock that names its holder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lastro.errors import LibraryLocked

LOCK_FILE = "write.lock"
HOLDER_FILE = "write.lock.json"


@contextmanager
def writer_lock(library: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the right to write to a library.

    Raises:
        LibraryLocked: another writer did not finish within `timeout_s`; the message says who.
    """
    try:
        lock = FileLock(library / LOCK_FILE).acquire(timeout=timeout_s)
    except Timeout as error:
        raise LibraryLocked(
            f"{library}: {_holder(library)} is writing to it, and {timeout_s:g} s of waiting were not enough; "
            "try again when it is done, or raise library.lock_timeout_s"
        ) from error
    with lock:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
        with suppress(OSError):  # who holds the lock is a courtesy
            (library / HOLDER_FILE).write_text(json.dumps(holder), encoding="utf-8")
        yield


def _holder(library: Path) -> str:
    try:
        holder = json.loads((library / HOLDER_FILE).read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
