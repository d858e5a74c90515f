"""The one way untrusted text (answers, quotes, file names, error messages) reaches the page.

A page has two kinds of holes. Streamlit's labels and messages are Markdown: they take `plain`. Its `st.html` takes
HTML: it takes `markup`. Neither lets text become an image, a link, a tag, a formula, an icon or a colour.
"""

from __future__ import annotations

import html
import re
import unicodedata

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_JOINER = "\u2060"  # no width, no line break: the reader does not see it
# Streamlit looks for emoji, icons, addresses and e-mails after backslashes are gone, so a backslash cannot stop it.
_LATE = re.compile(r"(?<=:)(?=\S)|(?<=@)(?=\S)|(?<=www)(?=\.)", re.IGNORECASE)
_ORDER_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MAX_NAME = 200


def visible(text: str) -> str:
    r"""`text` without characters that hide or reorder what is shown; line breaks and tabs stay.

    >>> visible("a\u202etxt.exe\x00")
    'atxt.exe'
    """
    return "".join(
        char
        for char in text
        if char in "\n\t" or (char not in _ORDER_CONTROLS and unicodedata.category(char) not in ("Cc", "Cs"))
    )


def plain(text: str, *, limit: int | None = None) -> str:
    r"""`text` on one line as Markdown that shows exactly its characters, cut to `limit` of them.

    >>> print(plain("**x**"))
    \*\*x\*\*
    """
    line = " ".join(visible(text).split())
    if limit is not None and len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return _PUNCTUATION.sub(r"\\\1", _LATE.sub(_JOINER, line))


def markup(text: str) -> str:
    """`text` as HTML that shows exactly its characters, fit for content and quoted attributes.

    >>> markup('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(text), quote=True)


def file_name(name: str) -> str:
    r"""The last part of an uploaded file's name, without control characters, at most `MAX_NAME` characters.

    >>> file_name("..\\..\\etc/pass\nwd.pdf"), file_name("..")
    ('passwd.pdf', 'document')
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = " ".join(visible(last.replace("\n", "").replace("\t", " ")).split()).strip(". ")
    if len(shown) > MAX_NAME:
        stem, dot, ending = shown.rpartition(".")
        keep = f"{dot}{ending}" if dot and len(ending) <= 8 else ""
        shown = (stem if keep else shown)[: MAX_NAME - len(keep)] + keep
    return shown or "document"
