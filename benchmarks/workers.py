"""What the reliability benchmarks run in child processes: forked from a warm parent, so a kill costs milliseconds.

The parent imports everything and opens nothing; a child opens the library, works through its steps, and writes one
JSON line for each thing it began and each thing that was acknowledged. The lines sit in a pipe, where they outlive it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from lastro.events import IngestEvent
    from lastro.vectorstore.library import Library

Tell = Callable[[dict[str, Any]], None]

_SYLLABLES = [a + b for a in "bcdfgklmnprst" for b in "aeiou"]
_PIPE_BYTES = 1 << 20


def warm() -> None:
    """Import what children need, once, and start no thread and no client.

    A child goes all the way first and tells what it had to import: a parent with a Chroma client could not be forked.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    scout = fork(_go_all_the_way)
    if scout.wait():
        raise SystemExit(f"a library cannot even be used in peace: {scout.messages[-1].get('traceback')}")
    import lastro.vectorstore

    ours = [f"lastro.vectorstore.{module.name}" for module in pkgutil.iter_modules(lastro.vectorstore.__path__)]
    for name in [*scout.messages[-1]["modules"], *ours]:
        with suppress(ImportError):  # made up while running, by a lazy package
            importlib.import_module(name)
    from lastro.detection import detect_language

    detect_language(text_of("warm", 0, 20))  # loads its model, which takes longer than most children live


def _go_all_the_way(tell: Tell) -> None:
    with tempfile.TemporaryDirectory() as folder, open_library(Path(folder) / "library") as library:
        carry_out(library, [Step("add", (("a", 0, 3),)), Step("remove", (("a", 0, 0),))], lambda _message: None)
        library.search("a", k=1)
    tell({"event": "warm", "modules": [name for name in sys.modules if name != "__main__"]})


# Documents ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def text_of(name: str, version: int, chunks: int) -> str:
    """A text of as many sentences, each of them one chunk and unlike any other."""
    rng = random.Random(f"{name} {version}")

    def word() -> str:
        return "".join(rng.choice(_SYLLABLES) for _ in range(3))

    return "\n\n".join(f"{name} {version} {at} " + " ".join(word() for _ in range(10)) + "." for at in range(chunks))


def as_document(name: str, text: str) -> Document:
    """A text as what `Library.add` takes; LangChain documents are not parsed in a child process, which is quick."""
    from langchain_core.documents import Document

    return Document(text, metadata={"source": f"{name}.txt", "title": name})


def open_library(folder: Path, *, salt: str = "", create: bool = True) -> Library:
    """The library in a folder, with the hash embedder and one sentence a chunk."""
    import lastro
    from lastro.config import LibrarySettings, Settings
    from tests.fakes import HashEmbeddings

    settings = Settings(library=LibrarySettings(chunk_tokens=16, chunk_overlap_tokens=0, lock_timeout_s=60))
    return lastro.open_library(folder, settings=settings, embedder=HashEmbeddings(salt=salt), create=create)


# Steps -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One call on a library: `items` are (name, version, chunks) to add, or names to remove."""

    kind: str  # "add", "remove", "purge", "rebuild" or "reembed"
    items: tuple[tuple[str, int, int], ...] = ()
    salt: str = ""  # of the embedder to change to


def carry_out(library: Library, steps: Sequence[Step], tell: Tell) -> None:
    """Work through the steps, telling what begins ("begin") and what is acknowledged ("done")."""
    for step in steps:
        if step.kind == "add":
            _add(library, step, tell)
        elif step.kind == "remove":
            for name, _version, _chunks in step.items:
                tell({"event": "begin", "name": name, "version": None})
                library.remove(f"{name}.txt")
                tell({"event": "done", "name": name, "version": None})
        elif step.kind == "reembed":
            from tests.fakes import HashEmbeddings

            library.rebuild(embedder=HashEmbeddings(salt=step.salt))
        else:
            getattr(library, step.kind)()


def _add(library: Library, step: Step, tell: Tell) -> None:
    from lastro.events import FileFinished, FileStarted

    versions = {f"{name}.txt": version for name, version, _chunks in step.items}

    def heard(event: IngestEvent) -> None:
        if isinstance(event, FileStarted):
            tell({"event": "begin", "name": event.source[:-4], "version": versions[event.source]})
        elif isinstance(event, FileFinished):
            if event.result.state != "ok":
                raise RuntimeError(f"{event.result.source}: {event.result.state}, {event.result.reason}")
            tell({"event": "done", "name": event.result.source[:-4], "version": versions[event.result.source]})

    library.add([as_document(name, text_of(name, version, n)) for name, version, n in step.items], on_event=heard)


# Processes ---------------------------------------------------------------------------------------------------------


@dataclass
class Child:
    """A forked process and the lines it has written."""

    pid: int
    pipe: int
    status: int | None = None  # exit code; minus the signal where one ended it
    _rest: bytes = b""
    _open: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)

    def read(self, timeout_s: float = 0.0) -> list[dict[str, Any]]:
        """The lines that came since the last call; waits for the first of them, up to `timeout_s`."""
        fresh: list[dict[str, Any]] = []
        while self._open and select.select([self.pipe], [], [], 0 if fresh else timeout_s)[0]:
            block = os.read(self.pipe, 1 << 16)
            if not block:
                self._open = False
                os.close(self.pipe)
                break
            *lines, self._rest = (self._rest + block).split(b"\n")
            fresh += [json.loads(line) for line in lines]
        self.messages += fresh
        return fresh

    def running(self) -> bool:
        """Whether it has not ended yet."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is None

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.running():
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float = 300.0) -> int:
        """The exit code, once it has ended and all its lines are read; one that hangs is killed."""
        until = time.monotonic() + timeout_s
        while self._open:
            self.read(timeout_s=1.0)
            if time.monotonic() > until:
                self.kill()
        while self.running():
            time.sleep(0.0005)
        assert self.status is not None
        return self.status


def fork(work: Callable[..., None], *arguments: Any) -> Child:
    """Run `work(tell, *arguments)` in a forked child; what it raises is told as {"event": "error"}."""
    import fcntl

    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # so that a child never waits for its reader
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    os.close(reading)

    def tell(message: dict[str, Any]) -> None:
        os.write(writing, json.dumps(message).encode() + b"\n")

    code = 1
    try:
        work(tell, *arguments)
        code = 0
    except BaseException as error:  # noqa: BLE001 - the edge of a process: the parent judges it
        shown = "".join(traceback.format_exception(error))
        tell({"event": "error", "type": type(error).__name__, "message": str(error), "traceback": shown[-3000:]})
    finally:
        os._exit(code)  # no cleaning up of what the parent owns


def events(child: Child, kind: str) -> Iterator[dict[str, Any]]:
    """The lines of one kind that a child has written."""
    return (message for message in child.messages if message["event"] == kind)
