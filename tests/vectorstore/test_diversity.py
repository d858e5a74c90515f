from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lastro.vectorstore.diversity import (
    diversify,
    from_0_to_1,
    limit_per_document,
    merge_duplicates,
    resemblance,
    runs_of_words,
)
from tests.chains.passages import passage

CLAUSE = (
    "A parte que der causa ao atraso responde pelos custos que dele resultarem para a outra parte, sem prejuízo das "
    "demais obrigações que lhe cabem por força deste instrumento e das normas em vigor sobre a matéria tratada."
)
WORDS = st.lists(st.sampled_from("lease rent tenant ends May 2027 not the of Acme".split()), max_size=12)


def ids(passages: list) -> list[str]:
    return [one.chunk_id for one in passages]


def test_the_same_text_in_two_documents_is_one_passage_that_knows_both():
    first, other, second = passage(CLAUSE, rank=1), passage(rank=2), passage(CLAUSE, rank=3)
    merged = merge_duplicates([first, other, second], 0.9)
    assert ids(merged) == ["chunk-1", "chunk-2"]
    assert [one.duplicates for one in merged] == [("chunk-3",), ()]


def test_case_accents_and_signs_do_not_keep_the_same_words_apart():
    plain = CLAUSE.replace("é", "e").replace("ç", "c").replace("í", "i").replace(",", ";")
    assert ids(merge_duplicates([passage(CLAUSE), passage(plain, rank=2)], 1.0)) == ["chunk-1"]


def test_an_article_more_is_near_enough_for_a_threshold_and_too_far_for_equality():
    longer = CLAUSE.replace("sobre a matéria", "sobre matéria")
    assert ids(merge_duplicates([passage(CLAUSE), passage(longer, rank=2)], 0.85)) == ["chunk-1"]
    assert ids(merge_duplicates([passage(CLAUSE), passage(longer, rank=2)], 1.0)) == ["chunk-1", "chunk-2"]


def test_texts_of_one_template_that_differ_in_a_word_stay_apart():
    for given_text, other in [
        ("causa ao atraso", "causa a 30 dias de atraso"),
        ("A parte", "A Vigia"),
        ("responde pelos", "não responde pelos"),
        ("causa ao atraso", "causa ao prejuízo"),
        ("outra parte", "mesma parte"),
        ("em vigor", "em vigor antes"),
    ]:
        changed = CLAUSE.replace(given_text, other)
        assert changed != CLAUSE
        assert resemblance(runs_of_words(CLAUSE), runs_of_words(changed)) > 0.6
        assert len(merge_duplicates([passage(CLAUSE), passage(changed, rank=2)], 0.6)) == 2


def test_neighbours_that_overlap_are_no_duplicates():
    text = CLAUSE.lower()
    cut = len(text) // 8
    first = passage(text, document_id="d")
    second = passage(f"{text[cut:]} ", rank=2, start=100 + cut, document_id="d")
    assert len(merge_duplicates([first, second], 0.5)) == 2
    copy = passage(text.replace(",", ";"), rank=2, start=first.end + 10, document_id="d")
    assert len(merge_duplicates([first, copy], 0.5)) == 1  # the same clause twice, elsewhere in the document


def test_when_enough_stand_the_rest_is_looked_through_for_their_duplicates():
    found = [passage(CLAUSE), passage("Another one.", rank=2), passage("A third.", rank=3), passage(CLAUSE, rank=4)]
    merged = merge_duplicates(found, 0.9, enough=2)
    assert ids(merged) == ["chunk-1", "chunk-2"]
    assert merged[0].duplicates == ("chunk-4",)


def test_only_what_is_accepted_stands_and_nothing_more_is_judged_than_is_needed():
    found = [passage(f"Number {rank}.", rank=rank) for rank in range(1, 9)]
    judged: list[str] = []

    def accept(one) -> bool:
        judged.append(one.chunk_id)
        return one.rank % 2 == 0

    assert ids(merge_duplicates(found, 0.9, enough=2, accept=accept)) == ["chunk-2", "chunk-4"]
    assert judged == ["chunk-1", "chunk-2", "chunk-3", "chunk-4"]


@given(WORDS, WORDS)
def test_resemblance_is_symmetric_and_1_for_equal_texts(one: list[str], other: list[str]):
    a, b = runs_of_words(" ".join(one)), runs_of_words(" ".join(other))
    assert 0 <= resemblance(a, b) == resemblance(b, a) <= 1
    assert (resemblance(a, b) == 1) == (a == b)


@given(st.lists(WORDS, max_size=8), st.floats(0.01, 1))
def test_merging_keeps_the_order_the_best_and_every_id(texts: list[list[str]], threshold: float):
    found = [passage(" ".join(words), rank=rank) for rank, words in enumerate(texts, start=1)]
    merged = merge_duplicates(found, threshold)
    assert sorted([key for one in merged for key in (one.chunk_id, *one.duplicates)]) == sorted(ids(found))
    assert [one.rank for one in merged] == sorted(one.rank for one in merged)
    assert len({one.text for one in merged}) == len(merged)


def test_a_document_keeps_its_best_few():
    found = [passage(rank=rank, document_id=key) for rank, key in enumerate("aabab", start=1)]
    assert ids(list(limit_per_document(found, 2))) == ["chunk-1", "chunk-2", "chunk-3", "chunk-5"]
    assert ids(list(limit_per_document(found, 1))) == ["chunk-1", "chunk-3"]


def _unit(rows: list[list[float]]) -> np.ndarray:
    matrix = np.asarray(rows, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def test_diversity_passes_over_what_was_said_already():
    vectors = _unit([[1, 0], [1, 0.01], [0, 1]])
    assert diversify([1.0, 0.9, 0.3], vectors, weight=0.5, count=3) == [0, 2, 1]
    assert diversify([1.0, 0.9, 0.3], vectors, weight=1.0, count=3) == [0, 1, 2]
    assert diversify([0.2, 0.9, 0.3], vectors, weight=0.0, count=2) == [1, 2]


@given(st.lists(st.floats(0, 1), max_size=8), st.integers(0, 10), st.floats(0, 1))
def test_diversity_picks_each_once_and_the_most_relevant_first(relevance: list[float], count: int, weight: float):
    vectors = _unit([[np.cos(at), np.sin(at)] for at in range(len(relevance))] or [[1.0, 0.0]])[: len(relevance)]
    picked = diversify(relevance, vectors, weight=weight, count=count)
    assert len(picked) == len(set(picked)) == min(count, len(relevance))
    assert not picked or relevance[picked[0]] == max(relevance)


@given(st.lists(st.floats(-1e6, 1e6), max_size=8))
def test_stretched_scores_keep_their_order(scores: list[float]):
    stretched = from_0_to_1(scores)
    assert all(0 <= value <= 1 for value in stretched)
    assert all(
        one <= other
        for a, one in zip(scores, stretched, strict=True)
        for b, other in zip(scores, stretched, strict=True)
        if a < b
    )
