from __future__ import annotations

import pytest

from lastro.chains.followup import WORDS, goes_on, needs_condensing, points_back, words_of
from lastro.chains.history import Conversation, Turn

LEASE = Turn("When does the lease of Acme end?", "It ends on 31 May 2027.")


@pytest.mark.parametrize(
    "question",
    [
        "And the rent?", "When does it begin?", "What about pets?", "Why?", "how will they pay for it?",
        "who signed that?", "is it still due?", "because of what?", "Does the lease renew?", "in case of fire?",
        "E a multa?", "Quando ele termina?", "quem assinou também paga?", "tem multa?", "no caso de toner, por acaso?",
        "Como posso vendê-lo?", "Quem é o dono dela?", "qual é o prazo?",
    ],
)  # fmt: skip
def test_a_follow_up_is_seen(question: str) -> None:
    assert needs_condensing(Conversation(question, (LEASE,)))


@pytest.mark.parametrize(
    "question",
    [
        "Who pays for structural repairs of the building?", "What is the warranty period?", "What is photosynthesis?",
        "Is it possible to cancel an order of spare parts?", "How many students are there at Harvard University?",
        "Which problems are those of the second kind of machine?", "What is the theory that Turing proposed in 1936?",
        "When Acme sold the plant, who bought it?", "Where is Brazil?", "warranty period spare parts",
        "Qual é o prazo de garantia?", "O que é PBL?", "Ao que está associado o curso de mestrado em computação?",
        "Por que os eventos El Niño e La Niña estão mais extremos?", "Quem foi Machado de Assis?",
        "Quando a Alemanha invadiu a Polônia e, ao fazê-lo, começou a guerra?",
        "Wann endet die Garantie der Bohrmaschine von Bosch?",
    ],
)  # fmt: skip
def test_a_question_on_its_own_feet_is_left_alone(question: str) -> None:
    assert not needs_condensing(Conversation(question, (LEASE,)))


@pytest.mark.parametrize("question", ["And the rent?", "Why?", "it", "?", "..."])
def test_a_first_question_leans_on_nothing(question: str) -> None:
    assert not needs_condensing(Conversation(question))


@pytest.mark.parametrize("question", ["?", "...", "¿¡", "-lo", "that", "123", "ª"])
def test_any_text_can_be_looked_at(question: str) -> None:
    needs_condensing(Conversation(question, (LEASE,)))
    assert isinstance(goes_on(question, WORDS["en"]) or points_back(question, WORDS["pt"]), bool)


@pytest.mark.parametrize(
    ("language", "question"),
    [("es", "¿Y la multa?"), ("fr", "Et l'amende ?"), ("de", "Und die Strafe?"), ("it", "E la multa?")],
)
def test_other_languages_have_their_own_way_to_go_on(language: str, question: str) -> None:
    assert goes_on(question, WORDS[language])


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("es", "Dónde nació él?"),
        ("fr", "Où est-elle née ?"),
        ("de", "Wann wurde er geboren?"),
        ("it", "Dove abita lui?"),
    ],
)
def test_other_languages_have_their_own_pronouns(language: str, question: str) -> None:
    assert points_back(question, WORDS[language])


def test_a_follow_up_too_short_to_tell_its_language_is_read_in_that_of_the_question_before() -> None:
    turn = Turn("Wann endet der Mietvertrag der Firma Acme?", "Am 31. Mai 2027.")
    assert needs_condensing(Conversation("Und Berlin?", (turn,)))


def test_a_language_without_words_of_its_own_is_read_by_those_of_both_prompts() -> None:
    assert words_of("sv").pronouns == WORDS["en"].pronouns | WORDS["pt"].pronouns
