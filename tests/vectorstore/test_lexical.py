from __future__ import annotations

import re
from collections import Counter
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.vectorstore.keyword import Question, stems
from lastro.vectorstore.lexical import Candidate, weigh


def candidate(text: str, language: str = "en") -> Candidate:
    return Candidate(" ".join(stems(text, language)), text, language)


def asked(query: str, *candidates: Candidate) -> Question:
    languages = {one.language for one in candidates}
    words = {language: tuple(stems(query, language)) for language in languages}
    total, held = len(candidates), Counter(stem for one in candidates for stem in set(one.stems.split()))
    return Question(words, {s: log((total - n + 0.5) / (n + 0.5) + 1) for s, n in held.items()}, ())


def test_a_word_that_stemming_parts_is_found_by_its_characters():
    near, far = candidate("O destelhamento da casa.", "pt"), candidate("O preço do arroz.", "pt")
    found = weigh("telhados", asked("telhados", near, far), [near, far])
    assert found.bm25.tolist() == [0.0, 0.0]
    assert found.grams[0] > found.grams[1] == 0.0


def test_neighbours_of_the_question_count_where_they_are_neighbours():
    together = candidate("The security deposit is three months of rent.")
    apart = candidate("A deposit of three months is paid; the house has good doors and a wall for security.")
    found = weigh("security deposit", asked("security deposit", together, apart), [together, apart])
    assert found.pairs[0] > found.pairs[1] == 0.0


def test_a_passage_is_asked_in_its_own_language():
    english, portuguese = candidate("The contracts end in May."), candidate("Os contratos terminam em maio.", "pt")
    found = weigh("contratos", asked("contratos", english, portuguese), [english, portuguese])
    assert found.bm25[1] > found.bm25[0]


def test_common_words_of_the_question_are_no_grams():
    one, other = candidate("What which where when."), candidate("The lease ends.")
    found = weigh("When does the lease end?", asked("lease end", one, other), [one, other])
    assert found.grams[0] == 0.0 < found.grams[1]


@given(st.lists(st.text(max_size=80), max_size=6), st.text(max_size=60))
def test_any_text_and_any_question_have_finite_evidence(texts: list[str], query: str):
    candidates = [candidate(text, "pt") for text in texts]
    found = weigh(query, asked(query, *candidates), candidates)
    for scores in (found.bm25, found.grams, found.share, found.pairs):
        assert len(scores) == len(texts)
        assert all(score >= 0 for score in scores)


@given(st.lists(st.text(alphabet="abc d\ue000", min_size=0, max_size=40), min_size=1, max_size=5))
def test_grams_are_counted_within_their_own_passage_only(texts: list[str]):
    """A gram that no passage holds by itself is found in none, however they are put together."""
    candidates = [candidate(text) for text in texts]
    found = weigh("abcab", asked("abcab", *candidates), candidates)
    for text, score in zip(texts, found.grams, strict=True):
        spaced = f" {' '.join(re.findall(r'[a-d]+', text))} "
        holds = any(gram in spaced for gram in (" abca", "abcab", "bcab "))
        assert (score > 0) == holds


def test_bm25_is_that_of_the_formula():
    one, other = candidate("cat cat dog"), candidate("fish")
    found = weigh("cat", asked("cat", one, other), [one, other])
    idf, mean = log((2 - 1 + 0.5) / (1 + 0.5) + 1), 2.0
    assert found.bm25[0] == pytest.approx(idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / mean)))
