"""What is known of a language: its terms, stems and stop words.

Terms are the shared ground of keyword search and citation checking, so both see a text alike.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lastro.unsegmented import has_unsegmented, iter_pieces

# Snowball's algorithms by ISO 639-1 code (st, Sesotho, by its own); other languages go unstemmed.
SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_PT = """a à ao aos às as ante após até com contra da das de dela dele deles delas do dos desde e é era eram
em entre essa essas esse esses esta está estão estar estas este estes eu foi foram for há isso isto já la lhe lhes
lo mas me mediante mesmo meu minha muito na nas nem no nos nós num numa não o os ou para pela pelas pelo pelos per por
pois porque qual quais quando quanto quantos quantas que quem se sem ser será serão seu seus só sob sobre sua suas são
cada também te tem têm tendo ter teu toda todas todo todos tu um uma umas uns você vocês como onde cujo cuja cujos cujas
isto aquilo aquele aquela aqueles aquelas ele ela eles elas deve devem pode podem ainda assim qualquer sim"""
_EN = """a about after all also am an and any are as at be because been before being between both but by can could did
do does doing during each every for from had has have having he her here hers him his how i if in into is it its just me
many more most much my no nor not of off on once only or other our out over own s same she should so some such t
than that the their them then there these they this those through to too under until up us very was we were what
when where which
while who whom whose why will with would you your may must shall yes"""
# Words that turn a sentence round: no content for a search, but what a check looks at.
NEGATIONS = frozenset("not no nor never without não nem nunca jamais sem".split())
STOP_WORDS: dict[str, frozenset[str]] = {"pt": frozenset(_PT.split()), "en": frozenset(_EN.split())}

# Vowel signs and other marks that a word is written with, which `\w` leaves out.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05c1-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0ebc"
)
# A number keeps its separators, a code or an e-mail address stays whole.
_TERM = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\d+(?:[.,/:-]\d+)*(?:[ºª°%])?"  # number, date, time, clause number
    rf"|[^\W\d_][\w{_MARKS}]*(?:[-/]\w*\d\w*)*(?:['’][^\W\d_]+)?"  # word; code such as AB-123/2024
)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or number of a text with its stem, counted in characters of that text."""

    text: str
    stem: str
    start: int
    end: int


def fold(text: str) -> str:
    """Lower-case, without accents.

    >>> fold("Atenção")
    'atencao'
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


_STEMMERS = threading.local()  # a snowball stemmer holds the word it works on


def _stemmer(language: str) -> Any:
    name = SNOWBALL.get(language)
    if name is None:
        return None
    cache: dict[str, Any] = _STEMMERS.__dict__.setdefault("cache", {})
    if name not in cache:
        import snowballstemmer  # heavy enough to keep off `lastro --help`

        cache[name] = snowballstemmer.stemmer(name)
    return cache[name]


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """The folded Snowball stem of a word, or the folded word where Snowball lacks the language.

    >>> stem("Contratos", "pt"), stem("leases", "en"), stem("1.234,56", "pt")
    ('contrat', 'leas', '1.234,56')
    """
    if word[0].isdigit() or "@" in word:
        return fold(word)
    stemmer = _stemmer(language)
    return fold(word if stemmer is None else stemmer.stemWord(word.casefold()))


def terms(text: str, language: str) -> list[Term]:
    """All terms of a text in order, stop words included; where no spaces are written, pairs of characters that overlap.

    >>> [term.text for term in terms("合同期限 2027", "zh")]
    ['合同', '同期', '期限', '2027']
    """
    return [
        Term(text[start:end], stem(text[start:end], language), start, end)
        for match in _TERM.finditer(text)
        for start, end in _parts(match)
    ]


def _parts(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    if not has_unsegmented(match.group()):
        yield match.span()
        return
    for start, end in iter_pieces(match.group()):
        yield match.start() + start, match.start() + end


@lru_cache(maxsize=64)
def _folded_stop_words(language: str) -> frozenset[str]:
    return frozenset(fold(word) for word in STOP_WORDS.get(language, frozenset()))


def is_stop_word(word: str, language: str) -> bool:
    """Whether a word carries no content in its language.

    >>> is_stop_word("Não", "pt"), is_stop_word("contrato", "pt")
    (True, False)
    """
    return fold(word) in _folded_stop_words(language)


@lru_cache(maxsize=64)
def common_words(language: str) -> frozenset[str]:
    """The folded words that a question in a language is not searched by, where it has others.

    Our own lists for Portuguese and English, those of the package `stop-words` for 31 other languages, else none.
    """
    if language in STOP_WORDS:
        return _folded_stop_words(language)
    import stop_words  # a file a language; read when one is met

    try:
        found = stop_words.get_stop_words("nb" if language == "no" else language)
    except stop_words.StopWordError:
        return frozenset()
    return frozenset(fold(word) for word in found)


def telling_terms(text: str, language: str) -> list[Term]:
    """The terms of a question that are not among the common words of its language.

    >>> [term.text for term in telling_terms("Wann endet der Vertrag?", "de")]
    ['endet', 'Vertrag']
    """
    return [term for term in content_terms(text, language) if fold(term.text) not in common_words(language)]


def content_terms(text: str, language: str) -> list[Term]:
    """The terms of a text that are not stop words."""
    return [term for term in terms(text, language) if not is_stop_word(term.text, language)]
