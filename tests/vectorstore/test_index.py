from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.documents import Document

from lastro.config import load_settings
from lastro.types import Upload
from lastro.vectorstore.index import COLLECTION, IndexState
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]

ELSEWHERE = """
import sys
import lastro
from pathlib import Path
from lastro.config import load_settings
from lastro.types import Upload
from tests.fakes import HashEmbeddings

with lastro.open_library(Path(sys.argv[1]), embedder=HashEmbeddings()) as library:
    exec(sys.argv[2])
"""


def elsewhere(library: Library, code: str) -> str:
    """Run code on the same library in another process, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(library.path), code],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def generation(library: Library) -> str:
    return library._catalog.meta()["index_generation"]


def finds_itself(library: Library) -> bool:
    return all(
        library.search(library.text(record.id), k=1, search_type="similarity")[0].document_id == record.id
        for record in library.documents()
    )


@pytest.mark.parametrize("still_open", [True, False])
def test_plain_langchain_chroma_reads_the_folder(library: Library, still_open: bool):
    from langchain_chroma import Chroma

    text = library.text(library.document("cats").id)
    folder = library.path / "chroma" / generation(library)
    if not still_open:
        library.close()
    store = Chroma(collection_name=COLLECTION, persist_directory=str(folder), embedding_function=HashEmbeddings())
    ((found, score),) = store.similarity_search_with_relevance_scores("Cats sleep most of the day", k=1)
    assert found.page_content == text[found.metadata["start"] : found.metadata["end"]]
    assert (found.metadata["source"], found.metadata["title"]) == ("cats", "Cats")
    assert score > 0.5
    if still_open:  # the stranger's client does not keep ours from seeing its own writes
        library.add(Upload("later.txt", b"Whales sing."))
        assert finds_itself(library)
    store._client.close()


def test_pages_stand_in_the_collections_metadata(opened: Opened, tmp_path: Path):
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(tmp_path / "two.pdf"))
    for text in ("Cats sleep most of the day in warm places.", "Dogs bark at strangers during the night."):
        canvas.drawString(72, 720, text)
        canvas.showPage()
    canvas.save()
    library = opened()
    assert library.add(tmp_path / "two.pdf").count("ok") == 1
    from langchain_chroma import Chroma

    store = Chroma(
        collection_name=COLLECTION,
        persist_directory=str(library.path / "chroma" / generation(library)),
        embedding_function=HashEmbeddings(),
    )
    found = store.similarity_search("dogs bark", k=10)
    assert {document.metadata["page"] for document in found} <= {1, 2}
    assert found[0].metadata["source"] == str(tmp_path / "two.pdf")
    store._client.close()


def test_a_second_process_is_fresh_at_its_next_query(library: Library):
    assert library.search("cats", search_type="similarity")  # the client is open, and will be stale
    elsewhere(library, "library.add(Upload('whales.txt', b'Whales sing in the deep sea.'))")
    for kind in ("similarity", "keyword", "hybrid"):
        assert library.search("whales sing", k=1, search_type=kind)[0].text == "Whales sing in the deep sea."
    elsewhere(library, "library.remove('whales.txt'); library.remove('cats')")
    for kind in ("similarity", "keyword", "hybrid"):
        assert {p.title for p in library.search("whales cats", search_type=kind)} <= {"Lease", "Contrato", "Dogs"}


def test_two_processes_that_write_in_turns_lose_no_vector(library: Library):
    for number in range(3):
        library.add(Upload(f"here{number}.txt", f"Here is entry number {number} of one side.".encode()))
        elsewhere(library, f"library.add(Upload('there{number}.txt', b'There goes line {number} of the rest.'))")
    assert len(library.documents()) == 10
    assert finds_itself(library)
    assert elsewhere(library, "print(library._index.behind(library._catalog))") == "0"


def test_a_reader_far_behind_opens_the_index_anew(library: Library, monkeypatch: pytest.MonkeyPatch):
    library.search("cats")
    monkeypatch.setattr("lastro.vectorstore.index.REOPEN_AFTER", 0)
    before = library._index._open
    elsewhere(library, "library.add(Upload('whales.txt', b'Whales sing in the deep sea.'))")
    assert library.search("whales sing", k=1, search_type="similarity")[0].title == "whales"
    assert library._index._open is not before


@pytest.mark.parametrize("damage", ["folder", "database", "vectors", "collection"])
def test_a_broken_index_heals_without_embedding_again(library: Library, opened: Opened, damage: str):
    library.close()
    folder = library.path / "chroma" / "g000001"
    if damage == "folder":
        shutil.rmtree(library.path / "chroma")
    elif damage == "database":
        (folder / "chroma.sqlite3").unlink()
    elif damage == "vectors":
        (folder / "chroma.sqlite3").write_bytes(b"")
    else:
        import chromadb

        client = chromadb.PersistentClient(str(folder))
        client.get_collection(COLLECTION, embedding_function=None).delete(where={"title": "Cats"})
        client.close()
    embedder = HashEmbeddings()
    again = opened(embedder=embedder)
    assert again.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"
    assert finds_itself(again)
    assert embedder.encoded == 0
    assert [entry.name for entry in (again.path / "chroma").iterdir()] == [generation(again)]
    again.add(Upload("later.txt", b"Whales sing."))
    assert finds_itself(again)


def test_a_broken_index_is_no_obstacle_while_another_writes(library: Library, opened: Opened):
    from filelock import FileLock

    library.close()
    shutil.rmtree(library.path / "chroma")
    again = opened()
    with FileLock(again.path / "index.lock"):
        assert again.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"
    assert not (again.path / "chroma").exists()


def test_an_index_that_cannot_be_rebuilt_leaves_exact_search(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    library.close()
    shutil.rmtree(library.path / "chroma")
    again = opened()

    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("lastro.vectorstore.generation.open_client", refuse)
    for _ in range(2):
        assert again.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"


def test_an_index_that_breaks_under_a_query_leaves_exact_search(library: Library, monkeypatch: pytest.MonkeyPatch):
    opened = library._index._open
    assert opened is not None

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(opened.collection, "query", fail)
    assert library.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"


def test_an_index_that_breaks_under_a_write_is_built_anew(library: Library, monkeypatch: pytest.MonkeyPatch):
    opened = library._index._open
    assert opened is not None

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(opened.collection, "add", fail)
    library.add(Upload("later.txt", b"Whales sing."))
    assert generation(library) == "g000002"
    assert finds_itself(library)


def test_a_crash_between_catalogue_and_index_loses_nothing(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    class Crash(BaseException):
        pass

    def crash(*_args: object, **_kwargs: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr("lastro.vectorstore.index.ChromaIndex.sync", crash)
        with pytest.raises(Crash):
            library.add(Upload("whales.txt", b"Whales sing."))
        with pytest.raises(Crash):
            library.remove("cats")
    for _ in range(2):
        assert library.search("whales sing", k=1, search_type="similarity")[0].text == "Whales sing."
        assert "Cats" not in {p.title for p in library.search("cats", search_type="similarity")}
        library.close()
        library = opened()
    library.add(Document("Cats sleep most of the day and hunt at dusk.", metadata={"source": "cats", "title": "Cats"}))
    assert finds_itself(library)
    assert library._following.lag() == 0


def test_many_removed_chunks_do_not_hide_the_rest(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    library = opened()
    monkeypatch.setattr("lastro.vectorstore.search.Request.limit", 2)
    library.add([Upload(f"{n}.txt", f"cats cats cats {n}".encode()) for n in range(40)])
    library.add(Upload("last.txt", b"one lonely cats text among whales and dogs and birds"))
    monkeypatch.setattr("lastro.vectorstore.index.ChromaIndex.sync", lambda *_: None)
    for number in range(40):
        library.remove(f"{number}.txt")
    assert [p.title for p in library.search("cats", k=2, search_type="similarity")] == ["last"]


SEVENTH = "Entry n7 speaks of the thing t55433 and of no other thing."


@pytest.fixture
def flushed(opened: Opened) -> Library:
    """A library of more than a thousand chunks, so that Chroma has flushed its vector files once."""
    library = opened(settings=load_settings(library={"chunk_tokens": 16, "chunk_overlap_tokens": 0}))
    entries = [f"Entry n{n} speaks of the thing t{n * 7919} and of no other thing." for n in range(1_050)]
    library.add(Upload("entries.txt", "\n\n".join(entries).encode()))
    assert library.documents()[0].chunks >= 1_000
    assert any(file.name == "index_metadata.pickle" for file in vector_files(library))
    return library


def vector_files(library: Library) -> list[Path]:
    return sorted(file for file in library.path.glob("chroma/*/*/*") if file.name != "header.bin")


def test_the_index_follows_in_batches_and_at_the_end(library: Library, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lastro.vectorstore.following.SYNC_AFTER", 3)
    lags: list[int] = []
    small = [Upload(f"{n}.txt", f"Entry {n} speaks of t{n * 7919}.".encode()) for n in range(9)]
    library.add(small, on_event=lambda _event: lags.append(library._following.lag()))
    assert max(lags) > 1  # it does lag
    assert library._following.lag() == 0
    assert finds_itself(library)


def test_a_commit_does_not_wait_for_who_works_on_the_index(library: Library, opened: Opened):
    from filelock import FileLock

    other = opened()
    with FileLock(library.path / "index.lock"):
        found: list[str] = []

        def added(event: object) -> None:
            if type(event).__name__ == "FileFinished":
                found.append(other.search("whales sing", k=1, search_type="similarity")[0].text)

        settings = library.settings
        library.settings = settings.model_copy(update={"lock_timeout_s": 0.1})
        library.add(Upload("whales.txt", b"Whales sing."), on_event=added)
        assert found == ["Whales sing."]  # committed, and seen by a reader, while the index is not to be had
    library.settings = settings
    assert library.search("whales sing", k=1, search_type="similarity")[0].text == "Whales sing."


def test_vector_files_that_changed_are_not_trusted(flushed: Library, opened: Opened):
    library = flushed
    before = generation(library)
    library.close()
    (data,) = [file for file in vector_files(library) if file.name == "data_level0.bin"]
    content = bytearray(data.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4_000] = bytes(4_000)
    data.write_bytes(bytes(content))
    again = opened()
    assert SEVENTH in again.search(SEVENTH, k=1, search_type="similarity")[0].text
    assert generation(again) != before
    assert again._index.compare(again._catalog) == IndexState((), (), ())


def test_whole_vector_files_are_trusted_without_being_built_anew(flushed: Library, opened: Opened):
    library = flushed
    before = generation(library)
    library.close()
    again = opened()
    assert SEVENTH in again.search(SEVENTH, k=1, search_type="similarity")[0].text
    assert generation(again) == before


@pytest.mark.parametrize("harm", ["none", "garbage"])
def test_a_large_doubtful_index_is_tried_in_another_process(
    flushed: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch, harm: str
):
    library = flushed
    before = generation(library)
    library._catalog.set_meta(index_files="{}")  # as after a crash between a flush and the note of it
    library.close()
    if harm == "garbage":
        for file in vector_files(library):
            file.write_bytes(b"\xff" * file.stat().st_size)
    monkeypatch.setattr("lastro.vectorstore.index.REBUILD_BELOW", 0)
    again = opened()
    assert SEVENTH in again.search(SEVENTH, k=1, search_type="similarity")[0].text
    assert (generation(again) == before) == (harm == "none")


def test_a_row_that_others_put_into_the_collection_does_not_stay(library: Library, opened: Opened):
    import chromadb

    library.close()
    client = chromadb.PersistentClient(str(library.path / "chroma" / "g000001"))
    collection = client.get_collection(COLLECTION, embedding_function=None)
    collection.add(ids=["stranger"], embeddings=[[0.1] * 64], documents=["not of this library"])
    client.close()
    again = opened()
    assert "not of this library" not in {p.text for p in again.search("library", k=9, search_type="similarity")}
    assert again._index.compare(again._catalog) == IndexState((), (), ())


def test_files_of_a_small_index_hold_none_of_this_processs_memory(library: Library):
    for file in vector_files(library):
        assert not any(file.read_bytes()), file.name
