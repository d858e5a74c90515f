"""Random and hostile queries with random filters, over two libraries that are open in one process.

A query is anything that a text field lets through: operators of FTS5, unbalanced quotes and brackets, SQL, NUL, lone
surrogates, scripts of every direction, 100,000 characters, 15,000 words, nothing at all. It goes to one of two libraries
whose documents are made from the same words, sources and titles, by every kind of search and through the retriever, with
random options. No query may raise, no result be of the other library, and none fail its filter, which is read here once
more from docs/filters.md, without the library's own reading of it. A refused filter or option would count as raised.

Half of the queries run with `EXACT_BELOW` lowered, so that Chroma meets the filters that SQLite else would. A few hundred
queries at the end run over two libraries with the starter embedder. --data adds real questions to those that are
mutated.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
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

if TYPE_CHECKING:
    from lastro.types import Passage
    from lastro.vectorstore.embeddings import LocalEmbeddings
    from lastro.vectorstore.library import Library

QUERIES, REAL = 10_000, 300
DOCUMENTS = 60  # of a library; half of them brought, half read as files
LOWERED = 20  # chunks that pass a filter and are compared exactly, in half of the queries

QUESTIONS = (
    "When does the lease of the house in Lisbon end?", "Who pays the repairs of the roof?", "What is the rent in 2027?",
    "Qual é o prazo do contrato de locação?", "Quem paga o conserto do telhado?", "Quanto custa o aluguel em 2027?",
    "Onde fica a casa do senhor Araújo?", "Which clause of AB-123/2024 speaks of noise?", "E o artigo 8.666/93?",
)  # fmt: skip
WORDS = "lease rent roof contract clause noise contrato aluguel telhado prazo casa 2027 AB-123/2024 8.666/93".split()
OPERATORS = (
    "AND", "OR", "NOT", "NEAR(lease rent, 2)", "NEAR(", "title:", "{title heading} :", "-body:", "^lease", "lease*", "+",
    "(", ")", '"', "'", "“", "[", "]", "{", "}", "*", "\\", ":", "--", ";", "%", "||", ".", ",", "/", "@", "body : lease",
)  # fmt: skip
SIGNS = "🐱😀🏳️‍🌈👩🏽‍💻\x00\ud800\udfff\ufeff\u200f\u202e\u2066\u0301\u0327\u0489\u0f71½ﷺﬁ〇\U000e0041\uffff\ue000"
TEXTS = (
    "عقد الإيجار ينتهي في عام 2027", "חוזה השכירות", "合同期限至二〇二七年", "契約の期間は2027年まで", "สัญญาเช่า", "임대 계약",
    "Договор аренды", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "'; DROP TABLE chunks; --", "1' OR '1'='1",
    "' UNION SELECT text FROM texts --", "%s%s%n%x %d {0} {} ${x} $(x) `x`", '{"$or": [{"title": "A"}]}', "[1, null, {}]",
    "<script>alert(1)</script>", "../../etc/passwd\x00.txt", "NaN", "-1", "None", "\r\n\t\v\f\x1b[2J", "a" * 300, "_" * 50,
)  # fmt: skip
OWNERS: Mapping[str, Sequence[Any]] = {
    "author": ("Ana", "O'Brien", 'a"b', "Araújo", "😀", "'; DROP TABLE documents; --", None, ""),
    "year": (2019, 2020, 2021, 2021.5, -1, 2**53, "2021", True, None, [2021]),
    "draft": (True, False, 1, "true", None),
    "a b%": ("x", 1, {"x": 1}),
}


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
    said = ("The lease of the house in {} ends in {}, and the rent is {} euros.", "O aluguel da casa em {} vence em {}: {}.",
            "Clause AB-{}/2024 forbids noise after {}, says {}.", "合同期限 {} 年 {} 月 {} 日。", "عقد {} {} {}")  # fmt: skip
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
        sections=(Section("", 0, step * 2), Section("Rent > A", step * 2, len(text))), mime="application/pdf", title=title,
        language=language,
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
            "SELECT c.id, c.section, c.page_start, d.id AS document, d.title, d.language, d.mime, s.name FROM chunks c "
            "JOIN documents d ON d.id = c.document_id LEFT JOIN sources s ON s.document_id = d.id"
        ).fetchall()
    for row in rows:
        values = {
            "document_id": row["document"],
            "title": row["title"],
            "language": row["language"],
            "mime": row["mime"],
        }
        values |= {"section": row["section"], "page": row["page_start"]}
        yield row["id"], values | ({} if row["name"] is None else {"source": row["name"]})


# Queries and filters -----------------------------------------------------------------------------------------------


def make_query(rng: random.Random, questions: Sequence[str]) -> tuple[str, str]:
    """A kind of query, and one of it."""
    kinds: Mapping[str, Callable[[], str]] = {
        "operators": lambda: " ".join(rng.choices((*OPERATORS, *WORDS), k=rng.randint(1, 12))),
        "operators glued": lambda: "".join(rng.choices((*OPERATORS, *WORDS), k=rng.randint(1, 12))),
        "signs": lambda: "".join(rng.choices(SIGNS, k=rng.randint(1, 30))),
        "signs and words": lambda: "".join(f"{rng.choice(WORDS)}{rng.choice(SIGNS)}" for _ in range(rng.randint(1, 9))),
        "scripts and code": lambda: rng.choice(TEXTS) + rng.choice(("", " ", *WORDS, *TEXTS)),
        "random Unicode": lambda: "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randint(1, 60))),
        "random bytes": lambda: rng.randbytes(rng.randint(1, 60)).decode("latin-1"),
        "question": lambda: rng.choice(questions),
        "question changed": lambda: _changed(rng, rng.choice(questions)),
        "empty": lambda: rng.choice(("", " ", "\t\n", "\u3000", "\xa0", "\x00", "\u200b")),
        "very long": lambda: _long(rng),
    }
    weights = [12, 8, 10, 10, 10, 12, 6, 10, 18, 3, 1]
    kind = rng.choices(list(kinds), weights)[0]
    return kind, kinds[kind]()


def _changed(rng: random.Random, question: str) -> str:
    signs = list(question)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(signs) + 1)
        signs[at : at + rng.choice((0, 0, 1, 3))] = [rng.choice((*OPERATORS, *SIGNS, ""))]
    return "".join(signs)


def _long(rng: random.Random) -> str:
    """100,000 characters, or 15,000 words."""
    made = (
        lambda: rng.choice((*WORDS, "(", '"', "合", "\u0301", " ")) * 100_000,
        lambda: " ".join(f"{rng.choice(WORDS)}{at}" for at in range(15_000)),
        lambda: "".join(chr(rng.randrange(0x110000)) for _ in range(100_000)),
        lambda: " OR ".join(rng.choices(WORDS, k=15_000)),
    )
    return rng.choice(made)()[:100_000]


def make_filter(rng: random.Random, chunks: Sequence[Mapping[str, Any]], depth: int = 0) -> dict[str, Any]:
    """A filter over what chunks hold, and at times what none does."""
    if depth < 3 and rng.random() < 0.3:
        inner = [make_filter(rng, chunks, depth + 1) for _ in range(rng.randint(1, 3))]
        return rng.choice(({"$and": inner}, {"$or": inner}, {"$not": inner[0]}))
    names = ("document_id", "title", "source", "language", "mime", "section", "page", *OWNERS)
    return {name: _asked(rng, name, chunks) for name in rng.sample(names, rng.choice((1, 1, 1, 2)))}


def _asked(rng: random.Random, name: str, chunks: Sequence[Mapping[str, Any]]) -> Any:
    ours = ("document_id", "title", "source", "language", "mime", "section")
    kinds: tuple[type, ...] = (str,) if name in ours else (int, float) if name == "page" else (str, int, float, bool)

    def value() -> Any:
        held = rng.choice(chunks).get(name)
        fits = isinstance(held, kinds) and (name != "page" or not isinstance(held, bool))
        other = (
            rng.choice((3, 2.5, 0)) if name == "page" else rng.choice(("Lease", "zz", "100%", "'; --", "😀", "\ue000"))
        )
        return held if fits and rng.random() < 0.9 else other

    asked = rng.choice(("", "$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte"))
    if asked in ("$in", "$nin"):
        return {asked: [value() for _ in range(rng.randint(0, 3))]}
    one = value()
    if not asked or isinstance(one, bool):
        return one
    return {asked: one}


def passes(where: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a chunk of these values passes a filter, as docs/filters.md says."""

    def one(name: str, asked: Any) -> bool:
        if name in ("$and", "$or"):
            return (all if name == "$and" else any)(passes(part, values) for part in asked)
        if name == "$not":
            return not passes(asked, values)
        several = asked if isinstance(asked, Mapping) else {"$eq": asked}
        return all(_stands(word, values.get(name), operand) for word, operand in several.items())

    return all(one(name, asked) for name, asked in where.items())


