"""Whether an answer says what a gold answer says: hand-worked examples, and SQuAD's own script beside ours."""

from __future__ import annotations

import collections
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.evaluation.answers.wording import contains, exact, f1, is_right, words

ASCII = st.text(st.sampled_from("ab the an31.,%-() \tAT"), max_size=40)


def squad_words(text: str) -> list[str]:
    """What the evaluation script of SQuAD 1.1 compares, written from its description."""
    bare = "".join(char for char in text.lower() if char not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def squad_f1(text: str, gold: str) -> float:
    said, wanted = squad_words(text), squad_words(gold)
    same = sum((collections.Counter(said) & collections.Counter(wanted)).values())
    if not same:
        return 0.0
    precision, recall = same / len(said), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


@given(text=ASCII, gold=ASCII)
def test_english_is_compared_as_squad_compares_it(text, gold):
    if not squad_words(text) or not squad_words(gold):
        return  # nothing but articles: ours keeps them, so that "the" is not said by every text
    assert list(words(text, "en")) == squad_words(text)
    assert f1(text, [gold], "en") == pytest.approx(squad_f1(text, gold))
    assert exact(text, [gold], "en") == (squad_words(text) == squad_words(gold))


@given(text=st.text(max_size=60), golds=st.lists(st.text(max_size=20), max_size=3), lang=st.sampled_from(["en", "pt"]))
def test_measures_hold_for_any_text_and_order_as_they_must(text, golds, lang):
    measured = exact(text, golds, lang), f1(text, golds, lang), contains(text, golds, lang)
    assert all(0 <= value <= 1 for value in measured)
    if measured[0]:
        assert measured[1] == 1.0
        assert measured[2] == 1.0
        assert is_right(text, golds, lang)


def test_portuguese_leaves_out_its_own_articles_and_keeps_accents():
    assert words("As multas são de uma só parcela", "pt") == ("multas", "são", "de", "só", "parcela")
    assert words("As multas", "en") == ("as", "multas")
    assert exact("o avô", ["avó"], "pt") == 0
    assert exact("O Avô.", ["avô"], "pt") == 1
    decomposed = "avo\u0302"
    assert exact(decomposed, ["avô"], "pt") == 1


def test_punctuation_of_any_alphabet_is_deleted():
    assert words("“31 de maio” – fim…", "pt") == ("31", "de", "maio", "fim")


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ("The rent is 4,250.00 dollars a month.", "4,250.00 dollars", 1.0),
        ("It is 14250 dollars.", "4250 dollars", 0.0),  # words, not characters
        ("It ends on the 31 May.", "31 May", 1.0),
        ("May 31", "31 May", 0.0),
        ("Nothing.", "the", 0.0),  # a gold of articles alone is no gold of nothing
        ("Yes, it is.", "Yes", 1.0),
        ("There is no fee.", "No", 0.0),
        ("", "31 May", 0.0),
    ],
)
def test_a_text_contains_a_gold_answer_word_by_word(text, gold, value):
    assert contains(text, [gold], "en") == value


def test_the_best_gold_answer_counts():
    assert f1("31 May 2027", ["2027", "May 2027"], "en") == pytest.approx(0.8)
    assert exact("31 May 2027", ["2027", "31 May 2027"], "en") == 1
    assert (exact("x", [], "en"), f1("x", [], "en"), contains("x", [], "en")) == (0, 0, 0)


def test_a_long_gold_answer_need_not_be_said_word_for_word():
    gold = "It protects the quay from storms and gives boats a calm place to load"
    said = "The wall protects the quay from storms, and boats get a calm place to load."
    assert contains(said, [gold], "en") == 0
    assert is_right(said, [gold], "en")
    assert not is_right("The wall protects the quay.", [gold], "en")


def test_a_short_gold_answer_is_not_half_right():
    assert f1("It is 30 May 2027", ["31 May 2027"], "en") >= 0.5
    assert not is_right("It is 30 May 2027", ["31 May 2027"], "en")
