"""Which language a text is in, and in which one a question is answered."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from lastro.language import SNOWBALL, STOP_WORDS, fold
from lastro.types import Language

# What a text is taken for: widely written languages, since tables and lists are else taken for Volapük.
_DETECTED = [code for code in SNOWBALL if code not in ("eo", "ga", "ne", "st", "yi")]
_DETECTED += "bg gl he hr ja ka ko lv ms sk sl sq th uk vi zh".split()

# Words that only hold a sentence together, folded; they tell short texts apart where n-grams of bytes toss a coin.
_FUNCTION_WORDS = {
    "pt": frozenset(map(fold, STOP_WORDS["pt"])) | {"qual", "sao", "prazo", "onde"},
    "en": frozenset(map(fold, STOP_WORDS["en"])) | {"list", "explain"},
    "es": frozenset(
        "el la los las un una y o de del en que es por para con como cual cuales cuando donde quien quienes cuanto "
        "cuantos cuanta cuantas su sus se lo al fue son segun hay".split()
    ),
    "fr": frozenset(
        "le la les un une des et ou de du en que qui est par pour avec dans quel quelle quels quelles quand comment "
        "combien sur au aux se sont ce il elle ne pas d l".split()
    ),
    "de": frozenset(
        "der die das den dem des ein eine einer und oder von zu in im ist war wie wo wer wann was welche welcher "
        "welches warum mit auf fur aus nach wurde hat nicht sich bei".split()
    ),
    "it": frozenset(
        "il lo la i gli le un una e o di del della in che e per con come quale quali quando dove chi quanto su al si "
        "sono ha nel da cosa".split()
    ),
}
_SHORT = 200  # characters of a text that its function words are asked about
_LETTERS_OF_ONE = (("[ãõ]", "pt"), ("[¿¡ñ]", "es"), ("ß", "de"), ("[œ]", "fr"))
_FEWEST = 20  # Latin letters that the identifier needs; a script of its own tells sooner
_FOREIGN = re.compile("[^\\W\\d_\u0000-\u024f]")

_IDENTIFIER: Any = None
_IDENTIFIER_LOCK = threading.Lock()


def detect_language(text: str) -> str:
    """The ISO 639-1 code of a text's language, `"und"` where there is too little of it to tell.

    Uses py3langid (naive Bayes over byte n-grams; Lui and Baldwin, ACL 2012). A short text is first asked for the
    function words of six languages; where they tie, for letters of one language, and then py3langid chooses among them.
    """
    sample = text[:20_000].strip()
    if not any(char.isalpha() for char in sample):
        return "und"
    foreign = _FOREIGN.search(sample) is not None
    tied: list[str] = []
    if len(sample) < _SHORT and not foreign:
        votes = _function_word_votes(sample)
        most = max(votes.values())
        tied = [code for code, count in votes.items() if count == most > 0]
        if len(tied) == 1:
            return tied[0]
        for letters, code in _LETTERS_OF_ONE:
            if re.search(letters, sample.casefold()):
                return code
    if len(sample) < _FEWEST and not foreign:
        return _of_few_letters(sample, tied)
    found = _identified(sample)
    return found if not tied or found in tied else tied[0]


def _of_few_letters(sample: str, tied: Sequence[str]) -> str:
    """The language of a text that is too short for n-grams, from the languages whose function words tie."""
    if "ç" in sample.casefold() and (not tied or "pt" in tied):
        return "pt"
    # "Quando termina?" is Portuguese or Italian, and meant as the former; "no" and "do" are English as well.
    return "und" if not tied or {"pt", "en"} <= set(tied) else tied[0]


def _function_word_votes(text: str) -> dict[str, int]:
    words = [match.group() for match in re.finditer(r"[^\W\d_]+", fold(text))]
    return {code: sum(word in known for word in words) for code, known in _FUNCTION_WORDS.items()}


def _identified(sample: str) -> str:
    global _IDENTIFIER
    with _IDENTIFIER_LOCK:
        if _IDENTIFIER is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            _IDENTIFIER = LanguageIdentifier.from_model_file(MODEL_FILE)
            _IDENTIFIER.set_languages(_DETECTED)
        code, _score = _IDENTIFIER.classify(sample)
    return str(code)


def question_language(text: str, default: Language = "en") -> Language:
    """The language of the prompts and texts for a question: "pt", or "en" for it and every other; else the default.

    >>> question_language("Qual é o prazo?"), question_language("When does it end?"), question_language("FGTS", "pt")
    ('pt', 'en', 'pt')
    >>> question_language("¿Cuándo termina el contrato?", "pt")
    'en'
    """
    found = detect_language(text)
    if found in ("pt", "gl"):  # short Portuguese is at times taken for its neighbour
        return "pt"
    return default if found == "und" else "en"
