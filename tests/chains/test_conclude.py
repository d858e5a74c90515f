"""What the user is told: policies, the second try, quotations and refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.retrievers import BaseRetriever

from lastro.chains.answer import AnswerChain, Ground
from lastro.chains.checking.check import Check
from lastro.chains.checking.claims import Claim
from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.ground import own_retriever
from lastro.chains.review import Review, Watch
from lastro.events import Checked, ClaimChecked, Retried, Retrieved, Token
from lastro.prompts import refusal
from lastro.types import Answer, DocumentRecord
from tests.chains.passages import passage
from tests.chains.test_answer import BOTH, ListRetriever, chain
from tests.fakes import ScriptedChat

END = "When does the lease end?"


def twice(first: str, second: str) -> Callable[[Sequence[BaseMessage]], str]:
    """A model that says one thing to the first prompt, and another when it is asked again."""
    return lambda messages: second if any(message.type == "ai" for message in messages) else first


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
    class Counting(ScriptedChat):
        def _stream(self, *given: Any, **named: Any) -> Iterator[ChatGenerationChunk]:
            yield from super()._stream(*given, **named)
            spent = UsageMetadata(input_tokens=100, output_tokens=7, total_tokens=107)
            yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=spent))

    asked = chain("x")
    llm = Counting(script="The lease ends in 1999.")
    usage = AnswerChain(retriever=asked.retriever, llm=llm).invoke(END).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (200, 14)


def test_finished_claims_are_checked_while_the_rest_is_written() -> None:
    script = "The lease ends on 31 May 2027. Elvis Presley wrote it. A late fee of 5% applies after ten days."
    events = list(chain(script).events(END))
    checked = [event for event in events if isinstance(event, ClaimChecked)]
    assert checked[0].state in ("verbatim", "supported")
    assert checked[0].text == "The lease ends on 31 May 2027."
    assert [event.text for event in checked][1:] == ["Elvis Presley wrote it.", script.split(". ")[2]]
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
    assert chain("x", [], policy="off").invoke(END).text == refusal("en")
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


def test_a_claim_is_handed_to_the_check_when_the_next_one_begins() -> None:
    begun: list[tuple[int, str]] = []
    words = 0

    class Noting(Review):
        def check(self, claim: Claim, evidence: Evidence) -> Check:
            begun.append((words, claim.text))
            return Check("no_claim", 0.0)

    watch = Watch(Noting(Evidence((), "en", idf_of_passages(())), END))
    text = ""
    for word in "The rent is due. Elvis wrote it down. So it is.".split(" "):
        words, text = words + 1, f"{text} {word}".lstrip()
        list(watch.read(text, f" {word}"))
        watch._worker.submit(int).result()
    assert begun == [(5, "The rent is due."), (9, "Elvis wrote it down.")]
    list(watch.finish(text))
    assert begun[2:] == [(11, "So it is.")]
    watch.close()


@pytest.mark.parametrize(
    "said",
    [
        "I don't know.", "Não sei.", "The sources do not say when the lease ends.",
        "Desculpe, não encontrei essa informação nos documentos.", "Unfortunately, there is no information about it.",
    ],
)  # fmt: skip
def test_a_model_that_says_in_its_own_words_that_it_does_not_know_is_believed(said: str) -> None:
    answer = chain(said).invoke(END)
    assert (answer.state, answer.citations) == ("not_found", ())


def test_a_refusal_beside_an_answer_is_left_out() -> None:
    answer = chain(f"The lease ends on 31 May 2027. {refusal('en')}").invoke(END)
    assert answer.text == "The lease ends on 31 May 2027 [1]."
    assert answer.state == "answered"


def test_after_a_cancel_nothing_is_quoted() -> None:
    stop = threading.Event()
    events = []
    for event in chain("It ends in 1999.").events(END, cancel=stop):
        events.append(event)
        stop.set()
    assert events[-1].answer.state == "not_found"


def test_a_claim_that_lacks_what_was_asked_for_does_not_count_where_a_passage_has_it() -> None:
    answer = chain("The tenant may not sublet the premises without the landlord's written consent.").invoke(END)
    assert answer.extracted
    assert "31 May 2027" in answer.text


def test_another_retriever_is_not_asked_for_what_it_holds_back() -> None:
    class Filtering(BaseRetriever):
        retriever: Any

        def _get_relevant_documents(self, query: str, **_more: Any) -> list[Document]:
            return self.retriever.invoke(query)[:1]

    wrapped = Filtering(retriever=ListRetriever(documents=BOTH))
    assert own_retriever(wrapped) is None
    said = "O valor mensal dos serviços é de R$ 1.234,56."
    answer = AnswerChain(retriever=wrapped, llm=ScriptedChat(script=said)).invoke("Qual é o valor mensal dos serviços?")
    assert all(citation.title != "Contrato" for citation in answer.citations)


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
    later = with_catalogue.invoke({"question": "Which documents are there?", "history": [("user", "a"), ("ai", "b")]})
    assert later.state != "listed"  # it may well mean those of the conversation


def test_a_follow_up_may_rest_on_the_passages_of_an_earlier_turn() -> None:
    first: Answer = chain("The lease ends on 31 May 2027.", BOTH[:1]).invoke(END)
    script: Any = "A late fee of 5% applies after ten days."
    later = chain(script, BOTH[1:], confidence_threshold=0).invoke(
        {"question": "Is there a late fee?", "history": [first]}
    )
    assert later.sentences[0].backed
    assert later.citations[0].title == "Lease"


def test_a_table_is_checked_once_it_has_ended_and_what_follows_goes_on() -> None:
    said = "The garage costs 60 euros a month. Pets need consent."
    passages = (passage(said),)
    watch = Watch(Review(Evidence(passages, "en", idf_of_passages(passages)), ""))
    table = "| Item | Price |\n|---|---|\n| Garage | 60 euros |\n"
    try:
        list(watch.read(table, table))
        assert not watch._waiting
        text = f"{table}\nPets need consent. And"
        list(watch.read(text, " And"))
        assert [claim.said for claim, _ in watch._waiting if claim.states] == [
            "Garage: price 60 euros",
            "Pets need consent.",
        ]
        told = list(watch.finish(text))
    finally:
        watch.close()
    assert [one.state for one in told][:2] == ["supported", "verbatim"]
