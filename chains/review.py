"""The checks of one answer: each finished claim while the next is written, and again, from memory, at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lastro.chains.checking.alike import Alike
from lastro.chains.checking.check import Check, check_claim
from lastro.chains.checking.claims import Claim, split_claims
from lastro.chains.evidence import Evidence
from lastro.chains.markers import strip_markers
from lastro.events import ClaimChecked
from lastro.types import Passage

if TYPE_CHECKING:
    from lastro.chains.checking.nli import Entailment

More = Callable[[], Sequence[Passage]]  # the passages that a search found next, which the model was not shown


@dataclass
class Review:
    """Checks claims against the passages, then against those found next; no claim is checked twice.

    Not safe for use from two threads at once: `Watch` gives it one of its own.
    """

    evidence: Evidence
    question: str
    alike: Alike = field(default_factory=Alike)
    entailment: Entailment | None = None
    threshold: float = 0.5
    more: More = tuple
    _known: dict[tuple[str, bool, tuple[str, ...]], Check] = field(default_factory=dict)

    @cached_property
    def further(self) -> Evidence:
        """The passages found next, none of which the model was shown."""
        shown = {passage.chunk_id for passage in self.evidence.passages}
        return replace(self.evidence, passages=tuple(one for one in self.more() if one.chunk_id not in shown))

    def check(self, claim: Claim, evidence: Evidence) -> Check:
        """What is found about a claim; where `evidence` is all that the model was shown, what is found next counts."""
        key = (claim.text, claim.elliptic, tuple(passage.chunk_id for passage in evidence.passages))
        if key not in self._known:
            self._known[key] = self._check(claim, evidence)
        return self._known[key]

    def _check(self, claim: Claim, evidence: Evidence) -> Check:
        found = self._against(claim, evidence)
        if found.state != "unsupported" or evidence.passages != self.evidence.passages or not self.further.passages:
            return found
        next_best = self._against(claim, self.further)
        return next_best if next_best.state in ("verbatim", "supported") else found

    def _against(self, claim: Claim, evidence: Evidence) -> Check:
        question = self.question if claim.elliptic else ""
        found = check_claim(claim.text, evidence, question=question, alike=self.alike, threshold=self.threshold)
        if self.entailment is None:
            return found
        from lastro.chains.checking.nli import open_to, refine  # only with such a model

        if not open_to(found):
            return found
        premise = " ".join(passage.text[start:end] for passage, start, end in found.spans)
        said = f"{self.question} {claim.text}" if claim.elliptic else claim.text
        return refine(found, self.entailment.judge([(premise, said)])[0])


class Watch:
    """Checks the claims of a text on a thread of its own while the text is still written."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self._worker = ThreadPoolExecutor(1, "lastro-check")
        self._text = ""
        self._read = 0
        self._waiting: list[tuple[Claim, Future[Check]]] = []

    def read(self, text: str) -> Iterator[ClaimChecked]:
        """Look at the text so far; yield the claims whose check ended meanwhile."""
        if _may_end(text[len(self._text) :]):
            self._text = text
            clean = strip_markers(text)
            # The last claim may go on, and so may what is said together with it.
            for claim in split_claims(clean, self._review.evidence.language)[:-1]:
                if claim.start >= self._read:
                    self._read = claim.end
                    self._waiting.append((claim, self._worker.submit(self._check, claim)))
        yield from self._ended(wait=False)

    def _check(self, claim: Claim) -> Check:
        return self._review.check(claim, self._review.evidence)

    def finish(self) -> Iterator[ClaimChecked]:
        """Yield the checks still under way, as they end."""
        yield from self._ended(wait=True)

    def _ended(self, *, wait: bool) -> Iterator[ClaimChecked]:
        while self._waiting and (wait or self._waiting[0][1].done()):
            claim, future = self._waiting.pop(0)
            check = future.result()
            if check.state != "no_claim":
                yield ClaimChecked(claim.text, check.state, check.score)

    def close(self) -> None:
        """Let go of the thread; what was not begun is not done."""
        self._worker.shutdown(wait=True, cancel_futures=True)


def _may_end(added: str) -> bool:
    """Whether new text may end a claim; looking at all of it for each token would cost more than the check."""
    return any(sign in added for sign in ".!?;:\n|,")
