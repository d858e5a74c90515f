"""What a reader returns: pages of blocks, plain enough to cross a pipe as JSON."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

BlockKind = Literal["text", "heading", "item", "row"]

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# Controls, the soft hyphen, stray byte order marks and lone surrogates carry no text a reader could see.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufeff\ud800-\udfff]")
_TRAILING = re.compile(r"[^\S\n]+$", re.MULTILINE)
_GAPS = re.compile(r"\n{3,}")


class Block(NamedTuple):
    """A paragraph, heading, list item or table row; `level` is 1 to 6 for headings, else 0."""

    kind: BlockKind
    text: str
    level: int = 0


class RawPage(NamedTuple):
    """The blocks of one page; `number` counts from 1 and is None where the format has no true pages."""

    number: int | None
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as its reader found it, before offsets are counted."""

    mime: str
    pages: list[RawPage]
    parser: str
    title: str = ""  # from the document's metadata
    warnings: tuple[str, ...] = ()
    empty_pages: tuple[int, ...] = ()

    def characters(self) -> int:
        """Number of characters over all blocks."""
        return sum(len(block.text) for page in self.pages for block in page.blocks)

    def to_json(self) -> dict[str, Any]:
        """The document as JSON types."""
        return {
            "mime": self.mime,
            "pages": self.pages,
            "parser": self.parser,
            "title": self.title,
            "warnings": self.warnings,
            "empty_pages": self.empty_pages,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RawDocument:
        """The document that `to_json` wrote."""
        pages = [RawPage(number, [Block(*block) for block in blocks]) for number, blocks in value["pages"]]
        return cls(
            mime=value["mime"],
            pages=pages,
            parser=value["parser"],
            title=value["title"],
            warnings=tuple(value["warnings"]),
            empty_pages=tuple(value["empty_pages"]),
        )


def clean(text: str) -> str:
    r"""NFC text without control characters or soft hyphens, with `\n` line ends and no trailing spaces.

    >>> clean("cafe\u0301 \r\nco\u00adoperar\x00")
    'café\ncooperar'
    """
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    return _GAPS.sub("\n\n", _TRAILING.sub("", unicodedata.normalize("NFC", text))).strip("\n")


def row(cells: list[str]) -> str:
    r"""A table row on one line, "" where every cell is empty.

    >>> row(["a", " b\nc ", ""])
    '| a | b c |'
    """
    texts = [" ".join(cell.split()) for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return f"| {' | '.join(texts)} |" if any(texts) else ""
