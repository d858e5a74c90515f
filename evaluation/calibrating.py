"""`lastro eval calibrate`: ask every question, see which answers are right, fit, and write the calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lastro.chains.confidence import Calibration, load_calibrations, save_calibrations
from lastro.errors import ConfigError
from lastro.evaluation.answers.reply import Chain, ask, is_refusal, is_right
from lastro.evaluation.calibrate import FOLDS, KEEP, Key, fit
from lastro.evaluation.datasets import QuestionSet, load_questions
from lastro.evaluation.places import Places
from lastro.evaluation.run import OnQuestion

if TYPE_CHECKING:
    from lastro.evaluation.calibrate import Rows
    from lastro.types import Answer
    from lastro.vectorstore.library import Library

LEAST = 30  # right answers of a language, and as many wrong ones, that a fit wants


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be fitted on, and where the result goes."""

    file: Path
    out: Path
    keep: float = KEEP
    least: int = LEAST


@dataclass(frozen=True, slots=True)
class Labelled:
    """Answers with their signals by language, and how many questions gave none, by why."""

    rows: dict[str, list[tuple[dict[str, float], bool]]]
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The entries that were written, and what is to be known of them."""

    entries: tuple[Calibration, ...]
    notes: tuple[str, ...]


def calibrate(
    asked: Asked,
    chain: Chain,
    library: Library,
    *,
    model: str,
    embedder: str = "",
    on_question: OnQuestion | None = None,
) -> Calibrated:
    """Fit an entry for each language that has enough answers, and put them into the file; its others stay.

    The chain must refuse nothing for its confidence. `embedder` is what it checks claims with; default: the library's.

    Raises:
        QuestionSetError: the question set is none, or names what the library does not hold.
        ConfigError: no language has enough answers, or the file is no calibration or cannot be written.
    """
    _check(asked)
    others = load_calibrations(asked.out) if asked.out.is_file() else ()
    questions = load_questions(asked.file)
    Places(library).resolve(questions)  # a set for another library would say that everything is wrong
    labelled = label(questions, chain, on_question=on_question)
    enough = {lang: rows for lang, rows in sorted(labelled.rows.items()) if min(_counts(rows)) >= asked.least}
    if not enough:
        raise ConfigError(f"{asked.file}: {_too_few(labelled, asked.least)}")
    provenance = {
        "questions_file": asked.file.name, "questions_sha256": questions.sha256, "questions": len(questions.questions),
        "left_out": dict(labelled.left_out),
    }  # fmt: skip
    fitted = [
        fit(rows, Key(model, embedder or library.settings.embedder, lang), keep=asked.keep, provenance=provenance)
        for lang, rows in enough.items()
    ]
    new = {_key(entry) for entry in fitted}
    _write(asked.out, [*(entry for entry in others if _key(entry) not in new), *fitted])
    return Calibrated(tuple(fitted), tuple(_notes(labelled, asked.least)))


def _check(asked: Asked) -> None:
    if not 0 < asked.keep <= 1:
        raise ConfigError(f"--keep {asked.keep:g}: give a share above 0 and up to 1, as in 0.9")
    if asked.least < 2 * FOLDS:
        raise ConfigError(f"--min {asked.least}: cross-validation wants {2 * FOLDS} at least")


def label(questions: QuestionSet, chain: Chain, *, on_question: OnQuestion | None = None) -> Labelled:
    """Every question asked, and its answer labelled by the gold answers."""
    labelled = Labelled({})
    for number, question in enumerate(questions.questions, start=1):
        answer = ask(chain, question.question).answer
        right = None if answer is None else is_right(answer, question)
        if why := _why_not(answer, right):
            labelled.left_out[why] += 1
        elif answer is not None:
            labelled.rows.setdefault(answer.language, []).append((dict(answer.signals), bool(right)))
        if on_question is not None:
            on_question(number, len(questions.questions))
    return labelled


def _why_not(answer: Answer | None, right: bool | None) -> str:
    """Why an answer is not fitted on; "" where it is."""
    if answer is None:
        return "too long for the context window"
    if right is None:
        return "no gold answers"
    if is_refusal(answer):
        return "refused, since nothing was backed"
    return "" if answer.signals else "answered without signals"


def _counts(rows: Rows) -> tuple[int, int]:
    """Right answers and wrong ones."""
    right = sum(was_right for _, was_right in rows)
    return right, len(rows) - right


def _too_few(labelled: Labelled, least: int) -> str:
    found = [f"{lang}: {right} right, {wrong} wrong" for lang, right, wrong in _by_language(labelled)]
    left_out = "; ".join(_left_out(labelled))
    return (
        f"too few answers to fit on ({', '.join(found) or 'none at all'}; {least} of each in a language are wanted)"
        f"{f'; {left_out}' if left_out else ''}; add questions, unanswerable ones too, or lower --min"
    )


def _notes(labelled: Labelled, least: int) -> list[str]:
    few = [
        f"{lang}: {right} right and {wrong} wrong answers are fewer than {least} of each: nothing was fitted for it"
        for lang, right, wrong in _by_language(labelled)
        if min(right, wrong) < least
    ]
    return [*few, *_left_out(labelled)]


def _by_language(labelled: Labelled) -> list[tuple[str, int, int]]:
    return [(lang, *_counts(rows)) for lang, rows in sorted(labelled.rows.items())]


def _left_out(labelled: Labelled) -> list[str]:
    return [
        f"{count} {'question' if count == 1 else 'questions'} left out: {why}"
        for why, count in labelled.left_out.most_common()
    ]


def _key(entry: Calibration) -> Key:
    return Key(entry.model, entry.embedder, entry.language)


def _write(path: Path, entries: Sequence[Calibration]) -> None:
    try:
        save_calibrations(path, entries)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give another --out") from error
