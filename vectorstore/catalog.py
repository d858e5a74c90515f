"""The catalogue: `library.sqlite`, the truth of a library; everything else can be made again from it.

One transaction a document. The tables are described in `lastro.vectorstore.schema`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any

from lastro.errors import DocumentNotFound, LibraryError
from lastro.types import Chunk, DocumentRecord, FileState, PageSpan, ParsedDocument, Passage
from lastro.vectorstore import keyword, schema

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FILTERS = ("document_id", "title", "source", "language", "mime")
_PREFIX_LENGTH = 6  # fewest characters of an id that may stand for it


@dataclass(frozen=True, slots=True)
class NewDocument:
    """All that one transaction writes: `vectors[i]` belongs to `chunks[i]`."""

    id: str
    source: str
    parsed: ParsedDocument
    state: FileState
    reason: str
    bytes: int
    extension: str
    chunks: tuple[Chunk, ...]
    vectors: npt.NDArray[np.float32]  # (len(chunks), dimension), normalised
    metadata: str | None = None  # JSON object of a document that its owner brought; None for a file


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction changed: ids of documents that are gone, and whether the source stood for one of them."""

    replaced: bool
    gone: tuple[str, ...]


class Catalog:
    """Reads and writes of one library's SQLite file; any thread may call, each call has its own connection."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._closed = False
        db = schema.connect(file)
        try:
            schema.prepare(db, file)
        except BaseException:
            db.close()
            raise
        self._idle.put(schema.harden(db))

    def close(self) -> None:
        """Close every connection; those in use close when they come back."""
        self._closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: everything read through it is of one moment."""
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or, after an exception, nothing."""
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def require_open(self) -> None:
        """Raise `LibraryError` once the catalogue is closed: nothing opens it again behind its owner's back."""
        if self._closed:
            raise LibraryError(f"{self.file.parent}: the library is closed; open it again")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self.require_open()
        try:
            db = self._idle.get_nowait()
        except Empty:
            db = schema.harden(schema.connect(self.file))
        try:
            yield db
        finally:
            if self._closed:
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

    def documents(self) -> list[DocumentRecord]:
        """Every document, in the order of their titles."""
        with self.read() as db:
            rows = db.execute(f"{_RECORDS} GROUP BY d.id ORDER BY d.title, d.id").fetchall()
            return [_record(db, row) for row in rows]

    def document(self, key: str) -> DocumentRecord:
        """The document of an id, a unique prefix of one, a source, a title or the last part of a source's path.

        Raises:
            DocumentNotFound: nothing, or more than one document, answers to the key.
        """
        with self.read() as db:
            for ids in _matches(db, key):
                if len(ids) == 1:
                    return _record(db, db.execute(f"{_RECORDS} WHERE d.id = ? GROUP BY d.id", ids).fetchone())
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
            return None if row is None else _record(db, row)

    def extension(self, document_id: str) -> str:
        """The extension that a document's original is kept under."""
        with self.read() as db:
            return str(_one(db, "SELECT extension FROM documents WHERE id = ?", document_id)[0])

    def text(self, document_id: str) -> str:
        """A document's canonical text."""
        with self.read() as db:
            return str(_one(db, "SELECT text FROM texts WHERE document_id = ?", document_id)[0])

    def page_spans(self, document_id: str) -> tuple[PageSpan, ...]:
        """A document's pages, in order."""
        with self.read() as db:
            _one(db, "SELECT 1 FROM documents WHERE id = ?", document_id)
            rows = db.execute(
                "SELECT number, first, last FROM pages WHERE document_id = ? ORDER BY position", (document_id,)
            )
            return tuple(PageSpan(number=row[0], start=row[1], end=row[2]) for row in rows)

    def put(self, new: NewDocument) -> Written:
        """Write a document whole, and let its source leave the version it pointed to before."""
        with self.write() as db:
            before = _document_of(db, new.source)
            kept = db.execute("SELECT name, added_at FROM sources WHERE document_id = ?", (new.id,)).fetchall()
            if db.execute("SELECT 1 FROM documents WHERE id = ?", (new.id,)).fetchone():
                _delete(db, new.id)  # read again: an empty or partial document gets another chance
            _insert(db, new)
            db.executemany("INSERT INTO sources VALUES (?, ?, ?)", [(r[0], new.id, r[1]) for r in kept])
            return _point(db, new.source, new.id, before)

    def link(self, source: str, document_id: str) -> Written:
        """Let a source point to a document that is here already."""
        with self.write() as db:
            return _point(db, source, document_id, _document_of(db, source))

    def remove(self, document_id: str) -> None:
        """Delete a document with its text, chunks, vectors, stems and sources."""
        with self.write() as db:
            _delete(db, document_id)


def read_meta(db: sqlite3.Connection) -> dict[str, str]:
    """Every key and value, within the caller's transaction."""
    return {str(row[0]): str(row[1]) for row in db.execute("SELECT key, value FROM meta")}


def write_meta(db: sqlite3.Connection, **values: str) -> None:
    """Write keys and values, within the caller's transaction."""
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


# Passages and vectors, within a snapshot --------------------------------------------------------------------------


def documents_where(db: sqlite3.Connection, where: dict[str, Sequence[str]]) -> list[str]:
    """The ids of the documents that satisfy every condition; `where` maps names in `FILTERS` to accepted values."""
    conditions, parameters = ["1"], []
    for name, values in where.items():
        accepted = "(SELECT value FROM json_each(?))"
        if name == "source":
            conditions.append(f"id IN (SELECT document_id FROM sources WHERE name IN {accepted})")
        else:
            conditions.append(f"{'id' if name == 'document_id' else name} IN {accepted}")
        parameters.append(json.dumps(list(values)))
    return [str(row[0]) for row in db.execute(f"SELECT id FROM documents WHERE {' AND '.join(conditions)}", parameters)]


