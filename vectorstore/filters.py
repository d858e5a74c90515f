"""Filters as SQLite and as Chroma understand them; the language is described in `lastro.vectorstore.where`."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lastro.vectorstore.where import (
    FIELDS,
    Condition,
    Group,
    Node,
    Not,
    Scalar,
    by_kind,
    conditions_of,
    holds,
    kind_of,
    narrow,
    read,
)

RESERVED = frozenset((*FIELDS, "start", "end", "page_start", "page_end"))  # what we write beside a text in Chroma
_SQL = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_COLUMNS = {"document_id": "d.id", "title": "d.title", "language": "d.language", "mime": "d.mime"}
_CHUNK_COLUMNS = {"section": "c.section", "page": "c.page_start"}
_MAX_RESOLVED = 1_000  # ids handed to Chroma; for more the exact search costs less
_EXACT_FLOAT = 2**53  # Chroma compares whole and floating numbers with each other, and is exact below this


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; its forms for SQLite, Chroma and Python accept the same chunks."""

    node: Node

    def sql(self, *, each: bool = False) -> tuple[str, list[Any]]:
        """A condition over `c`, a row of `chunks`, that is never NULL, and its parameters.

        What it asks of documents is looked up for all documents at once or, for a few chunks cheaper, `each` by itself.
        """
        return _chunk_sql(self.node, each)

    def chroma(self, db: sqlite3.Connection) -> dict[str, Any] | None:
        """Chroma's `where` for it, or None where Chroma cannot say it.

        Titles and sources are looked up in `db`, a snapshot of the catalogue: Chroma keeps one source a chunk.
        """
        return _chroma(self.node, db, negated=False)

    def matches(self, values: Mapping[str, Any]) -> bool:
        """Whether it accepts a chunk with these values: ours by their names, the owner's by theirs.

        >>> parse({"year": {"$gte": 2020}, "draft": {"$ne": True}}).matches({"year": 2021.5, "draft": 1})
        True
        """
        return holds(self.node, values)


def parse(where: Mapping[str, Any] | None) -> Filter | None:
    """The filter that a mapping describes; None for None and an empty mapping, which accept all.

    Raises:
        ConfigError: it is no filter.
    """
    if where is None or (isinstance(where, Mapping) and not where):
        return None
    return Filter(read(where))


def chroma_metadata(owner: str | None) -> dict[str, Any]:
    """What Chroma can hold of an owner's JSON metadata, under names that are not ours.

    Chroma takes scalars and lists of one kind of scalar; the rest is in the catalogue only.

    >>> chroma_metadata('{"year": 2020, "tags": ["a", "b"], "title": "ours", "none": null, "nested": {"a": 1}}')
    {'year': 2020, 'tags': ['a', 'b']}
    """
    if owner is None:
        return {}
    found = {key: _storable(value) for key, value in json.loads(owner).items() if _chroma_key(key)}
    return {key: value for key, value in found.items() if value is not None}


# SQLite ------------------------------------------------------------------------------------------------------------


def _chunk_sql(node: Node, each: bool) -> tuple[str, list[Any]]:
    """A condition over `c`; what is asked of documents stands in one subquery."""
    if not _of_chunks(node):
        condition, parameters = _document_sql(node)
        if each:
            found = f"EXISTS (SELECT 1 FROM documents d WHERE d.id = c.document_id AND {condition})"
        else:
            found = f"c.document_id IN (SELECT d.id FROM documents d WHERE {condition})"
        return found, parameters
    if isinstance(node, Condition):
        return _column_sql(_CHUNK_COLUMNS[node.field], node)
    if isinstance(node, Not):
        return _negated(_chunk_sql(node.part, each))
    of_documents = tuple(part for part in node.parts if not _of_chunks(part))
    parts = [_chunk_sql(part, each) for part in node.parts if _of_chunks(part)]
    if of_documents:
        parts.append(_chunk_sql(Group(node.operator, of_documents), each))
    return _joined(node.operator, parts)


def _of_chunks(node: Node) -> bool:
    return any(condition.field in _CHUNK_COLUMNS for condition in conditions_of(node))


def _document_sql(node: Node) -> tuple[str, list[Any]]:
    """A condition over `d`, a row of `documents`."""
    if isinstance(node, Not):
        return _negated(_document_sql(node.part))
    if isinstance(node, Group):
        return _joined(node.operator, [_document_sql(part) for part in node.parts])
    if node.field in _COLUMNS:
        return _column_sql(_COLUMNS[node.field], node)
    if node.field == "source":
        named, parameters = _column_sql("s.name", node)
        brought, more = _json_sql(node)
        return f"(d.id IN (SELECT s.document_id FROM sources s WHERE {named}) OR {brought})", parameters + more
    return _json_sql(node)


def _negated(sql: tuple[str, list[Any]]) -> tuple[str, list[Any]]:
    return f"NOT {sql[0]}", sql[1]


