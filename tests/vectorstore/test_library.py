from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from langchain_core.documents import Document

import lastro
from lastro.config import load_settings
from lastro.errors import (
    ConfigError,
    DocumentNotFound,
    EmbedderMismatch,
    LibraryCorrupt,
    LibraryDiskError,
    LibraryError,
    LibraryLocked,
    LibraryNotFound,
    LibraryTooNew,
)
from lastro.events import FileFinished, FileStarted, IngestEvent, StageProgress
from lastro.types import PageSpan, ParsedDocument, Upload
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]


def texts(library: Library, query: str, **options: object) -> list[str]:
    return [passage.text for passage in library.search(query, **options)]  # type: ignore[arg-type]


def _pdf(text: str) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.drawString(72, 720, text)
    canvas.save()
    return stream.getvalue()


def chunk_count(library: Library) -> int:
    return sum(record.chunks for record in library.documents())


def test_a_question_finds_its_passage_with_every_score(library: Library):
    best = library.search("When does the lease end?", k=3)[0]
    assert best.title == "Lease"
    assert best.rank == 1
    assert best.keyword_score is not None
    assert best.keyword_score > 0
    assert best.cosine is not None
    assert best.text == library.text(best.document_id)[best.start : best.end]


def test_a_portuguese_question_finds_portuguese_text(library: Library):
    best = library.search("Quando terminam os contratos de locação?", k=1)[0]
    assert (best.title, best.language) == ("Contrato", "pt")


def test_every_search_type_ranks_by_its_own_score(library: Library):
    similar = library.search("cats sleep", k=4, search_type="similarity")
    assert [p.score for p in similar] == sorted((p.cosine for p in similar), reverse=True)
    word = library.search("cats sleep", k=4, search_type="keyword")
    assert [p.title for p in word] == ["Cats"]
    assert word[0].score == word[0].keyword_score
    assert word[0].cosine == pytest.approx(similar[0].cosine)


def test_filters_apply_to_both_searches(library: Library):
    assert {p.language for p in library.search("2027", where={"language": "pt"})} == {"pt"}
    chosen = {"title": {"$in": ["Cats", "Dogs"]}}
    for kind in ("hybrid", "similarity", "keyword"):
        found = library.search("cats and dogs and the lease", where=chosen, search_type=kind)
        assert {p.title for p in found} == {"Cats", "Dogs"}
    assert library.search("cats", where={"source": "nowhere"}) == []
    assert library.search("cats", where={"source": "cats", "language": "pt"}) == []
    key = library.document("cats").id
    assert {p.document_id for p in library.search("dogs", where={"document_id": key})} == {key}


@pytest.mark.parametrize("wide", [0.0, 2.0])  # filtered here, or by Chroma
def test_filters_over_many_chunks_go_through_the_index(library: Library, monkeypatch: pytest.MonkeyPatch, wide: float):
    monkeypatch.setattr("lastro.vectorstore.search.EXACT_BELOW", 0)
    monkeypatch.setattr("lastro.vectorstore.search.WIDE", wide)
    assert {p.title for p in library.search("2027", where={"language": "pt"}, search_type="similarity")} == {"Contrato"}


@pytest.mark.parametrize(
    "options",
    [
        {"where": {"title": {"$like": "A"}}},
        {"where": {"title": {"$in": "A"}}},
        {"where": "title"},
        {"k": 0},
        {"search_type": "magic"},
        {"min_relevance": 2},
        {"minimum_relevance": 0.5},
    ],
)
def test_a_search_that_cannot_be_is_refused(library: Library, options: dict):
    with pytest.raises(ConfigError):
        library.search("cats", **options)


def test_nothing_asked_or_nothing_there_finds_nothing(library: Library, opened: Opened, tmp_path: Path):
    assert library.search("  \n") == []
    empty = lastro.open_library(tmp_path / "empty", embedder=HashEmbeddings())
    assert empty.search("cats") == []
    empty.close()


def test_adding_twice_is_once_and_reads_nothing_again(library: Library, documents: list[Document]):
    embedder = library.embedder
    before = embedder.encoded  # type: ignore[attr-defined]
    report = library.add(documents)
    assert all(result.unchanged and not result.replaced for result in report.results)
    assert embedder.encoded == before  # type: ignore[attr-defined]
    assert chunk_count(library) == 4


