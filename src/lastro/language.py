"""What is known of a text's language: detection, terms, stems, stop words and sentences.

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

from lastro.types import Language

# Snowball's algorithms by ISO 639-1 code; other languages go unstemmed.
SNOWBALL = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "id": "indonesian", "it": "italian", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

_UNSTEMMED = "bg ca cs et eu fa gl he hi hr ja ka ko lt lv ms pl sk sl sq sr th uk vi zh".split()

_PT = """a à ao aos às as ante após até com contra da das de dela dele deles delas do dos desde e é era eram
em entre essa essas esse esses esta está estão estar estas este estes eu foi foram for há isso isto já la lhe lhes
lo mas me mediante mesmo meu minha muito na nas nem no nos nós num numa não o os ou para pela pelas pelo pelos per por
pois porque qual quais quando quanto quantos quantas que quem se sem ser será serão seu seus só sob sobre sua suas são
também te tem têm tendo ter teu toda todas todo todos tu um uma umas uns você vocês como onde cujo cuja cujos cujas
isto aquilo aquele aquela aqueles aquelas ele ela eles elas deve devem pode podem ainda assim qualquer sim"""
_EN = """a about after all also am an and any are as at be because been before being between both but by can could did
do does doing during each for from had has have having he her here hers him his how i if in into is it its just me
many more most much my no nor not of off on once only or other our out over own s same she should so some such t
than that the their them then there these they this those through to too under until up us very was we were what
when where which
while who whom whose why will with would you your may must shall yes"""
# Words that turn a sentence round: no content for a search, but what a check looks at.
NEGATIONS = frozenset("not no nor never without não nem nunca jamais sem".split())
STOP_WORDS: dict[str, frozenset[str]] = {"pt": frozenset(_PT.split()), "en": frozenset(_EN.split())}

# A number keeps its separators, a code or an e-mail address stays whole.
_TERM = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail
    r"|\d+(?:[.,/:-]\d+)*(?:[ºª°%])?"  # number, date, time, clause number
    r"|[^\W\d_][\w]*(?:[-/]\w*\d\w*)*(?:['’][^\W\d_]+)?"  # word; code such as AB-123/2024
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
    """All terms of a text in order, stop words included."""
    return [
        Term(match.group(), stem(match.group(), language), match.start(), match.end()) for match in _TERM.finditer(text)
    ]


@lru_cache(maxsize=64)
def _folded_stop_words(language: str) -> frozenset[str]:
    return frozenset(fold(word) for word in STOP_WORDS.get(language, frozenset()))


def is_stop_word(word: str, language: str) -> bool:
    """Whether a word carries no content in its language.

    >>> is_stop_word("Não", "pt"), is_stop_word("contrato", "pt")
    (True, False)
    """
    return fold(word) in _folded_stop_words(language)


def content_terms(text: str, language: str) -> list[Term]:
    """The terms of a text that are not stop words."""
    return [term for term in terms(text, language) if not is_stop_word(term.text, language)]


_IDENTIFIER: Any = None
_IDENTIFIER_LOCK = threading.Lock()
_FUNCTION_WORDS = {
    "pt": _folded_stop_words("pt") | {"qual", "sao", "prazo", "onde"},
    "en": _folded_stop_words("en") | {"list", "explain"},
}


def _function_word_votes(text: str) -> dict[str, int]:
    words = [match.group() for match in re.finditer(r"[^\W\d_]+", fold(text))]
    return {code: sum(word in known for word in words) for code, known in _FUNCTION_WORDS.items()}


def detect_language(text: str) -> str:
    """The ISO 639-1 code of a text's language, `"und"` where there is too little of it to tell.

    Uses py3langid (naive Bayes over byte n-grams; Lui and Baldwin, ACL 2012), and for short texts the function
    words of Portuguese and English first, since n-grams of five words are a coin toss.
    """
    sample = text[:20_000].strip()
    if not any(char.isalpha() for char in sample):
        return "und"
    if len(sample) < 200:
        votes = _function_word_votes(sample)
        best, other = sorted(votes, key=lambda code: -votes[code])
        if votes[best] > votes[other]:
            return best
        if re.search("[ãõç]", sample.casefold()):
            return "pt"
    if len(sample) < 20:
        return "und"
    global _IDENTIFIER
    with _IDENTIFIER_LOCK:
        if _IDENTIFIER is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            _IDENTIFIER = LanguageIdentifier.from_model_file(MODEL_FILE)
            _IDENTIFIER.set_languages([*SNOWBALL, *_UNSTEMMED])  # tables are else taken for Volapük
        code, _score = _IDENTIFIER.classify(sample)
    return str(code)


def question_language(text: str, default: Language = "en") -> Language:
    """The language to answer a question in: "pt" or "en".

    >>> question_language("Qual é o prazo?"), question_language("When does it end?"), question_language("FGTS")
    ('pt', 'en', 'en')
    """
    found = detect_language(text)
    if found in ("pt", "gl", "es"):  # short Portuguese is often taken for its neighbours
        return "pt"
    return "en" if found == "en" else default


# After these a full stop ends no sentence.
_ABBREVIATIONS = frozenset(
    "art arts inc incs al als par cap caps p pp pág págs pag fl fls nº sr sra srs dr dra drs prof profa exmo exma ltda "
    "cia s.a etc cf vs op cit vol fig figs tab tel av mr mrs ms jr ltd corp dept approx e.g i.e u.s u.k d.c a.c".split()
)
# These are words as well: abbreviations only before a number ("no. 5", "31 mar. 2026").
_ABBREVIATIONS_BEFORE_NUMBERS = frozenset(
    "no n co st sec eq ed ex v r jan fev mar abr mai jun jul ago set out nov dez feb apr may aug sept oct dec".split()
)
# A blank line, or a line that opens an item, row, heading or clause, ends a sentence whatever stands before it.
_BREAK = re.compile(
    r"(?P<hard>\n\s*\n|\n(?=\s*(?:[-*•–]\s|\d+[.)]\s|\d+(?:\.\d+)+[.)]?\s+[^\W\d_]|#{1,6}\s|\||§|Art\.\s|"
    r"(?:Cl[áa]usula|CL[ÁA]USULA|Par[áa]grafo|PAR[ÁA]GRAFO)\s))|(?<=[:;])\s*\n)"
    r"|(?<=[.!?…])[\"'”’)\]]*\s+"
)


def _ends_sentence(text: str, start: int, at: int) -> bool:
    """Whether the stop before `at` ends the sentence that began at `start`."""
    head = text[max(start, at - 200) : at].rstrip().rstrip("\"'”’)]")  # the last word is enough
    if not head.endswith("."):
        return True
    words = head[:-1].split()
    word = words[-1].casefold().lstrip("([\"'“") if words else ""
    following = text[at : at + 1]
    if following and following.islower():
        return False
    if len(word) == 1 and word.isalpha():  # an initial
        return False
    if word in _ABBREVIATIONS or (word in _ABBREVIATIONS_BEFORE_NUMBERS and following.isdigit()):
        return False
    return not (len(words) == 1 and re.fullmatch(r"\d+(?:\.\d+)*|[ivxlc]+", word))  # "2." opens an item


def iter_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield the character spans of a text's sentences, without surrounding white space.

    List items and table rows stand alone; abbreviations of law and science in Portuguese and English, initials and
    item numbers do not end a sentence.
    """
    for first, last in _lines_apart(text):
        start = first
        for match in _BREAK.finditer(text, first, last):
            if match["hard"] is None and not _ends_sentence(text, start, match.end()):
                continue
            closers = 0 if match["hard"] else len(match.group().rstrip())  # a closing quote belongs to its sentence
            yield from _stripped(text, start, match.start() + closers)
            start = match.end()
        yield from _stripped(text, start, last)


