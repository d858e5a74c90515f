from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from langchain_core.documents import Document

import lastro
from lastro import failpoints
from lastro.errors import EmbedderMismatch, LibraryCorrupt, LibraryError, ModelError
from lastro.events import FileFinished, FileStarted, IngestEvent, StageProgress
from lastro.vectorstore import reembed
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]

# Run in a process of its own: changes the embedder, and is killed when it reaches a failpoint for the n-th time.
KILLED = """
import os, signal, sys
from pathlib import Path
import lastro
from lastro import failpoints
from tests.fakes import HashEmbeddings

path, point, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def kill(reached):
    global left
    left -= reached == point
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

failpoints.hook = kill
lastro.open_library(path, embedder=HashEmbeddings()).rebuild(embedder=HashEmbeddings(salt="b", dimension=96))
"""

# Run in a process of its own: keeps a library open, answers a question for every line it reads.
READER = """
import sys
from pathlib import Path
import lastro
from lastro.vectorstore import embeddings
from tests.fakes import HashEmbeddings

embeddings.load_embedder = lambda name, **_: HashEmbeddings(salt=name.removeprefix("hash"))
library = lastro.open_library(Path(sys.argv[1]))
for line in sys.stdin:
    best = library.search(line, k=1)[0]
    print(f"{best.title} {library.embedder.identity.name} {best.cosine:.4f}", flush=True)
"""


