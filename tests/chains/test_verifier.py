from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough

import lastro
from lastro.chains.annotations import as_message
from lastro.chains.checking.nli import Entailment, Verdict
from lastro.chains.verifier import Verifier, verify
from lastro.errors import ConfigError
from lastro.prompts import refusal
from lastro.sentences import sentences
from lastro.types import Answer, to_dict
from lastro.vectorstore.retriever import passage_to_document
from tests.chains.passages import CONTRATO, LEASE, passage
from tests.fakes import HashEmbeddings, ScriptedChat

PAGED = Document(LEASE, metadata={"source": "lease.pdf", "page": 4})
PLAIN = Document(CONTRATO)
BOTH = [PAGED, PLAIN]
RIGHT = "The lease ends on 31 May 2027."
WRONG = "Elvis Presley wrote the lease in Memphis."
QUESTION = "When does the lease end?"


def quoted_exactly(answer: Answer, documents: list[Document]) -> bool:
    texts = {one.document_id: document.page_content for one, document in zip(answer.passages, documents, strict=True)}
    return all(texts[one.document_id][one.start : one.end] == one.quote for one in answer.citations)


def test_a_backed_text_is_answered_with_a_quote_out_of_the_document() -> None:
    answer = verify(RIGHT, BOTH, question=QUESTION)
    assert (answer.state, answer.text) == ("answered", "The lease ends on 31 May 2027 [1].")
    (citation,) = answer.citations
    assert "31 May 2027" in citation.quote
    assert (citation.title, citation.page) == ("lease.pdf", 5)  # LangChain's loaders count from 0
    assert quoted_exactly(answer, BOTH)
    assert (answer.generated, answer.question, answer.usage.prompt_tokens) == (RIGHT, QUESTION, 0)


def test_what_no_document_says_is_marked_and_the_rest_stays() -> None:
    answer = verify(f"{RIGHT} {WRONG}", BOTH)
    assert answer.state == "partial"
    assert answer.sentences[0].backed
    assert not answer.sentences[1].backed
    assert "Elvis" in answer.text
    assert len(answer.citations) == 1


def test_a_changed_number_is_not_backed() -> None:
    assert verify("The lease ends on 31 May 2029.", BOTH).state == "not_found"


def test_under_strict_it_is_removed_and_said_so() -> None:
    answer = verify(f"{RIGHT} {WRONG}", BOTH, policy="strict")
    assert "Elvis" not in answer.text
    assert [sentence.text for sentence in answer.removed] == [WRONG]
    assert answer.policy == "strict"


@pytest.mark.parametrize(("text", "language"), [(WRONG, "en"), ("Elvis Presley escreveu o contrato em Roma.", "pt")])
def test_under_strict_a_text_of_which_nothing_is_left_is_the_refusal(text: str, language: Any) -> None:
    answer = verify(text, BOTH, policy="strict")
    assert (answer.text, answer.state) == (refusal(language), "not_found")
    assert answer.removed


def test_under_off_nothing_is_looked_up() -> None:
    answer = verify(f"{WRONG} [1]", BOTH, policy="off")
    assert (answer.text, answer.state, answer.citations) == (f"{WRONG} [1]", "unchecked", ())


def test_portuguese_is_checked_as_portuguese() -> None:
    answer = verify("O contrato vigora até 3/4/2026.", BOTH)
    assert (answer.state, answer.language) == ("answered", "pt")
    assert answer.passages[1].language == "pt"


def test_a_marker_names_the_documents_in_their_order() -> None:
    right, wrong = (verify(f"The lease ends on 31 May 2027 [{number}].", BOTH) for number in (1, 2))
    assert right.sentences[0].state in ("verbatim", "supported")
    assert wrong.sentences[0].state == "misattributed"
    assert wrong.text == right.text  # the marker is put right


def test_our_own_documents_keep_their_ids_spans_and_pages() -> None:
    answer = verify(RIGHT, [passage_to_document(passage())])
    (citation,) = answer.citations
    assert (citation.document_id, citation.chunk_id, citation.page) == ("doc-1", "chunk-1", 3)
    assert LEASE[citation.start - 100 : citation.end - 100] == citation.quote


def test_a_page_that_only_the_library_knows_is_not_guessed() -> None:
    over_two = passage_to_document(passage(page=3, page_end=4))
    assert [one.page for one in verify(RIGHT, [over_two]).citations] == [None]
    assert verify(RIGHT, [over_two]).passages[0].pages == "3-4"


