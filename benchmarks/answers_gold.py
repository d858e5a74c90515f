"""Gold answers as statements, right and damaged by rule, checked against their passages without any chat model."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.answers_damage import KINDS, Made, Maker
from benchmarks.answers_sets import pick
from benchmarks.followups import rows

if TYPE_CHECKING:
    from lastro.chains.checking.alike import Alike
    from lastro.chains.checking.check import Check

SETS = ("faquad_pt", "squad2_en", "squad2_pt")
MOST = 300  # questions of a set
_RANK = {"contradicted": -1.0, "verbatim": 1.0, "supported": 1.0, "misattributed": 1.0}


def worth(check: Check) -> float:
    """What a check is ranked by: its state first, then its score."""
    return _RANK.get(check.state, 0.0) + check.score


@dataclass(frozen=True)
class Judged:
    """A statement with what was found about it."""

    made: Made
    check: Check

    @property
    def value(self) -> float:
        """What statements are ranked by."""
        return worth(self.check)

    @property
    def backed(self) -> bool:
        """Whether it is shown without a mark."""
        return self.check.state in ("verbatim", "supported", "misattributed")


def judged(data: Path, name: str, alike: Alike, first: int) -> list[Judged]:
    """Every statement of a set's first questions, checked against the whole gold passage."""
    from lastro.chains.checking.check import check_claim
    from lastro.chains.evidence import idf_of_passages

    every = [row for row in rows(data / name / "queries.jsonl") if row["answerable"] and row["gold_ids"]]
    corpus = {row["id"]: row for row in rows(data / name / "corpus.jsonl")}
    passages = {key: _passage(row) for key, row in corpus.items()}
    weights = idf_of_passages(tuple(passages.values()))  # of the whole set, as a library has them
    maker = Maker([row for row in every if row["gold_ids"][0] in corpus], {k: r["text"] for k, r in corpus.items()})
    found = []
    for row in pick(maker.rows, min(first, MOST)):
        evidence = _evidence(passages[row["gold_ids"][0]], row["lang"], weights)
        for made in maker.made(row):
            found.append(Judged(made, check_claim(made.text, evidence, question=made.question, alike=alike)))
    return found


def _passage(row: dict[str, Any]) -> Any:
    from lastro.detection import detect_language
    from lastro.types import Passage

    return Passage(
        chunk_id=row["id"], document_id=row["id"], title=row["title"], text=row["text"], start=0, end=len(row["text"]),
        page_start=None, page_end=None, section="", rank=1, score=1.0, language=detect_language(row["text"]),
    )  # fmt: skip


def _evidence(passage: Any, lang: str, weights: Any) -> Any:
    from lastro.chains.evidence import Evidence

    return Evidence((passage,), lang, weights)


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """How often a right statement stands above a damaged one, ties counting one half.

    >>> auroc([0.9, 0.5], [0.5])
    0.75
    """
    if not right or not wrong:
        return None
    import numpy as np

    ours, theirs = np.asarray(right)[:, None], np.asarray(wrong)[None, :]
    return round(float(((ours > theirs) + (ours == theirs) / 2).mean()), 4)


def gold(
    data: Path, *, embedder: str, first: int = MOST, errors: Path | None = None
) -> tuple[list[list[object]], dict[str, Any]]:
    """Rows by set and kind of damage, and AUROC by set."""
    from lastro.chains.checking.alike import Alike
    from lastro.vectorstore.embeddings import LocalEmbeddings

    alike = Alike(LocalEmbeddings(embedder) if embedder else None)
    table: list[list[object]] = []
    figures: dict[str, Any] = {}
    everything: dict[str, list[Judged]] = {}
    for name in SETS:
        began = time.perf_counter()
        found = everything[name] = judged(data, name, alike, first)
        seconds = time.perf_counter() - began
        table += _rows(name, found, seconds)
        right = [one.value for one in found if not one.made.damage]
        figures[name] = auroc(right, [one.value for one in found if one.made.damage])
    if errors is not None:
        errors.write_text(_errors(everything), encoding="utf-8")
    return table, figures


Pair = tuple[Sequence[Judged], Sequence[Judged]]  # right statements and damaged ones
HEADER = ("set", "damage", "statements", "shown as backed", "AUROC", "AUROC of the score alone")


def _rows(name: str, found: Sequence[Judged], seconds: float) -> list[list[object]]:
    right = [one for one in found if not one.made.damage]
    table: list[list[object]] = []
    for title, group in (
        ("whole statements", [one for one in right if not one.made.question]),
        ("fragments with their question", [one for one in right if one.made.question]),
    ):
        kept = [one for one in found if one.made.damage and bool(one.made.question) == bool(group and
                group[0].made.question)]  # fmt: skip
        table.append(_row(name, f"none: {title}", group, (group, kept)))
    for kind in KINDS:
        damaged = [one for one in found if one.made.damage == kind]
        if damaged:
            table.append(_row(name, kind, damaged, (right, damaged)))
    wrong = [one for one in found if one.made.damage]
    table.append(_row(name, f"all ({1000 * seconds / max(len(found), 1):.0f} ms each)", wrong, (right, wrong)))
    return table


def _row(name: str, kind: str, group: Sequence[Judged], pair: Pair) -> list[object]:
    right, wrong = pair
    backed = f"{sum(one.backed for one in group)}/{len(group)}"
    by_state = auroc([one.value for one in right], [one.value for one in wrong])
    alone = auroc([one.check.score for one in right], [one.check.score for one in wrong])
    return [name, kind, len(group), backed, by_state, alone]


def _errors(everything: dict[str, list[Judged]]) -> str:
    """What went wrong, by set and kind, the commonest first, with examples."""
    lines = ["# Gold statements that the checker takes for what they are not", ""]
    for name, found in everything.items():
        wrong: defaultdict[str, list[Judged]] = defaultdict(list)
        for one in found:
            if one.backed == bool(one.made.damage):
                wrong[one.made.damage or "right, but not backed"].append(one)
        count = Counter(one.made.damage or "right, but not backed" for one in found)
        for kind, group in sorted(wrong.items(), key=lambda item: -len(item[1])):
            lines += [f"## {name}: {kind}: {len(group)} of {count[kind]}", ""]
            lines += [_example(one) for one in group[:25]]
            lines.append("")
    return "\n".join(lines)


def _example(one: Judged) -> str:
    asked = f"[{one.made.question}] " if one.made.question else ""
    why = "; ".join(str(reason) for reason in one.check.reasons)[:200]
    return f"- `{one.check.state}` {one.check.score:.2f} {asked}{one.made.text} (passage {one.made.gold}; {why})"
