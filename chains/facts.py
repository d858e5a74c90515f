"""What must agree between a claim and its source, whatever their words: numbers, names, qualifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from lastro.language import NEGATIONS, Term, content_terms, fold, is_stop_word, terms
from lastro.sentences import sentences


@dataclass(frozen=True, slots=True)
class Facts:
    """The comparable parts of a text; numbers written as words or digits have one spelling."""

    stems: frozenset[str]  # of content terms, numbers among them
    numbers: frozenset[str]


@lru_cache(maxsize=50_000)
def facts_of(text: str, language: str) -> Facts:
    """The facts of a text; cached, since every claim meets every sentence."""
    spelled = list(spelled_numbers(text, language))
    covered = {at for start, end, _ in spelled for at in range(start, end)}
    stems, numbers = {value for _, _, value in spelled}, {value for _, _, value in spelled}
    for term in content_terms(text, language):
        value = number_at(text, term)
        if value is not None:
            numbers.add(value)
            stems.add(value)
        elif term.start not in covered and fold(term.text) not in _CURRENCY_WORDS:
            stems.add(term.stem)
    return Facts(frozenset(stems), frozenset(numbers))


def word_at(text: str, term: Term) -> str:
    """A term as it is compared word for word."""
    return number_at(text, term) or fold(term.text)


# Numbers -------------------------------------------------------------------------------------------------------------

_DATE = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})")
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d{1,2})?|\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?")


def number(text: str) -> str | None:
    """A number in one spelling, whichever of the two languages wrote it; None for what is no number.

    Clause numbers (4.10, 2.5.1) stay as they are, so that 4.1 is not 4.10.

    >>> [number(text) for text in ("1.234,56", "1,234.56", "4,250.00", "12,5%", "05", "4.10", "2.5.1", "31.05.2027")]
    ['1234.56', '1234.56', '4250', '12.5%', '5', '4.10', '2.5.1', '31/5/2027']
    """
    if not text or not text[0].isdigit():
        return None
    sign = "%" if text.endswith("%") else ""
    bare = text.rstrip("ºª°%")
    if date := _DATE.fullmatch(bare):
        return "/".join(str(int(part)) for part in date.groups())
    if _GROUPED.fullmatch(bare):
        return _grouped(bare) + sign
    if re.fullmatch(r"\d+,\d+", bare):
        whole, decimals = bare.split(",")
        return _decimal(whole, decimals.rstrip("0")) + sign
    if re.fullmatch(r"\d+\.\d+", bare):
        whole, decimals = bare.split(".")
        return _decimal(whole, "" if set(decimals) == {"0"} and len(decimals) == 2 else decimals) + sign
    return (str(int(bare)) if bare.isdecimal() else bare) + sign


def _grouped(bare: str) -> str:
    point = max(bare.rfind("."), bare.rfind(","))
    decimals = bare[point + 1 :] if len(bare) - point - 1 != 3 else ""
    return _decimal(re.sub(r"[.,]", "", bare[:point] if decimals else bare), decimals.rstrip("0"))


def _decimal(whole: str, decimals: str) -> str:
    digits = whole.lstrip("0") or "0"
    return f"{digits}.{decimals}" if decimals else digits


def number_at(text: str, term: Term) -> str | None:
    """The number that a term of a text is, with its minus sign, or None."""
    value = number(term.text)
    if value is None:
        return None
    before = text[max(term.start - 2, 0) : term.start]
    return f"-{value}" if before[-1:] in ("-", "−") and not before[:-1].strip() else value


_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "pt": "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
    "dezoito dezenove",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
}
_MORE = {
    "en": {},
    "pt": {
        **{"duas": 2, "catorze": 14, "cem": 100, "cento": 100, "duzentos": 200, "duzentas": 200, "trezentos": 300},
        **{"trezentas": 300, "quatrocentos": 400, "quinhentos": 500, "quinhentas": 500, "seiscentos": 600},
        **{"setecentos": 700, "oitocentos": 800, "novecentos": 900},
    },
}
_SCALES = {
    **{"hundred": 100, "thousand": 1000, "mil": 1000, "million": 10**6, "milhao": 10**6, "milhoes": 10**6},
    **{"billion": 10**9, "bilhao": 10**9, "bilhoes": 10**9},
    **{"trillion": 10**12, "trilhao": 10**12, "trilhoes": 10**12},
}
_LARGEST = 10**15  # of a number in words: more is no number but a run of them
_ARTICLES = {"one", "um"}  # too often no number


@lru_cache(maxsize=4)
def _number_words(language: str) -> dict[str, int]:
    found = {word: value for value, word in enumerate(_UNITS.get(language, "").split())}
    found |= {word: 10 * value for value, word in enumerate(_TENS.get(language, "").split(), 2)}
    return found | _MORE.get(language, {})


def spelled_numbers(text: str, language: str) -> Iterator[tuple[int, int, str]]:
    """Spans of numbers written as words, with their values: "twenty-five", "trinta e dois mil"."""
    known = _number_words(language)
    run: list[tuple[Term, str]] = []
    for term in terms(text, language):
        word = fold(term.text)
        gap = text[run[-1][0].end : term.start].strip() if run else ""
        linked = word in ("and", "e") and bool(run)
        if (word in known or word in _SCALES or linked) and gap in ("", "-"):
            run.append((term, word))
            continue
        yield from _value(run, known)
        run = [(term, word)] if word in known else []
    yield from _value(run, known)


def _value(run: list[tuple[Term, str]], known: dict[str, int]) -> Iterator[tuple[int, int, str]]:
    while run and run[-1][1] in ("and", "e"):
        run = run[:-1]
    if not run or (len(run) == 1 and run[0][1] in _ARTICLES):
        return
    total = part = 0
    for _, word in run:
        if word in _SCALES:
            part = max(part, 1) * _SCALES[word]
            if _SCALES[word] > 100:
                total, part = total + part, 0
        else:
            part += known.get(word, 0)
        if part > _LARGEST:
            return
    yield run[0][0].start, run[-1][0].end, str(total + part)


# Names and qualifiers -------------------------------------------------------------------------------------------------

_CURRENCY_WORDS = frozenset(
    "r us brl usd eur gbp reais dollar dollars dolar dolares euro euros pound pounds libra libras".split()
)


def names_of(text: str, language: str) -> frozenset[str]:
    """The stems of capitalised words that do not merely open a sentence, and of acronyms."""
    found = set()
    for start, end in sentences(text):
        for position, term in enumerate(terms(text[start:end], language)):
            opens = position == 0 and not (len(term.text) > 1 and term.text.isupper())
            known = is_stop_word(term.text, language) or fold(term.text) in _CURRENCY_WORDS
            if term.text[0].isupper() and not opens and not known:
                found.add(term.stem)
    return frozenset(found)


_NOT = frozenset(
    fold(word)
    for word in (
        *NEGATIONS,
        *"cannot none nobody nothing neither prohibited forbidden nenhum nenhuma ninguém nada tampouco".split(),
        *"vedado vedada vedados vedadas proibido proibida proibidos proibidas".split(),
    )
)
_WITHOUT = frozenset({"without", "sem"})
_NO_CASE = re.compile(r"\b(hipotese|forma|modo|maneira) alguma\b")
# Words of one line mean the same; a claim must carry the hedge that its source carries.
_HEDGES = {
    word: words.split()[0]
    for words in (
        "if whether",
        "unless except excepting salvo exceto excetuado",
        "alleges alleged allegedly alleging argues argued alega alegou alegam alegado argumenta argumentou",
    )
    for word in words.split()
}


def qualifiers_of(found: Iterable[Term]) -> frozenset[str]:
    """What turns a statement round or makes it less than the document's own: "not", "without", or the hedge itself.

    >>> sorted(qualifiers_of(terms("Unless agreed, it isn't due without notice.", "en")))
    ['not', 'unless', 'without']
    """
    words = [fold(term.text).replace("’", "'") for term in found]
    kinds = {_HEDGES[word] for word in words if word in _HEDGES}
    if any(word in _WITHOUT for word in words):
        kinds.add("without")
    if any((word in _NOT and word not in _WITHOUT) or word.endswith("n't") for word in words):
        kinds.add("not")
    if _NO_CASE.search(" ".join(words)):
        kinds.add("not")
    return frozenset(kinds)
