"""Random and hostile queries with random filters, over two libraries that are open in one process.

A query goes to one of two libraries whose documents are made from the same words, sources and titles, by every kind of
search and through the retriever, with random options (`benchmarks.hostile_input`). None may raise, no result be of the
other library, and none fail its filter. A refused filter or option counts as raised: none of these is wrong.

Half of the queries run with `EXACT_BELOW` lowered, so that Chroma meets the filters that SQLite else would. A few
hundred go to two libraries with the starter embedder. --data adds real questions to those that are mutated.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.hostile_input import OWNERS, QUESTIONS, make_filter, make_options, make_query, passes

if TYPE_CHECKING:
    from lastro.types import Passage
    from lastro.vectorstore.embeddings import LocalEmbeddings
    from lastro.vectorstore.library import Library

QUERIES, REAL = 10_000, 300
DOCUMENTS = 60  # of a library; half of them brought, half read as files
LOWERED = 20  # chunks that pass a filter and are compared exactly, in half of the queries

# Documents ---------------------------------------------------------------------------------------------------------


@dataclass
class Side:
    """A library and what every chunk in it is to a filter: values by chunk id."""

    library: Library
    chunks: dict[str, dict[str, Any]] = field(default_factory=dict)


def fill(side: Side, rng: random.Random, *, name: str, documents: int = DOCUMENTS) -> None:
    """Put documents in, each of several chunks; titles and sources are those of every other library."""
    from langchain_core.documents import Document

    brought, files = [], []
    for at in range(documents):
        key, text = f"{name}-{at}", "\n\n".join(_paragraph(rng, name) for _ in range(rng.randint(2, 8)))
        title, language = (
            rng.choice(("Lease", "Contrato", 'Q "1"', "100%", "租约")),
            rng.choice(("en", "pt", "zh", "ar")),
        )
        if at % 2:
            owned = {key: rng.choice(values) for key, values in OWNERS.items() if rng.random() < 0.7}
            ours = {
                "title": title,
                "language": language,
                "source": f"s{at % 9}",
                "section": rng.choice(("", "Rent > A")),
            }
            paged = {"page_number": rng.randint(1, 5)} if rng.random() < 0.5 else {}
            brought.append(Document(id=key, page_content=text[:1_000], metadata=owned | ours | paged))
        else:
            files.append(_file(side.library, key, text, title=title, language=language, source=f"/s{at % 9}-{name}"))
    side.library.as_vectorstore().add_documents(brought)
    side.library.put_documents(files)
    owners = {document.id: dict(document.metadata) for document in brought}
    side.chunks = {key: values | owners.get(values["document_id"], {}) | values for key, values in _held(side.library)}


def _paragraph(rng: random.Random, name: str) -> str:
    """A few sentences, some of them the same in every library but for a number."""
    said = (
        "The lease of the house in {} ends in {}, and the rent is {} euros.",
        "O aluguel da casa em {} vence em {}: {}.",
        "Clause AB-{}/2024 forbids noise after {}, says {}.",
        "合同期限 {} 年 {} 月 {} 日。",
        "عقد {} {} {}",
    )
    places = ("Lisbon", "Araújo", "Recife", name, 2024, 2027, 31, "8.666/93", "😀")
    return " ".join(rng.choice(said).format(*rng.choices(places, k=3)) for _ in range(rng.randint(1, 6)))


def _file(library: Library, key: str, text: str, *, title: str, language: str, source: str) -> Any:
    """A document of pages and sections, as if it had been read from a file."""
    from lastro.types import PageSpan, ParsedDocument, Section
    from lastro.vectorstore.rows import NewDocument

    step = max(1, len(text) // 4)
    spans = [(at, min(len(text), at + step)) for at in range(0, len(text), step)]
    parsed = ParsedDocument(
        text=text, pages=tuple(PageSpan(number, *span) for number, span in enumerate(spans, start=1)),
        sections=(Section("", 0, step * 2), Section("Rent > A", step * 2, len(text))), mime="application/pdf",
        title=title, language=language,
    )  # fmt: skip
    name = hashlib.sha256(f"{key}{text}".encode()).hexdigest()
    chunks = library.split(parsed, name)
    vectors = library.embedder.encode_documents([chunk.text for chunk in chunks])
    return NewDocument(
        id=name, source=source, parsed=parsed, state="ok", reason="", bytes=len(text), extension=".pdf", chunks=chunks,
        vectors=vectors,
    )  # fmt: skip


def _held(library: Library) -> Iterator[tuple[str, dict[str, Any]]]:
    """Our own values of every chunk."""
    with library._catalog.read() as db:
        rows = db.execute(
            "SELECT c.id, c.section, c.page_start, length(c.text) AS length, d.id AS document, d.title, d.language, "
            "d.mime, s.name FROM chunks c JOIN documents d ON d.id = c.document_id "
            "LEFT JOIN sources s ON s.document_id = d.id"
        ).fetchall()
    for row in rows:
        values = {
            "document_id": row["document"],
            "title": row["title"],
            "language": row["language"],
            "mime": row["mime"],
        }
        values |= {"section": row["section"], "page": row["page_start"], "length": row["length"]}
        yield row["id"], values | ({} if row["name"] is None else {"source": row["name"]})


# Asking ------------------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of the queries."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)  # of what went wrong
    slowest_s: float = 0.0

    def wrong(self, what: str, told: str) -> None:
        """Count something that must not be, with an example of it."""
        self.counts[what] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{what}: {told}")


@dataclass(frozen=True)
class Query:
    """A query with the filter and the options of its search; `invoked` goes through the retriever."""

    text: str
    where: dict[str, Any] | None
    options: Mapping[str, Any]
    invoked: bool

    def __str__(self) -> str:
        return f"{self.text[:200]!r}, where={self.where!r}, {dict(self.options)!r}"

    def put(self, library: Library) -> list[Passage]:
        """What a library answers."""
        if not self.invoked:
            return library.search(self.text, where=self.where, **self.options)
        from lastro.vectorstore.retriever import passage_from_document

        documents = library.as_retriever(where=self.where).invoke(self.text, **self.options)
        return [passage_from_document(document, rank=rank) for rank, document in enumerate(documents, start=1)]


def ask(tally: Tally, side: Side, other: Side, query: Query) -> None:
    """Put one query and look at what comes back."""
    began = time.perf_counter()
    try:
        found = query.put(side.library)
    except Exception:  # noqa: BLE001 - whatever it is, it must not be
        tally.wrong("exceptions", f"{query}\n{traceback.format_exc(limit=-4)}")
        found = []
    tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began)
    tally.counts.update(queries=1, filtered=query.where is not None, passages=len(found), answered=bool(found))
    for passage in found:
        _look(tally, side, other, passage, query)
    _look_at_all(tally, found, query)


def _look(tally: Tally, side: Side, other: Side, passage: Passage, query: Query) -> None:
    for key in (passage.chunk_id, *passage.duplicates):
        if key in other.chunks or key not in side.chunks:
            tally.wrong("foreign", str(query))
        elif query.where is not None and not passes(query.where, side.chunks[key]):
            tally.wrong("outside_filter", f"{query}: {side.chunks[key]}")
    own, shown = side.chunks.get(passage.chunk_id, {}), {"page": passage.page_start, "section": passage.section}
    shown |= {"title": passage.title, "document_id": passage.document_id, "language": passage.language}
    if query.where is not None and not passes(query.where, own | shown):
        tally.wrong("outside_filter", f"{query}: shown as {own | shown}")
    tally.counts["grown"] += passage.page_start != own.get("page") or len(passage.text) > own.get("length", 0)


def _look_at_all(tally: Tally, found: Sequence[Passage], query: Query) -> None:
    ids, most = [passage.chunk_id for passage in found], query.options.get("max_per_document", 0)
    documents = Counter(passage.document_id for passage in found)
    sound = len(set(ids)) == len(ids) <= query.options.get("k", 6)
    sound = sound and [one.rank for one in found] == list(range(1, len(ids) + 1))
    finite = all(math.isfinite(one.score) and math.isfinite(one.cosine or 0.0) for one in found)
    if not sound or not finite or (most and documents and max(documents.values()) > most):
        tally.wrong("unsound", str(query))


def run(
    folder: Path,
    count: int,
    questions: Sequence[str],
    tally: Tally,
    *,
    embedder: Callable[[], LocalEmbeddings],
    seed: int = 7,
) -> None:
    """Put `count` queries to two libraries below a folder."""
    import lastro
    from lastro.vectorstore import search

    rng, usual = random.Random(seed), search.EXACT_BELOW
    with ExitStack() as stack:
        sides = []
        for name in ("one", "two"):
            side = Side(stack.enter_context(lastro.open_library(folder / name, embedder=embedder())))
            fill(side, rng, name=name)
            sides.append(side)
        stack.callback(setattr, search, "EXACT_BELOW", usual)
        for turn in range(count):
            search.EXACT_BELOW = (usual, LOWERED)[turn % 2]  # type: ignore[misc]
            side, other = rng.sample(sides, 2)
            kind, query = make_query(rng, questions)
            where = make_filter(rng, list(side.chunks.values())) if rng.random() < 0.5 else None
            tally.kinds[kind] += 1
            ask(tally, side, other, Query(query, where, make_options(rng), invoked=rng.random() < 0.2))


def real_questions(data: Path | None) -> list[str]:
    """Questions to be mutated: our own, and those of two public sets where they are."""
    found = list(QUESTIONS)
    for name in ("faquad_pt", "squad2_en") if data is not None else ():
        lines = (
            (data / name / "queries.jsonl").read_text(encoding="utf-8").splitlines()[:500] if data is not None else []
        )
        found += [json.loads(line)["question"] for line in lines]
    return found


def main() -> None:
    from lastro.vectorstore.embeddings import load_embedder
    from tests.fakes import HashEmbeddings

    options = report.arguments(__doc__ or "")
    questions, share = real_questions(options.data), 20 if options.quick else 1
    tally, real, began = Tally(), Tally(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="lastro-hostile-") as name:
        run(Path(name) / "hash", QUERIES // share, questions, tally, embedder=HashEmbeddings)
        run(Path(name) / "starter", REAL // share, questions, real, embedder=load_embedder, seed=8)
    for example in (*tally.examples, *real.examples):
        print(example)
    rows = [(kind, count, real.kinds[kind]) for kind, count in tally.kinds.most_common()]
    print(f"\n{report.machine()}, {time.perf_counter() - began:.0f} s, slowest query {tally.slowest_s:.2f} s\n")
    report.table(("query", "hashed words", "starter embedder"), rows)
    keys = (
        "queries",
        "exceptions",
        "foreign",
        "outside_filter",
        "unsound",
        "filtered",
        "answered",
        "passages",
        "grown",
    )
    figures: dict[str, object] = {key: tally.counts[key] for key in keys}
    report.last_line(figures | {"starter": {key: real.counts[key] for key in keys}})


if __name__ == "__main__":
    main()
