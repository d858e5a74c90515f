from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.citations import Verified, verify
from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.facts import number
from lastro.chains.markers import strip_markers, take_markers
from lastro.chains.review import Review
from lastro.types import Passage, Policy, Sentence
from tests.chains.passages import CONTRATO, LEASE, passage


def evidence(*passages: Passage, language: str = "en") -> Evidence:
    return Evidence(passages, language, idf_of_passages(passages))


ENGLISH = evidence(passage())
PORTUGUESE = evidence(passage(CONTRATO, language="pt", title="Contrato"), language="pt")


def check(
    text: str, found: Evidence = ENGLISH, *, policy: Policy = "mark", question: str = "", labels: tuple[str, ...] = ()
) -> Verified:
    return verify(
        text,
        found,
        check=Review(found, question).check,
        page_of=lambda _document, character: 7 if character > 150 else 3,
        language="pt" if found.language == "pt" else "en",
        policy=policy,
        labels=labels,
    )


def claims(found: Verified) -> list[Sentence]:
    """The sentences that claim something."""
    return [sentence for sentence in found.sentences if sentence.state != "no_claim"]


@pytest.mark.parametrize(
    "claim",
    [
        "The lease begins on 1 June 2024 and ends on 31 May 2027.",
        "the monthly rent is USD 4,250.00",
        "A late fee of 5% applies after ten days.",
    ],
)
def test_a_whole_clause_is_verbatim_whatever_its_case_and_stops(claim: str) -> None:
    found = check(claim)
    assert found.sentences[0].state == "verbatim"
    assert found.citations[0].quote in LEASE


def test_a_paraphrase_with_the_same_numbers_is_supported() -> None:
    found = check("The lease ends on 31 May 2027 and begins on 1 June 2024.")
    assert found.sentences[0].state == "supported"
    assert found.citations[0].quote == "The lease begins on 1 June 2024 and ends on 31 May 2027."


@pytest.mark.parametrize(
    "claim",
    [
        "The lease begins on 1 June 2024 and ends on 31 May 2028.",  # number changed
        "The monthly rent is USD 4,350.00, due on the fifth day of each month.",
        "The tenant may sublet the premises without the landlord's written consent.",
        "Paris is the capital of France.",
        "Mr. Smith's lease begins on 1 June 2024 and ends on 31 May 2027.",  # a name from elsewhere
        "The roof was already leaking.",  # said to be alleged, not said to be so
    ],
)
def test_what_the_document_does_not_say_is_not_backed(claim: str) -> None:
    found = check(claim)
    assert not any(sentence.backed for sentence in found.sentences)
    assert found.citations == ()


@pytest.mark.parametrize(
    ("claim", "states"),
    [
        ("O valor mensal dos serviços é de R$ 1234,56.", "verbatim"),
        ("O valor dos serviços, pago até o dia 10 de cada mês, é de R$ 1.234,56.", "supported"),
        ("O contrato vigora até 3/4/2026.", "verbatim"),
        ("O contrato vigora até 3/4/2027.", "contradicted"),
        ("É devida multa em caso de rescisão por força maior.", "contradicted"),
        ("A multa por atraso é de 2%.", "unsupported"),
    ],
)
def test_portuguese_is_checked_like_english(claim: str, states: str) -> None:
    assert check(claim, PORTUGUESE).sentences[0].state == states


def test_the_models_own_markers_are_replaced_by_true_ones() -> None:
    found = check("The rent is nice [4]. A late fee of 5% applies after ten days [9].")
    assert found.text == "The rent is nice [⚠ not in the documents]. A late fee of 5% applies after ten days [1]."
    assert found.sentences[1].citations == (0,)


def test_markers_are_numbered_by_first_use_and_shared() -> None:
    fee, rent = "A late fee of 5% applies after ten days", "The monthly rent is USD 4,250.00"
    found = check(f"{fee}. {rent}. Indeed {fee.lower()}.")
    assert [sentence.citations for sentence in found.sentences][:2] == [(0,), (1,)]
    assert found.text.startswith(f"{fee} [1]. {rent} [2].")
    cited = [found.citations[index] for sentence in found.sentences for index in sentence.citations]
    assert cited[2].quote.startswith(fee)


def test_a_sentence_said_again_is_left_out() -> None:
    found = check("A late fee of 5% applies after ten days. A late fee of 5% applies after ten days.")
    assert found.text == "A late fee of 5% applies after ten days [1]."
    twice = "Elvis wrote it. A late fee of 5% applies after ten days. Elvis wrote it."
    assert check(twice, policy="strict").text == "A late fee of 5% applies after ten days [1]."


