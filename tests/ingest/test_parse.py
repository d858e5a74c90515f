from __future__ import annotations

import os
import signal
import subprocess
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document

from lastro import errors
from lastro.config import IngestSettings
from lastro.errors import CorruptFile, FileTooLarge, LibraryError, ParseTimeout, SourceError
from lastro.ingest import parse
from lastro.ingest.parse import Parser
from lastro.ingest.sources import Source, discover
from lastro.types import PageSpan, Upload, page_from_metadata
from tests.ingest.files import pdf, word


def upload(name: str, data: bytes) -> Source:
    return discover(Upload(name, data))[0]


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser(IngestSettings(timeout_s=60)) as shared:
        yield shared


BIG = upload("big.md", b"# Title\n\n" + b"word *word* [a](b) " * 400_000)


def test_a_pdf_is_parsed_page_by_page(parser: Parser) -> None:
    parsed = parser.parse(upload("relatorio.pdf", pdf(["Página um é esta.", "E a segunda não é."])))
    assert parsed.text == "Página um é esta.\n\nE a segunda não é."
    assert parsed.pages == (PageSpan(1, 0, 17), PageSpan(2, 19, 37))
    assert (parsed.title, parsed.language) == ("relatorio", "pt")
    assert parsed.parser.startswith("kreuzberg 4.")


def test_decomposed_accents_are_composed(parser: Parser) -> None:
    parsed = parser.parse(upload("a.txt", unicodedata.normalize("NFD", "coração").encode()))
    assert parsed.text == "coração"
    assert parsed.parser == "lastro-text 1"
    assert parsed.pages == (PageSpan(None, 0, 7),)


def test_a_word_file_has_sections_and_no_pages(parser: Parser) -> None:
    data = word(("Heading 1", "Contrato"), ("Heading 2", "Prazo"), ("Normal", "Doze meses."))
    parsed = parser.parse(upload("c.docx", data))
    assert parsed.pages[0].number is None
    assert [section.path for section in parsed.sections] == ["Contrato > Prazo"]


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("locked.pdf", pdf(["secret"], password="x"), errors.EncryptedFile),
        ("cut.pdf", pdf(["text"])[:300], errors.CorruptFile),
        ("photo.png", b"\x89PNG\r\n\x1a\n", errors.UnsupportedFormat),
        ("book.pdf", pdf(["a", "b", "c"]), errors.FileTooLarge),
    ],
)
def test_an_error_names_the_file_and_its_kind(name: str, data: bytes, error: type[SourceError]) -> None:
    with Parser(IngestSettings(max_pages=2)) as small, pytest.raises(error, match=f"^{name}: "):
        small.parse(upload(name, data))


def test_a_file_over_the_limit_of_bytes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"x" * 101)
    with Parser(IngestSettings(max_file_bytes=100)) as small:
        with pytest.raises(FileTooLarge, match="100 bytes"):
            small.parse(discover(file)[0])
        assert small.pid is None


def test_one_child_serves_many_files(parser: Parser) -> None:
    parser.parse(upload("a.txt", b"one"))
    first = parser.pid
    with pytest.raises(CorruptFile):
        parser.parse(upload("bad.pdf", b"%PDF-1.7 nothing"))
    assert parser.parse(upload("b.txt", b"two")).text == "two"
    assert parser.pid == first


def test_a_file_over_the_time_limit_is_stopped_and_the_next_one_is_read() -> None:
    with Parser(IngestSettings(timeout_s=0.7)) as hasty:
        with pytest.raises(ParseTimeout, match=r"0\.7 s"):
            hasty.parse(BIG)
        assert hasty.pid is None
        assert hasty.parse(upload("a.txt", b"next")).text == "next"


def test_a_child_that_is_killed_is_a_corrupt_file_and_starts_anew(parser: Parser) -> None:
    parser.parse(upload("a.txt", b"x"))
    first = parser.pid
    assert first is not None
    stopper = threading.Timer(0.05, os.kill, (first, signal.SIGKILL))
    stopper.start()
    with pytest.raises(CorruptFile, match="broke down"):
        parser.parse(BIG)
    assert parser.parse(upload("a.txt", b"again")).text == "again"
    assert parser.pid != first


