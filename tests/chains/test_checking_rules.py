"""Each family of rules in both languages; the sentences are none of the labelled pairs."""

from __future__ import annotations

import pytest

from lastro.chains.checking.check import Check, check_claim
from lastro.chains.checking.reading import read
from lastro.chains.evidence import Evidence, idf_of_passages
from tests.chains.passages import passage


def check(claim: str, *sources: str, language: str = "en", question: str = "", title: str = "") -> Check:
    passages = tuple(passage(text, language=language, title=title, rank=at) for at, text in enumerate(sources, 1))
    return check_claim(claim, Evidence(passages, language, idf_of_passages(passages)), question=question)


def kinds(found: Check) -> set[str]:
    return {reason.kind for reason in found.reasons}


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The adult ticket costs 4 euros.", "The adult ticket costs 9 euros and the child ticket costs 4 euros.", "en"),
        ("O bloco A tem 18 salas.", "O bloco A tem 12 salas; o bloco B tem 18 salas.", "pt"),
        ("The works begin on 9 June.", "The works begin on 2 May and the inauguration follows on 9 June.", "en"),
        ("A obra começa em 9 de junho.", "A obra começa em 2 de maio e a inauguração ocorre em 9 de junho.", "pt"),
    ],
)
def test_a_number_of_something_else_is_not_backed(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language=language).state not in ("supported", "verbatim")


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The child ticket costs 4 euros.", "The adult ticket costs 9 euros and the child ticket costs 4 euros.", "en"),
        ("O bloco B tem 18 salas.", "O bloco A tem 12 salas; o bloco B tem 18 salas.", "pt"),
        ("The works start on 2 May.", "The works start on 2 May and the inauguration follows on 9 June.", "en"),
    ],
)
def test_a_number_of_the_right_thing_is_backed(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language=language).state in ("supported", "verbatim")


@pytest.mark.parametrize(
    ("claim", "sources", "language"),
    [
        (
            "The tenant may renew the lease once by giving written notice to the landlord no later than 180 days.",
            ("The tenant may renew the lease once by giving written notice to the landlord no later than 30 May 2028.",
             "If that takes more than 180 days, either party may end the lease."),
            "en",
        ),
        (
            "O estudo acompanhou os pacientes do hospital de Sorriso durante 90 dias.",
            ("O estudo acompanhou os pacientes do hospital de Sorriso durante 30 dias.",
             "Os pacientes receberam a conta em 90 dias."),
            "pt",
        ),
    ],
)  # fmt: skip
def test_another_number_in_its_place_is_a_contradiction(claim: str, sources: tuple[str, ...], language: str) -> None:
    found = check(claim, *sources, language=language)
    assert found.state == "contradicted"
    assert "number" in kinds(found)


