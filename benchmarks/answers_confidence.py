"""What a confidence is worth: fitted on one half of the questions, counted on the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.answers_chain import Result
from benchmarks.answers_sets import Bench

if TYPE_CHECKING:
    from lastro.chains.confidence import Calibration
    from lastro.evaluation.answers.ranking import Judgement

LANGUAGES = ("en", "pt")
KEEP = 0.9  # of the right answers
LEAST_RIGHT = 50  # for an AUROC to say something
COVERAGES = (0.2, 0.4, 0.6, 0.8, 1.0)
Told = tuple[dict[str, list[list[object]]], dict[str, Any]]


def fitted(results: Sequence[Result], bench: Bench, *, half: str = "tuning") -> list[Calibration]:
    """A calibration for each language with enough right and wrong answers in the half, and one of all together."""
    from lastro.errors import ConfigError
    from lastro.evaluation.calibrate import Key, fit

    embedder = next(iter(bench._libraries.values())).settings.embedder if bench._libraries else ""
    embedder = bench.checker or embedder
    model = bench.llm.inner.model
    found = []
    for language in (*LANGUAGES, ""):
        rows = [
            (one.answer.signals, one.right) for one in results
            if one.half == half and language in ("", one.language) and one.answer.signals and not one.refused
        ]  # fmt: skip
        try:
            found.append(fit(rows, Key(model, embedder, language), keep=KEEP))
        except ConfigError as error:
            print(f"no calibration for {language or 'both languages'}: {error}")
    return found


def chosen(calibrations: Sequence[Calibration], language: str) -> Calibration | None:
    """A language's own calibration, else that of both."""
    own = {one.language: one for one in calibrations}
    return own.get(language) or own.get("")


def confidence(one: Result, calibration: Calibration) -> float:
    """That of an answer; a refusal has none."""
    signals: Mapping[str, float] = one.answer.signals
    return 0.0 if one.refused or not signals else calibration.confidence(signals)


def crossed(results: Sequence[Result], calibrations: Mapping[str, Sequence[Calibration]]) -> list[tuple[Result, float]]:
    """Each answer with a confidence fitted on the half that it is not of."""
    other = {"untouched": "tuning", "tuning": "untouched"}
    found = []
    for one in results:
        calibration = chosen(calibrations[other[one.half]], one.language)
        if calibration is not None:
            found.append((one, confidence(one, calibration)))
    return found


def at(sure: Sequence[tuple[Result, float]], keep: float) -> float:
    """The threshold that keeps a share of the right answers; 0 where none is right."""
    right = sorted((value for one, value in sure if one.right), reverse=True)
    return right[max(1, math.ceil(keep * len(right) - 1e-9)) - 1] if right else 0.0


def caught(sure: Sequence[tuple[Result, float]], threshold: float) -> tuple[int, int]:
    """Of the wrong answers and the unanswerable questions: how many are refused or marked, and how many there are."""
    wrong = [(one, value) for one, value in sure if one.counts_as_wrong]
    return sum(one.refused or value < threshold for one, value in wrong), len(wrong)


def share(part: int, of: int) -> float | None:
    """A share; None of nothing."""
    return round(part / of, 4) if of else None


def judgements(sure: Sequence[tuple[Result, float]]) -> list[Judgement]:
    """The answers as pairs of confidence and rightness."""
    from lastro.evaluation.answers.ranking import Judgement

    return [Judgement(value, one.right) for one, value in sure]


def auroc_of(sure: Sequence[tuple[Result, float]]) -> tuple[float, float, float] | None:
    """AUROC with its 95 % interval; None where a kind is missing."""
    import numpy as np

    from lastro.evaluation import bootstrap
    from lastro.evaluation.answers import ranking

    judged = judgements(sure)
    if len({one.right for one in judged}) < 2:
        return None
    batches = bootstrap.drawn(len(judged), resamples=2_000)
    drawn = np.concatenate([ranking.auroc(ranking.Ranked.of(judged, counts)) for counts in batches])
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(ranking.auroc(ranking.Ranked.of(judged))[0]), float(low), float(high)