def _stands(word: str, held: Any, operand: Any) -> bool:
    if word in ("$ne", "$nin"):
        return not _stands({"$ne": "$eq", "$nin": "$in"}[word], held, operand)
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
    }  # fmt: skip
    return any(
        _kind(held) is not None and _kind(held) == _kind(value) and compare.get(word, operator.eq)(held, value)
        for value in (operand if word == "$in" else [operand])
    )


def _kind(value: Any) -> str | None:
    kinds = ((bool, "bool"), (int, "number"), (float, "number"), (str, "text"))
    return next((name for kind, name in kinds if isinstance(value, kind)), None)


def make_options(rng: random.Random) -> dict[str, Any]:
    """Arguments of a search other than the query and the filter."""
    likely: Mapping[str, Callable[[], Any]] = {
        "k": lambda: rng.choice((1, 3, 6, 20)),
        "search_type": lambda: rng.choice(("hybrid", "similarity", "keyword")),
        "min_relevance": rng.random,
        "mmr_lambda": rng.random,
        "max_per_document": lambda: rng.randint(0, 3),
        "merge_duplicates": lambda: rng.choice((0.0, 0.5, 0.9, 1.0)),
        "context_tokens": lambda: rng.choice((0, 200, 2_000)),
        "candidates": lambda: rng.choice((1, 10, 50)),
    }
    found = {name: make() for name, make in likely.items() if rng.random() < (0.8 if name == "search_type" else 0.35)}
    if rng.random() < 0.05:
        found |= {"wordings": rng.sample(TEXTS, 2), "stand_in": rng.choice(TEXTS)}
    return found


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


