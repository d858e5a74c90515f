"""Mending what `verify` found, from the database up to the index; nothing is deleted that is somebody's only copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lastro.errors import LastroError
from lastro.vectorstore import originals, orphans
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
    adopted = _mend_orphans(library) if any(found.check == "orphan" for found in survey.findings) else {}
    for document_id in dict.fromkeys([*adopted, *wanted]):
        with _noting(obstacles, document_id):
            mend_document(library, document_id, makeshift=adopted.get(document_id, False))
    _sweep(library)
    with _noting(obstacles, None):
        _mend_index(library)
    return obstacles


@contextmanager
def _noting(obstacles: dict[str | None, str], document_id: str | None) -> Iterator[None]:
    """Go on with the next document where one cannot be mended."""
    try:
        yield
    except (LastroError, sqlite3.DatabaseError) as error:
        obstacles[document_id] = str(error)


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


def _mend_orphans(library: Library) -> dict[str, bool]:
    """Give rows their owner again where it can be told, delete the others; the ids of documents that this concerns.

    True for one whose row in `documents` is only a makeshift.
    """
    with write_lock(library), lenient(library._catalog.write()) as db:
        adopted = orphans.adopt(db, library.path)
        orphans.drop(db)
    return adopted


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
