from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document

from lastro.chains.checking.claims import needs_question, split_claims
from lastro.chains.checking.clauses import clauses
from lastro.chains.verifier import verify


@pytest.mark.parametrize(
    ("answer", "language", "claims"),
    [
        ("- Rent: $40.\n- Deposit: $80.", "en", ["Rent: $40.", "Deposit: $80."]),
        ("| Item | Price |\n|---|---|\n| Rent | 40 |", "en", ["40"]),
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


TABLE = """| Item | Monthly price | Notice |
|---|---:|---|
| Rent | 900 euros | |
| Garage | 60 euros | 30 days |
"""


def test_a_cell_is_read_with_the_heads_of_its_row_and_column() -> None:
    found = split_claims(f"Here they are:\n\n{TABLE}\nPets need consent.", "en")
    assert [(claim.text, claim.said) for claim in found if claim.states] == [
        ("900 euros", "Rent: monthly price 900 euros"),
        ("60 euros", "Garage: monthly price 60 euros"),
        ("30 days", "Garage: notice 30 days"),
        ("Pets need consent.", "Pets need consent."),
    ]


@given(st.lists(st.sampled_from(["| a | 1 |", "|---|---|", "a | b | c", "||", "| |", "- x", "Text."]), max_size=8))
def test_cells_of_any_table_are_stretches_of_the_text(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = split_claims(text, "en")
    assert all(text[claim.start : claim.end] == claim.text for claim in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


LEASE_EN = "The rent of the flat is 900 euros a month. The garage costs 60 euros a month. The cellar costs 15 euros."
LEASE_PT = (
    "O aluguel do apartamento é de 900 reais por mês. A garagem custa 60 reais por mês. O depósito custa 15 reais."
)


@pytest.mark.parametrize(
    ("row", "said", "backed"),
    [
        ("| Garage | 60 euros |", LEASE_EN, True),
        ("| Garage | 900 euros |", LEASE_EN, False),
        ("| Cellar | 60 euros |", LEASE_EN, False),
        ("| Garagem | 60 reais |", LEASE_PT, True),
        ("| Garagem | 900 reais |", LEASE_PT, False),
        ("| Depósito | 60 reais |", LEASE_PT, False),
    ],
)
def test_a_cell_is_backed_only_where_its_row_is(row: str, said: str, backed: bool) -> None:
    head, asked = (
        ("Item | Price", "What does each cost?") if said is LEASE_EN else ("Item | Preço", "Quanto custa cada um?")
    )
    answer = verify(f"| {head} |\n|---|---|\n{row}", [Document(said, metadata={"title": "Lease"})], question=asked)
    (sentence,) = [one for one in answer.sentences if one.state != "no_claim"]
    assert sentence.backed is backed
