from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lastro.errors import ConfigError
from lastro.types import Chunk, PageSpan, ParsedDocument
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.filters import RESERVED, chroma_metadata, parse
from lastro.vectorstore.rows import NewDocument

ROWS = 24
KEYS = ("year", "tag", "a b", "ação", "it's", "start", "#x", "$[0].year", "chroma:document")
TEXTS = ("", "a", "A", "b", "é", "zz", "1", "true", '"', "\\", "2024-05-01", "%", "😀")
NUMBERS = (0, 1, -1, 2, 1.0, 1.5, -0.0, 0.1, 1e-300, 1e300, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, 5, 5.5)
scalars = st.sampled_from([*TEXTS, *NUMBERS, True, False])
held = st.one_of(
    scalars, st.sampled_from([None, [], ["a", "b"], [1, 2], [True], [1, "a"], {"year": 1}, 2**64, -(10**400), [2**64]])
)


@st.composite
def rows(draw: Any) -> list[dict[str, Any]]:
    """Values of chunks: ours by their names; `owner` is None for a file."""
    found = []
    for _ in range(draw(st.integers(1, ROWS))):
        owner = draw(st.none() | st.dictionaries(st.sampled_from(KEYS), held, max_size=4))
        if owner is not None and draw(st.booleans()):
            owner["source"] = draw(held)
        found.append(
            {
                "title": draw(st.sampled_from(TEXTS)),
                "language": draw(st.sampled_from(["en", "pt"])),
                "mime": draw(st.sampled_from(["text/plain", "application/pdf"])),
                "section": draw(st.sampled_from(TEXTS)),
                "page": draw(st.none() | st.integers(1, 6)),
                "sources": draw(st.lists(st.sampled_from(TEXTS[1:]), max_size=2, unique=True)) if owner is None else [],
                "owner": owner,
            }
        )
    return found


def conditions(field: str) -> st.SearchStrategy[Any]:
    if field == "page":
        values: st.SearchStrategy[Any] = st.sampled_from([0, 1, 2, 3, 3.0, 3.5, 7, -1])
    else:
        ours = ("document_id", "title", "source", "language", "mime", "section")
        values = st.sampled_from([*TEXTS, "en", "text/plain", "d0", "d3"]) if field in ours else scalars
    ordered = values.filter(lambda value: not isinstance(value, bool))
    return st.one_of(
        values,
        st.tuples(st.sampled_from(["$eq", "$ne"]), values).map(lambda one: dict([one])),
        st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ordered).map(lambda one: dict([one])),
        st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(values, max_size=3)).map(lambda one: dict([one])),
        st.fixed_dictionaries({"$gte": ordered, "$lt": ordered}),
    )


fields = st.sampled_from(
    [*KEYS[:6], *KEYS[8:], "page", "title", "source", "section", "language", "mime", "document_id"]
)
leaves = fields.flatmap(lambda field: conditions(field).map(lambda value: {field: value})).filter(
    lambda where: not next(iter(where)).startswith("$")
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    ),
    max_leaves=5,
)


