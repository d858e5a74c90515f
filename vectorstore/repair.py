"""Mending what `verify` found, from the database up to the index; nothing is deleted that is somebody's only copy."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lastro.errors import LastroError
from lastro.language import detect_language
from lastro.vectorstore import originals, rows
from lastro.vectorstore.mending import mend_document, write_stems
from lastro.vectorstore.soundness import lenient
from lastro.vectorstore.verify import Survey, compared, keyword_index_holds, known_ids, look, write_lock

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library


def mend(library: Library, survey: Survey) -> dict[str | None, str]:
    """Mend what a survey found, as far as it can be; returns by document why it could not be, with the way out."""
    obstacles: dict[str | None, str] = {}
    if survey.broken:
        _mend_indexes(library)
        survey = look(library)  # what lies behind the damage
        if survey.broken:
            return obstacles
    wanted = list(dict.fromkeys(found.document_id for found in survey.findings if found.document_id is not None))
    if any(found.check == "keyword" and found.document_id is None for found in survey.findings):
        _renew_keyword_index(library)
        wanted = _all_documents(library)
    adopted = _mend_orphans(library) if any(found.check == "orphan" for found in survey.findings) else []
    for document_id in dict.fromkeys([*adopted, *wanted]):
        try:
            mend_document(library, document_id, adopted=document_id in adopted)
        except LastroError as error:
            obstacles[document_id] = str(error)
    _sweep(library)
    try:
        _mend_index(library)
    except LastroError as error:
        obstacles[None] = str(error)
    return obstacles


def _all_documents(library: Library) -> list[str]:
    with lenient(library._catalog.read()) as db:
        return [str(row[0]) for row in db.execute("SELECT id FROM documents ORDER BY id")]


# The database as a whole -----------------------------------------------------------------------------------------


def _mend_indexes(library: Library) -> None:
    """Let SQLite make its own indexes again; tables that are damaged themselves stay as they are."""
    told_by_the_second_look = suppress(sqlite3.DatabaseError)
    with write_lock(library), library._catalog.connection() as db, told_by_the_second_look:
        db.execute("REINDEX")


def _renew_keyword_index(library: Library) -> None:
    """An empty keyword index in place of one that contradicts itself, unless that has been done meanwhile."""
    with write_lock(library):
        if keyword_index_holds(library):
            return
        with lenient(library._catalog.write()) as db:
            statement = str(db.execute("SELECT sql FROM sqlite_schema WHERE name = 'keyword'").fetchone()[0])
            db.execute("DROP TABLE keyword")
            db.execute(statement)
            for (document_id,) in db.execute("SELECT id FROM documents").fetchall():
                write_stems(db, document_id)


def _mend_orphans(library: Library) -> list[str]:
    """Give texts that lost their document a row again, delete other rows without owner; returns the ids adopted."""
    with write_lock(library), lenient(library._catalog.write()) as db:
        adopted = _adopt(db, library.path)
        _drop_rows(db)
    return adopted


def _adopt(db: sqlite3.Connection, library: Path) -> list[str]:
    """Rows in `documents` for texts and chunks that have none, as much as is still known of them; returns their ids."""
    ownerless = " UNION ".join(f"SELECT document_id FROM {table}" for table in ("texts", "chunks", "sources"))
    ids = [str(row[0]) for row in db.execute(f"SELECT * FROM ({ownerless}) EXCEPT SELECT id FROM documents")]
    adopted = []
    for document_id in ids:
        files = _originals_of(library, document_id)
        held = "SELECT 1 FROM texts WHERE document_id = ?1 UNION ALL SELECT 1 FROM chunks WHERE document_id = ?1"
        if files or db.execute(held, (document_id,)).fetchone():
            _adopt_one(db, document_id, files)
            adopted.append(document_id)
    return adopted


def _originals_of(library: Path, document_id: str) -> list[Path]:
    """The files that may hold a document's bytes; an id that its owner gave names none."""
    if not re.fullmatch("[0-9a-f]{64}", document_id):
        return []
    folder = originals.original_path(library, document_id, "").parent
    return sorted(file for file in folder.glob(f"{document_id}*") if file.suffix != ".part")


def _adopt_one(db: sqlite3.Connection, document_id: str, files: list[Path]) -> None:
    row = db.execute("SELECT text FROM texts WHERE document_id = ?", (document_id,)).fetchone()
    text = "" if row is None else str(row[0])
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


def _drop_rows(db: sqlite3.Connection) -> None:
    """Delete the rows that still have no owner; all of them can be made again."""
    ownerless = "document_id NOT IN (SELECT id FROM documents)"
    db.execute(f"INSERT INTO tombstones (chunk_id) SELECT id FROM chunks WHERE {ownerless}")
    for table in ("pages", "sections", "sources", "chunks", "staged_documents"):
        db.execute(f"DELETE FROM {table} WHERE {ownerless}")
    db.execute("DELETE FROM staged_chunks WHERE document_id NOT IN (SELECT document_id FROM staged_documents)")
    db.execute("DELETE FROM vectors WHERE seq NOT IN (SELECT seq FROM chunks)")
    db.execute("DELETE FROM keyword WHERE rowid NOT IN (SELECT seq FROM chunks)")


def _sweep(library: Library) -> None:
    with write_lock(library):
        originals.sweep(library.path, known_ids(library))


def _mend_index(library: Library) -> None:
    with library._maintaining():
        current = library._catalog.meta().get("index_generation")
        if current is not None:
            library._index.sync(library._catalog)
            state = compared(library)
            if state.missing or state.extra or state.lost:
                library._index.rebuild(library._catalog)
            current = library._catalog.meta().get("index_generation")
        library._index.drop_others(current or "")
