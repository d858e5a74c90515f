"""`IngestPipeline`: a source to a parsed document and its chunks, or to the reason why not."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from lastro.config import IngestSettings, LibrarySettings
from lastro.errors import SourceError
from lastro.events import OnIngest, StageProgress
from lastro.ingest.parse import Parser
from lastro.ingest.sources import Source
from lastro.ingest.split import Tokenizer, split_document
from lastro.types import Chunk, FileState, ParsedDocument

_GARBLED_SHARE = 0.02
_SAMPLE = 20_000
_NUMBERS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """How a source came out, ready to embed; `reason` is "" only where `state` is "ok"."""

    parsed: ParsedDocument | None
    chunks: tuple[Chunk, ...]
    state: FileState
    reason: str = ""
    warnings: tuple[str, ...] = ()


class IngestPipeline:
    """Parses and splits sources by one library's settings and one embedder's tokenizer."""

    def __init__(self, *, settings: IngestSettings, library: LibrarySettings, tokenizer: Tokenizer) -> None:
        self._library = library
        self._tokenizer = tokenizer
        self._parser = Parser(settings)

    def prepare(self, source: Source, document_id: str, on_event: OnIngest | None = None) -> Prepared:
        """Parse and split one source; a source that cannot be read comes back as "failed", never as an error."""
        tell = on_event or _ignore
        tell(StageProgress(source.name, "parse", 0, 0))
        try:
            parsed = self._parser.parse(source)
        except SourceError as error:
            return Prepared(None, (), "failed", str(error).removeprefix(f"{source.name}: "))  # the result names it
        pages = len(parsed.pages)
        tell(StageProgress(source.name, "parse", pages, pages))
        state, reason = _judge(parsed)
        if state == "empty":
            return Prepared(parsed, (), state, reason, parsed.warnings)
        tell(StageProgress(source.name, "split", 0, 0))
        chunks = split_document(
            parsed,
            document_id,
            tokenizer=self._tokenizer,
            chunk_tokens=self._library.chunk_tokens,
            overlap_tokens=self._library.chunk_overlap_tokens,
        )
        tell(StageProgress(source.name, "split", len(chunks), len(chunks)))
        return Prepared(parsed, tuple(chunks), state, reason, parsed.warnings)

    def close(self) -> None:
        """End the parsing process."""
        self._parser.close()


def _ignore(_event: object) -> None:
    """Nobody listens."""


def _judge(parsed: ParsedDocument) -> tuple[FileState, str]:
    """The state that a document's text deserves, and why."""
    bare = parsed.empty_pages
    if not parsed.text.strip():
        if not bare:
            return "empty", "no text: the file is blank"
        return "empty", f"no text on {_numbers(bare)}: it holds only images; it needs OCR"
    if bare:
        return "partial", f"no text on {_numbers(bare)}: images only; OCR would be needed to search them"
    if is_garbled(parsed.text):
        return "partial", "much of the text is not readable characters: its fonts lack a Unicode map; it needs OCR"
    return "ok", ""


def _numbers(pages: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, pages[:_NUMBERS_SHOWN]))
    more = f" and {len(pages) - _NUMBERS_SHOWN} more" if len(pages) > _NUMBERS_SHOWN else ""
    return f"page{'s' if len(pages) > 1 else ''} {shown}{more}"


def is_garbled(text: str) -> bool:
    r"""Whether a good part of a text is replacement, private or unassigned characters.

    >>> is_garbled("Um texto são."), is_garbled("\ue012\ue034\ufffd abc")
    (False, True)
    """
    sample = "".join(text[:_SAMPLE].split())
    odd = sum(char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn") for char in sample)
    return odd > len(sample) * _GARBLED_SHARE