HEADER = (
    "language", "half", "questions", "right", "AUROC (95 %)", "AUROC of what is shown", "AURC",
    "wrong caught at .9 of right", "right kept, wrong caught at the threshold of the other half",
    "without verification: wrong caught", "right kept",
)  # fmt: skip


def told(results: Sequence[Result], calibrations: Sequence[Calibration]) -> Told:
    """Tables and figures of the untouched half, and of both halves, each by the fit on the other."""
    both = {"tuning": calibrations, "untouched": _of_other_half(results, calibrations)}
    sure = crossed(results, both)
    table: list[list[object]] = []
    figures: dict[str, Any] = {}
    for name, half in (("untouched", ("untouched",)), ("both", ("untouched", "tuning"))):
        for language in (*LANGUAGES, ""):
            group = [
                pair for pair in sure if pair[0].half in half and language in ("", pair[0].language)
            ]  # fmt: skip
            if group:
                threshold = {one.language: one.threshold for one in calibrations} if name == "untouched" else {}
                row, found = _row(group, language, name, threshold)
                table.append(row)
                figures |= _named(found, language, name)
    curve = _curve([pair for pair in sure if pair[0].half == "untouched"])
    return {"confidence": table, "risk by coverage, untouched half": curve}, figures | _headline(figures)


def _of_other_half(results: Sequence[Result], like: Sequence[Calibration]) -> Sequence[Calibration]:
    from lastro.errors import ConfigError
    from lastro.evaluation.calibrate import Key, fit

    found = []
    for one in like:
        rows = [
            (result.answer.signals, result.right) for result in results
            if result.half == "untouched" and one.language in ("", result.language)
            and result.answer.signals and not result.refused
        ]  # fmt: skip
        try:
            found.append(fit(rows, Key(one.model, one.embedder, one.language), keep=KEEP))
        except ConfigError:
            continue
    return found


def _row(
    group: Sequence[tuple[Result, float]], language: str, name: str, thresholds: Mapping[str, float]
) -> tuple[list[object], dict[str, Any]]:
    from lastro.evaluation.answers import ranking

    results = [one for one, _ in group]
    right = sum(one.right for one in results)
    area, shown = auroc_of(group), auroc_of([pair for pair in group if not pair[0].refused])
    aurc = float(ranking.aurc(ranking.Ranked.of(judgements(group)))[0])
    hit, of = caught(group, at(group, KEEP))
    alone = [one for one in results if not one.answerable or not (one.alone_right or one.alone_refused)]
    alone_caught = sum(one.alone_refused for one in alone)
    found: dict[str, Any] = {
        "right": right, "auroc": area and round(area[0], 4), "auroc_low": area and round(area[1], 4),
        "auroc_shown": shown and round(shown[0], 4), "aurc": round(aurc, 4), "wrong_caught_at_90": share(hit, of),
        "baseline_wrong_caught": share(alone_caught, len(alone)),
        "baseline_right": sum(one.alone_right for one in results),
        "baseline_false_refusals": sum(one.alone_refused and one.answerable for one in results),
        "false_refusals": sum(one.refused and one.answerable for one in results),
        "false_refusals_at_90": sum(one.answerable and value < at(group, KEEP) for one, value in group),
        "answerable": sum(one.answerable for one in results),
    }  # fmt: skip
    other, kept = "-", None
    if thresholds:
        kept, wrong = _at_thresholds(group, thresholds)
        found |= {"right_kept_by_tuning": kept, "wrong_caught_by_tuning": wrong}
        other = f"{kept}, {wrong}"
    told_area = "-" if area is None else f"{area[0]:.3f} ({area[1]:.3f} to {area[2]:.3f})"
    row: list[object] = [
        language or "both", name, len(group), right, told_area, shown and round(shown[0], 3), round(aurc, 3),
        f"{found['wrong_caught_at_90']} ({hit}/{of})", other, f"{found['baseline_wrong_caught']} "
        f"({alone_caught}/{len(alone)})", found["baseline_right"],
    ]  # fmt: skip
    return row, found


