"""Follow-up questions: is the right passage among the first five, alone, condensed, and asked in full?

Needs --data: the folder of the public sets that the conversations of `evaluation/data/followups.jsonl` name. One
library a set is built with the starter embedder from whole passages, and kept under --work for the next run. Each
follow-up is searched five ways: as it stands; with key terms, without a model; condensed by the starter model;
condensed by a model that writes the question in full as we did, which tells what the check of a rewrite costs a good
model; and in full.

What was chosen by numbers was chosen on the rows whose id has a SHA-256 that begins with 0 to 7; the others are the
untouched half. Intervals are of 95 %, by resampling the questions.

`left alone`: of the questions that stand alone, after a turn about something else; those of the conversations, and all
answerable ones of the sets, whose own wording is not always free of "this" and "he".
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    from lastro.chains.condense import Standalone
    from lastro.chains.history import Conversation
    from lastro.vectorstore.library import Library

K = 5
QUESTIONS = Path(__file__).parents[1] / "evaluation" / "data" / "followups.jsonl"
WAYS = ("alone", "key_terms", "condensed", "ideal_model", "standalone")
HALVES = ("tuned", "untouched", "all")
ALONE = "no-need"  # the kind of a question that stands alone


@dataclass(frozen=True)
class Asked:
    """One conversation's last question, and the rank of its passage by each way of asking; 0 is none of the first."""

    row: dict[str, Any]
    ranks: dict[str, int]
    how: dict[str, str]  # by way of condensing
    seconds: dict[str, float]


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder of the public question sets")
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps the libraries; default: none does")
    parser.add_argument("--quick", action="store_true", help="only the conversations over the two smallest sets")
    parser.add_argument("--verbose", action="store_true", help="print every question and what was searched")
    return parser.parse_args()


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def half_of(row: dict[str, Any]) -> str:
    """Whether a row may be tuned on."""
    return "tuned" if hashlib.sha256(row["id"].encode()).hexdigest()[0] < "8" else "untouched"


def library_of(corpus: Path, folder: Path) -> Library:
    """A library of whole passages, as it lies in the folder or built anew."""
    from langchain_core.documents import Document

    import lastro

    library, passages = lastro.open_library(folder), rows(corpus)
    if len(library.documents()) < len(passages):
        print(f"building {folder.name}: {len(passages)} passages", flush=True)
        library.as_vectorstore().add_documents(
            [Document(id=row["id"], page_content=row["text"], metadata={"title": row["title"]}) for row in passages]
        )
    return library


def conversation_of(row: dict[str, Any]) -> Conversation:
    """A row's question with the turns before it."""
    from lastro.chains.history import Conversation, Turn

    return Conversation(row["question"], tuple(Turn(turn["question"], turn["answer"]) for turn in row["history"]))


def ask(row: dict[str, Any], library: Library, model: Any) -> Asked:
    """Search a row's question every way."""
    from langchain_core.language_models import FakeListChatModel

    from lastro.chains.condense import condense

    models = {
        "key_terms": None,
        "condensed": model,
        "ideal_model": FakeListChatModel(responses=[row["standalone"]]),
    }
    conversation = conversation_of(row)
    found: dict[str, Standalone] = {}
    seconds: dict[str, float] = {}
    for way, llm in models.items():
        began = time.perf_counter()
        found[way] = condense(conversation, llm=llm, language=row["lang"])
        seconds[way] = time.perf_counter() - began
    texts = {"alone": row["question"], "standalone": row["standalone"]} | {way: f.search for way, f in found.items()}
    return Asked(
        row,
        {way: rank_of(library, texts[way], row["gold_ids"]) for way in WAYS},
        {way: standalone.how for way, standalone in found.items()},
        seconds,
    )


def rank_of(library: Library, text: str, gold: Sequence[str]) -> int:
    """The rank of the first passage that is among `gold`, from 1; 0 where none of the first five is."""
    passages = library.as_retriever(k=K).invoke(text)
    ranks = (rank for rank, found in enumerate(passages, 1) if found.metadata["document_id"] in gold)
    return next(ranks, 0)


def hit_rates(asked: Sequence[Asked]) -> dict[str, tuple[float, float, float]]:
    """hit@5 by way of asking, each with its interval."""
    import numpy as np

    from lastro.evaluation.bootstrap import intervals

    hits = np.array([[one.ranks[way] > 0 for way in WAYS] for one in asked], dtype=float)
    means, bounds = hits.mean(axis=0).tolist(), intervals(hits)
    return {way: (mean, low, high) for way, mean, (low, high) in zip(WAYS, means, bounds, strict=True)}


