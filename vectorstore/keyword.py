"""Keyword search: FTS5 and BM25 over folded Snowball stems, in the library's own SQLite file.

A chunk is indexed by the stems of its document's language; a question is stemmed in every language the library
holds, so a Portuguese question finds Portuguese text whatever the embedder speaks.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from lastro.language import Term, common_words, content_terms, fold, stem
from lastro.types import Chunk

# Any from a half to two changed hit@5 of the measured sets by less than a question in a hundred (decision 012).
TITLE_WEIGHT, HEADING_WEIGHT, BODY_WEIGHT = 1.0, 1.0, 1.0
MAX_QUERY_TERMS = 48  # the rarest are kept; FTS5 also bounds the depth of an expression
COMMON_SHARE = 0.2  # a term of more passages than this says little, and costs the most
COMMON_FLOOR = 500  # below this many passages a common term costs nothing
_MAX_QUERY_CHARACTERS = 20_000
_JOINERS = re.compile(r"[-/._]")  # what holds a code together


@dataclass(frozen=True, slots=True)
class Question:
    """A question as the index sees it.

    `stems` are in the question's order, for each language of the library; `idf` holds those that any chunk has;
    `common` are the words that say little in its own language.
    """

    stems: Mapping[str, tuple[str, ...]]
    idf: Mapping[str, float]
    wanted: tuple[str, ...]  # what is searched, the rarest first
    common: frozenset[str] = frozenset()


def stems(text: str, language: str) -> list[str]:
    """The folded stems of a text's content words, in order; a code is followed by its parts, or they by the code.

    >>> stems("Os contratos de 2024", "pt"), stems("AB-123/2024", "en"), stems("2024-AB12", "en")
    (['contrat', '2024'], ['ab-123/2024', 'ab', '123/2024', '123', '2024'], ['2024', 'ab12', '2024-ab12'])
    """
    return list(_iter_stems(text, content_terms(text, language), language))


def _iter_stems(text: str, terms: Sequence[Term], language: str) -> Iterator[str]:
    code = ""  # what the terms up to this one make, where nothing but a joiner stands between them
    for term, following in zip_longest(terms, terms[1:]):
        if not term.stem.strip():
            continue
        yield term.stem
        if any(joiner in term.text for joiner in "-/") and not term.text[0].isdigit():
            yield from (stem(part, language) for part in _parts(term.text))
        code += term.text
        between = text[term.end : following.start] if following is not None else " "
        if _JOINERS.fullmatch(between):
            code += between
            continue
        if code != term.text and any(char.isdigit() for char in code):
            yield fold(code)
        code = ""


def _parts(code: str) -> Iterator[str]:
    """What a code begins with, what follows that, and so on: a reader may know any of it."""
    while match := _JOINERS.search(code):
        if match.start():
            yield code[: match.start()]
        code = code[match.end() :]
        if code:
            yield code


def index_chunks(db: sqlite3.Connection, chunks: Sequence[tuple[int, Chunk]], *, title: str, language: str) -> None:
    """Index chunks under their `seq`, within the caller's transaction."""
    texts = ((seq, chunk.section, chunk.text) for seq, chunk in chunks)
    index_texts(db, texts, title=title, language=language)


def index_texts(db: sqlite3.Connection, chunks: Iterable[tuple[int, str, str]], *, title: str, language: str) -> None:
    """Index `(seq, section, text)` of one document's chunks, within the caller's transaction."""
    titled = " ".join(stems(title, language))
    db.executemany(
        "INSERT INTO keyword (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
        (
            (seq, titled, " ".join(stems(section, language)), " ".join(stems(text, language)))
            for seq, section, text in chunks
        ),
    )


def forget_chunks(db: sqlite3.Connection, document_id: str) -> None:
    """Take a document's chunks out, within the caller's transaction and before the chunks themselves go."""
    db.execute("DELETE FROM keyword WHERE rowid IN (SELECT seq FROM chunks WHERE document_id = ?)", (document_id,))


def read_question(db: sqlite3.Connection, query: str, *, language: str) -> Question:
    """A question in a language ("und" where unknown) as the index sees it, stemmed in every language of the library."""
    text = unicodedata.normalize("NFC", query[:_MAX_QUERY_CHARACTERS])
    languages = {row[0] for row in db.execute("SELECT DISTINCT language FROM documents")} | {"en", "pt"}
    own = common_words(language)  # "o" is common in a Portuguese question, and rare in English text
    found = {language: tuple(_searched(text, language, own)) for language in sorted(languages)}
    total = _count_indexed(db)
    frequency = document_frequencies(db, {one for several in found.values() for one in several})
    limit = max(COMMON_FLOOR, COMMON_SHARE * total)
    rare = {one: df for one, df in frequency.items() if df <= limit}
    kept = rare or frequency
    wanted = sorted(kept, key=lambda one: (kept[one], one))[:MAX_QUERY_TERMS]
    return Question(found, {one: _idf(total, df) for one, df in frequency.items()}, tuple(wanted), own)


def _searched(text: str, language: str, own: frozenset[str]) -> list[str]:
    """The stems of a question without the common words of a language and its `own`, unless it has no others."""
    terms, common = content_terms(text, language), common_words(language) | own
    telling = [term for term in terms if fold(term.text) not in common]
    return list(_iter_stems(text, telling or terms, language))


def search(
    db: sqlite3.Connection,
    question: Question,
    *,
    limit: int,
    condition: tuple[str, Sequence[Any]] | None = None,
) -> list[tuple[int, float]]:
    """The best chunks as `(seq, BM25)`, higher is better.

    `condition` restricts them: SQL over `c`, a row of `chunks`, and its parameters.
    """
    if not question.wanted:
        return []
    expression = " OR ".join('"' + one.replace('"', '""') + '"' for one in question.wanted)
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


def _count_indexed(db: sqlite3.Connection) -> int:
    """Number of chunks in the keyword index: counting its short rows is quicker by far than counting the chunks."""
    return int(db.execute("SELECT count(*) FROM keyword_docsize").fetchone()[0])


def document_frequencies(db: sqlite3.Connection, wanted: Iterable[str]) -> dict[str, int]:
    """In how many chunks each stem stands; nothing of those that stand in none."""
    asked = json.dumps(list(wanted))
    rows = db.execute("SELECT term, doc FROM keyword_terms WHERE term IN (SELECT value FROM json_each(?))", (asked,))
    return {str(term): int(df) for term, df in rows}


def idf(db: sqlite3.Connection, wanted: Iterable[str]) -> dict[str, float]:
    """Inverse document frequency over chunks, `ln((N - df + .5) / (df + .5) + 1)` (Robertson and Zaragoza, 2009)."""
    asked, total = list(dict.fromkeys(wanted)), _count_indexed(db)
    frequency = document_frequencies(db, asked)
    return {one: _idf(total, frequency.get(one, 0)) for one in asked}


def _idf(total: int, df: int) -> float:
    return math.log((total - df + 0.5) / (df + 0.5) + 1)