@pytest.mark.parametrize(
    ("claim", "sources", "language"),
    [
        ("A bolsa foi reaberta em 1991 e tem 374 empresas.",
         ("A bolsa foi fundada em 1817.", "Em 1991 ela foi reaberta e hoje a bolsa tem 374 empresas."), "pt"),
        ("A multa por atraso no pagamento do aluguel é de 10%.",
         ("A multa por atraso no pagamento do aluguel é de R$ 90,00.", "Ou seja, a multa é 10% do aluguel."), "pt"),
        ("The house in Elm Street was built by hand in 3 years.",
         ("The house in Elm Street was built by hand in 1920.", "The house took 3 years to build."), "en"),
        ("The clinical trial followed the patients of the hospital for 5 years.",
         ("The clinical trial followed the patients of the hospital for 12 months, and then for four more years.",
          "In all, the patients took part in the trial over 5 years."), "en"),
        ("Os estagiários trabalharam no hospital durante 6 meses.",
         ("Os estagiários trabalharam no hospital durante 8 horas por dia.",
          "Foram 6 meses de hospital para os estagiários."), "pt"),
        ("O visto de turista vale por 3 meses.",
         ("O visto de turista vale por 90 dias.", "Passados 3 meses, o turista sem outro visto deve sair."), "pt"),
        ("In the third group, the patients took the drug for 6 weeks.",
         ("In the first group, the patients took the drug for 12 weeks.",
          "In the third, the drug was given to patients over 6 weeks."), "en"),
        ("The hospital trial enrolled 150 women with asthma.",
         ("The hospital trial enrolled 400 men and women with asthma.", "Of those with asthma, 150 were women."), "en"),
        ("The lecture hall in the east wing has 120 seats.",
         ("The lecture hall in the west wing has 80 seats.", "The lecture hall in the east wing has 120 seats now."),
         "en"),
    ],
)  # fmt: skip
def test_a_number_is_backed_where_another_sentence_says_it_of_the_same(
    claim: str, sources: tuple[str, ...], language: str
) -> None:
    assert check(claim, *sources, language=language).state in ("supported", "verbatim")


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("A rainha Lelia converteu-se ao protestantismo em 1829.", "pt"),
        ("The Act at once covered apprentices and clerks.", "en"),
    ],
)
def test_what_only_looks_like_a_condition_is_none(source: str, language: str) -> None:
    assert read(source, language).conditions == ()


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("A multa é de 2%.", "-Se houver atraso, a multa é de 2%.", "pt"),
        ("A multa é de 2%.", "1-Se houver atraso, a multa é de 2%.", "pt"),
        ("A multa é de 2%.", "II-Se houver atraso, a multa é de 2%.", "pt"),
        ("The tenant may sublet the flat.", "We agree that once the fee is paid, the tenant may sublet the flat.",
         "en"),
    ],
)  # fmt: skip
def test_a_condition_may_stand_behind_a_dash_or_another_word(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language=language).state == "unsupported"


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The cellar was painted by Nora Lind.",
         "The cellar was painted by Emil Stang; Nora Lind painted the loft.", "en"),
        ("A cozinha foi pintada por Ana Brito.", "A cozinha foi pintada por Davi Luz; Ana Brito pintou a sala.", "pt"),
        ("The Oslo branch closed and the staff moved to Bergen.",
         "The Bergen branch closed and the staff moved to Oslo.", "en"),
    ],
)  # fmt: skip
def test_what_is_said_of_another_name_is_not_backed(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert found.state not in ("supported", "verbatim")
    assert "name" in kinds(found)


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The lessor pays the water bill.",
         "The water bill is paid by the lessee; the lessor pays the land tax.", "en"),
        ("O vendedor entrega o terreno ao comprador.", "O comprador entrega o terreno ao vendedor.", "pt"),
        ("The bank lent the money because the lender insured the borrower.",
         "The bank lent the money because the borrower insured the lender.", "en"),
        ("Anna sued Peter Hall over the contract.", "Peter Hall sued Anna over the contract.", "en"),
        ("Em 2019, Ana processou Pedro.", "Em 2019, Pedro processou Ana.", "pt"),
        ("Maria da Silva processou Pedro.", "Pedro processou Maria da Silva.", "pt"),
    ],
)  # fmt: skip
def test_sides_that_changed_places_are_not_backed(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language=language).state not in ("supported", "verbatim")


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("Anna met Peter Hall in Oslo.", "Peter Hall met Anna in Oslo.", "en"),
        ("Ana, Rui e Bia assinaram o contrato.", "Bia, Rui e Ana assinaram o contrato.", "pt"),
        ("Ana e Pedro assinaram o contrato.", "Pedro e Ana assinaram o contrato.", "pt"),
        ("Anna and Peter signed the contract.", "Peter and Anna signed the contract.", "en"),
        ("The contract between Anna and Peter is void.", "The contract between Peter and Anna is void.", "en"),
        ("Anna, Rui and Bia signed the contract.", "Bia, Rui and Anna signed the contract.", "en"),
        ("Spain shares a border with Portugal.", "Portugal shares a border with Spain.", "en"),
        ("Portugal faz fronteira com Espanha.", "Espanha faz fronteira com Portugal.", "pt"),
        ("Ana é casada com Pedro.", "Pedro é casada com Ana.", "pt"),
    ],
)
def test_names_that_do_the_same_may_stand_in_any_order(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert "role" not in kinds(found)
    assert found.state != "contradicted"


def test_a_language_without_a_lexicon_has_no_rule_of_words_that_change_places() -> None:
    assert "role" not in kinds(check("Anna arbeitete mit Peter.", "Peter arbeitete mit Anna.", language="de"))


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The gate is locked at night.", "The gate is not locked at night.", "en"),
        ("The gate is unlocked at night.", "The gate is locked at night.", "en"),
        ("Bicycles are allowed in the courtyard.", "Bicycles are forbidden in the courtyard.", "en"),
        ("O portão fica trancado à noite.", "O portão não fica trancado à noite.", "pt"),
        ("Bicicletas são permitidas no pátio.", "Bicicletas são proibidas no pátio.", "pt"),
        ("O prêmio foi entregue ao vencedor.", "O prêmio deixou de ser entregue ao vencedor.", "pt"),
    ],
)
def test_a_turned_statement_is_contradicted(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert found.state == "contradicted"
    assert "negation" in kinds(found)


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("Bicycles may not be left in the courtyard.", "It is forbidden to leave bicycles in the courtyard.", "en"),
        ("Bicicletas não podem ficar no pátio.", "É proibido que bicicletas fiquem no pátio.", "pt"),
        ("The fog does no harm.", "The fog is harmless.", "en"),
    ],
)
def test_two_ways_to_deny_agree(claim: str, source: str, language: str) -> None:
    assert "negation" not in kinds(check(claim, source, language=language))


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The new road reduces the noise.", "The mayor argues that the new road reduces the noise.", "en"),
        ("The bridge is too narrow.", "According to the engineer, the bridge is too narrow.", "en"),
        ("A nova estrada reduz o ruído.", "O prefeito argumenta que a nova estrada reduz o ruído.", "pt"),
        ("A ponte é estreita demais.", "Na opinião da engenheira, a ponte é estreita demais.", "pt"),
    ],
)
def test_who_says_so_may_not_be_dropped(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert found.state == "unsupported"
    assert "attribution" in kinds(found)


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The mayor says that the new road reduces the noise.", "The mayor argues that the new road reduces the noise.",
         "en"),
        ("Segundo a engenheira, a ponte é estreita demais.",
         "Na opinião da engenheira, a ponte é estreita demais.", "pt"),
    ],
)  # fmt: skip
def test_who_says_so_may_be_said_otherwise(claim: str, source: str, language: str) -> None:
    assert check(claim, source, language=language).state in ("supported", "verbatim")


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The fee is refunded.", "The fee is refunded, provided that the form is sent by Friday.", "en"),
        ("The pool is open in winter.", "The pool is open in winter, except on public holidays.", "en"),
        ("A taxa é devolvida.", "A taxa é devolvida, desde que o formulário chegue até sexta-feira.", "pt"),
        ("A piscina abre no inverno.", "A piscina abre no inverno, salvo nos feriados.", "pt"),
        ("Lorries may not use the ramp.", "Lorries may not use the ramp. Fire engines are exempt.", "en"),
        (
            "Caminhões não podem usar a rampa.",
            "Caminhões não podem usar a rampa. Os bombeiros ficam dispensados.",
            "pt",
        ),
    ],
)
def test_a_condition_or_an_exception_may_not_be_dropped(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert found.state != "supported"


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("All rooms were cleaned on Monday.", "Most rooms were cleaned on Monday.", "en"),
        ("Todas as salas foram limpas na segunda.", "A maioria das salas foi limpa na segunda.", "pt"),
    ],
)
def test_all_is_more_than_most(claim: str, source: str, language: str) -> None:
    found = check(claim, source, language=language)
    assert found.state == "contradicted"
    assert "quantifier" in kinds(found)


