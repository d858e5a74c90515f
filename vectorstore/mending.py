"""Mending one document: what can be made again is made again from what it was made of.

Keyword entries and vectors from chunks, chunks from the text, the text from its chunks or from the original, the
original from its source. Each step is one transaction; what cannot be mended stays as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lastro.errors import LibraryError
from lastro.types import Chunk, chunk_id
from lastro.vectorstore import keyword, originals, rows, schema
from lastro.vectorstore.identity import EmbedderIdentity, mismatch
from lastro.vectorstore.soundness import Soundness, examine, lenient
from lastro.vectorstore.verify import identity_of, original_problem, sha256_of, write_lock

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library

_BATCH = 256  # chunks embedded for one write


def mend_document(library: Library, document_id: str, *, makeshift: bool) -> None:
    """Mend a document from the bottom up: its original, its text, its chunks, then what is made of those.

    `makeshift` says that little more than its id is known, so it is read again where it can be.

    Raises:
        LastroError: something about it cannot be mended; the message says what is left to do.
    """
    obstacle = _mend_original(library, document_id)
    if makeshift:
        with suppress(LibraryError):  # a document without an original lives on by its text
            _read_again(library, document_id)
    found = _examined(library, document_id)
    if found is not None and found.problems.keys() & {"text", "pages"}:
        _mend_text(library, document_id)
        found = _examined(library, document_id)
    if found is not None and "chunks" in found.problems:
        _split_again(library, document_id)
        found = _examined(library, document_id)
    if found is not None:
        _embed_again(library, found.vectors)
        _index_again(library, document_id, found.stems)
    if obstacle:
        raise LibraryError(obstacle)


def _examined(library: Library, document_id: str) -> Soundness | None:
    with lenient(library._catalog.read()) as db:
        return examine(db, document_id, identity_of(library))


def _mend_original(library: Library, document_id: str) -> str:
    """Restore an original from a source that has the same bytes, or from the text; the way out where neither has."""
    with lenient(library._catalog.read()) as db:
        row = db.execute(
            "SELECT d.extension, t.text FROM documents d LEFT JOIN texts t ON t.document_id = d.id "
            "WHERE d.id = ? AND d.metadata IS NULL",
            (document_id,),
        ).fetchone()
        names = [str(r[0]) for r in db.execute("SELECT name FROM sources WHERE document_id = ?", (document_id,))]
    if row is None or not original_problem(library.path, document_id, row["extension"]):
        return ""
    with _same_bytes(document_id, names, row["text"]) as stream:
        if stream is None:
            places = " or ".join(names) or "any place"
            return (
                f"put the file back at {places}, unchanged, and run `lastro verify --repair`; or remove the document "
                "and add its file anew"
            )
        with (
            originals.staged_original(library.path, document_id, row["extension"], stream) as copy,
            write_lock(library),
        ):
            if library._catalog.find(document_id) is not None:
                originals.keep(copy, library.path, document_id, row["extension"])
    return ""


def _same_bytes(
    document_id: str, names: Sequence[str], text: str | None
) -> AbstractContextManager[BinaryIO] | AbstractContextManager[None]:
    for name in names:
        file = Path(name)
        with suppress(OSError):  # another source may still be readable
            if file.is_absolute() and file.is_file() and sha256_of(file) == document_id:
                return file.open("rb")
    data = (text or "").encode("utf-8", "replace")  # a plain text may be its own original
    return io.BytesIO(data) if hashlib.sha256(data).hexdigest() == document_id else nullcontext()


# Text ------------------------------------------------------------------------------------------------------------


def _mend_text(library: Library, document_id: str) -> None:
    """Put a text together from its chunks where that gives the very text, else read the original again."""
    with write_lock(library), lenient(library._catalog.write()) as db:
        row = db.execute("SELECT text, sha256 FROM texts WHERE document_id = ?", (document_id,)).fetchone()
        if row is not None:
            _from_chunks(db, document_id, row)
    found = _examined(library, document_id)
    if found is not None and found.problems.keys() & {"text", "pages"}:
        _read_again(library, document_id)


def _from_chunks(db: sqlite3.Connection, document_id: str, row: sqlite3.Row) -> None:
    """Chunks whose ids prove their content overwrite the text; it is kept where its hash, or every letter, agrees."""
    stored = row["text"] if isinstance(row["text"], str) else ""
    letters = list(stored)
    proven = 0
    chunks = db.execute(
        "SELECT id, text, first, last FROM chunks WHERE document_id = ? ORDER BY first", (document_id,)
    ).fetchall()
    for chunk in chunks:
        start, end, text = chunk["first"], chunk["last"], chunk["text"]
        if chunk["id"] != chunk_id(document_id, start, end, text) or len(text) != end - start:
            continue
        letters.extend(" " * (end - len(letters)))
        letters[start:end] = text
        if start <= proven or not "".join(letters[proven:start]).strip():
            proven = max(proven, end)
    text = "".join(letters)
    digest = schema.text_sha256(text)
    whole = bool(chunks) and text == stored and not text[proven:].strip()  # then it is the hash that is damaged
    if digest == row["sha256"] or whole:
        db.execute("UPDATE texts SET text = ?, sha256 = ? WHERE document_id = ?", (text, digest, document_id))
        db.execute("UPDATE documents SET characters = ? WHERE id = ?", (len(text), document_id))


def _read_again(library: Library, document_id: str) -> None:
    """Read a document from its original, and write it anew; its sources and its title stay.

    Raises:
        LibraryError: there is no sound original, or nothing can be read from it.
    """
    with lenient(library._catalog.read()) as db:
        row = db.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        return
    file = originals.original_path(library.path, document_id, row["extension"])
    if row["metadata"] is not None or original_problem(library.path, document_id, row["extension"]):
        raise LibraryError(
            "the text cannot be mended without a sound original: what is left of it stays; add the document again"
        )
    (source,) = library._parts.discover(file)
    prepared = library._ready_pipeline().prepare(source, document_id, lambda _event: None)
    if prepared.parsed is None:
        raise LibraryError(f"the original cannot be read again ({prepared.reason}); what is left of the text stays")
    parsed = dataclasses.replace(prepared.parsed, title=row["title"] or prepared.parsed.title)
    embedder = library.embedder
    new = rows.NewDocument(
        id=document_id, source="", parsed=parsed, state=prepared.state, reason=prepared.reason,
        bytes=file.stat().st_size, extension=row["extension"], chunks=tuple(prepared.chunks),
        vectors=embedder.encode_documents([chunk.embedded_text for chunk in prepared.chunks]),
    )  # fmt: skip
    with write_lock(library):
        if library._catalog.find(document_id) is not None:
            library._catalog.put(new, embedder=embedder.identity.to_json())


# Chunks, vectors, stems ------------------------------------------------------------------------------------------


def _split_again(library: Library, document_id: str) -> None:
    """Make a document's chunks, vectors and stems again from its stored text."""
    with lenient(library._catalog.read()) as db:
        row = db.execute(
            "SELECT d.*, t.sha256 FROM documents d JOIN texts t ON t.document_id = d.id WHERE d.id = ?", (document_id,)
        ).fetchone()
        if row is None:
            return
        parsed = rows.parsed_document(db, document_id)
    embedder = library.embedder
    chunks = library.split(parsed, document_id)
    vectors = embedder.encode_documents([chunk.embedded_text for chunk in chunks])
    with write_lock(library), lenient(library._catalog.write()) as db:
        now = db.execute("SELECT sha256 FROM texts WHERE document_id = ?", (document_id,)).fetchone()
        if now is None or now[0] != row["sha256"]:
            return  # removed or replaced meanwhile
        _require(library, embedder.identity)
        for seq, key in db.execute("SELECT seq, id FROM chunks WHERE document_id = ?", (document_id,)).fetchall():
            if "\ufffd" in key:  # the note of its removal must be legible to the index
                db.execute("UPDATE chunks SET id = 'damaged-' || seq WHERE seq = ?", (seq,))
        rows.delete_chunks(db, document_id)
        rows.insert_chunks(db, document_id, row["title"], row["language"], chunks, vectors)


