"""Running a question set: every question through every configuration in turn, so that their times compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lastro.detection import detect_language
from lastro.errors import ConfigError, LibraryError
from lastro.evaluation.answers.reply import Chain, ask, judge
from lastro.evaluation.datasets import Question, QuestionSet
from lastro.evaluation.places import excerpt, is_on_page, is_place
from lastro.evaluation.records import Found, Gold, Outcome, Reply, Run, Setting
from lastro.types import Passage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever

    from lastro.config import RetrievalSettings
    from lastro.vectorstore.library import Library

Search = Callable[[str], Sequence[Passage]]
LoadChat = Callable[[], "BaseChatModel"]
_WARM_UP = "The first question may not be one that the language identifier is loaded for. " * 5
READ = 5  # passages of a question whose text a report shows
OnQuestion = Callable[[int, int], None]  # questions done, and how many there are


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to search, and to answer where there is a chain: `search` gives a question's passages, best first."""

    name: str
    search: Search
    settings: Mapping[str, Any]
    context_k: int  # passages that an answer is given
    depth: int = 0  # passages asked for of each search; 0 where that is not known
    chain: Chain | None = None  # asked each question after it was searched for; it does a search of its own
    answering: Mapping[str, Any] = field(default_factory=dict)  # chat model and settings of the chain, for the record

    @classmethod
    def of_library(
        cls, library: Library, settings: RetrievalSettings, *, name: str, depth: int, chat: LoadChat | None = None
    ) -> Configuration:
        """A library's own search under these settings, as deep as `depth_of` says.

        `chat` gives the chat model, where the settings expand a question by one.

        Raises:
            ConfigError: they do, and there is none.
        """
        k = depth_of(settings, depth)
        if settings.expansion == "none":
            search: Search = lambda query: library.search(query, k=k, settings=settings)  # noqa: E731
            return cls(name, search, settings.model_dump(), settings.k, k)
        if chat is None:
            raise ConfigError(f"retrieval.expansion = {settings.expansion}: wants a chat model; give one, or set none")
        from lastro.chains.expand import expanding

        retriever = expanding(library.as_retriever(settings=settings, k=k), chat(), settings.expansion)
        expanded = cls.of_retriever(retriever, name=name, context_k=settings.k)
        return replace(expanded, settings=settings.model_dump(), depth=k)

    @classmethod
    def of_retriever(cls, retriever: BaseRetriever, *, name: str, context_k: int) -> Configuration:
        """Any LangChain retriever over the library's documents; it says itself how many passages it gives."""
        from lastro.vectorstore.retriever import passage_from_document

        def search(query: str) -> list[Passage]:
            return [passage_from_document(one, rank=rank) for rank, one in enumerate(retriever.invoke(query), start=1)]

        return cls(name, search, {"retriever": type(retriever).__name__}, context_k)


def depth_of(settings: RetrievalSettings, depth: int) -> int:
    """The passages that a search under these settings is asked for, where `depth` are wanted.

    Passages that grow share one budget, so that what each becomes depends on how many there are: they are searched as
    an answer searches, and what is further down is not known. Otherwise the first k of a deeper search are those of a
    search for k.
    """
    return settings.k if settings.context_tokens > 0 else depth


def describe(questions: QuestionSet, library: Library) -> Setting:
    """What is measured, for the record."""
    records = library.documents()
    return Setting(
        questions_file=str(questions.path), questions_sha256=questions.sha256, library=library.name,
        documents=len(records), chunks=sum(record.chunks for record in records),
        embedder=library.embedder.identity.name,
    )  # fmt: skip


