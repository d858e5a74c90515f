"""Bytes to text: UTF-8 first, then byte order marks, Windows-1252, and at last a detector."""

from __future__ import annotations

import codecs
import re

from lastro.errors import UnsupportedFormat

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_WESTERN = frozenset("áàâãäåçéèêëíìîïñóòôõöúùûüýÿœæøßºªÁÀÂÃÄÅÇÉÈÊËÍÌÎÏÑÓÒÔÕÖÚÙÛÜÝŸŒÆØ°§€£«»–—‘’“”•…©®´·½¼¾²³¹¿¡™\u00a0")
_INSIDE_WORD = re.compile(r"(?<=[^\W\d_])[³¹²¿¡½¼¾«»°](?=[^\W\d_])")  # what Polish and its like turn into
_SAMPLE = 65_536


def is_binary(data: bytes) -> bool:
    """Whether bytes cannot be text in any encoding we read: many control bytes, and no sign of UTF-16."""
    if any(data.startswith(mark) for mark, _ in _MARKS) or _utf16_without_mark(data):
        return False
    sample = data[:_SAMPLE]
    controls = sum(sample.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13, 27))
    return controls > len(sample) * 0.02 + 2


def _utf16_without_mark(data: bytes) -> str | None:
    sample = data[:4096]
    half = len(sample) // 2
    if half < 2:
        return None
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and odd < half * 0.05 else None


def _western(data: bytes) -> str | None:
    """The text in Windows-1252 where it reads like a Western European language, else None.

    Detectors take short Portuguese in Latin-1 for Central European or Chinese, so this goes before them.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    foreign = [char for char in text if char > "\x7f"]
    letters = sum(char.isalpha() for char in text)
    plausible = all(char in _WESTERN for char in foreign) and len(foreign) <= max(4, letters * 0.25)
    return text if plausible and not _INSIDE_WORD.search(text) else None


def _declared(data: bytes) -> str | None:
    """The text by the encoding that an HTML or XML head names, None where it names none that fits."""
    found = _DECLARED.search(data[:2048])
    if found is None:
        return None
    name = found.group(1).decode("ascii").lower()
    if name in ("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"):
        name = "cp1252"  # browsers read both names so
    try:
        return data.decode(name)
    except (LookupError, UnicodeDecodeError):
        return None


def decode(data: bytes, *, markup: bool = False) -> tuple[str, str]:
    """The text of bytes and the name of the encoding; `markup` also trusts an encoding named in the head.

    >>> decode("Ação".encode("latin-1"))
    ('Ação', 'cp1252')

    Raises:
        UnsupportedFormat: the bytes are no text in any known encoding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding.removesuffix("-sig")
    wide = _utf16_without_mark(data)
    if wide is not None:
        return data.decode(wide, errors="replace"), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    text = _declared(data) if markup else None
    if text is not None:
        return text, "as declared"
    text = _western(data)
    return (text, "cp1252") if text is not None else _detected(data)


def _detected(data: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes  # heavy: only for text that is neither Unicode nor Western

    best = from_bytes(data[:_SAMPLE]).best()
    if best is None:
        raise UnsupportedFormat("not text in any known encoding; save it as UTF-8 and add it again")
    return data.decode(best.encoding, errors="replace"), str(best.encoding)
