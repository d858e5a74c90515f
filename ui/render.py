"""Answers and passages as HTML, every character of theirs through `markup`; no tag here holds anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lastro.types import Answer, Citation, PageSpan, Passage, Sentence
from lastro.ui.safe import markup
from lastro.ui.texts import Texts

_MARKER = re.compile(r"\[(\d{1,3})\]")
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")
_TOOLTIP = 220  # characters of a quote shown when the pointer rests on its marker
LEAF = 6_000  # characters shown at once of a document without pages


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is shown of a document at once: a page, or a stretch of a format without pages."""

    number: int | None  # the page's own number
    start: int
    end: int


def answer_html(answer: Answer, texts: Texts) -> str:
    """The checked answer: markers raised, sentences without backing underlined and labelled."""
    parts: list[str] = []
    at = 0
    for sentence in sorted(answer.sentences, key=lambda one: one.start):
        if sentence.start < at:
            continue
        parts.append(_words(answer.text[at : sentence.start], answer.citations, texts))
        parts.append(_sentence(sentence, answer, texts))
        at = sentence.end
    parts.append(_words(answer.text[at:], answer.citations, texts))
    return f'<div class="lastro-answer" lang="{markup(answer.language)}">{"".join(parts)}</div>'


def _sentence(sentence: Sentence, answer: Answer, texts: Texts) -> str:
    words = _words(answer.text[sentence.start : sentence.end], answer.citations, texts)
    if sentence.state != "unsupported":
        return words
    why = markup(texts("answer.unsupported_help"))
    label = markup(texts("answer.unsupported"))
    return f'<span class="lastro-unsupported" title="{why}">{words}<span class="lastro-flag">⚠ {label}</span></span>'


def _words(text: str, citations: Sequence[Citation], texts: Texts) -> str:
    parts: list[str] = []
    at = 0
    for match in _MARKER.finditer(text):
        number = int(match.group(1))
        if not 1 <= number <= len(citations):
            continue
        citation = citations[number - 1]
        quote = " ".join(citation.quote.split())
        short = quote if len(quote) <= _TOOLTIP else quote[:_TOOLTIP] + "…"
        hint = markup(texts("answer.mark", title=heading(citation, texts), quote=short))
        parts.append(_emphasis(text[at : match.start()]))
        parts.append(f'<sup class="lastro-mark" title="{hint}">[{number}]</sup>')
        at = match.end()
    return "".join([*parts, _emphasis(text[at:])])


def _emphasis(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", markup(text))


def stream_html(text: str) -> str:
    """What the model has written so far, unchecked."""
    return f'<div class="lastro-answer lastro-draft">{_emphasis(text)}<span class="lastro-caret"></span></div>'


def quote_html(text: str) -> str:
    """A passage set apart from our own words."""
    return f'<blockquote class="lastro-quote">{markup(text.strip())}</blockquote>'


def passages_html(passages: Sequence[Passage], texts: Texts) -> str:
    """A list of passages, each by its place, its likeness to the question and how it begins."""
    items = []
    for passage in passages:
        score = "" if passage.cosine is None else f" · {texts('details.score', score=texts.number(passage.cosine, 2))}"
        begins = " ".join(passage.text.split())
        short = begins if len(begins) <= _TOOLTIP else begins[:_TOOLTIP] + "…"
        items.append(f"<li><strong>{markup(heading(passage, texts))}</strong>{markup(score)}<br>{markup(short)}</li>")
    return f'<ul class="lastro-passages">{"".join(items)}</ul>'


def uploader_css(button: str, limit: str) -> str:
    """A style that puts our words where Streamlit's uploader has its own, which are English alone."""
    zone = '[data-testid="stFileUploaderDropzone"]'
    places = {
        f"{zone} > span button p": button,
        f'{zone} [data-testid="stFileUploaderDropzoneInstructions"] span': limit,
    }
    rules = [
        f"{place} {{ font-size: 0; }} {place}::after {{ content: {_css_string(words)}; font-size: 0.875rem; }}"
        for place, words in places.items()
    ]
    return f"<style>{' '.join(rules)}</style>"


def _css_string(words: str) -> str:
    return '"' + "".join(char if char.isalnum() or char in " ,." else f"\\{ord(char):06x}" for char in words) + '"'


def note_html(text: str) -> str:
    """A line beside the matter."""
    return f'<p class="lastro-note">{markup(text)}</p>'


def empty_html(title: str, text: str) -> str:
    """What stands where nothing is yet."""
    return f'<div class="lastro-empty"><h3>{markup(title)}</h3><p>{markup(text)}</p></div>'


def passage_html(text: str, leaf: Leaf, start: int, end: int, *, label: str) -> str:
    """The leaf's text with the characters `start` to `end` of the document highlighted, where they fall into it.

    The style sheet scrolls the text to the highlight.
    """
    first = min(max(start, leaf.start), leaf.end)
    last = max(first, min(end, leaf.end))
    before, quote, after = text[leaf.start : first], text[first:last], text[last : leaf.end]
    if not quote:
        return f'<div class="lastro-page" tabindex="0">{markup(before + after)}</div>'
    marked = f'<mark class="lastro-cited" title="{markup(label)}">{markup(quote)}</mark>'
    anchor = '<span class="lastro-here"></span>'
    return f'<div class="lastro-page" tabindex="0">{markup(before)}{anchor}{marked}{markup(after)}</div>'


def leaves(spans: Sequence[PageSpan], text: str) -> list[Leaf]:
    """The pages of a document; long stretches are cut near `LEAF` characters, at a blank line where there is one."""
    found: list[Leaf] = []
    for span in spans or (PageSpan(None, 0, len(text)),):
        start = span.start
        while span.end - start > LEAF * 3 // 2:
            cut = text.rfind("\n\n", start + LEAF // 2, start + LEAF)
            end = start + LEAF if cut < 0 else cut + 2
            found.append(Leaf(span.number, start, end))
            start = end
        found.append(Leaf(span.number, start, span.end))
    return found


def leaf_of(found: Sequence[Leaf], character: int) -> int:
    """The index of the leaf that holds a character, the nearest before it where none does."""
    return max((index for index, leaf in enumerate(found) if leaf.start <= character), default=0)


def heading(piece: Citation | Passage, texts: Texts) -> str:
    """Title and place: "Lease, page 3"."""
    return ", ".join(part for part in (piece.title, place(piece, texts)) if part)


def place(piece: Citation | Passage, texts: Texts) -> str:
    """Where in its document a piece stands: its page, else its section."""
    if isinstance(piece, Passage):
        if piece.pages:
            return texts("place.pages" if "-" in piece.pages else "place.page", page=piece.pages)
    elif piece.page is not None:
        return texts("place.page", page=piece.page)
    return piece.section.removeprefix(piece.title).removeprefix(" > ")  # many documents open with their title
