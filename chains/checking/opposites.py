"""Whether two words mean the contrary: by a list of pairs, or by a prefix that denies."""

from __future__ import annotations

from functools import lru_cache

from lastro.chains.checking.lexicon import lexicon
from lastro.chains.checking.reading import Word
from lastro.language import fold

_PREFIXES = {"en": ("un", "in", "im", "il", "ir", "dis", "non"), "pt": ("in", "im", "i", "des", "dis")}


def are_opposite(one: Word, other: Word, language: str) -> bool:
    """Whether two words of one language mean the contrary ("limited", "unlimited")."""
    return not (one.name or other.name) and _opposite(fold(one.text), fold(other.text), language)


@lru_cache(maxsize=200_000)
def _opposite(one: str, other: str, language: str) -> bool:
    if other in lexicon(language).opposites.get(one, ()):
        return True
    short, long = sorted((one, other), key=len)
    if language == "en" and len(short) >= 4 and long in (f"{short}less", f"{short}free"):
        return True
    return len(short) >= 5 and any(long == prefix + short for prefix in _PREFIXES.get(language, ()))
