"""A library from the file that `export` wrote: every name, size and hash is checked before anything is in its place."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from lastro.errors import LibraryCorrupt, LibraryDiskError, LibraryError, LibraryNotFound, LibraryTooNew
from lastro.vectorstore import originals, schema
from lastro.vectorstore.backup import FORMAT, MANIFEST
from lastro.vectorstore.creation import DATABASE
from lastro.vectorstore.faults import disk_errors

_MANIFEST_LIMIT = 1 << 28  # bytes: about a million documents
_ENTRY = re.compile(r"library\.sqlite|originals/(?P<folder>[0-9a-f]{2})/(?P=folder)[0-9a-f]{62}(?:\.[a-z0-9]{1,10})?")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BLOCK = 1 << 20
# What zipfile raises, by its documentation and by trial, for bytes that are no sound zip.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError, OverflowError,
)  # fmt: skip


def restore(file: Path, target: Path, *, name: str) -> None:
    """See `lastro.vectorstore.backup.import_library_file`."""
    file, target = Path(file).expanduser(), Path(target).expanduser().absolute()
    if not file.is_file():
        raise LibraryNotFound(f"{file}: no such file; give the file that `lastro export` wrote")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise LibraryError(
            f"{target}: is in the way; import under another name (--library NAME), or move that folder away"
        )
    with disk_errors(target.parent), ExitStack() as stack:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        library = work / "library"
        library.mkdir(mode=0o700)  # as a library is made: its owner's alone
        _unpack(file, library)
        _open_once(file, library / DATABASE, name)
        if os.name == "posix":
            os.sync()  # one call for thousands of files
        if target.exists():
            target.rmdir()
        library.rename(target)
        originals.sync_folder(target.parent)


def _unpack(file: Path, work: Path) -> None:
    with _damage(file), zipfile.ZipFile(file) as archive:
        entries = _manifest(file, archive)
        _check_names(file, archive, entries)
        needed = sum(size for _digest, size in entries.values())
        free = shutil.disk_usage(work).free
        if needed > free:
            raise LibraryDiskError(f"{work.parent}: {needed:,} bytes are needed, and {free:,} are free; make room")
        for name, (digest, size) in entries.items():
            _unpack_one(file, archive, name, work / name, (digest, size))


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    """Turn what a damaged zip makes Python raise into `LibraryCorrupt`."""
    try:
        yield
    except _ZIP_ERRORS as error:
        raise _corrupt(file, str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's begin or behind its end
            raise
        raise _corrupt(file, str(error)) from error


def _corrupt(file: Path, what: str) -> LibraryCorrupt:
    return LibraryCorrupt(f"{file}: not a sound export ({what}); use another copy of it")


def _manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, tuple[str, int]]:
    """The entries that the manifest promises: name to SHA-256 and size."""
    if archive.getinfo(MANIFEST).file_size > _MANIFEST_LIMIT:
        raise _corrupt(file, "its manifest is too large")
    with archive.open(MANIFEST) as stream:
        data = stream.read(_MANIFEST_LIMIT + 1)
    found: Any = json.loads(data)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise _corrupt(file, "its manifest names no format")
    if found["format"] > FORMAT:
        raise LibraryTooNew(
            f"{file}: export format {found['format']}, this version reads up to {FORMAT}; upgrade lastro to import it"
        )
    entries = found.get("entries")
    if not isinstance(entries, dict) or not all(_is_promise(promise) for promise in entries.values()):
        raise _corrupt(file, "its manifest names no entries")
    return {name: (digest, size) for name, (digest, size) in entries.items()}


def _is_promise(value: object) -> bool:
    """Whether a value is a SHA-256 and a size."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    digest, size = value
    return isinstance(digest, str) and isinstance(size, int) and not isinstance(size, bool) and size >= 0


def _check_names(file: Path, archive: zipfile.ZipFile, entries: dict[str, tuple[str, int]]) -> None:
    """Refuse a file whose names, sizes or ways of packing are others than the manifest and we allow."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    odd = next((name for name in entries if not _ENTRY.fullmatch(name)), None)
    if odd is not None or DATABASE not in entries:
        raise _corrupt(file, f"an entry is called {odd!r}" if odd is not None else f"it has no {DATABASE}")
    if sorted(names) != sorted([*entries, MANIFEST]):
        raise _corrupt(file, "its entries are not those of its manifest")
    for info in infos:
        if info.filename != MANIFEST and info.file_size != entries[info.filename][1]:
            raise _corrupt(file, f"{info.filename} has {info.file_size} bytes, not {entries[info.filename][1]}")
        if info.compress_type not in _METHODS or info.flag_bits & 1:
            raise _corrupt(file, f"{info.filename} is packed in a way that an export never is")


def _unpack_one(file: Path, archive: zipfile.ZipFile, name: str, target: Path, promise: tuple[str, int]) -> None:
    """Copy one entry out, never more bytes than promised, and compare its hash."""
    digest, left = hashlib.sha256(), promise[1]
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as stream, target.open("xb") as copy:
        while block := stream.read(min(_BLOCK, left + 1)):
            left -= len(block)
            if left < 0:
                break
            digest.update(block)
            copy.write(block)
    if left or digest.hexdigest() != promise[0]:
        raise _corrupt(file, f"{name} is not what its manifest says")


# The database ----------------------------------------------------------------------------------------------------


def _open_once(file: Path, database: Path, name: str) -> None:
    """Check the database, carry it over to this version, and give the library its new name."""
    try:
        _check_database(file, database)
        with closing(schema.open_database(database)) as db:
            if db.execute("SELECT count(*) FROM meta WHERE key IN ('secret', 'library_id')").fetchone()[0] != 2:
                raise _corrupt(file, "its database is no library")
            db.execute("INSERT OR REPLACE INTO meta VALUES ('name', ?)", (name,))
            db.execute("DELETE FROM meta WHERE substr(key, 1, 6) = 'index_'")  # there is no index yet
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        raise _corrupt(file, str(error)) from error


def _check_database(file: Path, database: Path) -> None:
    """Look at a stranger's database before anything in it can act: an export holds no trigger and no view."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if db.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID or not version:
            raise _corrupt(file, "its database is no library")
        if version > schema.SCHEMA_VERSION:
            raise LibraryTooNew(
                f"{file}: holds library format {version}, this version reads up to {schema.SCHEMA_VERSION}; upgrade "
                "lastro to import it"
            )
        told = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if told != "ok":
            raise _corrupt(file, f"its database is damaged: {told}")
        if db.execute("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')").fetchone()[0]:
            raise _corrupt(file, "its database holds triggers or views, which an export never does")
