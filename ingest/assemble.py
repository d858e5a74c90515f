"""Blocks to a `ParsedDocument`: one canonical text, with pages and sections counted in its characters."""

from __future__ import annotations

import re
from pathlib import PurePath

from lastro.detection import detect_language
from lastro.ingest.blocks import Block, RawDocument
from lastro.ingest.detect import XLS, XLSX
from lastro.types import PageSpan, ParsedDocument, Section

_PROGRAM_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel)\b.*|untitled.*|sem t[ií]tulo.*|(?:word )?document(?:o)?\s*\d*|"
    r"\(anonymous\)|(?:powerpoint |name of )?presentation\s*\d*|apresentação do powerpoint|slide \d+|"
    r".*\.(?:docx?|pdf|indd|tex|dvi|pptx?|xlsx?|qxd|pages|odt|rtf|html?))",
    re.IGNORECASE,
)
_TIGHT = frozenset({"item", "row"})


def assemble(raw: RawDocument, name: str) -> ParsedDocument:
    """Join the pages by a blank line and count every span; `name` is the source's, for want of a title."""
    parts: list[str] = []
    pages: list[PageSpan] = []
    headings: list[tuple[int, int, int, str]] = []  # start, end, level, text
    at = 0
    for page in raw.pages:
        body = [block for block in page.blocks if block.text]
        if body and at:
            parts.append("\n\n")
            at += 2
        start = at
        for index, block in enumerate(body):
            gap = _gap(body[index - 1], block) if index else ""
            at += len(gap)
            if block.kind == "heading":
                headings.append((at, at + len(block.text), block.level, block.text))
            parts += [gap, block.text]
            at += len(block.text)
        pages.append(PageSpan(page.number, start, at))
    text = "".join(parts)
    return ParsedDocument(
        text=text,
        pages=tuple(pages),
        sections=_sections(text, headings),
        mime=raw.mime,
        title=_title(raw.title, [] if raw.mime in (XLSX, XLS) else headings, name),  # a sheet's name is no title
        language=detect_language(text),
        warnings=raw.warnings,
        empty_pages=raw.empty_pages,
        parser=raw.parser,
    )


def _gap(before: Block, after: Block) -> str:
    return "\n" if before.kind == after.kind and after.kind in _TIGHT else "\n\n"


def _sections(text: str, headings: list[tuple[int, int, int, str]]) -> tuple[Section, ...]:
    """One section a heading, up to the next heading; a heading without a body of its own joins its first child."""
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    pending: int | None = None  # where a run of headings without text between them began
    for index, (start, end, level, title) in enumerate(headings):
        path = [(depth, name) for depth, name in path if depth < level]
        path.append((level, title))
        until = headings[index + 1][0] if index + 1 < len(headings) else len(text)
        begin = start if pending is None else pending
        deeper = index + 1 < len(headings) and headings[index + 1][2] > level
        if deeper and not text[end:until].strip():
            pending = begin
            continue
        pending = None
        sections.append(Section(" > ".join(name for _depth, name in path), begin, until))
    return tuple(sections)


def _title(metadata: str, headings: list[tuple[int, int, int, str]], name: str) -> str:
    given = " ".join(metadata.split())
    if 0 < len(given) <= 300 and any(map(str.isalpha, given)) and not _PROGRAM_TITLE.fullmatch(given):
        return given
    first = headings[0][3][:300] if headings else ""
    return first or PurePath(name).stem or name