@pytest.mark.parametrize(
    ("question", "said", "state"),
    [
        ("What is the late fee?", "5%.", "answered"),
        ("What is the late fee?", "7%.", "not_found"),
        ("Até quando vigora o contrato?", "Até 3/4/2026.", "answered"),
        ("Até quando vigora o contrato?", "Até 3/5/2026.", "not_found"),
    ],
)
def test_a_fragment_is_checked_with_its_question(question: str, said: str, state: str) -> None:
    assert verify(said, BOTH, question=question).state == state


@pytest.mark.parametrize("wrong", [{"policy": "marks"}, {"language": "de"}])
def test_a_policy_or_language_that_does_not_exist_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Verifier(**wrong)


def test_a_language_and_an_embedder_may_be_given() -> None:
    answer = verify("31 May 2027.", BOTH, question=QUESTION, language="pt", embedder=HashEmbeddings())
    assert answer.language == "pt"
    assert to_dict(answer)["passages"][0]["title"] == "lease.pdf"


# What is no answer ---------------------------------------------------------------------------------------------------


def test_without_documents_nothing_is_backed() -> None:
    answer = verify(RIGHT, [])
    assert (answer.state, answer.citations, answer.passages) == ("not_found", (), ())


@pytest.mark.parametrize("text", ["", "  \n", AIMessage("")])
def test_an_empty_answer_finds_nothing(text: Any) -> None:
    answer = verify(text, BOTH)
    assert (answer.state, answer.text, answer.sentences) == ("not_found", "", ())


def test_a_text_that_claims_nothing_finds_nothing() -> None:
    assert verify("Hello! How can I help you?", BOTH).state == "not_found"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a text", "must be a mapping"),
        ({}, "input with nothing: 'answer' is missing"),
        ({"documents": BOTH, "question": "q"}, "input with documents, question: 'answer' is missing"),
        ({"answer": RIGHT}, "'documents' or 'context' is missing"),
        ({"answer": None, "context": BOTH}, "answer None: must be a text"),
        ({"answer": {"text": RIGHT}, "context": BOTH}, "answer .*: must be a text"),
        ({"answer": RIGHT, "context": LEASE}, "context .*: is a text; hand over the Documents"),
        ({"answer": RIGHT, "context": 5}, "context 5: must be a list"),
        ({"answer": RIGHT, "documents": [LEASE]}, "documents holds .*: must be a list of Documents"),
        ({"answer": RIGHT, "documents": BOTH, "input": 5}, "question 5: must be a text"),
    ],
)
def test_an_input_that_lacks_something_says_what(value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Verifier().invoke(value)


@settings(max_examples=60)
@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3), st.sampled_from(["mark", "strict", "off"]))
def test_any_text_and_any_documents_give_an_answer_with_exact_quotes(text: str, texts: list[str], policy: Any) -> None:
    documents = [Document(one, id=str(at)) for at, one in enumerate(texts)]
    answer = verify(text, documents, policy=policy)
    assert quoted_exactly(answer, documents)
    assert all(0 <= one.start <= one.end <= len(answer.text) for one in answer.sentences)
    assert as_message(answer).text == answer.text


# Behind other chains -------------------------------------------------------------------------------------------------

INPUT = {"answer": RIGHT, "documents": BOTH, "question": QUESTION}


def test_it_is_a_runnable_of_langchain_in_every_way() -> None:
    runnable = Verifier()
    expected = runnable.invoke(INPUT)
    assert expected.state == "answered"
    assert runnable.batch([INPUT, INPUT | {"answer": WRONG}]) == [expected, verify(WRONG, BOTH, question=QUESTION)]
    assert list(runnable.stream(INPUT)) == [expected]
    assert (runnable | as_message).invoke(INPUT).text == expected.text


async def test_it_is_a_runnable_of_langchain_asynchronously_too() -> None:
    runnable = Verifier()
    expected = runnable.invoke(INPUT)
    assert await runnable.ainvoke(INPUT) == expected
    assert await runnable.abatch([INPUT, INPUT]) == [expected, expected]
    assert [answer async for answer in runnable.astream(INPUT)] == [expected]