def _embed_again(library: Library, seqs: Sequence[int]) -> None:
    """Write the vectors of chunks anew."""
    for start in range(0, len(seqs), _BATCH):
        with lenient(library._catalog.read()) as db:
            found = _chunks(db, seqs[start : start + _BATCH])
        embedder = library.embedder
        vectors = embedder.encode_documents([chunk.embedded_text for _seq, chunk in found])
        with write_lock(library), library._catalog.write() as db:
            _require(library, embedder.identity)
            for (seq, _chunk), vector in zip(found, vectors, strict=True):
                blob = vector.astype("<f4").tobytes()
                db.execute("DELETE FROM vectors WHERE seq = ?", (seq,))
                db.execute(
                    "INSERT INTO vectors SELECT seq, ?, ? FROM chunks WHERE seq = ?", (blob, zlib.crc32(blob), seq)
                )  # none for a chunk that was removed meanwhile


def _index_again(library: Library, document_id: str, seqs: Sequence[int]) -> None:
    if seqs:
        with write_lock(library), lenient(library._catalog.write()) as db:
            db.execute("DELETE FROM keyword WHERE rowid IN (SELECT value FROM json_each(?))", (json.dumps(seqs),))
            write_stems(db, document_id, seqs)


def write_stems(db: sqlite3.Connection, document_id: str, seqs: Sequence[int] | None = None) -> None:
    """Write the keyword entries of a document's chunks, of those with the given `seq` only where they are given."""
    row = db.execute("SELECT title, language FROM documents WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        return
    if seqs is None:
        seqs = [int(r[0]) for r in db.execute("SELECT seq FROM chunks WHERE document_id = ?", (document_id,))]
    keyword.index_chunks(db, _chunks(db, seqs), title=row["title"], language=row["language"])


def _chunks(db: sqlite3.Connection, seqs: Sequence[int]) -> list[tuple[int, Chunk]]:
    """The chunks that exist among the given `seq`, with it."""
    found = db.execute("SELECT * FROM chunks WHERE seq IN (SELECT value FROM json_each(?))", (json.dumps(seqs),))
    return [
        (
            int(row["seq"]),
            Chunk(
                id=row["id"], document_id=row["document_id"], index=row["position"], text=row["text"],
                start=row["first"], end=row["last"], page_start=row["page_start"], page_end=row["page_end"],
                section=row["section"], token_count=row["token_count"],
            ),
        )
        for row in found
    ]  # fmt: skip


def _require(library: Library, given: EmbedderIdentity) -> None:
    """Refuse vectors of another embedder than the library's, within the writer lock that also a change of it takes."""
    stored = identity_of(library)
    if stored is not None and not stored.same_vectors(given):
        raise mismatch(library.path, stored, given)
