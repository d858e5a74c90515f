"""How long work looks in the terminal, and how Ctrl-C ends it: all on stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Self

from lastro.console import plain, stderr
from lastro.events import (
    AnswerEvent,
    FileFinished,
    FileStarted,
    IngestEvent,
    Retried,
    Retrieved,
    StageProgress,
    Token,
)
from lastro.types import FileResult, Language

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.status import Status

_STAGES = {"parse": "reading", "split": "cutting", "embed": "embedding", "store": "storing"}
_DRAFT: dict[Language, dict[str, str]] = {
    "en": {
        "searching": "searching the documents...",
        "reading_one": "reading 1 passage...",
        "reading": "reading {count} passages...",
        "draft": "draft, not yet checked:",
        "again": "its words did not hold; asking once more with the best sentences",
    },
    "pt": {
        "searching": "procurando nos documentos...",
        "reading_one": "lendo 1 trecho...",
        "reading": "lendo {count} trechos...",
        "draft": "rascunho, ainda não conferido:",
        "again": "o texto não se sustentou; nova tentativa só com as melhores frases",
    },
}
_NOTICE = b"\nlastro: stopping after the document at hand; press Ctrl-C again to stop at once\n"


@contextmanager
def cancel_on_interrupt(*, notice: bool = True) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that work ends at a whole document; the second one interrupts."""
    event = threading.Event()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        if notice:
            os.write(2, _NOTICE)  # not sys.stderr: the signal may have come in the middle of one of its writes

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def describe(result: FileResult) -> str:
    """One line on how a file ended.

    >>> describe(FileResult(source="a.pdf", state="ok", chunks=3, pages=1))
    'ok         a.pdf  (1 page, 3 passages)'
    >>> describe(FileResult(source="b.pdf", state="failed", reason="wants a password"))
    'failed     b.pdf: wants a password'
    """
    source, state = plain(result.source, one_line=True), result.state
    if result.unchanged:
        return f"{'unchanged':<10} {source}"
    reason = plain(result.reason, one_line=True)
    if state in ("failed", "empty"):
        return f"{state:<10} {source}: {reason}"
    counts = [] if result.pages is None else [_count(result.pages, "page")]
    counts.append(_count(result.chunks, "passage"))
    note = "; ".join(plain(text, one_line=True) for text in (result.reason, *result.warnings) if text)
    verb = "replaced" if result.replaced and state == "ok" else state
    return f"{verb:<10} {source}  ({', '.join(counts)})" + (f": {note}" if note else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _bars(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True)


class AddProgress:
    """Draws the events of an `add`: bars on a terminal, and one line a finished file everywhere."""

    def __init__(self) -> None:
        self._console = stderr()
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars = _bars(self._console)
            self._files = self._bars.add_task("documents", total=None)
            self._stage = self._bars.add_task("", total=None, visible=False)
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, event: IngestEvent) -> None:
        """Draw one event."""
        if isinstance(event, FileFinished):
            self._console.print(describe(event.result), soft_wrap=True)
        if self._bars is None:
            return
        if isinstance(event, FileStarted):
            self._bars.update(self._files, completed=event.index - 1, total=event.total)
        elif isinstance(event, FileFinished):
            self._bars.update(self._files, completed=event.index, total=event.total)
            self._bars.update(self._stage, visible=False)
        elif isinstance(event, StageProgress):
            name = plain(event.source, one_line=True).rsplit("/", 1)[-1]
            self._bars.update(
                self._stage, visible=True, description=f"{_STAGES[event.stage]} {name[-40:]}",
                completed=event.done, total=event.total or None,
            )  # fmt: skip


class Download:
    """Draws how much of a file has come."""

    def __init__(self, name: str) -> None:
        self._name, self._last = name, -1

    def __call__(self, done: int, total: int) -> None:
        """Show a new whole percent, or megabyte where the size is unknown."""
        step = done * 100 // total if total else done // 1_000_000
        if step != self._last:
            self._last = step
            sys.stderr.write(f"\r{self._name}: {step}{' %' if total else ' MB'}")
            sys.stderr.write("\n" if total and done >= total else "")
            sys.stderr.flush()


class RebuildProgress:
    """Draws how far a change of embedder is: a bar on a terminal, else a line each tenth of the way."""

    def __init__(self) -> None:
        self._console = stderr()
        self._bar: Progress | None = None
        self._tenth = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = _bars(self._console)
            self._task = self._bar.add_task("embedding", total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: IngestEvent) -> None:
        """Draw one event: the documents are counted, the passages of each are not."""
        if not isinstance(event, FileStarted):
            return
        done = event.index - 1
        if self._bar is not None:
            name = plain(event.source, one_line=True).rsplit("/", 1)[-1]
            self._bar.update(self._task, description=f"embedding {name[-40:]}", completed=done, total=event.total)
        elif done * 10 // event.total != self._tenth:
            self._tenth = done * 10 // event.total
            self._console.print(f"embedding document {event.index} of {event.total}")


class Draft:
    """Shows on stderr that an answer is under way, then the model's words, since only checked ones go to stdout.

    What it says of itself is in `language`, that of the answer.
    """

    def __init__(self, *, language: Language = "en", quiet: bool = False) -> None:
        self._console, self._texts = stderr(), _DRAFT[language]
        self._live = self._console.is_terminal and not self._console.is_dumb_terminal
        self._quiet = quiet
        self._status: Status | None = None
        self._begun = False

    def searching(self) -> None:
        """On a terminal, show that the search has begun; it includes loading the models."""
        if self._live and not self._quiet:
            self._show(self._texts["searching"])

    def __call__(self, event: AnswerEvent) -> None:
        """Show one event."""
        if self._quiet:
            return
        if isinstance(event, Retrieved) and event.passages:
            count = len(event.passages)
            text = self._texts["reading_one" if count == 1 else "reading"].format(count=count)
            self._show(text) if self._live else self._console.print(text)
        elif isinstance(event, Token):
            self.write(event.text)
        elif isinstance(event, Retried):
            self.end()
            self._console.print(self._texts["again"], style="dim")

    def write(self, text: str) -> None:
        """Add a piece of the draft."""
        if not self._begun:
            self._hide()
            self._console.print(self._texts["draft"], style="dim italic")
            self._begun = True
        self._console.print(plain(text), style="dim", end="", soft_wrap=True)

    def end(self) -> None:
        """End the draft's last line, where there is one."""
        self._hide()
        if self._begun:
            self._console.print("\n")
            self._begun = False

    def _show(self, text: str) -> None:
        if self._status is None:
            self._status = self._console.status(text, spinner_style="dim")
            self._status.start()
        else:
            self._status.update(text)

    def _hide(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
