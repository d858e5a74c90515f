"""The questions put to one library: its searches, and the choice among what they found."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lastro.config import RetrievalSettings
from lastro.detection import detect_language
from lastro.errors import ConfigError, EmbedderMismatch
from lastro.types import Language, Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.embeddings import Embedder
from lastro.vectorstore.filters import Filter, parse
from lastro.vectorstore.following import Following
from lastro.vectorstore.index import ChromaIndex
from lastro.vectorstore.neighbours import grow, surroundings
from lastro.vectorstore.reading import vectors_of
from lastro.vectorstore.search import SEARCH_TYPES, EmbedderChanged, Request, SearchType, find_passages
from lastro.vectorstore.selection import Means, Relevance, SearchOptions, Selection, select
from lastro.vectorstore.where import conditions_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.vectorstore.rerank import Reranker

_DEEPEST = 2_000  # candidates looked at where nearly all say the same
_RRF = 60  # of reciprocal-rank fusion, as its authors set it


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with everything that is said about how to answer it."""

    query: str
    k: int
    kind: SearchType
    where: Filter | None
    settings: RetrievalSettings
    wordings: tuple[str, ...] = ()
    stand_in: str = ""

    @classmethod
    def read(
        cls,
        query: str,
        settings: RetrievalSettings,
        *,
        k: int | None = None,
        kind: SearchType | None = None,
        where: Mapping[str, Any] | None = None,
        options: SearchOptions | None = None,
    ) -> Asked:
        """The question, with the settings where `k`, `kind` and the options say nothing.

        Raises:
            ConfigError: one of them is none that exists, or out of its range.
        """
        given: dict[str, Any] = dict(options or {})
        wordings, stand_in = given.pop("wordings", ()), given.pop("stand_in", "")
        chosen = settings if not given else RetrievalSettings.read(**settings.model_dump() | given)
        count, found = chosen.k if k is None else k, kind or chosen.search_type
        if found not in SEARCH_TYPES or count < 1:
            raise ConfigError(f"search: k = {count}, search_type = {found!r}; k is 1 or more, types are {SEARCH_TYPES}")
        if isinstance(wordings, str) or not all(isinstance(wording, str) for wording in wordings):
            raise ConfigError(f"search: wordings = {wordings!r:.80}; give a list of texts")
        asked = valid(query)
        others = dict.fromkeys(valid(wording) for wording in wordings if wording.strip() and wording != query)
        return cls(asked, count, found, parse(where), chosen, tuple(others), valid(stand_in).strip())