def test_rules_of_words_are_not_applied_to_other_languages() -> None:
    found = check("Der Turm steht in Bonn.", "Der Turm steht no in Bonn.", language="de")
    assert "negation" not in kinds(found)


def test_a_passage_of_another_name_does_not_back_a_claim() -> None:
    found = check(
        "The Corvin kettle holds two litres.",
        "The Corvin kettle is made of steel and weighs one kilo.",
        "The Delmar kettle holds two litres and whistles.",
    )
    assert found.state not in ("supported", "verbatim")


def test_the_span_is_the_stretch_that_backs() -> None:
    text = "The shop opens at nine; the café in the yard closes at six in the evening."
    found = check("In the evening the café in the yard closes at six.", text)
    where, start, end = found.spans[0]
    assert where.text[start:end] == "the café in the yard closes at six in the evening."


@pytest.mark.parametrize(
    ("claim", "question", "source", "language"),
    [
        ("The tenant bought a yacht.", "When does the lease end?", "The lease ends on 31 May 2027.", "en"),
        ("And so on for ever.", "When does the lease end?", "The lease ends on 31 May 2027.", "en"),
        ("O inquilino vendeu a casa.", "Quem paga o aluguel?", "O aluguel é pago pelo inquilino.", "pt"),
        ("The rent is 900 euros.", "", "Rent is due every month. The deposit is 900 euros.", "en"),
        ("O aluguel é de 900 euros.", "", "O aluguel vence no dia 5. A caução é de 900 euros.", "pt"),
    ],
)
def test_the_words_of_a_question_and_a_number_of_something_else_back_nothing(
    claim: str, question: str, source: str, language: str
) -> None:
    assert check(claim, source, language=language, question=question).state in ("unsupported", "contradicted")


def test_a_short_claim_may_not_be_sewn_together_from_two_sentences() -> None:
    source = "The building manager is Ingrid Solberg. It was signed by Tobias Okafor for the Tenant."
    assert check("The building manager is the Tenant.", source).state == "unsupported"
    assert check("The building manager is Ingrid Solberg.", source).state == "verbatim"
