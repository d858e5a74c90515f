"""The second step: check finished text against the passages, claim by claim, and cite what backs it.

A model cannot say where its words came from, so its own markers are not trusted: they are taken out, and what is
found here is put in. `lastro.chains.checking` finds what backs a claim; here the text is put together again, with
markers that are true, and with a mark behind each claim that nothing backs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lastro.chains.checking.check import Check
from lastro.chains.checking.claims import Claim, split_claims
from lastro.chains.declining import declines
from lastro.chains.evidence import Evidence
from lastro.chains.facts import word_at
from lastro.chains.markers import Marker, take_markers
from lastro.language import terms
from lastro.prompts import load_text
from lastro.types import Citation, Language, Passage, Policy, Reason, Sentence

PageOf = Callable[[str, int], int | None]  # document id and character to a 1-based page
CheckClaim = Callable[[Claim, Evidence], Check]
_CLOSERS = "\"'”’)]»"
_STOPS = ".!?…"
_BACKED = ("verbatim", "supported")
_LAST_MARKERS = re.compile(r"(?:\s*\[[^\]\n]*\])+$")
_OPENING = re.compile(r"[\s>|]*(?:#{1,6}|[-*•–+]|\d{1,3}[.)]|[a-z]\))?\s*")  # of a line


@dataclass(frozen=True, slots=True)
class Verified:
    """Checked text with [n] markers, its claims, the citations that the markers number, and what was taken out."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    removed: tuple[Sentence, ...] = ()

    @property
    def backed(self) -> tuple[Sentence, ...]:
        """The claims that passages back."""
        return tuple(sentence for sentence in self.sentences if sentence.backed)

    @property
    def claims(self) -> tuple[Sentence, ...]:
        """The parts of the text that claim something, those that were removed among them."""
        return tuple(one for one in (*self.sentences, *self.removed) if one.state != "no_claim")


@dataclass(frozen=True, slots=True)
class Found:
    """A claim of the text without markers, with what was found about it; `again` where it was said before."""

    claim: Claim
    check: Check
    again: bool = False


def check_text(
    text: str, evidence: Evidence, *, check: CheckClaim, labels: Sequence[str] = ()
) -> tuple[str, list[Found]]:
    """The text without markers, and each of its claims checked.

    `labels` are the ids of the chunks that the model was shown as [1], [2] and so on. A claim that is backed, but not
    by what its own marker names, is `misattributed`. "I do not know" beside what is backed counts as said before.
    """
    clean, markers = take_markers(text)
    clean = clean.rstrip()
    found, seen = list[Found](), set[tuple[str, ...]]()
    claims = split_claims(clean, evidence.language)
    for at, claim in enumerate(claims):
        words = tuple(word_at(claim.text, term) for term in terms(claim.text, evidence.language))
        after = claims[at + 1].start if at + 1 < len(claims) else len(clean) + 1
        named = _named(markers, claim, after, labels, clean)
        in_table = "|" in clean[max(claim.start - 2, 0) : claim.start]
        again = bool(words) and words in seen and not in_table
        seen.add(words)
        found.append(Found(claim, _with_source(claim, evidence, check, named), again))
    if any(one.check.state in _BACKED for one in found):
        found = [replace(one, again=True) if declines(one.claim.text) else one for one in found]
    return clean, found


def _named(
    markers: Sequence[Marker], claim: Claim, after: int, labels: Sequence[str], clean: str
) -> frozenset[str]:  # fmt: skip
    """The chunks that a claim's own markers name; a marker at the start of a line is that of what follows."""
    leads = bool(markers) and markers[0].at == 0  # each marker stands before its claim
    numbers = set[int]()
    for marker in markers:
        before = leads or not clean[: marker.at].rpartition("\n")[2].strip(" -*•")
        mine = (
            claim.start - 3 <= marker.at <= claim.start if before else claim.start < marker.at <= max(after, claim.end)
        )
        numbers |= set(marker.numbers) if mine else set()
    return frozenset(labels[number - 1] for number in numbers if 1 <= number <= len(labels))


def _with_source(claim: Claim, evidence: Evidence, check: CheckClaim, named: frozenset[str]) -> Check:
    found = check(claim, evidence)
    cited = {passage.chunk_id for passage, _, _ in found.spans}
    known = evidence.only(named)  # a marker may also name a passage of an earlier turn, which is not looked at
    if found.state not in _BACKED or named & cited or not known.passages:
        return found
    own = check(claim, known)
    if own.state in _BACKED:
        return own
    titles = ", ".join(dict.fromkeys(passage.title for passage in known.passages))
    actual = ", ".join(dict.fromkeys(passage.title for passage, _, _ in found.spans))
    return replace(found, state="misattributed", reasons=(Reason("marker", titles, actual),))


def put_together(
    clean: str, found: Sequence[Found], *, language: Language, page_of: PageOf, policy: Policy = "mark"
) -> Verified:
    """The text with a true marker behind each backed claim; the others are marked, or taken out where `strict`."""
    builder = _Builder(clean, language, page_of)
    for one in found:
        doubtful = one.check.state in ("unsupported", "contradicted")
        if one.again or (doubtful and policy == "strict"):
            builder.leave_out(one)
        else:
            builder.add(one)
    return builder.finish()


