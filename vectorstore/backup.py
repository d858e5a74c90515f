"""One file that holds a whole library: written while writing goes on, and checked byte by byte before it is restored.

It is a zip: `manifest.json` (format, name, counts, SHA-256 and size of every entry), `library.sqlite` and `originals/`.
The Chroma index is left out, since it is made again from the database.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lastro.errors import LibraryError
from lastro.vectorstore import originals, rows
from lastro.vectorstore.creation import DATABASE
from lastro.vectorstore.faults import disk_errors
from lastro.vectorstore.verify import write_lock

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library

FORMAT = 1
MANIFEST = "manifest.json"
# What belongs to this folder and its index, not to the documents.
_LOCAL_META = ("index_", "garbage", "purge_", "staged_", "reembed_")
_BLOCK = 1 << 20


@dataclass
class Manifest:
    """What the file holds; `entries` maps each name to its SHA-256 (hex) and its size in bytes."""

    name: str
    library_id: str
    lastro: str
    created_at: str
    documents: int = 0
    chunks: int = 0
    format: int = FORMAT
    entries: dict[str, tuple[str, int]] = field(default_factory=dict)


def export_library(library: Library, target: Path) -> Path:
    """Write a library into one new file and return its path; other threads and processes may go on writing.

    What it holds is of one moment, less the documents that were removed before the file was complete.

    Raises:
        LibraryError: something is at `target` already, or its folder does not exist.
        LibraryDiskError: the disk has no room for it; nothing is left there.
    """
    target = Path(target).expanduser().absolute()
    _refuse(library, target)
    with disk_errors(target.parent), ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        database = work / DATABASE
        _snapshot(library, database)
        archive = _write(library, database, work)
        _refuse(library, target)  # somebody may have been faster
        archive.rename(target)
        originals.sync_folder(target.parent)
    return target


def import_library_file(file: Path, target: Path, *, name: str) -> None:
    """Restore a library from an export into `target`, a folder that is absent or empty, under a new name.

    It stands there whole or not at all.

    Raises:
        LibraryNotFound: there is no such file.
        LibraryCorrupt: the file is no export, or is damaged.
        LibraryTooNew: a later version wrote it.
        LibraryError: something is in the target's place.
        LibraryDiskError: the disk has no room for it.
    """
    from lastro.vectorstore.restore import restore

    restore(file, target, name=name)


def _refuse(library: Library, target: Path) -> None:
    if not target.parent.is_dir():
        raise LibraryError(f"{target}: its folder does not exist; make it, or choose another place")
    if target.exists() or target.is_symlink():
        raise LibraryError(f"{target}: exists already; choose another name, or delete it first")
    if target.parent.resolve().is_relative_to(library.path):
        raise LibraryError(f"{target}: lies within the library itself; choose a place outside of {library.path}")


def _snapshot(library: Library, database: Path) -> None:
    """A copy of the database at one moment, without what belongs to this folder alone."""
    with library._catalog.connection() as db:
        # Without the pages of deleted rows too: what was removed is not in the copy.
        db.execute("VACUUM INTO ?", (str(database),))
    with _opened(database) as copy:
        garbage = copy.execute("SELECT 1 FROM meta WHERE key = 'garbage'").fetchone()
        staged = copy.execute("DELETE FROM staged_documents").rowcount
        _forget_local(copy)
        if garbage or staged:
            _tidy(copy)


def _tidy(copy: sqlite3.Connection) -> None:
    copy.execute("INSERT INTO keyword (keyword) VALUES ('optimize')")  # old segments hold the words of deleted texts
    copy.execute("VACUUM")


def _forget_local(copy: sqlite3.Connection) -> None:
    copy.execute("DELETE FROM tombstones")
    for prefix in _LOCAL_META:
        copy.execute("DELETE FROM meta WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))


def _opened(database: Path) -> closing[sqlite3.Connection]:
    """A connection to the copy, which nobody else has: in autocommit mode and without a log beside it."""
    db = sqlite3.connect(database, isolation_level=None)
    db.row_factory = sqlite3.Row
    for pragma in ("journal_mode = MEMORY", "foreign_keys = ON", "secure_delete = ON", "synchronous = OFF"):
        db.execute(f"PRAGMA {pragma}")
    return closing(db)


def _write(library: Library, database: Path, work: Path) -> Path:
    meta = library._catalog.meta()
    manifest = Manifest(meta["name"], meta["library_id"], _version(), rows.now())
    archive = work / "archive.zip"
    with _Writer(archive, manifest) as writer:
        for document_id, extension in _files(database):
            writer.add_original(library, document_id, extension)
        for document_id, extension in _files(database):
            if not writer.holds(document_id, extension):
                _add_again(library, writer, document_id, extension)
    gone = _gone(library, database)
    if any(_document_of(name) in gone for name in manifest.entries):
        archive = _without(archive, manifest, gone)
    _drop(database, gone, manifest)
    with _Writer(archive, manifest, packed=True) as writer:
        writer.add_file(DATABASE, database)
        writer.finish()
    return archive


def _add_again(library: Library, writer: _Writer, document_id: str, extension: str) -> None:
    """Bytes that were not there, because their document was removed and added again: under the lock they cannot go."""
    with write_lock(library):
        if library._catalog.find(document_id) is not None:
            writer.add_original(library, document_id, extension, kept_as=library._catalog.extension(document_id))


def _drop(database: Path, gone: set[str], manifest: Manifest) -> None:
    """Take removed documents out of the copy, with every trace, and count what is left."""
    with _opened(database) as copy:
        copy.execute("BEGIN")
        for document_id in gone:
            rows.delete(copy, document_id)
        _forget_local(copy)
        copy.execute("COMMIT")
        if gone:
            _tidy(copy)
        manifest.documents = int(copy.execute("SELECT count(*) FROM documents").fetchone()[0])
        manifest.chunks = int(copy.execute("SELECT count(*) FROM chunks").fetchone()[0])


def _files(database: Path) -> Iterator[tuple[str, str]]:
    """Id and extension of every document that has an original."""
    with _opened(database) as copy:
        yield from copy.execute("SELECT id, extension FROM documents WHERE metadata IS NULL ORDER BY id")


def _gone(library: Library, database: Path) -> set[str]:
    """The documents of the copy that the library no longer has."""
    with library._catalog.read() as db:
        live = {str(row[0]) for row in db.execute("SELECT id FROM documents")}
    with _opened(database) as copy:
        return {str(row[0]) for row in copy.execute("SELECT id FROM documents")} - live


def _original(document_id: str, extension: str) -> str:
    return originals.original_path(Path(), document_id, extension).as_posix()


def _document_of(entry: str) -> str:
    return Path(entry).name[:64]


class _Writer:
    """Puts entries into the archive and notes them in the manifest."""

    def __init__(self, archive: Path, manifest: Manifest, *, packed: bool = False) -> None:
        self._manifest = manifest
        # Only its owner may read it: the library's secret is in it.
        handle = os.open(archive, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = os.fdopen(handle, "r+b")
        # Originals are mostly packed already, so they are stored; what is packed is added to an archive that has them.
        if packed:
            self._zip = zipfile.ZipFile(self._file, "a", zipfile.ZIP_DEFLATED, compresslevel=1)
        else:
            self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_error: object) -> None:
        with closing(self._file):
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())

    def holds(self, document_id: str, extension: str) -> bool:
        """Whether a document's original is in the archive."""
        return _original(document_id, extension) in self._manifest.entries

    def add_original(self, library: Library, document_id: str, extension: str, *, kept_as: str | None = None) -> None:
        """Store a document's bytes; one that is removed at this moment, or whose bytes are lost, has none."""
        path = originals.original_path(library.path, document_id, extension if kept_as is None else kept_as)
        with suppress(FileNotFoundError):
            self.add_file(_original(document_id, extension), path)

    def add_file(self, name: str, path: Path) -> None:
        """Copy a file into the archive."""
        with path.open("rb") as stream:
            self.add(name, stream)

    def add(self, name: str, stream: IO[bytes]) -> None:
        """Copy a stream into the archive."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as entry:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                entry.write(block)
        self._manifest.entries[name] = (digest.hexdigest(), size)

    def finish(self) -> None:
        """Write the manifest, which is the last entry."""
        self._zip.writestr(MANIFEST, json.dumps(asdict(self._manifest), ensure_ascii=False))


def _without(archive: Path, manifest: Manifest, gone: set[str]) -> Path:
    """A copy of the archive that lacks the originals of documents that were removed while it was written."""
    kept = archive.with_name("kept.zip")
    names = list(manifest.entries)
    manifest.entries.clear()
    with zipfile.ZipFile(archive) as old, _Writer(kept, manifest) as writer:
        for name in names:
            if _document_of(name) not in gone:
                with old.open(name) as stream:
                    writer.add(name, stream)
    archive.unlink()
    return kept


def _version() -> str:
    import lastro

    return lastro.__version__
