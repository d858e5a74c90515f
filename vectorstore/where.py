"""Filters: which chunks a search may return, in a small language that both indexes and plain Python understand.

A filter is a mapping of fields to what they must be: a value, or operators with values. Several fields, and several
operators of a field, must all hold; `$and`, `$or` and `$not` combine filters.

    {"title": "Lease"}
    {"page": {"$gte": 3, "$lt": 10}, "language": {"$in": ["en", "pt"]}}
    {"$or": [{"author": "Ana"}, {"$not": {"year": {"$lt": 2020}}}]}

Fields of every chunk are `document_id`, `title`, `source`, `language`, `mime`, `section` (texts) and `page` (its first
page, from 1). Any other name is a key of the metadata that a document's owner brought.

A value is a text, a number, True or False, and only compares with its own kind: 1 is 1.0, and neither is True or "1".
Texts are ordered by code point. A key that is absent, or holds null, a list or an object, meets no condition; so `$ne`,
`$nin` and `$not` let it pass. A document has each of its sources: `$eq` asks whether one of them is it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lastro.errors import ConfigError

Scalar = str | int | float | bool
Kind = Literal["text", "number", "bool"]

FIELDS = ("document_id", "title", "source", "language", "mime", "section", "page")
OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin")
ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_MAX_CONDITIONS = 200  # SQLite takes expressions of depth 1,000; nobody writes so many by hand
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """A field is one of the values (`$in`), or stands to the only one as the operator says."""

    field: str
    operator: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """What a part does not hold of."""

    part: Node


@dataclass(frozen=True, slots=True)
class Group:
    """All of the parts hold (`$and`), or one of them does (`$or`)."""

    operator: str
    parts: tuple[Node, ...]


Node = Condition | Not | Group


def read(where: Any) -> Node:
    """What a filter that is not empty says.

    Raises:
        ConfigError: it is no filter.
    """
    node = _parse(where, depth=1)
    count = sum(1 for _ in conditions_of(node))
    if count > _MAX_CONDITIONS:
        raise ConfigError(f"where: {count} conditions, at most {_MAX_CONDITIONS}; gather a field's values under $in")
    return node


def holds(node: Node, values: Mapping[str, Any]) -> bool:
    """Whether a chunk with these values is accepted: ours by their names, the owner's by theirs.

    This is what the forms for SQLite and Chroma must agree with.
    """
    if isinstance(node, Not):
        return not holds(node.part, values)
    if isinstance(node, Group):
        results = (holds(part, values) for part in node.parts)
        return all(results) if node.operator == "$and" else any(results)
    held = values.get(node.field)
    several = held if node.field == "source" and isinstance(held, list | tuple) else [held]
    compare: Callable[[Any, Any], bool] = ORDERED.get(node.operator, operator.eq)
    return any(
        kind_of(one) == kind_of(value) and compare(narrow(one), value) for one in several for value in node.values
    )


def narrow(value: Any) -> Any:
    """A whole number of more than 64 bits as a float, which is what SQLite makes of it; anything else as it is."""
    if kind_of(value) == "number" and isinstance(value, int) and not is_number(value):
        return float(value) if abs(value) < 10**308 else (math.inf if value > 0 else -math.inf)
    return value


def _parse(where: Any, *, depth: int) -> Node:
    if not isinstance(where, Mapping) or not where:
        raise ConfigError(f"where: {where!r} is no filter; give a mapping such as {{'title': 'A'}}")
    if depth > _MAX_DEPTH:
        raise ConfigError(f"where: nested more than {_MAX_DEPTH} deep; $and and $or take any number of filters")
    return _all([_entry(name, value, depth) for name, value in where.items()])


def _entry(name: Any, value: Any, depth: int) -> Node:
    if name == "$not":
        return Not(_parse(value, depth=depth + 1))
    if name in ("$and", "$or"):
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError(f"where: {name} = {value!r}; give a list of one or more filters")
        return Group(name, tuple(_parse(part, depth=depth + 1) for part in value))
    _check_field(name)
    if not isinstance(value, Mapping):
        return _condition(name, "$eq", value)
    if not value:
        raise ConfigError(f"where: {name} = {{}}; give a value, or operators such as {{'$gte': 3}}")
    return _all([_condition(name, asked, operand) for asked, operand in value.items()])


def _all(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Group("$and", tuple(parts))


def _check_field(name: Any) -> None:
    if not isinstance(name, str) or name.startswith("$"):
        raise ConfigError(f"where: {name!r} is no field; fields are {', '.join(FIELDS)} and keys of your own metadata")
    if any(sign in '"\\' or sign < " " for sign in name) or not is_text(name):
        raise ConfigError(
            f"where: {name!r}: a field's name has no quotation mark, backslash or control character; rename the key"
        )


def _condition(field: str, asked: Any, operand: Any) -> Node:
    if asked not in OPERATORS:
        raise ConfigError(f"where: {field}: {asked!r} is no operator; use one of {', '.join(OPERATORS)}")
    if asked in ("$in", "$nin"):
        if not isinstance(operand, list | tuple | set | frozenset):
            raise ConfigError(f"where: {field}: {asked} = {operand!r}; give a list of values")
        test = Condition(field, "$in", tuple(_value(field, value) for value in operand))
    elif asked in ORDERED:
        test = Condition(field, asked, (_value(field, operand),))
        if kind_of(operand) == "bool":
            raise ConfigError(f"where: {field}: {asked} = {operand!r}; True and False have no order, use $eq")
    else:
        test = Condition(field, "$in", (_value(field, operand),))
    return Not(test) if asked in ("$ne", "$nin") else test


def _value(field: str, value: Any) -> Scalar:
    kind = kind_of(value)
    if kind is None:
        raise ConfigError(f"where: {field} = {value!r}; values are texts, numbers, True and False")
    if field in FIELDS and kind != ("number" if field == "page" else "text"):
        raise ConfigError(f"where: {field} = {value!r}; {field} is a {'number' if field == 'page' else 'text'}")
    if (kind == "number" and not is_number(value)) or (kind == "text" and not is_text(value)):
        raise ConfigError(
            f"where: {field} = {value!r}; numbers are finite and have at most 64 bits, texts are valid Unicode "
            f"without NUL"
        )
    found: Scalar = value
    return found


def kind_of(value: Any) -> Kind | None:
    """What a value compares with; None for what is no scalar.

    >>> kind_of(1.0), kind_of(True), kind_of("1"), kind_of([1])
    ('number', 'bool', 'text', None)
    """
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else None


def is_number(value: int | float) -> bool:
    """Whether SQLite holds a number as it is: finite, and at most 64 bits where it is whole."""
    return math.isfinite(value) if isinstance(value, float) else -(2**63) <= value < 2**63


def is_text(value: str) -> bool:
    """Whether SQLite's JSON holds a text as it is: valid Unicode without NUL."""
    return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


def conditions_of(node: Node) -> Iterator[Condition]:
    """Every condition of a filter."""
    if isinstance(node, Condition):
        yield node
    else:
        for part in (node.part,) if isinstance(node, Not) else node.parts:
            yield from conditions_of(part)


def by_kind(values: Sequence[Scalar]) -> dict[Kind, list[Scalar]]:
    """Values that compare with each other, together."""
    found: dict[Kind, list[Scalar]] = {}
    for value in values:
        found.setdefault(kind_of(value) or "text", []).append(value)
    return found
