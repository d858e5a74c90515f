"""Whether the numbers and dates of a claim stand in its passage, and are said of the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, used_stretch
from lastro.chains.checking.quantities import Quantity, same
from lastro.language import is_stop_word, terms


def number_breaks(cover: Cover) -> Iterator[Break]:
    """Numbers of the claim that the passage lacks, bounds otherwise, or says of something else."""
    statement = cover.statement
    for at, wanted in enumerate(statement.quantities):
        holders = [matched for matched in cover.sentences if matched.quantities[at]]
        if not holders:
            if not _in_titles(wanted, cover):
                yield _missing(wanted, cover)
            continue
        found = [have for matched in holders for have in matched.reading.quantities if same(wanted, have)]
        if wanted.bound and not any(have.bound in ("", wanted.bound) for have in found):
            yield Break("number", f'"{wanted.text}" is a {wanted.bound} here and a {found[0].bound} in the passage')
        if wanted.period and found and all(have.period not in ("", wanted.period) for have in found):
            yield Break(
                "number", f'"{wanted.text}" is for each {wanted.period}, in the passage for each {found[0].period}'
            )
        if _elsewhere(at, cover):
            yield Break("number", f"number {wanted.text.strip()} is said of something else in the passage")
        elif other := _bound_to_another(wanted, cover):
            yield Break(
                "number", f'number {wanted.text} belongs to something else in the passage, which says "{other}"'
            )


def _missing(wanted: Quantity, cover: Cover) -> Break:
    have = [q for matched in cover.sentences for q in matched.reading.quantities]
    rivals = [q for q in have if (q.date is None) == (wanted.date is None)]
    alike = [q for q in rivals if wanted.unit in (q.unit, "") or not q.unit] or rivals
    said = f" ({alike[0].text.strip()})" if alike else ""
    return Break("number", f"number {wanted.text.strip()} is not in the passage{said}", contradicts=bool(alike))


def _elsewhere(at: int, cover: Cover) -> bool:
    """Whether the number stands only in sentences that share no word with the claim."""
    return max(sum(matched.credits) for matched in cover.sentences if matched.quantities[at]) < 0.9


def _in_titles(wanted: Quantity, cover: Cover) -> bool:
    digits = re.findall(r"\d+", wanted.text)
    titles = " ".join(f"{m.source.passage.title} {m.source.passage.section}" for m in cover.sentences)
    return bool(digits) and all(re.search(rf"(?<!\d){digit}(?!\d)", titles) for digit in digits)


def _bound_to_another(wanted: Quantity, cover: Cover) -> str:
    """The number that stands where the claim's should, in the stretch that says most of the claim."""
    primary = cover.primary
    start, end = used_stretch(primary)
    have = [q for q in primary.reading.quantities if start <= q.start < end and not q.ordinal]
    if any(same(wanted, q) for q in have):
        return ""
    for rival in have:
        claimed = any(same(mine, rival) for mine in cover.statement.quantities)
        if not claimed and _of_a_kind(wanted, rival, cover):
            return rival.text.strip()
    return ""


def _of_a_kind(wanted: Quantity, rival: Quantity, cover: Cover) -> bool:
    """Whether two numbers measure the same: two full dates, money, shares, or counts of the same thing."""
    if (wanted.date is None) != (rival.date is None):
        return False
    if wanted.date is not None and rival.date is not None:
        mine, theirs = wanted.date, rival.date
        return ((mine.day is None) == (theirs.day is None)) and ((mine.month is None) == (theirs.month is None))
    if wanted.unit or rival.unit:
        return wanted.unit == rival.unit and wanted.unit not in ("m", "l", "g")
    head = _head(cover.statement.text, wanted, cover.statement.language)
    return bool(head) and head == _head(cover.primary.source.text, rival, cover.primary.source.passage.language)


def _head(text: str, quantity: Quantity, language: str) -> str:
    after = [term for term in terms(text[quantity.end : quantity.end + 30], language) if not term.text[0].isdigit()]
    return after[0].stem if after and not is_stop_word(after[0].text, language) else ""
