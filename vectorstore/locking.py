"""Who may change a library: two file locks, each naming its holder.

`write.lock` is held while one document is committed to the catalogue, `index.lock` while the Chroma index is opened,
brought up to date or built anew. Who needs both takes `write.lock` first. So a document's commit never waits for
Chroma, and no process opens the index while another writes its files.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lastro.errors import LibraryLocked
from lastro.vectorstore.faults import disk_errors

LOCK_FILE = "write.lock"
INDEX_LOCK_FILE = "index.lock"


def writer_lock(library: Path, *, timeout_s: float) -> AbstractContextManager[None]:
    """Hold the right to commit documents to a library.

    Raises:
        LibraryLocked: another writer did not finish within `timeout_s`; the message says who.
        LibraryReadOnly: the folder may not be written.
    """
    return _held(library, LOCK_FILE, timeout_s)


def index_lock(library: Path, *, timeout_s: float) -> AbstractContextManager[None]:
    """Hold the right to open, change or rebuild a library's Chroma index.

    Raises:
        LibraryLocked: another process did not finish with it within `timeout_s`; the message says who.
        LibraryReadOnly: the folder may not be written.
    """
    return _held(library, INDEX_LOCK_FILE, timeout_s)


@contextmanager
def _held(library: Path, name: str, timeout_s: float) -> Iterator[None]:
    with disk_errors(library):
        try:
            lock = FileLock(library / name).acquire(timeout=timeout_s)
        except Timeout as error:
            raise LibraryLocked(
                f"{library}: {_holder(library / name)} is writing to it, and {timeout_s:g} s of waiting were not "
                "enough; try again when it is done, or raise library.lock_timeout_s"
            ) from error
    with lock:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
        with suppress(OSError):  # who holds the lock is a courtesy
            _holder_file(library / name).write_text(json.dumps(holder), encoding="utf-8")
        yield


def _holder_file(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.json")


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(_holder_file(lock).read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
