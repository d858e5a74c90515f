from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

import lastro
from lastro.config import RetrievalSettings
from lastro.errors import ConfigError, ModelNotFound
from lastro.types import Passage, Upload
from lastro.vectorstore.finding import fuse_by_rank
from lastro.vectorstore.library import Library
from lastro.vectorstore.search import SEARCH_TYPES, Request, SearchType, find_passages
from lastro.vectorstore.selection import PLAIN, Means, Relevance, SearchOptions, Selection, select
from tests.chains.passages import passage
from tests.fakes import HashEmbeddings

WORDS = "lease rent tenant cats dogs sleep bark contrato aluguel prazo multa night house month".split()


class Liking:
    """A reranker that likes a word: the more often a text has it, the better."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.read: list[str] = []

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        self.read += texts
        return [min(1.0, text.count(self.word) / 4) for text in texts]


def means(**given_means: object) -> Means:
    def never(*_: object) -> object:
        raise AssertionError("asked for what no option needs")

    known = dict.fromkeys(("relevance", "reranker", "vectors", "grow"), never)
    return Means(query="q", **(known | given_means))  # type: ignore[arg-type]


def ids(found: Sequence[Passage]) -> list[str]:
    return [one.chunk_id for one in found]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """120 short documents of few words, so that many are alike and some are equal."""
    source = random.Random(7)
    texts = [" ".join(source.choices(WORDS, k=source.randint(3, 9))) for _ in range(120)]
    with lastro.open_library(tmp_path_factory.mktemp("shared") / "library", embedder=HashEmbeddings()) as library:
        library.as_vectorstore().add_documents(
            [Document(text, metadata={"group": at % 3, "language": "en"}) for at, text in enumerate(texts)]
        )
        yield library


QUERIES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


@given(QUERIES, st.integers(1, 70), st.sampled_from(SEARCH_TYPES), st.integers(1, 60))
@settings(max_examples=60)
def test_with_every_option_off_a_search_is_what_was_found(
    shared: Library, query: str, k: int, kind: str, candidates: int
):
    off = PLAIN.model_copy(update={"candidates": candidates})
    embedder = shared.embedder
    request = Request(
        query=query, vector=embedder.encode_query(query), identity=embedder.identity.to_json(), k=k,
        kind=kind, where=None, candidates=candidates,  # type: ignore[arg-type]
        **shared._finding._weights(query, off, embedder),
    )  # fmt: skip
    found = find_passages(shared._catalog, shared._index, request)
    assert shared.search(query, k=k, search_type=kind, settings=off) == found  # type: ignore[arg-type]


@given(QUERIES, st.integers(1, 12), st.floats(0, 1), st.booleans(), st.floats(0, 1), st.integers(0, 3))
@settings(max_examples=60)
def test_no_option_returns_fewer_than_asked_while_candidates_pass_it(
    shared: Library, query: str, k: int, least: float, merge: bool, weight: float, most: int
):
    chosen = {"min_relevance": least, "merge_duplicates": merge, "mmr_lambda": weight, "max_per_document": most}
    found = shared.search(query, k=k, **chosen)  # type: ignore[arg-type]
    every = shared.search(query, k=50, **chosen | {"mmr_lambda": 1.0})  # type: ignore[arg-type]
    assert len(found) == min(k, len(every))
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    assert set(ids(found)) <= set(ids(every))
    if weight == 1:
        assert ids(found) == ids(every)[:k]


def test_more_is_asked_for_only_where_an_option_needs_it():
    off = Selection.of(PLAIN, k=6)
    assert off.wanted == 6
    assert dataclasses.replace(off, context_tokens=500).wanted == 6
    options = {
        "min_relevance": 0.1,
        "merge_duplicates": True,
        "mmr_lambda": 0.9,
        "max_per_document": 1,
        "reranks": True,
    }
    for option in ({name: value} for name, value in options.items()):
        assert dataclasses.replace(off, **option).wanted == 50  # type: ignore[arg-type]
        assert dataclasses.replace(off, k=70, **option).wanted == 70  # type: ignore[arg-type]


def test_the_steps_stand_in_their_order():
    """Each step changes what the next one sees, so the outcome tells the order."""
    found = [
        passage("cats cats cats", rank=1, document_id="a"),
        passage("dogs", rank=2, document_id="a"),
        passage("cats and dogs", rank=3, document_id="b"),
        passage("Cats, cats, cats!", rank=4, document_id="c"),
        passage("cats cats at night", rank=5, document_id="a"),
        passage("cats too late to be read", rank=6, document_id="d"),
    ]
    found[3] = dataclasses.replace(found[3], text="cats cats cats")
    reranker = Liking("cats")
    grown: list[str] = []

    def grow(kept: Sequence[Passage], budget: int) -> list[Passage]:
        grown.extend(ids(kept))
        return [dataclasses.replace(one, rank=0) for one in kept[:budget]]

    selection = Selection(
        k=3, min_relevance=0.25, merge_duplicates=True, max_per_document=2, context_tokens=9, reranks=True,
        rerank_candidates=5,
    )  # fmt: skip
    chosen = select(found, selection, means(reranker=lambda: reranker, grow=grow))
    assert len(reranker.read) == 5
    assert ids(chosen) == grown == ["chunk-1", "chunk-5", "chunk-3"]
    assert chosen[0].duplicates == ("chunk-4",)
    assert [one.rank for one in chosen] == [1, 2, 3]
    assert [one.rerank_score for one in chosen] == [0.75, 0.5, 0.25]


def test_what_the_reranker_did_not_read_comes_after_what_it_read():
    found = [passage("dogs", rank=rank) for rank in range(1, 5)]
    found[1] = dataclasses.replace(found[1], text="cats")
    reranker = Liking("cats")
    chosen = select(found, Selection(k=2, reranks=True, rerank_candidates=1), means(reranker=lambda: reranker))
    assert ids(chosen) == ["chunk-2", "chunk-1"]
    assert len(reranker.read) == 2, "as many as are returned are always read"
    lone = select(found[:1], Selection(k=2, reranks=True), means(reranker=lambda: reranker))
    assert ids(lone) == ["chunk-1"]
    assert select([], Selection(k=2, reranks=True), means()) == []


def test_the_reranker_sees_the_heading_of_a_passage():
    reranker = Liking("cats")
    select([passage("Rent.", section="Lease > Rent")], Selection(k=1, reranks=True), means(reranker=lambda: reranker))
    assert reranker.read == ["Lease > Rent\nRent."]


def test_diversity_weighs_scores_against_nearness():
    found = [passage(rank=rank, score=score) for rank, score in enumerate([9.0, 8.9, 2.0], start=1)]
    vectors = np.asarray([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    chosen = select(found, Selection(k=2, mmr_lambda=0.4), means(vectors=lambda _ids: vectors))
    assert ids(chosen) == ["chunk-1", "chunk-3"]


def test_a_duplicate_in_another_document_stays_known(library: Library):
    library.as_vectorstore().add_texts(["Cats sleep most of the day and hunt at dusk."], ids=["again"])
    apart = library.search("cats sleep", k=5, merge_duplicates=False)
    (one,) = [found for found in library.search("cats sleep", k=1) if found.duplicates]
    assert {one.chunk_id, *one.duplicates} == {p.chunk_id for p in apart if p.text.startswith("Cats")}
    (other,) = library.passages(one.duplicates).values()
    assert other.document_id != one.document_id
    assert other.text == one.text


def test_relevance_is_what_the_search_goes_by():
    found = passage("It ends in May.", cosine=0.6)

    def relevance(kind: SearchType, *, spoken: bool = True) -> float:
        def idf(stems: Iterable[str]) -> dict[str, float]:
            return {one: 2.0 if one.startswith("acm") else 1.0 for one in stems}

        return Relevance("When does the lease of Acme end?", "en", kind, spoken, idf)(found)

    assert relevance("similarity") == 0.6
    assert relevance("keyword") == 0.5  # "end" in the text and "lease" in the title, of 4
    assert relevance("hybrid") == 0.6
    assert relevance("hybrid", spoken=False) == 0.5


@given(st.floats(-1, 1), st.floats(-1, 1), QUERIES, QUERIES)
def test_relevance_never_falls_with_more_evidence(low: float, high: float, query: str, text: str):
    low, high = sorted((low, high))
    for kind in SEARCH_TYPES:
        weighed = Relevance(query, "en", kind, True, lambda stems: dict.fromkeys(stems, 1.0))  # type: ignore[arg-type]
        less = weighed(passage(text, cosine=low))
        assert 0 <= less <= weighed(passage(text, cosine=high)) <= 1
        assert less <= weighed(passage(f"{text} {query}", cosine=low))


def test_a_minimum_leaves_out_what_has_nothing_to_do_with_the_question(library: Library):
    found = library.search("cats hunt at dusk", k=4, min_relevance=0.6)
    assert [one.title for one in found] == ["Cats"]
    assert library.search("zebras of the moon", k=4, search_type="keyword", min_relevance=0.9) == []
    (portuguese,) = library.search("contratos de locação", k=4, search_type="keyword", min_relevance=0.9)
    assert portuguese.title == "Contrato"


def test_a_limit_per_document_lets_others_in(opened):
    library = opened(settings=lastro.load_settings(library={"chunk_tokens": 16, "chunk_overlap_tokens": 0}))
    cats = " ".join(f"Cats of kind {name} sleep all day." for name in ("a1", "b2", "c3", "d4"))
    library.add(
        [Document(cats, metadata={"source": "c"}), Document("Dogs sleep as cats do.", metadata={"source": "d"})]
    )
    few = library.search("cats sleep", k=2, max_per_document=1)
    assert len({one.document_id for one in few}) == 2
    assert len({one.document_id for one in library.search("cats of kind", k=2)}) == 1


def test_every_option_of_a_search_is_a_setting_of_its_type():
    hints = get_type_hints(SearchOptions)
    for name, kind in hints.items():
        if name not in ("wordings", "stand_in"):
            assert RetrievalSettings.model_fields[name].annotation is kind


def test_an_option_for_one_search_goes_before_the_settings(library: Library):
    strict = RetrievalSettings(k=3, min_relevance=1.0, search_type="keyword")
    assert library.search("cats zebras", settings=strict) == []
    assert library.search("cats zebras", settings=strict, min_relevance=0.0)[0].title == "Cats"
    assert len(library.search("2027 cats dogs", settings=strict, min_relevance=0, search_type="hybrid")) == 3
    with pytest.raises(ConfigError, match="mmr_lambda"):
        library.search("cats", mmr_lambda=3.0)


def test_a_reranker_is_loaded_when_it_is_first_asked_and_once(library: Library):
    asked: list[str] = []
    reranker = Liking("dogs")

    def load(name: str) -> Liking:
        asked.append(name)
        return reranker

    library._finding._load_reranker = load
    library.search("cats")
    assert asked == []
    for _ in range(2):
        assert library.search("cats", reranker="liking", k=1)[0].text.startswith("Cats")
        assert library.search("guard the house", reranker="liking", k=1)[0].rerank_score == 0.0
    assert asked == ["liking"]


def test_a_reranker_that_is_not_here_is_named(library: Library):
    with pytest.raises(ModelNotFound, match="nowhere-reranker"):
        library.search("cats", reranker="nowhere-reranker")


def test_other_wordings_are_fused_and_do_not_outvote_the_question(library: Library):
    alone = library.search("bark", k=4)
    found = library.search("bark", k=4, wordings=["cats hunt at dusk", "cats sleep", "bark"])
    assert found[0].title == alone[0].title == "Dogs"
    assert "Cats" in [one.title for one in found[:3]]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_a_stand_in_takes_the_place_of_the_question_for_cosines_only(library: Library):
    found = library.search("dogs", k=4, stand_in="Cats sleep most of the day and hunt at dusk.")
    by_title = {one.title: one for one in found}
    assert by_title["Cats"].cosine == pytest.approx(1.0, abs=1e-4)
    assert by_title["Dogs"].keyword_score is not None
    assert by_title["Cats"].keyword_score is None


@given(st.lists(st.lists(st.integers(1, 6), unique=True, max_size=6), min_size=1, max_size=4))
def test_fusion_by_rank_holds_each_passage_once_and_keeps_agreed_orders(rankings: list[list[int]]):
    lists = [[passage(rank=number) for number in ranking] for ranking in rankings]
    fused = fuse_by_rank(lists)
    assert sorted(ids(fused)) == sorted({one.chunk_id for ranking in lists for one in ranking})
    assert [one.rank for one in fused] == list(range(1, len(fused) + 1))
    if all(ranking == rankings[0] for ranking in rankings):
        assert ids(fused) == ids(lists[0])


def test_a_library_is_searched_as_it_was_opened_to(tmp_path: Path, documents: list[Document]):
    settings_ = lastro.load_settings(retrieval={"k": 1, "search_type": "keyword"})
    with lastro.open_library(tmp_path / "l", embedder=HashEmbeddings(), settings=settings_) as library:
        library.add(documents)
        assert [one.title for one in library.search("cats dogs 2027")] == [
            library.search("cats dogs 2027", k=4)[0].title
        ]


def test_copies_of_one_passage_do_not_take_the_places_of_others(library: Library):
    clause = "The tenant pays the late fee of five percent on every overdue rent, without any reminder being needed."
    copies = [Document(clause, metadata={"title": f"Contract {at}"}) for at in range(70)]
    others = [Document(f"Note {at}: the late fee was discussed in meeting {at}.") for at in range(10)]
    library.as_vectorstore().add_documents([*copies, *others])
    found = library.search("late fee on overdue rent", k=6)
    assert len(found) == 6
    assert len(found[0].duplicates) == 69


def test_a_limit_per_document_fills_up_from_documents_further_down(library: Library):
    handbook = "\n\n".join(f"# Part {at}\n\nThe harbour fee of part {at} is paid at the gate." for at in range(80))
    library.add(Upload("handbook.md", handbook.encode()))
    library.add([Upload(f"note{at}.txt", f"Note {at} on the harbour and its gate.".encode()) for at in range(5)])
    found = library.search("harbour fee at the gate", k=6, max_per_document=1)
    assert len({one.document_id for one in found}) == len(found) == 6


@pytest.mark.parametrize(
    "question", ["Wie lange dauert die Garantie des Motors?", "Когда заканчивается договор аренды?"]
)
def test_a_least_relevance_goes_by_the_words_where_the_embedder_speaks_no_such_language(
    library: Library, question: str
):
    library.add(Upload("de.txt", b"Der Mieter zahlt die Miete jeden Monat im Voraus an den Vermieter."))
    assert library.search(question, k=3, min_relevance=0.5, search_type="hybrid") == []


@pytest.mark.parametrize("query", ["caf\udce9 lease", "bad \ud800 text"])
@pytest.mark.parametrize("kind", SEARCH_TYPES)
def test_half_a_character_in_a_question_is_searched_around(library: Library, query: str, kind: str):
    library.search(query, search_type=kind)  # type: ignore[arg-type]


def test_wordings_are_a_list_of_texts(library: Library):
    for wrong in ("abc", [None]):
        with pytest.raises(ConfigError, match="wordings"):
            library.search("lease", wordings=wrong)  # type: ignore[arg-type]
