from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.check import Check, check_claim
from lastro.chains.evidence import Evidence, idf_of_passages
from tests.chains.passages import CONTRATO, LEASE, passage
from tests.fakes import HashEmbeddings


def check(claim: str, source: str = LEASE, language: str = "en", *, question: str = "", title: str = "") -> Check:
    passages = (passage(source, language=language, title=title),)
    return check_claim(claim, Evidence(passages, language, idf_of_passages(passages)), question=question)


@pytest.mark.parametrize(
    ("claim", "source", "language", "kind"),
    [
        ("The notice period is 45 days.", "The notice period is 30 days.", "en", "number"),
        ("A obra começa em 4 de maio de 2026.", "A obra começa em 3/5/2026.", "pt", "number"),
        ("The course lasts at most ten days.", "The course lasts at least ten days.", "en", "number"),
        ("The course lasts ten weeks.", "The course lasts ten days.", "en", "number"),
        ("The tenant may sublet the flat.", "The tenant may not sublet the flat.", "en", "negation"),
        ("O recurso foi admitido pelo tribunal.", "O recurso não foi admitido pelo tribunal.", "pt", "negation"),
        ("The landlord repairs the roof.", "The tenant repairs the roof. The landlord lives abroad.", "en", "role"),
        ("The seller shall pay the buyer.", "The buyer shall pay the seller.", "en", "role"),
        ("Todos os alunos passaram na prova.", "Alguns alunos passaram na prova.", "pt", "quantifier"),
        (
            "The bridge was built by Anna Berg.",
            "The old bridge was built by Carl Dahl. Its railing was painted by Anna Berg.",
            "en",
            "name",
        ),
    ],
)
def test_a_changed_fact_is_contradicted_and_the_rule_is_named(
    claim: str, source: str, language: str, kind: str
) -> None:
    found = check(claim, source, language)
    assert found.state == "contradicted"
    assert kind in [reason.kind for reason in found.reasons]


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The roof was leaking in May.", "The tenant alleges that the roof was leaking in May.", "en"),
        ("A obra atrasou dois meses.", "Segundo a construtora, a obra atrasou dois meses.", "pt"),
        ("The deposit is refunded in full.", "The deposit is refunded in full unless the keys are lost.", "en"),
        ("A multa será dispensada.", "A multa será dispensada, desde que haja acordo escrito.", "pt"),
        ("The lake is 40 metres deep and full of trout.", "The bakery opens at seven on weekdays.", "en"),
    ],
)
def test_less_than_the_passage_says_is_unsupported(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language).state == "unsupported"


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("Half of the members voted.", "50% of the members voted in May.", "en"),
        ("O prazo é de 30 dias para o recurso.", "O prazo para o recurso é de trinta dias.", "pt"),
        ("A nota é de 3 de abril de 2026.", "Nota emitida em 3/4/2026.", "pt"),
        ("The pump rests for 30 minutes.", "The pump rests for half an hour after use.", "en"),
        ("O valor do aluguel é 1,234.56 reais.", "O valor mensal do aluguel é de R$ 1.234,56.", "pt"),
    ],
)
def test_one_fact_in_two_formats_is_supported(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language).state in ("supported", "verbatim")


def test_a_whole_clause_is_verbatim() -> None:
    found = check("A late fee of 5% applies after ten days.")
    assert (found.state, found.score) == ("verbatim", 1.0)


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The drug is safe.", "The drug is safe, but not for children.", "en"),
        ("The tenant may keep a dog.", "The tenant may keep a dog; this does not hold for flat 4.", "en"),
        ("Keep pets in the garden.", "The tenant must not: sublet the flat; keep pets in the garden.", "en"),
        ("The landlord agrees.", "The fee is waived if the rent is paid, and the landlord agrees.", "en"),
        ("The tenant must leave.", "The landlord claims the rent is late, and the tenant must leave.", "en"),
        ("The keeper left in May.", "Perhaps the gate was closed, and the keeper left in May.", "en"),
        ("O prefeito vendeu o terreno.", "É falso que a escola foi fechada, e o prefeito vendeu o terreno.", "pt"),
    ],
)
def test_a_clause_that_the_rest_of_its_sentence_limits_or_governs_is_not_verbatim(
    claim: str, source: str, language: str
) -> None:
    assert check(claim, source, language).state != "verbatim"


@pytest.mark.parametrize(
    ("answer", "state"), [("No.", "supported"), ("No, it may not.", "supported"), ("Yes.", "contradicted")]
)
def test_a_yes_or_no_is_checked_with_its_question(answer: str, state: str) -> None:
    source = "Dogs may not be taken into the reading room."
    assert check(answer, source, question="May dogs be taken into the reading room?").state == state


def test_two_sentences_may_back_one_claim() -> None:
    source = "The quarry opened in 1823. Trains came later. The tower was restored in 1874 by the architect."
    found = check("The quarry opened in 1823, and the tower was restored in 1874.", source)
    assert found.state == "supported"
    assert len(found.spans) == 2


def test_a_greeting_is_no_claim() -> None:
    assert check("Hello!").state == "no_claim"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_claim_can_be_checked_and_every_span_lies_in_its_passage(claim: str, source: str) -> None:
    for text in (source, LEASE, CONTRATO):
        passages = (passage(text),)
        evidence = Evidence(passages, "en", idf_of_passages(passages))
        found = check_claim(claim, evidence, question="Is it?", alike=Alike(HashEmbeddings()))
        assert 0 <= found.score <= 1
        for where, start, end in found.spans:
            assert where.text[start:end].strip()
