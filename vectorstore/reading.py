"""Chunks read from the catalogue within a snapshot: their ids, vectors and words, and the passages they become."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lastro.types import Passage
from lastro.vectorstore.lexical import Candidate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

AMONG = "IN (SELECT value FROM json_each(?))"  # with `as_json`: one parameter carries any number of values
_PASSAGE = "c.id, c.document_id, d.title, c.text, c.first, c.last, c.page_start, c.page_end, c.section, d.language"
_PASSAGES = "chunks c JOIN documents d ON d.id = c.document_id"
_SEQ = 10  # the column after those of a passage


def chunk_ids(db: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, str]:
    """The chunk id of each `seq` that exists."""
    rows = db.execute(f"SELECT seq, id FROM chunks WHERE seq {AMONG}", (as_json(seqs),))
    return {int(row[0]): str(row[1]) for row in rows}


def vectors_of(db: sqlite3.Connection, ids: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The chunk ids among `ids` that exist, and their vectors, row by row."""
    rows = db.execute(
        f"SELECT c.id, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE c.id {AMONG}",
        (as_json(ids),),
    ).fetchall()
    return _matrix(rows)


def passages(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Passage]:
    """The passages of the chunk ids that exist, unranked (rank 0)."""
    rows = db.execute(f"SELECT {_PASSAGE} FROM {_PASSAGES} WHERE c.id {AMONG}", (as_json(ids),))
    return {row[0]: as_passage(row) for row in rows}


def candidates(db: sqlite3.Connection, seqs: Sequence[int], *, words: bool = True) -> dict[int, sqlite3.Row]:
    """What `as_passage` and, with `words`, `as_candidate` read, of each chunk that exists, by `seq`."""
    stems, joined = (", k.title, k.heading, k.body", "LEFT JOIN keyword k ON k.rowid = c.seq") if words else ("", "")
    sql = f"SELECT {_PASSAGE}, c.seq{stems} FROM {_PASSAGES} {joined} WHERE c.seq {AMONG}"
    return {row[_SEQ]: row for row in db.execute(sql, (as_json(seqs),))}


def as_passage(row: sqlite3.Row, *, rank: int = 0, score: float = 0.0, **found: Any) -> Passage:
    """The passage of a row, with what is `found` of it beside."""
    key, document, title, text, start, end, first, last, section, language = row[:_SEQ]
    return Passage(
        key, document, title, text, start, end, first, last, section, rank, score, language=language, **found
    )


def as_candidate(row: sqlite3.Row) -> Candidate:
    """The words of a row's chunk."""
    _id, _document, title, text, _start, _end, _first, _last, section, language = row[:_SEQ]
    return Candidate(" ".join(part or "" for part in row[_SEQ + 1 :]), f"{title} {section} {text}", language)


def _matrix(rows: Sequence[sqlite3.Row]) -> tuple[list[str], npt.NDArray[np.float32]]:
    import numpy as np

    if not rows:
        return [], np.zeros((0, 0), dtype=np.float32)
    matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32)
    return [str(row[0]) for row in rows], matrix.reshape(len(rows), -1)


def as_json(values: Sequence[Any]) -> str:
    """Values as the one parameter of `AMONG`."""
    return json.dumps(list(values))
