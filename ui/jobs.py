"""Work that outlives a page: loading, adding documents, answering, each on a thread of its own.

Streamlit runs a page from its top at every click and forgets it at a reload; a job keeps going, and whoever draws the
page reads its state. Every field is written by the job's thread alone and read as a whole.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lastro.errors import LastroError
from lastro.events import (
    AnswerEvent,
    Checked,
    ClaimChecked,
    FileFinished,
    FileStarted,
    IngestEvent,
    Retried,
    Retrieved,
    StageProgress,
    Token,
)
from lastro.types import AddReport, Answer, FileResult, Upload

JobState = Literal["running", "done", "failed"]
AnswerStage = Literal["loading", "searching", "reading", "writing"]
_LOG = logging.getLogger(__name__)


def error_line(error: Exception) -> str:
    """One line for the reader: our own errors say the way out; for any other the log has the whole."""
    if isinstance(error, LastroError):
        return str(error)
    return f"{type(error).__name__}: {error}".strip(": ")


class Job(ABC):
    """A piece of work on its own thread; `cancel` asks it to end early."""

    def __init__(self) -> None:
        self.state: JobState = "running"
        self.error = ""
        self._cancel = threading.Event()
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the work goes on."""
        return not self._ended.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to end early."""
        return self._cancel.is_set()

    def start(self) -> None:
        """Begin, on a thread that does not keep the program alive."""
        threading.Thread(target=self._guarded, name=type(self).__name__, daemon=True).start()

    def cancel(self) -> None:
        """Ask for an early end; the job ends within a token or a document."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the job ended within `timeout` seconds."""
        return self._ended.wait(timeout)

    @abstractmethod
    def _work(self) -> None:
        """Do it; an exception is shown to the reader."""

    def _closed(self) -> None:  # noqa: B027 - most jobs leave nothing to keep
        """What must stand before the job counts as ended."""

    def _guarded(self) -> None:
        try:
            self._work()
            self.state = "done"
        except Exception as error:  # noqa: BLE001 - the page's edge: the reader must see whatever went wrong
            if not isinstance(error, LastroError):
                _LOG.exception("%s failed", type(self).__name__)
            self.error, self.state = error_line(error), "failed"
        try:
            self._closed()
        except Exception as error:  # noqa: BLE001 - a full disk, say: the reader is told, the thread still ends
            _LOG.exception("%s could not be kept", type(self).__name__)
            self.error, self.state = error_line(error), "failed"
        finally:
            self._ended.set()


class LoadJob(Job):
    """Loads the models while the page is already open."""

    def __init__(self, load: Callable[[], None]) -> None:
        super().__init__()
        self._load = load

    def _work(self) -> None:
        self._load()


