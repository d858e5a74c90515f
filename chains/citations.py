"""The second step: check finished text against the passages, sentence by sentence, and cite what backs it.

A model cannot say where its words came from, so its own markers are not trusted: they are taken out, and what is
found here is put in. A sentence is `verbatim` where a whole clause of a passage says it word for word, `supported`
where enough of its weighted terms stand in at most three neighbouring sentences of one passage and every number,
name, negation and hedge agrees, and `unsupported` otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lastro.chains.checking.verbatim import verbatim_span
from lastro.chains.evidence import Evidence, Window
from lastro.chains.facts import currencies_of, facts_of, names_of, qualifiers_of, word_at
from lastro.language import content_terms, terms
from lastro.sentences import sentences
from lastro.types import Citation, Passage, Sentence, SentenceState

PageOf = Callable[[str, int], int | None]  # document id and character to a 1-based page
# As models write them: [1], [1, 2], [1-3], [^1], [Source 2], [Fonte 2], 【1】.
_MARKER = re.compile(
    r"\s*(?:\[\s*(?:\^|(?:sources?|fontes?|doc(?:ument)?s?)\s*)?[1-9]\d{0,2}"
    r"(?:\s*(?:[,;–-]|and|e)\s*[1-9]\d{0,2})*\s*\]|【[^】]{1,16}】)",
    re.IGNORECASE,
)
_CLOSERS = "\"'”’)]»"


@dataclass(frozen=True, slots=True)
class Backing:
    """What was found for one sentence: the state, the share of its weight found, the spans that hold it."""

    state: SentenceState
    score: float
    spans: tuple[tuple[Passage, int, int], ...] = ()  # passage, characters into its text


@dataclass(frozen=True, slots=True)
class Verified:
    """Checked text with [n] markers, its sentences, and the citations that the markers number."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]


def strip_markers(text: str) -> str:
    """The text without [1]-like markers.

    >>> strip_markers("It ends in May [1], as agreed [2, 3].")
    'It ends in May, as agreed.'
    """
    return _MARKER.sub("", text)


def back(claim: str, evidence: Evidence, *, threshold: float) -> Backing:
    """The best backing for one sentence; `threshold` is the least share of its weight that counts."""
    if not content_terms(claim, evidence.language) or claim.rstrip(_CLOSERS).endswith("?"):
        return Backing("unsupported", 0.0)  # it states nothing
    span = verbatim_span(claim, evidence)
    return Backing("verbatim", 1.0, (span,)) if span is not None else _overlap(claim, evidence, threshold)


def _overlap(claim: str, evidence: Evidence, threshold: float) -> Backing:
    """The window that holds the largest share of the claim's weight, among those that contradict nothing in it."""
    asked = _Claim.read(claim, evidence)
    best, most = Backing("unsupported", 0.0), 0.0
    for window in evidence.windows():
        score = asked.share(window, evidence)
        most = max(most, score)
        # A longer window must earn its length.
        if score < threshold or score <= best.score + (0.08 if len(window) > 1 and best.spans else 0.0):
            continue
        if asked.agrees(window, evidence):
            best = Backing("supported", round(score, 4), ((window[0].passage, window[0].start, window[-1].end),))
    return best if best.spans else Backing("unsupported", round(most, 4))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence to be backed, taken apart once."""

    stems: frozenset[str]
    weights: dict[str, float]
    numbers: frozenset[str]
    names: frozenset[str]
    currencies: frozenset[str]
    qualifiers: frozenset[str]

    @classmethod
    def read(cls, claim: str, evidence: Evidence) -> _Claim:
        facts = facts_of(claim, evidence.language)
        return cls(
            stems=facts.stems,
            weights=_claim_weights(evidence.weights(facts.stems)),
            numbers=facts.numbers,
            names=names_of(claim, evidence.language),
            currencies=facts.currencies,
            qualifiers=qualifiers_of(terms(claim, evidence.language)),
        )

    def share(self, window: Window, evidence: Evidence) -> float:
        """The share of the claim's weight that stands in the window, 0 to 1."""
        found = frozenset[str]().union(*(evidence.stems(s.text, s.passage.language) for s in window))
        total = sum(self.weights.values())
        return sum(self.weights[stem] for stem in self.stems & found) / total if total else 0.0

    def agrees(self, window: Window, evidence: Evidence) -> bool:
        """Whether every name, currency, number and qualifier of the claim stands in the window as the claim has it."""
        passage = window[0].passage
        text = passage.text[window[0].start : window[-1].end]
        around = evidence.stems(f"{text}\n{passage.title}\n{passage.section}", passage.language)
        if not self.names <= around or not self.currencies <= currencies_of(text):
            return False
        shared = [len((self.stems - self.numbers) & evidence.stems(s.text, passage.language)) for s in window]
        if self.qualifiers != qualifiers_of(window[shared.index(max(shared))].terms):
            return False
        return all(self._said_of_this(wanted, window, shared, evidence) for wanted in self.numbers)

    @staticmethod
    def _said_of_this(wanted: str, window: Window, shared: Sequence[int], evidence: Evidence) -> bool:
        """Whether a number stands in a sentence that speaks of the claim, and not in the next row of a table.

        That sentence must share at least half as many of the claim's words as the best one of the window.
        """
        holding = [
            count
            for count, source in zip(shared, window, strict=True)
            if wanted in evidence.numbers(source.text, source.passage.language)
        ]
        return bool(holding) and 2 * max(holding) >= max(shared)


