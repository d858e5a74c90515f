"""Whether the document has another number in the place of a claim's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.quantities import Quantity, of_a_kind
from lastro.language import is_stop_word, terms

_SAID = 0.35  # credit from which a word is said at all
_RUN = 2  # content words right before two numbers of a kind that make them one place
_LONG_RUN = 4  # and before a day and a length of time; then one word may come from elsewhere
_TIMES = ("s", "month", "workday")


def in_its_place(cover: Cover) -> Iterator[Break]:
    """A sentence that goes like the claim up to a number and there has another one ("no later than 30 November").

    The claim's own stands elsewhere, in other words ("if that takes more than 180 days"), and nothing else of it there.
    """
    statement = cover.statement
    if statement.own is not None:
        return
    for at, wanted in enumerate(statement.quantities):
        every = [m for m in (*cover.sentences, *cover.others) if m.source.passage.language == statement.language]
        holding = [m for m in every if m.quantities[at]]
        if not holding or any(_run(cover, wanted, m, q, both=True) for m in holding for q in m.reading.says(wanted)):
            continue
        for matched in cover.sentences:
            if matched in holding or matched not in every or _named_only_by(holding, matched, cover):
                continue
            added = _added(holding, matched, cover)
            for have in matched.reading.quantities:
                least = _least_run(wanted, have, matched, cover)
                run = _run(cover, wanted, matched, have) if least else 0
                if least and run >= least and added <= (run >= _LONG_RUN):
                    yield Break("number", 1.0, wanted.text.strip(), have.text.strip())
                    return


def _least_run(wanted: Quantity, have: Quantity, matched: Matched, cover: Cover) -> int:
    """How many words must stand alike before two numbers that can have one place; 0 where they cannot.

    They are the only ones of their kind, and count the same thing; or one is the day until which and the other the time
    within which something must be done. "By 20%" and "by 3 euros" may both be right, as may "in 3 years" and "in 1920".
    """
    if have.ordinal:
        return 0
    times = [one for one in (wanted, have) if one.unit in _TIMES]
    if len(times) < 2 and not of_a_kind(wanted, have):
        days = [one for one in (wanted, have) if one.date is not None and one.side == "until"]
        return _LONG_RUN if days and times else 0
    others = [one for one in matched.reading.quantities if one is not have and not one.ordinal]
    if any(of_a_kind(have, one) or not one.unit for one in others):
        return 0
    counted = [
        _behind(text, one, cover.statement.language)
        for text, one in ((cover.statement.text, wanted), (matched.source.text, have))
    ]
    return _RUN if have.unit or counted[0] == counted[1] else 0


def _behind(text: str, quantity: Quantity, language: str) -> str:
    """The stem of the term behind a quantity, "" at the end."""
    return next((term.stem for term in terms(text, language) if term.start >= quantity.end), "")


def _run(cover: Cover, wanted: Quantity, matched: Matched, have: Quantity, *, both: bool = False) -> int:
    """How many content words stand alike right before a number of the claim and one of a sentence; or behind, too."""
    language = cover.statement.language
    ours, theirs = terms(cover.statement.text, language), terms(matched.source.text, language)
    before = ([t for t in found if t.end <= q.start][::-1] for found, q in ((ours, wanted), (theirs, have)))
    behind = ([t for t in found if t.start >= q.end] for found, q in ((ours, wanted), (theirs, have)))
    return sum(
        not is_stop_word(term.text, language)
        for side in ((before, behind) if both else (before,))
        for term, _ in itertools.takewhile(lambda pair: pair[0].stem == pair[1].stem, zip(*side, strict=False))
    )


def _added(holding: Sequence[Matched], matched: Matched, cover: Cover) -> int:
    """How many words of the claim other sentences say and this one does not."""
    return sum(
        matched.credits[at] < _SAID <= max(m.credits[at] for m in holding) for at in range(len(cover.statement.words))
    )


def _named_only_by(holding: Sequence[Matched], matched: Matched, cover: Cover) -> bool:
    """Whether the sentences that have a number share another number or a name with the claim that this one lacks.

    "In 2012 the first prize was worth 700 euros" is right beside "The first prize was worth 500 euros in 2010" and "In
    2012 it rose to 700 euros".
    """
    reading = cover.statement.reading
    numbers = [q for q in reading.quantities if not matched.reading.says(q)]
    names = [at for at, word in enumerate(cover.statement.words) if word.name and matched.credits[at] < _SAID]
    shared = sum(any(m.reading.says(q) for m in holding) for q in numbers)
    return shared > 1 or any(m.credits[at] >= _SAID for m in holding for at in names)
