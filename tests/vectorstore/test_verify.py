from __future__ import annotations

import io
import math
import shutil
import sqlite3
import struct
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lastro
from lastro.errors import LibraryCorrupt
from lastro.types import Finding, Upload, VerifyReport
from lastro.vectorstore import generation
from lastro.vectorstore.library import Library
from lastro.vectorstore.verify import verify_library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]

QUESTION = "When does the lease end?"


def _pdf(*pages: str) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream)
    for page in pages:
        canvas.drawString(72, 720, page)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _contents() -> dict[str, bytes]:
    sentences = " ".join(f"Clause {n} of the long contract speaks of duty number {n * 7}." for n in range(200))
    return {
        "lease.pdf": _pdf("The lease ends on 31 May 2027.", "Rent is due on the fifth day of every month."),
        "long.txt": f"{sentences}\n\nÁgua é vida.".encode(),
        "cats.md": b"# Cats\n\nCats sleep most of the day.\n\n# Dogs\n\nDogs bark.",
    }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A folder with `files` and a `library` of them: a PDF of two pages, a text of many chunks, one with headings."""
    folder, contents = tmp_path_factory.mktemp("template"), _contents()
    _write(folder / "files", contents)
    with lastro.open_library(folder / "library", embedder=HashEmbeddings()) as library:
        assert library.add(folder / "files").count("ok") == 3
        library.search(QUESTION)
    return folder, contents


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def files(template: tuple[Path, dict[str, bytes]]) -> Path:
    """The files that the library was made of, where it knows them."""
    folder, contents = template
    _write(folder / "files", contents)
    return folder / "files"


@pytest.fixture
def filled(opened: Opened, files: Path, tmp_path: Path) -> Library:
    """A copy of the template's library, with its index."""
    shutil.copytree(files.parent / "library", tmp_path / "library")
    return opened()


def verify(library: Library, *, repair: bool = False) -> VerifyReport:
    return verify_library(library, repair=repair)


def tamper(library: Library, *statements: str, **parameters: object) -> None:
    db = sqlite3.connect(library.path / "library.sqlite")  # without foreign keys, as a stranger would
    for statement in statements:
        assert db.execute(statement, parameters).rowcount != 0, f"changed nothing: {statement}"
    db.commit()
    db.close()


def checks(report: VerifyReport) -> set[str]:
    return {finding.check for finding in report.findings}


def answers(library: Library) -> list[tuple[str, str, float]]:
    found = []
    for question in (QUESTION, "Clause 77 of the contract", "água", "Dogs bark"):
        found += [(p.chunk_id, p.text, round(p.score, 5)) for p in library.search(question, k=3)]
    return found


def assert_mended(library: Library, check: str, before: list[tuple[str, str, float]]) -> None:
    found = verify(library)
    assert check in checks(found), found
    assert not found.ok
    report = verify(library, repair=True)
    assert report.ok, report
    assert check in checks(report)
    assert verify(library).findings == ()
    assert answers(library) == before


LONG = "(SELECT id FROM documents WHERE title = 'long')"
PDF = "(SELECT id FROM documents WHERE mime = 'application/pdf')"

