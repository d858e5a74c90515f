"""Whether the document has another number in the place of a claim's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched
from lastro.chains.checking.quantities import Quantity, of_a_kind
from lastro.chains.checking.reading import Reading
from lastro.language import is_stop_word, stem, terms

_SAID = 0.35  # credit from which a word is said at all
_RUN = 2  # content words right before two numbers of a kind that make them one place
_LONG_RUN = 4  # and before a day and a length of time; where so many are alike, one word may come from elsewhere
_TIMES = ("s", "month", "workday")
_UNIT = re.compile(r"[^\W\d_]+|[%€£$]")


def in_its_place(cover: Cover) -> Iterator[Break]:
    """A sentence that goes like the claim up to a number and there has another one ("no later than 30 November").

    The claim's own stands elsewhere, with none of the claim's words beside it ("if that takes more than 180 days").
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

    They are in the same unit as written, the only ones of their kind in the sentence, count the same thing, and the
    sentence neither limits nor attributes its own; or one is the day until which and the other the time within which
    something must be done. "By 20%" and "by 3 euros" may both be right, as may "90 days" and "3 months".
    """
    language = cover.statement.language
    if have.ordinal:
        return 0
    if not of_a_kind(wanted, have):
        days = [one for one in (wanted, have) if one.date is not None and one.side == "until"]
        times = [one for one in (wanted, have) if one.unit in _TIMES]
        return _LONG_RUN if days and times else 0
    others = [one for one in matched.reading.quantities if one is not have and not one.ordinal]
    aside = (*matched.reading.conditions, *matched.reading.attributed)
    if any(start <= have.start < end for start, end in aside):
        return 0
    if wanted.period != have.period or any(of_a_kind(have, one) or not one.unit for one in others):
        return 0
    if _places(cover.statement.reading) != _places(matched.reading):
        return 0
    if not have.unit:
        same_thing = _behind(cover.statement.text, wanted, language) == _behind(matched.source.text, have, language)
    else:
        same_thing = have.date is not None or _unit_of(wanted, language) == _unit_of(have, language)
    return _RUN if same_thing else 0


def _places(reading: Reading) -> set[float]:
    """The places in an order that a text names: "in the second year"."""
    return {quantity.value for quantity in reading.quantities if quantity.ordinal}


def _unit_of(quantity: Quantity, language: str) -> str:
    """The unit as it is written, its stem or sign."""
    found = _UNIT.findall(quantity.text)
    return stem(found[-1], language) if found else ""


def _behind(text: str, quantity: Quantity, language: str) -> str:
    """The stem of the term behind a quantity, "" at the end."""
    return next((term.stem for term in terms(text, language) if term.start >= quantity.end), "")


def _run(cover: Cover, wanted: Quantity, matched: Matched, have: Quantity, *, both: bool = False) -> int:
    """How many content words stand alike right before a number of the claim and one of a sentence; or behind, too.

    Common words must be alike as well, but do not count.
    """
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