class Finding:
    """Answers questions from one library's catalogue and index.

    `embedder` and `load_reranker` are called when a search needs them; `renew` is told when the library was embedded
    anew meanwhile.
    """

    def __init__(
        self,
        catalog: Catalog,
        index: ChromaIndex,
        following: Following,
        *,
        embedder: Callable[[], Embedder],
        renew: Callable[[], None],
        load_reranker: Callable[[str], Reranker],
    ) -> None:
        self._path = catalog.file.parent
        self._catalog = catalog
        self._index = index
        self._following = following
        self._embedder = embedder
        self._renew = renew
        self._load_reranker = load_reranker
        self._rerankers: dict[str, Reranker] = {}
        self._guard = threading.Lock()

    def find(self, asked: Asked) -> list[Passage]:
        """The passages for a question, best first.

        Raises:
            EmbedderMismatch: the library's embedder changes faster than a question is answered.
        """
        embedder = self._embedder()
        if not asked.query.strip() or self._catalog.is_empty():
            return []
        if asked.kind != "keyword":
            self._following.heal()
        for _attempt in range(2):
            try:
                return self._found(asked, embedder)
            except EmbedderChanged:
                self._renew()
                embedder = self._embedder()
        raise EmbedderMismatch(f"{self._path}: its embedder changes faster than a question is answered; ask again")

    def nearest(
        self, vector: Sequence[float], *, k: int, where: Mapping[str, Any] | None, candidates: int
    ) -> list[Passage]:
        """The `k` chunks nearest to a vector of the library's embedder.

        Raises:
            ConfigError: the vector has another width, or `where` or `k` is none that exists.
            EmbedderMismatch: the library has changed to another embedder.
        """
        import numpy as np

        embedder = self._embedder()
        given = np.asarray(vector, dtype=np.float32)
        if given.shape != (embedder.dimension,) or k < 1:
            raise ConfigError(f"search: a vector of {given.shape}, k = {k}; it has {embedder.dimension} numbers, k > 0")
        self._following.heal()
        request = Request(
            query="", vector=given / max(float(np.linalg.norm(given)), 1e-12), identity=embedder.identity.to_json(),
            k=k, kind="similarity", where=parse(where), candidates=candidates,
        )  # fmt: skip
        try:
            return find_passages(self._catalog, self._index, request)
        except EmbedderChanged as error:
            self._renew()
            raise EmbedderMismatch(f"{self._path}: the vector is of another embedder than the library's") from error

    def _found(self, asked: Asked, embedder: Embedder) -> list[Passage]:
        selection = Selection.of(asked.settings, k=asked.k)
        # More than `candidates` would change what is fused, and so the order: each search hands over that many anyway.
        depth = max(asked.k, asked.settings.candidates) if asked.wordings else selection.wanted
        means = self._means(asked, embedder)
        requests = [self._request(text, asked, embedder) for text in (asked.query, *asked.wordings)]
        while True:
            candidates = self._candidates(requests, depth)
            chosen = select(candidates[: max(depth, selection.wanted)], selection, means)
            documents = {passage.document_id for passage in candidates}
            crowded = any(passage.duplicates for passage in chosen) or (
                0 < len(documents) * selection.max_per_document < asked.k
            )
            if len(chosen) >= asked.k or len(candidates) < depth or depth >= _DEEPEST or not crowded:
                return chosen
            depth = min(_DEEPEST, 8 * depth)  # copies of one passage, or one document, fill all the places

    def _candidates(self, requests: Sequence[Request], depth: int) -> list[Passage]:
        rankings = [
            find_passages(self._catalog, self._index, dataclasses.replace(request, k=depth)) for request in requests
        ]
        return rankings[0] if len(rankings) == 1 else fuse_by_rank(rankings)

    def _request(self, text: str, asked: Asked, embedder: Embedder) -> Request:
        instead = asked.stand_in if text == asked.query else ""
        return Request(
            query=text, vector=embedder.encode_documents([instead])[0] if instead else embedder.encode_query(text),
            identity=embedder.identity.to_json(), k=asked.k, kind=asked.kind, where=asked.where,
            candidates=asked.settings.candidates, **self._weights(text, asked.settings, embedder),
        )  # fmt: skip

    def _weights(self, text: str, settings: RetrievalSettings, embedder: Embedder) -> dict[str, Any]:
        """The question's language, and what its words weigh beside the cosine."""
        language = _language_of(text)
        told = main_language(self._catalog) if language == "und" else language
        if told not in embedder.languages:
            weight = settings.keyword_weight_foreign
            return {"language": language, "keyword_weight": weight, "weight_abroad": weight}
        return {
            "language": language,
            "keyword_weight": settings.keyword_weight,
            "weight_abroad": settings.keyword_weight_translated,
        }

    def _means(self, asked: Asked, embedder: Embedder) -> Means:
        @cache
        def relevance() -> Relevance:  # asks for the question's language, so only where it is wanted
            told = _language_of(asked.query)
            language = main_language(self._catalog) if told == "und" else told
            return Relevance(asked.query, language, asked.kind, language in embedder.languages, self._idf)

        return Means(
            query=asked.query,
            relevance=lambda passage: relevance()(passage),
            reranker=lambda: self._reranker(asked.settings.reranker),
            vectors=self._vectors,
            grow=lambda passages, budget: self._grown(passages, budget, embedder, asked.where),
        )

    def _idf(self, stems: Any) -> Mapping[str, float]:
        with self._catalog.read() as db:
            return keyword.idf(db, stems)

    def _vectors(self, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        import numpy as np

        with self._catalog.read() as db:
            keys, matrix = vectors_of(db, ids)
        at = {key: row for row, key in enumerate(keys)}
        rows = np.zeros((len(ids), matrix.shape[1]), dtype=np.float32)
        for row, key in enumerate(ids):
            if key in at:  # else removed a moment ago
                rows[row] = matrix[at[key]]
        return rows

    def _grown(
        self, passages: Sequence[Passage], budget: int, embedder: Embedder, where: Filter | None
    ) -> list[Passage]:
        # What a filter asks of pages holds of the whole passage, so it stays on its own.
        apart = where is not None and any(condition.field == "page" for condition in conditions_of(where.node))
        with self._catalog.read() as db:
            around = surroundings(db, [passage.document_id for passage in passages], pages_apart=apart)
        return grow(passages, around, budget=budget, count_tokens=embedder.count_tokens)

    def _reranker(self, name: str) -> Reranker:
        with self._guard:
            if name not in self._rerankers:
                self._rerankers[name] = self._load_reranker(name)
            return self._rerankers[name]


def valid(text: str) -> str:
    """The text as valid Unicode, as tokenizers want it: surrogates joined to pairs, a lone one replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _language_of(question: str) -> str:
    """A question's language as `detect_language` tells it; short Portuguese is at times taken for its neighbour."""
    found = detect_language(question)
    return "pt" if found == "gl" else found


def main_language(catalog: Catalog) -> Language:
    """The language of a question too short to tell: "pt" where more documents are in it than in English."""
    counts = catalog.languages()
    return "pt" if counts.get("pt", 0) > counts.get("en", 0) else "en"


def fuse_by_rank(rankings: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The passages of several rankings by weighted reciprocal rank, best first (Cormack et al., SIGIR 2009).

    The first ranking, the question's own, counts twice: a small model's other wordings may be far from it. A passage
    has the scores of the first ranking that it is in, and the sum of its reciprocal ranks as `score`.
    """
    scores: dict[str, float] = {}
    found: dict[str, Passage] = {}
    for number, ranking in enumerate(rankings):
        weight = 1.0 if number else 2.0
        for rank, passage in enumerate(ranking, start=1):
            found.setdefault(passage.chunk_id, passage)
            scores[passage.chunk_id] = scores.get(passage.chunk_id, 0.0) + weight / (_RRF + rank)
    order = sorted(scores, key=lambda key: (-scores[key], key))
    return [dataclasses.replace(found[key], rank=rank, score=scores[key]) for rank, key in enumerate(order, start=1)]
