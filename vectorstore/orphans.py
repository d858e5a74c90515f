"""Rows without an owner: given back to it where it can be told, and deleted only where they can be made again."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from lastro.detection import detect_language
from lastro.types import chunk_id
from lastro.vectorstore import originals, rows

_OWNED = ("texts", "pages", "sections", "sources", "chunks", "staged_documents")
_WITHOUT = "NOT EXISTS (SELECT 1 FROM {0} WHERE {0}.document_id = d.id)"


def adopt(db: sqlite3.Connection, library: Path) -> dict[str, bool]:
    """Give rows that name no document one again, and return the ids of the documents concerned.

    Where one document lacks just what the rows are, it is theirs. Else a row in `documents` is made of what is still
    known: its id is then True, for a makeshift.
    """
    named = " UNION ".join(f"SELECT document_id FROM {table}" for table in ("texts", "chunks", "sources"))
    ids = [str(row[0]) for row in db.execute(f"SELECT * FROM ({named}) EXCEPT SELECT id FROM documents")]
    concerned: dict[str, bool] = {}
    for document_id in ids:
        files = _originals(library, document_id)
        proven = bool(files) or _is_proven(db, document_id)
        owner = _owner(db, document_id, proven=proven)
        if owner is not None:
            concerned[owner] = False
        elif proven or _text(db, document_id) is not None:
            _insert(db, document_id, files)
            concerned[document_id] = True
    return concerned


def drop(db: sqlite3.Connection) -> None:
    """Delete the rows that still have no owner; all of them can be made again."""
    ownerless = "document_id NOT IN (SELECT id FROM documents)"
    db.execute(f"INSERT INTO tombstones (chunk_id) SELECT id FROM chunks WHERE {ownerless}")
    for table in _OWNED:
        db.execute(f"DELETE FROM {table} WHERE {ownerless}")
    db.execute("DELETE FROM staged_chunks WHERE document_id NOT IN (SELECT document_id FROM staged_documents)")
    db.execute("DELETE FROM vectors WHERE seq NOT IN (SELECT seq FROM chunks)")
    db.execute("DELETE FROM keyword WHERE rowid NOT IN (SELECT seq FROM chunks)")


def _originals(library: Path, document_id: str) -> list[Path]:
    """The files that may hold a document's bytes; an id that its owner gave names none."""
    if not re.fullmatch("[0-9a-f]{64}", document_id):
        return []
    folder = originals.original_path(library, document_id, "").parent
    return sorted(file for file in folder.glob(f"{document_id}*") if not originals.is_partial(file))


def _is_proven(db: sqlite3.Connection, document_id: str) -> bool:
    """Whether a chunk's id says that there was a document of this id, which is no damaged id of another then."""
    chunks = db.execute("SELECT id, first, last, text FROM chunks WHERE document_id = ?", (document_id,))
    return any(row["id"] == chunk_id(document_id, row["first"], row["last"], str(row["text"])) for row in chunks)


def _text(db: sqlite3.Connection, document_id: str) -> str | None:
    row = db.execute("SELECT text FROM texts WHERE document_id = ?", (document_id,)).fetchone()
    return None if row is None else str(row[0])


def _owner(db: sqlite3.Connection, document_id: str, *, proven: bool) -> str | None:
    """The document that the rows of a lost id belong to, now theirs again; None where none or several may be it."""
    text = _text(db, document_id)
    if proven:  # the id is right, so it is the row in `documents` that has a damaged one
        lacks = [_WITHOUT.format(table) for table in ("texts", "chunks", "sources")]
        owner = _only(db, lacks, text)
        if owner is not None:
            db.execute("UPDATE documents SET id = ? WHERE id = ?", (document_id, owner))
            return document_id
        return None
    table = "sources" if text is None else "texts"
    owner = _only(db, [_WITHOUT.format(table), "d.metadata IS NULL" if text is None else "1"], text)
    if owner is not None:
        db.execute(f"UPDATE {table} SET document_id = ? WHERE document_id = ?", (owner, document_id))
    return owner


def _only(db: sqlite3.Connection, conditions: list[str], text: str | None) -> str | None:
    """The one document that satisfies the conditions, and whose text has the length of this one."""
    length = -1 if text is None else len(text)
    sql = f"SELECT d.id FROM documents d WHERE {' AND '.join(conditions)} AND ?1 IN (-1, d.characters)"
    ids = [str(row[0]) for row in db.execute(sql, (length,))]
    return ids[0] if len(ids) == 1 else None


def _insert(db: sqlite3.Connection, document_id: str, files: list[Path]) -> None:
    text = _text(db, document_id) or ""
    source = db.execute("SELECT min(name) FROM sources WHERE document_id = ?", (document_id,)).fetchone()[0]
    pages = "SELECT count(*) FROM pages WHERE document_id = ? AND number IS NOT NULL"
    db.execute(
        "INSERT INTO documents VALUES (?, ?, 'text/plain', ?, 'ok', '', ?, ?, ?, '', '[]', ?, ?, ?)",
        (
            document_id, Path(source).stem if source else document_id[:12], detect_language(text),
            files[0].stat().st_size if files else len(text.encode()),
            db.execute(pages, (document_id,)).fetchone()[0] or None, len(text),
            files[0].suffix if files else "", rows.now(), None if files or source else "{}",
        ),
    )  # fmt: skip
