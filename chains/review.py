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

    @property
    def passages(self) -> tuple[Passage, ...]:
        """All passages that a claim may rest on; those found next only once a claim asked for them."""
        return (*self.evidence.passages, *(self.further.passages if "further" in self.__dict__ else ()))

    def check(self, claim: Claim, evidence: Evidence) -> Check:
        """What is found about a claim; where `evidence` is all that the model was shown, what is found next counts."""
        key = (claim.said or claim.text, claim.elliptic, tuple(passage.chunk_id for passage in evidence.passages))
        if key not in self._known:
            self._known[key] = self._check(claim, evidence)
        return self._known[key]

    def _check(self, claim: Claim, evidence: Evidence) -> Check:
        if not claim.states:
            return Check("no_claim", 0.0)
        found = self._against(claim, evidence)
        if found.state != "unsupported" or evidence.passages != self.evidence.passages or not self.further.passages:
            return found
        # By words alone: to embed as many sentences again would cost as much as all that went before.
        next_best = self._against(claim, self.further, Alike())
        return next_best if next_best.state in ("verbatim", "supported") else found

    def _against(self, claim: Claim, evidence: Evidence, alike: Alike | None = None) -> Check:
        question = self.question if claim.elliptic else ""
        said = claim.said or claim.text
        found = check_claim(
            said, evidence, question=question, alike=self.alike if alike is None else alike, threshold=self.threshold
        )
        if self.entailment is None:
            return found
        from lastro.chains.checking.nli import open_to, refine  # only with such a model

        if not open_to(found):
            return found
        premise = " ".join(passage.text[start:end] for passage, start, end in found.spans)
        whole = f"{self.question} {said}" if claim.elliptic else said
        return refine(found, self.entailment.judge([(premise, whole)])[0])


class Watch:
    """Checks the claims of a text on a thread of its own while the text is still written.

    A claim is finished when the next word after it begins. Only what follows the last claim is split again.
    """

    def __init__(self, review: Review) -> None:
        self._review = review
        self._worker = ThreadPoolExecutor(1, "lastro-check")
        self._read = 0  # characters of the clean text whose claims are under way
        self._stopped = False  # whether a stop was seen, and no word after it yet
        self._waiting: list[tuple[Claim, Future[Check]]] = []

    def read(self, text: str, added: str) -> Iterator[ClaimChecked]:
        """Look at the text so far, which ends with what was `added`; yield the claims whose check ended meanwhile."""
        begins = self._stopped and any(char.isalnum() for char in added)
        self._stopped = (self._stopped and not begins) or any(sign in added for sign in ".!?;:\n|")
        if begins:
            self._submit(text, keep=1)
        yield from self._ended(wait=False)

    def _submit(self, text: str, *, keep: int) -> None:
        """Have the claims after the last one checked, but for as many at the end as may go on."""
        clean = strip_markers(text)
        claims = split_claims(clean[self._read :], self._review.evidence.language)
        first, ready = self._read, len(claims) - keep
        while keep and claims and claims[-1].cell and ready > 0 and claims[ready - 1].cell:
            ready -= 1  # a table that may go on is read whole, once it has ended: its head must not be forgotten
        for claim in claims[: max(ready, 0)]:
            self._read = first + claim.end
            self._waiting.append((claim, self._worker.submit(self._check, claim)))

    def _check(self, claim: Claim) -> Check:
        return self._review.check(claim, self._review.evidence)

    def prepare(self) -> None:
        """Have the sentences of the passages embedded before the first claim is there: the model still reads."""
        texts = [source.text for group in self._review.evidence.sentences for source in group]
        self._worker.submit(self._review.alike.prepare, texts)

    def finish(self, text: str) -> Iterator[ClaimChecked]:
        """Check what is left of the finished text; yield the checks still under way, as they end."""
        self._submit(text, keep=0)
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
