"""What `benchmarks.hostile` asks: queries, filters and options at random, and a reading of filters by their page alone.

A query is anything that a text field lets through. `passes` follows docs/filters.md, and nothing of the library's own
reading of a filter.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

QUESTIONS = (
    "When does the lease of the house in Lisbon end?", "Who pays the repairs of the roof?", "What is the rent in 2027?",
    "Qual é o prazo do contrato de locação?", "Quem paga o conserto do telhado?", "Quanto custa o aluguel em 2027?",
    "Onde fica a casa do senhor Araújo?", "Which clause of AB-123/2024 speaks of noise?", "E o artigo 8.666/93?",
)  # fmt: skip
WORDS = "lease rent roof contract clause noise contrato aluguel telhado prazo casa 2027 AB-123/2024 8.666/93".split()
OPERATORS = (
    "AND", "OR", "NOT", "NEAR(lease rent, 2)", "NEAR(", "title:", "{title heading} :", "-body:", "^lease", "lease*",
    "body : lease", "+", "(", ")", '"', "'", "“", "[", "]", "{", "}", "*", "\\", ":", "--", ";", "%", "||", ".", ",",
    "/", "@",
)  # fmt: skip
SIGNS = "🐱😀🏳️‍🌈👩🏽‍💻\u200d\x00\ud800\udfff\ufeff\u200f\u202e\u2066\u0301\u0327\u0489\u0f71½ﷺﬁ〇\U000e0041\uffff\ue000"
TEXTS = (
    "عقد الإيجار ينتهي في عام 2027", "חוזה השכירות", "合同期限至二〇二七年", "契約の期間は2027年まで", "สัญญาเช่า",
    "임대 계약", "Договор аренды", "Z\u0351\u036b\u0343\u0312a\u0489\u0334l\u0329go\u0321" * 9,
    "'; DROP TABLE chunks; --", "1' OR '1'='1", "' UNION SELECT text FROM texts --",
    "%s%s%n%x %d {0} {} ${x} $(x) `x`", '{"$or": [{"title": "A"}]}', "[1, null, {}]", "<script>alert(1)</script>",
    "../../etc/passwd\x00.txt", "NaN", "-1", "None", "\r\n\t\v\f\x1b[2J", "a" * 300, "_" * 50,
)  # fmt: skip
OWNERS: Mapping[str, Sequence[Any]] = {
    "author": ("Ana", "O'Brien", 'a"b', "Araújo", "😀", "'; DROP TABLE documents; --", None, ""),
    "year": (2019, 2020, 2021, 2021.5, -1, 2**53, "2021", True, None, [2021]),
    "draft": (True, False, 1, "true", None),
    "a b%": ("x", 1, {"x": 1}),
}


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

    asked = rng.choice(("", "$eq", "$ne", "$ne", "$in", "$in", "$nin", "$gt", "$gte", "$gte", "$lt", "$lte", "$lte"))
    if asked in ("$in", "$nin"):
        return {asked: [value() for _ in range(rng.randint(0, 9))]}
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
        "merge_duplicates": lambda: rng.choice((False, True)),
        "context_tokens": lambda: rng.choice((0, 200, 2_000)),
        "candidates": lambda: rng.choice((1, 10, 50)),
    }
    found = {name: make() for name, make in likely.items() if rng.random() < (0.8 if name == "search_type" else 0.35)}
    if rng.random() < 0.05:
        found |= {"wordings": rng.sample(TEXTS, 2), "stand_in": rng.choice(TEXTS)}
    return found