class Both:
    """A catalogue and a Chroma collection with the same chunks, emptied between examples."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(folder / "library.sqlite")
        self.client = chromadb.PersistentClient(str(folder / "chroma"), settings=Settings(anonymized_telemetry=False))
        self.collection = self.client.create_collection("filters", embedding_function=None)

    def fill(self, rows: list[dict[str, Any]]) -> None:
        with self.catalog.read() as db:
            before = [str(row[0]) for row in db.execute("SELECT id FROM documents")]
        self.catalog.remove(before)
        if before:
            self.collection.delete(ids=[f"c-{key}" for key in before])
        self.catalog.put_all([new_document(at, row) for at, row in enumerate(rows)], embedder="")
        named = [(name, f"d{at}", "") for at, row in enumerate(rows) for name in row["sources"]]
        with self.catalog.write() as db:
            db.executemany("INSERT OR IGNORE INTO sources VALUES (?, ?, ?)", named)
        found = [(f"c-d{at}", in_chroma(at, row)) for at, row in enumerate(rows)]
        self.collection.add(
            ids=[key for key, _ in found], embeddings=np.ones((len(rows), 2)), metadatas=[kept for _, kept in found]
        )

    def by_sql(self, accepted: Any, *, each: bool) -> list[str]:
        condition, parameters = accepted.sql(each=each)
        with self.catalog.read() as db:
            truth = [row[0] for row in db.execute(f"SELECT {condition} FROM chunks c", parameters)]
            assert set(truth) <= {0, 1}  # never NULL
            return sorted(row[0] for row in db.execute(f"SELECT c.id FROM chunks c WHERE {condition}", parameters))

    def sources(self) -> dict[str, list[str]]:
        with self.catalog.read() as db:
            found: dict[str, list[str]] = {}
            for name, key in db.execute("SELECT name, document_id FROM sources"):
                found.setdefault(key, []).append(name)
            return found

    def by_chroma(self, accepted: Any) -> list[str] | None:
        with self.catalog.read() as db:
            where = accepted.chroma(db)
        if where is None:
            return None
        found = self.collection.query(query_embeddings=[[1.0, 1.0]], n_results=ROWS, where=where, include=[])
        return sorted(found["ids"][0])


def new_document(at: int, row: dict[str, Any]) -> NewDocument:
    parsed = ParsedDocument(
        text="text", pages=(PageSpan(row["page"], 0, 4),), sections=(), mime=row["mime"], title=row["title"],
        language=row["language"],
    )  # fmt: skip
    chunk = Chunk(
        id=f"c-d{at}", document_id=f"d{at}", index=0, text="text", start=0, end=4, page_start=row["page"],
        page_end=row["page"], section=row["section"], token_count=1,
    )  # fmt: skip
    owner = None if row["owner"] is None else json.dumps(row["owner"], ensure_ascii=False)
    return NewDocument(
        id=f"d{at}", source="", parsed=parsed, state="ok", reason="", bytes=4, extension="", chunks=(chunk,),
        vectors=np.ones((1, 2), dtype=np.float32), metadata=owner,
    )  # fmt: skip


def in_chroma(at: int, row: dict[str, Any]) -> dict[str, Any]:
    ours = {name: row[name] for name in ("title", "language", "mime", "section")} | {"document_id": f"d{at}"}
    ours |= {"source": "one of them", "start": 0, "end": 4}
    if row["page"] is not None:
        ours |= {"page": row["page"], "page_start": row["page"], "page_end": row["page"]}
    owner = None if row["owner"] is None else json.dumps(row["owner"], ensure_ascii=False)
    assert set(ours) <= RESERVED
    return chroma_metadata(owner) | ours


def values(at: int, row: dict[str, Any], sources: list[str]) -> dict[str, Any]:
    """What `matches` is asked of: the owner's keys, ours over them."""
    owner = row["owner"] or {}
    found = dict(owner) | {name: row[name] for name in ("title", "language", "mime", "section", "page")}
    brought = [owner["source"]] if isinstance(owner.get("source"), str) else []
    return found | {"document_id": f"d{at}", "source": sources + brought}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(tmp_path_factory.mktemp("filters"))
    yield made
    made.client.close()
    made.catalog.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows(), wheres=st.lists(filters, min_size=12, max_size=12))
def test_sqlite_chroma_and_python_accept_the_same_chunks(both: Both, rows: list[dict[str, Any]], wheres: list[Any]):
    both.fill(rows)
    sources = both.sources()
    for where in wheres:
        accepted = parse(where)
        assert accepted is not None
        expected = sorted(
            f"c-d{at}" for at, row in enumerate(rows) if accepted.matches(values(at, row, sources.get(f"d{at}", [])))
        )
        assert both.by_sql(accepted, each=False) == both.by_sql(accepted, each=True) == expected, where
        assert both.by_chroma(accepted) in (None, expected), where


REFUSED = [
    ["title"], "title", 3, {"$nor": []}, {"$title": 1}, {3: "a"}, {"title": None}, {"title": 3}, {"title": ["a"]},
    {"title": {}}, {"title": {"in": ["a"]}}, {"title": {"$in": "a"}}, {"title": {"$in": ["a", 1]}}, {"page": "3"},
    {"page": True}, {"year": {"$gt": True}}, {"year": float("nan")}, {"year": float("inf")}, {"year": 2**63},
    {"year": {"$gt": [1]}}, {"tag": "a\0"}, {"tag": "\ud800"}, {'a"b': 1}, {"a\\b": 1}, {"a\nb": 1}, {"\ud800": 1},
    {"$and": []}, {"$or": {"a": 1}}, {"$and": [{}]}, {"$not": {}}, {"$not": [{"a": 1}]}, {"$or": ["a"]},
    {"$and": [{"a": n} for n in range(201)]},
]  # fmt: skip


