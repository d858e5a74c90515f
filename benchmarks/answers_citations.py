"""Whether every citation of every answer is what it says: chunk, exact span, page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lastro.types import Answer, Citation
    from lastro.vectorstore.library import Library

HEADER = ("what", "count", "wrong")
_MARKER = re.compile(r"\[(\d{1,3})\]")


def citations(given: Iterable[tuple[Library, Answer]]) -> tuple[list[list[object]], dict[str, Any]]:
    """Counts of what was looked at, and of what was wrong; every wrong one is printed."""
    count: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for library, answer in given:
        count["answers"] += 1
        count["answers with citations"] += bool(answer.citations)
        for kind, cited in _every(answer):
            count[kind] += 1
            for problem in problems(cited, library, answer):
                wrong[problem] += 1
                print(f"WRONG {problem}: {cited} of {answer.question!r}")
        for problem in _of_markers(answer):
            wrong[problem] += 1
            print(f"WRONG {problem}: {answer.text!r}")
    kinds = ("citations", "against", "nearest")
    table: list[list[object]] = [[name, count[name], ""] for name in ("answers", "answers with citations", *kinds)]
    table += [[name, "", wrong[name]] for name in PROBLEMS]
    checked = sum(count[kind] for kind in kinds)
    figures = {
        "answers": count["answers"], "checked": checked, "wrong": sum(wrong.values()),
        "exact": round(1 - sum(wrong.values()) / checked, 4) if checked else None,
    }  # fmt: skip
    return table, figures


PROBLEMS = ("no such chunk", "quote is not the span", "quote is outside its chunk", "page", "marker", "index")


def _every(answer: Answer) -> Iterable[tuple[str, Citation]]:
    yield from (("citations", one) for one in answer.citations)
    for sentence in (*answer.sentences, *answer.removed):
        yield from (("against", one) for one in sentence.against)
    yield from (("nearest", one) for one in answer.nearest)


def problems(cited: Citation, library: Library, answer: Answer) -> Iterable[str]:
    """What is wrong with one citation; a document that is not of the library is its own passage."""
    from lastro.errors import DocumentNotFound

    try:
        text = library.text(cited.document_id)
    except DocumentNotFound:
        yield from _foreign(cited, answer)
        return
    if not cited.quote.strip() or cited.quote != text[cited.start : cited.end]:
        yield "quote is not the span"
    chunk = library.passages([cited.chunk_id]).get(cited.chunk_id)
    if chunk is None or chunk.document_id != cited.document_id:
        yield "no such chunk"
    elif not chunk.start <= cited.start < cited.end <= chunk.end:
        yield "quote is outside its chunk"
    spans = library.page_spans(cited.document_id)
    page = next((span.number for span in spans if span.start <= cited.start < span.end), None)
    if cited.page != page:
        yield "page"


def _foreign(cited: Citation, answer: Answer) -> Iterable[str]:
    passages = [one for one in (*answer.passages, *answer.dropped) if one.chunk_id == cited.chunk_id]
    if not passages:
        yield "no such chunk"
    elif cited.quote != passages[0].text[cited.start - passages[0].start : cited.end - passages[0].start]:
        yield "quote is not the span"


def _of_markers(answer: Answer) -> Iterable[str]:
    """Numbers of citations that there are not, in sentences and in the text that they take up."""
    known = range(len(answer.citations))
    for sentence in answer.sentences:
        if any(index not in known for index in sentence.citations):
            yield "index"
        written = [int(number) - 1 for number in _MARKER.findall(answer.text[sentence.start : sentence.end])]
        ours = written[-len(sentence.citations) :] if sentence.citations else []
        if ours != list(sentence.citations):
            yield "marker"
