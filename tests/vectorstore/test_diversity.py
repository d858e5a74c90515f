from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.vectorstore.diversity import (
    diversify,
    from_0_to_1,
    limit_per_document,
    merge_duplicates,
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
    merged = merge_duplicates([first, other, second])
    assert ids(merged) == ["chunk-1", "chunk-2"]
    assert [one.duplicates for one in merged] == [("chunk-3",), ()]


def test_case_punctuation_and_space_do_not_keep_the_same_words_apart():
    plain = CLAUSE.upper().replace(",", ";").replace(" que ", "\nque ")
    assert ids(merge_duplicates([passage(CLAUSE), passage(plain, rank=2)])) == ["chunk-1"]


@pytest.mark.parametrize(
    ("given_text", "other"),
    [
        ("causa ao atraso", "causa a 30 dias de atraso"),
        ("A parte", "A Vigia"),
        ("responde pelos", "não responde pelos"),
        ("causa ao atraso", "causa ao prejuízo"),
        ("outra parte", "mesma parte"),
        ("em vigor", "em vigor antes"),
        ("sobre a matéria", "sobre matéria"),
        ("é devida", "e devida"),
        ("$500", "€500"),
        ("-5 °C", "5 °C"),
    ],
)
def test_texts_that_differ_in_a_word_or_a_telling_sign_stay_apart(given_text: str, other: str):
    text = f"{CLAUSE} A multa é devida: $500, a -5 °C."
    changed = text.replace(given_text, other)
    assert changed != text
    assert len(merge_duplicates([passage(text), passage(changed, rank=2)])) == 2


def test_texts_without_any_word_are_the_same_only_where_they_are_equal():
    assert len(merge_duplicates([passage("..."), passage("???", rank=2), passage("...", rank=3)])) == 2


def test_when_enough_stand_the_rest_is_looked_through_for_their_duplicates():
    found = [passage(CLAUSE), passage("Another one.", rank=2), passage("A third.", rank=3), passage(CLAUSE, rank=4)]
    merged = merge_duplicates(found, enough=2)
    assert ids(merged) == ["chunk-1", "chunk-2"]
    assert merged[0].duplicates == ("chunk-4",)


def test_only_what_is_accepted_stands_and_nothing_more_is_judged_than_is_needed():
    found = [passage(f"Number {rank}.", rank=rank) for rank in range(1, 9)]
    judged: list[str] = []

    def accept(one) -> bool:
        judged.append(one.chunk_id)
        return one.rank % 2 == 0

    assert ids(merge_duplicates(found, enough=2, accept=accept)) == ["chunk-2", "chunk-4"]
    assert judged == ["chunk-1", "chunk-2", "chunk-3", "chunk-4"]


@given(st.lists(WORDS, max_size=8))
def test_merging_keeps_the_order_the_best_and_every_id(texts: list[list[str]]):
    found = [passage(" ".join(words), rank=rank) for rank, words in enumerate(texts, start=1)]
    merged = merge_duplicates(found)
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
