"""Whether a library keeps its promises: every check in turn, told in words."""

from __future__ import annotations

import dataclasses
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lastro.errors import LibraryCorrupt, LibraryReadOnly
from lastro.types import Finding, VerifyReport
from lastro.vectorstore import generation, originals
from lastro.vectorstore.catalog import ids_named
from lastro.vectorstore.identity import EmbedderIdentity
from lastro.vectorstore.index import IndexBroken, IndexState
from lastro.vectorstore.locking import writer_lock
from lastro.vectorstore.soundness import examine, lenient

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library

REPAIR = "run `lastro verify --repair`"
_RESTORE = (
    "library.sqlite cannot be mended from inside: restore the library from an export with `lastro import`, or add the "
    "files below originals/ to a new library"
)
_WAYS_OUT = {
    "text": f"{REPAIR}: the text is put together from its chunks or read again from the original",
    "pages": f"{REPAIR}: the document is read again from its original",
    "chunks": f"{REPAIR}: the document is split and embedded again from its stored text",
    "vector": f"{REPAIR}: the chunk is embedded again",
    "keyword": f"{REPAIR}: the entry is written again from the chunk",
}
_OWNED = {  # table: what a row of it is, and what it belongs to
    "texts": ("text", "document"),
    "pages": ("page", "document"),
    "sections": ("section", "document"),
    "sources": ("source", "document"),
    "chunks": ("chunk", "document"),
    "vectors": ("vector", "chunk"),
    "staged_documents": ("document of another embedder", "document"),
    "staged_chunks": ("chunk of another embedder", "document"),
}


@dataclass
class Survey:
    """What one walk through a library found; `broken` where its database is so damaged that the walk ended there."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    def add(self, check: str, problem: str, *, document_id: str | None = None, way_out: str = REPAIR) -> None:
        """Note a finding."""
        self.findings.append(Finding(check, problem, document_id, way_out=way_out))

    def count(self, kind: str, number: int = 1) -> None:
        """Count things that were looked at."""
        self.checked[kind] = self.checked.get(kind, 0) + number


def verify_library(library: Library, *, repair: bool) -> VerifyReport:
    """Look at everything a library stores, and mend what is wrong if `repair` is set.

    A finding is told as repaired when a second look no longer finds it. Nothing that is somebody's only copy is ever
    deleted. Other processes may read and write meanwhile.

    Raises:
        LibraryLocked: another writer held the library for too long.
        LibraryReadOnly: `repair` is set and the folder may not be written.
    """
    from lastro.vectorstore.repair import mend

    started = time.monotonic()
    survey = look(library)
    findings = tuple(survey.findings)
    if repair and findings:
        obstacles = mend(library, survey)
        survey = look(library)
        findings = _compared(findings, survey.findings, obstacles)
    return VerifyReport(findings, survey.checked, seconds=time.monotonic() - started)


def _compared(
    before: tuple[Finding, ...], after: list[Finding], obstacles: dict[str | None, str]
) -> tuple[Finding, ...]:
    left = {(finding.check, finding.document_id) for finding in after}
    mended = [
        dataclasses.replace(finding, repaired=True, way_out="")
        for finding in before
        if (finding.check, finding.document_id) not in left
    ]
    remaining = [
        dataclasses.replace(finding, way_out=obstacles.get(finding.document_id, finding.way_out)) for finding in after
    ]
    return (*mended, *remaining)


def look(library: Library) -> Survey:
    """One walk through everything that a library stores; nothing is changed."""
    survey = Survey()
    try:
        _database(library, survey)
        if not survey.broken:
            _orphan_rows(library, survey)
            _documents(library, survey)
    except (LibraryCorrupt, sqlite3.DatabaseError) as error:
        survey.broken = True
        survey.add("database", f"library.sqlite is damaged: {error}", way_out=_RESTORE)
    if not survey.broken:
        _orphan_files(library, survey)
        _index(library, survey)
    return survey


# The database itself ---------------------------------------------------------------------------------------------


def _database(library: Library, survey: Survey) -> None:
    with library._catalog.connection() as db:
        told = [str(row[0]) for row in db.execute("PRAGMA integrity_check(20)")]
    if told != ["ok"]:
        survey.broken = True
        way_out = REPAIR if only_indexes(told) else _RESTORE
        survey.add("database", f"library.sqlite is damaged: {'; '.join(told[:3])}", way_out=way_out)
        return
    if not keyword_index_holds(library):
        survey.add("keyword", "the keyword index contradicts itself", way_out=f"{REPAIR}: it is made anew")


def only_indexes(told: list[str]) -> bool:
    """Whether SQLite's complaints are all of indexes, which it can make again from the tables."""
    return all("missing from index" in line or line.startswith("wrong # of entries in index") for line in told)


