from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.checking.claims import coordinated, needs_question, split_claims


@pytest.mark.parametrize(
    ("answer", "language", "claims"),
    [
        ("- Rent: $40.\n- Deposit: $80.", "en", ["Rent: $40.", "Deposit: $80."]),
        ("| Item | Price |\n|---|---|\n| Rent | 40 |", "en", ["Item", "Price", "Rent", "40"]),
        ("O art. 5º diz isso. A multa é de 2,5%.", "pt", ["O art. 5º diz isso.", "A multa é de 2,5%."]),
        (
            "1. Sign the form.\n2. Send it by 5 p.m. on Friday.",
            "en",
            ["Sign the form.", "Send it by 5 p.m. on Friday."],
        ),
    ],
)
def test_an_answer_is_taken_apart_into_its_claims(answer: str, language: str, claims: list[str]) -> None:
    assert [claim.text for claim in split_claims(answer, language) if claim.states] == claims


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello!", "en"), ("Here is what I found:", "en"), ("Olá!", "pt"), ("Espero ter ajudado.", "pt"), ("Why?", "en")],
)
def test_greetings_transitions_and_questions_claim_nothing(text: str, language: str) -> None:
    assert not any(claim.states for claim in split_claims(text, language))


@pytest.mark.parametrize(("text", "language"), [("Sim.", "pt"), ("It is 30 days.", "en"), ("Thirty days.", "en")])
def test_a_fragment_needs_its_question(text: str, language: str) -> None:
    assert needs_question(text, language)


def test_a_list_of_things_is_not_taken_apart() -> None:
    text = "The structure, the drains and the gutters are kept in repair."
    assert coordinated(text, "en") == [(0, len(text))]


@given(st.text(max_size=300))
def test_claims_are_exact_spans_in_order(text: str) -> None:
    end = 0
    for claim in split_claims(text, "en"):
        assert claim.text == text[claim.start : claim.end]
        assert claim.start >= end
        end = claim.end


@given(st.text(max_size=300))
def test_clauses_lie_inside_their_claim(text: str) -> None:
    for start, end in coordinated(text, "pt"):
        assert 0 <= start <= end <= len(text)
