from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError
from pydantic import ValidationError

import lastro
from lastro.chains.expand import ExpandingRetriever, expanding, invented_answer, other_wordings
from lastro.errors import ModelNotFound
from lastro.llm import models
from lastro.types import Upload
from lastro.vectorstore.library import Library
from tests.fakes import TEXTS, HashEmbeddings, ScriptedChat


@pytest.fixture
def library(tmp_path):
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as library:
        library.add([Upload(f"{name}.txt", text.encode()) for name, text in TEXTS.items()])
        yield library


def widened(library: Library, script: Any, expansion: Any, **options: Any) -> ExpandingRetriever:
    return ExpandingRetriever(
        retriever=library.as_retriever(k=4), llm=ScriptedChat(script=script), expansion=expansion, **options
    )


def titles(documents: list[Any]) -> list[str]:
    return [document.metadata["title"] for document in documents]


def test_other_wordings_find_what_the_question_does_not_name(library: Library):
    question, wordings = "When do felines rest?", "1. When do cats sleep most?\n2. When do cats hunt at dusk?"
    assert library.search(question, search_type="keyword") == []
    assert titles(widened(library, wordings, "multi_query").invoke(question, search_type="keyword")) == ["cats"]


def test_an_invented_answer_is_searched_by_meaning_and_the_question_by_word(library: Library):
    found = widened(library, "Cats sleep most of the day and hunt at dusk.", "hyde").invoke("dogs?")
    by_title = {document.metadata["title"]: document.metadata for document in found}
    assert by_title["cats"]["cosine"] == pytest.approx(1.0, abs=1e-4)
    assert by_title["dogs"]["keyword_score"] is not None
    assert by_title["cats"]["keyword_score"] is None


@pytest.mark.parametrize("expansion", ["multi_query", "hyde"])
@pytest.mark.parametrize(
    "script",
    [
        "",
        " \n\n",
        "...",
        "a matrícula é uma sua " + "sua " * 200,
        "When does the lease end?",
        "1. when does the lease end",
        "When, does: the lease END?\n" * 3,
    ],
)
def test_a_model_that_adds_nothing_leaves_the_search_as_it_is(library: Library, expansion: str, script: str):
    question = "When does the lease end?"
    assert widened(library, script, expansion).invoke(question) == library.as_retriever(k=4).invoke(question)


def test_a_model_that_does_not_find_its_end_is_not_listened_to(library: Library):
    script = "\n".join(f"How many cats are there in house {number}?" for number in range(100))
    question = "When does the lease end?"
    assert widened(library, script, "multi_query").invoke(question) == library.as_retriever(k=4).invoke(question)


def test_a_question_too_long_for_the_model_is_searched_as_it_is(library: Library):
    class Full(ScriptedChat):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise ContextOverflowError("full")

    retriever = ExpandingRetriever(retriever=library.as_retriever(k=1), llm=Full(), expansion="hyde")
    assert titles(retriever.invoke("cats hunt at dusk")) == ["cats"]


def test_after_a_cancel_nothing_is_asked_of_the_model(library: Library):
    cancel = threading.Event()
    cancel.set()
    retriever = widened(library, "Cats sleep. Cats hunt. Cats purr.", "hyde")
    assert titles(retriever.invoke("dogs bark", cancel=cancel, k=1)) == ["dogs"]
    assert retriever.llm.seen == []  # type: ignore[attr-defined]


def test_what_was_written_until_a_cancel_is_not_searched_for(library: Library):
    cancel = threading.Event()

    def write(_messages: Any) -> str:
        cancel.set()
        return "Cats sleep most of the day and"

    found = widened(library, write, "hyde").invoke("dogs bark", cancel=cancel)
    assert found == library.as_retriever(k=4).invoke("dogs bark")


@pytest.mark.parametrize(
    ("question", "word"), [("Quando termina o contrato?", "Pergunta"), ("When is it?", "Question")]
)
@pytest.mark.parametrize("expansion", ["multi_query", "hyde"])
def test_the_model_is_asked_in_the_language_of_the_question(library: Library, question: str, word: str, expansion: str):
    retriever = widened(library, "", expansion)
    retriever.invoke(question)
    assert f"{word}: {question}" in retriever.llm.seen[0][-1].text  # type: ignore[attr-defined]


def test_braces_and_blanks_in_a_question_do_no_harm(library: Library):
    retriever = widened(library, "{x}", "multi_query")
    assert retriever.invoke("{question} cats {0}")
    assert retriever.invoke("  \n") == []
    assert len(retriever.llm.seen) == 1  # type: ignore[attr-defined]


def test_options_for_one_call_reach_the_search(library: Library):
    retriever = widened(library, "When do cats hunt?", "multi_query")
    assert len(retriever.invoke("cats", k=2)) == 2
    assert titles(retriever.invoke("cats", where={"title": "dogs"})) == ["dogs"]