DAMAGES = {
    "a letter of a text": ("text", f"UPDATE texts SET text = replace(text, 'duty', 'joys') WHERE document_id = {LONG}"),
    "a text that is no UTF-8": ("text", f"UPDATE texts SET text = CAST(x'41ff42' AS TEXT) WHERE document_id = {LONG}"),
    "a text that is gone": ("text", f"DELETE FROM texts WHERE document_id = {PDF}"),
    "the hash of a text": ("text", f"UPDATE texts SET sha256 = 'f' WHERE document_id = {LONG}"),
    "a text's length": ("text", f"UPDATE documents SET characters = 3 WHERE id = {PDF}"),
    "a page's number": ("pages", f"UPDATE pages SET number = 9 WHERE document_id = {PDF} AND position = 1"),
    "a page beyond the text": ("pages", f"UPDATE pages SET last = 99999 WHERE document_id = {PDF} AND position = 1"),
    "a section's place": ("pages", "UPDATE sections SET first = -4"),
    "a section's heading": ("pages", "UPDATE sections SET path = 'Bats' WHERE path = 'Cats'"),
    "a chunk's heading": ("pages", "UPDATE chunks SET section = 'Bats' WHERE section = 'Cats'"),
    "a chunk's page": ("pages", f"UPDATE chunks SET page_start = 7 WHERE document_id = {PDF} AND position = 1"),
    "a chunk's text": ("chunks", f"UPDATE chunks SET text = 'No.' WHERE document_id = {LONG} AND position = 2"),
    "a chunk's span": ("chunks", f"UPDATE chunks SET first = first + 1 WHERE document_id = {LONG} AND position = 2"),
    "a chunk's id": ("chunks", f"UPDATE chunks SET id = 'abc' WHERE document_id = {LONG} AND position = 2"),
    "a chunk's id that is no UTF-8": ("chunks", "UPDATE chunks SET id = CAST(x'41ff' AS TEXT) WHERE seq = 2"),
    "a chunk's number": ("chunks", f"UPDATE chunks SET position = 99 WHERE document_id = {LONG} AND position = 2"),
    "chunks that are gone": ("chunks", f"DELETE FROM chunks WHERE document_id = {LONG} AND position > 3"),
    "a vector's bytes": ("vector", "UPDATE vectors SET vector = zeroblob(length(vector)) WHERE seq % 2"),
    "a vector's width": ("vector", "UPDATE vectors SET vector = x'0000803f', crc = 7 WHERE seq % 2"),
    "vectors that are gone": ("vector", "DELETE FROM vectors WHERE seq % 2"),
    "keyword entries that are gone": ("keyword", "DELETE FROM keyword WHERE rowid % 2"),
    "a keyword entry": ("keyword", "UPDATE keyword SET body = 'wrong' WHERE rowid % 2"),
    "the keyword index": ("keyword", "UPDATE keyword_content SET c2 = 'behind its back' WHERE id % 2"),
    "the keyword index's pages": ("keyword", "DELETE FROM keyword_data WHERE id > 10"),
    "a keyword entry of nobody": ("orphan", "INSERT INTO keyword (rowid, body) VALUES (4711, 'x')"),
    "a vector of nobody": ("orphan", "INSERT INTO vectors VALUES (4711, x'00', 0)"),
    "a source of nobody": ("orphan", "INSERT INTO sources VALUES ('/nowhere', 'nobody', '')"),
    "a document's id": ("orphan", f"UPDATE documents SET id = 'x' || id WHERE id = {PDF}"),
    "the owner of a text": ("orphan", f"UPDATE texts SET document_id = 'x' WHERE document_id = {LONG}"),
    "the owner of a source": ("orphan", f"UPDATE sources SET document_id = 'x' WHERE document_id = {LONG}"),
    "the owner of a chunk": (
        "orphan",
        f"UPDATE chunks SET document_id = 'x' WHERE document_id = {LONG} AND position = 2",
    ),
    "the owner of a page": ("orphan", f"UPDATE pages SET document_id = 'x' WHERE document_id = {PDF} AND position = 1"),
    "a page of nobody": ("orphan", "INSERT INTO pages VALUES ('nobody', 0, 1, 0, 5)"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_of_rows_is_told_and_mended(filled: Library, name: str):
    check, statement = DAMAGES[name]
    before = answers(filled)
    listed = [(record.title, record.mime, record.sources) for record in filled.documents()]
    tamper(filled, statement)
    assert_mended(filled, check, before)
    assert [(record.title, record.mime, record.sources) for record in filled.documents()] == listed


@pytest.mark.parametrize("values", [[math.nan] * 64, [2.0] * 64])
def test_a_vector_that_is_none_is_told_even_where_its_checksum_is_right(filled: Library, values: list[float]):
    before = answers(filled)
    blob = struct.pack("<64f", *values)
    tamper(filled, "UPDATE vectors SET vector = :blob, crc = :crc WHERE seq % 2", blob=blob, crc=zlib.crc32(blob))
    assert_mended(filled, "vector", before)


def test_a_sound_library_is_counted_and_left_as_it_is(filled: Library):
    assert verify(filled).findings == ()
    embedder = filled.embedder
    before = embedder.encoded  # type: ignore[attr-defined]
    chunks = sum(record.chunks for record in filled.documents())
    report = verify(filled, repair=True)
    assert report.ok
    assert report.checked == {"documents": 3, "chunks": chunks, "originals": 3, "index": chunks}
    assert embedder.encoded == before  # type: ignore[attr-defined]


def test_looking_changes_nothing(filled: Library):
    stray = filled.path / "originals" / "ab" / ("ab" + "0" * 62 + ".txt")
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("nobody's", encoding="utf-8")
    tamper(filled, "DELETE FROM keyword WHERE rowid % 2", "INSERT INTO vectors VALUES (4711, x'00', 0)")
    first, second = verify(filled), verify(filled)
    assert first.findings == second.findings
    assert stray.is_file()


def test_nothing_is_found_where_others_only_add_and_remove(filled: Library, opened: Opened):
    done = threading.Event()

    def churn() -> None:
        try:
            other = opened()
            for number in range(8):
                other.add(Upload(f"passing-{number % 3}.txt", f"Passing text {number}.".encode()))
                other.remove(f"passing-{number % 3}.txt")
        finally:
            done.set()

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        repair = False
        while not done.is_set():
            assert verify(filled, repair=repair).findings == ()
            repair = not repair
        churning.result()


def test_only_what_is_wrong_is_embedded_again(filled: Library):
    tamper(filled, "DELETE FROM vectors WHERE seq = (SELECT min(seq) FROM chunks)")
    before = filled.embedder.encoded  # type: ignore[attr-defined]
    assert verify(filled, repair=True).ok
    assert filled.embedder.encoded == before + 1  # type: ignore[attr-defined]


def test_many_damages_at_once_are_mended(filled: Library):
    before = answers(filled)
    for name in ("a text that is gone", "chunks that are gone", "a source of nobody"):
        tamper(filled, DAMAGES[name][1])
    tamper(filled, "DELETE FROM keyword_data WHERE id > 10", "DELETE FROM vectors WHERE seq % 3 = 0")
    shutil.rmtree(filled.path / "chroma")
    report = verify(filled, repair=True)
    assert report.ok, report
    assert verify(filled).findings == ()
    assert answers(filled) == before


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_an_original_comes_back_from_its_source(filled: Library, files: Path, damage: str):
    record = filled.document("lease.pdf")
    original = filled.original(record.id)
    if damage == "missing":
        original.unlink()
    else:
        original.write_bytes(original.read_bytes()[:-1])
    found = verify(filled)
    assert checks(found) == {"original"}
    assert found.findings[0].document_id == record.id
    assert verify(filled, repair=True).ok
    assert original.read_bytes() == (files / "lease.pdf").read_bytes()


def test_a_plain_text_is_its_own_original(filled: Library, files: Path):
    original = filled.original(filled.document("long").id)
    content = original.read_bytes()
    original.unlink()
    (files / "long.txt").unlink()
    assert verify(filled, repair=True).ok
    assert original.read_bytes() == content


def test_an_original_that_nobody_has_is_reported_with_the_way_out(filled: Library, files: Path):
    record = filled.document("lease.pdf")
    filled.original(record.id).unlink()
    (files / "lease.pdf").write_bytes(b"another file")
    report = verify(filled, repair=True)
    (finding,) = report.findings
    assert (finding.check, finding.repaired) == ("original", False)
    assert str(files / "lease.pdf") in finding.way_out
    assert filled.document(record.id) == record


def test_a_text_that_nobody_has_stays_and_is_reported(filled: Library, files: Path):
    record = filled.document("lease.pdf")
    filled.original(record.id).unlink()
    (files / "lease.pdf").unlink()
    tamper(filled, *(f"DELETE FROM {table} WHERE document_id = {PDF}" for table in ("texts", "chunks")))
    report = verify(filled, repair=True)
    assert not report.ok
    assert {finding.check for finding in report.findings if not finding.repaired} == {"text", "original"}
    assert all(finding.way_out for finding in report.findings if not finding.repaired)
    assert [record.id for record in filled.documents() if record.mime == "application/pdf"] == [record.id]


@pytest.mark.parametrize("kept", ["everything", "no original"])
def test_a_document_that_lost_its_row_is_taken_in_again(filled: Library, files: Path, kept: str):
    record = filled.document("long")
    text = filled.text(record.id)
    if kept == "no original":
        filled.original(record.id).unlink()
        (files / "long.txt").unlink()
    tamper(filled, f"DELETE FROM documents WHERE id = '{record.id}'")
    assert checks(verify(filled)) >= {"orphan"}
    report = verify(filled, repair=True)
    assert report.ok, report
    assert filled.text(record.id) == text
    assert filled.document("long").chunks == record.chunks
    assert verify(filled).findings == ()


def test_files_of_no_document_go(filled: Library):
    folder = filled.path / "originals" / "ab"
    folder.mkdir(exist_ok=True)
    stray = folder / ("ab" + "0" * 62 + ".txt")
    killed = folder / f"{'ab' + '1' * 62}.txt.{2**22 + 1}.1.part"  # a process id that Linux gives to nobody
    for file in (stray, killed):
        file.write_text("nobody's", encoding="utf-8")
    found = verify(filled)
    assert checks(found) == {"orphan"}
    assert len(found.findings) == 2
    assert verify(filled, repair=True).ok
    assert not stray.exists()
    assert not killed.exists()


def _delete_rows(library: Library, folder: Path) -> None:
    library._index.close()
    client = generation.open_client(folder)
    collection = client.get_collection(generation.COLLECTION, embedding_function=None)
    collection.delete(ids=collection.get(include=[])["ids"][:2])
    client.close()


def _add_row(library: Library, folder: Path) -> None:
    library._index.close()
    client = generation.open_client(folder)
    collection = client.get_collection(generation.COLLECTION, embedding_function=None)
    collection.add(ids=["of nobody"], embeddings=[[1.0] * 64], documents=["x"], metadatas=[{"a": 1}])
    client.close()


def _old_generation(library: Library, folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("g000000"))


def _no_index(library: Library, folder: Path) -> None:
    library._index.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("damage", "check"),
    [(_delete_rows, "index"), (_add_row, "index"), (_no_index, "index"), (_old_generation, "orphan")],
)
def test_an_index_that_departs_is_told_and_made_again(
    filled: Library, damage: Callable[[Library, Path], None], check: str
):
    before = answers(filled)
    damage(filled, filled.path / "chroma" / filled._catalog.meta()["index_generation"])
    assert_mended(filled, check, before)
    assert generation.names(filled.path / "chroma") == [filled._catalog.meta()["index_generation"]]


def test_a_library_that_has_no_index_yet_is_sound(opened: Opened, files: Path):
    library = opened()
    assert verify(library).checked == {}
    assert verify(library).ok


def _page_of(library: Library, name: str) -> tuple[int, int]:
    """The root page of a table or index, from 1, and the bytes of a page."""
    library._catalog.set_meta(x="y")
    db = sqlite3.connect(library.path / "library.sqlite")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    return root, size


def _damage_page(library: Library, name: str, content: bytes, at: int = 0) -> None:
    root, size = _page_of(library, name)
    library.close()
    with (library.path / "library.sqlite").open("r+b") as file:
        file.seek((root - 1) * size + at)
        file.write(content)


def test_a_database_that_is_damaged_itself_is_told_with_the_way_out(filled: Library, opened: Opened):
    _damage_page(filled, "texts", b"\xff" * 200)
    library = opened()
    for repair in (False, True):
        report = verify(library, repair=repair)
        unmended = [finding for finding in report.findings if not finding.repaired]
        assert {finding.check for finding in unmended} == {"database"}
        assert "lastro import" in unmended[0].way_out


def _flip(file: Path, at: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(at)
        (byte,) = stream.read(1)
        stream.seek(at)
        stream.write(bytes([byte ^ 1]))


def test_an_index_of_the_database_is_made_again_from_its_table(filled: Library, opened: Opened):
    before = answers(filled)
    root, size = _page_of(filled, "chunks_by_document")
    filled.close()
    _flip(filled.path / "library.sqlite", root * size - 40)  # a letter of a key, which lie at the end of a page
    library = opened()
    assert_mended(library, "database", before)


def test_a_file_that_is_no_database_cannot_even_be_opened(filled: Library, opened: Opened):
    filled.close()
    (filled.path / "library.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(LibraryCorrupt):
        opened()


def test_vectors_of_another_embedder_are_never_written_and_the_way_out_says_why(
    filled: Library, monkeypatch: pytest.MonkeyPatch
):
    tamper(filled, "DELETE FROM vectors WHERE seq % 2")
    monkeypatch.setattr(filled, "_embedder", HashEmbeddings(salt="other"))  # as if it had changed meanwhile
    told = [finding for finding in verify(filled, repair=True).findings if finding.check == "vector"]
    assert {(finding.repaired, "indexed with" in finding.way_out) for finding in told} == {(False, True)}
    monkeypatch.undo()
    assert verify(filled, repair=True).ok


def test_findings_name_the_document_and_say_what_is_wrong(filled: Library):
    tamper(filled, f"DELETE FROM vectors WHERE seq IN (SELECT seq FROM chunks WHERE document_id = {LONG})")
    finding = next(found for found in verify(filled).findings if found.check == "vector")
    assert isinstance(finding, Finding)
    assert finding.document_id == filled.document("long").id
    assert finding.problem.startswith("long: the vector of chunk 0 is missing (and ")
