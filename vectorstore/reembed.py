"""Another embedder for a library: all texts are split and embedded anew, and then the library changes over at once.

Until then the new chunks and vectors stand in the `staged_*` tables, one transaction a document, while everyone goes on
with the old ones. So an interruption costs no document twice, and a document that is added or removed meanwhile is
staged or leaves the stage like any other. The change itself is one transaction under the writer lock.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastro.errors import LibraryCorrupt, LibraryError
from lastro.events import FileFinished, FileStarted, OnIngest, StageProgress
from lastro.failpoints import reach
from lastro.types import Chunk, FileResult
from lastro.vectorstore import rows
from lastro.vectorstore.catalog import read_meta, write_meta
from lastro.vectorstore.identity import MIN_PROBE_COSINE, Embedder, EmbedderIdentity, drift, probe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.vectorstore.library import Library

logger = logging.getLogger("lastro")


def reembed(
    library: Library,
    embedder: Embedder,
    *,
    name: str | None = None,
    on_event: OnIngest | None = None,
    cancel: threading.Event | None = None,
) -> None:
    """Embed every stored text anew and give the library the embedder, under `name` (the embedder's own by default).

    The library's present embedder is not loaded. After a cancel or an error the library is as before, and the next call
    with the same embedder goes on where this one stopped.

    Raises:
        LibraryLocked: another writer held the library for too long.
        LibraryCorrupt: a document has no stored text.
        LibraryError: another process began to change the library to a third embedder.
        ModelError: the embedder's vectors are not of length 1.
    """
    change = _Change(library, embedder, name or embedder.identity.name, probe(embedder), on_event or _ignore)
    change.begin()
    if not change.complete(cancel):
        return
    # The old chunks are garbage; compaction builds the index too, and where it has to wait, the index is built alone.
    library._compaction.run_if_due()
    library._following.catch_up()


class _DamagedStage(Exception):
    """The staged vectors of a document are not those that were written; its id is the argument."""


@dataclass(frozen=True, slots=True)
class _Change:
    """One library on its way to one embedder; `probe` are its vectors of the probe texts."""

    library: Library
    embedder: Embedder
    name: str
    probe: str
    emit: OnIngest

    def begin(self) -> None:
        """Say whose vectors are staged from now on; those of another embedder go."""
        catalog = self.library._catalog
        seen = catalog.meta()
        goes_on = self._is_staged(seen)
        with self.library._writing(), catalog.write() as db:
            bare = db.execute("SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM texts)").fetchone()
            if bare is not None:
                raise LibraryCorrupt(
                    f"{self.library.path}: document {bare[0]} has no stored text to embed; run `lastro verify --repair`"
                )
            if not goes_on or read_meta(db).get("staged_embedder") != seen["staged_embedder"]:
                db.execute("DELETE FROM staged_documents")
            write_meta(db, staged_embedder=self.embedder.identity.to_json(), staged_probe=self.probe)

    def complete(self, cancel: threading.Event | None) -> bool:
        """Stage what is missing until the library can change over; False where it was cancelled first."""
        while True:
            waiting = self._waiting()
            for index, document_id in enumerate(waiting, start=1):
                if cancel is not None and cancel.is_set():
                    return False
                self._stage(document_id, index, len(waiting))
            if cancel is not None and cancel.is_set():
                return False
            try:
                if self._switch():
                    return True
            except _DamagedStage as damaged:
                logger.warning("%s: staged vectors of %s are damaged; embedding it again", self.library.path, damaged)
                with self.library._writing(), self.library._catalog.write() as db:
                    db.execute("DELETE FROM staged_documents WHERE document_id = ?", damaged.args)

    def _is_staged(self, meta: dict[str, str]) -> bool:
        """Whether the stage holds vectors of this very embedder."""
        if "staged_embedder" not in meta or "staged_probe" not in meta:
            return False
        staged = EmbedderIdentity.from_json(meta["staged_embedder"])
        same = staged.same_vectors(self.embedder.identity)
        return same and drift(meta["staged_probe"], self.embedder) >= MIN_PROBE_COSINE

    def _require(self, db: sqlite3.Connection) -> None:
        """Refuse to mix vectors of two embedders on the stage."""
        staged = read_meta(db).get("staged_embedder")
        if staged is None or not EmbedderIdentity.from_json(staged).same_vectors(self.embedder.identity):
            other = "the change was completed" if staged is None else f"{EmbedderIdentity.from_json(staged).name} began"
            raise LibraryError(
                f"{self.library.path}: another process is changing the embedder too ({other}); let one of them finish, "
                "then run this again if it is still needed"
            )

    def _waiting(self) -> list[str]:
        with self.library._catalog.read() as db:
            return _unstaged(db)

    def _stage(self, document_id: str, index: int, total: int) -> None:
        """Split and embed a document's text and put the outcome on the stage, unless the document leaves meanwhile."""
        catalog = self.library._catalog
        with catalog.read() as db:
            row = db.execute(
                "SELECT title, state, sha256 FROM documents JOIN texts ON document_id = id WHERE id = ?", (document_id,)
            ).fetchone()
            if row is None:
                return
            parsed = rows.parsed_document(db, document_id)
        title = str(row["title"])
        self.emit(FileStarted(title, index, total))

        def progress(done: int, of: int) -> None:
            self.emit(StageProgress(title, "embed", done, of))

        chunks = self.library.split(parsed, document_id, self.embedder)
        vectors = self.embedder.encode_documents([chunk.embedded_text for chunk in chunks], on_progress=progress)
        with self.library._writing(), catalog.write() as db:
            self._require(db)
            _put(db, document_id, row["sha256"], chunks, vectors)
        reach("reembed.staged")
        result = FileResult(source=title, state=row["state"], document_id=document_id, chunks=len(chunks))
        self.emit(FileFinished(result, index, total))

    def _switch(self) -> bool:
        """Let the staged vectors take the place of the old ones; False where a document is not staged yet.

        Raises:
            _DamagedStage: what is staged of a document cannot be used; nothing was changed.
        """
        with self.library._writing(), self.library._catalog.write() as db:
            self._require(db)
            if _unstaged(db):
                return False
            replaced = 0
            for document in db.execute("SELECT id, title, language FROM documents ORDER BY id").fetchall():
                chunks, vectors = _staged(db, document["id"])
                replaced += rows.delete_chunks(db, document["id"])
                rows.insert_chunks(db, document["id"], document["title"], document["language"], chunks, vectors)
            if replaced:
                rows.add_garbage(db, replaced)
            db.execute("DELETE FROM staged_documents")
            self._rename(db)
        reach("reembed.switched")
        return True

    def _rename(self, db: sqlite3.Connection) -> None:
        """Write whose vectors the library has now, and that its index knows none of them.

        The tombstones of the old chunks stay: an index that another process is building at this moment holds them.
        """
        meta = read_meta(db)
        settings = json.loads(meta["settings"]) | {"embedder": self.name}
        write_meta(
            db,
            embedder=self.embedder.identity.to_json(), embedder_probe=self.probe, settings=json.dumps(settings),
            index_generation="", index_watermark="0", index_version=str(int(meta.get("index_version", "0")) + 1),
        )  # fmt: skip
        db.execute("DELETE FROM meta WHERE key IN ('staged_embedder', 'staged_probe')")


def _unstaged(db: sqlite3.Connection) -> list[str]:
    """The documents whose present text is not on the stage."""
    found = db.execute(
        "SELECT t.document_id FROM texts t LEFT JOIN staged_documents s "
        "ON s.document_id = t.document_id AND s.text_sha256 = t.sha256 "
        "WHERE s.document_id IS NULL ORDER BY t.document_id"
    )
    return [str(row[0]) for row in found]


def _put(
    db: sqlite3.Connection, document_id: str, sha256: str, chunks: Sequence[Chunk], vectors: npt.NDArray[np.float32]
) -> None:
    """Put a document's chunks and vectors on the stage, unless its text has gone or changed since they were made."""
    now = db.execute("SELECT sha256 FROM texts WHERE document_id = ?", (document_id,)).fetchone()
    if now is None or now[0] != sha256:
        return
    db.execute("DELETE FROM staged_documents WHERE document_id = ?", (document_id,))
    db.execute("INSERT INTO staged_documents VALUES (?, ?)", (document_id, sha256))
    blobs = [vector.astype("<f4").tobytes() for vector in vectors]
    db.executemany(
        "INSERT INTO staged_chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                document_id, chunk.index, chunk.id, chunk.text, chunk.start, chunk.end, chunk.page_start,
                chunk.page_end, chunk.section, chunk.token_count, blob, zlib.crc32(blob),
            )
            for chunk, blob in zip(chunks, blobs, strict=True)
        ],
    )  # fmt: skip


def _staged(db: sqlite3.Connection, document_id: str) -> tuple[list[Chunk], npt.NDArray[np.float32]]:
    """A document's staged chunks in order, and their vectors row by row."""
    found = db.execute("SELECT * FROM staged_chunks WHERE document_id = ? ORDER BY position", (document_id,)).fetchall()
    if any(zlib.crc32(row["vector"]) != row["crc"] for row in found):
        raise _DamagedStage(document_id)
    return rows.with_vectors(found)


def _ignore(_event: object) -> None:
    """Nobody listens."""
