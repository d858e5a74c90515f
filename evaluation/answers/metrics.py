"""What is measured of answers: of each by itself, and of what their confidence is worth.

A question is judged where it has gold answers or is unanswerable. An answer to an unanswerable question is wrong. A
refusal is never right, and for what is pooled its confidence is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from lastro.evaluation.answers import ranking
from lastro.evaluation.answers.ranking import Judgement
from lastro.evaluation.measures import Measure, Metric, Pooled
from lastro.evaluation.records import Cited, Outcome, Reply

COVERAGES = (50, 80)  # per cent of the questions, for accuracy@
_BACKED = ("verbatim", "supported", "misattributed")
_OfReply = Callable[[Outcome, Reply], float | None]


def _metric(name: str, compute: _OfReply, *, higher_is_better: bool = True, unit: str = "") -> Metric:
    def of_outcome(outcome: Outcome) -> float | None:
        return None if outcome.reply is None else compute(outcome, outcome.reply)

    return Metric(name, of_outcome, higher_is_better, unit)


# Wording and refusals -----------------------------------------------------------------------------------------------


def _right(outcome: Outcome, reply: Reply) -> float | None:
    return float(reply.right) if outcome.answerable and reply.right is not None else None


def _accuracy(_outcome: Outcome, reply: Reply) -> float | None:
    return None if reply.refused or reply.right is None else float(reply.right)


def _refusal(outcome: Outcome, reply: Reply) -> float | None:
    return None if outcome.answerable else float(reply.refused)


def _false_refusal(outcome: Outcome, reply: Reply) -> float | None:
    return float(reply.refused) if outcome.answerable else None


# Citations ----------------------------------------------------------------------------------------------------------

_Places = Callable[[Cited], Sequence[int]]


def _by_place(cited: Cited) -> Sequence[int]:
    return cited.golds


def _by_page(cited: Cited) -> Sequence[int]:
    return cited.golds_by_page


def _wanted(outcome: Outcome, *, paged: bool) -> frozenset[int]:
    return frozenset(at for at in outcome.relevant if not paged or outcome.golds[at].pages is not None)


def _precision(outcome: Outcome, reply: Reply, *, places: _Places) -> float | None:
    wanted = _wanted(outcome, paged=places is _by_page)
    if not wanted or not reply.citations:
        return None
    return sum(not wanted.isdisjoint(places(one)) for one in reply.citations) / len(reply.citations)


def _recall(outcome: Outcome, reply: Reply, *, places: _Places) -> float | None:
    wanted = _wanted(outcome, paged=places is _by_page)
    if not wanted or reply.refused:
        return None
    cited = {at for one in reply.citations for at in places(one)}
    return len(wanted & cited) / len(wanted)


# Claims -------------------------------------------------------------------------------------------------------------


def _share_of_claims(_outcome: Outcome, reply: Reply, *, states: Sequence[str]) -> float | None:
    claims = sum(count for state, count in reply.claims.items() if state != "no_claim")
    if reply.refused or not claims:
        return None
    return sum(reply.claims.get(state, 0) for state in states) / claims


# Confidence ---------------------------------------------------------------------------------------------------------


def judgement(outcome: Outcome) -> Judgement | None:
    """A question's answer or refusal; None where it is not judged, or was answered without a confidence."""
    reply = outcome.reply
    if reply is None or reply.right is None:
        return None
    if reply.refused:
        return Judgement(0.0, right=False)
    return None if reply.confidence is None else Judgement(reply.confidence, reply.right)


def judgement_given(outcome: Outcome) -> Judgement | None:
    """The same for answers alone: a refusal states no confidence."""
    return None if outcome.reply is None or outcome.reply.refused else judgement(outcome)


def _accuracy_at(coverage: int) -> Pooled:
    compute = partial(ranking.accuracy_at, coverage=coverage / 100)
    return Pooled(f"accuracy@{coverage}", judgement, compute)


def _measures() -> Iterator[Measure]:
    yield _metric("right", _right)
    yield _metric("contains", lambda _outcome, reply: reply.contains)
    yield _metric("exact", lambda _outcome, reply: reply.exact)
    yield _metric("f1", lambda _outcome, reply: reply.f1)
    yield _metric("accuracy", _accuracy)
    yield _metric("refusal", _refusal)
    yield _metric("false_refusal", _false_refusal, higher_is_better=False)
    yield _metric("cite_precision", partial(_precision, places=_by_place))
    yield _metric("cite_recall", partial(_recall, places=_by_place))
    yield _metric("page_precision", partial(_precision, places=_by_page))
    yield _metric("page_recall", partial(_recall, places=_by_page))
    yield _metric("backed", partial(_share_of_claims, states=_BACKED))
    yield _metric("contradicted", partial(_share_of_claims, states=("contradicted",)), higher_is_better=False)
    yield _metric("unsupported", partial(_share_of_claims, states=("unsupported",)), higher_is_better=False)
    yield Pooled("auroc", judgement, ranking.auroc)
    yield Pooled("aurc", judgement, ranking.aurc, higher_is_better=False)
    yield from map(_accuracy_at, COVERAGES)
    yield Pooled("ece", judgement_given, ranking.ece, higher_is_better=False)
    yield _metric("seconds", lambda _outcome, reply: reply.seconds, higher_is_better=False, unit="s")
    yield _metric(
        "answer_tokens", lambda _outcome, reply: float(reply.prompt_tokens + reply.completion_tokens),
        higher_is_better=False, unit="tokens",
    )  # fmt: skip


ANSWER_MEASURES: dict[str, Measure] = {measure.name: measure for measure in _measures()}
COSTS = ("seconds", "answer_tokens")  # shown apart from the shares
