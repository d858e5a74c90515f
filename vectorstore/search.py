"""One search over a library: Chroma for what it knows, SQLite for what is newer, BM25 beside both, then fusion."""

from __future__ import annotations

import heapq
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lastro.types import Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.embeddings import EmbedderIdentity
from lastro.vectorstore.filters import Filter
from lastro.vectorstore.fusion import BM25_WEIGHT, GRAMS_WEIGHT, PAIRS_WEIGHT, SHARE_WEIGHT, fuse
from lastro.vectorstore.index import Candidates, ChromaIndex
from lastro.vectorstore.lexical import weigh
from lastro.vectorstore.reading import AMONG, as_candidate, as_json, as_passage, candidates, chunk_ids

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


def _dense(db: sqlite3.Connection, request: Request, plan: _Plan, found: Candidates) -> dict[int, float]:
    """Cosines of the nearest chunks, by `seq`: those the index knew and that still exist, and all that are newer."""
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
    return {seq: cosines[seq] for seq in nearest}


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


def _ranked(db: sqlite3.Connection, request: Request, dense: dict[int, float], plan: _Plan) -> list[Passage]:
    question = (
        None if request.kind == "similarity" else keyword.read_question(db, request.query, language=request.language)
    )
    lexical = _lexical(db, request, plan, question)
    only_lexical = [seq for seq in lexical if seq not in dense]
    cosines = dense | _cosines(db, request, "vectors v", f"v.seq {AMONG}", [as_json(only_lexical)])
    if request.kind == "hybrid" and question is not None:
        rows = candidates(db, list(cosines))
        names = {seq: str(row["id"]) for seq, row in rows.items()}
        order = _fused(request, question, {seq: rows[seq] for seq in sorted(rows, key=names.__getitem__)}, cosines)
    else:
        scores = cosines if request.kind == "similarity" else lexical
        names = chunk_ids(db, list(scores))
        order = sorted(((seq, scores[seq]) for seq in names), key=lambda item: (-item[1], names[item[0]]))
        rows = candidates(db, [seq for seq, _score in order[: request.k]], words=False)
    cosine_ranks, keyword_ranks = _ranks(dense, names), _ranks(lexical, names)
    return [
        as_passage(
            rows[seq], rank=rank, score=score, cosine=cosines.get(seq), cosine_rank=cosine_ranks.get(seq),
            keyword_score=lexical.get(seq), keyword_rank=keyword_ranks.get(seq),
        )
        for rank, (seq, score) in enumerate(order[: request.k], start=1)
    ]  # fmt: skip


def _ranks(scores: Mapping[int, float], names: Mapping[int, str]) -> dict[int, int]:
    order = sorted(scores.keys() & names.keys(), key=lambda seq: (-scores[seq], names[seq]))
    return {seq: rank for rank, seq in enumerate(order, start=1)}


def _fused(
    request: Request, question: keyword.Question, rows: Mapping[int, sqlite3.Row], cosines: Mapping[int, float]
) -> list[tuple[int, float]]:
    """The candidates by `seq` with their fused scores, best first; the earlier one of equals."""
    texts = [as_candidate(row) for row in rows.values()]
    words = weigh(request.query, question, texts)
    near = (request.language, "und")  # a list of parts or a short row is of no language that could be told
    abroad = request.language != "und" and all(text.language not in near for text in texts)
    scale = request.weight_abroad if abroad else request.keyword_weight
    evidence = (
        ([cosines[seq] for seq in rows], 1.0),
        (words.bm25, BM25_WEIGHT * scale),
        (words.grams, GRAMS_WEIGHT * scale),
        (words.share, SHARE_WEIGHT * scale),
        (words.pairs, PAIRS_WEIGHT * scale),
    )
    return sorted(zip(rows, fuse(evidence).tolist(), strict=True), key=lambda item: -item[1])
