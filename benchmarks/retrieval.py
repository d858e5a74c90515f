"""Is the right passage among the first? Our search beside each of its two legs and equal reciprocal-rank fusion.

Needs --data, the folder of the public question sets. Each set becomes a library of whole passages, kept under --work
for the next run; every question goes through all four searches in turn, at the default settings. Weights were fitted on
the questions whose id has a SHA-256 that begins with 0 to 7; `untouched` are the others. Differences are paired, their
95 % intervals by resampling the questions.

--harder adds: files of quarterly reports, one library of all sets, questions that paraphrase, questions in another
language than the passages, and PDFs through the real ingest.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.retrieval_sets import CROSSED, CROSSED_QUESTIONS, SETS, Bench, Measured

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.evaluation.datasets import Question, QuestionSet
    from lastro.evaluation.records import Outcome, Run
    from lastro.types import Passage
    from lastro.vectorstore.library import Library

FIRST = 350  # answerable questions that earlier trials of others were measured on
WAYS = ("ours", "dense", "keyword", "rrf")
_RRF = 60
_CANDIDATES = 50
OWN = Path(__file__).parents[1] / "evaluation" / "data" / "paraphrases_pt.jsonl"


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public question sets")
    parser.add_argument("--work", type=Path, default=None, help="folder that keeps the libraries; default: none does")
    parser.add_argument("--sets", default="", help="names, with commas; default: all")
    parser.add_argument("--embedder", default="all-minilm-l6-v2")
    parser.add_argument("--harder", action="store_true", help="add the harder sets; with --sets none, these only")
    parser.add_argument("--quick", action="store_true", help="the first 60 questions of each set")
    return parser.parse_args()


# Searches -----------------------------------------------------------------------------------------------------------


def searches(library: Library, depth: int) -> list[Any]:
    """The four ways to search, as configurations of an evaluation."""
    from lastro.evaluation.run import Configuration

    usual = library.retrieval
    ways: dict[str, Callable[[str], Sequence[Passage]]] = {
        "ours": lambda query: library.search(query, k=depth),
        "dense": lambda query: library.search(query, k=depth, search_type="similarity"),
        "keyword": lambda query: library.search(query, k=depth, search_type="keyword"),
        "rrf": lambda query: by_rank(library, query)[:depth],
    }
    return [Configuration(way, search, usual.model_dump(), usual.k) for way, search in ways.items()]


def by_rank(library: Library, query: str) -> list[Passage]:
    """Equal reciprocal-rank fusion of both legs (Cormack et al., SIGIR 2009), as most fuse them."""
    scores: dict[str, float] = {}
    found: dict[str, Passage] = {}
    for kind in ("similarity", "keyword"):
        for rank, passage in enumerate(library.search(query, k=_CANDIDATES, search_type=kind), start=1):  # type: ignore[arg-type]
            found.setdefault(passage.chunk_id, passage)
            scores[passage.chunk_id] = scores.get(passage.chunk_id, 0.0) + 1 / (_RRF + rank)
    return [found[key] for key in sorted(scores, key=lambda key: (-scores[key], key))]


def run_set(name: str, questions: QuestionSet, library: Library, metric: str) -> Result:
    """Every question through every search."""
    from lastro.evaluation.places import Places
    from lastro.evaluation.run import run

    depth = int(metric.partition("@")[2])
    golds = Places(library).resolve(questions)
    runs = run(questions, searches(library, depth), library=library, golds=golds)
    return Result(name, metric, runs)


@dataclass(frozen=True)
class Result:
    """What the four searches found of a set's questions."""

    name: str
    metric: str
    runs: tuple[Run, ...]

    def values(self, way: str, keep: Callable[[int, Outcome], bool] = lambda _n, _o: True) -> npt.NDArray[np.float64]:
        """The metric of each question that is kept."""
        import numpy as np

        from lastro.evaluation.metrics import find_metric

        metric = find_metric(self.metric, depth=int(self.metric.partition("@")[2]))
        outcomes = next(run for run in self.runs if run.name == way).outcomes
        return np.array([metric.compute(one) or 0.0 for number, one in enumerate(outcomes) if keep(number, one)])

    def untouched(self, way: str) -> npt.NDArray[np.float64]:
        """The metric of the questions that nothing was fitted on."""
        return self.values(way, lambda _n, outcome: not tuned(outcome.question_id))

    def first(self, way: str) -> npt.NDArray[np.float64]:
        """The metric of the first questions."""
        return self.values(way, lambda number, _o: number < FIRST)


