"""What is measured of each search, without any judge: a `Metric` turns an `Outcome` into a number, or into None.

A rank is a passage's place in the list as it was found, nothing collapsed. A gold counts once, at the first
passage that is it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lastro.errors import ConfigError
from lastro.evaluation.answers.metrics import ANSWER_MEASURES
from lastro.evaluation.measures import Measure, Metric
from lastro.evaluation.records import Found, Outcome
from lastro.setting_errors import did_you_mean


@dataclass(frozen=True, slots=True)
class _Family:
    """Metrics of the first k passages."""

    compute: Callable[[Outcome, int], float | None]
    higher_is_better: bool = True
    unit: str = ""


def _hit(outcome: Outcome, k: int) -> float | None:
    return _any(outcome, k, outcome.relevant, lambda found: found.golds)


def _page_hit(outcome: Outcome, k: int) -> float | None:
    paged = frozenset(index for index in outcome.relevant if outcome.golds[index].pages is not None)
    return _any(outcome, k, paged, lambda found: found.golds_by_page)


def _document_hit(outcome: Outcome, k: int) -> float | None:
    return _any(outcome, k, outcome.relevant, lambda found: found.golds_by_document)


def _any(
    outcome: Outcome, k: int, wanted: frozenset[int], golds: Callable[[Found], Sequence[int]]
) -> float | None:  # fmt: skip
    if not wanted:
        return None
    return float(any(not wanted.isdisjoint(golds(found)) for found in outcome.found[:k]))


def _recall(outcome: Outcome, k: int) -> float | None:
    wanted = outcome.relevant
    seen = {index for found in outcome.found[:k] for index in found.golds}
    return len(wanted & seen) / len(wanted) if wanted else None


def _all_gold(outcome: Outcome, k: int) -> float | None:
    recall = _recall(outcome, k)
    return None if recall is None else float(recall == 1.0)


def _reciprocal_rank(outcome: Outcome, k: int) -> float | None:
    if not outcome.relevant:
        return None
    rank = first_rank(outcome, k)
    return 0.0 if rank is None else 1 / rank


def first_rank(outcome: Outcome, k: int | None = None) -> int | None:
    """The rank, from 1, of the first passage that is a relevant gold; None where none of the first k is."""
    wanted = outcome.relevant
    for rank, found in enumerate(outcome.found[:k], start=1):
        if not wanted.isdisjoint(found.golds):
            return rank
    return None


def _ndcg(outcome: Outcome, k: int) -> float | None:
    """Linear gains, discount log2(rank + 1), as trec_eval; a passage that is several golds earns them all."""
    ideal = sum(_discounted(sorted((gold.grade for gold in outcome.golds), reverse=True)[:k]))
    if not ideal:
        return None
    seen: set[int] = set()
    gains = []
    for found in outcome.found[:k]:
        new = set(found.golds) - seen
        seen |= new
        gains.append(sum(outcome.golds[index].grade for index in new))
    return min(1.0, sum(_discounted(gains)) / ideal)


def _discounted(gains: Sequence[float]) -> list[float]:
    return [gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1)]


def _tokens(outcome: Outcome, k: int) -> float:
    return float(sum(found.tokens for found in outcome.found[:k]))


_FAMILIES: dict[str, _Family] = {
    "hit": _Family(_hit),
    "recall": _Family(_recall),
    "mrr": _Family(_reciprocal_rank),
    "ndcg": _Family(_ndcg),
    "all_gold": _Family(_all_gold),
    "page_hit": _Family(_page_hit),
    "document_hit": _Family(_document_hit),
    "tokens": _Family(_tokens, higher_is_better=False, unit="tokens"),
}
_SINGLE: dict[str, Metric] = {
    "ms": Metric("ms", lambda outcome: outcome.ms, higher_is_better=False, unit="ms"),
}
_NAME = re.compile(r"([a-z_]+)(?:@(\d{1,4}))?")


def find_measure(name: str, *, depth: int) -> Measure:
    """The measure of searches or of answers that has this name.

    Raises:
        ConfigError: as `find_metric`.
    """
    return ANSWER_MEASURES[name] if name in ANSWER_MEASURES else find_metric(name, depth=depth)


def unit_of(name: str) -> str:
    """The unit of a measure's values, "" for shares, whatever the number of passages in its name.

    >>> unit_of("tokens@6"), unit_of("accuracy@80"), unit_of("seconds")
    ('tokens', '', 's')
    """
    return find_measure(name if name in ANSWER_MEASURES else name.partition("@")[0], depth=1).unit


def find_metric(name: str, *, depth: int) -> Metric:
    """The metric of searches of a name such as "hit@5"; without a number it is over all passages searched for.

    Raises:
        ConfigError: there is no such metric, or not so many passages.
    """
    if name in _SINGLE:
        return _SINGLE[name]
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in _FAMILIES:
        near = did_you_mean(name, [*(f"{family}@{k}" for family in _FAMILIES for k in (1, 5, depth)), *ANSWER_MEASURES])
        families = ", ".join(f"{family}@k" for family in _FAMILIES)
        raise ConfigError(
            f"{name!r}: no such metric{near}; there are {families} and {', '.join(_SINGLE)}; of answers, "
            f"{', '.join(ANSWER_MEASURES)}"
        )
    k = depth if match[2] is None else int(match[2])
    if not 1 <= k <= depth:
        grows = f", and retrieval.k = {k} where passages grow" if k > depth else ""
        way_out = f"give --k {max(k, 1)}{grows}"
        raise ConfigError(f"{name!r}: {depth} passages are searched for, so k is 1 to {depth}; {way_out}")
    family = _FAMILIES[match[1]]
    return Metric(f"{match[1]}@{k}", lambda outcome: family.compute(outcome, k), family.higher_is_better, family.unit)


def usual_metrics(depth: int, outcomes: Sequence[Outcome]) -> list[Metric]:
    """What a report shows of these questions, the best known first; what could only repeat another is left out."""
    few = min(5, depth)
    names = ["hit@1", f"hit@{few}", f"hit@{depth}", f"mrr@{depth}", f"ndcg@{depth}"]
    if any(len(outcome.relevant) > 1 for outcome in outcomes):
        names += [f"recall@{depth}", f"all_gold@{depth}"]
    if any(gold.pages or gold.span for outcome in outcomes for gold in outcome.golds):
        names += [f"page_hit@{few}", f"document_hit@{few}"]
    return [find_metric(name, depth=depth) for name in dict.fromkeys(names)]
