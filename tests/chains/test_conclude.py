"""What the user is told: policies, the second try, quotations and refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from lastro.chains.answer import AnswerChain, Ground
from lastro.events import Checked, ClaimChecked, Retried, Retrieved, Token
from lastro.prompts import refusal
from lastro.types import Answer, DocumentRecord
from tests.chains.test_answer import BOTH, chain

END = "When does the lease end?"


def twice(first: str, second: str) -> Callable[[Sequence[BaseMessage]], str]:
    """A model that says one thing to the whole prompt, and another to the narrow one."""
    return lambda messages: second if "a few sentences" in messages[0].text else first


def test_the_second_try_gets_the_best_sentences_alone() -> None:
    answering = chain(twice("It ends in the spring of 1999.", "The lease ends on 31 May 2027."))
    events = list(answering.events(END))
    retried = next(event for event in events if isinstance(event, Retried))
    assert "31 May 2027" in retried.passages[0].text
    assert all(piece.text in BOTH[0].page_content + BOTH[1].page_content for piece in retried.passages)
    answer = events[-1].answer  # type: ignore[union-attr]
    assert (answer.state, answer.retried, answer.extracted) == ("answered", True, False)
    assert answer.text == "The lease ends on 31 May 2027 [1]."
    assert answer.generated == "The lease ends on 31 May 2027."


def test_without_retry_the_model_is_asked_once() -> None:
    answering = chain(twice("It ends in 1999.", "The lease ends on 31 May 2027."), retry=False)
    answer = answering.invoke(END)
    assert answer.extracted
    assert len(answering.llm.seen) == 1  # type: ignore[attr-defined]


def test_a_good_first_try_is_not_repeated() -> None:
    answering = chain("The lease ends on 31 May 2027.")
    assert not any(isinstance(event, Retried) for event in answering.events(END))


def test_usage_counts_both_tries() -> None:
    once = chain("The lease ends in 1999.", retry=False).invoke(END).usage
    both = chain("The lease ends in 1999.").invoke(END).usage
    assert both.seconds_total is not None
    assert once.seconds_total is not None
    assert both.seconds_to_first_token is not None


def test_finished_claims_are_checked_while_the_rest_is_written() -> None:
    script = "The lease ends on 31 May 2027. Elvis Presley wrote it. A late fee of 5% applies after ten days."
    events = list(chain(script).events(END))
    checked = [event for event in events if isinstance(event, ClaimChecked)]
    assert checked[0].state in ("verbatim", "supported")
    assert checked[0].text == "The lease ends on 31 May 2027."
    assert events.index(checked[0]) < len(events) - 1
    assert isinstance(events[0], Retrieved)
    assert isinstance(events[1], Token)
    assert isinstance(events[-1], Checked)


def test_mark_shows_what_nothing_backs_with_a_mark() -> None:
    answer = chain("The lease ends on 31 May 2027. Elvis Presley wrote it.").invoke(END)
    assert answer.state == "partial"
    assert "[⚠ not in the documents]" in answer.text
    assert answer.words == "The lease ends on 31 May 2027. Elvis Presley wrote it."


def test_strict_takes_it_out_and_says_so() -> None:
    answer = chain("The lease ends on 31 May 2027. Elvis Presley wrote it.", policy="strict").invoke(END)
    assert answer.text == "The lease ends on 31 May 2027 [1]."
    assert [sentence.text for sentence in answer.removed] == ["Elvis Presley wrote it."]
    assert (answer.state, answer.policy) == ("partial", "strict")


def test_off_gives_the_models_text_as_it_is() -> None:
    answer = chain("Elvis Presley wrote it [1].", policy="off").invoke(END)
    assert (answer.state, answer.text, answer.citations) == ("unchecked", "Elvis Presley wrote it [1].", ())
    assert len(answer.passages) == 2


def test_an_answer_has_a_confidence_and_what_it_was_computed_from() -> None:
    answer = chain("The lease ends on 31 May 2027.").invoke(END)
    assert answer.confidence is not None
    assert 0 < answer.confidence < 1
    assert answer.signals["support"] > 0.5
    assert "likeness" not in answer.signals  # there is no embedder to tell it


def test_a_threshold_above_every_confidence_refuses_with_the_nearest_sentences() -> None:
    answer = chain("The lease ends on 31 May 2027.", confidence_threshold=1.0).invoke(END)
    assert (answer.state, answer.text) == ("not_found", refusal("en"))
    assert answer.citations == ()
    assert "31 May 2027" in answer.nearest[0].quote
    assert answer.nearest[0].quote == BOTH[0].page_content[answer.nearest[0].start - 100 : answer.nearest[0].end - 100]


@pytest.mark.parametrize("said", ["I did not find the answer in your documents.", "Hello!", "What do you mean?"])
def test_a_model_that_says_nothing_is_no_answer(said: str) -> None:
    answer = chain(said, retry=False).invoke("Who won the world cup in 2018?")
    assert answer.state == "not_found"


def test_nothing_is_quoted_against_a_model_that_declines_twice() -> None:
    assert chain(refusal("en")).invoke(END).state == "not_found"
    assert chain(twice(refusal("en"), "It ends in 1999.")).invoke(END).extracted


def test_a_question_about_the_library_is_answered_from_its_catalogue() -> None:
    record = DocumentRecord("d", "Lease", "text/plain", "en", "ok", 10, 3, 3, 100, "", "text", ("/a",))
    answering = chain("x")
    with_catalogue = AnswerChain(
        retriever=answering.retriever, llm=answering.llm, ground=Ground(documents=lambda: [record])
    )
    answer = with_catalogue.invoke("Which documents do you have?")
    assert (answer.state, answer.text) == ("listed", "The library holds 1 document:\n\n- Lease (3 pages)")
    assert answering.llm.seen == []  # type: ignore[attr-defined]


def test_a_follow_up_may_rest_on_the_passages_of_an_earlier_turn() -> None:
    first: Answer = chain("The lease ends on 31 May 2027.", BOTH[:1]).invoke(END)
    script: Any = "A late fee of 5% applies after ten days."
    later = chain(script, BOTH[1:], confidence_threshold=0).invoke(
        {"question": "Is there a late fee?", "history": [first]}
    )
    assert later.sentences[0].backed
    assert later.citations[0].title == "Lease"
