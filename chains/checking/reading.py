"""A text read for checking: its content words, each with what is said about it in its part of the sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from lastro.chains.checking.lexicon import Lexicon, lexicon
from lastro.chains.checking.quantities import Quantity, holds, quantities_of, single_units_of
from lastro.language import Term, fold, is_stop_word, terms

Span = tuple[int, int]
_IS = re.compile(r"\be\b")
_STOP = re.compile(r"[;.](?=\s|$)|\n")
# Where one thing ends and the next begins, within a clause.
_WEAK = re.compile(r",(?!\d)|\b(?:and|or|but|while|whereas|e|ou|mas|enquanto|ja)\b|;|\(|\)|—|–|:(?!\d)")
_RELATIVE = re.compile(r",\s(?:who|which|whose|que|cujo|cuja|quem)\b")
_CANCELS = 30  # characters within which a denial of a denial affirms: "is not excluded"
_BARE = re.compile(
    r"(?:\b(?:the|an?|this|that|his|her|their|its|no|any|of|o|a|os|as|um|uma|de|da|do|das|dos|em|no|na|por|ao|"
    r"com|sua|seu|esta|este|essa|esse|em)|\A\W*|[.;:]\s*)\s*$"
)
_TITLE = re.compile(r"\b(?:mr|mrs|ms|dr|dra|sr|sra|prof|profa|st|sto|sta)\.\s+$", re.IGNORECASE)
_REACH = 30  # characters that "without" turns
_SUBJECT = 0.4  # a denial is about what follows it, less about what stands before
_MEANT = 0.6  # a word that means a denial turns less surely than "not"


@dataclass(frozen=True, slots=True)
class Word:
    """A content word: whether its part of the sentence is negated, attributed to somebody, or a condition."""

    text: str
    stem: str
    start: int
    end: int
    part: int  # which part of the sentence, from 0
    negated: bool
    sure: float  # how surely that is so of this word, 0 to 1
    direct: bool  # the first word behind what denies it
    attributed: bool
    conditional: bool
    name: bool  # capitalised within a sentence


_DENIAL = (False, 1.0, True, False, False, False)  # what holds of a word that denies: it is said


@dataclass(frozen=True)
class Reading:
    """The content words of a text in order, with its quantities, its parts and the spans that limit or attribute it."""

    text: str
    language: str
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    folded: str
    parts: tuple[Span, ...]
    conditions: tuple[Span, ...]
    attributed: tuple[Span, ...]
    denials: tuple[Word, ...] = ()  # words that deny by what they mean: "forbidden"

    def says(self, quantity: Quantity) -> list[Quantity]:
        """The quantities that say one of another text; "a year" only where no number does."""
        found = [own for own in self.quantities if holds(quantity, own)]
        return found or [own for own in single_units_of(self.text, self.language) if holds(quantity, own)]

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the content words."""
        return frozenset(word.stem for word in self.words)

    @cached_property
    def weak(self) -> tuple[int, ...]:
        """Where one thing of a list ends and the next begins: commas, conjunctions, and every end of a part."""
        return tuple(sorted({match.start() for match in _WEAK.finditer(self.folded)} | {end for _, end in self.parts}))


def folded_text(text: str) -> str:
    """A text folded, of the same length."""
    plain = "".join(one if len(one := fold(char)) == 1 else char for char in text.replace("’", "'"))
    return _IS.sub(lambda match: "é" if text[match.start()] in "éÉ" else match.group(), plain)  # "é" is not "e"


@lru_cache(maxsize=20_000)
def read(text: str, language: str) -> Reading:
    """Read a text of one or more sentences; cached, since every claim meets every passage."""
    folded, known = folded_text(text), lexicon(language)
    quantities = quantities_of(text, language)
    covered = {at for quantity in quantities for at in range(quantity.start, quantity.end)}
    conditional, attributed = spans_of_conditions(folded, known), spans_of_attribution(folded, known)
    parts = parts_of(folded, language)
    found, denials = list[Word](), list[Word]()
    before = False
    for index, (start, end) in enumerate(parts):
        denial = denial_of(folded[start:end], language)
        if index and known.exceptive.match(folded[start:end].lstrip()):
            denial = Denial(
                denial.denied == before, start, excepted=True, heads=denial.heads
            )  # an exception is the contrary of its rule
        before = denial.denied
        lacking = [(m.end(), _edge(folded, m.end(), end)) for m in known.without.finditer(folded, start, end)]
        heads = {*denial.heads, *(at - start for at, _ in lacking)}
        for term in terms(text[start:end], language):
            first, last = term.start + start, term.end + start
            opens = _opens(text, first)
            lettered = term.text.isupper() and not opens and text[last : last + 1] != "."  # "block A"
            if first in covered or not _has_content(term, language, lettered=lettered):
                if fold(term.text) in known.negative:
                    denials.append(Word(term.text, term.stem, first, last, index, *_DENIAL))
                continue
            lacks = _within(first, lacking)
            behind = {at for at in heads if at <= first - start}
            heads -= behind
            found.append(
                Word(
                    term.text, term.stem, first, last, index, denial.denied != lacks,
                    1.0 if lacks else denial.sure_at(first - start), bool(behind), _within(first, attributed),
                    _within(first, conditional), term.text[0].isupper() and not opens,
                )
            )  # fmt: skip
    return Reading(text, language, tuple(found), quantities, folded, tuple(parts), tuple(conditional),
                   tuple(attributed), tuple(denials))  # fmt: skip


