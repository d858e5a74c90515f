"""Scripts that write no spaces between words: their runs are cut into overlapping pairs of characters.

Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese have no word borders that a pattern could see. Overlapping pairs
find them without a dictionary (as Lucene's CJKAnalyzer does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_RUN = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)


def has_unsegmented(text: str) -> bool:
    """Whether any of a text is written in a script without spaces.

    >>> has_unsegmented("iPhone手机"), has_unsegmented("contrato")
    (True, False)
    """
    return not text.isascii() and _RUN.search(text) is not None


def iter_pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a word's parts: pairs of characters where it has no borders, and what stands between.

    >>> [("iPhone手机卡"[a:b]) for a, b in iter_pieces("iPhone手机卡")]
    ['iPhone', '手机', '机卡']
    """
    position = 0
    for run in _RUN.finditer(text):
        if run.start() > position:
            yield position, run.start()
        position = run.end()
        if run.end() - run.start() == 1:
            yield run.span()
        for start in range(run.start(), run.end() - 1):
            yield start, start + 2
    if position < len(text):
        yield position, len(text)
