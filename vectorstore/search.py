"""One search over a library: Chroma for what it knows, SQLite for what is newer, BM25 beside both, then fusion."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lastro.types import Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.catalog import Catalog, chunk_ids, passages
from lastro.vectorstore.embeddings import EmbedderIdentity
from lastro.vectorstore.filters import Filter
from lastro.vectorstore.fusion import Leg, fuse

if TYPE_CHECKING:
    import numpy.typing as npt

    from lastro.vectorstore.index import ChromaIndex

Condition = tuple[str, list[Any]]  # SQL over `c`, a row of chunks, and its parameters
SearchType = Literal["hybrid", "similarity", "keyword"]
SEARCH_TYPES = ("hybrid", "similarity", "keyword")
EXACT_BELOW = 20_000  # chunks that pass a filter and are compared one by one: exact, and no slower than the index
_AMONG = "c.id IN (SELECT value FROM json_each(?))"  # one parameter carries any number of ids
_BATCH = 4_096  # vectors compared at once, so that an exact search of any library fits in memory


class EmbedderChanged(Exception):  # nothing went wrong: the caller asks again
    """The library was embedded anew since the query was: the query's vector compares with nothing in it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for; `keyword_weight` stands against 1.0 for cosine."""

    query: str
    vector: npt.NDArray[np.float32]
    identity: str  # JSON of the embedder that made the vector
    k: int
    kind: SearchType
    where: Filter | None
    candidates: int
    keyword_weight: float

    @property
    def limit(self) -> int:
        """Candidates that each search hands to the fusion."""
        return max(self.k, self.candidates)


def find_passages(catalog: Catalog, index: ChromaIndex, request: Request) -> list[Passage]:
    """The best passages, best first; everything about them is of one moment of the catalogue.

    Raises:
        EmbedderChanged: the library's vectors are not of the request's embedder.
    """
    condition = None if request.where is None else request.where.sql()
    ask = request.limit + 16  # some that the index still knows may be gone
    while True:
        with catalog.read() as db:
            _check(db, request)
            indexed, said = _plan(db, request, condition)
        known: list[str] = []
        seen, more = 0, False
        if indexed:
            found = index.candidates(catalog, request.vector, limit=ask, where=said)
            known, seen, more = found.ids, found.seen, found.full
        with catalog.read() as db:
            _check(db, request)
            dense = {} if request.kind == "keyword" else _dense(db, request, known, seen, condition)
            if more and len(dense) < request.limit:
                ask *= 8  # many of them are gone: the index has not caught up with a removal
                continue
            return _ranked(db, request, dense, condition)


def _check(db: sqlite3.Connection, request: Request) -> None:
    row = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()
    if row is None or row[0] == request.identity:
        return
    if not EmbedderIdentity.from_json(row[0]).same_vectors(EmbedderIdentity.from_json(request.identity)):
        raise EmbedderChanged


def _plan(
    db: sqlite3.Connection, request: Request, condition: Condition | None
) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether to ask the index, and by which `where` of Chroma."""
    if request.kind == "keyword":
        return False, None
    if request.where is None or condition is None:
        return True, None
    sql = f"SELECT count(*) FROM (SELECT 1 FROM chunks c WHERE {condition[0]} LIMIT {EXACT_BELOW + 1})"
    if int(db.execute(sql, condition[1]).fetchone()[0]) <= EXACT_BELOW:
        return False, None
    said = request.where.chroma(db)
    return said is not None, said


def _dense(
    db: sqlite3.Connection, request: Request, known: Sequence[str], seen: int, condition: Condition | None
) -> dict[str, float]:
    """Cosines of the nearest chunks: those the index knew and that still exist, and all that are newer."""
    accepted, parameters = condition or ("1", [])
    # Asked again of what the index knew: its copy of a chunk's metadata may be older than the catalogue's.
    cosines = _cosines(db, request, f"{_AMONG} AND {accepted}", [json.dumps(list(known)), *parameters])
    cosines |= _cosines(db, request, f"c.seq > ? AND {accepted}", [seen, *parameters])
    nearest = sorted(cosines, key=lambda key: (-cosines[key], key))[: request.limit]
    return {key: cosines[key] for key in nearest}


def _cosines(db: sqlite3.Connection, request: Request, condition: str, parameters: Sequence[Any]) -> dict[str, float]:
    """The cosine of every chunk that satisfies a condition over `c`."""
    found: dict[str, float] = {}
    sql = f"SELECT c.id, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE {condition}"
    cursor = db.execute(sql, parameters)
    while rows := cursor.fetchmany(_BATCH):
        matrix = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.float32).reshape(len(rows), -1)
        found.update(zip([str(row[0]) for row in rows], (matrix @ request.vector).tolist(), strict=True))
    return found


def _ranked(
    db: sqlite3.Connection, request: Request, dense: dict[str, float], condition: Condition | None
) -> list[Passage]:
    lexical: dict[str, float] = {}
    if request.kind != "similarity":
        scored = keyword.search(db, request.query, limit=request.limit, condition=condition)
        names = chunk_ids(db, [seq for seq, _score in scored])
        lexical = {names[seq]: score for seq, score in scored if seq in names}
    only_lexical = [key for key in lexical if key not in dense]
    cosines = dense | _cosines(db, request, _AMONG, [json.dumps(only_lexical)])
    order = _order(request, cosines, lexical)[: request.k]
    found = passages(db, [key for key, _score in order])
    return [
        dataclasses.replace(found[key], rank=rank, score=score, cosine=cosines.get(key), keyword_score=lexical.get(key))
        for rank, (key, score) in enumerate(order, start=1)
    ]


def _order(request: Request, cosines: dict[str, float], lexical: dict[str, float]) -> list[tuple[str, float]]:
    if request.kind == "hybrid":
        cut_off = len(lexical) >= request.limit
        floor = min(lexical.values()) if cut_off else 0.0
        return fuse([Leg(cosines, 1.0), Leg(lexical, request.keyword_weight, floor)])
    scores = cosines if request.kind == "similarity" else lexical
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
