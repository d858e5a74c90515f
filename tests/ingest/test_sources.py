from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from lastro.errors import SourceError, SourceNotFound
from lastro.ingest.sources import Source, discover, display_name
from lastro.types import Upload


def names(sources: list[Source]) -> list[str]:
    return [Path(source.name).name for source in sources]


def test_a_folder_gives_its_known_files_sorted_and_to_the_bottom(tmp_path: Path) -> None:
    for name in ("b.txt", "a.pdf", "deep/deeper/c.MD", "image.png", ".hidden.txt", ".git/x.txt", "~$open.docx"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x", encoding="utf-8")
    assert names(discover(tmp_path)) == ["a.pdf", "b.txt", "c.MD"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / ".notes"
    file.write_text("x", encoding="utf-8")
    (source,) = discover([str(file), file])
    assert source.name == str(file)
    assert source.read() == b"x"


def test_a_missing_path_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"gone\.pdf"):
        discover(tmp_path / "gone.pdf")


@pytest.mark.parametrize("path", ["", "  ", "a\x00b", "https://example.org/a.pdf"])
def test_what_is_no_path_is_refused_and_not_taken_for_the_working_folder(path: str) -> None:
    with pytest.raises(SourceNotFound):
        discover(path)


@pytest.mark.parametrize("value", [b"bytes", 3, None, {"a": 1}])
def test_a_value_that_is_no_source_is_refused(value: object) -> None:
    with pytest.raises(SourceError, match="not a source"):
        discover(value)


def test_a_loop_of_links_is_walked_once(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.txt").write_text("x", encoding="utf-8")
    (inner / "again").symlink_to(tmp_path)
    (tmp_path / "dangling.txt").symlink_to(tmp_path / "nowhere")
    assert names(discover(tmp_path)) == ["a.txt"]


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    with pytest.raises(SourceError, match="regular file"):
        discover(pipe)
    with pytest.raises(SourceError, match="regular file"):
        Source(str(pipe), path=pipe).read()
    assert discover(tmp_path) == []


def test_a_path_too_long_to_ask_for_is_a_source_error() -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        discover("a" * 5000)


def test_a_folder_that_cannot_be_listed_is_reported_as_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (source,) = discover(tmp_path)
    assert source.name == str(closed)
    with pytest.raises(SourceError, match="cannot be listed"):
        source.read()


def test_a_file_that_may_not_be_read_is_a_source_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("x", encoding="utf-8")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SourceError, match="permissions"):
        discover(file)


def test_a_file_that_went_away_is_not_found_when_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        Source("gone", path=tmp_path / "gone").read()


def test_a_file_over_the_limit_is_seen_but_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"x" * 3_000)
    (source,) = discover(file)
    assert len(source.read(limit=10)) == 11


def test_two_folders_that_share_a_file_give_it_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    assert len(discover([tmp_path, [tmp_path / "a.txt"], iter([tmp_path])])) == 1


HOSTILE = [
    "../../etc/passwd.txt", "..\\..\\windows\\win.ini", "/abs/olute.pdf", "C:\\Users\\x\\contrato.docx", "a\x00b.pdf",
    "a\nb.pdf", "\u202efdp.exe", "con\u200btrato.pdf", "..", ".", "", "   ", "a" * 5000 + ".pdf", "x/", "\\", "🦆.pdf",
    "<script>alert(1)</script>.pdf", "$(rm -rf ~).pdf", "'; DROP TABLE documents;--.pdf", "%2e%2e%2fetc.pdf",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [f"{prefix}{name}" for name in HOSTILE for prefix in ("", "a/", "..\\", "é", "\x1b[31m")]
)
def test_a_hostile_upload_name_becomes_one_plain_component(name: str) -> None:
    (source,) = discover(Upload(name, b"x"))
    assert source.name
    assert len(source.name) <= 200
    assert not set(source.name) & set("/\\\x00\n\x1b\u202e\u200b")
    assert source.name.strip(". ")
    assert unicodedata.is_normalized("NFC", source.name)
    assert display_name(source.name) == source.name


def test_a_path_with_hidden_characters_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    for name in ("a.txt", "a\u202e.txt", os.fsdecode(b"a\xff.txt")):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = discover(tmp_path)
    assert len({source.name for source in found}) == 3
    assert all(source.name.isprintable() and source.read() == b"x" for source in found)
    "".join(source.name for source in found).encode()


class Loader(BaseLoader):
    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def lazy_load(self) -> Iterator[Document]:
        yield from self.documents

    def load(self) -> list[Document]:
        raise AssertionError("loaders are read lazily")


def test_the_pages_of_a_loader_become_one_source() -> None:
    pages = [Document(f"page {page}", metadata={"source": "geo.pdf", "page": page}) for page in range(3)]
    other = Document("alone", metadata={"source": "b.txt"})
    first, second = discover([Loader(pages), other])
    assert (first.name, len(first.documents)) == ("geo.pdf", 3)
    assert first.documents == tuple(pages)
    assert first.read() == b"page 0\fpage 1\fpage 2"
    assert (second.name, second.documents) == ("b.txt", (other,))


def test_a_document_without_a_source_is_named_by_its_text() -> None:
    one, two = discover([Document("one"), Document("two", metadata={"source": 3})])
    assert one.name.startswith("text-")
    assert one.name != two.name


def test_what_a_folder_holds_of_other_types_is_named(tmp_path: Path) -> None:
    for name in ("a.txt", "b.zip", "Makefile", ".hidden.zip", "~$lock.docx"):
        (tmp_path / name).write_text("x")
    found = discover([tmp_path, tmp_path / "b.zip"])
    assert names(found) == ["a.txt", "b.zip"]
    assert [Path(path).name for path in found.skipped] == ["Makefile"]
    assert discover(tmp_path / "a.txt").skipped == ()