def test_one_wrong_input_of_a_batch_does_not_spoil_the_others() -> None:
    first, second = Verifier().batch([INPUT, {"answer": RIGHT}], return_exceptions=True)
    assert isinstance(first, Answer)
    assert isinstance(second, ConfigError)


def lcel() -> Runnable[Any, Any]:
    """A chain as LangChain's guides write it."""
    model = ScriptedChat(script=f"{RIGHT} {WRONG}")
    return (
        RunnablePassthrough.assign(context=RunnableLambda(lambda _: BOTH))
        | RunnablePassthrough.assign(answer=RunnableLambda(lambda given: str(given["input"])) | model)
        | Verifier()
    )


def test_it_stands_behind_a_chain_of_langchains_expressions() -> None:
    answer = lcel().invoke({"input": QUESTION})
    assert (answer.state, answer.question, answer.generated) == ("partial", QUESTION, f"{RIGHT} {WRONG}")


async def test_behind_a_chain_that_streams_it_waits_for_the_whole_text() -> None:
    expected = lcel().invoke({"input": QUESTION})
    assert list(lcel().stream({"input": QUESTION})) == [expected]
    assert [answer async for answer in lcel().astream({"input": QUESTION})] == [expected]


def test_it_reads_what_create_retrieval_chain_gives() -> None:
    chains = pytest.importorskip("langchain_classic.chains")
    combine = pytest.importorskip("langchain_classic.chains.combine_documents")
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_messages([("system", "Use only:\n{context}"), ("human", "{input}")])
    theirs = combine.create_stuff_documents_chain(ScriptedChat(script=RIGHT), prompt)
    chain = chains.create_retrieval_chain(RunnableLambda(lambda _: BOTH), theirs) | Verifier()
    answer = chain.invoke({"input": QUESTION})
    assert (answer.state, answer.question) == ("answered", QUESTION)
    assert list(chain.stream({"input": QUESTION})) == [answer]


@pytest.mark.parametrize(
    "said", [AIMessage(RIGHT), AIMessageChunk(RIGHT), AIMessage([{"type": "text", "text": RIGHT}])]
)
def test_a_message_is_read_by_its_text(said: AIMessage) -> None:
    assert Verifier().invoke(INPUT | {"answer": said}) == Verifier().invoke(INPUT)


def test_both_are_at_the_top_of_the_package() -> None:
    assert (lastro.Verifier, lastro.verify) == (Verifier, verify)


# With a library ------------------------------------------------------------------------------------------------------

SAMPLE = Path(__file__).parents[2] / "examples" / "documents" / "commercial-lease.pdf"


def test_a_library_tells_on_which_of_a_passages_pages_a_quote_is(tmp_path: Path) -> None:
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as library:
        library.add([SAMPLE])
        documents = library.as_retriever(k=2, context_tokens=600).invoke("rent")
        assert any(one.metadata["page_start"] != one.metadata["page_end"] for one in documents)
        for document in documents:
            text = document.page_content
            whole = [text[start:end] for start, end in sentences(text) if end - start > 60]
            for said in (whole[0], whole[-1]):
                given = {"answer": said, "context": documents}
                (citation,) = Verifier(library=library).invoke(given).citations
                spans = library.page_spans(citation.document_id)
                assert [citation.page] == [one.number for one in spans if one.start <= citation.start < one.end]
                assert library.text(citation.document_id)[citation.start : citation.end] == citation.quote
                assert [one.page for one in Verifier().invoke(given).citations] == [None]


# With an entailment model ---------------------------------------------------------------------------------------------


class Sure(Entailment):
    """A model that always says the same; it keeps what it was asked."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.asked: list[tuple[str, str]] = []

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        self.asked += pairs
        return [self.verdict] * len(pairs)


SAID = "The monthly rent of USD 4,250.00 is due on the fifth day of each month."


def test_a_model_that_is_sure_of_the_contrary_is_heard() -> None:
    model = Sure(Verdict(0.01, 0.02, 0.97))
    given = {"answer": SAID, "documents": BOTH}
    assert [one.state for one in Verifier().invoke(given).sentences] == ["supported"]
    (sentence,) = Verifier(entailment=model).invoke(given).sentences
    assert sentence.state == "contradicted"
    assert "4,250.00" in sentence.against[0].quote
    ((premise, claim),) = model.asked
    assert (premise in LEASE, claim) == (True, SAID)
