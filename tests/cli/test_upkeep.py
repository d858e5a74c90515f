"""The commands that look after libraries, on real libraries where nothing else is said; the embedder is a fake."""

import functools
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import lastro
from lastro import cli
from lastro.errors import EmbedderMismatch, LibraryLocked
from lastro.events import FileStarted
from lastro.types import Finding, LibraryInfo, VerifyReport
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

DEED = "The harbour pilot is Ana Prado. She starts on 2 May 2025.\n\nThe fee is 300 euros a year.\n"


@pytest.fixture
def deed(tmp_path, monkeypatch, capsys):
    """A file that the default library holds."""
    monkeypatch.setattr(lastro, "open_library", functools.partial(lastro.open_library, embedder=HashEmbeddings()))
    path = tmp_path / "deed.txt"
    path.write_text(DEED, encoding="utf-8")
    assert cli.run(["add", str(path)]) == 0
    capsys.readouterr()
    return path


def test_a_removal_as_json_names_the_document(deed, capsys):
    assert cli.run(["remove", str(deed), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed"]["sources"] == [str(deed)]
    assert told["purge"] is None


def test_a_purge_leaves_nothing_of_the_text_in_any_file(deed, capsys, lastro_home):
    assert any(b"Ana Prado" in path.read_bytes() for path in lastro_home.rglob("*") if path.is_file())
    assert cli.run(["remove", str(deed), "--purge"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("removed deed (")
    assert "purged: nothing of what was removed is left" in out
    for path in lastro_home.rglob("*"):
        assert not path.is_file() or b"Ana Prado" not in path.read_bytes(), path


def test_what_was_removed_before_is_purged_without_a_key(deed, capsys, lastro_home):
    assert cli.run(["remove", str(deed)]) == 0
    assert "or now: lastro remove --purge" in capsys.readouterr().out
    assert cli.run(["remove", "--purge"]) == 0
    assert "purged: nothing of what was removed is left" in capsys.readouterr().out
    for path in lastro_home.rglob("*"):
        assert not path.is_file() or b"Ana Prado" not in path.read_bytes(), path


def test_remove_without_a_key_or_purge_is_wrong_usage(deed, capsys):
    assert cli.run(["remove"]) == 2
    assert "name the document to remove" in capsys.readouterr().err


def test_a_pending_purge_says_who_finishes_it(deed, capsys, monkeypatch):
    monkeypatch.setattr(Library, "purge", lambda _self, **_wait: "pending")
    assert cli.run(["remove", str(deed), "--purge"]) == 0
    assert "purge pending: another program still reads an older state" in capsys.readouterr().out


def test_a_refused_purge_still_tells_that_the_document_is_removed(deed, capsys, monkeypatch):
    def locked(_self, **_wait):
        raise LibraryLocked("another process writes")

    monkeypatch.setattr(Library, "purge", locked)
    assert cli.run(["remove", str(deed), "--purge"]) == 3
    captured = capsys.readouterr()
    assert captured.out.startswith("removed deed (")
    assert captured.err == "lastro: another process writes\n"


def test_a_sound_library_verifies_with_0(deed, capsys):
    assert cli.run(["verify"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert cli.run(["verify", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["findings"] == []
    assert report["checked"]["documents"] == 1


def test_a_lost_original_is_found_in_words(deed, capsys, lastro_home):
    (original,) = (path for path in lastro_home.rglob("originals/**/*") if path.is_file())
    original.unlink()
    assert cli.run(["verify"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("wrong ")
    assert "original" in out
    assert "1 wrong, 0 mended" in out


def test_each_finding_is_told_with_what_is_left_to_do(deed, capsys, monkeypatch):
    mended = Finding("index", "3 entries are missing", repaired=True, way_out="never shown")
    wrong = Finding("text", "two\nlines \x1b[31m", document_id="d" * 64, way_out="add the file again")
    report = VerifyReport((mended, wrong), {"documents": 2, "chunks": 9, "index": 9}, seconds=0.25)
    asked = []

    def verify(_self, *, repair):
        asked.append(repair)
        return report

    monkeypatch.setattr(Library, "verify", verify)
    assert cli.run(["verify", "--repair"]) == 1
    assert asked == [True]
    assert capsys.readouterr().out.splitlines() == [
        "mended  index: 3 entries are missing",
        "wrong   text: two lines (document dddddddddddd)",
        "        add the file again",
        "checked 2 documents, 9 chunks, 9 index entries in 0.2 s: 1 wrong, 1 mended",
    ]


def test_a_library_travels_in_one_file(deed, capsys, tmp_path, lastro_home):
    target = tmp_path / "law.lastro"
    assert cli.run(["export", str(target)]) == 0
    assert f"exported to {target}" in capsys.readouterr().out
    assert cli.run(["import", str(target), "--library", "copy"]) == 0
    assert "imported as library copy" in capsys.readouterr().out
    assert cli.run(["search", "harbour pilot", "--library", "copy", "--json"]) == 0
    assert "Ana Prado" in json.loads(capsys.readouterr().out)[0]["text"]


def test_an_export_as_json_names_its_file_and_size(deed, capsys, tmp_path):
    target = tmp_path / "law.lastro"
    assert cli.run(["export", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"file": str(target), "bytes": target.stat().st_size}


def test_an_import_never_touches_a_library_that_is_there(deed, capsys, tmp_path):
    target = tmp_path / "law.lastro"
    assert cli.run(["export", str(target)]) == 0
    assert cli.run(["import", str(target)]) == 3
    assert "default" in capsys.readouterr().err
    assert cli.run(["list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_a_rebuild_keeps_every_document_findable(deed, capsys):
    assert cli.run(["rebuild"]) == 0
    assert capsys.readouterr().out == "rebuilt: 1 document\n"
    assert cli.run(["search", "harbour pilot", "--json"]) == 0
    assert "Ana Prado" in json.loads(capsys.readouterr().out)[0]["text"]


def test_a_change_of_embedder_shows_how_far_it_is(deed, capsys, monkeypatch):
    asked = []

    def rebuild(_self, *, embedder, on_event, cancel):
        asked.append(embedder)
        for index in range(1, 101):
            on_event(FileStarted(source="Deed", index=index, total=100))

    monkeypatch.setattr(Library, "rebuild", rebuild)
    assert cli.run(["rebuild", "--embedder", "multilingual-e5-small"]) == 0
    captured = capsys.readouterr()
    assert asked == ["multilingual-e5-small"]
    assert captured.out == "rebuilt: 1 document, embedded with multilingual-e5-small\n"
    lines = captured.err.splitlines()
    assert lines[0] == "embedding document 1 of 100"
    assert lines[-1] == "embedding document 91 of 100"
    assert len(lines) == 10


def test_ctrl_c_during_a_change_of_embedder_ends_with_130(deed, monkeypatch):
    monkeypatch.setattr(Library, "rebuild", lambda _self, *, embedder, on_event, cancel: cancel.set())
    assert cli.run(["rebuild", "--embedder", "multilingual-e5-small"]) == 130


def test_a_refused_embedder_is_one_line(deed, capsys, monkeypatch):
    def refuse(_self, **_options):
        raise EmbedderMismatch("indexed with another")

    monkeypatch.setattr(Library, "rebuild", refuse)
    assert cli.run(["rebuild", "--embedder", "x"]) == 3
    assert capsys.readouterr().err == "lastro: indexed with another\n"


def test_libraries_are_listed_with_their_sizes(deed, capsys):
    assert cli.run(["libraries", "--json"]) == 0
    (info,) = json.loads(capsys.readouterr().out)
    assert (info["name"], info["documents"], info["problem"]) == ("default", 1, "")
    assert info["bytes"] > 0
    assert cli.run(["libraries"]) == 0
    assert "default" in capsys.readouterr().out


def test_a_library_that_cannot_be_opened_is_listed_with_the_reason(capsys, monkeypatch):
    broken = LibraryInfo("law", Path("/x/law"), 0, 0, "", 5_000_000, problem="made by a later version")
    monkeypatch.setattr(lastro, "libraries", lambda: [broken])
    assert cli.run(["libraries"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "law" in out
    assert "5.0 MB" in out
    assert "cannot be opened: made by a later version" in out


def test_without_libraries_the_way_to_one_is_told(capsys):
    assert cli.run(["libraries"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "lastro add PATH" in captured.err
    assert cli.run(["libraries", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("command", [["verify"], ["rebuild"], ["export", "x.lastro"], ["remove", "x", "--purge"]])
def test_upkeep_creates_no_library(command, capsys, lastro_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(command) == 3
    assert "lastro add" in capsys.readouterr().err
    assert not (lastro_home / "libraries").exists()


def test_a_library_of_an_older_format_is_carried_over_with_a_word(deed, capsys, lastro_home):
    (database,) = lastro_home.rglob("library.sqlite")
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA user_version = 2")
        db.commit()
    for told in (True, False):
        assert cli.run(["list"]) == 0
        assert ("Carrying library 'default' over" in capsys.readouterr().err) == told
