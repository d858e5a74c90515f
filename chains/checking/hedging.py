"""Whether a claim keeps what its passage limits a statement by: who says so, on what condition, of how many."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.lexicon import lexicon
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.quantities import same
from lastro.chains.checking.reading import Reading, Word
from lastro.language import fold

_NEXT = 3  # characters between neighbouring sentences
_NUMBERED = 0.8  # how surely a condition is dropped with its number
_EXEMPTED = 0.9
_SURE = 0.6  # credit of a word that is surely said
_MOST = 0.6  # share of the words said that another speaks: from here all of the claim is theirs


def hedging_breaks(cover: Cover) -> Iterator[Break]:
    """What the claim drops of its best sentence's hedges."""
    yield from _attribution(cover)
    yield from _conditions(cover)
    yield from _exempted(cover)
    yield from _quantifier(cover)


# Attribution ---------------------------------------------------------------------------------------------------------


def _attribution(cover: Cover) -> Iterator[Break]:
    primary = cover.primary
    if not primary.reading.attributed:
        return
    if _attributes_itself(cover):
        yield from _another_speaker(cover)
        return
    inside = total = 0.0
    for at, weight in enumerate(cover.statement.weights):
        if primary.credits[at] > _SURE and primary.said_by[at]:
            total += weight
            inside += weight * all(word.attributed for word in primary.said_by[at])
    if inside and not _announces(primary):
        start, _ = primary.reading.attributed[0]
        source = primary.source.text[max(start - 30, 0) : start].split(" ", 1)[-1].strip()
        yield Break("attribution", min(1.0, inside / total / _MOST), "", source, contradicts=False)


def _announces(matched: Matched) -> bool:
    """Whether who a document is by, its title says, announces what is its own."""
    start, _ = matched.reading.attributed[0]
    folded = matched.reading.folded[:start]
    verb = re.search(r"\w+\s*$", folded)
    if verb is None or verb.group().strip() not in lexicon(matched.reading.language).informing:
        return False
    title = fold(matched.source.passage.title)
    return any(len(word) > 4 and word in title for word in re.findall(r"\w+", folded[: verb.start()]))


def _attributes_itself(cover: Cover) -> bool:
    """Whether the claim says that somebody says so, by other words than those that the passage has them say."""
    folded, language = cover.statement.folded, cover.statement.language
    known = lexicon(language)
    if known.sourcing.search(folded):
        return True
    reading = cover.primary.reading
    within = " ".join(reading.folded[start:end] for start, end in reading.attributed)
    found = [match.group() for match in known.crediting.finditer(folded)]
    found += [word for word in re.findall(r"\w+", folded) if word in known.reporting]
    return any(not re.search(rf"\b{re.escape(word)}\b", within) for word in found)


