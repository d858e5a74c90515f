"""Gold ids: which place of a library they name, and whether a passage is that place.

An id is the first of these that it can be: a document (its id, source, file name or title), a chunk's id, a document
with pages (`lease.pdf#page=3`, `lease.pdf#page=3-4`), a document with characters (`notes.txt#char=1200,1900`, as RFC
5147 writes them, counted in the document's text from 0).
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from lastro.errors import DocumentNotFound, QuestionSetError
from lastro.evaluation.datasets import Question, QuestionSet
from lastro.evaluation.records import Gold

if TYPE_CHECKING:
    from lastro.types import DocumentRecord
    from lastro.vectorstore.library import Library

_ENDING = re.compile(r"#(?:page=(\d{1,7})(?:-(\d{1,7}))?|char=(\d{1,12}),(\d{1,12}))$")
_ENOUGH = 0.5  # of the shorter of two spans that the other must cover for both to be one place
SHOWN = 400  # characters of a text that a report shows, near enough
_NAMED = 5  # unresolved ids that an error lists


class Places:
    """The places of a library that gold ids name; each is looked up once."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._golds: dict[str, Gold] = {}
        self._texts: dict[str, str] = {}

    def resolve(self, questions: QuestionSet) -> dict[str, tuple[Gold, ...]]:
        """The golds of each question, by its id: first those that count as right, then those that only have a grade.

        Raises:
            QuestionSetError: an id names nothing, or more than one document; the message lists them.
        """
        problems: list[str] = []
        found: dict[str, tuple[Gold, ...]] = {}
        for question in questions.questions:
            golds = []
            for key in dict.fromkeys([*question.gold_ids, *question.grades]):
                try:
                    golds.append(self._gold(key, question))
                except LookupError as error:
                    problems.append(f"line {question.line}: {error.args[0]}")
            found[question.id] = tuple(golds)
        if problems:
            more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
            names = "id names" if len(problems) == 1 else "ids name"
            raise QuestionSetError(
                f"{questions.path}: {len(problems)} gold {names} no place of library {self._library.name!r}: "
                f"{'; '.join(problems[:_NAMED])}{more}; `lastro list` shows the documents"
            )
        return found

    def _gold(self, key: str, question: Question) -> Gold:
        if key not in self._golds:
            self._golds[key] = self._place(key)
        gold = self._golds[key]
        return dataclasses.replace(
            gold, grade=question.grades.get(key, 1), relevant=key in question.gold_ids,
            text=excerpt(gold.text, question.answers),
        )  # fmt: skip

    def _place(self, key: str) -> Gold:
        """The place that an id names, with its whole text.

        Raises:
            LookupError: it names none.
        """
        try:
            return self._whole(key, self._document(key))
        except DocumentNotFound as error:
            chunk = self._chunk(key)
            ending = _ENDING.search(key)
            if chunk is not None:
                return chunk
            if ending is None:
                raise LookupError(_unknown(error) + _hint(key)) from error
        try:
            record = self._document(key[: ending.start()])
        except DocumentNotFound as error:
            raise LookupError(_unknown(error)) from error
        first, last, start, end = (None if part is None else int(part) for part in ending.groups())
        if first is not None:
            return self._on_pages(key, record, first, first if last is None else last)
        return self._in_span(key, record, start or 0, end or 0)

    def _document(self, key: str) -> DocumentRecord:
        """The document that a key names, also where its name is stored with its accents apart, as on a Mac."""
        try:
            return self._library.document(key)
        except DocumentNotFound:
            apart = unicodedata.normalize("NFD", key)
            if apart == key:
                raise
            try:
                return self._library.document(apart)
            except DocumentNotFound:
                pass
            raise

    def _whole(self, key: str, record: DocumentRecord) -> Gold:
        return Gold(key, record.id, record.title, text=self._text(record.id))

    def _chunk(self, key: str) -> Gold | None:
        passage = self._library.passages([key]).get(key)
        if passage is None:
            return None
        first, last = passage.page_start, passage.page_end
        pages = None if first is None else (first, first if last is None else last)
        span = passage.start, passage.end
        return Gold(key, passage.document_id, passage.title, pages, span, text=passage.text)

    def _on_pages(self, key: str, record: DocumentRecord, first: int, last: int) -> Gold:
        spans = {span.number: span for span in self._library.page_spans(record.id) if span.number is not None}
        if not spans:
            raise LookupError(f"{key!r}: {record.title} has no pages; leave #page= away, or give #char=start,end")
        wrong = [number for number in (first, last) if number not in spans]
        if wrong or last < first:
            raise LookupError(f"{key!r}: {record.title} has pages {min(spans)} to {max(spans)}")
        text = self._text(record.id)[spans[first].start : spans[last].end]
        return Gold(key, record.id, record.title, (first, last), text=text)

    def _in_span(self, key: str, record: DocumentRecord, start: int, end: int) -> Gold:
        text = self._text(record.id)
        if not start < end <= len(text):
            raise LookupError(f"{key!r}: {record.title} has characters 0 to {len(text)}, and an end is after its start")
        touched = [
            span.number
            for span in self._library.page_spans(record.id)
            if span.number is not None and span.start < end and start < span.end
        ]
        pages = (touched[0], touched[-1]) if touched else None
        return Gold(key, record.id, record.title, pages, (start, end), text=text[start:end])

    def _text(self, document_id: str) -> str:
        if document_id not in self._texts:
            self._texts[document_id] = self._library.text(document_id)
        return self._texts[document_id]