def chunk_ids(db: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, str]:
    """The chunk id of each `seq` that exists."""
    rows = db.execute("SELECT seq, id FROM chunks WHERE seq IN (SELECT value FROM json_each(?))", (_json(seqs),))
    return {int(row[0]): str(row[1]) for row in rows}


def vectors_of(db: sqlite3.Connection, ids: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The chunk ids among `ids` that exist, and their vectors, row by row."""
    rows = db.execute(
        "SELECT c.id, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE c.id IN (SELECT value FROM json_each(?))",
        (_json(ids),),
    ).fetchall()
    return _matrix(rows)


def vectors_after(
    db: sqlite3.Connection, seq: int, documents: Sequence[str] | None = None
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The ids and vectors of chunks newer than `seq`, of the given documents only where they are given."""
    sql = "SELECT c.id, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE c.seq > ?"
    if documents is None:
        return _matrix(db.execute(sql, (seq,)).fetchall())
    sql += " AND c.document_id IN (SELECT value FROM json_each(?))"
    return _matrix(db.execute(sql, (seq, _json(documents))).fetchall())


def passages(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Passage]:
    """The passages of the chunk ids that exist, unranked (rank 0)."""
    rows = db.execute(
        "SELECT c.*, d.title, d.language FROM chunks c JOIN documents d ON d.id = c.document_id "
        "WHERE c.id IN (SELECT value FROM json_each(?))",
        (_json(ids),),
    )
    return {
        row["id"]: Passage(
            chunk_id=row["id"], document_id=row["document_id"], title=row["title"], text=row["text"],
            start=row["first"], end=row["last"], page_start=row["page_start"], page_end=row["page_end"],
            section=row["section"], rank=0, score=0.0, language=row["language"],
        )
        for row in rows
    }  # fmt: skip


def _matrix(rows: Sequence[sqlite3.Row]) -> tuple[list[str], npt.NDArray[np.float32]]:
    import numpy as np

    if not rows:
        return [], np.zeros((0, 0), dtype=np.float32)
    matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32)
    return [str(row[0]) for row in rows], matrix.reshape(len(rows), -1)


def _json(values: Sequence[Any]) -> str:
    return json.dumps(list(values))  # one parameter carries any number of values


# Rows of one document, within a transaction -----------------------------------------------------------------------

_RECORDS = (
    "SELECT d.*, (SELECT count(*) FROM chunks c WHERE c.document_id = d.id) AS chunk_count, "
    "(SELECT json_group_array(name) FROM (SELECT name FROM sources s WHERE s.document_id = d.id ORDER BY name)) "
    "AS source_names FROM documents d"
)


def _record(_db: sqlite3.Connection, row: sqlite3.Row) -> DocumentRecord:
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


def _document_of(db: sqlite3.Connection, source: str) -> str | None:
    row = db.execute("SELECT document_id FROM sources WHERE name = ?", (source,)).fetchone()
    return None if row is None else str(row[0])


def _insert(db: sqlite3.Connection, new: NewDocument) -> None:
    parsed = new.parsed
    numbered = sum(page.number is not None for page in parsed.pages)
    db.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id, parsed.title, parsed.mime, parsed.language, new.state, new.reason, new.bytes, numbered or None,
            len(parsed.text), parsed.parser, json.dumps(parsed.warnings), new.extension, _now(), new.metadata,
        ),
    )  # fmt: skip
    db.execute("INSERT INTO texts VALUES (?, ?, ?)", (new.id, parsed.text, schema.text_sha256(parsed.text)))
    db.executemany(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
        [(new.id, at, page.number, page.start, page.end) for at, page in enumerate(parsed.pages)],
    )
    db.executemany(
        "INSERT INTO sections VALUES (?, ?, ?, ?, ?)",
        [(new.id, at, section.path, section.start, section.end) for at, section in enumerate(parsed.sections)],
    )
    _insert_chunks(db, new)


def _insert_chunks(db: sqlite3.Connection, new: NewDocument) -> None:
    numbered = []
    for chunk, vector in zip(new.chunks, new.vectors, strict=True):
        cursor = db.execute(
            "INSERT INTO chunks (id, document_id, position, text, first, last, page_start, page_end, section, "
            "token_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                chunk.id, new.id, chunk.index, chunk.text, chunk.start, chunk.end,
                chunk.page_start, chunk.page_end, chunk.section, chunk.token_count,
            ),
        )  # fmt: skip
        seq = int(cursor.lastrowid or 0)
        blob = vector.astype("<f4").tobytes()
        db.execute("INSERT INTO vectors VALUES (?, ?, ?)", (seq, blob, zlib.crc32(blob)))
        numbered.append((seq, chunk))
    keyword.index_chunks(db, numbered, title=new.parsed.title, language=new.parsed.language)


def _point(db: sqlite3.Connection, source: str, document_id: str, before: str | None) -> Written:
    """Point a source to a document; the document it leaves goes when no other source points there."""
    db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", (source, document_id, _now()))
    if before is None or before == document_id:
        return Written(replaced=False, gone=())
    if db.execute("SELECT 1 FROM sources WHERE document_id = ?", (before,)).fetchone():
        return Written(replaced=True, gone=())
    _delete(db, before)
    return Written(replaced=True, gone=(before,))


def _delete(db: sqlite3.Connection, document_id: str) -> None:
    db.execute("INSERT INTO tombstones (chunk_id) SELECT id FROM chunks WHERE document_id = ?", (document_id,))
    keyword.forget_chunks(db, document_id)
    db.execute("DELETE FROM documents WHERE id = ?", (document_id,))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