def test_sentence_spans_count_characters_of_the_checked_text() -> None:
    found = check("Hello there. A late fee of 5% applies after ten days.\n- The monthly rent is USD 4,250.00.")
    for sentence in found.sentences:
        piece = found.text[sentence.start : sentence.end]
        assert strip_markers(piece) == sentence.text


def test_a_citation_is_an_exact_span_with_the_page_of_its_first_character() -> None:
    found = check("A late fee of 5% applies after ten days.")
    citation = found.citations[0]
    assert citation.quote == LEASE[citation.start - 100 : citation.end - 100]
    assert citation.page == 7


def test_a_text_without_claims_is_no_claim_and_has_no_mark() -> None:
    found = check("Hello! Here is what I found:")
    assert {sentence.state for sentence in found.sentences} == {"no_claim"}
    assert found.text == "Hello! Here is what I found:"
    assert check("").sentences == ()


SECOND = passage("The fee is 12 euros. The office opens at nine.", rank=2, title="Fees")


def test_a_claim_backed_by_another_source_than_its_marker_says_is_misattributed() -> None:
    both = evidence(passage(), SECOND)
    labels = ("chunk-1", "chunk-2")
    wrong = check("The office opens at nine [1].", both, labels=labels)
    assert wrong.sentences[0].state == "misattributed"
    assert wrong.sentences[0].reasons[0].kind == "marker"
    assert wrong.text == "The office opens at nine [1]."  # numbered anew: the first citation is the true one
    assert wrong.citations[0].title == "Fees"
    assert check("The office opens at nine [2].", both, labels=labels).sentences[0].state == "verbatim"


def test_a_source_that_backs_the_claim_as_well_is_kept_where_the_model_named_it() -> None:
    twice = evidence(SECOND, passage(SECOND.text, rank=3, title="Notice"))
    found = check("The office opens at nine [2].", twice, labels=("chunk-2", "chunk-3"))
    assert found.sentences[0].state == "verbatim"
    assert found.citations[0].title == "Notice"


@pytest.mark.parametrize("text", ["Opens at nine [1].", "Opens at nine. [1]", "Opens at nine.[1][2]"])
def test_a_marker_is_known_where_it_stands(text: str) -> None:
    clean, markers = take_markers(text)
    assert "[" not in clean
    assert [marker.numbers[0] for marker in markers] == [1, 2][: len(markers)]


def test_what_contradicts_a_claim_is_told_without_a_number() -> None:
    found = check("The lease ends on 31 May 2028.")
    assert found.sentences[0].state == "contradicted"
    assert found.sentences[0].citations == ()
    assert "31 May 2027" in found.sentences[0].against[0].quote
    assert found.text == "The lease ends on 31 May 2028 [⚠ the documents say otherwise]."


def test_strict_takes_out_what_nothing_backs_and_keeps_what_was_taken_out() -> None:
    found = check("The rent is nice. A late fee of 5% applies after ten days. Elvis wrote the lease.", policy="strict")
    assert found.text == "A late fee of 5% applies after ten days [1]."
    assert [sentence.text for sentence in found.removed] == ["The rent is nice.", "Elvis wrote the lease."]
    assert len(found.claims) == 3


def test_strict_leaves_lists_and_tables_whole() -> None:
    text = "- The monthly rent is USD 4,250.00.\n- Elvis wrote the lease.\n- A late fee of 5% applies after ten days."
    assert check(text, policy="strict").text == (
        "- The monthly rent is USD 4,250.00 [1].\n- A late fee of 5% applies after ten days [2]."
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1.234.567,80", "1234567.8"), ("12,5%", "12.5%"), ("0,05", "0.05"), ("007", "7"), ("01/02/2026", "1/2/2026")],
)
def test_numbers_of_both_languages_have_one_spelling(written: str, meant: str) -> None:
    assert number(written) == meant


@given(st.text(max_size=400))
def test_any_text_can_be_checked(text: str) -> None:
    found = check(text)
    for sentence in found.sentences:
        assert 0 <= sentence.start <= sentence.end <= len(found.text)
    for citation in found.citations:
        assert citation.quote == LEASE[citation.start - 100 : citation.end - 100]


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The tenant can sublet the whole property.", "By law the tenant cannot sublet the whole property.", "en"),
        ("Pets are allowed in the building.", "None of the pets are allowed in the building.", "en"),
        ("O locatário pode sublocar o imóvel.", "Nenhum locatário pode sublocar o imóvel.", "pt"),
        ("O locatário pode sublocar o imóvel.", "O locatário em hipótese alguma pode sublocar o imóvel.", "pt"),
        ("Sublocar o imóvel a terceiros.", "É vedado: sublocar o imóvel a terceiros.", "pt"),
        ("The fee is set out in clause 4.1.", "The fee is set out in clause 4.10.", "en"),
        ("The fee is set out in clause 25.1.", "The fee is set out in clause 2.5.1.", "en"),
        ("Store it at -5 degrees.", "Store it at 5 degrees.", "en"),
        ("The fee is 5 of the rent.", "The fee is 5% of the rent.", "en"),
        ("The notice period is thirty days.", "The notice period is sixty days.", "en"),
        ("O prazo é de trinta dias.", "O prazo é de quinze dias.", "pt"),
        ("The deposit is 500 euros.", "The deposit is 500 dollars.", "en"),
        ("A caução é de R$ 500,00.", "A caução é de US$ 500,00.", "pt"),
    ],
)
def test_a_turned_or_changed_statement_is_not_backed(claim: str, source: str, language: str) -> None:
    found = check(claim, evidence(passage(source, language=language), language=language))
    assert not found.backed