def tuned(question_id: str) -> bool:
    """Whether a question was there to be fitted on."""
    return hashlib.sha256(question_id.encode()).hexdigest()[0] < "8"


# Question sets ------------------------------------------------------------------------------------------------------


def questions_of(bench: Bench, one: Measured, *, keep: Callable[[Question], bool]) -> QuestionSet:
    """The questions of a set that name a passage."""
    from lastro.evaluation.datasets import load_questions

    loaded = load_questions(bench.data / one.folder / one.questions)
    return dataclasses.replace(loaded, questions=tuple(one for one in loaded.questions if one.gold_ids and keep(one)))


def plain(bench: Bench, one: Measured, limit: int) -> Result:
    """A set over its own library."""
    with_evidence = one.questions == "queries.jsonl"  # a claim without evidence still names the paper that it cites
    questions = questions_of(bench, one, keep=lambda question: question.answerable or not with_evidence)
    with bench.library(one.folder) as library:
        return run_set(one.name, _first(questions, limit), library, one.metric)


def _first(questions: QuestionSet, limit: int) -> QuestionSet:
    return dataclasses.replace(questions, questions=questions.questions[:limit])


def harder(bench: Bench, limit: int) -> Iterator[Result]:
    """The sets that are more like use."""
    yield _reports(bench, limit)
    yield from _crossed(bench, limit)
    yield from _paraphrased(bench)
    yield _all_in_one(bench, limit)
    yield _pages(bench, limit)


def _reports(bench: Bench, limit: int) -> Result:
    """The right company and quarter among 20 reports that say nearly the same: any page of the right file counts."""
    one = Measured("sec10q_en")
    pages: dict[str, list[str]] = {}
    for row in bench.corpus(one.folder):
        pages.setdefault(f"{row.title}.pdf", []).append(row.id)
    questions = questions_of(bench, one, keep=lambda question: question.answerable)
    files = [
        dataclasses.replace(asked, gold_ids=tuple(key for file in asked.meta["gold_docs"] for key in pages[file]))
        for asked in questions.questions
    ]
    with bench.library(one.folder) as library:
        return run_set(
            "sec10q_en (file)", _first(dataclasses.replace(questions, questions=tuple(files)), limit), library, "hit@5"
        )


def _crossed(bench: Bench, limit: int) -> Iterator[Result]:
    for one, asked_in in zip(CROSSED, CROSSED_QUESTIONS, strict=True):
        held = {row.id for row in bench.corpus(one.folder)}  # a page may be cut into fewer passages in one language
        questions = questions_of(
            bench, Measured(asked_in), keep=lambda asked, held=held: not held.isdisjoint(asked.gold_ids)
        )
        placed = tuple(
            dataclasses.replace(asked, gold_ids=tuple(key for key in asked.gold_ids if key in held))
            for asked in questions.questions
        )
        with bench.library(one.folder) as library:
            yield run_set(
                one.name, _first(dataclasses.replace(questions, questions=placed), limit), library, one.metric
            )


def _paraphrased(bench: Bench) -> Iterator[Result]:
    from lastro.evaluation.datasets import load_questions

    loaded = load_questions(OWN)
    runs: list[Sequence[Run]] = []
    for folder in sorted({str(question.meta["set"]) for question in loaded.questions}):
        own = tuple(question for question in loaded.questions if question.meta["set"] == folder)
        with bench.library(folder) as library:
            runs.append(run_set(folder, dataclasses.replace(loaded, questions=own), library, "hit@5").runs)
    together = tuple(
        dataclasses.replace(several[0], outcomes=tuple(outcome for run in several for outcome in run.outcomes))
        for several in zip(*runs, strict=True)
    )
    yield Result("paraphrases_pt", "hit@5", together)


def _all_in_one(bench: Bench, limit: int) -> Result:
    """Every set in one library: a question has the passages of nine others to get lost in."""
    chosen = [one for one in SETS if one.metric == "hit@5"]
    questions: list[Question] = []
    for one in chosen:
        asked = questions_of(bench, one, keep=lambda question: question.answerable).questions[: min(limit, 200)]
        for question in asked:
            gold = tuple(f"{one.folder}:{key}" for key in question.gold_ids)
            questions.append(dataclasses.replace(question, id=f"{one.name}:{question.id}", gold_ids=gold))
    base = questions_of(bench, chosen[0], keep=lambda question: question.answerable)
    with bench.merged([one.folder for one in SETS]) as library:
        return run_set("all sets in one", dataclasses.replace(base, questions=tuple(questions)), library, "hit@5")


