"""Passages, pages and notes as HTML, every character of theirs through `markup`; no tag here holds anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastro.types import Citation, PageSpan, Passage
from lastro.ui.safe import markup
from lastro.ui.texts import Texts

_SHORT = 220  # characters of a quote or passage where it is only hinted at
LEAF = 6_000  # characters shown at once of a document without pages


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is shown of a document at once: a page, or a stretch of a format without pages."""

    number: int | None  # the page's own number
    start: int
    end: int


def shortened(text: str, limit: int = _SHORT) -> str:
    r"""The text on one line, cut to `limit` characters.

    >>> shortened("one  two\nthree", 7)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rstrip() + "…"


def quote_html(text: str) -> str:
    """A passage set apart from our own words."""
    return f'<blockquote class="lastro-quote">{markup(text.strip())}</blockquote>'


def passages_html(passages: Sequence[Passage], texts: Texts) -> str:
    """A list of passages, each by its place, its likeness to the question and how it begins."""
    items = []
    for passage in passages:
        score = "" if passage.cosine is None else f" · {texts('details.score', score=texts.number(passage.cosine, 2))}"
        begins = markup(shortened(passage.text))
        items.append(f"<li><strong>{markup(heading(passage, texts))}</strong>{markup(score)}<br>{begins}</li>")
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
