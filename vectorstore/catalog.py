"""The catalogue: `library.sqlite`, the truth of a library; everything else can be made again from it.

One transaction a document. The tables are described in `lastro.vectorstore.schema`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING

from lastro.errors import DocumentNotFound, EmbedderMismatch, LibraryError
from lastro.failpoints import reach
from lastro.types import DocumentRecord, LibraryInfo, PageSpan
from lastro.vectorstore import rows, schema
from lastro.vectorstore.embeddings import EmbedderIdentity
from lastro.vectorstore.faults import disk_errors
from lastro.vectorstore.rows import NewDocument, Written

if TYPE_CHECKING:
    pass

_PREFIX_LENGTH = 6  # fewest characters of an id that may stand for it


class Catalog:
    """Reads and writes of one library's SQLite file; any thread may call, each call has its own connection."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._closed = False
        with disk_errors(file.parent):
            self._idle.put(schema.open_database(file))
            self._identity = _file_identity(file)

    def close(self) -> None:
        """Close every connection; those in use close when they come back."""
        self._closed = True
        self._drop_idle()

    def _drop_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: everything read through it is of one moment."""
        with self.connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or, after an exception, nothing."""
        with self.connection(writable=True) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk makes SQLite roll back by itself
                    db.execute("ROLLBACK")
                raise

    def require_open(self) -> None:
        """Raise `LibraryError` once the catalogue is closed: nothing opens it again behind its owner's back."""
        if self._closed:
            raise LibraryError(f"{self.file.parent}: the library is closed; open it again")

    def _require_same_file(self) -> None:
        """Refuse to work on a database that is no longer the one in the folder: what it was told would be lost."""
        if _file_identity(self.file) != self._identity:
            raise LibraryError(f"{self.file.parent}: the library was removed or replaced meanwhile; open it again")

    @contextmanager
    def connection(self, *, writable: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection outside any transaction, for the statements that must run so."""
        self.require_open()
        with disk_errors(self.file.parent):
            self._require_same_file()
            try:
                db = self._idle.get_nowait()
            except Empty:
                db = schema.open_database(self.file)
            if writable and not schema.writes(db):
                db.close()
                self._drop_idle()
                db = schema.open_database(self.file)
            healthy = False
            try:
                yield db
                healthy = True
            except sqlite3.Error:
                raise
            except BaseException:
                healthy = True  # not the connection's fault
                raise
            finally:
                # One that reads a file nobody may write here must not outlive what others write elsewhere.
                if self._closed or not healthy or not schema.may_write(self.file):
                    db.close()
                else:
                    self._idle.put(db)

    # Meta ---------------------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """Every key and value of the library."""
        with self.read() as db:
            return read_meta(db)

    def set_meta(self, **values: str) -> None:
        """Write keys and values in one transaction."""
        with self.write() as db:
            write_meta(db, **values)

    def keep_meta(self, **values: str) -> dict[str, str]:
        """Write the keys that are not there yet, and return what stands: the first of two writers wins."""
        with self.write() as db:
            db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", values.items())
            return read_meta(db)

    # Documents ----------------------------------------------------------------------------------------------------

    def languages(self) -> dict[str, int]:
        """How many documents there are of each language."""
        with self.read() as db:
            return dict(db.execute("SELECT language, count(*) FROM documents GROUP BY language").fetchall())

    def is_empty(self) -> bool:
        """Whether there is no document."""
        with self.read() as db:
            return db.execute("SELECT 1 FROM documents LIMIT 1").fetchone() is None

    def documents(self) -> list[DocumentRecord]:
        """Every document, in the order of their titles."""
        with self.read() as db:
            rows = db.execute(f"{_RECORDS} GROUP BY d.id ORDER BY d.title, d.id").fetchall()
            return [_record(row) for row in rows]

    def document(self, key: str) -> DocumentRecord:
        """The document of an id, a unique prefix of one, a source, a title or the last part of a source's path.

        Raises:
            DocumentNotFound: nothing, or more than one document, answers to the key.
        """
        with self.read() as db:
            for ids in _matches(db, key):
                if len(ids) == 1:
                    return _record(db.execute(f"{_RECORDS} WHERE d.id = ? GROUP BY d.id", ids).fetchone())
                if ids:
                    names = ", ".join(found[:12] for found in ids)
                    raise DocumentNotFound(f"{key!r}: stands for {len(ids)} documents; use one of the ids {names}")
        raise DocumentNotFound(
            f"{key!r}: no document by that id, source, title or file name; `lastro list` shows all of them"
        )

    def find(self, document_id: str) -> DocumentRecord | None:
        """The document of a whole id, if it is there."""
        with self.read() as db:
            row = db.execute(f"{_RECORDS} WHERE d.id = ? GROUP BY d.id", (document_id,)).fetchone()
            return None if row is None else _record(row)

    def extension(self, document_id: str) -> str:
        """The extension that a document's original is kept under; a document that its owner brought has none."""
        with self.read() as db:
            sql = "SELECT extension FROM documents WHERE id = ? AND metadata IS NULL"
            return str(_one(db, sql, document_id)[0])

    def text(self, document_id: str) -> str:
        """A document's canonical text."""
        with self.read() as db:
            return str(_one(db, "SELECT text FROM texts WHERE document_id = ?", document_id)[0])

    def page_spans(self, document_id: str) -> tuple[PageSpan, ...]:
        """A document's pages, in order."""
        with self.read() as db:
            _one(db, "SELECT 1 FROM documents WHERE id = ?", document_id)
            found = db.execute(
                "SELECT number, first, last FROM pages WHERE document_id = ? ORDER BY position", (document_id,)
            )
            return tuple(PageSpan(number=row[0], start=row[1], end=row[2]) for row in found)

    def put(self, new: NewDocument, *, embedder: str) -> Written:
        """Write a document whole, and let its source leave the version it pointed to before.

        Raises:
            EmbedderMismatch: the library has changed to another embedder than `embedder`, an identity's JSON.
        """
        with self.write() as db:
            _require_embedder(db, embedder, self.file.parent)
            written = _put(db, new)
        reach("catalog.committed")
        return written

    def put_all(self, documents: Sequence[NewDocument], *, embedder: str) -> None:
        """Write several documents in one transaction: all of them or none."""
        with self.write() as db:
            _require_embedder(db, embedder, self.file.parent)
            for new in documents:
                _put(db, new)
        reach("catalog.committed")

    def link(self, source: str, document_id: str, *, moved: Sequence[str] = (), title: str | None = None) -> Written:
        """Let a source point to a document that is here already.

        `moved` are sources that this one takes the place of, and `title` is the document's new title, if it gets one.
        """
        with self.write() as db:
            db.executemany("DELETE FROM sources WHERE name = ?", [(name,) for name in moved])
            if title is not None:
                rows.retitle(db, document_id, title)
            return rows.point(db, source, document_id, rows.document_of(db, source))

    def remove(self, document_ids: Sequence[str], *, purge: bool = False) -> None:
        """Delete documents with their texts, chunks, vectors, stems and sources, in one transaction.

        With `purge` the catalogue remembers that compaction is wanted, whatever becomes of this process.
        """
        with self.write() as db:
            if purge:
                write_meta(db, purge_wanted="1")
            for document_id in document_ids:
                rows.delete(db, document_id)
        reach("catalog.committed")

    def known_ids(self) -> frozenset[str]:
        """The ids that `ids_named` finds."""
        with self.read() as db:
            return ids_named(db)


def ids_named(db: sqlite3.Connection) -> frozenset[str]:
    """The ids that documents have, and those that rows without their document still name: nobody's garbage."""
    tables = ("id FROM documents", *(f"document_id FROM {table}" for table in ("texts", "chunks", "sources")))
    return frozenset(str(row[0]) for row in db.execute(" UNION ".join(f"SELECT {table}" for table in tables)))


def _file_identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def summary(library: Path) -> LibraryInfo:
    """What a listing shows of a library's folder; nothing is changed, not even an old format."""
    size = 0
    for file in library.rglob("*"):
        with suppress(OSError):  # others may be at work in it
            size += file.stat().st_size if file.is_file() else 0
    try:
        with disk_errors(library), closing(schema.peek(library / "library.sqlite")) as db:
            meta = read_meta(db)
            documents, chunks = db.execute(
                "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks)"
            ).fetchone()
        embedder = str(json.loads(meta.get("settings", "{}")).get("embedder", ""))
    except (LibraryError, sqlite3.Error, ValueError) as error:
        return LibraryInfo(library.name, library, 0, 0, "", size, problem=str(error))
    return LibraryInfo(meta.get("name", library.name), library, documents, chunks, embedder, size)


def _put(db: sqlite3.Connection, new: NewDocument) -> Written:
    before = rows.document_of(db, new.source) if new.source else None
    kept = db.execute("SELECT name, added_at FROM sources WHERE document_id = ?", (new.id,)).fetchall()
    if db.execute("SELECT 1 FROM documents WHERE id = ?", (new.id,)).fetchone():
        rows.delete(db, new.id)  # read again: an empty or partial document gets another chance
    rows.insert(db, new)
    db.executemany("INSERT INTO sources VALUES (?, ?, ?)", [(row[0], new.id, row[1]) for row in kept])
    return rows.point(db, new.source, new.id, before) if new.source else Written(replaced=bool(kept), gone=())


def _require_embedder(db: sqlite3.Connection, given: str, library: Path) -> None:
    """Refuse vectors of another embedder than the one the library has at the moment of the commit."""
    row = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()
    if row is not None and not EmbedderIdentity.from_json(row[0]).same_vectors(EmbedderIdentity.from_json(given)):
        raise EmbedderMismatch(
            f"{library}: the library changed to another embedder meanwhile; open it again and repeat what is missing"
        )


def read_meta(db: sqlite3.Connection) -> dict[str, str]:
    """Every key and value, within the caller's transaction."""
    return {str(row[0]): str(row[1]) for row in db.execute("SELECT key, value FROM meta")}


def removals(db: sqlite3.Connection) -> int:
    """How many chunks were ever removed: it only grows, so a state with the same number holds no removed chunk."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tombstones'").fetchone()
    return 0 if row is None else int(row[0])


def write_meta(db: sqlite3.Connection, **values: str) -> None:
    """Write keys and values, within the caller's transaction."""
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


# Records -----------------------------------------------------------------------------------------------------------

_RECORDS = (
    "SELECT d.*, (SELECT count(*) FROM chunks c WHERE c.document_id = d.id) AS chunk_count, "
    "(SELECT json_group_array(name) FROM (SELECT name FROM sources s WHERE s.document_id = d.id ORDER BY name)) "
    "AS source_names FROM documents d"
)


def _record(row: sqlite3.Row) -> DocumentRecord:
    reason = (row["reason"],) if row["reason"] else ()
    return DocumentRecord(
        id=row["id"], title=row["title"], mime=row["mime"], language=row["language"], state=row["state"],
        bytes=row["bytes"], pages=row["pages"], chunks=row["chunk_count"], characters=row["characters"],
        added_at=row["added_at"], parser=row["parser"], sources=tuple(json.loads(row["source_names"])),
        warnings=reason + tuple(warning for warning in json.loads(row["warnings"]) if warning not in reason),
    )  # fmt: skip


def _one(db: sqlite3.Connection, sql: str, document_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(sql, (document_id,)).fetchone()
    if row is None:
        raise DocumentNotFound(f"{document_id!r}: no document by that id; `lastro list` shows all of them")
    return row


def _matches(db: sqlite3.Connection, key: str) -> Iterator[list[str]]:
    """Candidate ids, from the surest reading of a key to the loosest."""

    def ids(sql: str, *parameters: str) -> list[str]:
        return [str(row[0]) for row in db.execute(sql, parameters)]

    yield ids("SELECT id FROM documents WHERE id = ?", key)
    yield ids("SELECT document_id FROM sources WHERE name = ?", key)
    yield ids("SELECT document_id FROM sources WHERE name = ?", str(Path(key).expanduser().absolute()))
    yield ids("SELECT id FROM documents WHERE title = ?", key)
    ending = os.sep + key
    yield ids("SELECT DISTINCT document_id FROM sources WHERE substr(name, ?) = ?", str(-len(ending)), ending)
    if len(key) >= _PREFIX_LENGTH and set(key) <= set("0123456789abcdef"):
        yield ids("SELECT id FROM documents WHERE substr(id, 1, ?) = ?", str(len(key)), key)
