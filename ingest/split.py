"""A document's text in chunks that fit the embedder, cut where the text itself pauses."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

from lastro.sentences import sentences
from lastro.types import Chunk, PageSpan, ParsedDocument, Section, chunk_id

_WINDOW = 16_384  # characters looked at together, so that no step's cost grows with the document's square
_CHARACTERS_A_TOKEN = 16  # a longer "token" is a tokenizer's unknown word, and says nothing of its length
_HEADING_WORDS = 12
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE_END = re.compile(r"[.!?:;…][\"'”’)\]]*$")


class Tokenizer(Protocol):
    """What splitting needs of an embedder."""

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that is embedded whole: the model's limit less special tokens and prompt."""

    def count_tokens(self, text: str) -> int:
        """Number of tokens, without special ones."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Character spans of all tokens, untruncated, without special ones."""


class _Unit(NamedTuple):
    """A sentence, or a piece of one that is too long; `opens` where a paragraph begins."""

    start: int
    end: int
    opens: bool


def split_document(
    parsed: ParsedDocument, document_id: str, *, tokenizer: Tokenizer, chunk_tokens: int, overlap_tokens: int
) -> list[Chunk]:
    """The chunks of a document in order: every character but white space is in one of them.

    A chunk lies within one section, and within one page unless a sentence runs over to the next. Its embedded text
    has at most `chunk_tokens` tokens, and no more than the tokenizer takes. Chunks of a page or section overlap by
    whole sentences of at most `overlap_tokens` tokens.
    """
    limit = min(chunk_tokens, tokenizer.max_tokens)
    counter = _Counter(parsed.text, tokenizer)
    pages = _PageFinder(parsed.pages)
    chunks: list[Chunk] = []
    for region in _regions(parsed):
        packer = _Packer(counter, _shortened(region.path, tokenizer, limit // 3), limit, overlap_tokens)
        for start, end in packer.spans(region.start, region.end):
            text = parsed.text[start:end]
            first, last = pages.around(start, end)
            chunks.append(
                Chunk(
                    id=chunk_id(document_id, start, end, text),
                    document_id=document_id,
                    index=len(chunks),
                    text=text,
                    start=start,
                    end=end,
                    page_start=first,
                    page_end=last,
                    section=packer.path,
                    token_count=packer.exact(start, end),
                )
            )
    return chunks


def _shortened(path: str, tokenizer: Tokenizer, limit: int) -> str:
    """A heading path of at most `limit` tokens: outer headings go first, then the last one's end."""
    names = path.split(" > ") if path else []
    shown = path
    while len(names) > 1 and tokenizer.count_tokens(shown) > limit:
        names = names[1:]
        shown = f"… > {' > '.join(names)}"
    if tokenizer.count_tokens(shown) <= limit:
        return shown
    last = names[-1][: limit * _CHARACTERS_A_TOKEN]
    while last and tokenizer.count_tokens(f"{last}…") > limit:
        last = last[: len(last) * 3 // 4].rstrip()
    return f"{last}…" if last else ""


def _regions(parsed: ParsedDocument) -> Iterator[Section]:
    """Stretches that no chunk crosses, in order: by innermost section, and by page where a page ends a sentence."""
    length = len(parsed.text)
    borders = {0, length}
    for section in parsed.sections:
        borders.update((min(section.start, length), min(section.end, length)))
    borders.update(_page_breaks(parsed))
    sections = sorted(parsed.sections, key=lambda section: (section.start, -section.end))
    ordered = sorted(borders)
    inside: list[Section] = []
    following = 0
    for start, end in pairwise(ordered):
        while following < len(sections) and sections[following].start <= start:
            inside.append(sections[following])
            following += 1
        while inside and inside[-1].end <= start:
            inside.pop()
        yield Section(inside[-1].path if inside else "", start, end)


def _page_breaks(parsed: ParsedDocument) -> Iterator[int]:
    """Starts of the pages that do not continue a sentence of the page before, or where numbered pages begin or end."""
    before, counted = "", False
    for page in parsed.pages:
        text = parsed.text[page.start : page.end].strip()
        if not text:
            continue
        runs_on = text[0].islower() and not _SENTENCE_END.search(before)
        if before and not (runs_on and counted == (page.number is not None)):
            yield page.start
        before, counted = text[-40:], page.number is not None


class _PageFinder:
    """The page numbers that a span touches."""

    def __init__(self, pages: tuple[PageSpan, ...]) -> None:
        self._pages = [page for page in pages if page.number is not None and page.end > page.start]
        self._starts = [page.start for page in self._pages]
        self._ends = [page.end for page in self._pages]

    def around(self, start: int, end: int) -> tuple[int | None, int | None]:
        """First and last numbered page of a span that is not empty; None where it touches none."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end) - 1
        if last < first:
            return None, None
        return self._pages[first].number, self._pages[last].number


class _Counter:
    """Token counts of any span of a text by bisection: the text is tokenised once, window by window."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self.text = text
        self.tokenizer = tokenizer
        self._ends = array("q")
        for start, end in windows(text, 0, len(text)):
            # The end of a token is safe where its start is not: some tokenizers count the space before a word in.
            self._ends.extend(sorted(start + stop for _, stop in tokenizer.token_spans(text[start:end])))

    def count(self, start: int, end: int) -> int:
        """Tokens of a span, near enough to cut by; what is cut is counted exactly."""
        return bisect_right(self._ends, end) - bisect_right(self._ends, start)

    def reach(self, start: int, tokens: int) -> int:
        """Where the span of that many tokens from `start` ends."""
        index = bisect_right(self._ends, start) + tokens - 1
        return self._ends[index] if index < len(self._ends) else len(self.text)


def windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cover a span by windows of bounded length, cut at a paragraph, else a line, else a word, else anywhere."""
    while end - start > _WINDOW:
        half, whole = start + _WINDOW // 2, start + _WINDOW
        found = (text.rfind(mark, half, whole) for mark in ("\n\n", "\n", " "))
        cut = next((at for at in found if at > 0), whole)
        yield start, cut
        start = cut
    if end > start:
        yield start, end


@dataclass(frozen=True, slots=True)
class _Packer:
    """Packs the sentences of a region into spans whose embedded text has at most `limit` tokens."""

    counter: _Counter
    path: str
    limit: int
    overlap: int

    def exact(self, start: int, end: int) -> int:
        """Tokens of a span's embedded text, by the tokenizer itself."""
        text = self.counter.text[start:end]
        return self.counter.tokenizer.count_tokens(f"{self.path}\n{text}" if self.path else text)

    def fits(self, start: int, end: int) -> bool:
        """Whether a span may be a chunk."""
        return end - start <= self.limit * _CHARACTERS_A_TOKEN and self.exact(start, end) <= self.limit

    def room(self) -> int:
        """Tokens left for text beside the heading path."""
        return max(1, self.limit - (self.counter.tokenizer.count_tokens(f"{self.path}\n") if self.path else 0))

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The spans of a region's chunks, in order."""
        room = self.room()
        units = list(self._units(start, end, room))
        first = new = 0  # the chunk begins at `first`; units before `new` are overlap
        while first < len(units):
            last = self._last(units, first, room)
            while last > first and not self.fits(units[first].start, units[last].end):
                last -= 1
            while last > max(first, new) and last + 1 < len(units) and self._heads(units[last]):
                last -= 1  # a heading stands before what it heads
            if last < new:  # the overlap leaves no room for anything new
                first = new
                continue
            if last == first and not self.fits(units[first].start, units[first].end):
                yield from self._halves(units[first].start, units[first].end)
            else:
                yield units[first].start, units[last].end
            new = last + 1
            first = self._overlap(units, first, new, room) if new < len(units) else new

    def _last(self, units: list[_Unit], first: int, room: int) -> int:
        """The last unit that fits by count; the end of a paragraph instead, where that is past the middle."""
        start = units[first].start
        last = first
        while last + 1 < len(units) and self._within(start, units[last + 1].end, room):
            last += 1
        if last + 1 == len(units):
            return last
        paragraph = last
        while paragraph > first and not units[paragraph + 1].opens:
            paragraph -= 1
        return paragraph if self.counter.count(start, units[paragraph].end) * 2 >= room else last

    def _heads(self, unit: _Unit) -> bool:
        """Whether a unit looks like a heading: a short line of its own that ends like none of a text's."""
        text = self.counter.text[unit.start : unit.end]
        starts = text[0].isupper() or text[0].isdigit() or text[0] in "§#"
        return unit.opens and starts and len(text.split()) <= _HEADING_WORDS and text[-1] not in ".;:,?!…|"

    def _within(self, start: int, end: int, room: int) -> bool:
        return end - start <= self.limit * _CHARACTERS_A_TOKEN and self.counter.count(start, end) <= room

    def _overlap(self, units: list[_Unit], first: int, new: int, room: int) -> int:
        """Where the next chunk begins: as many whole units back from `new` as the overlap and the room allow."""
        begin = new
        while begin - 1 > first:
            start = units[begin - 1].start
            if self.counter.count(start, units[new - 1].end) > self.overlap or not self._within(
                start, units[new].end, room
            ):
                break
            begin -= 1
        return begin

    def _units(self, start: int, end: int, room: int) -> Iterator[_Unit]:
        text = self.counter.text
        for window_start, window_end in windows(text, start, end):
            for begin, stop, opens in _sentence_spans(text, window_start, window_end):
                if self._within(begin, stop, room):
                    yield _Unit(begin, stop, opens)
                else:
                    yield from self._pieces(begin, stop, opens, room)

    def _pieces(self, start: int, end: int, opens: bool, room: int) -> Iterator[_Unit]:
        """Cut a sentence that is too long after words, or between tokens where there are no words."""
        text = self.counter.text
        while not self._within(start, end, room):
            cut = min(self.counter.reach(start, room), start + self.limit * _CHARACTERS_A_TOKEN, end)
            word = next((at for at in range(cut, (start + cut) // 2, -1) if text[at - 1].isspace()), start)
            cut = max(word if word > start else cut, start + 1)
            yield _Unit(start, _trim_right(text, start, cut), opens)
            start, opens = _trim_left(text, cut, end), False
        if end > start:
            yield _Unit(start, end, opens)

    def _halves(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Halve a piece until it fits: cut off from its words it can hold more tokens than within them."""
        if end - start < 2 or self.fits(start, end):
            yield start, end
            return
        text = self.counter.text
        middle = (start + end) // 2
        for begin, stop in ((start, middle), (middle, end)):
            inner = _trim_left(text, begin, stop), _trim_right(text, begin, stop)
            if inner[0] < inner[1]:
                yield from self._halves(*inner)


def _sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """The sentences of a stretch, stripped, which leave nothing but white space out; True where a paragraph begins."""
    borders = [start, *(match.end() for match in _PARAGRAPH.finditer(text, start, end)), end]
    for begin, stop in pairwise(borders):
        paragraph = text[begin:stop]
        # From each sentence to the next: the spans themselves may leave a closing quote out.
        starts = [0, *(first for first, _last in sentences(paragraph)[1:]), len(paragraph)]
        opens = True
        for first, last in pairwise(starts):
            inner = _trim_left(text, begin + first, begin + last), _trim_right(text, begin + first, begin + last)
            if inner[0] < inner[1]:
                yield *inner, opens
                opens = False


def _trim_left(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _trim_right(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
