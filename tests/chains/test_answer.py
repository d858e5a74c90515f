"""The chain with a scripted model and a list for a retriever: what it decides, and LangChain's contract."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda

from lastro.chains.answer import AnswerChain
from lastro.config import AnswerSettings
from lastro.errors import ContextOverflow
from lastro.events import Checked, ClaimChecked, Retrieved, Token
from lastro.prompts import refusal
from lastro.types import Answer, to_dict
from lastro.vectorstore.retriever import passage_to_document
from tests.chains.passages import CONTRATO, LEASE, passage
from tests.fakes import ScriptedChat


class ListRetriever(BaseRetriever):
    documents: list[Document]
    asked: list[str] = []  # noqa: RUF012 - pydantic copies it per instance

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        self.asked.append(query)
        return self.documents


BOTH = [
    passage_to_document(passage()),
    passage_to_document(passage(CONTRATO, rank=2, language="pt", title="Contrato", page=9)),
]


def chain(script: Any, documents: list[Document] | None = None, **settings: Any) -> AnswerChain:
    found = BOTH if documents is None else documents
    return AnswerChain(
        retriever=ListRetriever(documents=found), llm=ScriptedChat(script=script), settings=AnswerSettings(**settings)
    )


def test_a_backed_answer_is_answered_with_its_citation() -> None:
    answer = chain("The lease ends on 31 May 2027.").invoke("When does the lease end?")
    assert answer.state == "answered"
    assert answer.text == "The lease ends on 31 May 2027 [1]."
    assert answer.citations[0].page == 3
    assert answer.citations[0].title == "Lease"
    assert answer.citations[0].quote == LEASE[answer.citations[0].start - 100 : answer.citations[0].end - 100]


def test_an_answer_that_is_only_partly_backed_is_partial_and_says_which_part() -> None:
    answer = chain("The lease ends on 31 May 2027. Elvis Presley wrote the lease.").invoke("When does the lease end?")
    assert answer.state == "partial"
    assert [sentence.state for sentence in answer.sentences][1] == "unsupported"


def test_an_unbacked_answer_gives_way_to_an_exact_quotation() -> None:
    answer = chain("The lease ends in 1999.").invoke("When does the lease end?")
    assert answer.extracted
    assert answer.state == "answered"
    assert answer.citations[0].quote == "The lease begins on 1 June 2024 and ends on 31 May 2027."
    assert answer.citations[0].quote in answer.text
    assert answer.generated == "The lease ends in 1999."


def test_a_portuguese_question_is_answered_in_portuguese_by_a_model_that_speaks_none() -> None:
    answer = chain("The the the.").invoke("Qual é o valor mensal dos serviços?")
    assert answer.language == "pt"
    assert answer.text.startswith("Seus documentos dizem: “O valor mensal dos serviços é de R$ 1.234,56")
    assert answer.citations[0].page == 9


@pytest.mark.parametrize(
    ("question", "language"), [("Who won the world cup in 2018?", "en"), ("Quem venceu a copa do mundo de 2018?", "pt")]
)
def test_what_the_documents_do_not_hold_is_refused_with_the_nearest_passages(question: str, language: str) -> None:
    answer = chain("The United States won the world cup in 2018.").invoke(question)
    assert answer.state == "not_found"
    assert answer.text == refusal(language)  # type: ignore[arg-type]
    assert answer.citations == ()
    assert len(answer.passages) == 2


def test_a_true_sentence_that_is_off_the_point_does_not_make_an_answer() -> None:
    answer = chain("A late fee of 5% applies after ten days.").invoke("Who painted the portrait of the president?")
    assert answer.state == "not_found"


def test_an_empty_library_is_refused_without_asking_the_model() -> None:
    empty = chain("x", [])
    assert empty.invoke("When?").state == "not_found"
    assert empty.llm.seen == []  # type: ignore[attr-defined]


def test_a_foreign_document_is_cited_as_its_own() -> None:
    answer = chain("The gate code is 4471.", [Document("The gate code is 4471.")]).invoke("What is the gate code?")
    assert answer.state == "answered"
    assert answer.citations[0].quote == "The gate code is 4471"


def test_events_come_in_order_and_end_with_the_checked_answer() -> None:
    events = list(chain("The lease ends on 31 May 2027.").events("When does the lease end?"))
    assert isinstance(events[0], Retrieved)
    assert all(isinstance(event, Token | ClaimChecked) for event in events[1:-1])
    assert "".join(event.text for event in events[1:-1] if isinstance(event, Token)) == "The lease ends on 31 May 2027."
    assert isinstance(events[-1], Checked)


async def test_async_events_are_the_same_events() -> None:
    answering = chain("The lease ends on 31 May 2027.")
    kinds = [type(event) async for event in answering.aevents("When does the lease end?")]
    assert kinds == [type(event) for event in answering.events("When does the lease end?")]


async def test_an_error_in_async_events_reaches_the_caller() -> None:
    with pytest.raises(ContextOverflow):
        async for _ in chain("x").aevents("why " * 5000):
            pass


async def test_leaving_async_events_early_stops_the_model() -> None:
    told: list[str] = []

    class Counting(ScriptedChat):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            for chunk in super()._stream(*args, **kwargs):
                told.append(chunk.text)
                yield chunk

    words = " ".join(str(n) for n in range(200_000))
    answering = AnswerChain(retriever=ListRetriever(documents=BOTH), llm=Counting(script=words))
    async with contextlib.aclosing(answering.aevents("When does the lease end?")) as events:
        async for event in events:
            if isinstance(event, Token):
                break
    assert len(told) < 200_000


async def test_async_events_leave_the_callers_own_event_alone() -> None:
    stop = threading.Event()
    answering = chain("The lease ends on 31 May 2027.")
    assert [event async for event in answering.aevents("When does the lease end?", cancel=stop)]
    assert not stop.is_set()


def test_a_cancelled_answer_is_checked_as_far_as_it_goes() -> None:
    stop = threading.Event()
    seen = []
    for event in chain("A late fee of 5% applies after ten days. " + "word " * 50).events(
        "Is there a late fee?", cancel=stop
    ):
        seen.append(event)
        if sum(isinstance(one, Token) for one in seen) == 12:
            stop.set()
    assert sum(isinstance(one, Token) for one in seen) == 12
    assert isinstance(seen[-1], Checked)
    assert seen[-1].answer.state in ("answered", "partial")


def test_a_model_that_loops_is_stopped() -> None:
    answer = chain("The late fee is five percent of the rent, which is a fee. " * 40).invoke("Is there a late fee?")
    assert len(answer.generated) < 400


async def test_invoke_ainvoke_stream_and_batch_agree() -> None:
    answering = chain("The lease ends on 31 May 2027.")
    question = "When does the lease end?"

    def told(answer: Answer) -> tuple[str, Any]:
        return answer.text, answer.citations

    expected = told(answering.invoke(question))
    assert told(await answering.ainvoke(question)) == expected
    assert [told(answer) for answer in answering.stream(question)] == [expected]
    assert [told(answer) for answer in answering.batch([question, {"question": question}])] == [expected] * 2


def test_the_chain_composes_and_reports_to_callbacks() -> None:
    class Names(BaseCallbackHandler):
        def __init__(self) -> None:
            self.kinds: list[str] = []

        def on_retriever_start(self, *args: Any, **kwargs: Any) -> None:
            self.kinds.append("retriever")

        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            self.kinds.append("model")

    names = Names()
    composed = chain("The lease ends on 31 May 2027.") | RunnableLambda(lambda answer: answer.text)
    assert (
        composed.invoke("When does the lease end?", config={"callbacks": [names]})
        == "The lease ends on 31 May 2027 [1]."
    )
    assert names.kinds == ["retriever", "model"]
    assert list(composed.stream("When does the lease end?"))[-1] == "The lease ends on 31 May 2027 [1]."


def test_a_follow_up_is_searched_with_the_conversation() -> None:
    answering = chain("nothing useful")
    first = chain("The lease ends on 31 May 2027.").invoke("When does the lease end?")
    answering.invoke({"question": "And the late fee?", "history": [first]})
    assert answering.retriever.asked == ["And the late fee? (lease end 31 2027)"]  # type: ignore[attr-defined]


def test_the_language_can_be_set() -> None:
    assert chain("x", language="pt").invoke("Who won?").text == refusal("pt")


def test_an_answer_is_plain_json() -> None:
    import json

    answer = chain("The lease ends on 31 May 2027.").invoke("When does the lease end?")
    assert json.loads(json.dumps(to_dict(answer)))["citations"][0]["page"] == 3


TABLE = (
    "4. Security deposit\n"
    "4.1 On signing, the Tenant pays a security deposit of $14,550.00, equal to three months of rent.\n"
    "Schedule A: Rent and payments\n"
    "Monthly rent, first year $4,850.00 first business day of the month\n"
    "Service charge, estimate for 2024 $620.00 with the rent\n"
    "Security deposit $14,550.00 on signing\n"
)


def test_an_amount_of_the_next_row_does_not_back_a_claim() -> None:
    documents = [passage_to_document(passage(TABLE))]
    answer = chain("The security deposit is $620.00.", documents).invoke("How much is the security deposit?")
    assert answer.extracted
    assert "$14,550.00" in answer.text
    assert "620" not in answer.text


def test_a_heading_that_repeats_the_question_is_no_answer() -> None:
    documents = [passage_to_document(passage(TABLE))]
    answer = chain("4. Security deposit.", documents).invoke("How much is the security deposit?")
    assert answer.citations[0].quote != "4. Security deposit"
    assert "$14,550.00" in answer.text


def test_the_model_is_told_to_stop_at_the_fence() -> None:
    class Stopping(ScriptedChat):
        stops: list[list[str] | None] = []  # noqa: RUF012 - pydantic copies it per instance

        def _stream(self, messages: Any, stop: list[str] | None = None, **kwargs: Any) -> Any:
            self.stops.append(stop)
            yield from super()._stream(messages, stop, **kwargs)

    chat = Stopping(script="The lease ends on 31 May 2027.")
    answering = AnswerChain(retriever=ListRetriever(documents=BOTH), llm=chat)
    answering.invoke("When does the lease end?")
    assert chat.stops == [[answering.ground.fence]]


def test_the_models_own_stop_texts_still_count() -> None:
    class Stopping(ScriptedChat):
        stop: list[str] = ["END"]  # noqa: RUF012 - pydantic copies it per instance
        stops: list[list[str] | None] = []  # noqa: RUF012

        def _stream(self, messages: Any, stop: list[str] | None = None, **kwargs: Any) -> Any:
            self.stops.append(stop)
            yield from super()._stream(messages, stop, **kwargs)

    chat = Stopping(script="The lease ends on 31 May 2027.")
    AnswerChain(retriever=ListRetriever(documents=BOTH), llm=chat).invoke("When does the lease end?")
    assert chat.stops[0] is not None
    assert "END" in chat.stops[0]


def test_a_short_question_on_a_new_subject_is_not_measured_by_the_old_one() -> None:
    answering = chain("A late fee of 5% applies after ten days.")
    history = [("user", "When does the agreement with Acme Limited expire in Lisbon?"), ("assistant", "It does not.")]
    answer = answering.invoke({"question": "And the late fee?", "history": history})
    assert answer.state == "answered"


def test_turns_that_do_not_fit_are_told() -> None:
    history = [entry for n in range(9) for entry in (("user", f"q{n} " * 40), ("assistant", f"a{n} " * 40))]
    answering = AnswerChain(
        retriever=ListRetriever(documents=BOTH[:1]), llm=ScriptedChat(script="It is so.", context_size=500)
    )
    events = list(answering.events({"question": "When does the lease of the premises end?", "history": history}))
    assert isinstance(events[0], Retrieved)
    assert events[0].turns_dropped > 0
    assert isinstance(events[-1], Checked)
    assert events[-1].answer.turns_dropped == events[0].turns_dropped


def test_the_documents_own_brackets_are_no_markers_of_ours() -> None:
    documents = [passage_to_document(passage("The lease ends on 31 May 2027 [2] as agreed [see 3]."))]
    answer = chain("nonsense", documents).invoke("When does the lease end?")
    assert "[2]" not in answer.text
    assert answer.citations[0].quote == "The lease ends on 31 May 2027 [2] as agreed [see 3]."
