"""What a claim brings that its sentences do not: an answer's own words, and what a number is said of."""

from __future__ import annotations

from collections.abc import Iterator

from lastro.chains.checking.breaks import Break
from lastro.chains.checking.matching import Cover, Matched

_OWN = 0.5  # least share of a fragment's own weight that its sentences must say
_SAID = 0.35  # credit from which a word is said at all


def lacking(cover: Cover) -> Iterator[Break]:
    """Breaks that decide alone, whatever else speaks for a claim."""
    yield from _own_words(cover)
    yield from _numbers_alone(cover)


def _own_words(cover: Cover) -> Iterator[Break]:
    """A fragment is completed by its question, but the words of the question cannot back it."""
    statement = cover.statement
    if statement.own is None:
        return
    credits = cover.credits()
    own = [at for at, word in enumerate(statement.words) if word.start >= statement.own]
    said = sum(statement.weights[at] * credits[at] for at in own)
    whole = sum(statement.weights[at] for at in own)
    said += sum(any(m.quantities[at] for m in cover.sentences) for at in range(len(statement.quantities)))
    whole += len(statement.quantities)
    if whole and said / whole < _OWN:
        missing = [statement.words[at].text for at in own if credits[at] < _SAID]
        yield Break("missing", 1.0, ", ".join(missing[:6]), contradicts=False)


def _numbers_alone(cover: Cover) -> Iterator[Break]:
    """A number that stands only in sentences which say nothing else of the claim is the number of something else."""
    statement = cover.statement
    if not statement.words or statement.own is not None:
        return
    for at, wanted in enumerate(statement.quantities):
        holding = [m for m in (*cover.sentences, *cover.others) if m.quantities[at]]
        own = all(m.source.passage.language == statement.language for m in holding)
        if holding and own and not any(_speaks(m) for m in holding):
            yield Break("number", 1.0, wanted.text.strip(), holding[0].source.text[:80])


def _speaks(matched: Matched) -> bool:
    return max(matched.credits, default=0.0) >= _SAID