def _joined(word: str, parts: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    condition = (" AND " if word == "$and" else " OR ").join(sql for sql, _parameters in parts)
    return f"({condition})", [value for _sql, parameters in parts for value in parameters]


def _column_sql(column: str, condition: Condition) -> tuple[str, list[Any]]:
    """A test of a column that holds one kind of value or NULL."""
    if condition.operator in _SQL:
        return f"coalesce({column} {_SQL[condition.operator]} ?, 0)", list(condition.values)
    # json_each carries any number of values in one parameter.
    return f"coalesce({column} IN (SELECT value FROM json_each(?)), 0)", [_json(condition.values)]


def _json_sql(condition: Condition) -> tuple[str, list[Any]]:
    """A test of a key of the owner's metadata; the kinds are asked apart, since SQLite takes true for 1."""
    path = f'$."{condition.field}"'
    parts: list[tuple[str, list[Any]]] = [("0", [])]
    for kind, values in by_kind(condition.values).items():
        if kind == "bool":
            names = ["true" if value else "false" for value in values]
            parts.append(("json_type(d.metadata, ?) IN (SELECT value FROM json_each(?))", [path, _json(names)]))
        else:
            same = Condition(condition.field, condition.operator, tuple(values))
            compared, parameters = _column_sql("json_extract(d.metadata, ?)", same)
            types = "'text'" if kind == "text" else "'integer', 'real'"
            parts.append((f"(json_type(d.metadata, ?) IN ({types}) AND {compared})", [path, path, *parameters]))
    either, parameters = _joined("$or", parts)
    return f"coalesce({either}, 0)", parameters


def _json(values: Sequence[Scalar]) -> str:
    return json.dumps(list(values), ensure_ascii=False)


# Chroma ------------------------------------------------------------------------------------------------------------


def _chroma(node: Node, db: sqlite3.Connection, *, negated: bool) -> dict[str, Any] | None:
    """Chroma has no `$not`, so negation goes down to the conditions."""
    if isinstance(node, Not):
        return _chroma(node.part, db, negated=not negated)
    if isinstance(node, Group):
        return _chroma_joined(node.operator, [_chroma(part, db, negated=negated) for part in node.parts], negated)
    if node.field in ("source", "title"):
        return _resolved(node, db, negated=negated)
    if not (node.field in FIELDS or _chroma_key(node.field)) or not all(map(_comparable, node.values)):
        return None
    if node.operator in _SQL:
        # A chunk without the key meets neither of `$gt` and `$lte`, so one is not the other's negation.
        sayable = not negated and kind_of(node.values[0]) == "number"
        return {node.field: {node.operator: node.values[0]}} if sayable else None
    asked = "$nin" if negated else "$in"
    groups = [{node.field: {asked: _alike(values)}} for values in by_kind(node.values).values()]
    return _chroma_joined("$or", groups, negated) if groups else None


def _chroma_joined(word: str, parts: Sequence[dict[str, Any] | None], negated: bool) -> dict[str, Any] | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if len(known) == 1:  # chromadb 1.5.9 refuses $and and $or of one
        return known[0]
    return {"$or" if (word == "$or") != negated else "$and": known}


def _resolved(condition: Condition, db: sqlite3.Connection, *, negated: bool) -> dict[str, Any] | None:
    """A condition on documents as one on their ids; None where there are none, or too many."""
    accepted, parameters = _document_sql(condition)
    sql = f"SELECT d.id FROM documents d WHERE {accepted} ORDER BY d.id LIMIT {_MAX_RESOLVED + 1}"
    ids = [str(row[0]) for row in db.execute(sql, parameters)]
    if not ids or len(ids) > _MAX_RESOLVED:
        return None
    return {"document_id": {"$nin" if negated else "$in": ids}}


def _comparable(value: Scalar) -> bool:
    """Whether Chroma compares a value as we do: it cuts the fraction off to compare with whole numbers."""
    return isinstance(value, str) or (abs(value) < _EXACT_FLOAT and value == int(value))


def _alike(values: Sequence[Scalar]) -> list[Scalar]:
    """One type for all, which Chroma asks of a list; whole and floating numbers mean the same to it."""
    if any(isinstance(value, float) for value in values):
        return [float(value) for value in values]
    return list(values)


def _chroma_key(name: str) -> bool:
    """Whether Chroma can keep an owner's key under its own name."""
    return bool(name) and name not in RESERVED and name[0] not in "$#" and not name.startswith("chroma:")


def _storable(value: Any) -> Any:
    """A value as Chroma takes it; None where it does not."""
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        return value if len(kinds) == 1 and all(kind_of(item) and narrow(item) is item for item in value) else None
    narrowed = narrow(value)
    return narrowed if kind_of(value) and narrowed not in (math.inf, -math.inf) else None
