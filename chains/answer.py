"""The answer chain: retrieve, pack, generate, verify; a LangChain `Runnable` from a question to an `Answer`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ensure_config

from lastro.chains.budget import Layout, PackedPrompt, pack
from lastro.chains.catalogue import asks_for_documents, listing
from lastro.chains.conclude import Candidate, Judge, Outcome, conclude, narrowed, refused, unchecked
from lastro.chains.condense import Standalone, condense
from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.expand import ExpandingRetriever
from lastro.chains.generate import Calling, Either, Writing
from lastro.chains.ground import Ground, further, own_retriever
from lastro.chains.history import Conversation, Turn, read_input
from lastro.chains.review import Review, Watch
from lastro.config import AnswerSettings
from lastro.detection import question_language
from lastro.errors import LastroError
from lastro.events import AnswerEvent, Checked, Retried, Retrieved
from lastro.llm.engine import Cancel
from lastro.types import Answer, DocumentRecord, Language
from lastro.vectorstore.library import Library
from lastro.vectorstore.retriever import passage_from_document

Input = str | Mapping[str, Any]


class AnswerChain(Runnable[Input, Answer]):
    """From a question, or `{"question", "history"}`, to a checked `Answer`.

    `stream()` yields one `Answer`, since nothing unchecked is an answer; `events()` yields the tokens as they come, and
    the checks of finished claims.
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
        """Yield `Retrieved`, each `Token` and `ClaimChecked`, then `Checked`; setting `cancel` ends it early.

        Where nothing of the model's text holds, `Retried` comes between, and tokens anew.

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

    def language_of(self, question: str) -> Language:
        """The language that a question is answered in: the one that is set, or that of the question."""
        if self.settings.language != "auto":
            return self.settings.language
        return question_language(question, self.ground.language)

    def _run(self, value: Input, config: RunnableConfig, cancel: Cancel | None) -> Iterator[AnswerEvent]:
        began = time.perf_counter()
        conversation = read_input(value)
        language = self.language_of(conversation.question)
        if (records := self._records(conversation)) is not None:
            yield Checked(listing(conversation.question, records, language=language))
            return
        asked = condense(conversation, llm=self.llm, language=language, config=config, cancel=cancel)
        stoppable = {"cancel": cancel} if isinstance(self.retriever, ExpandingRetriever) else {}
        documents = self.retriever.invoke(asked.search, config=config, **stoppable)
        found = tuple(passage_from_document(document, rank=rank) for rank, document in enumerate(documents, 1))
        layout = Layout(language, self.ground.fence, fixed=self.settings.language != "auto")
        packed = pack(conversation, found, llm=self.llm, layout=layout)
        yield Retrieved(asked.search, packed.passages, packed.dropped, packed.turns_dropped)
        told = Told(conversation, asked, language, packed)
        yield from (self._unchecked if self.settings.policy == "off" else self._checked)(
            told, Writing(began), Calling(self.llm, config, cancel, self.ground.fence)
        )

    def _records(self, conversation: Conversation) -> Sequence[DocumentRecord] | None:
        """The documents, where a first question asks which there are, and no filter keeps some from the search."""
        retriever = own_retriever(self.retriever)
        filtered = retriever is not None and (retriever.where is not None or "where" in retriever.options)
        if self.ground.documents is None or filtered or conversation.turns:
            return None
        return self.ground.documents() if asks_for_documents(conversation.question) else None

    def _unchecked(self, told: Told, writing: Writing, calling: Calling) -> Iterator[AnswerEvent]:
        """The model's text as it stands; without a passage there is nothing that it could be asked."""
        if not told.packed.passages:
            yield Checked(refused(told.outcome(writing), policy="off"))
            return
        yield from writing.tokens(told.packed, calling)
        yield Checked(unchecked(told.outcome(writing)))

    def _checked(self, told: Told, writing: Writing, calling: Calling) -> Iterator[AnswerEvent]:
        """Write, while what is written is checked; try again with the best sentences alone; conclude."""
        judge = self._judge(told)
        tries: list[Candidate] = []
        if told.packed.passages:
            yield from watched(writing, told.packed, calling, judge.review)
            tries.append(judge.read(writing.whole, labels=told.packed.labels))
            if self.settings.retry and not judge.accepts(tries[0]) and not calling.stopped:
                yield from self._again(told, writing, calling, judge, tries)
        yield Checked(conclude(told.outcome(writing), judge, tries, stopped=calling.stopped))

    def _again(
        self, told: Told, writing: Writing, calling: Calling, judge: Judge, tries: list[Candidate]
    ) -> Iterator[AnswerEvent]:
        pieces = narrowed(judge)
        if not pieces:
            return
        yield Retried(pieces)
        layout = Layout(told.language, self.ground.fence, fixed=self.settings.language != "auto")
        # One turn more, and not a prompt of its own: what the model has read stays in its cache, for follow-ups too.
        turns = told.conversation.turns[told.packed.turns_dropped :]
        failed = Turn(told.conversation.question, writing.text, told.packed.passages, told.language)
        again = Conversation(told.asked.question, (*turns, failed))
        packed = pack(again, pieces, llm=self.llm, layout=layout)
        writing.begin_again()
        yield from watched(writing, packed, calling, judge.review)
        tries.append(judge.read(writing.whole, retried=True))

    def _judge(self, told: Told) -> Judge:
        ground, packed = self.ground, told.packed
        evidence = Evidence(packed.passages, told.language, ground.idf or idf_of_passages(packed.passages))
        earlier = [passage for turn in told.conversation.turns for passage in turn.passages]
        review = Review(
            evidence, told.asked.question, ground.alike(), ground.entailment, self.settings.support_threshold,
            further(self.retriever, told.asked.search, [*packed.dropped, *earlier]),
        )  # fmt: skip
        calibration = ground.calibration(model_name(self.llm), told.language)
        return Judge(review, self.settings, ground.page_of, told.language, calibration)


@dataclass(frozen=True, slots=True)
class Told:
    """A question with what was found for it and put before the model."""

    conversation: Conversation
    asked: Standalone
    language: Language
    packed: PackedPrompt

    def outcome(self, writing: Writing) -> Outcome:
        """What came of it."""
        return Outcome(
            question=self.conversation.question,
            standalone=self.asked.question,
            generated=writing.first,
            passages=self.packed.passages,
            dropped=self.packed.dropped,
            usage=writing.usage(),
            language=self.language,
            turns_dropped=self.packed.turns_dropped,
        )


def watched(writing: Writing, packed: PackedPrompt, calling: Calling, review: Review) -> Iterator[AnswerEvent]:
    """The model's tokens, and the checks of its finished claims as they end."""
    watch = Watch(review)
    try:
        watch.prepare()
        for token in writing.tokens(packed, calling):
            yield token
            yield from watch.read(writing.text, token.text)
        if not calling.stopped:
            yield from watch.finish(writing.text)
    finally:
        watch.close()


def model_name(llm: BaseChatModel) -> str:
    """The name by which a chat model's calibration is found; "" where it tells none."""
    return str(llm._get_ls_params().get("ls_model_name") or "")


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
    **ground: Any,
) -> AnswerChain:
    """The chain that answers from a library with a chat model; `retriever` defaults to the library's own.

    `ground` are further fields of `Ground`.
    """
    chosen = library.as_retriever() if retriever is None else retriever
    return AnswerChain(retriever=chosen, llm=llm, settings=settings, ground=Ground.of(library, **ground))