async def test_leaving_a_search_stops_the_model(library: Library):
    asked, left, seen = threading.Event(), threading.Event(), []

    class Waiting(ExpandingRetriever):
        def _written(self, query: str, run_manager: Any, cancel: Any) -> str:
            asked.set()
            assert left.wait(30)
            seen.append(cancel.is_set())
            return ""

    retriever = Waiting(retriever=library.as_retriever(k=1), llm=ScriptedChat(), expansion="hyde")
    task = asyncio.create_task(retriever.ainvoke("cats"))
    await asyncio.to_thread(asked.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left.set()
    while not seen:
        await asyncio.sleep(0)
    assert seen == [True]


async def test_it_can_be_awaited(library: Library):
    retriever = widened(library, "When do cats hunt?", "multi_query")
    assert await retriever.ainvoke("felines") == retriever.invoke("felines")


def test_a_trace_shows_the_model_and_the_search_below_it(library: Library):
    seen: list[tuple[str, bool]] = []

    class Watching(BaseCallbackHandler):
        def on_retriever_start(self, serialized: Any, query: str, *, parent_run_id: Any = None, **kwargs: Any) -> None:
            seen.append((kwargs["metadata"]["ls_retriever_name"], parent_run_id is not None))

        def on_chat_model_start(self, serialized: Any, messages: Any, *, parent_run_id: Any = None, **_: Any) -> None:
            seen.append(("model", parent_run_id is not None))

    widened(library, "x", "hyde").invoke("cats", config={"callbacks": [Watching()]})
    assert seen == [("library-hyde", False), ("model", True), ("library", True)]


def test_without_an_expansion_the_retriever_is_itself(library: Library):
    retriever = library.as_retriever()
    assert expanding(retriever, ScriptedChat(), "none") is retriever
    assert isinstance(expanding(retriever, ScriptedChat(), "hyde"), ExpandingRetriever)
    with pytest.raises(ValidationError):
        widened(library, "", "magic")


def test_the_answer_chain_expands_where_the_settings_say_so(library: Library):
    plain = lastro.answer_chain(library, llm=ScriptedChat())
    assert plain.retriever.k == library.retrieval.k  # type: ignore[attr-defined]
    settings = lastro.load_settings(retrieval={"expansion": "multi_query", "k": 2})
    chain = lastro.answer_chain(library, llm=ScriptedChat(), settings=settings)
    assert isinstance(chain.retriever, ExpandingRetriever)
    assert len(chain.invoke("When do cats hunt?").passages) == 2


def test_claims_are_checked_with_the_librarys_embedder_or_with_the_one_that_is_set(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    from lastro import opening

    other, asked = HashEmbeddings(salt="other"), list[str]()
    monkeypatch.setattr(opening, "checking_embedder", lambda name: asked.append(name) or other)
    own = lastro.answer_chain(library, llm=ScriptedChat()).ground
    assert own.embedder == library.settings.embedder
    assert own.embeddings is not None
    assert own.embeddings() is library.embedder
    monkeypatch.setattr(models, "find_embedder", lambda _name: (None, library.path))
    settings = lastro.load_settings(answer={"checker": "some-embedder"})
    chain = lastro.answer_chain(library, llm=ScriptedChat(script="At dusk."), settings=settings)
    assert chain.ground.embedder == "some-embedder"
    assert asked == []  # nothing is loaded before the first check
    before = other.encoded
    assert chain.invoke("When do cats hunt?").passages
    assert asked
    assert set(asked) == {"some-embedder"}
    assert other.encoded > before


def test_a_checker_that_is_none_is_told_before_any_question(library: Library):
    settings = lastro.load_settings(answer={"checker": "nanoe6"})
    with pytest.raises(ModelNotFound, match=r"answer\.checker: 'nanoe6': no embedder of that name"):
        lastro.answer_chain(library, llm=ScriptedChat(), settings=settings)


@given(st.text(), st.text(min_size=1), st.integers(1, 10))
def test_wordings_are_few_and_none_is_the_question(text: str, question: str, count: int):
    found = other_wordings(text, question, count)
    assert len(found) <= count
    assert len(set(found)) == len(found)
    assert question not in found
    assert all(one.strip() and len(one) <= 300 for one in found)


@given(st.text(max_size=5_000), st.text())
def test_an_invented_answer_is_bounded(text: str, question: str):
    assert len(invented_answer(text, question)) <= 2_000


@pytest.mark.slow
def test_the_starter_model_never_makes_a_search_fail(tmp_path):
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as library:
        library.add([Upload(f"{name}.txt", text.encode()) for name, text in TEXTS.items()])
        llm = lastro.chat_model(lastro.load_settings(llm={"context_window": 1024}))
        for expansion in ("multi_query", "hyde"):
            retriever = expanding(library.as_retriever(k=2), llm, expansion)  # type: ignore[arg-type]
            for question, title in (("When does the lease end?", "lease"), ("Quando vence o aluguel?", "contrato")):
                assert title in titles(retriever.invoke(question))
            assert titles(retriever.invoke("cats hunt " * 2_000))[0] == "cats", "longer than the model's context"
            stop = threading.Event()
            threading.Timer(0.05, stop.set).start()
            assert len(retriever.invoke("dogs bark at strangers", cancel=stop)) == 2
