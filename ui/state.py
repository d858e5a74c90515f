"""What all pages and all people share: the library, the chat model, the jobs, the conversations."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import streamlit as st

from lastro.config import Settings, home, load_settings
from lastro.errors import LibraryNotFound, ModelError
from lastro.events import AnswerEvent, IngestEvent
from lastro.offline import go_offline
from lastro.types import AddReport, Policy, Upload
from lastro.ui.conversations import ConversationStore
from lastro.ui.jobs import AnswerJob, IngestJob, JobRunner, LoadJob

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from lastro.vectorstore.library import Library

LIBRARY_VARIABLE = "LASTRO_UI_LIBRARY"  # how `lastro app --library` tells the page its library


@dataclass(frozen=True)
class Overrides:
    """What one request changes; the settings stay as they are."""

    temperature: float
    k: int
    language: Literal["auto", "en", "pt"]
    policy: Policy = "mark"

    def applied(self, settings: Settings) -> Settings:
        """The settings that this request is answered with."""
        retrieval = settings.retrieval.model_copy(update={"k": self.k})
        answer = settings.answer.model_copy(update={"language": self.language, "policy": self.policy})
        return settings.model_copy(update={"retrieval": retrieval, "answer": answer})


class Services:
    """The parts behind the page. The models load on threads of their own, so the page opens at once."""

    def __init__(
        self,
        settings: Settings,
        *,
        open_library: Callable[[bool], Library],
        chat_model: Callable[[], BaseChatModel],
    ) -> None:
        self.settings = settings
        self.jobs = JobRunner()
        self.conversations = ConversationStore(home() / "conversations")
        self._open_library = open_library
        self._chat_model = chat_model
        self._lock = threading.Lock()
        self._library: Library | None = None
        self._llm: BaseChatModel | None = None
        self.start()

    def start(self) -> None:
        """Load the library and the model; again, where a first attempt failed."""
        self.opening = LoadJob(self._load_library)
        self.loading = LoadJob(self._load_models)
        self.opening.start()
        self.loading.start()

    def library(self) -> Library | None:
        """The library once it is open; None while it opens or is made, and where none was made yet."""
        if self._library is None and not self.opening.running and self._lock.acquire(blocking=False):
            try:  # without waiting: the page must not stand still while another thread makes the library
                self._open_locked(create=False)
            finally:
                self._lock.release()
        return self._library

    def add(self, uploads: list[Upload]) -> IngestJob:
        """Add documents in the background; the library is made by the first."""

        def work(uploads: list[Upload], on_event: Callable[[IngestEvent], None], cancel: threading.Event) -> AddReport:
            self.opening.wait()
            self._open(create=True)
            assert self._library is not None, "opened or raised"
            return self._library.add(uploads, on_event=on_event, cancel=cancel)

        return self.jobs.start_ingest(uploads, work)

    def ask(self, conversation_id: str, question: str, *, owner: str, overrides: Overrides) -> None:
        """Answer a question in the background, after the conversation's earlier turns; kept even if nobody waits."""
        if self.jobs.answer(conversation_id) is not None:
            return
        known = self.conversations.ask(conversation_id, question, owner=owner)
        history = [turn.answer for turn in known.turns[:-1] if turn.answer is not None]

        def events(cancel: threading.Event) -> Iterator[AnswerEvent]:
            return self._answer({"question": question, "history": history}, overrides, cancel)

        def keep(job: AnswerJob) -> None:
            begun = job.draft.text or job.draft.again
            # A refusal would be no answer to a question that was taken back.
            answer = None if job.cancelled and not begun else job.answer
            self.conversations.finish(conversation_id, answer=answer, error=job.error, stopped=job.cancelled)

        job = AnswerJob(question, events, keep, ready=(self.opening, self.loading))
        self.jobs.start_answer(conversation_id, job)

    def _answer(
        self, request: dict[str, object], overrides: Overrides, cancel: threading.Event
    ) -> Iterator[AnswerEvent]:
        import lastro

        library = self.library()
        if library is None:
            raise LibraryNotFound(self.opening.error or "the library is empty; add documents first")
        if self._llm is None:
            raise ModelError(self.loading.error or "no chat model is loaded; restart the app")
        model = self._llm.model_copy(update={"temperature": overrides.temperature})
        chain = lastro.answer_chain(library, llm=model, settings=overrides.applied(self.settings))
        return chain.events(request, cancel=cancel)

    def _open(self, *, create: bool) -> None:
        with self._lock:
            self._open_locked(create=create)

    def _open_locked(self, *, create: bool) -> None:
        if self._library is None:
            try:
                self._library = self._open_library(create)
            except LibraryNotFound:
                if create:
                    raise

    def _load_library(self) -> None:
        self._open(create=False)

    def _load_models(self) -> None:
        model = self._chat_model()
        if hasattr(model, "preload"):
            model.preload()
        self._llm = model
        self.opening.wait()
        if self._library is not None and self._library.documents():
            self._library.embedder.encode_query("warm")  # the first call loads the weights


def build_services() -> Services:
    """The services of this process, from the settings and the library that `lastro app` named."""
    import lastro

    go_offline()
    settings = load_settings()
    name = os.environ.get(LIBRARY_VARIABLE, "default")
    return Services(
        settings,
        open_library=lambda create: lastro.open_library(name, create=create, settings=settings),
        chat_model=lambda: lastro.chat_model(settings),
    )


@st.cache_resource(show_spinner=False)
def services() -> Services:
    """The one set of services of the process."""
    return build_services()