def _at_thresholds(
    group: Sequence[tuple[Result, float]], thresholds: Mapping[str, float]
) -> tuple[float | None, float | None]:
    """Share of right kept, and of wrong caught, at the thresholds that the tuning half gave."""

    def least(one: Result) -> float:
        return thresholds.get(one.language, thresholds.get("", 0.0))

    kept = sum(value >= least(one) for one, value in group if one.right)
    wrong = [(one, value) for one, value in group if one.counts_as_wrong]
    hit = sum(one.refused or value < least(one) for one, value in wrong)
    return share(kept, sum(one.right for one, _ in group)), share(hit, len(wrong))


def _named(found: Mapping[str, Any], language: str, name: str) -> dict[str, Any]:
    ending = f"_{language}" if language else ""
    ending += "" if name == "untouched" else "_both_halves"
    return {f"{key}{ending}": value for key, value in found.items()}


def _headline(figures: Mapping[str, Any]) -> dict[str, Any]:
    """AUROC by language, of both halves where the untouched one alone has too few right answers."""
    found = {}
    for language in LANGUAGES:
        enough = (figures.get(f"right_{language}") or 0) >= LEAST_RIGHT
        enough_both = (figures.get(f"right_{language}_both_halves") or 0) >= LEAST_RIGHT
        source = "" if enough else "_both_halves"
        found[f"auroc_{language}"] = figures.get(f"auroc_{language}{source}") if enough or enough_both else None
    return found


def _curve(sure: Sequence[tuple[Result, float]]) -> list[list[object]]:
    """Share of wrong answers among the surest, by language and share of the questions answered."""
    table: list[list[object]] = []
    for language in LANGUAGES:
        group = [(one, value) for one, value in sure if one.language == language]
        shown = sorted((pair for pair in group if not pair[0].refused), key=lambda pair: -pair[1])
        cells: list[object] = [language, len(group)]
        for coverage in COVERAGES:
            best = shown[: math.ceil(coverage * len(shown))]
            wrong = sum(not one.right for one, _ in best)
            cells.append(f"{wrong / len(best):.2f} ({len(best) / len(group):.0%})" if best else "-")
        table.append(cells)
    return table


CURVE_HEADER = ("language", "questions", *(f"risk of the surest {share:.0%} shown" for share in COVERAGES))
WORK_HEADER = (
    "language", "questions", "right", "of the right without a threshold", "wrong, shown", "refused rightly",
    "refused falsely", "wrong caught",
)  # fmt: skip


HEADERS = {
    "confidence": HEADER, "risk by coverage, untouched half": CURVE_HEADER, "with the threshold": WORK_HEADER
}  # fmt: skip


def at_work(results: Sequence[Result], without: Sequence[Result]) -> Told:
    """The untouched half as it is told with the threshold of the other half, second try and quotation included."""
    right_before = {one.row["id"] for one in without if one.right}
    table: list[list[object]] = []
    figures: dict[str, Any] = {}
    for language in (*LANGUAGES, ""):
        group = [one for one in results if language in ("", one.language)]
        if not group:
            continue
        before = [one for one in group if one.row["id"] in right_before]
        wrong = [one for one in group if one.counts_as_wrong]
        right = sum(one.right for one in group)
        impossible, possible = [[one for one in group if one.answerable is kind] for kind in (False, True)]
        ending = f"_{language}" if language else ""
        figures[f"at_work{ending}"] = {
            "right": right, "right_share": share(right, len(before)),
            "wrong_caught": share(sum(one.refused for one in wrong), len(wrong)),
            "false_refusals": sum(one.refused for one in possible), "answerable": len(possible),
        }  # fmt: skip
        table.append([
            language or "both", len(group), right, f"{right}/{len(before)}",
            sum(not one.right and not one.refused for one in group),
            f"{sum(one.refused for one in impossible)}/{len(impossible)}",
            f"{sum(one.refused for one in possible)}/{len(possible)}",
            f"{sum(one.refused for one in wrong)}/{len(wrong)}",
        ])  # fmt: skip
    return {"with the threshold": table}, figures