class FileProgress:
    """How far one file is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stage = "waiting"
        self.done = 0
        self.total = 0
        self.result: FileResult | None = None

    @property
    def fraction(self) -> float:
        """Share of the whole way, 0 to 1: parsing takes the first tenth, embedding nearly all of the rest."""
        if self.result is not None:
            return 1.0
        began, span = {"parse": (0.02, 0.08), "split": (0.1, 0.05), "embed": (0.15, 0.8), "store": (0.95, 0.05)}.get(
            self.stage, (0.0, 0.0)
        )
        return min(1.0, began + span * (self.done / self.total if self.total else 0.0))


AddFiles = Callable[[list[Upload], Callable[[IngestEvent], None], threading.Event], AddReport]


class IngestJob(Job):
    """Adds uploads to the library; `files` says how far each is, in the order given."""

    def __init__(self, uploads: list[Upload], add: AddFiles, turn: threading.Lock) -> None:
        super().__init__()
        self._uploads = uploads
        self._add = add
        self._turn = turn
        self.files = tuple(FileProgress(upload.name) for upload in uploads)
        self._by_name = {file.name: file for file in self.files}

    def _work(self) -> None:
        with self._turn:  # one batch after another: two would only share the same cores
            report = self._add(self._uploads, self._on_event, self._cancel)
        for result in report.results:
            self._file(result.source).result = result

    def _closed(self) -> None:
        self._uploads = []  # the bytes are stored, or refused

    def _file(self, name: str, index: int = 0) -> FileProgress:
        """The file of that name; the library may have tidied the name, so an event's index (from 1) finds it too."""
        if name not in self._by_name:
            known = 0 < index <= len(self.files)
            self._by_name[name] = self.files[index - 1] if known else FileProgress(name)
        return self._by_name[name]

    def _on_event(self, event: IngestEvent) -> None:
        if isinstance(event, FileFinished):
            self._file(event.result.source, event.index).result = event.result
        elif isinstance(event, FileStarted):
            file = self._file(event.source, event.index)
            file.stage, file.done, file.total = "parse", 0, 0
        elif isinstance(event, StageProgress):
            file = self._file(event.source)
            file.stage, file.done, file.total = event.stage, event.done, event.total


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model has written so far, and the claims of it that are checked already, in order."""

    text: str = ""
    checks: tuple[ClaimChecked, ...] = ()
    again: bool = False  # whether it is the model's second try


class AnswerJob(Job):
    """Writes one answer; `draft` grows as the model writes, `answer` stands once it is checked."""

    def __init__(
        self,
        question: str,
        events: Callable[[threading.Event], Iterator[AnswerEvent]],
        keep: Callable[[AnswerJob], None],
        *,
        ready: Sequence[Job] = (),
    ) -> None:
        super().__init__()
        self.question = question
        self.stage: AnswerStage = "loading"
        self.draft = Draft()
        self.found = 0
        self.answer: Answer | None = None
        self._events = events
        self._keep = keep
        self._ready = ready

    def _work(self) -> None:
        for job in self._ready:
            while not job.wait(0.1):
                if self.cancelled:
                    return
        self.stage = "searching"
        for event in self._events(self._cancel):
            self._take(event)

    def _take(self, event: AnswerEvent) -> None:
        draft = self.draft
        if isinstance(event, Retrieved):
            self.found, self.stage = len(event.passages), "reading"
        elif isinstance(event, Token):
            self.draft, self.stage = replace(draft, text=draft.text + event.text), "writing"
        elif isinstance(event, ClaimChecked):
            self.draft = replace(draft, checks=(*draft.checks, event))
        elif isinstance(event, Retried):
            self.draft, self.stage = Draft(again=True), "reading"
        elif isinstance(event, Checked):
            self.answer = event.answer

    def _closed(self) -> None:
        self._keep(self)


class JobRunner:
    """The jobs of the process: answers by conversation, batches of documents in the order they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, AnswerJob] = {}
        self._batches: list[IngestJob] = []
        self._turn = threading.Lock()

    def answer(self, conversation_id: str) -> AnswerJob | None:
        """The answer being written in a conversation, if any."""
        job = self._answers.get(conversation_id)
        return job if job is not None and job.running else None

    def start_answer(self, conversation_id: str, job: AnswerJob) -> bool:
        """Begin an answer; refused while the conversation's last one is still being written."""
        with self._lock:
            if self.answer(conversation_id) is not None:
                return False
            self._answers = {key: other for key, other in self._answers.items() if other.running}
            self._answers[conversation_id] = job
            job.start()
            return True

    def waits_for_the_model(self, job: AnswerJob) -> bool:
        """Whether an answer that began earlier is still being written while this one has no word yet."""
        order = list(self._answers.values())
        before = order[: order.index(job)] if job in order else []
        return job.stage == "reading" and any(
            other.running and other.stage in ("reading", "writing") for other in before
        )

    def start_ingest(self, uploads: list[Upload], add: AddFiles) -> IngestJob:
        """Begin to add documents, after the batches before it."""
        job = IngestJob(uploads, add, self._turn)
        with self._lock:
            self._batches.append(job)
        job.start()
        return job

    def batches(self) -> list[IngestJob]:
        """The batches that nobody dismissed yet, oldest first."""
        return list(self._batches)

    def dismiss(self, job: IngestJob) -> None:
        """Forget a batch that has ended."""
        with self._lock:
            self._batches = [other for other in self._batches if other is not job or other.running]
