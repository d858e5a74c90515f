from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from langchain_core.documents import Document

from lastro.errors import LibraryError, SourceNotFound
from lastro.events import IngestEvent, StageProgress
from lastro.ingest.pipeline import IngestPipeline
from lastro.ingest.sources import Source
from lastro.types import Upload
from lastro.vectorstore import originals
from lastro.vectorstore.adding import Lookahead
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.library import Library
from lastro.vectorstore.storing import Storing
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]


class Vanished(Source):
    def open(self) -> BinaryIO:
        raise SourceNotFound(f"{self.name}: no such file; check the path")


class Unreadable(Source):
    def open(self) -> BinaryIO:
        raise OSError(5, "Input/output error")


def test_a_source_that_cannot_be_read_does_not_stop_the_others(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    library = opened()
    sources = [Vanished("/gone.txt"), Unreadable("/disk.txt"), Source("fine.txt", data=b"Cats sleep.")]
    monkeypatch.setattr("lastro.ingest.sources.discover", lambda _inputs: sources)
    gone, disk, fine = library.add(["whatever"]).results
    assert (gone.state, disk.state, fine.state) == ("failed", "failed", "ok")
    assert gone.reason == "/gone.txt: no such file; check the path"
    assert "Input/output error" in disk.reason


def test_a_document_that_leaves_while_it_is_added_again_comes_back(
    library: Library, documents: list[Document], monkeypatch: pytest.MonkeyPatch
):
    link = Storing.link

    def remove_first(store: Storing, source: Source, document_id: str) -> object:
        monkeypatch.undo()
        library.remove(document_id)
        return link(store, source, document_id)

    monkeypatch.setattr(Storing, "link", remove_first)
    result = library.add(documents[2]).results[0]
    assert (result.state, result.unchanged) == ("ok", False)
    assert library.search("cats sleep", k=1)[0].title == "Cats"


def test_a_second_source_waits_for_no_embedding(library: Library):
    embedder = library.embedder
    assert isinstance(embedder, HashEmbeddings)
    before = embedder.encoded
    result = library.add(Upload("kittens.txt", library.original(library.document("cats").id).read_bytes())).results[0]
    assert result.unchanged
    assert embedder.encoded == before
    assert library.document("cats").sources == ("cats", "kittens.txt")


def test_looking_ahead_keeps_order_and_hands_events_to_the_caller():
    def work(item: int, emit: Callable[[IngestEvent], None]) -> int:
        emit(StageProgress(source=str(item), stage="parse", done=1, total=1))
        return item * item

    seen: list[IngestEvent] = []
    ahead = Lookahead(work, [1, 2, 3])
    assert [ahead.take(seen.append) for _ in range(3)] == [1, 4, 9]
    assert [event.source for event in seen if isinstance(event, StageProgress)] == ["1", "2", "3"]
    with pytest.raises(IndexError):
        ahead.take(seen.append)
    ahead.close()


def test_an_error_of_the_work_reaches_the_caller():
    def work(item: int, _emit: object) -> int:
        return 1 // item

    ahead = Lookahead(work, [0])
    with pytest.raises(ZeroDivisionError):
        ahead.take(lambda _event: None)
    ahead.close()


def test_an_odd_item_is_cleaned_and_not_refused(opened: Opened):
    library = opened()
    half = Document("Cats sleep.", metadata={"source": "a\ud800", "title": "\ud800Cats"})
    huge = Document("Dogs bark.", metadata={"source": "b", "page": 2**70})
    report = library.add([half, huge])
    assert report.count("ok") == 2
    assert {record.title for record in library.documents()} == {"Cats", "b"}


@pytest.mark.parametrize(
    "error", [ValueError("odd"), OverflowError("odd"), RuntimeError("odd"), sqlite3.DataError("odd")]
)
@pytest.mark.parametrize("place", ["prepare", "encode_documents", "put"])
def test_a_source_that_nothing_foresaw_fails_alone(
    place: str, error: Exception, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    library = opened()
    owner = {"prepare": IngestPipeline, "encode_documents": HashEmbeddings, "put": Catalog}[place]
    real = getattr(owner, place)
    calls: list[int] = []

    def odd_once(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(owner, place, odd_once)
    odd, fine = library.add([Upload("odd.txt", b"Dogs bark."), Upload("fine.txt", b"Cats sleep.")]).results
    assert (odd.state, odd.document_id, fine.state) == ("failed", None, "ok")
    assert odd.reason.startswith("odd.txt: ")
    assert "odd)" in odd.reason
    assert [record.title for record in library.documents()] == ["fine"]


@pytest.mark.parametrize("error", [LibraryError("broken"), OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_is_no_sources_fault_stops_the_batch(
    error: BaseException, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_arguments: object, **_options: object) -> None:
        raise error

    library = opened()
    monkeypatch.setattr(Catalog, "put", fail)
    with pytest.raises(type(error)):
        library.add(Upload("a.txt", b"Dogs bark."))


@pytest.mark.parametrize("stage", ["parse", "embed", "store"])
def test_an_error_of_the_listener_is_not_taken_for_the_sources(stage: str, opened: Opened):
    def listen(event: IngestEvent) -> None:
        if isinstance(event, StageProgress) and event.stage == stage:
            raise ValueError("the listener's own")

    with pytest.raises(ValueError, match="the listener's own"):
        opened().add(Upload("a.txt", b"Dogs bark."), on_event=listen)


def test_an_index_that_cannot_be_written_is_not_the_documents_failure(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    def fail(*_arguments: object) -> None:
        raise RuntimeError("no more handles")

    library = opened()
    with monkeypatch.context() as patch:
        patch.setattr("lastro.vectorstore.generation.open_client", fail)
        with pytest.raises(LibraryError, match="no more handles"):
            library.add(Upload("a.txt", b"Dogs bark."))
    assert library.search("dogs", k=1)[0].text == "Dogs bark."


def test_a_sweep_between_making_a_copy_and_locking_it_loses_no_document(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    create, swept = originals._create, []

    def create_and_be_swept(file: Path) -> BinaryIO:
        copy = create(file)
        if len(swept) < 2:  # as another thread or process that adds does when it begins
            swept.append(originals.sweep(library.path, {record.id for record in library.documents()}))
        return copy

    monkeypatch.setattr(originals, "_create", create_and_be_swept)
    report = library.add(Upload("late.txt", b"A document that was nearly swept away."))
    assert swept == [1, 1]
    assert report.count("ok") == 1
    assert library.original(report.results[0].document_id or "").read_bytes().startswith(b"A document")