def keyword_index_holds(library: Library) -> bool:
    """Whether FTS5 finds its index in order; True where the folder may only be read, since it cannot be asked there."""
    try:
        with library._catalog.connection() as db:
            try:
                db.execute("INSERT INTO keyword (keyword) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
                    return False
                raise
    except LibraryReadOnly:
        return True
    return True


def _orphan_rows(library: Library, survey: Survey) -> None:
    counts: dict[str, int] = {}
    with lenient(library._catalog.read()) as db:
        for row in db.execute("PRAGMA foreign_key_check"):
            counts[row[0]] = counts.get(row[0], 0) + 1
        stray = int(
            db.execute("SELECT count(*) FROM keyword WHERE rowid NOT IN (SELECT seq FROM chunks)").fetchone()[0]
        )
    for table, number in counts.items():
        what, owner = _OWNED.get(table, (f"row of {table}", "document"))
        survey.add("orphan", f"{number} {what}{'s' * (number > 1)} belong to no {owner}")
    if stray:
        survey.add("orphan", f"{stray} keyword entr{'ies' if stray > 1 else 'y'} belong to no chunk")


# Documents -------------------------------------------------------------------------------------------------------


def _documents(library: Library, survey: Survey) -> None:
    identity = identity_of(library)
    with lenient(library._catalog.read()) as db:
        ids = [str(row[0]) for row in db.execute("SELECT id FROM documents ORDER BY id")]
    for document_id in ids:
        with lenient(library._catalog.read()) as db:  # a snapshot a document, so that no writer's log grows for long
            found = examine(db, document_id, identity)
            kept = db.execute(
                "SELECT d.title, d.extension, (SELECT count(*) FROM sources s WHERE s.document_id = d.id) AS sources "
                "FROM documents d WHERE d.id = ? AND d.metadata IS NULL",
                (document_id,),
            ).fetchone()
        if found is None:
            continue  # removed meanwhile
        survey.count("documents")
        survey.count("chunks", found.chunks)
        for check in found.problems:
            survey.add(check, found.told(check), document_id=document_id, way_out=_WAYS_OUT[check])
        if kept is not None:
            _kept(library, survey, document_id, kept)


def _kept(library: Library, survey: Survey, document_id: str, row: sqlite3.Row) -> None:
    """The place a document came from, and its bytes."""
    survey.count("originals")
    if not row["sources"]:
        survey.add(
            "source", f"{row['title']}: it is not known where the document came from", document_id=document_id,
            way_out="add its file again, or remove the document",
        )  # fmt: skip
    problem = original_problem(library.path, document_id, str(row["extension"]))
    if problem and library._catalog.find(document_id) is not None:  # else removed meanwhile
        survey.add(
            "original", f"{row['title']}: {problem}", document_id=document_id,
            way_out=f"put the file back where it was added from, unchanged, and {REPAIR}",
        )  # fmt: skip


def identity_of(library: Library) -> EmbedderIdentity | None:
    """The identity of the embedder that a library's vectors are of; None before the first."""
    stored = library._catalog.meta().get("embedder")
    return None if stored is None else EmbedderIdentity.from_json(stored)


def original_problem(library: Path, document_id: str, extension: str) -> str:
    """What is wrong with a document's original, "" for nothing."""
    file = originals.original_path(library, document_id, extension)
    try:
        digest = sha256_of(file)
    except FileNotFoundError:
        return f"its original is missing ({file})"
    except OSError as error:
        return f"its original cannot be read ({file}: {error.strerror})"
    return "" if digest == document_id else f"its original was altered ({file})"


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# Files and index -------------------------------------------------------------------------------------------------


def _orphan_files(library: Library, survey: Survey) -> None:
    # A document's bytes are in place before its rows: only under the lock is a file without rows surely nobody's.
    if not originals.orphans(library.path, known_ids(library)):
        return
    try:
        with write_lock(library):
            stray = originals.orphans(library.path, known_ids(library))
    except LibraryReadOnly:
        stray = originals.orphans(library.path, known_ids(library))
    for file in stray:
        survey.add("orphan", f"{file.relative_to(library.path)} belongs to no document")


def write_lock(library: Library) -> AbstractContextManager[None]:
    """The writer lock alone: the library's own, taken for the first time, sweeps away what may still be mended by."""
    return writer_lock(library.path, timeout_s=library.settings.lock_timeout_s)


def known_ids(library: Library) -> frozenset[str]:
    """The ids that `ids_named` finds, damaged ones among them."""
    with lenient(library._catalog.read()) as db:
        return ids_named(db)


def _index(library: Library, survey: Survey) -> None:
    try:
        with library._maintaining():
            meta = library._catalog.meta()
            current = meta.get("index_generation")
            old = [name for name in generation.names(library.path / "chroma") if name != current]
            # Without a list of its files it is of format 1, and made anew by the first search.
            state = compared(library) if current and "index_files" in meta else None
    except LibraryReadOnly:
        return  # nobody may write here, and Chroma opens no index without
    if old:
        survey.add("orphan", f"chroma/ holds {len(old)} old generation(s) of the index: {', '.join(old)}")
    if state is None:
        return  # the first search makes it
    survey.count("index", survey.checked.get("chunks", 0))
    for problem in _departures(state):
        survey.add("index", problem, way_out=f"{REPAIR}: the index is made again from library.sqlite")


def compared(library: Library) -> IndexState:
    """How the index departs from the catalogue; the caller holds `index.lock`."""
    try:
        return library._index.compare(library._catalog)
    except (IndexBroken, LibraryCorrupt) as error:  # the latter of ids that are no UTF-8 any more
        library._index.close()
        return IndexState((), (), (f"everything: {error}",))


def _departures(state: IndexState) -> Iterator[str]:
    words = (
        (state.missing, "not in the index (searches find them by other ways, more slowly)"),
        (state.extra, "in the index but no longer in the library"),
        (state.lost, "in the index but not found by their own vector"),
    )
    for ids, told in words:
        if ids:
            yield f"{len(ids)} chunk{'s' * (len(ids) > 1)} {told}; the first is {ids[0]}"
