from __future__ import annotations

from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.relevance import passage_coverage, quotations
from tests.chains.passages import CONTRATO, passage


def test_the_sentence_that_answers_is_found_in_either_language() -> None:
    both = (passage(rank=1), passage(CONTRATO, rank=2, language="pt"))
    english, *_ = quotations("When does the lease end?", Evidence(both, "en", idf_of_passages(both)))
    portuguese, *_ = quotations("Qual é o valor mensal dos serviços?", Evidence(both, "pt", idf_of_passages(both)))
    assert "31 May 2027" in english.passage.text[english.start : english.end]
    assert "1.234,56" in portuguese.passage.text[portuguese.start : portuguese.end]


def test_a_question_about_something_else_is_hardly_covered() -> None:
    found = (passage(),)
    evidence = Evidence(found, "en", idf_of_passages(found))
    assert passage_coverage("Who won the football world cup?", found[0], evidence) == 0
    assert passage_coverage("When does the lease end?", found[0], evidence) == 1


def test_no_passages_hold_no_quotation() -> None:
    assert quotations("Why?", Evidence((), "en", idf_of_passages(()))) == []


def test_a_question_without_content_is_not_covered() -> None:
    found = (passage(),)
    assert passage_coverage("What is it?", found[0], Evidence(found, "en", idf_of_passages(found))) == 0