@pytest.mark.parametrize(
    ("claim", "source", "language"),
    [
        ("The notice period is 30 days.", "The notice period is thirty days.", "en"),
        ("O prazo é de 25 dias.", "O prazo é de vinte e cinco dias.", "pt"),
        ("O valor é de 2.000 reais.", "O valor é de dois mil reais.", "pt"),
        ("It ends on 31/05/2027.", "It ends on 31.05.2027.", "en"),
        ("The rent is USD 4250.", "The rent is $4,250.00.", "en"),
    ],
)
def test_one_fact_in_two_spellings_is_one_fact(claim: str, source: str, language: str) -> None:
    found = check(claim, evidence(passage(source, language=language), language=language))
    assert found.backed


def test_a_passage_that_contradicts_does_not_hide_one_that_supports() -> None:
    both = (
        passage("The tenant never pays the deposit before March, says the owner.", rank=1),
        passage("In practice the tenant pays the deposit before March to the bank.", rank=2),
    )
    found = check("The tenant pays the deposit before March.", evidence(*both))
    assert found.sentences[0].state == "supported"
    assert found.citations[0].document_id == "doc-2"


@pytest.mark.parametrize("marker", ["[1]", "[1, 2]", "[1-3]", "[1–3]", "[Source 2]", "[^1]", "【1】", "[Fonte 3]"])
def test_every_usual_marker_is_taken_out(marker: str) -> None:
    assert strip_markers(f"It ends in May {marker}.") == "It ends in May."


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("It ends in May [1] and [2].", "It ends in May."),
        ("It ends in May (see [1]).", "It ends in May."),
        ("It ends in May [1](http://a.example).", "It ends in May."),
        ("It ends in May.[^1]\n\n[^1]: Contract, p. 2", "It ends in May."),
        ("It ends in May [1, p. 3].", "It ends in May."),
        ("It ends in May ［1］ [Source: x.pdf].", "It ends in May."),
        ("It ends in May [⚠ not in the documents].", "It ends in May."),
        ("`a[1]` 【重要】", "`a[1]` 【重要】"),
    ],
)
def test_markers_leave_nothing_behind(written: str, left: str) -> None:
    assert strip_markers(written) == left


def test_markers_before_their_claims_are_those_of_what_follows() -> None:
    both = evidence(passage(), SECOND)
    found = check(
        "[1] The lease begins on 1 June 2024 and ends on 31 May 2027. [2] The office opens at nine.",
        both, labels=("chunk-1", "chunk-2"),
    )  # fmt: skip
    assert [sentence.state for sentence in found.sentences] == ["verbatim", "verbatim"]


def test_code_claims_nothing_and_is_left_as_it_is() -> None:
    text = "A late fee of 5% applies after ten days.\n```\nx[1] = 'Elvis wrote it.'\n```"
    found = check(text, policy="strict")
    assert found.text == text.replace("days.", "days [1].")


def test_strict_keeps_paragraphs_headings_and_the_opening_of_lines() -> None:
    text = (
        "## Notes\n\nElvis wrote it.\n\nA late fee of 5% applies after ten days.\n\nMars is blue.\n\n"
        "| The monthly rent is USD 4,250.00 | Mars is blue |"
    )
    assert check(text, policy="strict").text == (
        "## Notes\n\nA late fee of 5% applies after ten days [1].\n\n| The monthly rent is USD 4,250.00 [2] | — |"
    )


def test_brackets_that_are_no_markers_stay() -> None:
    assert strip_markers("Take a[0] and [sic] of [2027].") == "Take a[0] and [sic] of [2027]."


def test_closing_quotes_stay_in_the_answer() -> None:
    found = check('He said: "A late fee of 5% applies after ten days." The rent (a lot.) is due.')
    assert found.text.count('"') == 2
    assert "(a lot.)" in found.text


def test_a_bare_yes_goes_with_what_it_answers() -> None:
    found = check("Yes. A late fee of 5% applies after ten days.", question="Is there a late fee?")
    assert [sentence.backed for sentence in found.sentences] == [True, True]