class Stops(HashEmbeddings):
    """Another embedder, which fails at its n-th document."""

    def __init__(self, at: int) -> None:
        super().__init__(salt="b")
        self.left = at

    def encode_documents(
        self, texts: Sequence[str], *, on_progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        if texts and on_progress is not None:
            self.left -= 1
            if self.left == 0:
                raise RuntimeError("the device has gone")
        return super().encode_documents(texts, on_progress=on_progress)


@pytest.fixture
def hooked() -> Iterator[Callable[[Callable[[str], None]], None]]:
    def hook(on_point: Callable[[str], None]) -> None:
        failpoints.hook = on_point

    yield hook
    failpoints.hook = None


def scalar(library: Library, sql: str) -> int:
    with library._catalog.read() as db:
        return int(db.execute(sql).fetchone()[0])


def assert_whole(library: Library, embedder: HashEmbeddings) -> None:
    """Every chunk has its vector of the embedder, is in the index, is found by itself, and nothing is left over."""
    with library._catalog.read() as db:
        rows = db.execute("SELECT c.*, v.vector FROM chunks c LEFT JOIN vectors v USING (seq)").fetchall()
    for row in rows:
        text = f"{row['section']}\n{row['text']}" if row["section"] else row["text"]
        assert np.allclose(np.frombuffer(row["vector"], dtype="<f4"), embedder.encode_query(text), atol=1e-6)
        assert row["text"] == library.text(row["document_id"])[row["first"] : row["last"]]
    assert scalar(library, "SELECT count(*) FROM keyword") == len(rows)
    assert scalar(library, "SELECT count(*) FROM vectors") == len(rows)
    assert scalar(library, "SELECT count(*) FROM staged_chunks") == 0
    meta = library._catalog.meta()
    assert json.loads(meta["embedder"])["sha256"] == embedder.identity.sha256
    assert not {"staged_embedder", "staged_probe"} & set(meta)
    with library._maintaining():
        library._index.sync(library._catalog)
        state = library._index.compare(library._catalog)
    assert (state.missing, state.extra, state.lost) == ((), (), ())


def titles(library: Library, query: str) -> list[str]:
    return [passage.title for passage in library.search(query, k=4, search_type="similarity")]


def test_a_rebuilt_library_searches_by_the_new_embedder(library: Library):
    old, new = library.search("cats sleep", k=1)[0], HashEmbeddings(salt="b", dimension=96)
    library.rebuild(embedder=new)
    assert library.embedder is new
    assert json.loads(library._catalog.meta()["settings"])["embedder"] == "hashb"
    assert new.encoded == 4
    for kind in ("hybrid", "similarity", "keyword"):
        best = library.search("cats sleep", k=1, search_type=kind)[0]
        assert (best.title, best.text) == ("Cats", old.text)
        assert best.cosine == pytest.approx(float(new.encode_query("cats sleep") @ new.encode_query(best.text)))
    assert_whole(library, new)


def test_the_old_embedder_is_refused_after_the_change_and_the_new_one_opens(library: Library, opened: Opened):
    library.rebuild(embedder=HashEmbeddings(salt="b"))
    with pytest.raises(EmbedderMismatch):
        opened(embedder=HashEmbeddings())
    assert titles(opened(embedder=HashEmbeddings(salt="b")), "dogs bark")[0] == "Dogs"


def test_texts_are_split_again_by_the_new_embedders_limit(opened: Opened):
    class Short(HashEmbeddings):
        max_tokens = 20

    library, new = opened(), Short(salt="b")
    library.add([Document(" ".join(f"Sentence {n} speaks of rent." for n in range(40)), metadata={"source": "long"})])
    before = scalar(library, "SELECT count(*) FROM chunks")
    library.rebuild(embedder=new)
    assert scalar(library, "SELECT count(*) FROM chunks") > before
    assert scalar(library, "SELECT max(token_count) FROM chunks") <= 20
    assert_whole(library, new)


def test_an_empty_library_and_an_empty_document_change_too(opened: Opened):
    library = opened()
    library.rebuild(embedder=HashEmbeddings(salt="b"))
    library.add([Document(" ", metadata={"source": "blank"}), Document("Cats sleep.", metadata={"source": "cats"})])
    new = HashEmbeddings(salt="c")
    library.rebuild(embedder=new)
    assert [record.chunks for record in library.documents()] == [0, 1]
    assert_whole(library, new)


def test_documents_that_their_owner_brought_keep_their_metadata(library: Library):
    store = library.as_vectorstore()
    store.add_documents([Document("Bats hang upside down.", metadata={"colour": "black"})], ids=["bats"])
    new = HashEmbeddings(salt="b")
    library.rebuild(embedder=new)
    found = library.as_vectorstore().similarity_search("bats hang", k=1, filter={"colour": "black"})
    assert [(one.page_content, one.metadata["colour"]) for one in found] == [("Bats hang upside down.", "black")]
    assert_whole(library, new)


def test_an_interrupted_change_leaves_the_library_and_goes_on_without_embedding_twice(library: Library):
    before = titles(library, "cats sleep")
    with pytest.raises(RuntimeError, match="the device has gone"):
        library.rebuild(embedder=Stops(at=3))
    assert library.embedder.identity.name == "hash"
    assert titles(library, "cats sleep") == before
    assert scalar(library, "SELECT count(*) FROM staged_documents") == 2
    new = HashEmbeddings(salt="b")
    library.rebuild(embedder=new)
    assert new.encoded == 2
    assert_whole(library, new)


def test_a_third_embedder_empties_the_stage_of_the_second(library: Library):
    with pytest.raises(RuntimeError, match="the device has gone"):
        library.rebuild(embedder=Stops(at=3))
    new = HashEmbeddings(salt="c")
    library.rebuild(embedder=new)
    assert new.encoded == 4
    assert_whole(library, new)


def test_a_staged_embedder_that_computes_otherwise_now_is_staged_anew(library: Library):
    with pytest.raises(RuntimeError, match="the device has gone"):
        library.rebuild(embedder=Stops(at=3))

    class Posing(HashEmbeddings):
        identity = HashEmbeddings(salt="b").identity

    new = Posing(salt="c")
    library.rebuild(embedder=new)
    assert new.encoded == 4


def test_a_cancelled_change_leaves_the_library_as_it_was(library: Library):
    cancel, new = threading.Event(), HashEmbeddings(salt="b")
    library.rebuild(embedder=new, cancel=cancel, on_event=lambda _event: cancel.set())
    assert new.encoded == 1
    assert library.embedder.identity.name == "hash"
    assert titles(library, "cats sleep")[0] == "Cats"


def test_a_change_tells_how_far_it_is(library: Library):
    events: list[IngestEvent] = []
    library.rebuild(embedder=HashEmbeddings(salt="b"), on_event=events.append)
    assert [event.index for event in events if isinstance(event, FileStarted)] == [1, 2, 3, 4]
    ended = [event.result for event in events if isinstance(event, FileFinished)]
    assert {(result.source, result.state, result.chunks) for result in ended} >= {("Cats", "ok", 1)}
    assert any(isinstance(event, StageProgress) and event.stage == "embed" for event in events)


def test_documents_added_replaced_and_removed_meanwhile_are_right_in_the_end(
    library: Library, opened: Opened, hooked: Callable
):
    other, new, steps = opened(), HashEmbeddings(salt="b"), iter(range(9))

    def meanwhile(point: str) -> None:
        if point == "reembed.staged" and next(steps) == 1:
            failpoints.hook = None
            other.add([Document("Bats hang upside down.", metadata={"source": "bats", "title": "Bats"})])
            other.add([Document("Cats now hunt at noon.", metadata={"source": "cats", "title": "Cats"})])
            other.remove("dogs")
            other.remove("lease")

    hooked(meanwhile)
    library.rebuild(embedder=new)
    assert sorted(record.title for record in library.documents()) == ["Bats", "Cats", "Contrato"]
    assert library.search("cats hunt", k=1)[0].text == "Cats now hunt at noon."
    assert_whole(library, new)


def test_a_document_added_with_the_old_embedder_just_before_the_change_is_staged_first(
    library: Library, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    other, new, switch = opened(), HashEmbeddings(salt="b"), reembed._Change._switch

    def late(change: reembed._Change) -> bool:
        monkeypatch.undo()
        other.add([Document("Bats hang upside down.", metadata={"source": "bats", "title": "Bats"})])
        assert not switch(change)
        return False

    monkeypatch.setattr(reembed._Change, "_switch", late)
    library.rebuild(embedder=new)
    assert titles(library, "bats hang")[0] == "Bats"
    assert_whole(library, new)


def test_a_library_object_that_still_has_the_old_embedder_can_add_nothing_after_the_change(
    library: Library, opened: Opened
):
    other = opened()
    other.search("cats")
    library.rebuild(embedder=HashEmbeddings(salt="b"))
    with pytest.raises(EmbedderMismatch):
        other.add([Document("Bats hang upside down.", metadata={"source": "bats"})])
    assert len(library.documents()) == 4


def test_a_change_that_fails_at_its_end_leaves_the_old_state(library: Library, monkeypatch: pytest.MonkeyPatch):
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    before = titles(library, "cats sleep")
    monkeypatch.setattr(reembed._Change, "_rename", fail)
    with pytest.raises(LibraryError):
        library.rebuild(embedder=HashEmbeddings(salt="b"))
    monkeypatch.undo()
    assert library.embedder.identity.name == "hash"
    assert titles(library, "cats sleep") == before
    again = HashEmbeddings(salt="b")
    library.rebuild(embedder=again)
    assert again.encoded == 0
    assert_whole(library, again)


def test_damaged_staged_vectors_are_made_again(library: Library, hooked: Callable):
    new, steps = HashEmbeddings(salt="b"), iter(range(9))

    def damage(point: str) -> None:
        if point == "reembed.staged" and next(steps) == 2:
            with library._catalog.write() as db:
                db.execute("UPDATE staged_chunks SET vector = zeroblob(256) WHERE rowid = 1")

    hooked(damage)
    library.rebuild(embedder=new)
    assert new.encoded == 5
    assert_whole(library, new)


def test_two_changes_at_once_do_not_mix(library: Library, opened: Opened, hooked: Callable):
    other, second = opened(), HashEmbeddings(salt="c")

    def interfere(point: str) -> None:
        if point == "reembed.staged":
            failpoints.hook = None
            other.rebuild(embedder=second)

    hooked(interfere)
    with pytest.raises(LibraryError, match="changing the embedder too"):
        library.rebuild(embedder=HashEmbeddings(salt="b"))
    assert_whole(other, second)


def test_a_document_without_its_text_is_told_before_anything_is_embedded(library: Library):
    with library._catalog.write() as db:
        db.execute("DELETE FROM texts WHERE document_id = (SELECT id FROM documents WHERE title = 'Cats')")
    new = HashEmbeddings(salt="b")
    with pytest.raises(LibraryCorrupt, match="no stored text"):
        library.rebuild(embedder=new)
    assert new.encoded == 0


def test_an_embedder_whose_vectors_are_not_of_length_one_is_refused_before_any_write(library: Library):
    class Unnormalised(HashEmbeddings):
        def encode_query(self, text: str) -> np.ndarray:
            return super().encode_query(text) * 3

    with pytest.raises(ModelError, match="length 3"):
        library.rebuild(embedder=Unnormalised(salt="b"))
    assert "staged_embedder" not in library._catalog.meta()


def test_the_settings_can_call_the_embedder_by_the_path_it_was_loaded_from(library: Library):
    reembed.reembed(library, HashEmbeddings(salt="b"), name="/models/mine")
    assert json.loads(library._catalog.meta()["settings"])["embedder"] == "/models/mine"


@pytest.mark.parametrize(
    ("point", "times", "left", "changed"),
    [("reembed.staged", 2, 2, False), ("reembed.switched", 1, 0, True)],
)
def test_a_killed_change_leaves_the_old_library_or_the_new_one(
    library: Library, tmp_path: Path, point: str, times: int, left: int, changed: bool
):
    library.close()
    path = tmp_path / "library"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), point, str(times)], env=os.environ | {"PYTHONPATH": "."}, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    old, new = HashEmbeddings(), HashEmbeddings(salt="b", dimension=96)
    with lastro.open_library(path, embedder=new if changed else old) as again:
        assert titles(again, "cats sleep")[0] == "Cats"
        if not changed:
            again.rebuild(embedder=new)
        assert new.encoded == left
        assert_whole(again, new)


