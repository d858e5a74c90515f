"""What disks and SQLite refuse, said as the library's own errors."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastro.errors import LibraryCorrupt, LibraryDiskError, LibraryError, LibraryLocked, LibraryReadOnly

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILED = (errno.EIO, errno.ENXIO, errno.ENODEV)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def disk_errors(library: Path) -> Iterator[None]:
    """Turn errors of the disk and of SQLite into errors of the library.

    Raises:
        LibraryDiskError: the disk is full or failed.
        LibraryReadOnly: the folder or a file in it may not be written.
        LibraryCorrupt: `library.sqlite` is damaged.
        LibraryLocked: another process kept the database busy for too long.
    """
    try:
        yield
    except sqlite3.Error as error:
        told = _of_sqlite(library, error)
        if told is None:
            raise
        raise told from error
    except OSError as error:
        told = _of_system(library, error)
        if told is None:
            raise
        raise told from error


def is_disk_error(error: BaseException) -> bool:
    """Whether an error of Chroma's own speaks of the disk: it carries no code, only words.

    >>> is_disk_error(RuntimeError("error returned from database: (code: 13) database or disk is full"))
    True
    >>> is_disk_error(RuntimeError("(code: 11) database disk image is malformed"))
    False
    """
    words = str(error).lower().replace("disk image is malformed", "")
    signs = ("disk", "no space left", "i/o error", "input/output error", "os error 28", "os error 5", "(code: 13)")
    return any(sign in words for sign in signs)


def disk_error(library: Path, error: BaseException) -> LibraryDiskError:
    """The error that says what a failing disk means for a library."""
    return LibraryDiskError(
        f"{library}: the disk is full or failed ({error}); free some space or check the disk, then run it again: "
        "what was stored before is whole"
    )


def _of_system(library: Path, error: OSError) -> LibraryError | None:
    if error.errno in _FULL + _FAILED:
        return disk_error(library, error)
    if error.errno in _FORBIDDEN:
        return _read_only(library, error)
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
        return LibraryError(f"{library}: no place for a folder ({error.strerror}); name another one")
    return None


def _of_sqlite(library: Path, error: sqlite3.Error) -> LibraryError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the bits say more than is needed
    if not code and "decode to UTF-8" in str(error):  # Python's own, for a damaged text
        code = sqlite3.SQLITE_CORRUPT
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return disk_error(library, error)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return _read_only(library, error)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LibraryCorrupt(
            f"{library}: library.sqlite is damaged ({error}); try `lastro verify --repair`, and if that does not help "
            "restore an export under another name: `lastro import FILE --library NAME`"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LibraryLocked(
            f"{library}: another process keeps the database busy, or carries it over to this version ({error}); "
            "try again in a minute"
        )
    return None


def _read_only(library: Path, error: Exception) -> LibraryReadOnly:
    return LibraryReadOnly(
        f"{library}: may be read but not written ({error}); check who owns the folder and its permissions, or copy it"
    )