def _unknown(error: DocumentNotFound) -> str:
    """What is wrong with a name; the way out is said once, behind all of them."""
    return str(error).partition("; `lastro list`")[0]


def _hint(key: str) -> str:
    """How a place is named behind a document, where a key has an ending that is not read."""
    name, sign, ending = key.rpartition("#")
    return f"; #{ending} is no place: write #page=3, #page=3-4 or #char=1200,1900" if sign and name else ""


def excerpt(text: str, answers: Iterable[str] = ()) -> str:
    """At most `SHOWN` characters of a text on one line: around the first answer that stands in it, else its beginning.

    >>> excerpt("a " * 500 + "42 metres" + " b" * 500, ["42 metres"])[195:215]
    'a a a 42 metres b b '
    """
    at = next((found for answer in answers if (found := text.find(answer)) >= 0), 0)
    start = max(0, at - SHOWN // 2)
    shown = " ".join(text[start : start + SHOWN].split())
    return f"{'…' if start else ''}{shown}{'…' if start + SHOWN < len(text) else ''}"


# Whether a passage is a place ---------------------------------------------------------------------------------------


class Spot(Protocol):
    """A passage or a citation: a span of a document, and its pages."""

    @property
    def document_id(self) -> str:
        """The document's id."""

    @property
    def start(self) -> int:
        """The first character."""

    @property
    def end(self) -> int:
        """The character behind the last."""

    @property
    def page_start(self) -> int | None:
        """The first page, from 1."""

    @property
    def page_end(self) -> int | None:
        """The last page."""


def is_place(gold: Gold, passage: Spot) -> bool:
    """Whether a passage or citation is what a gold names: the same span, else on its pages, else from its document."""
    if gold.span is not None:
        return gold.document_id == passage.document_id and _overlap(gold.span, (passage.start, passage.end))
    return is_on_page(gold, passage) if gold.pages is not None else gold.document_id == passage.document_id


def is_on_page(gold: Gold, passage: Spot) -> bool:
    """Whether a passage or citation touches the pages of a gold."""
    if gold.pages is None or passage.page_start is None or gold.document_id != passage.document_id:
        return False
    last = passage.page_start if passage.page_end is None else passage.page_end
    return passage.page_start <= gold.pages[1] and gold.pages[0] <= last


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two spans share at least half of the shorter, so that another way of splitting finds the same place."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0 and shared >= _ENOUGH * min(one[1] - one[0], other[1] - other[0])