def _pages(bench: Bench, limit: int) -> Result:
    """The right file and page, from PDFs read by the ingest."""
    questions = questions_of(bench, Measured("faquad_pdf"), keep=lambda question: question.answerable)
    placed = [
        dataclasses.replace(one, gold_ids=tuple(f"{one.meta['file']}#page={page}" for page in one.meta["pages"]))
        for one in questions.questions
    ]
    with bench.pdfs() as library:
        found = run_set(
            "faquad_pdf", _first(dataclasses.replace(questions, questions=tuple(placed)), limit), library, "hit@5"
        )
    return dataclasses.replace(found, name="faquad_pdf (file, page)", metric="page_hit@5")


# What is printed ----------------------------------------------------------------------------------------------------


def print_results(results: Sequence[Result]) -> None:
    """A row a set: each search's mean, and ours less the better leg with its interval."""
    from lastro.evaluation.bootstrap import paired

    rows = []
    for result in results:
        legs = {way: result.values(way) for way in WAYS}
        better = max(("dense", "keyword"), key=lambda way: float(legs[way].mean()))
        (change,) = paired(legs[better][:, None], legs["ours"][:, None])
        untouched = result.untouched("ours")
        rows.append(
            (
                result.name, result.metric, len(legs["ours"]), *(f"{legs[way].mean():.3f}" for way in WAYS),
                f"{result.first('ours').mean():.3f}", f"{untouched.mean():.3f} ({len(untouched)})",
                f"{change.mean:+.3f} ({change.low:+.3f} to {change.high:+.3f})", better,
            )
        )  # fmt: skip
    header = (
        "set",
        "metric",
        "questions",
        *WAYS,
        f"ours, first {FIRST}",
        "ours, untouched (n)",
        "ours less better leg",
        "leg",
    )
    report.table(header, rows)


def mean_of_sets(results: Sequence[Result], other: str) -> tuple[float, float, float]:
    """The mean over sets of ours less another search's, with its interval; questions are resampled within each set."""
    import numpy as np

    from lastro.evaluation.bootstrap import resampled_means

    changes = [result.untouched("ours") - result.untouched(other) for result in results]
    means = np.mean([resampled_means(one[:, None], seed=seed)[:, 0] for seed, one in enumerate(changes)], axis=0)
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return float(np.mean([one.mean() for one in changes])), low, high


def print_means(results: Sequence[Result]) -> None:
    """A line for each other search: how far ours is above it over all sets."""
    print()
    for other in WAYS[1:]:
        mean, low, high = mean_of_sets(results, other)
        print(f"mean over sets, untouched questions, ours less {other}: {mean:+.3f} ({low:+.3f} to {high:+.3f})")


def figures(result: Result) -> dict[str, object]:
    """A set's figures for the last line; `hit5` and the legs are of the first questions, as in earlier trials."""
    name = result.metric.replace("@", "").replace("_", "")
    found: dict[str, object] = {name: round(float(result.first("ours").mean()), 4)}
    found |= {way: round(float(result.first(way).mean()), 4) for way in WAYS[1:]}
    found |= {f"{name}_all": round(float(result.values("ours").mean()), 4)}
    return found | {f"{name}_untouched": round(float(result.untouched("ours").mean()), 4)}


def main() -> None:
    """Run, print the tables and the figures."""
    chosen = options()
    limit = 60 if chosen.quick else 1_000_000
    wanted = [one for one in SETS if not chosen.sets or one.name in chosen.sets.split(",")]
    with tempfile.TemporaryDirectory(prefix="lastro-retrieval-") as folder:
        bench = Bench(chosen, chosen.work or Path(folder))
        print(f"{report.machine()}; embedder {chosen.embedder}\n")
        results = [plain(bench, one, limit) for one in wanted]
        if results:
            print_results(results)
            print_means(results)
        more = list(harder(bench, limit)) if chosen.harder else []
        if more:
            print()
            print_results(more)
    report.last_line({result.name: figures(result) for result in (*results, *more)})


if __name__ == "__main__":
    main()
