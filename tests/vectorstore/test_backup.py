from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import lastro
from lastro.errors import LibraryCorrupt, LibraryError, LibraryNotFound, LibraryTooNew
from lastro.types import Upload
from lastro.vectorstore import backup
from lastro.vectorstore.backup import MANIFEST, export_library, import_library_file
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.library import Library
from lastro.vectorstore.verify import verify_library
from tests.fakes import HashEmbeddings
from tests.vectorstore.conftest import TEXTS

Opened = Callable[..., Library]

QUESTIONS = ("When does the lease end?", "Quando termina o contrato?", "cats sleep", "strangers", "clause 77")
ROUNDS = 30


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `library` of four short documents, a long and an empty one, and a `backup.zip` of it."""
    folder = tmp_path_factory.mktemp("template")
    sentences = " ".join(f"Clause {n} of the long contract speaks of duty number {n * 7}." for n in range(200))
    texts = {"long": sentences, "empty": "  \n"} | TEXTS
    with lastro.open_library(folder / "library", embedder=HashEmbeddings()) as library:
        report = library.add([Upload(f"{name}.txt", text.encode()) for name, text in texts.items()])
        assert (report.count("ok"), report.count("empty")) == (5, 1)
        export_library(library, folder / "backup.zip")
    return folder


@pytest.fixture
def filled(template: Path, opened: Opened, tmp_path: Path) -> Library:
    """A copy of the template's library."""
    shutil.copytree(template / "library", tmp_path / "library")
    return opened()


@pytest.fixture
def exported(template: Path, tmp_path: Path) -> Path:
    """A copy of the template's export."""
    return Path(shutil.copy2(template / "backup.zip", tmp_path / "backup.zip"))


def opened_from(folder: Path) -> Library:
    return lastro.open_library(folder, embedder=HashEmbeddings(), create=False)


def answers(library: Library, where: dict | None = None) -> list[tuple[str, str, float, str]]:
    return [
        (passage.chunk_id, passage.text, round(passage.score, 6), question)
        for question in QUESTIONS
        for kind in ("hybrid", "similarity", "keyword")
        for passage in library.search(question, k=5, search_type=kind, where=where)  # type: ignore[arg-type]
    ]


def everything_below(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_a_restored_library_has_the_same_documents_and_gives_the_same_answers(
    filled: Library, exported: Path, tmp_path: Path
):
    import_library_file(exported, tmp_path / "elsewhere" / "restored", name="Cópia")
    with opened_from(tmp_path / "elsewhere" / "restored") as restored:
        assert verify_library(restored, repair=False).findings == ()
        assert restored.name == "Cópia"
        assert restored.documents() == filled.documents()
        assert restored.fence(7) == filled.fence(7)
        assert answers(restored) == answers(filled)
        report = verify_library(restored, repair=False)
        assert (report.findings, report.checked["originals"]) == ((), 6)
        for record in filled.documents():
            assert restored.original(record.id).read_bytes() == filled.original(record.id).read_bytes()
            assert restored.text(record.id) == filled.text(record.id)
        assert restored.add(Upload("new.txt", b"A new document about llamas.")).count("ok") == 1
        assert restored.search("llamas", k=1)[0].title == "new"


def test_the_manifest_names_every_entry_with_hash_and_size(filled: Library, exported: Path):
    with zipfile.ZipFile(exported) as archive:
        manifest = json.loads(archive.read(MANIFEST))
        assert set(archive.namelist()) == {*manifest["entries"], MANIFEST}
        for name, (digest, size) in manifest["entries"].items():
            content = archive.read(name)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, size)
    assert (manifest["format"], manifest["name"], manifest["documents"]) == (1, filled.name, 6)
    assert manifest["chunks"] == sum(record.chunks for record in filled.documents())
    assert manifest["lastro"] == lastro.__version__
    assert not any("chroma" in name for name in manifest["entries"])


def test_only_its_owner_may_read_an_export(exported: Path):
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600  # the library's secret is in it


def test_nothing_that_was_removed_before_is_in_an_export(filled: Library, tmp_path: Path):
    canaries = [f"canary{hashlib.sha256(str(n).encode()).hexdigest()[:12]}" for n in range(40)]
    filled.add([Upload(f"{word}.txt", f"The bird {word} sings.".encode()) for word in canaries])
    for word in canaries:
        filled.remove(f"{word}.txt")
    import_library_file(export_library(filled, tmp_path / "backup.zip"), tmp_path / "restored", name="r")
    for file in (tmp_path / "restored").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert not [word for word in canaries if word.encode() in content]


