"""One search over a library: Chroma for what it knows, SQLite for what is newer, BM25 beside both, then fusion."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lastro.errors import ConfigError
from lastro.types import Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.catalog import FILTERS, Catalog, chunk_ids, documents_where, passages, vectors_after, vectors_of
from lastro.vectorstore.fusion import Leg, fuse

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.vectorstore.index import ChromaIndex

SearchType = Literal["hybrid", "similarity", "keyword"]
SEARCH_TYPES = ("hybrid", "similarity", "keyword")
EXACT_BELOW = 20_000  # chunks of filtered documents that are compared one by one: exact, and no slower than a filter


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for; `keyword_weight` stands against 1.0 for cosine."""

    query: str
    vector: npt.NDArray[np.float32]
    k: int
    kind: SearchType
    where: dict[str, Sequence[str]]
    candidates: int
    keyword_weight: float

    @property
    def limit(self) -> int:
        """Candidates that each search hands to the fusion."""
        return max(self.k, self.candidates)


def conditions(where: Mapping[str, Any] | None) -> dict[str, Sequence[str]]:
    """The accepted values of each filter: `{"title": "A"}` or `{"title": {"$in": ["A", "B"]}}`.

    Raises:
        ConfigError: the filter has another name or another form.
    """
    found: dict[str, Sequence[str]] = {}
    for name, value in (where or {}).items():
        if name not in FILTERS:
            raise ConfigError(f"where: {name!r} is no filter; use one of {', '.join(FILTERS)}")
        accepted = value.get("$in") if isinstance(value, Mapping) and set(value) == {"$in"} else [value]
        if not isinstance(accepted, list | tuple | set | frozenset) or not all(isinstance(v, str) for v in accepted):
            raise ConfigError(f'where: {name} = {value!r}; give a text, or {{"$in": [texts]}}')
        found[name] = list(accepted)
    return found


def find_passages(catalog: Catalog, index: ChromaIndex, request: Request) -> list[Passage]:
    """The best passages, best first; everything about them is of one moment of the catalogue."""
    ask = request.limit + 16  # some that the index still knows may be gone
    while True:
        documents, indexed = None, request.kind != "keyword"
        if request.where:
            with catalog.read() as db:
                documents = documents_where(db, request.where)
                indexed = indexed and _count(db, documents) > EXACT_BELOW
            if not documents:
                return []
        known: list[str] = []
        seen, more = 0, False
        if indexed:
            found = index.candidates(catalog, request.vector, limit=ask, documents=documents)
            known, seen, more = found.ids, found.seen, found.full
        with catalog.read() as db:
            if request.where:
                documents = documents_where(db, request.where)
            dense = {} if request.kind == "keyword" else _dense(db, request, known, seen, documents)
            if more and len(dense) < request.limit:
                ask *= 8  # many of them are gone: the index has not caught up with a removal
                continue
            return _ranked(db, request, dense, documents)


def _count(db: sqlite3.Connection, documents: Sequence[str]) -> int:
    import json

    sql = "SELECT count(*) FROM chunks WHERE document_id IN (SELECT value FROM json_each(?))"
    return int(db.execute(sql, (json.dumps(list(documents)),)).fetchone()[0])


def _dense(
    db: sqlite3.Connection, request: Request, known: Sequence[str], seen: int, documents: Sequence[str] | None
) -> dict[str, float]:
    """Cosines of the nearest chunks: those the index knew and that still exist, and all that are newer."""
    cosines = _cosines(request, *vectors_of(db, known))
    cosines.update(_cosines(request, *vectors_after(db, seen, documents)))
    nearest = sorted(cosines, key=lambda key: (-cosines[key], key))[: request.limit]
    return {key: cosines[key] for key in nearest}


def _cosines(request: Request, ids: Sequence[str], matrix: npt.NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(ids, (matrix @ request.vector).tolist(), strict=True)) if ids else {}


def _ranked(
    db: sqlite3.Connection, request: Request, dense: dict[str, float], documents: Sequence[str] | None
) -> list[Passage]:
    lexical: dict[str, float] = {}
    if request.kind != "similarity":
        scored = keyword.search(db, request.query, limit=request.limit, documents=documents)
        names = chunk_ids(db, [seq for seq, _score in scored])
        lexical = {names[seq]: score for seq, score in scored if seq in names}
    only_lexical = [key for key in lexical if key not in dense]
    cosines = dense | _cosines(request, *vectors_of(db, only_lexical))
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
