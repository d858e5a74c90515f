"""Whether what is stored of one document holds together, and which of its rows do not."""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lastro.types import chunk_id
from lastro.vectorstore import keyword, schema

if TYPE_CHECKING:
    import sqlite3

    from lastro.vectorstore.identity import EmbedderIdentity

_UNIT_TOLERANCE = 1e-3  # float32 and half precision stay well within it

_CHUNKS = (
    "SELECT c.*, v.vector, v.crc, k.rowid AS row, k.title AS k_title, k.heading AS k_heading, k.body AS k_body "
    "FROM chunks c LEFT JOIN vectors v ON v.seq = c.seq LEFT JOIN keyword k ON k.rowid = c.seq "
    "WHERE c.document_id = ? ORDER BY c.position, c.seq"
)


@dataclass
class Soundness:
    """What is wrong with one document: by check the first problem and how many there are, and the rows concerned."""

    title: str
    chunks: int = 0
    problems: dict[str, tuple[str, int]] = field(default_factory=dict)
    vectors: list[int] = field(default_factory=list)  # `seq` of chunks whose vector is of no use
    stems: list[int] = field(default_factory=list)  # `seq` of chunks whose keyword row is wrong or missing

    def note(self, check: str, problem: str) -> None:
        """Count a problem; the first of a check is the one that is told."""
        first, count = self.problems.get(check, (problem, 0))
        self.problems[check] = (first, count + 1)

    def told(self, check: str) -> str:
        """The problems of a check in one sentence."""
        first, count = self.problems[check]
        return f"{self.title}: {first}" + (f" (and {count - 1} more like it)" if count > 1 else "")


@contextmanager
def lenient(transaction: AbstractContextManager[sqlite3.Connection]) -> Iterator[sqlite3.Connection]:
    """A transaction that can read damaged texts: what is no UTF-8 any more comes as U+FFFD instead of an error."""
    with transaction as db:
        db.text_factory = lambda data: data.decode("utf-8", "replace")
        try:
            yield db
        finally:
            db.text_factory = str


def examine(db: sqlite3.Connection, document_id: str, identity: EmbedderIdentity | None) -> Soundness | None:
    """What is wrong with a document's rows, read one chunk at a time; None where it is gone.

    `identity` is that of the embedder that the library's vectors are of.
    """
    row = db.execute(
        "SELECT d.title, d.language, d.characters, d.metadata, t.text, t.sha256 FROM documents d "
        "LEFT JOIN texts t ON t.document_id = d.id WHERE d.id = ?",
        (document_id,),
    ).fetchone()
    if row is None:
        return None
    found = Soundness(str(row["title"]))
    text = _text(row, found)
    spans = _Spans(db, document_id, found, None if text is None else len(text))
    if row["metadata"] is not None and not spans.any:
        spans.known = False  # an owner may name a page without handing over the document's pages
    _Chunks(found, document_id, text, spans, identity).walk(
        db, title=" ".join(keyword.stems(found.title, row["language"])), language=row["language"]
    )
    return found


def _text(row: sqlite3.Row, found: Soundness) -> str | None:
    """A document's text, None where it cannot be relied on."""
    text = row["text"]
    if not isinstance(text, str):
        found.note("text", "its text is missing")
        return None
    if schema.text_sha256(text) != row["sha256"]:
        found.note("text", "its text is not the one that was stored (the SHA-256 differs)")
        return None
    if len(text) != row["characters"]:
        found.note("text", f"the list says {row['characters']} characters, and its text has {len(text)}")
    return text


