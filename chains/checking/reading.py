"""A text read for checking: its content words, each with what is said about it in its part of the sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lastro.chains.checking.quantities import Quantity, quantities_of
from lastro.chains.checking.wording import ATTRIBUTING, CONDITIONS, EMPTY, NEGATIVES, NOT_TURNING, SOURCING
from lastro.language import Term, fold, is_stop_word, terms

_PART = re.compile(
    r"[;:()\n–—]|[.!?](?=\s|$)|,\s+(?=(?:but|while|whereas|although|though|who|which|whose|mas|enquanto|embora|porem|"
    r"and|not|e|ja|sendo|que|so that|because|porque|pois|se|ao passo)\b)|,?\s(?=(?:but|mas|whereas)\s)|"
    r"\s(?=(?:as long as|unless|if|provided that|desde que|salvo|exceto|a menos que|except|se (?:a|o|as|os|"
    r"for|houver)) )|"
    r",\s(?=(?:\w+\s){1,4}(?:is|are|does|do|has|can|may) not\b)|,\s(?=(?:\w+\s){1,4}nao\s*[.;,])"
)
_IS = re.compile(r"\be\b")
_LOCAL = re.compile(
    r"(?<!foi )(?<!foram )(?<!ser )(?<!é )(?<!esta )\bnao (?=\w+[ai]d[oa]s?\b)(?!\w* \w+ad[oa] (?:a|o)\b)"
)
_OURS = re.compile(r"\b(?:we|nos)\s+(?:\w+\s+)?$")  # the document's own voice
_WITHOUT = re.compile(r"\b(?:without|sem)\b")  # turns only what follows


@dataclass(frozen=True, slots=True)
class Word:
    """A content word: whether its part of the sentence is negated, attributed to somebody, or a condition."""

    text: str
    stem: str
    start: int
    end: int
    part: int  # which part of the sentence, from 0
    negated: bool
    attributed: bool
    conditional: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The content words of a text in order, with its quantities."""

    text: str
    language: str
    words: tuple[Word, ...]
    quantities: tuple[Quantity, ...]
    folded: str

    @property
    def stems(self) -> frozenset[str]:
        """The stems of the content words."""
        return frozenset(word.stem for word in self.words)


def folded_text(text: str) -> str:
    """A text folded, of the same length."""
    plain = "".join(one if len(one := fold(char)) == 1 else char for char in text.replace("’", "'"))
    return _IS.sub(lambda match: "é" if text[match.start()] in "éÉ" else match.group(), plain)  # "é" is not "e"


@lru_cache(maxsize=20_000)
def read(text: str, language: str) -> Reading:
    """Read a text of one or more sentences; cached, since every claim meets every passage."""
    folded = folded_text(text)
    quantities = quantities_of(text, language)
    covered = {at for quantity in quantities for at in range(quantity.start, quantity.end)}
    conditional, attributed = spans_of_conditions(folded), spans_of_attribution(folded)
    found: list[Word] = []
    for index, (start, end) in enumerate(parts_of(folded)):
        inner = terms(text[start:end], language)
        negated = is_negated(folded[start:end], language)
        lacking = [(m.end(), m.end() + 40) for m in _WITHOUT.finditer(folded, start, end)]
        for term in inner:
            first, last = term.start + start, term.end + start
            if first in covered or not _has_content(term, language):
                continue
            found.append(
                Word(
                    term.text, term.stem, first, last, index,
                    negated != any(a <= first < b for a, b in lacking),
                    any(a <= first < b for a, b in attributed), any(a <= first < b for a, b in conditional),
                )
            )  # fmt: skip
    return Reading(text, language, tuple(found), quantities, folded)


def _has_content(term: Term, language: str) -> bool:
    word = fold(term.text)
    return (
        not is_stop_word(term.text, language)
        and word not in EMPTY
        and word not in NEGATIVES.get(language, ())
        and len(word) > 1
    )


def parts_of(folded: str) -> list[tuple[int, int]]:
    """Spans of the parts between strong breaks: what is negated in one is not in the next.

    >>> text = "hats are compulsory indoors but not outdoors"
    >>> [text[a:b].strip() for a, b in parts_of(text)]
    ['hats are compulsory indoors', 'but not outdoors']
    """
    found, start = [], 0
    for match in _PART.finditer(folded):
        found.append((start, match.start()))
        start = match.end()
    return [*found, (start, len(folded))]


def is_negated(folded: str, language: str) -> bool:
    """Whether a part of a sentence is turned round.

    >>> is_negated("it must not be used", "en"), is_negated("no more than ten days", "en")
    (True, False)
    """
    bare = _WITHOUT.sub(" ", _LOCAL.sub(" ", NOT_TURNING.sub(" ", folded)))
    known = NEGATIVES.get(language, NEGATIVES["en"] | NEGATIVES["pt"])
    return any(word in known or word.endswith("n't") for word in re.findall(r"[\w']+", bare))


def spans_of_conditions(folded: str) -> list[tuple[int, int]]:
    """Where conditions and exceptions stand: from their word to the end of their part."""
    found = []
    for match in CONDITIONS.finditer(folded):
        stop = re.search(r"[;.]\s|[;.]$|\n", folded[match.end() :])
        end = match.end() + stop.start() if stop else len(folded)
        begins = not folded[: match.start()].strip() or re.search(r"[.;:]\s*$", folded[: match.start()])
        comma = folded.find(",", match.end(), end)
        found.append((match.start(), comma if comma >= 0 and (begins or comma - match.end() > 12) else end))
    return found


def spans_of_attribution(folded: str) -> list[tuple[int, int]]:
    """Where somebody else is speaking: after "alleges" to the end, or all of a sentence with "according to"."""
    found = []
    for match in re.finditer(r"[\w']+", folded):
        if match.group() in ATTRIBUTING and not _OURS.search(folded, 0, match.start()):
            stop = re.search(r"[;.]\s|[;.]$|\n", folded[match.end() :])
            found.append((match.end(), match.end() + stop.start() if stop else len(folded)))
    for match in SOURCING.finditer(folded):
        before = max(folded.rfind(". ", 0, match.start()), folded.rfind("; ", 0, match.start()))
        stop = re.search(r"[;.]\s|[;.]$|\n", folded[match.end() :])
        found.append((before + 1, match.end() + stop.start() if stop else len(folded)))
    return found