def test_the_same_bytes_twice_in_one_batch_are_one_document(opened: Opened):
    library = opened()
    library.add([Upload("a.txt", b"Cats sleep."), Upload("b.txt", b"Cats sleep.")])
    assert len(library.documents()) == 1
    assert library.documents()[0].sources == ("a.txt", "b.txt")
    assert chunk_count(library) == 1


def test_a_renamed_file_is_the_same_document_with_a_new_name(opened: Opened, tmp_path: Path):
    library = opened()
    file = tmp_path / "a.txt"
    file.write_text("Cats sleep most of the day.", encoding="utf-8")
    library.add(file)
    embedder = library.embedder
    before = embedder.encoded
    renamed = file.rename(tmp_path / "whiskers.txt")
    result = library.add(renamed).results[0]
    assert result.unchanged
    record = library.documents()[0]
    assert (record.sources, record.title) == ((str(renamed),), "whiskers")
    assert library.document(str(renamed)) == library.document(record.id[:6]) == record
    assert embedder.encoded == before
    for kind in ("similarity", "keyword", "hybrid"):
        (found,) = library.search("cats sleep", search_type=kind)
        assert found.title == "whiskers"
    assert library.search("whiskers", search_type="keyword")  # the new name is indexed
    with pytest.raises(DocumentNotFound):
        library.document("a.txt")