def test_an_export_is_made_while_others_add_and_remove(filled: Library, tmp_path: Path):
    steady = [record.id for record in filled.documents()]
    stop, failures = threading.Event(), []

    def churn() -> None:
        try:
            with opened_from(filled.path) as other:
                number = 0
                while not stop.is_set():
                    number += 1
                    other.add(Upload(f"passing-{number % 5}.txt", f"Passing text {number} of the churn.".encode()))
                    other.remove(f"passing-{number % 5}.txt")
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for at in range(3):
            file = export_library(filled, tmp_path / f"backup-{at}.zip")
            import_library_file(file, tmp_path / f"restored-{at}", name="r")
    finally:
        stop.set()
        thread.join()
    assert failures == []
    for at in range(3):
        with opened_from(tmp_path / f"restored-{at}") as restored:
            report = verify_library(restored, repair=False)
            assert report.findings == (), report
            where = {"document_id": {"$in": steady}}
            assert set(steady) <= {record.id for record in restored.documents()}
            assert [a[:2] for a in answers(restored, where) if a[3] == QUESTIONS[0]]
            originals = {file.name[:64] for file in (tmp_path / f"restored-{at}" / "originals").glob("*/*")}
            assert originals == {record.id for record in restored.documents()}


@pytest.mark.parametrize("moment", ["before its bytes are read", "after its bytes are read"])
def test_a_document_removed_while_the_export_runs_is_not_in_it(
    filled: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    record = filled.document("cats")
    add = backup._Writer.add_original

    def remove_meanwhile(writer: backup._Writer, library: Library, document_id: str, *args: object, **kw: object):
        wanted = document_id == record.id and filled._catalog.find(record.id) is not None
        if wanted and moment.startswith("before"):
            filled.remove(record.id)
        add(writer, library, document_id, *args, **kw)  # type: ignore[arg-type]
        if wanted and moment.startswith("after"):
            filled.remove(record.id)

    monkeypatch.setattr(backup._Writer, "add_original", remove_meanwhile)
    file = export_library(filled, tmp_path / "backup.zip")
    with zipfile.ZipFile(file) as archive:
        assert not any(record.id in name for name in archive.namelist())
        assert all(b"Cats sleep" not in archive.read(name) for name in archive.namelist())
        assert json.loads(archive.read(MANIFEST))["documents"] == 5
    assert b"Cats sleep" not in file.read_bytes()
    import_library_file(file, tmp_path / "restored", name="r")
    with opened_from(tmp_path / "restored") as restored:
        assert verify_library(restored, repair=False).findings == ()
        assert len(restored.documents()) == 5


def test_a_document_that_is_removed_and_added_again_meanwhile_is_whole(
    filled: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    record = filled.document("cats")
    content = filled.original(record.id).read_bytes()
    add = backup._Writer.add_original
    seen: list[str] = []

    def come_back_late(writer: backup._Writer, library: Library, document_id: str, *args: object, **kw: object):
        if document_id == record.id and not seen:
            seen.append("removed")
            filled.remove(record.id)
            add(writer, library, document_id, *args, **kw)  # type: ignore[arg-type]
            filled.add(Upload("cats.md", content))  # under another extension
            return
        add(writer, library, document_id, *args, **kw)  # type: ignore[arg-type]

    monkeypatch.setattr(backup._Writer, "add_original", come_back_late)
    import_library_file(export_library(filled, tmp_path / "backup.zip"), tmp_path / "restored", name="r")
    with opened_from(tmp_path / "restored") as restored:
        assert verify_library(restored, repair=False).findings == ()
        assert restored.original(record.id).read_bytes() == content


def test_an_export_overwrites_nothing_and_leaves_nothing_behind(filled: Library, tmp_path: Path, monkeypatch):
    (tmp_path / "there.zip").write_text("precious", encoding="utf-8")
    for target in (tmp_path / "there.zip", tmp_path / "no" / "folder.zip", filled.path / "inside.zip"):
        with pytest.raises(LibraryError, match=r"choose|delete"):
            export_library(filled, target)
    assert (tmp_path / "there.zip").read_text(encoding="utf-8") == "precious"
    before = everything_below(tmp_path)
    monkeypatch.setattr(backup._Writer, "finish", lambda _self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_library(filled, tmp_path / "new.zip")
    assert everything_below(tmp_path) == before


# Damaged files ---------------------------------------------------------------------------------------------------


def _rewritten(exported: Path, change: Callable[[dict[str, bytes], dict], None]) -> None:
    """Write an export anew after a change of its entries (by name) and its manifest."""
    with zipfile.ZipFile(exported) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
        manifest = json.loads(archive.read(MANIFEST))
    change(entries, manifest)
    with zipfile.ZipFile(exported, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, json.dumps(manifest))


def _promise(content: bytes) -> list:
    return [hashlib.sha256(content).hexdigest(), len(content)]


def _add_entry(name: str) -> Callable[[dict[str, bytes], dict], None]:
    def change(entries: dict[str, bytes], manifest: dict) -> None:
        entries[name] = b"evil"
        manifest["entries"][name] = _promise(b"evil")

    return change


def _wrong_hash(_entries: dict[str, bytes], manifest: dict) -> None:
    manifest["entries"]["library.sqlite"][0] = "0" * 64


def _wrong_size(_entries: dict[str, bytes], manifest: dict) -> None:
    manifest["entries"]["library.sqlite"][1] += 1


def _entry_missing(entries: dict[str, bytes], _manifest: dict) -> None:
    del entries[next(name for name in entries if name.startswith("originals"))]


def _no_database(entries: dict[str, bytes], manifest: dict) -> None:
    del entries["library.sqlite"], manifest["entries"]["library.sqlite"]


def _other_database(entries: dict[str, bytes], manifest: dict) -> None:
    entries["library.sqlite"] = b""
    manifest["entries"]["library.sqlite"] = _promise(b"")


def _entries_no_dict(_entries: dict[str, bytes], manifest: dict) -> None:
    manifest["entries"] = {"library.sqlite": "x"}


def _bomb(entries: dict[str, bytes], manifest: dict) -> None:
    entries["library.sqlite"] = bytes(50_000_000)


def _sql(statement: str) -> Callable[[dict[str, bytes], dict], None]:
    def change(entries: dict[str, bytes], manifest: dict) -> None:
        db = sqlite3.connect(":memory:")
        db.deserialize(entries["library.sqlite"])
        db.execute(statement)
        db.commit()
        entries["library.sqlite"] = db.serialize()
        manifest["entries"]["library.sqlite"] = _promise(entries["library.sqlite"])

    return change


def _newer(_entries: dict[str, bytes], manifest: dict) -> None:
    manifest["format"] = 99


REFUSED = {
    "an entry that climbs": (_add_entry("../evil"), LibraryCorrupt),
    "an entry that climbs from below": (_add_entry("originals/ab/../../../evil"), LibraryCorrupt),
    "an absolute entry": (_add_entry("/tmp/evil"), LibraryCorrupt),
    "a stranger's entry": (_add_entry("chroma/evil"), LibraryCorrupt),
    "an original in another's folder": (_add_entry(f"originals/ab/{'cd' * 32}.txt"), LibraryCorrupt),
    "a wrong hash": (_wrong_hash, LibraryCorrupt),
    "a wrong size": (_wrong_size, LibraryCorrupt),
    "a missing entry": (_entry_missing, LibraryCorrupt),
    "no database": (_no_database, LibraryCorrupt),
    "an empty database": (_other_database, LibraryCorrupt),
    "a manifest of another form": (_entries_no_dict, LibraryCorrupt),
    "a database larger than promised": (_bomb, LibraryCorrupt),
    "a trigger": (_sql("CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM documents; END"), LibraryCorrupt),
    "a database of another program": (_sql("PRAGMA application_id = 7"), LibraryCorrupt),
    "a newer export": (_newer, LibraryTooNew),
    "a newer database": (_sql("PRAGMA user_version = 99"), LibraryTooNew),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_export_that_lies_is_refused_and_nothing_is_left(exported: Path, tmp_path: Path, name: str):
    change, error = REFUSED[name]
    _rewritten(exported, change)
    before = everything_below(tmp_path)
    with pytest.raises(error, match=r"backup\.zip"):
        import_library_file(exported, tmp_path / "restored", name="r")
    assert everything_below(tmp_path) == before


def test_two_entries_of_one_name_are_refused(exported: Path, tmp_path: Path):
    with zipfile.ZipFile(exported, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("library.sqlite", b"second")
    with pytest.raises(LibraryCorrupt):
        import_library_file(exported, tmp_path / "restored", name="r")


def _damaged(whole: bytes) -> Iterator[bytes]:
    """The file cut short, and with one byte changed, at places all over it and around its directory."""
    places = {*range(0, len(whole), len(whole) // ROUNDS), *range(len(whole) - 100, len(whole), 7)}
    for at in sorted(places):
        yield whole[:at]
        yield whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]


def test_a_damaged_file_is_refused_or_none_of_its_content_is_touched(filled: Library, exported: Path, tmp_path: Path):
    before, records = everything_below(tmp_path), filled.documents()
    refused = 0
    for content in _damaged(exported.read_bytes()):
        exported.write_bytes(content)
        try:
            import_library_file(exported, tmp_path / "restored", name="r")
        except (LibraryCorrupt, LibraryTooNew):
            refused += 1
        else:  # a date or a copy of a field, which nobody reads
            with closing(Catalog(tmp_path / "restored" / "library.sqlite")) as catalog:
                assert catalog.documents() == records
            shutil.rmtree(tmp_path / "restored")
        assert everything_below(tmp_path) == before
    assert refused > ROUNDS


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "backup.zip").write_bytes(content)
    with pytest.raises(LibraryCorrupt, match="not a sound export"):
        import_library_file(tmp_path / "backup.zip", tmp_path / "restored", name="r")
    with pytest.raises(LibraryNotFound):
        import_library_file(tmp_path / "none.zip", tmp_path / "restored", name="r")


def test_an_import_takes_an_empty_folder_and_no_other(exported: Path, tmp_path: Path):
    target = tmp_path / "restored"
    target.mkdir()
    import_library_file(exported, target, name="r")
    assert target.stat().st_mode & 0o077 == 0  # its owner's alone, as a new one is
    with pytest.raises(LibraryError, match="in the way"):
        import_library_file(exported, target, name="again")
    with pytest.raises(LibraryError, match="in the way"):
        import_library_file(exported, exported, name="r")
    with opened_from(target) as restored:
        assert restored.name == "r"