def verify(  # noqa: PLR0913 - what is checked, and how it is shown
    text: str,
    evidence: Evidence,
    *,
    check: CheckClaim,
    page_of: PageOf,
    language: Language = "en",
    policy: Policy = "mark",
    labels: Sequence[str] = (),
) -> Verified:
    """`check_text` and `put_together` in one: a text with its claims checked, marked and cited."""
    clean, found = check_text(text, evidence, check=check, labels=labels)
    return put_together(clean, found, language=language, page_of=page_of, policy=policy)


class _Builder:
    """Puts claims and markers together, counting characters."""

    def __init__(self, clean: str, language: Language, page_of: PageOf) -> None:
        self._clean = clean
        self._marks = {
            "unsupported": load_text("mark_unsupported", language),
            "contradicted": load_text("mark_contradicted", language),
        }
        self._page_of = page_of
        self._read = 0  # characters of the clean text that are dealt with
        self._gaps: list[str] = []  # what stood before claims that were taken out, since the last that stayed
        self._text = ""
        self._sentences: list[Sentence] = []
        self._removed: list[Sentence] = []
        self._citations: list[Citation] = []
        self._index: dict[tuple[str, int, int], int] = {}

    def add(self, one: Found) -> None:
        """Write a claim, with what stood before it."""
        check, text = one.check, one.claim.text
        gap = self._passed(one.claim)
        if self._gaps:
            gap = self._anew(gap)
            text = text[:1].upper() + text[1:] if text[1:2].islower() else text
        self._text += gap if self._text else gap.lstrip()
        start = len(self._text)
        mark = self._marks.get(check.state, "")
        indices = () if mark else tuple(self._cite(*span) for span in check.spans)
        self._text += with_markers(text, indices, mark)
        self._sentences.append(self._sentence(one, text, (start, len(self._text)), indices))

    def leave_out(self, one: Found) -> None:
        """Take a claim out; a cell of a table leaves a dash. What was said before is not told as taken out."""
        gap = self._passed(one.claim)
        if not one.again:
            self._removed.append(self._sentence(one, one.claim.text, (0, 0), ()))
        if "|" in gap:
            self._text += f"{self._anew(gap) if self._gaps else gap}—"
        else:
            self._gaps.append(gap)

    def _passed(self, claim: Claim) -> str:
        gap = self._clean[self._read : claim.start]
        self._read = claim.end
        return gap if gap.strip() or "\n" in gap else " " * bool(gap)

    def _anew(self, gap: str) -> str:
        """What goes before the next claim that stays, where some were taken out before it.

        The line that it stands on keeps how it opens: a bullet, a sign of a heading, the bar of a table.
        """
        gaps, self._gaps = [*self._gaps, gap], []
        if "\n" not in gaps[0]:
            self._end_sentence()
        opened = next((one for one in reversed(gaps) if "\n" in one), "" if self._text else gaps[0])
        opening = opened.rpartition("\n")[2]
        opening = opening if _OPENING.fullmatch(opening) else ""
        if "\n" not in "".join(gaps):
            return " " if self._text else opening
        blank = any(re.search(r"\n[^\S\n]*\n", one) for one in gaps)
        return ("\n\n" if blank else "\n") + opening

    def _end_sentence(self) -> None:
        bare = _LAST_MARKERS.sub("", self._text)
        if bare and bare[-1] not in f"{_STOPS}{_CLOSERS}:;|":
            self._text += "."

    def _sentence(self, one: Found, text: str, span: tuple[int, int], indices: tuple[int, ...]) -> Sentence:
        check = one.check
        against = check.spans if check.state == "contradicted" else ()
        return Sentence(
            text=text, start=span[0], end=span[1], state=check.state, score=check.score, citations=indices,
            against=tuple(cite(*span, self._page_of) for span in against), reasons=check.reasons,
        )  # fmt: skip

    def _cite(self, passage: Passage, start: int, end: int) -> int:
        key = (passage.document_id, passage.start + start, passage.start + end)
        if key not in self._index:
            self._index[key] = len(self._citations)
            self._citations.append(cite(passage, start, end, self._page_of))
        return self._index[key]

    def finish(self) -> Verified:
        """What there is."""
        rest = self._clean[self._read :].rstrip()
        if not self._gaps:
            self._text += rest
        else:
            if "\n" not in self._gaps[0]:
                self._end_sentence()
            self._text += rest if "\n" in rest else ""
        return Verified(self._text, tuple(self._sentences), tuple(self._citations), tuple(self._removed))


def cite(passage: Passage, start: int, end: int, page_of: PageOf) -> Citation:
    """A citation of characters `start` to `end` of a passage's text."""
    page = page_of(passage.document_id, passage.start + start)
    return Citation(
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        title=passage.title,
        page=page if page is not None or passage.page_end not in (None, passage.page_start) else passage.page_start,
        section=passage.section,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
    )


def with_markers(claim: str, indices: Sequence[int], mark: str = "") -> str:
    """The claim with its markers, or with the mark of one that nothing backs, before the closing full stop.

    >>> with_markers("It ends in May.", [0, 1]), with_markers("It is nice.", [], "[?]")
    ('It ends in May [1][2].', 'It is nice [?].')
    """
    said = "".join(f"[{index + 1}]" for index in indices) or mark
    if not said or not claim:
        return claim
    if claim[-1] in _CLOSERS:
        return f"{claim} {said}"
    body = claim.rstrip(f"{_STOPS}:;")
    return f"{body} {said}{claim[len(body) :]}"
