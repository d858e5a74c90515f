from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, message_to_dict, messages_from_dict
from langchain_core.retrievers import BaseRetriever

from lastro.chains.annotations import as_message
from lastro.chains.answer import AnswerChain
from lastro.chains.history import read_input
from lastro.prompts import refusal
from lastro.types import Answer, Citation, Reason, Sentence, SentenceState, Usage
from lastro.vectorstore.retriever import passage_to_document
from tests.chains.passages import passage
from tests.fakes import ScriptedChat

TEXT = "The lease ends on 31 May 2027 [1]. Rent is USD 4,250.00 [1][2]. Elvis wrote it [not in the documents]."
LEASE = Citation("doc-1", "chunk-1", "Lease", 3, "Term", 130, 160, "ends on 31 May 2027")
PAGE = Citation("doc-2", "chunk-2", "https://example.org/rent?x=1", None, "", 0, 24, "The rent is USD 4,250.00")


def sentence(text: str, state: SentenceState, citations: Sequence[int] = (), **fields: Any) -> Sentence:
    start = TEXT.index(text)
    return Sentence(text, start, TEXT.index(".", start + len(text)) + 1, state, 0.9, tuple(citations), **fields)


def answer(**fields: Any) -> Answer:
    values: dict[str, Any] = {
        "question": "When does it end, and what is the rent?",
        "text": TEXT,
        "state": "partial",
        "sentences": (
            sentence("The lease ends on 31 May 2027", "verbatim", [0]),
            sentence("Rent is USD 4,250.00", "misattributed", [0, 1]),
            sentence("Elvis wrote it", "contradicted", against=(LEASE,), reasons=(Reason("name", "Elvis", "Ana"),)),
        ),
        "citations": (LEASE, PAGE),
        "passages": (),
        "dropped": (),
        "usage": Usage(prompt_tokens=120, cached_tokens=80, completion_tokens=20),
        "language": "en",
        "confidence": 0.72,
    }
    return Answer(**values | fields)


def annotations(message: AIMessage) -> list[Any]:
    (block,) = message.content_blocks
    return list(block.get("annotations", ()))


def test_the_text_is_one_block_that_says_what_the_answer_says() -> None:
    message = as_message(answer())
    assert message.text == TEXT
    assert [block["type"] for block in message.content_blocks] == ["text"]
    assert message.content_blocks == message.content


def test_each_backed_claim_has_an_annotation_for_each_of_its_sources() -> None:
    found = annotations(as_message(answer()))
    assert [(one["title"], TEXT[one["start_index"] : one["end_index"]], one["cited_text"]) for one in found] == [
        ("Lease", "The lease ends on 31 May 2027 [1].", LEASE.quote),
        ("Lease", "Rent is USD 4,250.00 [1][2].", LEASE.quote),
        (PAGE.title, "Rent is USD 4,250.00 [1][2].", PAGE.quote),
    ]
    assert {one["type"] for one in found} == {"citation"}
    assert found[0]["extras"] == {
        "document_id": "doc-1", "chunk_id": "chunk-1", "page": 3, "section": "Term", "start": 130, "end": 160,
        "state": "verbatim", "score": 0.9,
    }  # fmt: skip


def test_only_a_source_that_is_an_address_has_a_url() -> None:
    assert [one.get("url") for one in annotations(as_message(answer()))] == [None, None, PAGE.title]


def test_what_contradicts_a_claim_is_no_source_of_it() -> None:
    (lone,) = [one for one in answer().sentences if one.state == "contradicted"]
    assert annotations(as_message(answer(sentences=(lone,)))) == []


def test_usage_and_what_was_found_stand_in_the_metadata() -> None:
    message = as_message(answer())
    assert message.usage_metadata == {
        "input_tokens": 120, "output_tokens": 20, "total_tokens": 140, "input_token_details": {"cache_read": 80},
    }  # fmt: skip
    known = message.response_metadata
    assert (known["state"], known["confidence"], known["language"]) == ("partial", 0.72, "en")
    assert [one["state"] for one in known["sentences"]] == ["verbatim", "misattributed", "contradicted"]
    assert as_message(answer(usage=Usage())).usage_metadata is None


def test_a_refusal_is_a_message_without_annotations() -> None:
    refused = "I did not find the answer in your documents."
    message = as_message(answer(text=refused, state="not_found", sentences=(), citations=()))
    assert (message.text, annotations(message)) == (refused, [])


def test_the_message_survives_being_stored() -> None:
    message = as_message(answer())
    (read,) = messages_from_dict([message_to_dict(message)])
    for copy in (read, loads(dumps(message), allowed_objects="messages")):
        assert isinstance(copy, AIMessage)
        assert copy.content_blocks == message.content_blocks
        assert copy.usage_metadata == message.usage_metadata
        assert copy.response_metadata == message.response_metadata


@given(st.text(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_any_text_comes_through_as_it_is(text: str, first: int, last: int) -> None:
    start, end = sorted((min(first, len(text)), min(last, len(text))))
    said = Sentence(text[start:end], start, end, "supported", 0.5, (0,))
    message = as_message(answer(text=text, sentences=(said,)))
    (one,) = annotations(message)
    assert message.text == text
    assert text[one["start_index"] : one["end_index"]] == said.text


# In a chain -----------------------------------------------------------------------------------------------------------


class Leases(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [passage_to_document(passage())]


CHAIN = AnswerChain(retriever=Leases(), llm=ScriptedChat(script="The lease ends on 31 May 2027.")) | as_message
QUESTION = "When does the lease end?"


def plain(message: AIMessage) -> tuple[str, list[Any]]:
    """Text and annotations without the ids that LangChain makes up."""
    return message.text, [{key: one[key] for key in one if key != "id"} for one in annotations(message)]


def test_a_chain_may_end_in_it_invoked_batched_and_streamed() -> None:
    expected = plain(CHAIN.invoke(QUESTION))
    assert expected[0] == "The lease ends on 31 May 2027 [1]."
    assert "31 May 2027" in expected[1][0]["cited_text"]
    assert [plain(message) for message in CHAIN.batch([QUESTION, QUESTION])] == [expected, expected]
    assert [plain(message) for message in CHAIN.stream(QUESTION)] == [expected]


async def test_a_chain_may_end_in_it_asynchronously() -> None:
    expected = plain(CHAIN.invoke(QUESTION))
    assert plain(await CHAIN.ainvoke(QUESTION)) == expected
    assert [plain(message) for message in await CHAIN.abatch([QUESTION, QUESTION])] == [expected, expected]
    assert [plain(message) async for message in CHAIN.astream(QUESTION)] == [expected]


def test_the_message_serves_as_history() -> None:
    history = [HumanMessage("When does it end?"), as_message(answer())]
    (turn,) = read_input({"question": "And the rent?", "history": history}).turns
    assert (turn.question, turn.answer) == ("When does it end?", TEXT)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_refusal_in_the_history_is_known_for_one(language: str) -> None:
    said = as_message(answer(text=refusal(language), state="not_found", sentences=(), citations=()))
    (turn,) = read_input({"question": "Next?", "history": [HumanMessage("Q"), said]}).turns
    assert turn.seen == ""
