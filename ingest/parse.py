"""`Parser`: files to `ParsedDocument`s by way of a child process that may crash or hang without harm."""

from __future__ import annotations

import contextlib
import json
import os
import site
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

from lastro import errors
from lastro.config import IngestSettings
from lastro.errors import CorruptFile, FileTooLarge, LibraryError, ParseTimeout, SourceError
from lastro.ingest.assemble import assemble
from lastro.ingest.blocks import Block, RawDocument, RawPage, clean
from lastro.ingest.sources import Source
from lastro.ingest.worker import read_frame, write_frame
from lastro.types import ParsedDocument, page_from_metadata

_START_TIMEOUT_S = 120.0
_DROPPED = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "pythonstartup", "pythoninspect")


class Parser:
    """Reads sources one at a time in one long-lived child process, which is started when first needed."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False

    def __enter__(self) -> Parser:
        """The parser itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child process."""
        self.close()

    def parse(self, source: Source) -> ParsedDocument:
        """The document of a source.

        Raises:
            SourceError: one of its kinds; the message names the source.
            LibraryError: the parser was closed, before or meanwhile.
        """
        self._stay_open(source.name)
        if source.documents:
            return assemble(_from_langchain(source), source.name)
        limit = self._settings.max_file_bytes
        data = source.read(limit=limit)
        if len(data) > limit:
            raise FileTooLarge(f"{source.name}: over the limit of {limit} bytes (ingest.max_file_bytes); split it")
        reply = self._ask(source.name, data)
        if "error" in reply:
            kind = getattr(errors, reply["error"], CorruptFile)
            raise kind(f"{source.name}: {reply['message']}")
        return assemble(RawDocument.from_json(reply["document"]), source.name)

    def close(self) -> None:
        """End the child process and remove its temporary files, for good: no other is started."""
        self._closed = True  # first, so that a thread that starts a child now sees it
        child = self._child
        if child is not None:
            child.kill()  # at once, also under a file that another thread is reading
        with self._lock:
            self._stop()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while none runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def _ask(self, name: str, data: bytes) -> dict[str, Any]:
        with self._lock:
            child = self._running(name)
            expired = threading.Event()
            timer = threading.Timer(self._settings.timeout_s, _expire, (child, expired))
            timer.daemon = True
            timer.start()
            reply: bytes | None = None
            try:
                reply = self._exchange(child, name, data)
            finally:
                timer.cancel()
                if reply is None:
                    note = self._last_words()
                    code = self._stop()
            if reply is None:
                self._stay_open(name)
                raise self._failure(name, expired.is_set(), code, note)
        return cast("dict[str, Any]", json.loads(reply))

    def _exchange(self, child: subprocess.Popen[bytes], name: str, data: bytes) -> bytes | None:
        """The child's answer, None where it died or broke the protocol."""
        settings = self._settings
        request = {
            "name": name,
            "max_pages": settings.max_pages,
            "max_characters": settings.max_characters,
            "cpu_s": settings.timeout_s * (os.cpu_count() or 1),
        }
        requests, answers = cast("BinaryIO", child.stdin), cast("BinaryIO", child.stdout)
        with contextlib.suppress(OSError):  # a broken pipe: the child is gone
            write_frame(requests, json.dumps(request).encode())
            write_frame(requests, data)
            return read_frame(answers, limit=settings.max_characters * 16 + 10_000_000)
        return None

    def _failure(self, name: str, expired: bool, code: int | None, note: str) -> SourceError:
        settings = self._settings
        if expired:
            return ParseTimeout(
                f"{name}: not read within {settings.timeout_s:g} s and stopped; split it or raise ingest.timeout_s"
            )
        if "memory allocation" in note or "MemoryError" in note or "out of memory" in note.lower():
            return ParseTimeout(
                f"{name}: needs more than {settings.worker_memory_bytes} bytes of memory and was stopped; split it or "
                f"raise ingest.worker_memory_bytes"
            )
        return CorruptFile(
            f"{name}: the parser broke down on it (exit {code}); open it in its own program and save it again"
        )

    def _stay_open(self, name: str) -> None:
        if self._closed:
            raise LibraryError(f"{name}: not read, the library was closed; open it again and add it")

    def _running(self, name: str) -> subprocess.Popen[bytes]:
        """The child, started anew where there is none."""
        self._stay_open(name)
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._stop()
        self._folder = tempfile.TemporaryDirectory(prefix="lastro-", ignore_cleanup_errors=True)
        command = [
            sys.executable,
            "-P",
            "-m",
            "lastro.ingest.worker",
            "--memory",
            str(self._settings.worker_memory_bytes),
        ]
        with (Path(self._folder.name) / "stderr").open("wb") as noise:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                env=_environment(self._folder.name),
            )
        self._child = child
        timer = threading.Timer(_START_TIMEOUT_S, child.kill)
        timer.daemon = True
        timer.start()
        ready = read_frame(cast("BinaryIO", child.stdout))
        timer.cancel()
        if self._closed or ready is None:
            note = self._last_words()
            self._stop()
            self._stay_open(name)
            raise SourceError(f"the parsing process does not start ({note or 'no message'}); reinstall lastro")
        return child

    def _last_words(self) -> str:
        """The end of what the child wrote to stderr."""
        if self._folder is None:
            return ""
        try:
            return (Path(self._folder.name) / "stderr").read_bytes()[-2000:].decode("utf-8", errors="replace").strip()
        except OSError:
            return ""

    def _stop(self) -> int | None:
        """Kill the child, if any; its exit code."""
        child, self._child = self._child, None
        folder, self._folder = self._folder, None
        code = None
        if child is not None:
            child.kill()
            code = child.wait()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):  # unsent bytes to a dead child
                    cast("BinaryIO", pipe).close()
        if folder is not None:
            folder.cleanup()
        return code


def _expire(child: subprocess.Popen[bytes], expired: threading.Event) -> None:
    expired.set()
    child.kill()


def _environment(temporary: str) -> dict[str, str]:
    """The child's environment: no proxies, few threads (each reserves address space), its own temporary folder."""
    environment = {key: value for key, value in os.environ.items() if key.lower() not in _DROPPED}
    for key in ("TMPDIR", "TEMP", "TMP"):
        environment[key] = temporary
    for key in ("RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS", "OMP_NUM_THREADS"):
        environment[key] = str(min(4, os.cpu_count() or 1))
    environment["MALLOC_ARENA_MAX"] = "2"
    environment["PYTHONUTF8"] = "1"
    user_site = site.getusersitepackages() if site.ENABLE_USER_SITE else None
    if user_site is None or not __file__.startswith(user_site):
        environment["PYTHONNOUSERSITE"] = "1"
    return environment


def _from_langchain(source: Source) -> RawDocument:
    """LangChain documents of one source: a page each where their metadata count pages.

    A foreign `page` counts from 0; documents that our own retriever wrote carry `page_start`, which counts from 1.
    """
    pages = [
        RawPage(page_from_metadata(document.metadata), [Block("text", clean(document.page_content))])
        for document in source.documents
    ]
    title = source.documents[0].metadata.get("title")
    return RawDocument(
        mime="text/plain",
        pages=pages,
        parser="lastro-text 1",
        title=clean(title) if isinstance(title, str) else "",
    )
