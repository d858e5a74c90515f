"""Whether the numbers and dates of a claim stand in its passage, with the same bound and period."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover
from lastro.chains.checking.quantities import Quantity
from lastro.chains.checking.things import head_of

_SMALL = 3  # "one", "two" and "both" often count nothing that a passage would count
_WEAK = 0.4


def number_breaks(cover: Cover) -> Iterator[Break]:
    """Numbers of the claim that the passage lacks or bounds otherwise."""
    for at, wanted in enumerate(cover.statement.quantities):
        found = [q for m in cover.sentences if m.quantities[at] for q in m.reading.says(wanted)]
        if not found:
            yield from _missing(at, wanted, cover)
            continue
        if wanted.bound and not any(have.bound in ("", wanted.bound) for have in found):
            yield Break("number", 1.0, f"{wanted.text} ({wanted.bound})", f"{found[0].text} ({found[0].bound})")
        if wanted.period and all(have.period not in ("", wanted.period) for have in found):
            yield Break("number", 1.0, f"{wanted.text} / {wanted.period}", f"{found[0].text} / {found[0].period}")
        if wanted.side and not any(have.side in ("", wanted.side) for have in found):
            yield Break("number", _WEAK, wanted.text, found[0].text)


def _missing(at: int, wanted: Quantity, cover: Cover) -> Iterator[Break]:
    if _in_titles(wanted, cover):
        return
    have = [q for m in cover.sentences for q in m.reading.quantities if not q.ordinal]
    rivals = [q for q in have if (q.date is None) == (wanted.date is None)]
    alike = [q for q in rivals if wanted.unit == q.unit] or [q for q in rivals if not wanted.unit or not q.unit]
    head = head_of(cover.statement.reading, wanted)
    counted = any(head and head == head_of(m.reading, q) for m in cover.sentences for q in m.reading.quantities)
    unsure = (is_small(wanted) and not counted) or any(m.quantities[at] for m in cover.others)
    sure = _WEAK if unsure else 1.0
    yield Break("number", sure, wanted.text.strip(), alike[0].text.strip() if alike else "", contradicts=bool(alike))


def is_small(quantity: Quantity) -> bool:
    """Whether a quantity is a small number in words without a unit, which may count the claim's own things."""
    return not quantity.unit and quantity.date is None and quantity.value <= _SMALL and quantity.text.isalpha()


def _in_titles(wanted: Quantity, cover: Cover) -> bool:
    digits = re.findall(r"\d+", wanted.text)
    titles = " ".join(f"{m.source.passage.title} {m.source.passage.section}" for m in cover.sentences)
    return bool(digits) and all(re.search(rf"(?<!\d){digit}(?!\d)", titles) for digit in digits)
