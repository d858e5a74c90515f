"""The tables of `library.sqlite`, and how a connection to it is opened.

documents  one row a document, keyed by the SHA-256 of its bytes; how it was read stands beside it. `metadata` is the
           JSON object of a document that its owner brought ready to index, and NULL for one that was read from a file
texts      its canonical text, apart from the row so that a listing reads no text, with the text's SHA-256
pages, sections   spans of that text, in characters
sources    where a document was added from; a source points to one document
chunks     what is retrieved; `seq` only grows, so "newer than the index" is one comparison
vectors    one float32 blob a chunk, apart from the chunk so that reading a text reads no vector; `crc` is its CRC-32
keyword    FTS5 over folded stems, rowid = chunks.seq; `keyword_terms` counts them
tombstones chunks that are gone here and may still stand in the Chroma index
staged_*   chunks and vectors of another embedder, until all documents have them and the library switches over
meta       key, value: identity of the library and its embedder, splitting, state of the index
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from lastro.errors import LibraryCorrupt, LibraryError, LibraryReadOnly, LibraryTooNew
from lastro.vectorstore import keyword

APPLICATION_ID = 0x4C53_5452  # "LSTR": tells `file` and us that this is no stranger's database
SCHEMA_VERSION = 3

# A stem keeps the signs of numbers, codes and addresses ("8.666/93"), so FTS5 must not split at them.
# Nor at the vowel signs of Indic scripts and Thai, which FTS5 takes for punctuation unless told.
_TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* N* Co M*' tokenchars '_.,/:@%+-°''’'"
_KEYWORD = f"""\
CREATE VIRTUAL TABLE keyword USING fts5(title, heading, body, tokenize = "{_TOKENIZER}");
CREATE VIRTUAL TABLE keyword_terms USING fts5vocab(keyword, row);
"""

_STAGED = """\
CREATE TABLE staged_documents (
    document_id TEXT PRIMARY KEY REFERENCES documents ON DELETE CASCADE, text_sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE staged_chunks (
    document_id TEXT NOT NULL REFERENCES staged_documents ON DELETE CASCADE, position INTEGER NOT NULL,
    id TEXT NOT NULL, text TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    page_start INTEGER, page_end INTEGER, section TEXT NOT NULL, token_count INTEGER NOT NULL,
    vector BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (document_id, position)
);
"""

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, mime TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, bytes INTEGER NOT NULL, pages INTEGER, characters INTEGER NOT NULL, parser TEXT NOT NULL,
    warnings TEXT NOT NULL, extension TEXT NOT NULL, added_at TEXT NOT NULL, metadata TEXT
);
CREATE INDEX documents_by_language ON documents (language);
CREATE TABLE texts (
    document_id TEXT PRIMARY KEY REFERENCES documents ON DELETE CASCADE, text TEXT NOT NULL,
    sha256 TEXT NOT NULL DEFAULT ''
);
CREATE TABLE pages (
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE, position INTEGER NOT NULL,
    number INTEGER, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (document_id, position)
) WITHOUT ROWID;
CREATE TABLE sections (
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE, position INTEGER NOT NULL,
    path TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (document_id, position)
) WITHOUT ROWID;
CREATE TABLE sources (
    name TEXT PRIMARY KEY, document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE, added_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_by_document ON sources (document_id);
CREATE TABLE chunks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE, position INTEGER NOT NULL,
    text TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    page_start INTEGER, page_end INTEGER, section TEXT NOT NULL, token_count INTEGER NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document_id);
CREATE TABLE vectors (
    seq INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE, vector BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE tombstones (seq INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id TEXT NOT NULL);
{_KEYWORD}{_STAGED}"""


def open_database(file: Path) -> sqlite3.Connection:
    """A connection with the tables of this version: in autocommit mode, usable from any one thread at a time.

    A file that may only be read is opened so, and must be of this version.

    Raises:
        LibraryTooNew: a later version made the file; nothing in it was changed.
        LibraryCorrupt: the file is no library.
        LibraryReadOnly: it may not be written, and cannot be read without writing.
    """
    if may_write(file):
        return _connect(f"{file.absolute().as_uri()}?mode={'rw' if file.exists() else 'rwc'}", file)
    return _connect(_read_only_uri(file), file)


def may_write(file: Path) -> bool:
    """Whether this process may write a database, or make one."""
    return os.access(file.parent, os.W_OK) and (not file.exists() or os.access(file, os.W_OK))


def writes(db: sqlite3.Connection) -> bool:
    """Whether a connection can write: SQLite opens what fails to open for writing, be it for a moment, for reading."""
    try:
        db.execute("DELETE FROM tombstones WHERE seq = -1")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        return False
    return True


def peek(file: Path) -> sqlite3.Connection:
    """A connection that only looks, whatever the version.

    Raises:
        LibraryError: there is no such file.
    """
    if not file.is_file():
        raise LibraryError(f"{file.parent}: no {file.name} in it; it is no library")
    uri = f"{file.absolute().as_uri()}?mode=ro" if may_write(file) else _read_only_uri(file)
    return sqlite3.connect(uri, uri=True)


def is_outdated(file: Path) -> bool:
    """Whether opening a library's database would first carry it over from an older format."""
    if not file.is_file():
        return False
    try:
        with closing(peek(file)) as db:
            return 0 < int(db.execute("PRAGMA user_version").fetchone()[0]) < SCHEMA_VERSION
    except sqlite3.Error:  # opening it will say what is wrong
        return False


def _read_only_uri(file: Path) -> str:
    """Where no log stands beside it, the file is taken as it is: SQLite would make a log and its index otherwise."""
    beside = all(file.with_name(f"{file.name}{suffix}").exists() for suffix in ("-wal", "-shm"))
    return f"{file.absolute().as_uri()}?mode=ro" + ("" if beside else "&immutable=1")


def _connect(uri: str, file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA foreign_keys = ON")
        prepare(db, file)
        db.execute("PRAGMA synchronous = FULL")  # every commit is on disk
        db.execute("PRAGMA secure_delete = ON")  # deleted content is overwritten
    except BaseException:
        db.close()
        raise
    return db


def prepare(db: sqlite3.Connection, file: Path) -> None:
    """Create the tables in an empty file, or check that an existing one is ours and not newer than us.

    Raises:
        LibraryTooNew: a later version made the file; nothing in it was changed.
        LibraryCorrupt: the file is no library.
    """
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        application = int(db.execute("PRAGMA application_id").fetchone()[0])
        tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise LibraryCorrupt(
            f"{file}: not a readable library ({error}); restore an export under another name, `lastro import FILE "
            "--library NAME`, or add the files below originals/ to a new library"
        ) from error
    if tables and application != APPLICATION_ID:
        raise LibraryCorrupt(f"{file}: a database of another program; choose another folder for the library")
    if version > SCHEMA_VERSION:
        raise LibraryTooNew(
            f"{file}: library format {version}, this version reads up to {SCHEMA_VERSION}; upgrade lastro to open it"
        )
    if not may_write(file):
        if version < SCHEMA_VERSION:
            raise LibraryReadOnly(
                f"{file}: of format {version}, to be carried over to {SCHEMA_VERSION}, and it may not be written; "
                "copy the folder to where it may"
            )
        return
    db.execute("PRAGMA journal_mode = WAL")
    if version < SCHEMA_VERSION:
        _bring_up(db)


def _bring_up(db: sqlite3.Connection) -> None:
    """Create the tables, or carry an older library over, in one transaction; what was there stays if it fails."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])  # another process may have been first
        if not version:
            run_script(db, SCHEMA)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        else:
            for step in range(version, SCHEMA_VERSION):
                MIGRATIONS[step](db)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk makes SQLite roll back by itself
            db.execute("ROLLBACK")
        raise


def run_script(db: sqlite3.Connection, script: str) -> None:
    """Run statements within the caller's transaction, which `executescript` would commit."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def _from_1(db: sqlite3.Connection) -> None:
    """Checksums of texts and vectors, owners' metadata, and room for another embedder's vectors."""
    db.execute("ALTER TABLE documents ADD COLUMN metadata TEXT")
    db.execute("ALTER TABLE texts ADD COLUMN sha256 TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE vectors ADD COLUMN crc INTEGER NOT NULL DEFAULT 0")
    db.create_function("sha256_of", 1, text_sha256, deterministic=True)
    db.create_function("crc32_of", 1, zlib.crc32, deterministic=True)
    db.execute("UPDATE texts SET sha256 = sha256_of(text)")
    db.execute("UPDATE vectors SET crc = crc32_of(vector)")
    db.execute("CREATE INDEX documents_by_language ON documents (language)")
    run_script(db, _STAGED)


def _from_2(db: sqlite3.Connection) -> None:
    """The keyword index anew: more languages are stemmed, codes found by their parts, words of every script kept."""
    db.execute("DROP TABLE keyword_terms")
    db.execute("DROP TABLE keyword")
    run_script(db, _KEYWORD)
    for document in db.execute("SELECT id, title, language FROM documents").fetchall():
        chunks = db.execute("SELECT seq, section, text FROM chunks WHERE document_id = ?", (document[0],)).fetchall()
        rows = ((int(row[0]), str(row[1]), str(row[2])) for row in chunks)
        keyword.index_texts(db, rows, title=str(document[1]), language=str(document[2]))


# From that version to the next.
MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: _from_1, 2: _from_2}


def text_sha256(text: str) -> str:
    """SHA-256 of a text's UTF-8 bytes, hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
