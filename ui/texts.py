"""Every word of the page, in English and Portuguese: `strings/<language>.toml`, the same keys in each."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lastro.types import Language

LANGUAGES: tuple[Language, ...] = ("en", "pt")


class Texts:
    """The words of one language; `texts("chat.title")` is one of them, `{name}` in it filled from the arguments."""

    def __init__(self, language: Language, entries: dict[str, str]) -> None:
        self.language = language
        self.entries = entries

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key; a KeyError where the file lacks it."""
        return self.entries[key].format(**values)

    def number(self, value: float, digits: int) -> str:
        """A number with `digits` decimals, with the language's own decimal sign.

        >>> load_texts("pt").number(1.25, 1), load_texts("en").number(1.25, 1)
        ('1,2', '1.2')
        """
        return f"{value:.{digits}f}".replace(".", self("app.decimal"))

    def percent(self, share: float) -> str:
        """A probability in whole percent; what is nearly sure is told as such, never as certain.

        >>> [load_texts("en").percent(share) for share in (0.824, 0.999, 0.001)]
        ['82', '> 99', '< 1']
        """
        whole = round(share * 100)
        return "> 99" if whole > 99 else "< 1" if whole < 1 else str(whole)

    def day(self, moment: str) -> str:
        """The day of an ISO 8601 moment.

        >>> load_texts("pt").day("2026-11-21T10:00:00+00:00")
        '21/11/2026'
        """
        year, month, day = moment[:10].split("-")
        return self("app.day", year=year, month=month, day=day)

    def count(self, key: str, number: int, **values: object) -> str:
        """The text of `key.one` or `key.many`, with `{count}`."""
        form = "one" if number == 1 else "many"
        return self(f"{key}.{form}", count=number, **values)


@lru_cache(maxsize=len(LANGUAGES))
def load_texts(language: Language) -> Texts:
    """The texts of a language, read once."""
    source = files("lastro.ui").joinpath("strings", f"{language}.toml").read_text(encoding="utf-8")
    return Texts(language, dict(_flat(tomllib.loads(source), "")))


def _flat(table: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            entries += _flat(value, f"{prefix}{key}.")
        else:
            entries.append((f"{prefix}{key}", str(value)))
    return entries


def choose_language(*wanted: str | None) -> Language:
    """The first of the wishes that names a language we speak ("pt-BR" is "pt"), else English.

    >>> choose_language(None, "auto", "pt-BR", "en"), choose_language("de")
    ('pt', 'en')
    """
    for wish in wanted:
        for language in LANGUAGES:
            if wish is not None and wish.lower().split("-")[0] == language:
                return language
    return "en"
