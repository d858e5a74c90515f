"""How sources enter a library: read, parsed and split one ahead of the embedder, stored one document at a time."""

from __future__ import annotations

import dataclasses
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from lastro.errors import EmbedderMismatch, SourceError
from lastro.events import FileFinished, FileStarted, IngestEvent, OnIngest, StageProgress
from lastro.types import BROUGHT, AddReport, Chunk, FileResult, FileState, ParsedDocument
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.embeddings import Embedder, EmbedderIdentity
from lastro.vectorstore.originals import safe_extension
from lastro.vectorstore.rows import NewDocument, Written

# What odd content of one source can raise in any library on its way; disks and the library itself raise others.
_ODDITIES = (ValueError, OverflowError, RuntimeError, sqlite3.DataError)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Source(Protocol):
    """One thing to add; `name` is an absolute path or a display name."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def open(self) -> BinaryIO: ...  # noqa: D102


class Prepared(Protocol):
    """A source that was parsed and split, or the reason why not."""

    @property
    def parsed(self) -> ParsedDocument | None: ...  # noqa: D102

    @property
    def chunks(self) -> tuple[Chunk, ...]: ...  # noqa: D102

    @property
    def state(self) -> FileState: ...  # noqa: D102

    @property
    def reason(self) -> str: ...  # noqa: D102

    @property
    def warnings(self) -> tuple[str, ...]: ...  # noqa: D102


class Pipeline(Protocol):
    """What a library asks of the ingest pipeline."""

    def prepare(self, source: Any, document_id: str, on_event: OnIngest) -> Prepared: ...  # noqa: D102

    def close(self) -> None: ...  # noqa: D102


class Store(Protocol):
    """Where finished documents go; each call takes the library's writer lock for itself."""

    def put(self, new: NewDocument, source: Source, embedder: Embedder) -> Written: ...  # noqa: D102

    def link(self, source: Source, document_id: str) -> Written | None: ...  # noqa: D102


class Lookahead(Generic[Item, Result]):
    """Runs `work(item, emit)` for each item in a thread, one item ahead of the caller, and hands its events over."""

    def __init__(self, work: Callable[[Item, OnIngest], Result], items: Iterable[Item]) -> None:
        self._work = work
        self._items = iter(items)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lastro-read")
        self._next: tuple[Future[Result], SimpleQueue[IngestEvent | None]] | None = None
        self._submit()

    def take(self, emit: OnIngest) -> Result:
        """The result of the next item; its events are emitted in the caller's thread."""
        if self._next is None:
            raise IndexError("no item is left")
        future, events = self._next
        self._submit()
        while (event := events.get()) is not None:
            emit(event)
        return future.result()

    def close(self) -> None:
        """Begin no further item."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self) -> None:
        for item in self._items:
            events: SimpleQueue[IngestEvent | None] = SimpleQueue()
            self._next = (self._pool.submit(self._run, item, events), events)
            return
        self._next = None

    def _run(self, item: Item, events: SimpleQueue[IngestEvent | None]) -> Result:
        try:
            return self._work(item, events.put)
        finally:
            events.put(None)


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a source's bytes; `prepared` is None where the library has these bytes already."""

    document_id: str
    bytes: int
    prepared: Prepared | None
    failure: str = ""
    split_for: EmbedderIdentity | None = None  # the embedder that `prepared` was split for


class _Telling:
    """Hands events to the caller, and remembers whether the caller's own code failed on one."""

    def __init__(self, emit: OnIngest) -> None:
        self._emit = emit
        self.failed = False

    def __call__(self, event: IngestEvent) -> None:
        self.failed = True
        self._emit(event)
        self.failed = False


