from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from langchain_core.documents import Document

from lastro.types import Upload
from lastro.vectorstore.index import COLLECTION
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]

ELSEWHERE = """
import sys
import lastro
from pathlib import Path
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
    assert (
        elsewhere(library, "print(library._index.behind(library._catalog))")
        == "0"
    )


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
    assert library._lag() == 0


def test_many_removed_chunks_do_not_hide_the_rest(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    library = opened()
    monkeypatch.setattr("lastro.vectorstore.search.Request.limit", 2)
    library.add([Upload(f"{n}.txt", f"cats cats cats {n}".encode()) for n in range(40)])
    library.add(Upload("last.txt", b"one lonely cats text among whales and dogs and birds"))
    monkeypatch.setattr("lastro.vectorstore.index.ChromaIndex.sync", lambda *_: None)
    for number in range(40):
        library.remove(f"{number}.txt")
    assert [p.title for p in library.search("cats", k=2, search_type="similarity")] == ["last"]