def test_an_open_library_of_another_process_answers_with_the_new_embedder_at_its_next_question(
    library: Library, tmp_path: Path
):
    command = [sys.executable, "-c", READER, str(tmp_path / "library")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def ask() -> list[str]:
            print("cats sleep", file=reader.stdin, flush=True)
            return reader.stdout.readline().split()

        old, new = HashEmbeddings(), HashEmbeddings(salt="b")
        text = library.text(library.document("cats").id)
        assert ask() == ["Cats", "hash", f"{float(old.encode_query('cats sleep') @ old.encode_query(text)):.4f}"]
        library.rebuild(embedder=new)
        assert ask() == ["Cats", "hashb", f"{float(new.encode_query('cats sleep') @ new.encode_query(text)):.4f}"]
        reader.stdin.close()


def test_a_library_opened_with_an_object_changes_to_a_named_embedder(library: Library, monkeypatch: pytest.MonkeyPatch):
    wanted: list[str] = []

    def load(name: str, **_options: object) -> HashEmbeddings:
        wanted.append(name)
        return HashEmbeddings(salt="named")

    library._parts = dataclasses.replace(library._parts, load_embedder=load)
    library.rebuild(embedder="other-model")
    assert wanted == ["other-model"]
    assert library.settings.embedder == "other-model"
    assert library.search("cats sleep", k=1, search_type="similarity")[0].title == "Cats"
    assert library.embedder.identity == HashEmbeddings(salt="named").identity
