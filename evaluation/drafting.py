"""Drafts of a question set: places of a library, evenly over languages and documents, and a question for each.

A question is the chat model's own where it can be used; otherwise it is a sentence of the place with a gap. Both are
marked as drafts, for a person to read and correct.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.exceptions import ContextOverflowError

from lastro.config import RetrievalSettings
from lastro.detection import detect_language, question_language
from lastro.errors import ConfigError, DocumentNotFound, LibraryError
from lastro.evaluation.datasets import Question
from lastro.language import content_terms, terms
from lastro.prompts import load_prompt
from lastro.sentences import iter_sentences
from lastro.types import BROUGHT, DocumentRecord, Language

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from lastro.vectorstore.library import Library

OnDraft = Callable[[int, int], None]  # drafts made, and how many are wanted
LENGTH = 600  # characters of a place at most: a paragraph or two
_WINDOW = 1_200  # characters of a page or text that a place is cut from
_TRIES = 20  # places in a row that are of no use before a document is left alone
_LEAST_TERMS = 15  # content words of a place that can be asked about
_LEAST_LETTERS = 0.6  # of a place's characters: a table of figures makes no question
_COPIED = 8  # words in a row that a question may not share with its place
_LONGEST = 300  # characters of a question
# What points at the page that the draft was made from, which nobody who asks has before them.
_POINTS = re.compile(
    r"\b(?:(?:the|this|above) (?:passage|text|excerpt|paragraph|sentence)|this document|"
    r"(?:[oa]|n?est[ea]|n?ess[ea]|n[oa]|d[oa]) (?:texto|trecho|parágrafo|passagem)|n?es[st]e documento)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(?:§\s*)?\d+(?:\.\d+)*[º.)]?\s+")  # a clause's number
_GAP = "____"
_CHUNKS = 20  # chunks looked at for the one that holds most of a place
_BY_WORDS = RetrievalSettings(search_type="keyword", merge_duplicates=False)  # the embedder is not needed to find it


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a document that a question is drafted for; `gold_id` names it."""

    gold_id: str
    text: str
    language: str
    document: str = ""  # as ids name it
    start: int | None = None  # of `text` in the document's; None where the id names a page or a whole document

    def part(self, start: int, end: int) -> str:
        """The id of characters of `text`; that of the place where it is not named by characters."""
        if self.start is None:
            return self.gold_id
        return f"{self.document}#char={self.start + start},{self.start + end}"


def draft_questions(
    library: Library, llm: BaseChatModel, *, count: int, seed: int = 0, on_draft: OnDraft | None = None
) -> Iterator[Question]:
    """Yield at most `count` drafts, each as it is made; fewer where the library has not so many places to ask about.

    Raises:
        ConfigError: `count` is below 1.
        LibraryError: the library holds no text that can be asked about.
    """
    if count < 1:
        raise ConfigError(f"--questions {count}: must be 1 or more")
    drafted: set[str] = set()  # each is asked once
    for place in places(library, seed=seed):
        question = _drafted(place, llm, number=len(drafted) + 1, seed=seed)
        if question is not None and question.question not in drafted:
            drafted.add(question.question)
            yield question
        if on_draft is not None:
            on_draft(len(drafted), count)
        if len(drafted) == count:
            break
    if not drafted:
        raise LibraryError(f"library {library.name!r}: no text in it that can be asked about; add documents with text")


# Places -------------------------------------------------------------------------------------------------------------


def places(library: Library, *, seed: int) -> Iterator[Place]:
    """Places of a library without end: languages take turns, and within one its documents; each place once.

    It ends when no document has another place that can be asked about.
    """
    chance = random.Random(seed)
    by_language: dict[str, list[DocumentRecord]] = {}
    for record in sorted(library.documents(), key=lambda one: one.id):
        if record.characters:
            by_language.setdefault(record.language, []).append(record)
    queues = []
    for _language, records in sorted(by_language.items()):
        chance.shuffle(records)
        queues.append([_places_of(library, record, chance) for record in records])
    while any(queues):
        for queue in queues:
            if not queue:
                continue
            source = queue.pop(0)
            place = next(source, None)
            if place is not None:
                queue.append(source)
                yield place


def _places_of(library: Library, record: DocumentRecord, chance: random.Random) -> Iterator[Place]:
    """Places of a document at random, none within another; it ends where several in a row are of no use."""
    text, name = library.text(record.id), _name(library, record)
    pages = [span for span in library.page_spans(record.id) if span.end > span.start]
    taken: list[tuple[int, int]] = []
    failed = 0
    while pages and failed < _TRIES:
        page = chance.choice(pages)
        start, end = _cut(text, page.start, page.end, chance)
        whole = record.parser == BROUGHT and record.chunks == 1
        by_characters = page.number is None and not whole
        if by_characters and _can_be_asked(text[start:end]):
            start, end = _within_chunk(library, record.id, text, (start, end))
        if any(start < last and first < end for first, last in taken) or not _can_be_asked(text[start:end]):
            failed += 1
            continue
        failed = 0
        taken.append((start, end))
        ending = f"#char={start},{end}" if by_characters else f"#page={page.number}"
        language = record.language if len(record.language) == 2 else detect_language(text[start:end])
        gold_id = name if whole else name + ending
        yield Place(gold_id, text[start:end], language, name, start if by_characters else None)


