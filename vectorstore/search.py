"""One search over a library: Chroma for what it knows, SQLite for what is newer, BM25 beside both, then fusion."""

from __future__ import annotations

import dataclasses
import heapq
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lastro.types import Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.catalog import AMONG, Catalog, as_json, candidates, chunk_ids, passages
from lastro.vectorstore.embeddings import EmbedderIdentity
from lastro.vectorstore.filters import Filter
from lastro.vectorstore.fusion import BM25_WEIGHT, GRAMS_WEIGHT, PAIRS_WEIGHT, fuse
from lastro.vectorstore.index import Candidates, ChromaIndex
from lastro.vectorstore.lexical import weigh

if TYPE_CHECKING:
    import numpy.typing as npt

SearchType = Literal["hybrid", "similarity", "keyword"]
SEARCH_TYPES = ("hybrid", "similarity", "keyword")
EXACT_BELOW = 5_000  # chunks that pass a filter and are compared one by one: exact, for some 7 µs of CPU each
WIDE = 0.05  # share of the chunks from which on asking for more and filtering here is quicker than Chroma's filter
_JOINED = "chunks c JOIN vectors v USING (seq)"
_BATCH = 4_096  # vectors compared at once, so that an exact search of any library fits in memory


class EmbedderChanged(Exception):  # nothing went wrong: the caller asks again
    """The library was embedded anew since the query was: the query's vector compares with nothing in it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is looked for; `keyword_weight` is that of all words together, beside 1 for the cosine.

    `weight_abroad` takes its place where no candidate is in the question's `language`.
    """

    query: str
    vector: npt.NDArray[np.float32]
    identity: str  # JSON of the embedder that made the vector
    k: int
    kind: SearchType
    where: Filter | None
    candidates: int
    keyword_weight: float = 1.0
    weight_abroad: float = 1.0
    language: str = "und"

    @property
    def limit(self) -> int:
        """Candidates that each search hands to the fusion."""
        return max(self.k, self.candidates)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a request is answered: `among` are the chunks that pass its filter, where they are few, by `seq`."""

    indexed: bool  # whether the index is asked
    said: Mapping[str, Any] | None = None  # the filter in Chroma's words, where it has any for it
    share: float = 1.0  # of all chunks, those that pass the filter
    among: list[int] | None = None


def find_passages(catalog: Catalog, index: ChromaIndex, request: Request) -> list[Passage]:
    """The best passages, best first; everything about them is of one moment of the catalogue.

    Raises:
        EmbedderChanged: the library's vectors are not of the request's embedder.
    """
    wider = 1
    while True:
        with catalog.read() as db:
            _check(db, request)
            plan = _plan(db, request)
            if not plan.indexed:
                return _ranked(db, request, _dense(db, request, plan, Candidates([], 0, full=False)), plan)
        # Wide filters are met by asking for more, unless that was not enough: the nearest may all fail the filter.
        said = plan.said if wider > 1 or plan.share < WIDE else None
        among = 1.0 if said is not None else plan.share
        ask = wider * (math.ceil(request.limit / among) + 16)  # some that the index still knows may be gone
        found = index.candidates(catalog, request.vector, limit=ask, where=said)
        with catalog.read() as db:
            _check(db, request)
            dense = _dense(db, request, plan, found)
            if not found.full or len(dense) >= request.limit:
                return _ranked(db, request, dense, plan)
        wider *= 8  # many of them are gone, or the nearest do not pass the filter


def _check(db: sqlite3.Connection, request: Request) -> None:
    row = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()
    if row is None or row[0] == request.identity:
        return
    if not EmbedderIdentity.from_json(row[0]).same_vectors(EmbedderIdentity.from_json(request.identity)):
        raise EmbedderChanged


def _plan(db: sqlite3.Connection, request: Request) -> _Plan:
    if request.where is None:
        return _Plan(indexed=request.kind != "keyword")
    condition, parameters = request.where.sql()
    sql = f"SELECT c.seq FROM chunks c WHERE {condition} LIMIT {EXACT_BELOW + 1}"
    few = [int(row[0]) for row in db.execute(sql, parameters)]
    if len(few) <= EXACT_BELOW:
        return _Plan(indexed=False, among=few)
    if request.kind == "keyword":
        return _Plan(indexed=False)
    passing = int(db.execute(f"SELECT count(*) FROM chunks c WHERE {condition}", parameters).fetchone()[0])
    share = passing / keyword.count_chunks(db)
    said = request.where.chroma(db)
    return _Plan(indexed=said is not None or share >= WIDE, said=said, share=share)


def _dense(db: sqlite3.Connection, request: Request, plan: _Plan, found: Candidates) -> dict[str, float]:
    """Cosines of the nearest chunks: those the index knew and that still exist, and all that are newer."""
    if request.kind == "keyword":
        return {}
    if plan.among is not None:
        cosines = _cosines(db, request, "vectors v", f"v.seq {AMONG}", [as_json(plan.among)])
    else:
        # Asked again of what the index knew: its copy of a chunk's metadata may be older than the catalogue's.
        accepted, parameters = ("1", []) if request.where is None else request.where.sql(each=bool(found.ids))
        cosines = _cosines(db, request, _JOINED, f"c.seq > ? AND {accepted}", [found.seen, *parameters])
        if found.ids:
            known = as_json(found.ids)
            cosines |= _cosines(db, request, _JOINED, f"c.id {AMONG} AND {accepted}", [known, *parameters])
    nearest = heapq.nsmallest(request.limit, cosines, key=lambda seq: (-cosines[seq], seq))
    return {key: cosines[seq] for seq, key in chunk_ids(db, nearest).items()}


def _cosines(
    db: sqlite3.Connection, request: Request, rows: str, condition: str, parameters: Sequence[Any]
) -> dict[int, float]:
    """The cosine of every chunk, by `seq`, whose rows satisfy a condition over `v` and, where joined, `c`."""
    found: dict[int, float] = {}
    cursor = db.execute(f"SELECT v.seq, v.vector FROM {rows} WHERE {condition}", parameters)
    while batch := cursor.fetchmany(_BATCH):
        matrix = np.frombuffer(b"".join(row[1] for row in batch), dtype=np.float32).reshape(len(batch), -1)
        found.update(zip([int(row[0]) for row in batch], (matrix @ request.vector).tolist(), strict=True))
    return found


def _lexical(
    db: sqlite3.Connection, request: Request, plan: _Plan, question: keyword.Question | None
) -> dict[int, float]:
    if question is None:
        return {}
    condition: tuple[str, list[Any]] | None = None
    if plan.among is not None:
        condition = f"c.seq {AMONG}", [as_json(plan.among)]
    elif request.where is not None:
        condition = request.where.sql(each=True)
    return dict(keyword.search(db, question, limit=request.limit, condition=condition))


def _ranked(db: sqlite3.Connection, request: Request, dense: dict[str, float], plan: _Plan) -> list[Passage]:
    question = None if request.kind == "similarity" else keyword.read_question(db, request.query)
    scored = _lexical(db, request, plan, question)
    names = chunk_ids(db, list(scored))
    lexical = {names[seq]: score for seq, score in scored.items() if seq in names}
    only_lexical = [seq for seq, key in names.items() if key not in dense]
    added = _cosines(db, request, "vectors v", f"v.seq {AMONG}", [as_json(only_lexical)])
    cosines = dense | {names[seq]: cosine for seq, cosine in added.items()}
    order = _order(db, request, cosines, lexical, question)[: request.k]
    found = passages(db, [key for key, _score in order])
    cosine_ranks, keyword_ranks = _ranks(dense), _ranks(lexical)
    return [
        dataclasses.replace(
            found[key],
            rank=rank,
            score=score,
            cosine=cosines.get(key),
            cosine_rank=cosine_ranks.get(key),
            keyword_score=lexical.get(key),
            keyword_rank=keyword_ranks.get(key),
        )
        for rank, (key, score) in enumerate(order, start=1)
    ]


def _ranks(scores: Mapping[str, float]) -> dict[str, int]:
    return {key: rank for rank, key in enumerate(sorted(scores, key=lambda key: (-scores[key], key)), start=1)}


def _order(
    db: sqlite3.Connection,
    request: Request,
    cosines: dict[str, float],
    lexical: dict[str, float],
    question: keyword.Question | None,
) -> list[tuple[str, float]]:
    """The candidates with their scores, best first; ties by id."""
    scores = cosines if request.kind == "similarity" else lexical
    if request.kind == "hybrid" and question is not None:
        keys = sorted(cosines.keys() | lexical.keys())
        texts = candidates(db, keys)
        words = weigh(request.query, question, texts)
        abroad = request.language != "und" and all(text.language != request.language for text in texts)
        scale = request.weight_abroad if abroad else request.keyword_weight
        evidence = (
            ([cosines[key] for key in keys], 1.0),
            (words.bm25, BM25_WEIGHT * scale),
            (words.grams, GRAMS_WEIGHT * scale),
            (words.pairs, PAIRS_WEIGHT * scale),
        )
        scores = dict(zip(keys, fuse(evidence).tolist(), strict=True))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
