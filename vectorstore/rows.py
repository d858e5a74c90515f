"""The rows of one document, written and deleted within the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastro.failpoints import reach
from lastro.types import Chunk, FileState, PageSpan, ParsedDocument, Section
from lastro.vectorstore import keyword, schema

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class NewDocument:
    """All that one transaction writes: `vectors[i]` belongs to `chunks[i]`."""

    id: str
    source: str  # "" for a document that its owner brought: it has an id and no place
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


def insert(db: sqlite3.Connection, new: NewDocument) -> None:
    """Write a document's row, text, spans, chunks, vectors and stems; it must not be there."""
    parsed = new.parsed
    numbered = sum(page.number is not None for page in parsed.pages)
    db.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id, parsed.title, parsed.mime, parsed.language, new.state, new.reason, new.bytes, numbered or None,
            len(parsed.text), parsed.parser, json.dumps(parsed.warnings), new.extension, now(), new.metadata,
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
    insert_chunks(db, new.id, parsed.title, parsed.language, new.chunks, new.vectors)
    reach("catalog.rows")


def insert_chunks(
    db: sqlite3.Connection,
    document_id: str,
    title: str,
    language: str,
    chunks: Sequence[Chunk],
    vectors: npt.NDArray[np.float32],
) -> None:
    """Write chunks with their vectors and stems, under new `seq` numbers."""
    numbered = []
    for chunk, vector in zip(chunks, vectors, strict=True):
        cursor = db.execute(
            "INSERT INTO chunks (id, document_id, position, text, first, last, page_start, page_end, section, "
            "token_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                chunk.id, document_id, chunk.index, chunk.text, chunk.start, chunk.end,
                chunk.page_start, chunk.page_end, chunk.section, chunk.token_count,
            ),
        )  # fmt: skip
        seq = int(cursor.lastrowid or 0)
        blob = vector.astype("<f4").tobytes()
        db.execute("INSERT INTO vectors VALUES (?, ?, ?)", (seq, blob, zlib.crc32(blob)))
        numbered.append((seq, chunk))
    keyword.index_chunks(db, numbered, title=title, language=language)


def delete_chunks(db: sqlite3.Connection, document_id: str) -> int:
    """Delete a document's chunks, vectors and stems, note them for the index, and return how many they were."""
    db.execute("INSERT INTO tombstones (chunk_id) SELECT id FROM chunks WHERE document_id = ?", (document_id,))
    keyword.forget_chunks(db, document_id)
    return db.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,)).rowcount


def delete(db: sqlite3.Connection, document_id: str) -> None:
    """Delete a document whole; what its pages on disk still hold is garbage until the next compaction."""
    chunks = delete_chunks(db, document_id)
    db.execute("DELETE FROM documents WHERE id = ?", (document_id,))
    add_garbage(db, chunks + 1)  # a document without chunks leaves a text too
    reach("catalog.deleted")


def add_garbage(db: sqlite3.Connection, chunks: int) -> None:
    """Count what compaction has to clear away, and since when."""
    db.execute(
        "INSERT INTO meta VALUES ('garbage', ?) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
        (str(chunks),),
    )
    db.execute("INSERT OR IGNORE INTO meta VALUES ('garbage_since', ?)", (now(),))


def document_of(db: sqlite3.Connection, source: str) -> str | None:
    """The id of the document that a source points to."""
    row = db.execute("SELECT document_id FROM sources WHERE name = ?", (source,)).fetchone()
    return None if row is None else str(row[0])


def point(db: sqlite3.Connection, source: str, document_id: str, before: str | None) -> Written:
    """Point a source to a document; the document it leaves goes when no other source points there."""
    db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", (source, document_id, now()))
    if before is None or before == document_id:
        return Written(replaced=False, gone=())
    if db.execute("SELECT 1 FROM sources WHERE document_id = ?", (before,)).fetchone():
        return Written(replaced=True, gone=())
    delete(db, before)
    return Written(replaced=True, gone=(before,))


def retitle(db: sqlite3.Connection, document_id: str, title: str) -> None:
    """Give a document another title, in every index: its chunks get new `seq` numbers, so the index takes them anew."""
    db.execute("UPDATE documents SET title = ? WHERE id = ?", (title, document_id))
    language = str(db.execute("SELECT language FROM documents WHERE id = ?", (document_id,)).fetchone()[0])
    chunks, vectors = chunks_of(db, document_id)
    delete_chunks(db, document_id)
    insert_chunks(db, document_id, title, language, chunks, vectors)


def chunks_of(db: sqlite3.Connection, document_id: str) -> tuple[list[Chunk], npt.NDArray[np.float32]]:
    """A document's chunks in order, and their vectors row by row."""
    sql = "SELECT c.*, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE c.document_id = ? ORDER BY c.position"
    return with_vectors(db.execute(sql, (document_id,)).fetchall())


def with_vectors(found: Sequence[sqlite3.Row]) -> tuple[list[Chunk], npt.NDArray[np.float32]]:
    """The chunks of rows that have a chunk's columns and its vector, and the vectors row by row."""
    import numpy as np

    chunks = [
        Chunk(
            id=row["id"], document_id=row["document_id"], index=row["position"], text=row["text"], start=row["first"],
            end=row["last"], page_start=row["page_start"], page_end=row["page_end"], section=row["section"],
            token_count=row["token_count"],
        )
        for row in found
    ]  # fmt: skip
    matrix = np.frombuffer(b"".join(row["vector"] for row in found), dtype="<f4")
    return chunks, matrix.reshape(len(found), -1 if found else 0)


def parsed_document(db: sqlite3.Connection, document_id: str) -> ParsedDocument:
    """A stored document as its parser handed it over, for splitting it again."""
    row = db.execute(
        "SELECT d.*, t.text FROM documents d JOIN texts t ON t.document_id = d.id WHERE d.id = ?", (document_id,)
    ).fetchone()
    pages = db.execute("SELECT number, first, last FROM pages WHERE document_id = ? ORDER BY position", (document_id,))
    sections = db.execute(
        "SELECT path, first, last FROM sections WHERE document_id = ? ORDER BY position", (document_id,)
    )
    return ParsedDocument(
        text=row["text"],
        pages=tuple(PageSpan(number=page[0], start=page[1], end=page[2]) for page in pages),
        sections=tuple(Section(path=found[0], start=found[1], end=found[2]) for found in sections),
        mime=row["mime"], title=row["title"], language=row["language"],
        warnings=tuple(json.loads(row["warnings"])), parser=row["parser"],
    )  # fmt: skip


def now() -> str:
    """The moment, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