def _another_speaker(cover: Cover) -> Iterator[Break]:
    """A claim that has somebody say what the passage has somebody else say, while this one says other things."""
    mine = {word.stem for word in _speaker(cover.statement.reading, 0)}
    primary = cover.primary
    used = [word.start for said in primary.said_by for word in said]
    if not mine or not used:
        return
    start, end = _stretch(primary.reading.folded, sorted(used)[len(used) // 2])
    if mine & {word.stem for word in primary.reading.words if start <= word.start < end}:
        return
    theirs = _speaker(primary.reading, start)
    others = [m.reading for m in (*cover.sentences, *cover.others) if m.source.passage is primary.source.passage]
    elsewhere = {
        word.stem
        for r in others
        for at in _starts(r.folded)
        for word in _speaker(r, at)
        if (r, at) != (primary.reading, start)
    }
    if theirs and mine & elsewhere:
        text = " ".join(word.text for word in cover.statement.words if word.stem in mine)
        yield Break("attribution", 1.0, text, " ".join(word.text for word in theirs))


def _starts(folded: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer(r";", folded))]


def _stretch(folded: str, at: int) -> tuple[int, int]:
    """The stretch between semicolons that a character lies in."""
    stop = folded.find(";", at)
    return folded.rfind(";", 0, at) + 1, stop if stop >= 0 else len(folded)


def _speaker(reading: Reading, start: int) -> list[Word]:
    """The content words of who speaks in the stretch at `start`: behind "according to", or before a verb of saying."""
    known, (_, stop) = lexicon(reading.language), _stretch(reading.folded, start)
    match = known.sourcing.search(reading.folded, start, stop)
    if match is not None:
        comma = re.search(r"[,;.]|$", reading.folded[match.end() :])
        end = match.end() + (comma.start() if comma else 0)
        return [word for word in reading.words if match.start() <= word.start < end]
    for verb in re.finditer(r"\w+", reading.folded[start:stop]):
        if verb.group() in known.reporting:
            return [word for word in reading.words if start <= word.start < start + verb.start()]
    return []


# Conditions ----------------------------------------------------------------------------------------------------------


def is_limited(folded: str, language: str) -> bool:
    """Whether a text limits what it says in some way."""
    known = lexicon(language)
    return bool(known.conditions.search(folded) or known.limiting.search(folded))


def _conditions(cover: Cover) -> Iterator[Break]:
    """The condition of the best sentence that the claim says least of."""
    statement, matched = cover.statement, cover.primary
    if statement.fragment:
        return
    found = {(word.start, word.end) for said in matched.said_by for word in said}
    worst: Break | None = None
    for start, end in matched.reading.conditions:
        inside = [word for word in matched.reading.words if start <= word.start < end]
        numbers = [q for q in matched.reading.quantities if start <= q.start < end]
        if not _governs(matched, start, end):
            continue
        dropped = [q for q in numbers if not any(same(mine, q) for mine in statement.quantities)]
        kept = sum((word.start, word.end) in found for word in inside) + len(numbers) - len(dropped)
        sure = 1 - kept / max(len(inside) + len(numbers), 1)
        if dropped or not (inside or numbers):
            sure = max(sure, _NUMBERED)
        if worst is None or sure > worst.sure:
            text = matched.source.text[start:end].strip(" .")
            worst = Break("condition", sure, "", text[:80], contradicts=False)
    if worst is not None and worst.sure > 0:
        yield worst


def _governs(matched: Matched, start: int, end: int) -> bool:
    """Whether the claim uses words of the same stretch between semicolons as the condition, outside it."""
    edges = [0, *[m.start() for m in re.finditer(r";", matched.reading.folded)], len(matched.reading.folded)]
    own = sum(start >= edge for edge in edges)
    used = [
        sum(word.start >= edge for edge in edges)
        for said in matched.said_by
        for word in said[:1]
        if not start <= word.start < end
    ]
    return used.count(own) >= min(2, max(len(used), 1))


def _exempted(cover: Cover) -> Iterator[Break]:
    """A clause or sentence right behind the one that backs the claim, which exempts somebody from it."""
    primary = cover.primary
    known = lexicon(primary.reading.language)
    if not known.exempting.pattern or cover.statement.fragment:
        return
    for matched in cover.others:
        near = (
            matched.source.passage is primary.source.passage and 0 <= matched.source.start - primary.source.end <= _NEXT
        )
        if near and (hit := known.exempting.search(matched.reading.folded)):
            yield Break("condition", _EXEMPTED, "", matched.source.text[hit.start() : hit.end()], contradicts=False)
    used = sorted(word.end for said in primary.said_by for word in said[:1])
    after = primary.reading.folded.find(";", used[len(used) // 2] if used else 0)
    if after >= 0 and (hit := known.exempting.search(primary.reading.folded, after)):
        yield Break("condition", _EXEMPTED, "", primary.source.text[hit.start() : hit.end()], contradicts=False)


# Quantifiers ---------------------------------------------------------------------------------------------------------


def _quantifier(cover: Cover) -> Iterator[Break]:
    """A claim about all where its best sentence does not speak of all, the more so where it speaks of some."""
    every = lexicon(cover.statement.language).every.search(cover.statement.folded)
    known = lexicon(cover.primary.reading.language)
    folded = cover.primary.reading.folded
    if every is None or known.every.search(folded) or known.universal.search(folded):
        return
    limit = known.some.search(" ".join(matched.reading.folded for matched in cover.sentences))
    start, end = every.span()
    yield Break("quantifier", 1.0 if limit else 0.5, cover.statement.text[start:end], limit.group() if limit else "",
                contradicts=limit is not None)  # fmt: skip