_SHORT_LINE = 0.75  # of the longest: a wrapped line fills its column


def _lines_apart(text: str) -> Iterator[tuple[int, int]]:
    """Spans that no sentence crosses: a line that ends early before a capital or a digit is a heading or a table row.

    So is a line with a number that ends on a content word, since PDFs hand over tables as lines.
    """
    if "\n" not in text:
        yield 0, len(text)
        return
    longest = max(len(line) for line in text.splitlines())
    start = position = 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        bare = line.rstrip()
        following = text[position : position + 1]
        if not bare or not (following.isupper() or following.isdigit() or following in "$€£"):
            continue
        word = bare.split()[-1]
        if bare.endswith((",", "-", "–", "(")) or (
            word.islower() and any(is_stop_word(word, code) for code in STOP_WORDS)
        ):
            continue
        row = any(char.isdigit() for char in bare) and not bare.endswith((".", ";", ":"))
        if len(bare) < _SHORT_LINE * longest or (row and _looks_like_row(bare)):
            yield start, position
            start = position
    yield start, len(text)


_AMOUNT = re.compile(r"(?:R\$|US\$|\$|€|£)\s?\d|\d\s?%|\s\d[\d.,]*$")


def _looks_like_row(line: str) -> bool:
    return _AMOUNT.search(line) is not None


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def sentences(text: str) -> list[tuple[int, int]]:
    """The character spans of a text's sentences.

    >>> text = "O art. 5 diz isso. Sim."
    >>> [text[a:b] for a, b in sentences(text)]
    ['O art. 5 diz isso.', 'Sim.']
    """
    return list(iter_sentences(text))
