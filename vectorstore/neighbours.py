"""Passages that grow by the sentences around them, within their sections and a budget of tokens."""

from __future__ import annotations

import dataclasses
import sqlite3
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lastro.sentences import sentences
from lastro.types import PageSpan, Passage
from lastro.vectorstore.reading import AMONG, as_json

_STRETCH = 1_000  # characters that are cut into sentences at a time

Tokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a document's passages: none grows across one of the `borders`, which are characters."""

    text: str
    borders: tuple[int, ...]  # sorted; the text's own two ends are among them
    pages: tuple[PageSpan, ...]

    def room(self, start: int, end: int) -> tuple[int, int]:
        """The stretch between borders that a span lies in."""
        before = bisect_right(self.borders, start) - 1
        return self.borders[before], self.borders[bisect_left(self.borders, end)]

    def numbers(self, start: int, end: int) -> tuple[int | None, int | None]:
        """The first and the last numbered page that a span touches; None where it touches none."""
        touched = [page.number for page in self.pages if page.start < end and start < page.end]
        numbered = [number for number in touched if number is not None]
        return (numbered[0], numbered[-1]) if numbered else (None, None)


def surroundings(
    db: sqlite3.Connection, document_ids: Sequence[str], *, pages_apart: bool = False
) -> dict[str, Surroundings]:
    """The surroundings of passages by document, for those documents that exist, within the caller's snapshot.

    Borders are where a section begins or ends and, with `pages_apart`, a page.
    """
    wanted = as_json(sorted(set(document_ids)))
    texts = dict(db.execute(f"SELECT document_id, text FROM texts WHERE document_id {AMONG}", (wanted,)).fetchall())
    borders = {key: {0, len(text)} for key, text in texts.items()}
    pages: dict[str, list[PageSpan]] = {key: [] for key in texts}
    sql = f"SELECT document_id, first, last FROM sections WHERE document_id {AMONG}"
    for key, first, last in db.execute(sql, (wanted,)):
        borders[key] |= {min(first, len(texts[key])), min(last, len(texts[key]))}
    sql = f"SELECT document_id, number, first, last FROM pages WHERE document_id {AMONG} ORDER BY document_id, position"
    for key, number, first, last in db.execute(sql, (wanted,)):
        pages[key].append(PageSpan(number, first, last))
        if pages_apart:
            borders[key] |= {min(first, len(texts[key])), min(last, len(texts[key]))}
    return {key: Surroundings(text, tuple(sorted(borders[key])), tuple(pages[key])) for key, text in texts.items()}


def grow(
    passages: Sequence[Passage], around: Mapping[str, Surroundings], *, budget: int, count_tokens: Tokens
) -> list[Passage]:
    """The passages, each grown by whole sentences of its section while all together have at most `budget` tokens.

    In rank order each takes one sentence at a time, in turn after and before it. Passages of one document that meet
    become one, which is the best-ranked of them. One that is not what its document holds stays as it is, and all do
    where they have more tokens than the budget.
    """
    return _Field(passages, around, budget, count_tokens).grown()


class _Window:
    """One passage as it grows: characters `start` to `end` of its document."""

    def __init__(self, passage: Passage, source: Surroundings | None, tokens: int) -> None:
        self.passage = passage
        self.source = source
        self.tokens = tokens
        self.start, self.end = passage.start, passage.end
        self.room = (self.start, self.end) if source is None else source.room(self.start, self.end)
        self._sides: deque[Iterator[tuple[int, int]]] = deque()
        self._look()

    def _look(self) -> None:
        """Begin to look for sentences at the present ends."""
        self._sides.clear()
        if self.source is not None:
            text, (low, high) = self.source.text, self.room
            after = ((self.start, end) for end in following(text, self.end, high))
            before = ((start, self.end) for start in preceding(text, self.start, low))
            self._sides += [after, before]

    def next(self) -> tuple[int, int] | None:
        """The span with one more sentence, on the two sides in turn; None where nothing is left."""
        while self._sides:
            span = next(self._sides[0], None)
            if span is not None:
                self._sides.rotate(-1)
                return span
            self._sides.popleft()
        return None

    def give_up(self) -> None:
        """Take nothing more from the side that `next` came from: what it gave did not fit."""
        self._sides.pop()

    def become(self, start: int, end: int, tokens: int, *, look: bool) -> None:
        """Take a span over; `look` where others joined, so that sentences are to be looked for anew."""
        self.start, self.end, self.tokens = start, end, tokens
        if look:
            self._look()

    def meets(self, other: _Window, start: int, end: int) -> bool:
        """Whether the span of this window's document overlaps another window, or touches it in one section."""
        if self.source is None or other.source is None or self.passage.document_id != other.passage.document_id:
            return False
        if start < other.end and other.start < end:
            return True
        between = self.source.text[min(end, other.end) : max(start, other.start)]
        return self.room == other.room and not between.strip()

    def grown(self) -> Passage:
        """The passage with its span, text and pages as they are now."""
        if self.source is None or (self.start, self.end) == (self.passage.start, self.passage.end):
            return self.passage
        first, last = self.source.numbers(self.start, self.end)
        text = self.source.text[self.start : self.end]
        return dataclasses.replace(
            self.passage, text=text, start=self.start, end=self.end, page_start=first, page_end=last
        )