@pytest.mark.parametrize("where", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_filter_is_refused(where: Any):
    with pytest.raises(ConfigError, match="where: "):
        parse(where)


def test_a_filter_nested_too_deep_is_refused_before_it_exhausts_the_stack():
    where: dict[str, Any] = {"a": 1}
    for _ in range(5_000):
        where = {"$not": where}
    with pytest.raises(ConfigError, match="nested"):
        parse(where)


def test_nothing_asked_is_no_filter():
    assert parse(None) is None
    assert parse({}) is None


ROW = {"title": "A", "page": 3, "source": ["x", "y"], "year": 1, "draft": True, "tags": ["a"], "none": None}


@pytest.mark.parametrize(
    ("where", "accepted"),
    [
        ({"title": "A"}, True), ({"title": "a"}, False), ({"title": {"$in": []}}, False),
        ({"title": {"$nin": []}}, True), ({"page": {"$gte": 3, "$lt": 3}}, False), ({"page": 3.0}, True),
        ({"source": "y"}, True), ({"source": {"$ne": "y"}}, False), ({"source": {"$in": ["z", "x"]}}, True),
        ({"year": 1.0}, True), ({"year": True}, False), ({"year": "1"}, False), ({"draft": True}, True),
        ({"draft": 1}, False), ({"year": {"$in": ["a", 1, True]}}, True), ({"absent": {"$ne": 1}}, True),
        ({"absent": {"$nin": [1]}}, True), ({"absent": {"$lt": 1}}, False), ({"$not": {"absent": {"$lt": 1}}}, True),
        ({"none": {"$ne": 1}}, True), ({"tags": "a"}, False), ({"tags": {"$ne": "a"}}, True),
        ({"title": {"$gte": "A", "$lt": "B"}}, True), ({"year": {"$gt": "0"}}, False),
        ({"$or": [{"title": "B"}, {"page": 3}]}, True), ({"$and": [{"title": "A"}, {"page": 4}]}, False),
        ({"title": "A", "$not": {"page": 4}}, True),
    ],
)  # fmt: skip
def test_what_a_filter_means(where: dict[str, Any], accepted: bool):
    asked = parse(where)
    assert asked is not None
    assert asked.matches(ROW) is accepted


def test_what_chroma_cannot_say_is_left_to_sqlite(both: Both):
    both.fill([{"title": "A", "language": "en", "mime": "m", "section": "", "page": 1, "sources": [], "owner": None}])
    for where in (
        {"year": 0.5}, {"year": {"$gt": 2**53}}, {"year": {"$lt": "a"}}, {"$not": {"year": {"$gt": 1}}}, {"start": 1},
        {"source": "absent"}, {"a": {"$in": []}}, {"title": "A", "year": 0.5},
    ):  # fmt: skip
        asked = parse(where)
        assert asked is not None
        assert both.by_chroma(asked) is None, where
    asked = parse({"title": "A", "$or": [{"year": 1}, {"tag": {"$nin": ["a", True]}}]})
    assert asked is not None
    with both.catalog.read() as db:
        assert asked.chroma(db) == {
            "$and": [
                {"document_id": {"$in": ["d0"]}},
                {"$or": [{"year": {"$in": [1]}}, {"$and": [{"tag": {"$nin": ["a"]}}, {"tag": {"$nin": [True]}}]}]},
            ]
        }


@pytest.mark.parametrize(
    ("owner", "kept"),
    [
        (None, {}), ("{}", {}), ('{"a": null, "b": {}, "c": [], "d": [1, "x"], "e": [[1]], "f": [null]}', {}),
        ('{"": 1, "#a": 1, "$a": 1, "chroma:document": "x", "title": "x", "page": 1, "start": 1}', {}),
        ('{"a": [1, 2], "b": true, "c": 0.5}', {"a": [1, 2], "b": True, "c": 0.5}),
        ('{"a": 18446744073709551616}', {"a": 2.0**64}),
    ],
)  # fmt: skip
def test_chroma_is_given_what_it_takes_under_names_that_are_not_ours(owner: str | None, kept: dict[str, Any]):
    assert chroma_metadata(owner) == kept