def _edge(folded: str, at: int, end: int) -> int:
    weak = _WEAK.search(folded, at, end)
    return min(at + _REACH, weak.start() if weak else end)


def _within(at: int, spans: list[Span]) -> bool:
    return any(start <= at < end for start, end in spans)


def _opens(text: str, at: int) -> bool:
    head = text[max(at - 8, 0) : at]
    ends = re.search(r"[.!?:;]\s+[\"“(]*$", head) is not None and _TITLE.search(head) is None
    return ends or not text[:at].strip(" \"“'(«*-")


def _has_content(term: Term, language: str, *, lettered: bool) -> bool:
    known, word = lexicon(language), fold(term.text)
    if len(word) == 1:
        return lettered
    return (
        not is_stop_word(term.text, language)
        and word not in known.empty
        and word not in known.negators
        and word not in known.negative
    )


def parts_of(folded: str, language: str) -> list[Span]:
    """Spans of the parts between strong breaks: what is negated in one is not in the next.

    >>> text = "hats are compulsory indoors but not outdoors"
    >>> [text[a:b].strip() for a, b in parts_of(text, "en")]
    ['hats are compulsory indoors', 'but not outdoors']
    """
    known = lexicon(language)
    breaks = {match.span() for match in known.parts.finditer(folded)}
    for match in known.exceptive.finditer(folded):
        breaks.add((match.start(), match.start()))
        comma = folded.find(",", match.end())
        if not folded[: match.start()].strip() and comma > 0:
            breaks.add((comma, comma + 1))
    for match in _RELATIVE.finditer(folded):
        comma = folded.find(",", match.end())
        if comma > 0 and not folded[comma + 1 : comma + 2].isdigit():
            breaks.add((comma, comma + 1))
    found, start = [], 0
    for first, last in sorted(breaks):
        if first >= start and folded[start:first].strip():
            found.append((start, first))
            start = last
    return [*found, (start, len(folded))]


@dataclass(frozen=True, slots=True)
class Denial:
    """Whether a part of a sentence is turned round, by a word at `start`, and whether by "not" or by a meaning."""

    denied: bool
    start: int = 0
    meant: bool = False
    excepted: bool = False
    heads: tuple[int, ...] = ()  # where its words stand

    def sure_at(self, at: int) -> float:
        """How surely a denial is about a word."""
        if self.excepted:
            return _SUBJECT
        if not self.denied:
            return 1.0
        return _MEANT if self.meant else 1.0 if at > self.start else _SUBJECT


def denial_of(folded: str, language: str) -> Denial:
    """Whether a part has a word that denies, or one that means a denial, but not both."""
    known = lexicon(language)
    bare = known.without.sub(_blank, known.not_turning.sub(_blank, folded))
    nots = [
        match.start()
        for match in re.finditer(r"[\w']+", bare)
        if match.group() in known.negators or (language == "en" and match.group().endswith("n't"))
    ]
    nots += [match.start() for match in known.denying.finditer(bare)]
    meant = [match.start() for match in re.finditer(r"[\w']+", bare) if match.group() in known.negative]
    cancelled = any(0 < there - here < _CANCELS for here in nots for there in meant)
    return Denial(bool(nots or meant) and not cancelled, (nots or meant or [0])[0], not nots, heads=tuple(nots))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def is_negated(folded: str, language: str) -> bool:
    """Whether a part of a sentence is turned round.

    >>> is_negated("it must not be used", "en"), is_negated("no more than ten days", "en")
    (True, False)
    """
    return denial_of(folded, language).denied


def spans_of_conditions(folded: str, known: Lexicon) -> list[Span]:
    """Where conditions and exceptions stand: from their word to the end of their part."""
    found = [_condition(folded, match) for match in known.conditions.finditer(folded)]
    for start in (0, *(m.end() for m in re.finditer(r"[.;:]\s+", folded))):
        match = known.opening.match(folded, start)
        if match is not None:
            found.append(_condition(folded, match))
    return sorted(found)


def _condition(folded: str, match: re.Match[str]) -> Span:
    stop = _STOP.search(folded, match.end())
    end = stop.start() if stop else len(folded)
    begins = not folded[: match.start()].strip() or re.search(r"[.;:]\s*$", folded[: match.start()])
    comma = folded.find(",", match.end(), end)
    while 0 <= comma < len(folded) - 1 and folded[comma + 1].isdigit():
        comma = folded.find(",", comma + 1, end)
    return match.start(), comma if comma >= 0 and (begins or comma - match.end() > 12) else end


def _speaks(folded: str, match: re.Match[str], known: Lexicon) -> bool:
    """Whether a word of saying is a verb here, and not the document's own."""
    head = folded[max(match.start() - 30, 0) : match.start()]
    return _BARE.search(head) is None and known.own_voice.search(head) is None


def spans_of_attribution(folded: str, known: Lexicon) -> list[Span]:
    """Where somebody else is speaking: after "alleges" to the end, or all of a sentence with "according to"."""
    found = []
    for match in re.finditer(r"[\w']+", folded):
        if match.group() in known.reporting and _speaks(folded, match, known):
            stop = _STOP.search(folded, match.end())
            found.append((match.end(), stop.start() if stop else len(folded)))
    for match in known.sourcing.finditer(folded):
        before = max(folded.rfind(". ", 0, match.start()), folded.rfind("; ", 0, match.start()))
        stop = _STOP.search(folded, match.end())
        found.append((before + 1, stop.start() if stop else len(folded)))
    return found
