"""Templates filled for a page that opens anywhere, and what they show made harmless."""

from __future__ import annotations

import unicodedata
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from lastro.evaluation.records import Cited, Found, Gold

_ORDER_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def filled(template: str, **values: Any) -> Markup:
    """A template of this package with its values; every text in them is escaped."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=visible)
    return Markup(environment.from_string(text_of(template)).render(place=place, **values))


def text_of(name: str) -> str:
    """The text of a file of this package."""
    return files("lastro.evaluation").joinpath(name).read_text(encoding="utf-8")


def visible(value: Any) -> Any:
    """A value for the page; a text without characters that hide or reorder what is shown."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        char
        for char in value
        if char in "\n\t" or (char not in _ORDER_CONTROLS and unicodedata.category(char) not in ("Cc", "Cs"))
    )


def place(one: Gold | Found | Cited) -> str:
    """Where a passage, a citation or a gold stands, in words.

    >>> place(Gold("a.pdf#page=3", "d", "Lease", pages=(3, 3)))
    'Lease, p. 3'
    """
    if isinstance(one, Gold):
        first, last = one.pages or (None, None)
    else:
        first, last = one.page_start, one.page_end
    if first is None:
        section = one.section if not isinstance(one, Gold) and one.section != one.title else ""
        return f"{one.title}, {section}" if section else one.title
    return f"{one.title}, p. {first}" if last in (None, first) else f"{one.title}, p. {first}-{last}"