def _claim_weights(weights: dict[str, float]) -> dict[str, float]:
    """Weights pressed between 0.5 and 1: a synonym that no document uses must not outweigh all the rest."""
    most = max(weights.values(), default=1.0)
    return {stem: 0.5 + 0.5 * weight / most for stem, weight in weights.items()}


def verify(
    text: str,
    evidence: Evidence,
    *,
    threshold: float,
    page_of: PageOf,
    keep: Callable[[str, Backing], bool] | None = None,
) -> Verified:
    """Check a text: each sentence gets its state, and a marker for each citation that backs it.

    Sentences that say again what an earlier one said are left out. `keep` may refuse a backing (it is then
    unsupported). The markers are numbered by first use.
    """
    clean = strip_markers(text).strip()
    builder = _Builder(page_of)
    seen: set[tuple[str, ...]] = set()
    for start, end in _claims(clean, evidence.language):
        claim = clean[start:end]
        words = tuple(word_at(claim, term) for term in terms(claim, evidence.language))
        if not words or words in seen:
            continue
        seen.add(words)
        backing = back(claim, evidence, threshold=threshold)
        if keep is not None and backing.state != "unsupported" and not keep(claim, backing):
            backing = Backing("unsupported", backing.score)
        builder.add(clean[builder.read : start], claim, backing)
        builder.read = end
    return builder.finish()


def _claims(text: str, language: str) -> list[tuple[int, int]]:
    """The sentences of a text; one that says nothing by itself ("Yes.", "It is.") goes with the next."""
    found: list[tuple[int, int]] = []
    opened: int | None = None
    for start, end in sentences(text):
        first = start if opened is None else opened
        if content_terms(text[start:end], language):
            found.append((first, end))
            opened = None
        else:
            opened = first
    if opened is not None:
        if found and "\n" not in text[found[-1][1] : opened]:
            found[-1] = (found[-1][0], len(text))
        else:
            found.append((opened, len(text)))
    return found


class _Builder:
    """Puts sentences and markers together, counting characters."""

    def __init__(self, page_of: PageOf) -> None:
        self.read = 0
        self._page_of = page_of
        self._text = ""
        self._sentences: list[Sentence] = []
        self._citations: list[Citation] = []
        self._index: dict[tuple[str, int, int], int] = {}

    def add(self, gap: str, claim: str, backing: Backing) -> None:
        if self._text:
            self._text += "\n" if "\n" in gap else " "
        start = len(self._text)
        indices = tuple(self._cite(passage, a, b) for passage, a, b in backing.spans)
        self._text += _with_markers(claim, indices)
        self._sentences.append(Sentence(claim, start, len(self._text), backing.state, backing.score, indices))

    def _cite(self, passage: Passage, start: int, end: int) -> int:
        key = (passage.document_id, passage.start + start, passage.start + end)
        if key not in self._index:
            self._index[key] = len(self._citations)
            self._citations.append(cite(passage, start, end, self._page_of))
        return self._index[key]

    def finish(self) -> Verified:
        return Verified(self._text, tuple(self._sentences), tuple(self._citations))


def cite(passage: Passage, start: int, end: int, page_of: PageOf) -> Citation:
    """A citation of characters `start` to `end` of a passage's text."""
    page = page_of(passage.document_id, passage.start + start)
    return Citation(
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        title=passage.title,
        page=passage.page_start if page is None else page,
        section=passage.section,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
    )


def _with_markers(claim: str, indices: Sequence[int]) -> str:
    """The claim with its markers before the closing full stop.

    >>> _with_markers("It ends in May.", [0, 1])
    'It ends in May [1][2].'
    """
    if not indices:
        return claim
    markers = "".join(f"[{index + 1}]" for index in indices)
    if claim[-1] in _CLOSERS:
        return f"{claim} {markers}"
    body = claim.rstrip(".!?…")
    return f"{body} {markers}{claim[len(body) :]}"
