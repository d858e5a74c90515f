"""Hard rules between a claim and the sentences that seem to back it: each break is told in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.counting import number_breaks
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.naming import name_breaks, role_breaks
from lastro.chains.checking.polarity import negation_breaks
from lastro.chains.checking.quantities import same
from lastro.chains.checking.reading import Word, spans_of_conditions
from lastro.chains.checking.wording import (
    ALL,
    ALSO_ATTRIBUTING,
    ALSO_CONDITIONS,
    ATTRIBUTING,
    CONDITIONS,
    EXEMPTING,
    SOME,
    SOURCING,
)
from lastro.language import fold


def breaks(cover: Cover) -> list[Break]:
    """Every rule that a statement breaks against its cover."""
    return [
        *number_breaks(cover),
        *negation_breaks(cover),
        *name_breaks(cover),
        *role_breaks(cover),
        *_quantifiers(cover),
        *_attribution(cover),
        *_conditions(cover),
    ]


# Quantifiers ---------------------------------------------------------------------------------------------------------


def _quantifiers(cover: Cover) -> Iterator[Break]:
    claim = cover.statement.folded
    source = cover.primary.reading.folded
    every = ALL.search(claim)
    if every and not ALL.search(source) and not re.search(r"\bnot? (?:any|all)\b|\bnem tod", claim):
        limit = SOME.search(" ".join(matched.reading.folded for matched in cover.sentences))
        if limit:
            yield Break("quantifier", f'"{every.group()}" is more than the passage says ("{limit.group()}")')


# Attribution and conditions ------------------------------------------------------------------------------------------


def attributes(folded: str) -> bool:
    """Whether a text says that somebody says so."""
    return bool(
        SOURCING.search(folded)
        or ALSO_ATTRIBUTING.search(folded)
        or any(word in ATTRIBUTING for word in re.findall(r"\w+", folded))
    )


def _only_where(cover: Cover, trait: str) -> tuple[float, float, list[Word]]:
    """The weight of the claim's words that stand only in such parts, that of all matched ones, and those words."""
    inside = total = 0.0
    words = []
    for at, weight in enumerate(cover.statement.weights):
        said = cover.primary.said_by[at]
        if said:
            total += weight
            if all(getattr(word, trait) for word in said):
                inside += weight
                words.append(said[0])
    return inside, total, words


def _attribution(cover: Cover) -> Iterator[Break]:
    if attributes(cover.statement.folded):
        return
    inside, total, _ = _only_where(cover, "attributed")
    if not total or inside / total < 0.3 or _own_voice(cover):
        return
    for matched in cover.sentences[:1]:
        spoken = next((w for w in re.findall(r"\w+", matched.reading.folded) if w in ATTRIBUTING), None)
        source = SOURCING.search(matched.reading.folded)
        if spoken or source:
            said = spoken or (source.group() if source else "")
            yield Break("attribution", f'the passage does not say so itself ("{said}")', contradicts=False)
            return


def _own_voice(cover: Cover) -> bool:
    """Whether the one who speaks is who the document is by: its title names them."""
    for matched in cover.sentences[:1]:
        folded, title = matched.reading.folded, fold(matched.source.passage.title)
        found = [match for match in re.finditer(r"\w+", folded) if match.group() in ATTRIBUTING]
        if found and any(
            len(word) > 4 and word in title for word in re.findall(r"\w+", folded[: found[0].start()])[-5:]
        ):
            return True
    return False


def _conditions(cover: Cover) -> Iterator[Break]:
    statement = cover.statement
    if statement.fragment:
        return
    hedged = bool(CONDITIONS.search(statement.folded) or ALSO_CONDITIONS.search(statement.folded))
    for matched in cover.sentences[:1]:
        spans = spans_of_conditions(matched.reading.folded)
        found = {word for said in matched.said_by for word in said}
        for start, end in spans:
            inside = [word for word in matched.reading.words if start <= word.start < end]
            if not inside or not _governs(matched, start):
                continue
            covered = sum(word in found for word in inside) / len(inside)
            numbers = [q for q in matched.reading.quantities if start <= q.start < end and not q.ordinal]
            dropped = bool(numbers) and not any(same(mine, q) for mine in statement.quantities for q in numbers)
            if covered < (0.25 if hedged else 0.5) or (dropped and covered >= 0.25):
                text = matched.source.text[start:end].strip(" .")
                yield Break("condition", f'the passage adds a condition: "{text[:80]}"', contradicts=False)
                return
    if not hedged:
        yield from _exempted(cover)


def _governs(matched: Matched, condition: int) -> bool:
    """Whether the claim uses words of the same stretch between semicolons as the condition, outside it."""
    stretches = [0, *[m.start() for m in re.finditer(r";", matched.reading.folded)], len(matched.reading.folded)]
    used = [_stretch(stretches, word.start) for said in matched.said_by for word in said[:1] if not word.conditional]
    return used.count(_stretch(stretches, condition)) >= min(2, max(len(used), 1))


def _stretch(stretches: list[int], at: int) -> int:
    return sum(at >= edge for edge in stretches)


def _exempted(cover: Cover) -> Iterator[Break]:
    """A next sentence that exempts somebody limits the one before."""
    primary = cover.primary
    nexts = [m for m in cover.others if m.source.passage.chunk_id == primary.source.passage.chunk_id]
    for matched in nexts:
        if 0 <= matched.source.start - primary.source.end <= 3 and (hit := EXEMPTING.search(matched.reading.folded)):
            yield Break("condition", f'the next sentence exempts: "{hit.group()}"', contradicts=False)
