"""Keyword search: FTS5 and BM25 over folded Snowball stems, in the library's own SQLite file.

A chunk is indexed by the stems of its document's language; a question is stemmed in every language the library
holds, so a Portuguese question finds Portuguese text whatever the embedder speaks.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from lastro.language import content_terms
from lastro.types import Chunk

TITLE_WEIGHT, HEADING_WEIGHT, BODY_WEIGHT = 1.0, 1.0, 1.0
MAX_QUERY_TERMS = 48  # the rarest are kept; FTS5 also bounds the depth of an expression
COMMON_SHARE = 0.2  # a term of more passages than this says little, and costs the most
COMMON_FLOOR = 500  # below this many passages a common term costs nothing
_MAX_QUERY_CHARACTERS = 20_000


def stems(text: str, language: str) -> list[str]:
    """The folded stems of a text's content words, in order.

    >>> stems("Os contratos de 2024", "pt")
    ['contrat', '2024']
    """
    return [term.stem for term in content_terms(text, language) if term.stem.strip()]


def index_chunks(db: sqlite3.Connection, chunks: Sequence[tuple[int, Chunk]], *, title: str, language: str) -> None:
    """Index chunks under their `seq`, within the caller's transaction."""
    titled = " ".join(stems(title, language))
    db.executemany(
        "INSERT INTO keyword (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
        (
            (seq, titled, " ".join(stems(chunk.section, language)), " ".join(stems(chunk.text, language)))
            for seq, chunk in chunks
        ),
    )


def forget_chunks(db: sqlite3.Connection, document_id: str) -> None:
    """Take a document's chunks out, within the caller's transaction and before the chunks themselves go."""
    db.execute("DELETE FROM keyword WHERE rowid IN (SELECT seq FROM chunks WHERE document_id = ?)", (document_id,))


def query_stems(db: sqlite3.Connection, query: str) -> list[str]:
    """The stems that a query is searched by: in every language of the library, the rarest first."""
    found = {row[0] for row in db.execute("SELECT DISTINCT language FROM documents")} | {"en", "pt"}
    wanted = {stem for language in found for stem in stems(query[:_MAX_QUERY_CHARACTERS], language)}
    total = count_chunks(db)
    frequency = {stem: df for stem, df in document_frequencies(db, wanted).items() if df}
    limit = max(COMMON_FLOOR, COMMON_SHARE * total)
    rare = {stem: df for stem, df in frequency.items() if df <= limit}
    kept = rare or frequency
    return sorted(kept, key=lambda stem: (kept[stem], stem))[:MAX_QUERY_TERMS]


def search(
    db: sqlite3.Connection, query: str, *, limit: int, condition: tuple[str, Sequence[Any]] | None = None
) -> list[tuple[int, float]]:
    """The best chunks as `(seq, BM25)`, higher is better.

    `condition` restricts them: SQL over `c`, a row of `chunks`, and its parameters.
    """
    wanted = query_stems(db, query)
    if not wanted:
        return []
    expression = " OR ".join('"' + stem.replace('"', '""') + '"' for stem in wanted)
    score = f"bm25(keyword, {TITLE_WEIGHT}, {HEADING_WEIGHT}, {BODY_WEIGHT})"
    accepted, parameters = condition or ("1", ())
    joined = "" if condition is None else "JOIN chunks c ON c.seq = keyword.rowid"
    rows = db.execute(
        f"SELECT keyword.rowid, {score} AS score FROM keyword {joined} WHERE keyword MATCH ? AND {accepted} "
        "ORDER BY score, keyword.rowid LIMIT ?",
        (expression, *parameters, limit),
    ).fetchall()
    return [(int(row[0]), -float(row[1])) for row in rows]


def count_chunks(db: sqlite3.Connection) -> int:
    """Number of chunks in the library."""
    return int(db.execute("SELECT count(*) FROM chunks").fetchone()[0])


def document_frequencies(db: sqlite3.Connection, wanted: Iterable[str]) -> dict[str, int]:
    """In how many chunks each stem stands, 0 where in none."""
    found = {}
    for stem in wanted:
        row = db.execute("SELECT doc FROM keyword_terms WHERE term = ?", (stem,)).fetchone()
        found[stem] = 0 if row is None else int(row[0])
    return found


def idf(db: sqlite3.Connection, wanted: Iterable[str]) -> dict[str, float]:
    """Inverse document frequency over chunks, `ln((N - df + .5) / (df + .5) + 1)` (Robertson and Zaragoza, 2009)."""
    total = count_chunks(db)
    return {
        stem: math.log((total - df + 0.5) / (df + 0.5) + 1)
        for stem, df in document_frequencies(db, dict.fromkeys(wanted)).items()
    }
