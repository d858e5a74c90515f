"""The answer chain: retrieve, pack, generate, verify; a LangChain `Runnable` from a question to an `Answer`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config

from lastro.chains.budget import pack
from lastro.chains.citations import PageOf
from lastro.chains.conclude import Outcome, conclude
from lastro.chains.condense import condense
from lastro.chains.evidence import Evidence, Idf, idf_of_passages
from lastro.chains.expand import ExpandingRetriever
from lastro.chains.generate import Either, Writing
from lastro.chains.history import read_input
from lastro.config import AnswerSettings
from lastro.detection import question_language
from lastro.errors import DocumentNotFound, LastroError
from lastro.events import AnswerEvent, Checked, Retrieved
from lastro.llm.engine import Cancel
from lastro.types import Answer, Language
from lastro.vectorstore.library import Library
from lastro.vectorstore.retriever import passage_from_document

Input = str | Mapping[str, Any]


@dataclass(frozen=True)
class Ground:
    """What the chain asks of a library besides its retriever; the defaults serve a retriever that knows none."""

    idf: Idf | None = None
    page_of: PageOf = lambda _document, _character: None
    fence: str = "~~~~~~~~"
    language: Language = "en"  # of a question too short to tell

    @classmethod
    def of(cls, library: Library, *, seed: int = 0) -> Ground:
        """The ground of a library: its term weights, its pages, its prompt fence."""

        def page_of(document_id: str, character: int) -> int | None:
            try:
                spans = library.page_spans(document_id)
            except DocumentNotFound:  # another retriever's document, or one removed meanwhile
                return None
            return next((span.number for span in spans if span.start <= character < span.end), None)

        return cls(library.idf, page_of, library.fence(seed), library.main_language())


class AnswerChain(Runnable[Input, Answer]):
    """From a question, or `{"question", "history"}`, to a checked `Answer`.

    `stream()` yields one `Answer`, since nothing unchecked is an answer; `events()` yields the tokens as they come.
    Any LangChain chat model and retriever will do.

    Raises:
        ConfigError: the input is not a question.
        ContextOverflow: the question does not fit the context window.
    """

    def __init__(
        self,
        *,
        retriever: BaseRetriever,
        llm: BaseChatModel,
        settings: AnswerSettings | None = None,
        ground: Ground | None = None,
    ) -> None:
        self.retriever = retriever
        self.llm = llm
        self.settings = AnswerSettings() if settings is None else settings
        self.ground = Ground() if ground is None else ground

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer one question."""

        def run(value: Input, run_manager: CallbackManagerForChainRun, config: RunnableConfig) -> Answer:  # noqa: ARG001 - LangChain passes it by name
            return last_answer(self._run(value, config, kwargs.get("cancel")))

        return self._call_with_config(run, input, config)

    async def ainvoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """Answer one question; cancelling the task stops the model."""

        async def run(value: Input, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig) -> Answer:  # noqa: ARG001
            answer: Answer | None = None
            async for event in self.aevents(value, config, cancel=kwargs.get("cancel")):
                answer = event.answer if isinstance(event, Checked) else answer
            return _ended(answer)

        return await self._acall_with_config(run, input, config)

    def events(
        self, input: Input, config: RunnableConfig | None = None, *, cancel: threading.Event | None = None
    ) -> Iterator[AnswerEvent]:
        """Yield `Retrieved`, each `Token`, then `Checked`; setting `cancel` ends the generation early.

        What was written before a cancel is checked like any answer.
        """
        yield from self._run(input, ensure_config(config), cancel)

    async def aevents(
        self, input: Input, config: RunnableConfig | None = None, *, cancel: threading.Event | None = None
    ) -> AsyncIterator[AnswerEvent]:
        """`events`, without blocking the event loop; leaving the loop early stops the generation."""
        stop = Either(cancel)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[AnswerEvent | BaseException | None]()

        def work() -> None:
            outcome: BaseException | None = None
            try:
                for event in self._run(input, ensure_config(config), stop):
                    loop.call_soon_threadsafe(queue.put_nowait, event)
            except BaseException as error:  # noqa: BLE001 - handed over to the awaiting caller, who raises it
                outcome = error
            loop.call_soon_threadsafe(queue.put_nowait, outcome)

        worker = loop.run_in_executor(None, work)
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            await worker

    def _run(self, value: Input, config: RunnableConfig, cancel: Cancel | None) -> Iterator[AnswerEvent]:
        began = time.perf_counter()
        conversation = read_input(value)
        language = self._language(conversation.question)
        asked = condense(conversation, llm=self.llm, language=language, config=config, cancel=cancel)
        stoppable = {"cancel": cancel} if isinstance(self.retriever, ExpandingRetriever) else {}
        documents = self.retriever.invoke(asked.search, config=config, **stoppable)
        found = tuple(passage_from_document(document, rank=rank) for rank, document in enumerate(documents, 1))
        fixed = self.settings.language != "auto"
        packed = pack(conversation, found, llm=self.llm, language=language, fence=self.ground.fence, fixed=fixed)
        yield Retrieved(asked.search, packed.passages, packed.dropped, packed.turns_dropped)
        writing = Writing(began)
        if packed.passages:
            yield from writing.tokens(
                self.llm, packed, config, cancel, stop=[self.ground.fence, *(getattr(self.llm, "stop", None) or [])]
            )
        outcome = Outcome(
            question=conversation.question,
            standalone=asked.question,
            generated=writing.text,
            passages=packed.passages,
            dropped=packed.dropped,
            usage=writing.usage(),
            language=language,
            turns_dropped=packed.turns_dropped,
        )
        yield Checked(self._conclude(outcome))

    def _language(self, question: str) -> Language:
        if self.settings.language != "auto":
            return self.settings.language
        return question_language(question, self.ground.language)

    def _conclude(self, outcome: Outcome) -> Answer:
        idf = self.ground.idf or idf_of_passages(outcome.passages)
        evidence = Evidence(outcome.passages, outcome.language, idf)
        return conclude(outcome, evidence, settings=self.settings, page_of=self.ground.page_of)


def last_answer(events: Iterator[AnswerEvent]) -> Answer:
    """The answer that a run of events ends with."""
    answer: Answer | None = None
    for event in events:
        if isinstance(event, Checked):
            answer = event.answer
    return _ended(answer)


def _ended(answer: Answer | None) -> Answer:
    if answer is None:
        raise LastroError("the chain ended without an answer: a defect of Lastro; please report it")
    return answer


def answer_chain(
    library: Library,
    *,
    llm: BaseChatModel,
    retriever: BaseRetriever | None = None,
    settings: AnswerSettings | None = None,
) -> AnswerChain:
    """The chain that answers from a library with a chat model; `retriever` defaults to the library's own."""
    chosen = library.as_retriever() if retriever is None else retriever
    return AnswerChain(retriever=chosen, llm=llm, settings=settings, ground=Ground.of(library))