class _Field:
    """All passages of one search as they grow, in rank order."""

    def __init__(
        self, passages: Sequence[Passage], around: Mapping[str, Surroundings], budget: int, count_tokens: Tokens
    ) -> None:
        self.budget = budget
        self.count = count_tokens
        self.windows = [
            _Window(one, _source_of(one, around.get(one.document_id)), count_tokens(one.text)) for one in passages
        ]

    def grown(self) -> list[Passage]:
        if self._total() <= self.budget:
            for window in list(self.windows):
                if window in self.windows:  # not yet part of a better one
                    self._take(window, window.start, window.end)
            self._grow()
        return [window.grown() for window in self.windows]

    def _grow(self) -> None:
        turns = deque(self.windows)
        while turns:
            window = turns.popleft()
            span = window.next() if window in self.windows else None
            if span is None:
                continue
            if not self._take(window, *span):
                window.give_up()
            turns.append(window)

    def _take(self, window: _Window, start: int, end: int) -> bool:
        """Let a window have a span, and those that it meets then; False where that breaks the budget."""
        joined = [window]
        while met := [
            one for one in self.windows if one not in joined and any(each.meets(one, start, end) for each in joined)
        ]:
            joined += met
            start, end = min(start, *(one.start for one in joined)), max(end, *(one.end for one in joined))
        assert window.source is not None or len(joined) == 1
        if len(joined) == 1 and (start, end) == (window.start, window.end):
            return True
        assert window.source is not None
        tokens = self.count(window.source.text[start:end])
        if self._total() - sum(one.tokens for one in joined) + tokens > self.budget:
            return False
        best = next(one for one in self.windows if one in joined)
        best.become(start, end, tokens, look=len(joined) > 1)
        self.windows = [one for one in self.windows if one is best or one not in joined]
        return True

    def _total(self) -> int:
        return sum(window.tokens for window in self.windows)


def _source_of(passage: Passage, source: Surroundings | None) -> Surroundings | None:
    """The surroundings, where the passage stands in them: a document may have changed since it was searched."""
    if source is None or source.text[passage.start : passage.end] != passage.text or not passage.text:
        return None
    return source


def following(text: str, at: int, limit: int) -> Iterator[int]:
    """Yield where each sentence after a place ends, up to `limit`; the first may be the rest of one."""
    size = _STRETCH
    while at < limit:
        stop = min(limit, at + size)
        found = sentences(text[at:stop])
        whole = found if stop == limit else found[:-1]  # the last one may be cut
        if not whole and stop == limit:
            return
        yield from (at + end for _start, end in whole)
        size = _STRETCH if whole else 2 * size
        at += whole[-1][1] if whole else 0


def preceding(text: str, at: int, limit: int) -> Iterator[int]:
    """Yield where each sentence before a place begins, nearest first, down to `limit`."""
    size = _STRETCH
    while at > limit:
        first = max(limit, at - size)
        found = sentences(text[first:at])
        whole = found if first == limit else found[1:]
        if not whole and first == limit:
            return
        yield from (first + start for start, _end in reversed(whole))
        size = _STRETCH if whole else 2 * size
        at = first + whole[0][0] if whole else at
