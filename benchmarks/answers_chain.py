"""The whole chain with the starter model: which answers are right, and whether the wrong ones are refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.answers_recorded import NotRecordedError
from benchmarks.answers_sets import SETS, Asked, Bench, Row, half

if TYPE_CHECKING:
    from lastro.types import Answer

COUNTERFACTUAL = "rgb_counterfactual"
# How a model says by itself that it has no answer; folded.
_REFUSES = re.compile(
    r"did not find the answer|do(?:es)? not (?:contain|provide|mention|hold|specify|state|say|have|include)|"
    r"no (?:information|mention|answer)|not (?:mentioned|found|stated|provided|specified|given|available) in|"
    r"(?:cannot|can't|could not|unable to) (?:answer|find|determine|provide)|don't know|do not know|"
    r"nao encontrei|nao (?:ha|existe|contem|trazem?|menciona|consta|informa|sei|foi possivel|e possivel)|"
    r"nao (?:esta|estao) (?:mencionad|disponi|nas fontes)"
)


@dataclass(frozen=True)
class Result:
    """A question with what the chain told, and what the model had written for it first."""

    asked: Asked
    row: Row
    answer: Answer
    alone: str  # the text without verification
    seconds: float

    @property
    def answerable(self) -> bool:
        """Whether the passages hold an answer."""
        return bool(self.row["answerable"])

    @property
    def half(self) -> str:
        """The half of the question: "tuning" or "untouched"."""
        return half(self.row)

    @property
    def language(self) -> str:
        """The question's."""
        return str(self.row["lang"])

    @property
    def refused(self) -> bool:
        """Whether it was refused, or left nothing without a mark."""
        claims = [one for one in self.answer.sentences if one.state != "no_claim"]
        return self.answer.state == "not_found" or bool(claims and not any(one.backed for one in claims))

    @cached_property
    def right(self) -> bool:
        """Whether the answer that is shown holds a gold answer."""
        return self.answerable and not self.refused and holds(self.answer.words, self.row)

    @cached_property
    def alone_right(self) -> bool:
        """Whether the text without verification does."""
        return self.answerable and not self.alone_refused and holds(self.alone, self.row)

    @cached_property
    def alone_refused(self) -> bool:
        """Whether the model itself said that it has no answer."""
        from lastro.language import fold

        return not self.alone.strip() or bool(_REFUSES.search(fold(self.alone).replace("’", "'")))

    @property
    def counts_as_wrong(self) -> bool:
        """Whether it ought to be caught: no answer exists, or what was told, or withheld, is wrong."""
        if not self.answerable:
            return True
        if self.refused:  # a false refusal is no wrong answer: it is counted apart
            return not self.alone_refused and not holds(self.alone, self.row)
        return not self.right


def holds(text: str, row: Row) -> bool:
    """Whether a gold answer stands in a text."""
    from lastro.evaluation.answers import wording

    return bool(wording.contains(text, row["answers"], row["lang"]))


def asked(bench: Bench, first: int, **settings: Any) -> Iterator[Result]:
    """Every question of every set, answered; those whose text must not be written now are left out."""
    for one in SETS:
        found = one.rows(bench.folder(""), first)
        began, told = time.perf_counter(), 0
        for result in of_set(bench, one, found, **settings):
            told += 1
            yield result
        print(f"{one.name}: {told} of {len(found)} answered in {time.perf_counter() - began:.0f} s", flush=True)


def of_set(
    bench: Bench, one: Asked, found: Sequence[Row], calibrations: Any = None, **settings: Any
) -> Iterator[Result]:
    """The questions of one set, answered."""
    retry = {"retry": False} if bench.replay_only else {}
    library, chain = bench.of_set(one, found, calibrations=calibrations, **settings, **retry)
    for row in found:
        bench.llm.texts.clear()
        began = time.perf_counter()
        try:
            answer = chain.invoke(row["question"])
        except NotRecordedError:
            continue
        seconds = time.perf_counter() - began - sum(written.seconds for written in bench.llm.texts if written.fresh)
        bench.given.append((library, answer))
        # The first text is what the same chain tells under the policy "off": prompt and model are the same.
        alone = bench.llm.texts[0].text.strip() if bench.llm.texts else ""
        yield Result(one, row, answer, alone, seconds)


