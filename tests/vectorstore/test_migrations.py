"""Older libraries open: format 1 is made here by its own tables, filled with a real library's rows."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from lastro.errors import LibraryTooNew
from lastro.types import Upload
from lastro.vectorstore import schema
from lastro.vectorstore.library import Library
from lastro.vectorstore.verify import verify_library

Opened = Callable[..., Library]

# Parents before children; `sqlite_sequence` keeps `seq` from being given twice.
_TABLES = ("meta", "documents", "texts", "pages", "sections", "sources", "chunks", "vectors", "tombstones")
_LATER_META = ("index_files", "embedder_probe", "garbage", "garbage_since")  # keys that format 1 knew nothing of


@pytest.fixture
def old(library: Library) -> Path:
    """The folder of a library of format 1 with four documents and its index."""
    library.search("cats")
    library.close()
    file = library.path / "library.sqlite"
    newer = file.rename(library.path.parent / "newer.sqlite")
    for log in library.path.glob("library.sqlite-*"):
        log.unlink()
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.executescript((Path(__file__).parent / "schema_v1.sql").read_text(encoding="utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("ATTACH ? AS newer", (str(newer),))
        for table in _TABLES:
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
        db.execute(
            "INSERT INTO main.keyword (rowid, title, heading, body) SELECT rowid, title, heading, body "
            "FROM newer.keyword"
        )
        db.executemany("DELETE FROM main.meta WHERE key = ?", [(key,) for key in _LATER_META])
    return library.path


def _version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "library.sqlite")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def _columns(db: sqlite3.Connection) -> dict[str, list[tuple]]:
    """Every table, index and trigger with its columns: name, type, NOT NULL, default, place in the key."""
    found = {}
    for kind, name in db.execute("SELECT type, name FROM sqlite_schema ORDER BY type, name").fetchall():
        pragma = "index_xinfo" if kind == "index" else "table_xinfo"
        found[f"{kind} {name}"] = [tuple(row) for row in db.execute(f"PRAGMA {pragma}({name})")]
        if kind == "table":
            found[f"keys {name}"] = [tuple(row) for row in db.execute(f"PRAGMA foreign_key_list({name})")]
    return found


def _contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_library_of_format_1_opens_searches_and_verifies(old: Path, opened: Opened):
    assert _version(old) == 1
    library = opened()
    assert _version(old) == schema.SCHEMA_VERSION
    assert len(library.documents()) == 4
    best = library.search("When does the lease end?", k=1)[0]
    assert best.text == library.text(best.document_id)[best.start : best.end]
    assert best.title == "Lease"
    assert library.search("Quando terminam os contratos?", k=1)[0].title == "Contrato"
    report = verify_library(library, repair=False)
    assert report.findings == ()
    assert report.checked == {"documents": 4, "chunks": 4, "originals": 4, "index": 4}


def test_a_library_that_was_carried_over_takes_documents_and_loses_them(old: Path, opened: Opened):
    library = opened()
    file = old.parent / "llama.txt"
    file.write_text("Llamas hum softly.", encoding="utf-8")
    library.add(file)
    assert library.search("llamas", k=1)[0].title == "llama"
    library.remove("llama.txt")
    assert len(library.documents()) == 4
    assert verify_library(library, repair=False).findings == ()


def test_the_tables_are_those_of_a_new_library(old: Path, opened: Opened, tmp_path: Path):
    opened().close()
    with closing(schema.open_database(tmp_path / "fresh.sqlite")) as fresh:
        expected = _columns(fresh)
    with closing(sqlite3.connect(old / "library.sqlite")) as carried:
        assert _columns(carried) == expected


@pytest.mark.parametrize("step", range(1, 8))
def test_a_migration_that_fails_leaves_the_old_library_whole(
    old: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, step: int
):
    migrate = schema.MIGRATIONS[1]

    class Failing:
        """The connection, until its n-th statement."""

        def __init__(self, db: sqlite3.Connection) -> None:
            self.db, self.left = db, step

        def execute(self, *args: object) -> sqlite3.Cursor:
            self.left -= 1
            if not self.left:
                raise sqlite3.OperationalError("the power went out")
            return self.db.execute(*args)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(self.db, name)

    monkeypatch.setitem(schema.MIGRATIONS, 1, lambda db: migrate(Failing(db)))  # type: ignore[arg-type]
    with closing(sqlite3.connect(old / "library.sqlite")) as db:
        before, dump = _columns(db), list(db.execute("SELECT * FROM chunks"))
    with pytest.raises(sqlite3.OperationalError, match="power"):
        opened()
    with closing(sqlite3.connect(old / "library.sqlite")) as db:
        assert (_columns(db), list(db.execute("SELECT * FROM chunks"))) == (before, dump)
    assert _version(old) == 1
    monkeypatch.undo()
    monkeypatch.setenv("LASTRO_HOME", str(old.parent / "home"))
    assert verify_library(opened(), repair=False).findings == ()


def test_many_that_open_an_old_library_at_once_carry_it_over_once(old: Path, opened: Opened):
    together = threading.Barrier(4)

    def open_one(_number: int) -> int:
        together.wait()
        return len(opened().documents())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_one, range(4))) == [4] * 4
    assert verify_library(opened(), repair=False).findings == ()


def test_a_library_of_a_newer_format_is_refused_and_not_touched(library: Library, opened: Opened):
    library.close()
    with closing(sqlite3.connect(library.path / "library.sqlite")) as db:
        db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    before = _contents(library.path)
    with pytest.raises(LibraryTooNew, match="upgrade lastro"):
        opened()
    assert _contents(library.path) == before


@pytest.fixture
def second(library: Library) -> Path:
    """The folder of a library of format 2: its keyword index splits at vowel signs and holds no parts of codes."""
    library.add([Upload("hi.txt", "किराया मासिक है।".encode()), Upload("code.txt", b"Case AB-123/2024 is closed.")])
    library.close()
    with closing(sqlite3.connect(library.path / "library.sqlite", isolation_level=None)) as db:
        db.execute("DROP TABLE keyword_terms")
        db.execute("DROP TABLE keyword")
        old = schema._TOKENIZER.replace(" categories 'L* N* Co M*'", "")
        db.execute(f'CREATE VIRTUAL TABLE keyword USING fts5(title, heading, body, tokenize = "{old}")')
        db.execute("CREATE VIRTUAL TABLE keyword_terms USING fts5vocab(keyword, row)")
        db.execute("INSERT INTO keyword (rowid, title, heading, body) SELECT seq, '', '', lower(text) FROM chunks")
        db.execute("PRAGMA user_version = 2")
    return library.path


def test_a_library_of_format_2_has_its_keyword_index_made_anew(second: Path, opened: Opened):
    assert schema.is_outdated(second / "library.sqlite")
    library = opened()
    assert not schema.is_outdated(second / "library.sqlite")
    for query, title in [("किराया", "hi"), ("123/2024", "code"), ("lease ends", "Lease")]:
        assert library.search(query, search_type="keyword", k=1)[0].title == title
    assert verify_library(library, repair=False).findings == ()


def test_a_kill_while_the_keyword_index_is_made_anew_leaves_format_2(second: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def fail(*_args: object, **_options: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(schema.keyword, "index_texts", fail)
    with pytest.raises(KeyboardInterrupt):
        schema.open_database(second / "library.sqlite")
    assert _version(second) == 2
    with closing(sqlite3.connect(second / "library.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM keyword").fetchone()[0] == 6


def test_what_is_no_database_is_not_outdated(tmp_path: Path):
    file = tmp_path / "library.sqlite"
    assert not schema.is_outdated(file)
    file.write_bytes(b"no database")
    assert not schema.is_outdated(file)