class _Spans:
    """A document's pages and sections, checked against the length of its text where that is known."""

    def __init__(self, db: sqlite3.Connection, document_id: str, found: Soundness, length: int | None) -> None:
        self.known = True
        numbered: list[sqlite3.Row] = []
        sections: list[sqlite3.Row] = []
        pages = 0
        for table in ("pages", "sections"):
            rows = db.execute(f"SELECT * FROM {table} WHERE document_id = ? ORDER BY position", (document_id,))
            for at, row in enumerate(rows):
                pages += table == "pages"
                if length is not None and not (row["position"] == at and _within(row, length)):
                    found.note(
                        "pages", f"{table[:-1]} {at + 1} spans characters {row['first']} to {row['last']} of {length}"
                    )
                elif table == "sections":
                    sections.append(row)
                elif row["number"] is not None and row["last"] > row["first"]:
                    numbered.append(row)
        self.any = bool(pages or sections)
        # Outer sections first, so that the last one that reaches a place is the innermost.
        self._sections = sorted(sections, key=lambda row: (row["first"], -row["last"]))
        self._section_starts = [row["first"] for row in self._sections]
        self._numbers = [row["number"] for row in numbered]
        self._starts = [row["first"] for row in numbered]
        self._ends = [row["last"] for row in numbered]

    def around(self, start: int, end: int) -> tuple[int | None, int | None]:
        """First and last numbered page of a span that is not empty; None where it touches none."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end) - 1
        return (None, None) if last < first else (self._numbers[first], self._numbers[last])

    def heading(self, start: int) -> str:
        """The path of the innermost section at a place, "" where there is none."""
        before = self._sections[: bisect_right(self._section_starts, start)]
        return next((str(row["path"]) for row in reversed(before) if row["last"] > start), "")


def _is_short_for(shown: str, path: str) -> bool:
    """Whether a chunk's heading is a section's path, as splitting shortens it for a small embedder."""
    whole = shown in ("", path)
    outer_gone = shown.startswith("… > ") and path.endswith(shown[1:])
    return whole or outer_gone or (shown.endswith("…") and path.split(" > ")[-1].startswith(shown[:-1]))


def _within(row: sqlite3.Row, length: int) -> bool:
    first, last = row["first"], row["last"]
    return isinstance(first, int) and isinstance(last, int) and 0 <= first <= last <= length


@dataclass
class _Chunks:
    """The walk along a document's chunks; `text` is None where only their ids speak for them."""

    found: Soundness
    document_id: str
    text: str | None
    spans: _Spans
    identity: EmbedderIdentity | None

    def walk(self, db: sqlite3.Connection, *, title: str, language: str) -> None:
        headings: dict[str, str] = {}
        covered = 0
        for at, row in enumerate(db.execute(_CHUNKS, (self.document_id,))):
            self.found.chunks += 1
            if row["position"] != at:
                self.found.note("chunks", f"chunk {at} is numbered {row['position']}")
            if self._content(row):
                self._gap(covered, row["first"])
                covered = max(covered, row["last"])
                self._place(row)
            problem = vector_problem(row["vector"], row["crc"], self.identity)
            if problem:
                self.found.vectors.append(row["seq"])
                self.found.note("vector", f"the vector of chunk {row['position']} {problem}")
            section = row["section"]
            headings.setdefault(section, " ".join(keyword.stems(section, language)))
            self._stems(row, (title, headings[section], " ".join(keyword.stems(str(row["text"]), language))))
        if self.text is not None:
            self._gap(covered, len(self.text))

    def _content(self, row: sqlite3.Row) -> bool:
        """Whether a chunk is what its id and its document's text say."""
        start, end, told = row["first"], row["last"], f"chunk {row['position']}"
        if not (_within(row, len(self.text) if self.text is not None else end) and start < end):
            self.found.note("chunks", f"{told} spans characters {start} to {end}, which its text does not have")
            return False
        if self.text is not None and self.text[start:end] != row["text"]:
            self.found.note("chunks", f"{told} is not what stands at characters {start} to {end} of its text")
            return False
        if row["id"] != chunk_id(self.document_id, start, end, row["text"]):
            self.found.note("chunks", f"{told} has the id {row['id']!r}, which is not that of its content")
            return False
        return True

    def _place(self, row: sqlite3.Row) -> None:
        expected = self.spans.around(row["first"], row["last"])
        stored = (row["page_start"], row["page_end"])
        if not self.spans.known or self.text is None:
            return
        told = f"chunk {row['position']}"
        if stored != expected:
            self.found.note("pages", f"{told} says {_pages(*stored)}, and the page spans say {_pages(*expected)}")
        path = self.spans.heading(row["first"])
        if not _is_short_for(row["section"], path):
            self.found.note("pages", f"{told} stands under {row['section']!r}, and the sections say {path!r}")

    def _gap(self, covered: int, start: int) -> None:
        if self.text is not None and self.text[covered:start].strip():
            self.found.note("chunks", f"characters {covered} to {start} of its text are in no chunk")

    def _stems(self, row: sqlite3.Row, expected: tuple[str, str, str]) -> None:
        if (row["k_title"], row["k_heading"], row["k_body"]) != expected:
            state = "missing" if row["row"] is None else "not that of its text"
            self.found.stems.append(row["seq"])
            self.found.note("keyword", f"the keyword entry of chunk {row['position']} is {state}")


def vector_problem(blob: bytes | None, crc: int | None, identity: EmbedderIdentity | None) -> str:
    """What is wrong with a stored vector, "" for nothing."""
    if not isinstance(blob, bytes):
        return "is missing"
    if identity is not None and len(blob) != 4 * identity.dimension:
        return f"has {len(blob)} bytes, and {identity.name} makes {4 * identity.dimension}"
    if zlib.crc32(blob) != crc:
        return "is not the one that was stored (the CRC differs)"
    vector = np.frombuffer(blob, dtype="<f4").astype(np.float64)
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length):
        return "holds numbers that are none"
    if (identity is None or identity.normalised) and abs(length - 1) > _UNIT_TOLERANCE:
        return f"has the length {length:.4f}, not 1"
    return ""


def _pages(first: int | None, last: int | None) -> str:
    if first is None:
        return "no page"
    return f"page {first}" if first == last else f"pages {first} to {last}"