def test_a_child_found_dead_is_started_again(parser: Parser) -> None:
    parser.parse(upload("a.txt", b"x"))
    assert parser._child is not None
    parser._child.kill()
    parser._child.wait()
    assert parser.pid is None
    assert parser.parse(upload("a.txt", b"y")).text == "y"


def test_closing_stops_a_file_that_is_being_read() -> None:
    parser = Parser(IngestSettings())
    parser.parse(upload("a.txt", b"x"))
    stopper = threading.Timer(0.05, parser.close)
    stopper.start()
    with pytest.raises(LibraryError, match="closed"):
        parser.parse(BIG)
    stopper.join()
    assert parser.pid is None
    parser.close()


def test_an_interrupt_leaves_no_half_spoken_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    with Parser(IngestSettings()) as parser:
        parser.parse(upload("a.txt", b"x"))
        with monkeypatch.context() as patch:
            patch.setattr(parse, "write_frame", interrupt)
            with pytest.raises(KeyboardInterrupt):
                parser.parse(upload("a.txt", b"x"))
        assert parser.pid is None
        assert parser.parse(upload("a.txt", b"y")).text == "y"


def test_running_out_of_memory_is_told_from_a_crash() -> None:
    parser = Parser(IngestSettings())
    assert isinstance(parser._failure("a", False, -6, "memory allocation of 9 bytes failed"), ParseTimeout)
    assert isinstance(parser._failure("a", False, -11, ""), CorruptFile)


def test_a_process_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def broken(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real([command[0], "-c", "raise SystemExit('no kreuzberg')"], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", broken)
    with Parser(IngestSettings()) as parser, pytest.raises(SourceError, match="no kreuzberg"):
        parser.parse(upload("a.txt", b"x"))


def test_the_child_gets_no_proxy_and_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("no_proxy", "x")
    environment = parse._environment("/tmp/x")
    assert not [key for key in environment if "proxy" in key.lower()]
    assert environment["TMPDIR"] == "/tmp/x"
    assert int(environment["RAYON_NUM_THREADS"]) <= 4


def test_no_temporary_file_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Parser(IngestSettings()) as parser:
        parser.parse(upload("a.pdf", pdf([""])))
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_langchain_documents_keep_their_pages_and_need_no_child() -> None:
    pages = [Document(f"pa\u0301gina {n}", metadata={"source": "geo.pdf", "page": n, "title": "Geo"}) for n in range(2)]
    with Parser(IngestSettings()) as parser:
        parsed = parser.parse(discover(pages)[0])
        assert parser.pid is None
    assert parsed.text == "página 0\n\npágina 1"
    assert [page.number for page in parsed.pages] == [1, 2]
    assert parsed.title == "Geo"


@pytest.mark.parametrize(
    ("metadata", "number"),
    [
        ({"page_number": 3, "page": 9}, 3),
        ({"page": 0}, 1),
        ({"page": 6, "page_start": 6}, 6),
        ({"page": None, "page_start": None}, None),
        ({"page": 4, "page_label": "iii"}, 5),
        ({"page_label": "12"}, 12),
        ({"page": 2**70}, None),
        ({"page": -1}, None),
        ({}, None),
        ({"page": "iv"}, None),
        ({"page": True}, None),
    ],
)
def test_a_page_counts_from_one_whoever_wrote_it(metadata: dict[str, object], number: int | None) -> None:
    assert page_from_metadata(metadata) == number
    source = discover(Document("x", metadata=metadata | {"source": "geo.pdf"}))[0]
    assert Parser(IngestSettings()).parse(source).pages == (PageSpan(number, 0, 1),)


def test_a_closed_parser_starts_no_child_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Parser(IngestSettings())
    parser.close()
    for source in (upload("a.txt", b"x"), discover(Document("x"))[0]):
        with pytest.raises(LibraryError, match="closed"):
            parser.parse(source)
    assert parser.pid is None

    late = Parser(IngestSettings())
    real = subprocess.Popen

    def closed_meanwhile(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        late._closed = True  # as `close` says first, in another thread, before there is a child to kill
        return real(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", closed_meanwhile)
    with pytest.raises(LibraryError, match="closed"):
        late.parse(upload("a.txt", b"x"))
    assert late.pid is None


def test_a_title_with_half_a_character_is_cleaned() -> None:
    source = discover(Document("x", metadata={"title": "\ud800Um t\u00edtulo"}))[0]
    assert Parser(IngestSettings()).parse(source).title == "Um t\u00edtulo"
