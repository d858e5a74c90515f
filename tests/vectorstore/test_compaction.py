"""Removed content leaves the disk: when it is time, at once on demand, and later where a reader is in the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from langchain_core.documents import Document

from lastro.types import BROUGHT, ParsedDocument, Upload
from lastro.vectorstore import compaction, generation
from lastro.vectorstore.library import Library
from lastro.vectorstore.rows import NewDocument

Opened = Callable[..., Library]
SECRET = "zebrafinch quokkamoon"


def holders(library: Library, words: str = SECRET) -> list[str]:
    """The files of the library's folder in which a word stands."""
    wanted = [word.encode() for word in words.split()]
    return sorted(
        file.relative_to(library.path).as_posix()
        for file in library.path.rglob("*")
        if file.is_file() and any(word in file.read_bytes() for word in wanted)
    )


@pytest.fixture
def with_secret(library: Library) -> Library:
    library.add(Upload("secret.txt", f"The {SECRET} is hidden here.".encode()))
    library.search("zebrafinch")
    assert holders(library)
    return library


def garbage(library: Library) -> int:
    return int(library._catalog.meta().get("garbage", "0"))


def test_a_purge_leaves_nothing_of_a_removed_document(with_secret: Library):
    library = with_secret
    library.remove("secret.txt", purge=True)
    assert holders(library) == []
    assert garbage(library) == 0
    assert library.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"
    assert library.search("zebrafinch", search_type="keyword") == []


def test_the_old_version_of_a_replaced_document_is_garbage_too(with_secret: Library):
    library = with_secret
    library.add(Upload("secret.txt", b"Nothing to see."))
    assert garbage(library) > 0
    assert library.purge() == "done"
    assert holders(library) == []


def test_a_purge_waits_for_a_reader_and_is_finished_when_it_has_left(with_secret: Library, opened: Opened):
    library, reader = with_secret, opened()
    with reader._catalog.read() as db:
        assert db.execute("SELECT count(*) FROM documents").fetchone()[0] == 5
        library.remove("secret.txt")
        assert library.purge(wait_s=0.0) == "pending"
        assert db.execute("SELECT count(*) FROM documents").fetchone()[0] == 5  # its moment is not disturbed
        assert "purge_pending" in library._catalog.meta()
    reader.close()
    assert "purge_pending" not in library._catalog.meta()
    assert holders(library) == []


def test_a_pending_purge_is_finished_by_whoever_opens_next(with_secret: Library, opened: Opened):
    library, reader = with_secret, opened()
    with reader._catalog.read() as db:
        db.execute("SELECT count(*) FROM documents").fetchone()
        library.remove("secret.txt")
        assert library.purge(wait_s=0.0) == "pending"
    opened()
    assert holders(library) == []


def test_compaction_comes_by_itself_after_much_was_removed(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compaction, "LEAST", 6)
    for number in range(3):
        library.add(Upload(f"{number}.txt", f"The {SECRET} number {number}.".encode()))
        library.remove(f"{number}.txt")
    assert garbage(library) == 0
    assert holders(library) == []


def test_compaction_comes_by_itself_after_a_day(with_secret: Library, documents: list[Document]):
    library = with_secret
    library.remove("secret.txt")
    assert garbage(library) > 0
    assert holders(library)
    yesterday = datetime.now(UTC) - timedelta(hours=25)
    library._catalog.set_meta(garbage_since=yesterday.isoformat(timespec="seconds"))
    library.add(documents)  # nothing new: any use by a writer will do
    assert holders(library) == []


def test_what_is_removed_while_a_purge_ends_counts_anew(with_secret: Library, monkeypatch: pytest.MonkeyPatch):
    library = with_secret
    library.remove("secret.txt")
    finish = compaction.Compaction._finish

    def remove_more(self: compaction.Compaction, wait_s: float) -> str:
        library._catalog.remove([library.document("dogs").id])
        return finish(self, wait_s)

    monkeypatch.setattr(compaction.Compaction, "_finish", remove_more)
    assert library.purge() == "done"
    assert garbage(library) > 0
    assert "garbage_since" in library._catalog.meta()


def test_a_purge_that_cannot_begin_is_not_forgotten(with_secret: Library, opened: Opened):
    from filelock import FileLock

    library = with_secret
    library.settings = library.settings.model_copy(update={"lock_timeout_s": 0.1})
    with FileLock(library.path / "index.lock"):
        library.remove("secret.txt", purge=True)
        assert library.purge_pending
    assert holders(library)
    library.close()
    again = opened()
    assert not again.purge_pending
    assert holders(again) == []


