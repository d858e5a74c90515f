"""The bytes of every document, kept by their hash: `originals/<first two digits>/<sha256><extension>`."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from lastro.errors import SourceError
from lastro.failpoints import reach
from lastro.vectorstore.faults import disk_errors

_BLOCK = 1 << 20
_NAME = re.compile(r"(?P<id>[0-9a-f]{64})(?:\.[a-z0-9]{1,10})?")
_PART = re.compile(r"[0-9a-f]{64}(?:\.[a-z0-9]{1,10})?\.\d+\.\d+\.part")
_EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")


def safe_extension(name: str) -> str:
    """The extension of a name where it is a harmless one, else "".

    >>> safe_extension("Contrato.PDF"), safe_extension("../../etc/passwd"), safe_extension("a.t/x")
    ('.pdf', '', '')
    """
    suffix = Path(name).suffix.lower()
    return suffix if _EXTENSION.fullmatch(suffix) else ""


def original_path(library: Path, document_id: str, extension: str) -> Path:
    """Where a document's bytes are kept."""
    return library / "originals" / document_id[:2] / f"{document_id}{extension}"


@contextmanager
def staged_original(library: Path, document_id: str, extension: str, stream: BinaryIO) -> Iterator[Path]:
    """A copy of a document's bytes on disk under a passing name; whoever commits the document renames it with `keep`.

    The copy is locked while it is in use, so that a sweeper knows it from one that a killed process left.

    Raises:
        SourceError: the source cannot be read to its end, or its bytes are no longer those of `document_id`.
        LibraryDiskError: the disk has no room for it.
    """
    target = original_path(library, document_id, extension)
    partial = target.with_name(f"{target.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with disk_errors(library):
            copy = _create_held(partial)
        try:
            with disk_errors(library):
                _copy(stream, copy, document_id)
                if fcntl is None:
                    copy.close()  # Windows renames no open file, and lets nobody delete one
            yield partial
        finally:
            with suppress(OSError):  # what was not written was told already
                copy.close()
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def keep(partial: Path, library: Path, document_id: str, extension: str) -> None:
    """Give a staged copy its name, durably; a reader sees all of it or no file."""
    target = original_path(library, document_id, extension)
    with disk_errors(library):
        partial.replace(target)
        sync_folder(target.parent)
    reach("original.written")


def _create(file: Path) -> BinaryIO:
    for _attempt in range(5):
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process removed the empty folder just now
            return file.open("wb")
    return file.open("wb")


def _create_held(partial: Path) -> BinaryIO:
    """A new copy, locked; made again where a sweeper took it for a dead process's before it was locked."""
    while True:
        copy = _create(partial)
        if fcntl is None:
            return copy
        fcntl.flock(copy, fcntl.LOCK_EX)  # a sweeper that looks at it lets go at once
        if _has_name(copy, partial):
            return copy
        copy.close()


def _has_name(copy: BinaryIO, partial: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(copy.fileno()), partial.stat())
    except FileNotFoundError:
        return False


def is_partial(file: Path) -> bool:
    """Whether a file's name is that of a copy in the making."""
    return _PART.fullmatch(file.name) is not None


def _left_behind(partial: Path) -> bool:
    """Whether no process is at work on a copy."""
    if fcntl is None:
        return True  # deleting it fails while it is open
    try:
        with partial.open("rb") as copy:
            fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, or gone
        return False
    return True


def _copy(stream: BinaryIO, copy: BinaryIO, document_id: str) -> None:
    digest = hashlib.sha256()
    while block := _read(stream):
        digest.update(block)
        copy.write(block)
    copy.flush()
    os.fsync(copy.fileno())
    if digest.hexdigest() != document_id:
        raise SourceError("the file changed while it was read; add it again")


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_BLOCK)
    except OSError as error:  # of the source, not of the library's disk
        raise SourceError(f"cannot be read ({error.strerror}); check the disk it lies on") from error


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; Windows neither needs nor allows it."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def drop_original(library: Path, document_id: str) -> None:
    """Delete a document's bytes, under whatever extension; an id that is no hash has none."""
    if not _NAME.fullmatch(document_id):
        return
    folder = library / "originals" / document_id[:2]
    with disk_errors(library):
        for file in folder.glob(f"{document_id}*"):
            if not is_partial(file):  # another process may be at work on that one
                file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()  # only where it is empty
    reach("original.dropped")


def orphans(library: Path, known: Container[str]) -> list[Path]:
    """Files that we put among the originals and that belong to no document: `known` are the documents' ids.

    A copy that a living process is making is none of them, nor is anything that is not named as we name it. The caller
    holds the writer lock.
    """
    found = []
    for file in sorted((library / "originals").glob("[0-9a-f][0-9a-f]/*")):
        name, part = _NAME.fullmatch(file.name), _PART.fullmatch(file.name)
        ours = file.name[:2] == file.parent.name and file.is_file()
        if ours and ((name and name["id"] not in known) or (part and _left_behind(file))):
            found.append(file)
    return found


def _unlink(file: Path) -> None:
    """Delete a file; a copy in the making only while nobody else can lock it."""
    if fcntl is None or not is_partial(file):
        file.unlink(missing_ok=True)
        return
    # Gone, or locked by one who has begun to make it: not ours to delete.
    with suppress(FileNotFoundError, BlockingIOError), file.open("rb") as copy:
        fcntl.flock(copy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)


def sweep(library: Path, known: Container[str]) -> int:
    """Delete what `orphans` finds, as a killed process leaves it, and return how many files that were."""
    found = orphans(library, known)
    with disk_errors(library):
        for file in found:
            with suppress(PermissionError):  # Windows: open in another process
                _unlink(file)
    for file in found:
        with suppress(OSError):
            file.parent.rmdir()
    return len(found)