def ask(
    tally: Tally,
    side: Side,
    other: Side,
    query: str,
    where: dict[str, Any] | None,
    given: Mapping[str, Any],
    *,
    invoke: bool,
) -> None:
    """Put one query and look at what comes back."""
    told = f"{query[:200]!r}, where={where!r}, {dict(given)!r}"
    began = time.perf_counter()
    try:
        if invoke:
            from lastro.vectorstore.retriever import passage_from_document

            documents = side.library.as_retriever(where=where).invoke(query, **given)
            found = [passage_from_document(document, rank=rank) for rank, document in enumerate(documents, start=1)]
        else:
            found = side.library.search(query, where=where, **given)
    except Exception:  # noqa: BLE001 - whatever it is, it must not be
        tally.wrong("exceptions", f"{told}\n{traceback.format_exc(limit=-4)}")
        return
    finally:
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began)
    tally.counts["queries"] += 1
    tally.counts["filtered"] += where is not None
    tally.counts["passages"] += len(found)
    for passage in found:
        _look(tally, side, other, passage, where, told)
    _look_at_all(tally, found, given, told)


def _look(tally: Tally, side: Side, other: Side, passage: Passage, where: dict[str, Any] | None, told: str) -> None:
    for key in (passage.chunk_id, *passage.duplicates):
        if key in other.chunks or key not in side.chunks:
            tally.wrong("foreign", told)
        elif where is not None and not passes(where, side.chunks[key]):
            tally.wrong("outside_filter", f"{told}: {side.chunks[key]}")
    own = side.chunks.get(passage.chunk_id, {})
    shown = {"page": passage.page_start, "section": passage.section, "title": passage.title}
    if where is not None and not passes(where, own | shown | {"document_id": passage.document_id}):
        tally.wrong("outside_filter", f"{told}: shown as {own | shown}")


def _look_at_all(tally: Tally, found: Sequence[Passage], given: Mapping[str, Any], told: str) -> None:
    ids = [passage.chunk_id for passage in found]
    most, documents = given.get("max_per_document", 0), Counter(passage.document_id for passage in found)
    sound = len(set(ids)) == len(ids) <= given.get("k", 6) and [one.rank for one in found] == list(
        range(1, len(ids) + 1)
    )
    finite = all(math.isfinite(one.score) and math.isfinite(one.cosine or 0.0) for one in found)
    if not sound or not finite or (most and documents and max(documents.values()) > most):
        tally.wrong("unsound", told)


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
            where = make_filter(rng, list(side.chunks.values())) if rng.random() < 0.6 else None
            tally.kinds[kind] += 1
            ask(tally, side, other, query, where, make_options(rng), invoke=rng.random() < 0.2)


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
    keys = ("queries", "exceptions", "foreign", "outside_filter", "unsound", "filtered", "passages")
    figures: dict[str, object] = {key: tally.counts[key] for key in keys}
    report.last_line(figures | {"starter": {key: real.counts[key] for key in keys}})


if __name__ == "__main__":
    main()
