"""What the checker knows of a language beyond its terms: words that deny, limit, attribute or count, as data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Lexicon:
    """Folded words and patterns of one language; where a language has none, no rule of words applies to it."""

    negators: frozenset[str] = frozenset()  # deny the clause that they stand in
    denying: re.Pattern[str] = NEVER  # turns of phrase that deny
    negative: frozenset[str] = frozenset()  # deny by what they mean: "forbidden", "excluded"
    without: re.Pattern[str] = NEVER  # deny only what follows
    not_turning: re.Pattern[str] = NEVER  # hold a negator, yet deny nothing
    parts: re.Pattern[str] = NEVER  # where a clause ends
    exceptive: re.Pattern[str] = NEVER  # open an exception, which no denial before it reaches
    reporting: frozenset[str] = frozenset()  # verbs by which somebody else speaks
    own_voice: re.Pattern[str] = NEVER  # before such a verb, the document itself speaks
    sourcing: re.Pattern[str] = NEVER  # "according to"
    crediting: re.Pattern[str] = NEVER  # other ways to say that somebody says so
    conditions: re.Pattern[str] = NEVER  # open a condition, an exception or a restriction
    opening: re.Pattern[str] = NEVER  # do so only where they open a sentence
    limiting: re.Pattern[str] = NEVER  # other ways to say that not all is meant
    exempting: re.Pattern[str] = NEVER  # a clause that takes somebody out of what was said
    every: re.Pattern[str] = NEVER
    universal: re.Pattern[str] = NEVER  # other ways to speak of all
    informing: frozenset[str] = frozenset()  # verbs by which a document announces what is its own
    some: re.Pattern[str] = NEVER
    only: re.Pattern[str] = NEVER
    empty: frozenset[str] = frozenset()  # say how, not what: no weight in a claim
    mutual: frozenset[str] = frozenset()  # what two are to each other, or do together: their order says nothing
    opposites: dict[str, frozenset[str]] = field(default_factory=dict)


def words(text: str) -> frozenset[str]:
    """A set of words from one line."""
    return frozenset(text.split())


def pairs(text: str) -> dict[str, frozenset[str]]:
    """Opposites from "a/b c/d": each word with those that mean the contrary.

    >>> pairs("open opened/closed")["closed"] == {"open", "opened"}
    True
    """
    found: dict[str, frozenset[str]] = {}
    for line in text.split(","):
        left, _, right = line.partition("/")
        for mine, theirs in ((left, right), (right, left)):
            for word in mine.split():
                found[word] = found.get(word, frozenset()) | words(theirs)
    return found


def english_verbs(roots: str) -> frozenset[str]:
    """Regular verbs with their endings; a doubled last letter stands after a dot: "admit.t"."""
    found = set[str]()
    for root in roots.split():
        bare, _, doubled = root.partition(".")
        stem = (bare + doubled).removesuffix("e")
        found |= {bare, f"{bare}s", f"{stem}ed", f"{stem}ing"}
        if bare.endswith("y") and bare[-2] not in "aeo":
            found |= {f"{bare[:-1]}ies", f"{bare[:-1]}ied"}
        if bare.endswith(("ss", "sh", "ch")):
            found.add(f"{bare}es")
    return frozenset(found)


_ENDINGS = {
    "ar": "a am ou aram ava avam ando aria ariam ar",
    "er": "e em eu eram ia iam endo eria eriam er",
    "ir": "e em iu iram ia iam indo iria iriam ir",
}


def portuguese_verbs(infinitives: str) -> frozenset[str]:
    """Regular verbs in the third person, all tenses but the participle, which says a state: "estimado"."""
    return frozenset(verb[:-2] + end for verb in infinitives.split() for end in _ENDINGS[verb[-2:]].split())


def participles(stems: str) -> frozenset[str]:
    """Portuguese participles in all four forms: "proibid" gives proibido, proibida, proibidos, proibidas."""
    return frozenset(stem + end for stem in stems.split() for end in ("o", "a", "os", "as"))


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern of whole words for many."""
    return re.compile(rf"\b(?:{'|'.join(patterns)})(?!\w)")


NOTHING = Lexicon()


@lru_cache(maxsize=64)
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language; an empty one for what is neither English nor Portuguese."""
    if language == "en":
        from lastro.chains.checking.lexicon_en import ENGLISH

        return ENGLISH
    if language == "pt":
        from lastro.chains.checking.lexicon_pt import PORTUGUESE

        return PORTUGUESE
    return NOTHING