def write_signals(results: Sequence[Result], file: Path) -> None:
    """A line for each answer: what its confidence is fitted on."""
    with file.open("w", encoding="utf-8") as lines:
        for one in results:
            if one.asked.name != COUNTERFACTUAL:
                line = {
                    "set": one.asked.name, "id": one.row["id"], "lang": one.language, "half": one.half,
                    "signals": dict(one.answer.signals), "right": one.right, "answerable": one.answerable,
                    "state": one.answer.state, "confidence": one.answer.confidence,
                }  # fmt: skip
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def chain(bench: Bench, first: int) -> tuple[dict[str, list[list[object]]], dict[str, Any]]:
    """Tables by name, and figures; `signals.jsonl` is left in the work folder."""
    from benchmarks import answers_confidence as confidence

    results = list(asked(bench, first, confidence_threshold=0.0, calibrations=()))
    write_signals(results, bench.work / "signals.jsonl")
    plain = [one for one in results if one.asked.name != COUNTERFACTUAL]
    tables = {"sets": by_set(plain)}
    figures: dict[str, Any] = {"answers": len(plain), **_seconds(plain)}
    fitted = confidence.fitted(plain, bench)
    found, more = confidence.told(plain, fitted)
    tables |= found
    figures |= more
    if fitted:
        untouched = list(operating(bench, first, fitted))
        found, more = confidence.at_work(untouched, plain)
        tables |= found
        figures |= more
    figures["counterfactual"] = counterfactual([one for one in results if one.asked.name == COUNTERFACTUAL])
    return tables, figures


def operating(bench: Bench, first: int, fitted: Sequence[Any]) -> Iterator[Result]:
    """The untouched half again, with the calibration fitted on the other one and its own threshold."""
    for one in SETS:
        if one.name != COUNTERFACTUAL:
            found = [row for row in one.rows(bench.folder(""), first) if half(row) == "untouched"]
            yield from of_set(bench, one, found, calibrations=tuple(fitted))


def _seconds(results: Sequence[Result]) -> dict[str, float]:
    times = sorted(one.seconds for one in results) or [0.0]
    return {"seconds_without_writing": round(times[len(times) // 2], 3)}


SETS_HEADER = (
    "set", "questions", "right", "wrong, shown", "refused rightly", "refused falsely", "retried", "quoted",
    "without verification: right", "wrong, shown", "refused rightly", "refused falsely",
)  # fmt: skip


def by_set(results: Sequence[Result]) -> list[list[object]]:
    """What became of each set's questions where nothing is refused for its confidence, both halves."""
    table = []
    for name in dict.fromkeys(one.asked.name for one in results):
        group = [one for one in results if one.asked.name == name]
        table.append([
            name, len(group), sum(one.right for one in group),
            sum(not one.refused and not one.right for one in group),
            _share([one.refused for one in group if not one.answerable]),
            _share([one.refused for one in group if one.answerable]),
            sum(one.answer.retried for one in group), sum(one.answer.extracted for one in group),
            sum(one.alone_right for one in group),
            sum(not one.alone_refused and not one.alone_right for one in group),
            _share([one.alone_refused for one in group if not one.answerable]),
            _share([one.alone_refused for one in group if one.answerable]),
        ])  # fmt: skip
    return table


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values)}/{len(values)}" if values else "-"


def counterfactual(results: Sequence[Result]) -> dict[str, Any]:
    """Of the questions whose passages are wrong on purpose: who says what the passages say, and cites it."""
    said = [one for one in results if _says_fake(one)]
    cited = [one for one in said if _cites_fake(one)]
    truth = [one for one in results if one not in said and holds(one.answer.words, one.row) and not one.refused]
    return {
        "questions": len(results), "says_the_passage": len(said), "and_cites_it": len(cited),
        "says_the_truth_instead": len(truth), "refused": sum(one.refused for one in results),
        "alone_says_the_passage": sum(_holds_fake(one.alone, one) for one in results),
    }  # fmt: skip


def _holds_fake(text: str, one: Result) -> bool:
    from lastro.evaluation.answers import wording

    return bool(wording.contains(text, one.row["meta"]["fake_answers"] or [], one.language))


def _says_fake(one: Result) -> bool:
    return not one.refused and _holds_fake(one.answer.words, one)


def _cites_fake(one: Result) -> bool:
    passages = {passage.chunk_id: passage.text for passage in one.answer.passages}
    return any(_holds_fake(passages.get(cited.chunk_id, cited.quote), one) for cited in one.answer.citations)