def test_a_copy_is_a_second_source_of_one_document(opened: Opened, tmp_path: Path):
    library = opened()
    (tmp_path / "a.txt").write_text("Cats sleep most of the day.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Cats sleep most of the day.", encoding="utf-8")
    library.add([tmp_path / "a.txt", tmp_path / "b.txt"])
    (record,) = library.documents()
    assert record.sources == (str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    assert record.title == "a"


def test_changed_bytes_replace_the_old_version(opened: Opened, tmp_path: Path):
    library = opened()
    file = tmp_path / "a.txt"
    file.write_text("Cats sleep most of the day.", encoding="utf-8")
    old = library.add(file).results[0].document_id
    original = library.original(old)
    file.write_text("Dogs bark at night.", encoding="utf-8")
    result = library.add(file).results[0]
    assert result.replaced
    assert not result.unchanged
    assert texts(library, "cats dogs") == ["Dogs bark at night."]
    assert [record.id for record in library.documents()] == [result.document_id]
    assert not original.exists()
    assert library.original(result.document_id).read_bytes() == file.read_bytes()


def test_a_replaced_version_stays_while_another_source_has_it(opened: Opened):
    library = opened()
    library.add([Upload("a.txt", b"Cats sleep."), Upload("b.txt", b"Cats sleep.")])
    library.add(Upload("a.txt", b"Dogs bark."))
    assert {record.sources for record in library.documents()} == {("a.txt",), ("b.txt",)}
    library.add(Upload("a.txt", b"Cats sleep."))
    assert [record.sources for record in library.documents()] == [("a.txt", "b.txt")]
    assert texts(library, "dogs bark") == ["Cats sleep."]


def test_removing_leaves_nothing_to_find(library: Library):
    original = library.original(library.document("cats").id)
    assert original.read_text(encoding="utf-8").startswith("Cats sleep")
    removed = library.remove("cats")
    assert removed.title == "Cats"
    for kind in ("hybrid", "similarity", "keyword"):
        assert "Cats" not in {p.title for p in library.search("cats sleep", search_type=kind)}
    assert library.idf(["cat"])["cat"] == library.idf(["absent"])["absent"]
    assert not original.exists()
    with pytest.raises(DocumentNotFound):
        library.text(removed.id)
    with pytest.raises(DocumentNotFound, match="cats"):
        library.remove("cats")


def test_an_ambiguous_or_short_key_is_refused(opened: Opened):
    library = opened()
    library.add(
        [
            Document("One.", metadata={"source": "x", "title": "T"}),
            Document("Two.", metadata={"source": "y", "title": "T"}),
        ]
    )
    with pytest.raises(DocumentNotFound, match="2 documents"):
        library.document("T")
    with pytest.raises(DocumentNotFound):
        library.document(library.documents()[0].id[:5])


def test_an_empty_file_is_listed_and_a_broken_one_only_reported(opened: Opened):
    library = opened()
    report = library.add([Upload("blank.txt", b"  \n"), Upload("broken.pdf", b"%PDF-1.7 nonsense")])
    assert [result.state for result in report.results] == ["empty", "failed"]
    assert report.results[1].reason
    listed = library.documents()
    assert [(record.title, record.state, record.chunks) for record in listed] == [("blank", "empty", 0)]
    assert listed[0].warnings
    again = library.add(Upload("blank.txt", b"  \n"))
    assert again.results[0].state == "empty"
    assert len(library.documents()) == 1


def test_a_source_that_fails_after_a_change_keeps_its_old_version(opened: Opened, tmp_path: Path):
    library = opened()
    file = tmp_path / "a.pdf"
    file.write_bytes(_pdf("Dogs bark."))
    assert library.add(file).count("ok") == 1
    file.write_bytes(b"%PDF-1.7 nonsense")
    assert library.add(file).results[0].state == "failed"
    assert "Dogs bark." in texts(library, "dogs bark")


def test_events_tell_of_every_file_in_order(opened: Opened, documents: list[Document]):
    events: list[IngestEvent] = []
    threads: set[int] = set()

    def note(event: IngestEvent) -> None:
        events.append(event)
        threads.add(threading.get_ident())

    opened().add(documents, on_event=note)
    assert threads == {threading.get_ident()}
    assert [e.index for e in events if isinstance(e, FileStarted)] == [1, 2, 3, 4]
    current = ""
    for event in events:
        if isinstance(event, FileStarted):
            current = event.source
        elif isinstance(event, StageProgress):
            assert event.source == current
        else:
            assert event.result.source == current
    assert {e.stage for e in events if isinstance(e, StageProgress)} == {"parse", "split", "embed", "store"}


def test_a_cancelled_or_interrupted_add_leaves_whole_documents(opened: Opened, documents: list[Document]):
    library, cancel = opened(), threading.Event()

    def stop_after_one(event: IngestEvent) -> None:
        if isinstance(event, FileFinished):
            cancel.set()

    assert len(library.add(documents, on_event=stop_after_one, cancel=cancel).results) == 1

    def interrupt(event: IngestEvent) -> None:
        if isinstance(event, StageProgress) and event.stage == "embed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add(documents, on_event=interrupt)
    assert [record.title for record in library.documents()] == ["Lease"]
    assert len(library.add(documents).results) == 4
    assert chunk_count(library) == 4


def test_an_embedding_that_fails_leaves_no_trace(opened: Opened, documents: list[Document], tmp_path: Path):
    class Failing(HashEmbeddings):
        failing = False

        def encode_documents(self, texts, *, on_progress=None):
            if self.failing:
                raise MemoryError
            return super().encode_documents(texts, on_progress=on_progress)

    embedder = Failing()
    library = opened(embedder=embedder)
    embedder.failing = True
    with pytest.raises(MemoryError):
        library.add(documents)
    assert library.documents() == []
    assert not (library.path / "originals").exists()


def test_a_write_that_fails_takes_the_original_back(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    library = opened()

    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lastro.vectorstore.keyword.index_chunks", fail)
        with pytest.raises(LibraryDiskError, match="disk is full or failed"):
            library.add(Upload("a.txt", b"Cats sleep."))
    assert library.documents() == []
    assert not [file for file in library.path.rglob("originals/*/*") if file.is_file()]
    assert library.add(Upload("a.txt", b"Cats sleep.")).count("ok") == 1


def test_a_file_that_changes_while_it_is_read_is_not_stored(opened: Opened, tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text("Cats sleep.", encoding="utf-8")
    library = opened()

    def change(event: IngestEvent) -> None:
        if isinstance(event, StageProgress) and event.stage == "embed":
            file.write_text("Dogs bark.", encoding="utf-8")

    result = library.add(file, on_event=change).results[0]
    assert result.state == "failed"
    assert "changed while it was read" in result.reason
    assert library.documents() == []


def test_pages_and_text_come_back_as_parsed(library: Library):
    key = library.document("lease").id
    assert library.page_spans(key) == (PageSpan(number=None, start=0, end=len(library.text(key))),)
    with pytest.raises(DocumentNotFound):
        library.page_spans("nothing")


def test_another_embedder_of_the_same_width_is_refused_before_any_write(opened: Opened, library: Library):
    library.close()
    before = {file: file.read_bytes() for file in library.path.rglob("*.sqlite*")}
    with pytest.raises(EmbedderMismatch, match=r"indexed with hash .*opened with hash2"):
        opened(embedder=HashEmbeddings(salt="2"))
    assert {file: file.read_bytes() for file in library.path.rglob("*.sqlite*")} == before
    assert len(opened().search("cats")) == 4


def test_a_renamed_model_with_the_same_weights_is_accepted(opened: Opened, library: Library):
    class Renamed(HashEmbeddings):
        @property
        def identity(self):
            import dataclasses

            return dataclasses.replace(super().identity, name="other name")

    assert opened(embedder=Renamed()).search("cats")


def test_a_locked_library_names_its_holder(opened: Opened, documents: list[Document]):
    library = opened(settings=load_settings(library={"lock_timeout_s": 0}))
    library.add(documents[:1])
    with FileLock(library.path / "write.lock"):
        (library.path / "write.lock.json").write_text(json.dumps({"pid": 4711, "host": "desk", "since": "noon"}))
        with pytest.raises(LibraryLocked, match=r"process 4711 on desk \(since noon\)"):
            library.add(documents)
        (library.path / "write.lock.json").write_text("{")
        with pytest.raises(LibraryLocked, match="another process"):
            library.remove("lease")
        assert library.add(documents[:1]).results[0].unchanged  # nothing to write, no lock to wait for
        assert library.search("lease")
    assert library.add(documents).count("ok") == 4


def test_two_threads_add_and_search_together(opened: Opened):
    library = opened()
    errors: list[BaseException] = []

    def add(name: str) -> None:
        try:
            for number in range(6):
                library.add(Upload(f"{name}{number}.txt", f"{name} writes line {number}.".encode()))
                assert library.search(f"{name} {number}", k=3)
        except BaseException as error:  # noqa: BLE001 - a thread cannot raise into the test
            errors.append(error)

    workers = [threading.Thread(target=add, args=(name,)) for name in ("alice", "bruno", "clara")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == []
    assert len(library.documents()) == 18
    for record in library.documents():
        found = library.search(library.text(record.id), k=1, search_type="similarity")[0]
        assert found.document_id == record.id


def test_a_library_of_a_newer_format_is_refused_and_left_as_it_is(opened: Opened, library: Library):
    library.close()
    file = library.path / "library.sqlite"
    db = sqlite3.connect(file)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = {entry: entry.read_bytes() for entry in library.path.rglob("*") if entry.is_file()}
    with pytest.raises(LibraryTooNew, match="format 99"):
        opened()
    assert {entry: entry.read_bytes() for entry in library.path.rglob("*") if entry.is_file()} == before


def test_a_strangers_database_is_not_taken_over(tmp_path: Path):
    for name, fill in (("sqlite", True), ("noise", False)):
        folder = tmp_path / name
        folder.mkdir()
        file = folder / "library.sqlite"
        if fill:
            db = sqlite3.connect(file)
            db.execute("CREATE TABLE theirs (x)")
            db.close()
        else:
            file.write_bytes(os.urandom(4096))
        before = file.read_bytes()
        with pytest.raises(LibraryCorrupt):
            lastro.open_library(folder, embedder=HashEmbeddings())
        assert file.read_bytes() == before


def test_a_library_keeps_the_settings_it_was_made_with(opened: Opened, documents: list[Document]):
    library = opened(settings=load_settings(library={"chunk_tokens": 40, "chunk_overlap_tokens": 4}))
    library.close()
    again = opened(settings=load_settings(library={"chunk_tokens": 99, "lock_timeout_s": 3}))
    assert (again.settings.chunk_tokens, again.settings.chunk_overlap_tokens) == (40, 4)
    assert again.settings.lock_timeout_s == 3
    assert again.settings.embedder == "hash"


def test_listing_loads_no_model(tmp_path: Path):
    with lastro.open_library(tmp_path / "library") as library:
        assert library.documents() == []
        assert library._embedder is None
    library.close()


def test_a_missing_library_is_not_made_by_looking(tmp_path: Path):
    with pytest.raises(LibraryNotFound, match="nowhere"):
        lastro.open_library(tmp_path / "nowhere", create=False)
    assert not (tmp_path / "nowhere").exists()


def test_the_fence_depends_on_library_and_seed_only(opened: Opened, library: Library, tmp_path: Path):
    mark = library.fence(7)
    assert len(mark) == 16
    assert int(mark, 16) >= 0
    assert mark == library.fence(7) == opened().fence(7)
    assert mark != library.fence(8)
    with lastro.open_library(tmp_path / "other", embedder=HashEmbeddings()) as other:
        assert other.fence(7) != mark


def test_idf_grows_with_rarity(library: Library):
    found = library.idf(["2027", "cat", "absent"])
    assert found["2027"] < found["cat"] < found["absent"]


def test_the_library_shows_its_path(library: Library):
    assert repr(library) == f"Library({str(library.path)!r})"


def test_a_document_is_found_by_its_file_name_where_only_one_has_it(opened: Opened, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "notes.txt").write_text("The pear is green.", encoding="utf-8")
    (tmp_path / "a" / "both.txt").write_text("The plum is blue.", encoding="utf-8")
    (tmp_path / "b" / "both.txt").write_text("The fig is brown.", encoding="utf-8")
    library = opened()
    library.add([tmp_path / "a", tmp_path / "b"])
    assert library.document("notes.txt").sources == (str(tmp_path / "a" / "notes.txt"),)
    with pytest.raises(DocumentNotFound, match="2 documents"):
        library.document("both.txt")


CLOSED: dict[str, Callable[[Library], object]] = {
    "embedder": lambda library: library.embedder,
    "add": lambda library: library.add(Upload("a.txt", b"Cats sleep.")),
    "remove": lambda library: library.remove("cats"),
    "purge": lambda library: library.purge(),
    "purge_pending": lambda library: library.purge_pending,
    "is_empty": lambda library: library.is_empty(),
    "put_documents": lambda library: library.put_documents([], embedder=HashEmbeddings()),
    "delete_documents": lambda library: library.delete_documents(["x"]),
    "split": lambda library: library.split(ParsedDocument("x", (), (), "text/plain", "x", "en"), "x"),
    "search_vector": lambda library: library.search_vector([0.0]),
    "as_vectorstore": lambda library: library.as_vectorstore(),
    "verify": lambda library: library.verify(),
    "rebuild": lambda library: library.rebuild(),
    "export": lambda library: library.export("backup.zip"),
    "documents": lambda library: library.documents(),
    "document": lambda library: library.document("cats"),
    "main_language": lambda library: library.main_language(),
    "text": lambda library: library.text("x"),
    "passages": lambda library: library.passages(["x"]),
    "page_spans": lambda library: library.page_spans("x"),
    "original": lambda library: library.original("x"),
    "search": lambda library: library.search("cats"),
    "as_retriever": lambda library: library.as_retriever(),
    "idf": lambda library: library.idf(["cat"]),
    "fence": lambda library: library.fence(1),
}


def test_a_closed_library_refuses_everything(library: Library):
    public = {name for name in vars(Library) if not name.startswith("_")} - {"close"}
    assert set(CLOSED) == public
    library.close()
    for use in CLOSED.values():
        with pytest.raises(LibraryError, match=r"is closed; open it again"):
            use(library)
    assert library._catalog._idle.empty()
    assert library._index._open is None
    library.close()


def test_closing_while_documents_are_added_stops_with_an_error_and_leaves_no_process(
    opened: Opened, documents: list[Document]
):
    library = opened()

    def close(event: IngestEvent) -> None:
        if isinstance(event, FileFinished):
            library.close()

    with pytest.raises(LibraryError, match="closed"):
        library.add(documents, on_event=close)
    assert library._pipeline._parser.pid is None  # type: ignore[union-attr]
    assert library._index._open is None
    assert [record.title for record in opened().documents()] == ["Lease"]


def test_of_two_embedders_that_come_first_at_once_one_is_refused(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    library = opened(settings=load_settings(library={"embedder": "hash"}), embedder=None)
    meta, other = library._catalog.meta, HashEmbeddings(salt="2").identity.to_json()

    def overtaken() -> dict[str, str]:
        seen = meta()
        library._catalog.set_meta(embedder=other)  # as another process does, between the look and the write
        return seen

    monkeypatch.setattr(library._catalog, "meta", overtaken)
    with pytest.raises(EmbedderMismatch, match="indexed with hash2"):
        library._check(HashEmbeddings())
    assert meta()["embedder"] == other


def test_the_main_language_is_that_of_most_documents(opened: Opened):
    library = opened()
    assert library.main_language() == "en"
    library.add(
        [
            Upload("a.txt", "O contrato de loca\u00e7\u00e3o termina em 31 de maio de 2027.".encode()),
            Upload("b.txt", "O aluguel vence no quinto dia do m\u00eas seguinte.".encode()),
            Upload("c.txt", b"The lease ends on the last day of May."),
        ]
    )
    assert library.main_language() == "pt"


@pytest.mark.parametrize("query", ["multa contratual", "FGTS"])
def test_a_short_question_is_in_the_language_of_its_library(query: str, opened: Opened):
    library = opened(embedder=HashEmbeddings(languages=("en",)))
    library.add(Upload("a.txt", "O contrato de loca\u00e7\u00e3o termina em maio; o FGTS n\u00e3o muda.".encode()))
    weights = library._finding._weights(query, library.retrieval, library.embedder)
    assert weights["keyword_weight"] == library.retrieval.keyword_weight_foreign


def test_words_weigh_less_where_the_passages_are_in_another_language_that_the_embedder_speaks(opened: Opened):
    library = opened(embedder=HashEmbeddings(languages=("en", "pt")))
    library.add([Upload("a.txt", b"The lease ends in May."), Upload("b.txt", b"The deposit is three rents. Maio.")])
    settings = library.retrieval.model_copy(update={"keyword_weight_translated": 0.0})
    question = "Em que m\u00eas termina o contrato, em maio?"
    found = library.search(question, settings=settings)
    assert [one.chunk_id for one in found] == [
        one.chunk_id for one in library.search(question, search_type="similarity")
    ]
    library.add(Upload("c.txt", "O contrato de loca\u00e7\u00e3o termina em maio de 2027, segundo as partes.".encode()))
    assert library.search(question, settings=settings)[0].title == "c"


def test_a_folder_with_other_files_is_not_made_a_library(tmp_path: Path):
    photo = tmp_path / "originals" / "2023" / "img.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"the only copy")
    with pytest.raises(LibraryError, match=r"library\.sqlite is missing"):
        lastro.open_library(tmp_path, embedder=HashEmbeddings())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "draft.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(LibraryError, match=r"not empty \(draft.txt\)"):
        lastro.open_library(tmp_path / "thesis", embedder=HashEmbeddings())
    assert photo.read_bytes() == b"the only copy"
    assert [entry.name for entry in (tmp_path / "thesis").iterdir()] == ["draft.txt"]


def test_a_library_whose_folder_was_replaced_is_not_written_to(library: Library, opened: Opened):
    import shutil

    elsewhere = library.path.with_name("elsewhere")
    shutil.copytree(library.path, elsewhere)
    shutil.rmtree(library.path)
    elsewhere.rename(library.path)
    with pytest.raises(LibraryError, match="removed or replaced"):
        library.add(Upload("whales.txt", b"Whales sing."))
    again = opened()
    assert len(again.documents()) == 4
    assert all(again.original(record.id).is_file() for record in again.documents())


def test_an_interrupt_after_the_commit_keeps_the_original(library: Library, monkeypatch: pytest.MonkeyPatch):
    put = library._catalog.put

    def interrupted(*args: object, **options: object) -> None:
        put(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(library._catalog, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        library.add(Upload("whales.txt", b"Whales sing."))
    assert library.original(library.document("whales.txt").id).read_bytes() == b"Whales sing."


def test_an_original_keeps_the_extension_it_first_came_with(opened: Opened):
    library = opened()
    library.add(Upload("blank.txt", b"   "))
    assert library.documents()[0].state == "empty"
    library.add(Upload("blank.md", b"   "))
    (record,) = library.documents()
    assert library.original(record.id).read_bytes() == b"   "
    assert library.verify().ok


def test_the_original_of_a_source_called_part_goes_with_its_document(library: Library):
    library.add(Upload("notes.part", b"Whales sing in the deep."))
    original = library.original(library.document("notes.part").id)
    assert original.is_file()
    library.remove("notes.part")
    assert not original.exists()


def test_bytes_whose_id_the_owner_gave_to_a_document_are_refused_and_the_rest_is_added(library: Library):
    taken = hashlib.sha256(b"Whales sing.").hexdigest()
    library.as_vectorstore().add_documents([Document("Mine.", id=taken)])
    report = library.add([Upload("whales.txt", b"Whales sing."), Upload("birds.txt", b"Birds fly.")])
    refused, added = report.results
    assert (refused.state, added.state) == ("failed", "ok")
    assert "remove it first" in refused.reason


def test_documents_added_after_another_process_changed_the_embedder_are_embedded_anew(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "lastro.vectorstore.embeddings.load_embedder",
        lambda name, **_options: HashEmbeddings(salt="" if name == "hash" else name),
    )
    settings = load_settings(library={"embedder": "hash"})
    one, other = opened(settings=settings, embedder=None), opened(settings=settings, embedder=None)
    one.add(Upload("cats.txt", b"Cats sleep."))
    other.rebuild(embedder="2")
    report = one.add(Upload("whales.txt", b"Whales sing."))
    assert report.count("ok") == 1
    assert one.search("whales sing", k=1, search_type="similarity")[0].title == "whales"
    assert one.search("cats sleep", k=1, search_type="similarity")[0].title == "cats"