def groups(asked: Sequence[Asked]) -> dict[tuple[str, str], list[Asked]]:
    """What was asked, by half and language, the follow-ups alone and all together."""
    found: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for half in HALVES:
        for one in asked:
            if half in ("all", half_of(one.row)):
                found[half, "all questions"].append(one)
                if one.row["kind"] != ALONE:
                    found[half, "follow-ups"].append(one)
                    found[half, f"follow-ups, {one.row['lang']}"].append(one)
    return dict(sorted(found.items(), key=lambda item: (HALVES.index(item[0][0]), item[0][1])))


def left_alone(data: Path, names: Sequence[str]) -> dict[str, list[bool]]:
    """By half: whether each question of the sets is left as it is after a turn about something else."""
    from lastro.chains.followup import needs_condensing
    from lastro.chains.history import Conversation, Turn

    before = (Turn("What is the warranty period of the drill?", "Two years."),)
    found: dict[str, list[bool]] = {half: [] for half in HALVES}
    for name in names:
        for row in rows(data / name / "queries.jsonl"):
            if row["answerable"]:
                alone = not needs_condensing(Conversation(row["question"], before))
                found[half_of(row)].append(alone)
                found["all"].append(alone)
    return found


def share(values: Sequence[bool]) -> float | None:
    """The share that is true; None of none."""
    return round(sum(values) / len(values), 3) if values else None


def figures(asked: Sequence[Asked], of_sets: dict[str, list[bool]]) -> dict[str, Any]:
    """What the last line holds."""
    found: dict[str, Any] = {}
    for (half, name), group in groups(asked).items():
        rates = {way: [round(value, 3) for value in rate] for way, rate in hit_rates(group).items()}
        reciprocal = {
            way: round(sum(1 / rank for one in group if (rank := one.ranks[way])) / len(group), 3) for way in WAYS
        }
        found.setdefault(half, {})[name] = {"n": len(group), "mrr": reciprocal} | rates
    for half in HALVES:
        of_half = [one for one in asked if half in ("all", half_of(one.row))]
        leaning = [one for one in of_half if one.row["kind"] != ALONE]
        alone = [one.how["key_terms"] == "as asked" for one in of_half if one.row["kind"] == ALONE]
        found[half] |= {
            "seen_as_follow_up": share([one.how["key_terms"] != "as asked" for one in leaning]),
            "left_alone": share(alone),
            "questions_of_sets_left_alone": share(of_sets[half]),
            "rewrites_accepted": share([one.how["condensed"] == "rewritten" for one in leaning]),
            "rewrites_of_ideal_model_accepted": share([one.how["ideal_model"] == "rewritten" for one in leaning]),
        }
    for way in ("condensed", "key_terms"):
        times = sorted(one.seconds[way] * 1000 for one in asked if one.row["kind"] != ALONE)
        found[f"ms_{way}"] = {"median": round(times[len(times) // 2], 2), "max": round(times[-1], 2)}
    return found


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    print(report.machine(), "\n")
    report.table(
        ("hit@5 (95 %), MRR", "n", *WAYS),
        [
            (f"{half}, {name}", part["n"], *(_cell(part, way) for way in WAYS))
            for half in HALVES
            for name, part in found[half].items()
            if isinstance(part, dict)
        ],
    )
    print()
    shares = [name for name, value in found["all"].items() if not isinstance(value, dict)]
    report.table(("share", *HALVES), [(name, *(found[half][name] for half in HALVES)) for name in shares])
    print(f"\nms a follow-up: {found['ms_condensed']} with the model, {found['ms_key_terms']} without")


def _cell(part: dict[str, Any], way: str) -> str:
    mean, low, high = part[way]
    return f"{mean:.2f} ({low:.2f} to {high:.2f}), {part['mrr'][way]:.2f}"


def main() -> None:
    """Build the libraries, ask, print the tables and the figures."""
    chosen = options()
    if chosen.data is None:
        print("needs --data; nothing was measured")
        report.last_line({})
        return
    from lastro.opening import chat_model

    conversations = rows(chosen.questions)
    names = sorted({row["set"] for row in conversations})
    if chosen.quick:
        names = sorted(names, key=lambda name: (chosen.data / name / "corpus.jsonl").stat().st_size)[:2]
    asked, model = [], chat_model()
    with tempfile.TemporaryDirectory(prefix="lastro-followups-") as folder:
        for name in names:
            with library_of(chosen.data / name / "corpus.jsonl", (chosen.work or Path(folder)) / name) as library:
                asked += [ask(row, library, model) for row in conversations if row["set"] == name]
    if chosen.verbose:
        for one in asked:
            print(one.row["id"], one.row["kind"], one.how["condensed"], one.ranks, one.row["question"])
    found = figures(asked, left_alone(chosen.data, names))
    show(found)
    report.last_line(found)


if __name__ == "__main__":
    main()