class Adding:
    """One call of `Library.add`; `pipeline` and `embedder` are asked for when the first new document needs them.

    `renew` is told when the library changed its embedder meanwhile: both are asked for again.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        store: Store,
        pipeline: Callable[[], Pipeline],
        embedder: Callable[[], Embedder],
        renew: Callable[[], None],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._pipeline = pipeline
        self._embedder = embedder
        self._renew = renew

    def run(self, sources: Sequence[Any], *, emit: OnIngest, cancel: threading.Event | None) -> AddReport:
        """Add every source; after a cancel or an exception, whole documents stay and no half one."""
        started = time.monotonic()
        tell = _Telling(emit)
        results: list[FileResult] = []
        with _closing(Lookahead(self._read, sources)) as ahead:
            for index, source in enumerate(sources, start=1):
                if cancel is not None and cancel.is_set():
                    break
                tell(FileStarted(source=source.name, index=index, total=len(sources)))
                result = self._one(source, ahead, tell)
                results.append(result)
                tell(FileFinished(result=result, index=index, total=len(sources)))
        return AddReport(results=tuple(results), seconds=time.monotonic() - started)

    def _one(self, source: Source, ahead: Lookahead[Any, Reading], tell: _Telling) -> FileResult:
        """How one source ended; what no one foresaw in its content is its own failure, not the batch's."""
        try:
            return self._finish(source, ahead.take(tell), tell)
        except _ODDITIES as error:
            if tell.failed:
                raise
            reason = f"{source.name}: cannot be added ({type(error).__name__}: {error}); save it anew and try again"
            return FileResult(source=source.name, state="failed", reason=reason)

    def _read(self, source: Source, emit: OnIngest) -> Reading:
        try:
            document_id, size = _sha256(source)
        except SourceError as error:
            return Reading("", 0, None, failure=str(error))
        except OSError as error:
            return Reading("", 0, None, failure=f"{source.name}: cannot be read ({error.strerror or error})")
        known = self._catalog.find(document_id)
        if known is not None and known.parser == BROUGHT:
            reason = (
                f"{source.name}: a document that you brought has the id of its bytes, {document_id}; remove it first"
            )
            return Reading("", 0, None, failure=reason)
        if known is not None and known.state == "ok":
            return Reading(document_id, size, None)
        return self._prepare(source, document_id, size, emit)

    def _prepare(self, source: Source, document_id: str, size: int, emit: OnIngest) -> Reading:
        identity = self._embedder().identity
        prepared = self._pipeline().prepare(source, document_id, emit)
        return Reading(document_id, size, prepared, split_for=identity)

    def _finish(self, source: Source, reading: Reading, emit: OnIngest) -> FileResult:
        if reading.failure:
            return FileResult(source=source.name, state="failed", reason=reading.failure)
        known = self._catalog.find(reading.document_id)
        there = known is not None and known.state == "ok"
        if reading.prepared is None or there:  # there before, or stored while it was read
            unchanged = self._link(source, reading.document_id)
            if unchanged is not None:
                return unchanged
        if reading.prepared is None:  # removed a moment ago
            reading = self._prepare(source, reading.document_id, reading.bytes, emit)
        try:
            return self._put(source, reading, emit)
        except EmbedderMismatch:
            self._renew()  # refuses, where the library's new embedder is not to be had
            return self._put(source, self._prepare(source, reading.document_id, reading.bytes, emit), emit)

    def _link(self, source: Source, document_id: str) -> FileResult | None:
        written = self._store.link(source, document_id)
        known = self._catalog.find(document_id)
        if written is None or known is None:
            return None
        return FileResult(
            source=source.name, state=known.state, document_id=document_id, chunks=known.chunks, pages=known.pages,
            unchanged=True, replaced=written.replaced, warnings=known.warnings,
        )  # fmt: skip

    def _put(self, source: Source, reading: Reading, emit: OnIngest) -> FileResult:
        embedder = self._embedder()
        if reading.split_for is None or not reading.split_for.same_vectors(embedder.identity):
            reading = self._prepare(source, reading.document_id, reading.bytes, emit)
        prepared = reading.prepared
        if prepared is None or prepared.state == "failed":
            reason, warnings = ("", ()) if prepared is None else (prepared.reason, tuple(prepared.warnings))
            return FileResult(source=source.name, state="failed", reason=reason, warnings=warnings)
        return self._store_prepared(source, reading, prepared, embedder, emit)

    def _store_prepared(
        self, source: Source, reading: Reading, prepared: Prepared, embedder: Embedder, emit: OnIngest
    ) -> FileResult:
        chunks = tuple(prepared.chunks)

        def progress(done: int, total: int) -> None:
            emit(StageProgress(source=source.name, stage="embed", done=done, total=total))

        vectors = embedder.encode_documents([chunk.embedded_text for chunk in chunks], on_progress=progress)
        parsed = prepared.parsed or _nothing(source)
        warnings = tuple(dict.fromkeys((*parsed.warnings, *prepared.warnings)))
        new = NewDocument(
            id=reading.document_id, source=source.name, parsed=dataclasses.replace(parsed, warnings=warnings),
            state=prepared.state, reason=prepared.reason, bytes=reading.bytes,
            extension=safe_extension(source.name), chunks=chunks, vectors=vectors,
        )  # fmt: skip
        try:
            written = self._store.put(new, source, embedder)
        except SourceError as error:
            return FileResult(source=source.name, state="failed", reason=f"{source.name}: {error}")
        emit(StageProgress(source=source.name, stage="store", done=len(chunks), total=len(chunks)))
        pages = sum(page.number is not None for page in parsed.pages)
        return FileResult(
            source=source.name, state=prepared.state, document_id=new.id, chunks=len(chunks), pages=pages or None,
            replaced=written.replaced, reason=prepared.reason, warnings=warnings,
        )  # fmt: skip


def _sha256(source: Source) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with source.open() as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _nothing(source: Source) -> ParsedDocument:
    """A document without text, so that a listing shows that it was tried."""
    return ParsedDocument(
        text="", pages=(), sections=(), mime="application/octet-stream", title=Path(source.name).stem, language="und"
    )


@contextmanager
def _closing(ahead: Lookahead[Item, Result]) -> Iterator[Lookahead[Item, Result]]:
    try:
        yield ahead
    finally:
        ahead.close()