def run(
    questions: QuestionSet,
    configurations: Sequence[Configuration],
    *,
    library: Library,
    golds: Mapping[str, tuple[Gold, ...]],
    on_question: OnQuestion | None = None,
) -> tuple[Run, ...]:
    """What each configuration finds for each question, and answers where it has a chain, in the order of both.

    Each question goes through all configurations before the next, and another one begins each time. Before the
    clock starts a language is detected and the first question searched and answered, so that no model is loaded within
    what is measured. Stopped by Ctrl-C, it gives the questions that were done.

    Raises:
        LibraryError: the library holds no document.
        KeyboardInterrupt: it was stopped before the first question was done.
    """
    if library.is_empty():
        raise LibraryError(f"library {library.name!r} holds no documents; add some: lastro add PATH")
    detect_language(_WARM_UP)
    for configuration in configurations:
        configuration.search(questions.questions[0].question)
        if configuration.chain is not None:
            ask(configuration.chain, questions.questions[0].question)
    rows = _rows(questions, configurations, _Judge(library), golds, on_question)
    return tuple(
        Run(one.name, dict(one.settings), one.context_k, tuple(found), one.depth, dict(one.answering))
        for one, found in zip(configurations, zip(*rows, strict=True), strict=True)
    )


def _rows(
    questions: QuestionSet,
    configurations: Sequence[Configuration],
    judges: _Judge,
    golds: Mapping[str, tuple[Gold, ...]],
    on_question: OnQuestion | None,
) -> list[list[Outcome]]:
    """The outcomes of each question that was done, in the order of the configurations; Ctrl-C leaves the rest."""
    rows: list[list[Outcome]] = []
    many = len(configurations)
    try:
        for number, question in enumerate(questions.questions):
            turns = [(number + turn) % many for turn in range(many)]
            done = {at: judges.outcome(question, golds[question.id], configurations[at]) for at in turns}
            rows.append([done[at] for at in range(many)])
            if on_question is not None:
                on_question(number + 1, len(questions.questions))
    except KeyboardInterrupt:
        if not rows:
            raise
    return rows


def _timed(search: Search, query: str) -> tuple[Sequence[Passage], float]:
    start = time.perf_counter()
    passages = search(query)
    return passages, (time.perf_counter() - start) * 1000


class _Judge:
    """Compares what was found with what was to be found."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._count_tokens = library.embedder.count_tokens

    def outcome(self, question: Question, golds: tuple[Gold, ...], configuration: Configuration) -> Outcome:
        """One question's record."""
        passages, ms = _timed(configuration.search, question.question)
        found = tuple(
            self._found(passage, rank, golds, question.answers) for rank, passage in enumerate(passages, start=1)
        )
        return Outcome(
            question_id=question.id, question=question.question, lang=question.lang, answerable=question.answerable,
            draft=question.draft, answers=question.answers, golds=golds, found=found, ms=ms,
            reply=self._reply(question, golds, configuration.chain),
        )  # fmt: skip

    def _reply(self, question: Question, golds: tuple[Gold, ...], chain: Chain | None) -> Reply | None:
        if chain is None:
            return None
        return judge(question, golds, ask(chain, question.question), duplicates=self._library.passages)

    def _found(self, passage: Passage, rank: int, golds: tuple[Gold, ...], answers: Sequence[str]) -> Found:
        same = [passage]  # and what was merged into it, which holds the same words
        if passage.duplicates and golds:
            same += self._library.passages(passage.duplicates).values()

        def those(test: Callable[[Gold], bool]) -> tuple[int, ...]:
            return tuple(index for index, gold in enumerate(golds) if test(gold))

        return Found(
            rank=rank, chunk_id=passage.chunk_id, document_id=passage.document_id, title=passage.title,
            start=passage.start, end=passage.end, page_start=passage.page_start, page_end=passage.page_end,
            section=passage.section, text=excerpt(passage.text, answers) if rank <= READ else "",
            tokens=self._count_tokens(passage.text),
            score=passage.score, cosine=passage.cosine, keyword_score=passage.keyword_score,
            cosine_rank=passage.cosine_rank, keyword_rank=passage.keyword_rank, rerank_score=passage.rerank_score,
            golds=those(lambda gold: any(is_place(gold, one) for one in same)),
            # A reader of this passage sees its own page and document, not those of a duplicate.
            golds_by_page=those(lambda gold: is_on_page(gold, passage)),
            golds_by_document=those(lambda gold: gold.document_id == passage.document_id),
        )  # fmt: skip