def _within_chunk(library: Library, document_id: str, text: str, span: tuple[int, int]) -> tuple[int, int]:
    """The sentences of a span that lie within the one chunk that holds most of it; the span where no chunk is found.

    A place of two chunks would make either of them right, though only one holds the answer.
    """
    start, end = span
    found = library.search(text[start:end], k=_CHUNKS, where={"document_id": document_id}, settings=_BY_WORDS)
    shared = [(min(end, chunk.end) - max(start, chunk.start), chunk.start, chunk.end) for chunk in found]
    most, first, last = max(shared, default=(0, 0, 0))
    if most <= 0:
        return span
    spans = [(start + a, start + b) for a, b in iter_sentences(text[start:end])]
    inside = [(a, b) for a, b in spans if first <= a and b <= last]
    return (inside[0][0], inside[-1][1]) if inside else (start, start)


def _cut(text: str, first: int, last: int, chance: random.Random) -> tuple[int, int]:
    """Whole sentences of a page, about `LENGTH` characters from a random place of it."""
    start = first if last - first <= _WINDOW else chance.randrange(first, last - _WINDOW + 1)
    spans = list(iter_sentences(text[start : min(last, start + _WINDOW)]))
    if start > first:
        spans = spans[1:]  # begun in its middle
    if not spans:
        return start, start
    room = max(0, spans[-1][1] - LENGTH)
    begin = chance.choice([a for a, _ in spans if a <= room] or [spans[0][0]])
    end = max((b for _, b in spans if b <= begin + LENGTH), default=begin)
    return start + begin, start + max(begin, end)


def _can_be_asked(text: str) -> bool:
    letters = sum(char.isalpha() or char.isspace() for char in text)
    enough = len(content_terms(text, detect_language(text))) >= _LEAST_TERMS
    return enough and letters >= _LEAST_LETTERS * len(text)


def _name(library: Library, record: DocumentRecord) -> str:
    """The shortest name that a person can read and that stands for this document alone."""
    if record.parser == BROUGHT:
        return record.id
    for source in record.sources:
        for name in (Path(source).name, source):
            try:
                if library.document(name).id == record.id:
                    return name
            except DocumentNotFound:
                continue
    return record.id


# Questions ----------------------------------------------------------------------------------------------------------


def _drafted(place: Place, llm: BaseChatModel, *, number: int, seed: int) -> Question | None:
    text, kind = _asked(place, llm), "model"
    answers: tuple[str, ...] = ()
    gold_id = place.gold_id
    if not text:
        gap = _cloze(place)
        if gap is None:
            return None
        text, kind, answers, gold_id = gap.text, "cloze", (gap.answer,), place.part(gap.start, gap.end)
    meta: dict[str, Any] = {"draft": True, "kind": kind, "snippet": " ".join(place.text.split())}
    return Question(
        id=f"draft-{seed}-{number:04}", question=text, gold_ids=(gold_id,), answers=answers,
        lang=place.language, meta=meta,
    )  # fmt: skip


def _asked(place: Place, llm: BaseChatModel) -> str:
    """The model's question about a place; "" where it wrote none that can be used."""
    language: Language = "pt" if place.language == "pt" else "en"
    prompt = load_prompt("draft_question", language).format_messages(passage=place.text)
    try:
        said = str(llm.invoke(prompt).text)
    except ContextOverflowError:
        return ""
    lines = (line.strip(" \t\"'“”*#-") for line in said.splitlines())
    question = next((line for line in lines if line.endswith("?")), "")
    return question if is_usable(question, place) else ""


def is_usable(question: str, place: Place) -> bool:
    """Whether a draft asks about its place, in its language, in words of its own and without pointing at the page."""
    words = [term.stem for term in terms(question, place.language)]
    own = {term.stem for term in content_terms(question, place.language)}
    known = [term.stem for term in terms(place.text, place.language)]
    return (
        question.endswith("?")
        and question.count("?") == 1
        and len(question) <= _LONGEST
        and len(own) >= 2
        and len(own & set(known)) >= 2
        and _POINTS.search(question) is None
        and not _shares_run(words, known, _COPIED)
        and _speaks(question, place.language)
    )


def _speaks(question: str, language: str) -> bool:
    if language in ("pt", "en"):
        return question_language(question, "pt" if language == "pt" else "en") == language
    return detect_language(question) in (language, "und")


def _shares_run(words: Sequence[str], known: Sequence[str], length: int) -> bool:
    """Whether a run of `length` words stands in both."""
    runs = {tuple(known[at : at + length]) for at in range(len(known) - length + 1)}
    return any(tuple(words[at : at + length]) in runs for at in range(len(words) - length + 1))


class _Gap(NamedTuple):
    """A sentence with a word left out, that word, and where in its place the sentence stands."""

    text: str
    answer: str
    start: int
    end: int


def _cloze(place: Place) -> _Gap | None:
    """A sentence of a place with its most telling word left out; None where no sentence serves.

    A number is the most telling, then a name, then the longest word.
    """
    best: tuple[int, int, _Gap] | None = None
    for start, end in iter_sentences(place.text):
        sentence = _NUMBERED.sub("", " ".join(place.text[start:end].split()))
        content = content_terms(sentence, place.language)
        if not 5 <= len(content) <= 30 or len(sentence) > _LONGEST or "|" in sentence:  # no row of a table
            continue
        for term in content[2:]:  # what it is about stands at its beginning
            telling = 2 if term.text[0].isdigit() else 1 if term.text[0].isupper() else 0
            gap = f"{sentence[: term.start]}{_GAP}{sentence[term.end :]}"
            if sentence.count(term.text) == 1 and (best is None or (telling, len(term.text)) > best[:2]):
                best = telling, len(term.text), _Gap(gap, term.text, start, end)
    return None if best is None else best[2]
