"""A real library beside a plain dict: whatever is done to both, by two processes, they hold the same."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from langchain_core.documents import Document

import lastro
from benchmarks.traces import copied
from lastro.config import LibrarySettings, Settings
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY = os.environ.get("LASTRO_NIGHTLY") == "1"
NAMES = tuple("abcdef")
CONTENTS = 12
DENSE = ("similarity", "hybrid")
SYLLABLES = [a + b for a in "bcdfgklmnprst" for b in "aeiou"]
SHARED = "This line stands in several of them."


def sentences(content: int) -> list[str]:
    """What a content consists of: each sentence is a chunk of its own, and all but a shared one are like no other."""
    rng = random.Random(f"content {content}")

    def word() -> str:
        return "".join(rng.choice(SYLLABLES) for _ in range(4))

    own = [" ".join([f"c{content}s{at}", *(word() for _ in range(9))]) + "." for at in range(1 + content % 4)]
    return [*own, SHARED] if content % 3 == 0 else own


def text_of(content: int) -> str:
    return "\n\n".join(sentences(content))


def document_id(content: int) -> str:
    return hashlib.sha256(text_of(content).encode()).hexdigest()


def is_path(source: str) -> bool:
    return Path(source).is_absolute()


BY_ID = {document_id(content): content for content in range(CONTENTS)}


# What either process does with its library -------------------------------------------------------------------------


def open_library(folder: str) -> Library:
    chosen = Settings(library=LibrarySettings(chunk_tokens=16, chunk_overlap_tokens=0, lock_timeout_s=60))
    return lastro.open_library(Path(folder), settings=chosen, embedder=HashEmbeddings())


def carry_out(library: Library, command: dict[str, Any]) -> Any:
    """One command and what came of it, both of plain JSON types."""
    match command:
        case {"do": "add", "name": name, "content": content}:
            report = library.add(Document(text_of(content), metadata={"source": name, "title": name}))
            return [result.state for result in report.results]
        case {"do": "add file", "path": path}:
            return [result.state for result in library.add(Path(path)).results]
        case {"do": "remove", "key": key}:
            return library.remove(key).id
        case {"do": "purge"}:
            return library.purge(wait_s=5.0)
        case {"do": "list"}:
            return sorted(
                [record.id, record.title, sorted(record.sources), record.chunks, record.state]
                for record in library.documents()
            )
        case {"do": "search", "query": query, "k": k, "kind": kind}:
            found = library.search(query, k=k, search_type=kind)
            ids = [passage.chunk_id for passage in found]
            assert len(set(ids)) == len(ids), f"{kind} search finds a chunk twice: {ids}"
            for passage in found:
                assert passage.text == library.text(passage.document_id)[passage.start : passage.end]
            return [[passage.document_id, passage.text] for passage in found]
    raise ValueError(command)


def serve() -> None:
    """The other process: it reads a command a line, keeps its library open between them, and answers."""
    library: Library | None = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if library is not None and command["do"] == "close":
                library.close()
                library = None
            answer: Any = None
            if command["do"] != "close":
                if library is None:
                    library = open_library(command["folder"])
                assert str(library.path) == command["folder"], "the other process is of an earlier example"
                answer = carry_out(library, command)
            reply = {"answer": answer}
        except Exception as error:  # noqa: BLE001 - the edge of a process: the machine judges it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


class Helper:
    """The other process, as the machine sees it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.vectorstore.test_state_machine"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline() or '{"error": "the other process died"}')
        assert "error" not in reply, f"the other process, on {command}: {reply['error']}"
        return reply["answer"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


# The machine -------------------------------------------------------------------------------------------------------

who = st.sampled_from(["us", "other"])
contents = st.integers(0, CONTENTS - 1)


class LibraryMachine(RuleBasedStateMachine):
    """`sources` is the dict: which content each source has. `titles` follows from its history."""

    helper: Helper
    base: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.base))
        self.sources: dict[str, int] = {}
        self.titles: dict[int, str] = {}
        self.moves = 0
        self.library = self._open()

    def _open(self) -> Library:
        return open_library(str(self.folder / "library"))

    def _do(self, by: str, **command: Any) -> Any:
        if by == "us":
            return carry_out(self.library, command)
        return self.helper.ask(command | {"folder": str(self.folder / "library")})

    # What the dict says --------------------------------------------------------------------------------------------

    def _present(self) -> list[int]:
        return sorted(set(self.sources.values()))

    def _point(self, name: str, content: int, title: str) -> None:
        """The dict's half of adding a content under a name."""
        if content not in self._present():
            self.titles[content] = title
        moved = [
            other
            for other, known in self.sources.items()
            if known == content and other != name and is_path(name) and is_path(other)
            if not Path(other).exists()
        ]
        for other in moved:
            del self.sources[other]
        if self.titles[content] in {Path(other).stem for other in moved}:
            self.titles[content] = title
        self.sources[name] = content

    def _paths(self) -> list[str]:
        return sorted(name for name in self.sources if is_path(name))

    # Rules ---------------------------------------------------------------------------------------------------------

    @initialize(content=contents)
    def begin(self, content: int) -> None:
        self.add("us", "a", content)

    @rule(by=who, name=st.sampled_from(NAMES), content=contents)
    def add(self, by: str, name: str, content: int) -> None:
        assert self._do(by, do="add", name=name, content=content) == ["ok"]
        self._point(name, content, name)

    @precondition(lambda self: self.sources)
    @rule(by=who, data=st.data(), content=contents)
    def replace(self, by: str, data: st.DataObject, content: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.sources)), label="source")
        if is_path(name):
            self._add_file(by, Path(name), content)
        else:
            self.add(by, name, content)

    @rule(by=who, name=st.sampled_from(NAMES), content=contents)
    def add_file(self, by: str, name: str, content: int) -> None:
        self._add_file(by, self.folder / "files" / f"{name}.txt", content)

    def _add_file(self, by: str, path: Path, content: int) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(content), encoding="utf-8")
        assert self._do(by, do="add file", path=str(path)) == ["ok"]
        self._point(str(path), content, path.stem)

    @precondition(lambda self: self._paths())
    @rule(by=who, data=st.data(), elsewhere=st.booleans())
    def rename(self, by: str, data: st.DataObject, elsewhere: bool) -> None:
        old = Path(data.draw(st.sampled_from(self._paths()), label="file"))
        self.moves += 1
        new = self.folder / ("moved" if elsewhere else "files") / f"name-{self.moves}.txt"
        new.parent.mkdir(exist_ok=True)
        old.rename(new)
        content = self.sources[str(old)]
        assert self._do(by, do="add file", path=str(new)) == ["ok"]
        self._point(str(new), content, new.stem)
        assert str(old) not in self.sources

    @precondition(lambda self: self.sources)
    @rule(by=who, data=st.data(), by_id=st.booleans())
    def remove(self, by: str, data: st.DataObject, by_id: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.sources)), label="source")
        content = self.sources[name]
        key = document_id(content)[:12] if by_id else name
        assert self._do(by, do="remove", key=key) == document_id(content)
        self.sources = {other: known for other, known in self.sources.items() if known != content}

    @rule(by=who)
    def search(self, by: str) -> None:
        self._finds_all(by)
        self._finds_nothing_removed(by)

    @rule()
    def restart(self) -> None:
        self.library.close()
        self.library = self._open()

    @rule()
    def other_restarts(self) -> None:
        self.helper.ask({"do": "close"})

    @rule(kind=st.sampled_from(["delete", "empty", "halve", "delete all"]), which=st.integers(0, 59))
    def damage(self, kind: str, which: int) -> None:
        self.helper.ask({"do": "close"})
        self.library.close()
        index = self.folder / "library" / "chroma"
        # Chroma draws the names of its folders, so they are not ours to sort by.
        files = sorted((file for file in index.rglob("*") if file.is_file()), key=lambda file: file.name)
        if files:
            _damage(kind, index, files[which % len(files)])
        self.library = self._open()
        self._finds_all("us")

    @rule(by=who)
    def purge(self, by: str) -> None:
        assert self._do(by, do="purge") == "done"
        with copied(self.folder / "library") as copy:
            left = _words_in_files(copy, self._gone())
        assert not left, f"purged, and still on disk: {left}"

    # What must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def the_listing_is_the_dict(self) -> None:
        expected: dict[int, list[str]] = {}
        for name, content in self.sources.items():
            expected.setdefault(content, []).append(name)
        listed = carry_out(self.library, {"do": "list"})
        assert sorted(key for key, *_ in listed) == sorted(map(document_id, expected))
        for key, title, names, chunks, state in listed:
            content = BY_ID[key]
            assert (title, names, state) == (self.titles[content], sorted(expected[content]), "ok")
            assert chunks == len(sentences(content))

    @invariant()
    def a_search_for_everything_finds_each_chunk_once(self) -> None:
        wanted = [[document_id(content), text] for content in self._present() for text in sentences(content)]
        found = self._do("us", do="search", query=SHARED, k=len(wanted) + 5, kind="similarity")
        assert sorted(found) == sorted(wanted)

    def _gone(self) -> list[int]:
        return sorted(set(range(CONTENTS)) - set(self._present()))

    def _finds_all(self, by: str) -> None:
        for content in self._present():
            for kind in DENSE:
                found = self._do(by, do="search", query=sentences(content)[0], k=1, kind=kind)
                assert [key for key, _text in found] == [document_id(content)], f"{kind}: {content} not by its own text"

    def _finds_nothing_removed(self, by: str) -> None:
        for content in self._gone()[:4]:
            for kind in (*DENSE, "keyword"):
                for key, text in self._do(by, do="search", query=sentences(content)[0], k=8, kind=kind):
                    assert BY_ID[key] in self._present(), f"{kind}: {content} is back"
                    assert f"c{content}s" not in text

    def teardown(self) -> None:
        with suppress(AssertionError):  # a failure before it counts, not one of tidying up
            self.helper.ask({"do": "close"})
        self.library.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _damage(kind: str, index: Path, file: Path) -> None:
    if kind == "delete all":
        shutil.rmtree(index)
    elif kind == "delete":
        file.unlink()
    else:
        with file.open("r+b") as stream:
            stream.truncate(file.stat().st_size // 2 if kind == "halve" else 0)


def _words_in_files(folder: Path, gone: list[int]) -> list[str]:
    """The unique words of contents that some file of a folder still holds."""
    words = {word for content in gone for sentence in sentences(content)[:1] for word in sentence[:-1].split()}
    held = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    return sorted(word for word in words if len(word) > 7 and any(word.encode() in data for data in held))


@pytest.fixture
def helper() -> Iterator[Helper]:
    process = Helper()
    yield process
    process.close()


def test_a_library_is_what_a_dict_says_after_any_history(helper: Helper, tmp_path: Path):
    LibraryMachine.helper, LibraryMachine.base = helper, tmp_path
    chosen = settings(
        max_examples=200 if NIGHTLY else 8,
        stateful_step_count=30 if NIGHTLY else 12,
        deadline=None,
        derandomize=not NIGHTLY,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(LibraryMachine, settings=chosen)


if __name__ == "__main__":
    serve()