def test_a_pending_purge_is_not_begun_again_by_every_write(
    with_secret: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    library, reader = with_secret, opened()
    rewritten: list[int] = []
    rewrite = compaction.Compaction._rewrite
    with reader._catalog.read() as db:
        db.execute("SELECT count(*) FROM documents").fetchone()
        library.remove("secret.txt")
        assert library.purge(wait_s=0.0) == "pending"
        monkeypatch.setattr(compaction.Compaction, "_rewrite", lambda self: rewritten.append(1) or rewrite(self))
        for number in range(3):
            library.add(Upload(f"{number}.txt", f"Entry {number}.".encode()))
        assert rewritten == []
    library.add(Upload("last.txt", b"Last entry."))
    assert not library.purge_pending
    assert holders(library) == []


def test_documents_are_committed_while_a_purge_builds_the_index(
    with_secret: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    library, writer = with_secret, opened()
    writer.settings = writer.settings.model_copy(update={"lock_timeout_s": 0.0})
    library.remove("secret.txt")
    rebuild = type(library._index).rebuild
    added: list[str] = []

    def add_meanwhile(self: object, catalog: object) -> None:
        parsed = ParsedDocument("Owls hoot.", (), (), "text/plain", "owls", "en", parser=BROUGHT)
        chunks = writer.split(parsed, "owls")
        vectors = writer.embedder.encode_documents([chunk.embedded_text for chunk in chunks])
        new = NewDocument("owls", "", parsed, "ok", "", 10, "", chunks, vectors, metadata="{}")
        with writer._writing():
            writer._catalog.put_all([new], embedder=writer.embedder.identity.to_json())
        added.append("owls")
        rebuild(self, catalog)  # type: ignore[arg-type]

    monkeypatch.setattr(type(library._index), "rebuild", add_meanwhile)
    assert library.purge() == "done"
    assert added
    assert library.search("owls hoot", k=1, search_type="similarity")[0].title == "owls"


def test_originals_that_a_killed_process_left_are_swept(library: Library, opened: Opened):
    library.close()
    folder = library.path / "originals" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    stray = [folder / ("ab" * 32 + ".txt"), folder / ("ab" * 32 + ".txt.999999999.1.part")]
    for file in stray:
        file.write_text(SECRET, encoding="utf-8")
    again = opened()
    again.add(Upload("later.txt", b"Whales sing."))
    assert not any(file.exists() for file in stray)
    assert all(again.original(record.id).is_file() for record in again.documents())


def test_an_interrupted_rebuild_leaves_no_second_generation(library: Library, opened: Opened):
    library.close()
    left = library.path / "chroma" / "g000099"
    left.mkdir()
    (left / "data_level0.bin").write_bytes(b"left by a crash")
    again = opened()
    again.remove("cats", purge=True)
    assert not left.exists()
    assert len(list((again.path / "chroma").iterdir())) == 1


def test_the_folder_shrinks_with_what_it_holds(opened: Opened, tmp_path: Path):
    library = opened()
    library.add([Upload(f"{n}.txt", f"Word{n} ".encode() * 400) for n in range(40)])
    full = sum(file.stat().st_size for file in library.path.rglob("*") if file.is_file())
    for number in range(39):
        library.remove(f"{number}.txt")
    library.purge()
    assert sum(file.stat().st_size for file in library.path.rglob("*") if file.is_file()) < full / 2


def test_a_kill_between_a_replacement_and_its_end_leaves_no_original(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    from lastro.vectorstore import storing

    old = library.original(library.document("cats").id)
    newer = Document("Cats hunt all night.", metadata={"source": "cats", "title": "Cats"})
    with monkeypatch.context() as patch:
        patch.setattr(storing, "drop_original", lambda *_: None)  # as if killed before it
        library.add(newer)
    assert old.is_file()
    library.close()
    again = opened()
    assert again.add(newer).results[0].unchanged
    assert not old.exists()


def test_a_purge_is_not_done_by_an_index_that_was_begun_before_the_removal(
    with_secret: Library, monkeypatch: pytest.MonkeyPatch
):
    library = with_secret
    fill = generation.fill

    def overtaken(*args: object, **options: object) -> int:
        last = fill(*args, **options)  # type: ignore[arg-type]
        monkeypatch.undo()
        library._catalog.remove([library.document("secret.txt").id], purge=True)
        assert library.purge(wait_s=0.0) == "pending"  # the index is being built
        return last

    monkeypatch.setattr(generation, "fill", overtaken)
    library.rebuild()
    assert library.purge_pending
    library._compaction.finish_pending()
    assert not library.purge_pending
    assert [name for name in holders(library) if not name.startswith("originals/")] == []


def test_a_purge_of_nothing_builds_no_index(library: Library):
    before = library._catalog.meta()["index_generation"]
    assert library.purge() == "done"
    assert library._catalog.meta()["index_generation"] == before
