-- The tables of library format 1, as the first version of Lastro made them: `test_migrations.py` opens such a library.
PRAGMA application_id = 1280529490;
PRAGMA user_version = 1;
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
CREATE VIRTUAL TABLE keyword USING fts5(title, heading, body, tokenize = "unicode61 remove_diacritics 0 tokenchars '_.,/:@%+-°''’'");
CREATE VIRTUAL TABLE keyword_terms USING fts5vocab(keyword, row);
