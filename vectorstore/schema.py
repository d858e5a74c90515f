"""The tables of `library.sqlite`, and how a connection to it is opened.

documents  one row a document, keyed by the SHA-256 of its bytes; how it was read stands beside it
texts      its canonical text, apart from the row so that a listing reads no text
pages, sections   spans of that text, in characters
sources    where a document was added from; a source points to one document
chunks     what is retrieved; `seq` only grows, so "newer than the index" is one comparison
vectors    one float32 blob a chunk, apart from the chunk so that reading a text reads no vector
keyword    FTS5 over folded stems, rowid = chunks.seq; `keyword_terms` counts them
tombstones chunks that are gone here and may still stand in the Chroma index
meta       key, value: identity of the library and its embedder, splitting, state of the index
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lastro.errors import LibraryCorrupt, LibraryTooNew

APPLICATION_ID = 0x4C53_5452  # "LSTR": tells `file` and us that this is no stranger's database
SCHEMA_VERSION = 1

# A stem keeps the signs of numbers, codes and addresses ("8.666/93"), so FTS5 must not split at them.
_TOKENIZER = "unicode61 remove_diacritics 0 tokenchars '_.,/:@%+-°''’'"

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, mime TEXT NOT NULL, language TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, bytes INTEGER NOT NULL, pages INTEGER, characters INTEGER NOT NULL, parser TEXT NOT NULL,
    warnings TEXT NOT NULL, extension TEXT NOT NULL, added_at TEXT NOT NULL
);
CREATE TABLE texts (document_id TEXT PRIMARY KEY REFERENCES documents ON DELETE CASCADE, text TEXT NOT NULL);
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
CREATE TABLE vectors (seq INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE, vector BLOB NOT NULL);
CREATE TABLE tombstones (seq INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id TEXT NOT NULL);
CREATE VIRTUAL TABLE keyword USING fts5(title, heading, body, tokenize = "{_TOKENIZER}");
CREATE VIRTUAL TABLE keyword_terms USING fts5vocab(keyword, row);
"""


def connect(file: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from any one thread at a time."""
    db = sqlite3.connect(file, timeout=30.0, isolation_level=None, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
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
        raise LibraryCorrupt(f"{file}: not a readable library ({error}); restore it from a backup") from error
    if tables and application != APPLICATION_ID:
        raise LibraryCorrupt(f"{file}: a database of another program; choose another folder for the library")
    if version > SCHEMA_VERSION:
        raise LibraryTooNew(
            f"{file}: library format {version}, this version reads up to {SCHEMA_VERSION}; upgrade lastro to open it"
        )
    db.execute("PRAGMA journal_mode = WAL")
    if not version:
        _create(db)


def _create(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if not db.execute("PRAGMA user_version").fetchone()[0]:  # else another process was first
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def harden(db: sqlite3.Connection) -> sqlite3.Connection:
    """Set what each connection to a library must have: every commit on disk, deleted content overwritten."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    return db
