from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.checking.claims import needs_question, split_claims
from lastro.chains.checking.clauses import clauses


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
        (
            "The fee is $30, and members pay half of it.",
            "en",
            ["The fee is $30", "members pay half of it."],
        ),
    ],
)
def test_an_answer_is_taken_apart_into_its_claims(answer: str, language: str, claims: list[str]) -> None:
    assert [claim.text for claim in split_claims(answer, language) if claim.states] == claims


@pytest.mark.parametrize(
    ("sentence", "language", "said"),
    [
        (
            "The mill was sold in 1911 and was pulled down a year later.",
            "en",
            ["The mill was sold in 1911", "The mill was pulled down a year later."],
        ),
        (
            "O moinho foi vendido em 1911 e foi demolido um ano depois.",
            "pt",
            ["O moinho foi vendido em 1911", "O moinho foi demolido um ano depois."],
        ),
        (
            "A bomba, que pesa 8 kg, custa R$ 900,00 e tem dois anos de garantia.",
            "pt",
            ["A bomba, que pesa 8 kg, custa R$ 900,00", "A bomba tem dois anos de garantia."],
        ),
    ],
)
def test_a_clause_without_a_subject_is_read_with_that_of_the_clause_before(
    sentence: str, language: str, said: list[str]
) -> None:
    assert [clause.said for clause in clauses(sentence, language)] == said


@pytest.mark.parametrize(
    ("text", "language"),
    [("Hello!", "en"), ("Here is what I found:", "en"), ("Olá!", "pt"), ("Espero ter ajudado.", "pt"), ("Why?", "en")],
)
def test_greetings_transitions_and_questions_claim_nothing(text: str, language: str) -> None:
    assert not any(claim.states for claim in split_claims(text, language))


@pytest.mark.parametrize(("text", "language"), [("Sim.", "pt"), ("It is 30 days.", "en"), ("Thirty days.", "en")])
def test_a_fragment_needs_its_question(text: str, language: str) -> None:
    assert needs_question(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The structure, the drains and the gutters are kept in repair.", "en"),
        ("Members may row but not sail.", "en"),
        ("O telhado, as calhas e as paredes são reparados pela empresa.", "pt"),
        ("Der Turm wurde 1920 gebaut und 1990 renoviert.", "de"),
    ],
)
def test_a_list_of_things_is_not_taken_apart(text: str, language: str) -> None:
    assert [(clause.start, clause.end) for clause in clauses(text, language)] == [(0, len(text))]


@given(st.text(max_size=300))
def test_claims_are_exact_spans_in_order(text: str) -> None:
    end = 0
    for claim in split_claims(text, "en"):
        assert claim.text == text[claim.start : claim.end]
        assert claim.start >= end
        end = claim.end


@given(st.text(max_size=300))
def test_clauses_lie_inside_their_claim(text: str) -> None:
    for clause in clauses(text, "pt"):
        assert 0 <= clause.start <= clause.end <= len(text)


@pytest.mark.parametrize(
    ("text", "language", "claimed"),
    [
        ("I don't know the fee, but the rent is 900 euros a month.", "en", "the rent is 900 euros a month."),
        ("The documents do not mention a deposit, and the rent is 5,000 euros.", "en", "the rent is 5,000 euros."),
        ("As fontes não mencionam a caução, mas o aluguel é de 900 reais.", "pt", "o aluguel é de 900 reais."),
        ("I don't know.", "en", None),
        ("As fontes não dizem isso.", "pt", None),
    ],
)
def test_what_follows_a_decline_is_a_claim(text: str, language: str, claimed: str | None) -> None:
    found = [claim.text for claim in split_claims(text, language) if claim.states]
    assert found == ([] if claimed is None else [claimed])
