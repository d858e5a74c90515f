"""Every value that crosses a folder's border: frozen, JSON-serialisable by `to_dict`."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FileState = Literal["ok", "partial", "empty", "failed"]
SentenceState = Literal["verbatim", "supported", "misattributed", "contradicted", "unsupported", "no_claim"]
ReasonKind = Literal[
    "number", "negation", "name", "role", "quantifier", "attribution", "condition", "missing", "marker"
]
# "listed" tells what the library holds; "unchecked" is a model's text that nothing was looked up for.
AnswerState = Literal["answered", "partial", "not_found", "listed", "unchecked"]
Policy = Literal["mark", "strict", "off"]
PurgeState = Literal["done", "pending"]
Language = Literal["en", "pt"]
MAX_PAGE = 1_000_000  # what counts higher is no page number
BROUGHT = "brought"  # the `parser` of a document that its owner cut and brought as a text


@dataclass(frozen=True, slots=True)
class PageSpan:
    """One page of a document, or the whole of a format that has no pages.

    `start` and `end` are character offsets into `ParsedDocument.text`.
    """

    number: int | None  # 1-based; None where the format has no true pages
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading path and the characters it governs: `path` is "Chapter > Section"."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document's canonical text with its pages and sections, all counted in characters."""

    text: str  # NFC; pages joined by a blank line
    pages: tuple[PageSpan, ...]
    sections: tuple[Section, ...]
    mime: str
    title: str
    language: str  # ISO 639-1, "und" where unknown
    warnings: tuple[str, ...] = ()
    empty_pages: tuple[int, ...] = ()  # 1-based numbers of pages that hold an image but no text
    parser: str = ""  # name and version of what read it


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document that is embedded and retrieved: `text == document.text[start:end]`."""

    id: str  # content id: document, position and text
    document_id: str
    index: int  # position among the document's chunks, from 0
    text: str
    start: int
    end: int
    page_start: int | None
    page_end: int | None
    section: str  # heading path, "" where unknown
    token_count: int  # by the embedder's tokenizer, heading path included

    @property
    def embedded_text(self) -> str:
        """The text the embedder sees: the heading path, then the chunk."""
        return f"{self.section}\n{self.text}" if self.section else self.text


def chunk_id(document_id: str, start: int, end: int, text: str) -> str:
    """The id of a chunk, from its document, place and text: 32 hex digits of a SHA-256.

    >>> chunk_id("d", 0, 2, "ab") == chunk_id("d", 0, 2, "ab") != chunk_id("d", 1, 3, "ab")
    True
    """
    key = f"{document_id}\0{start}\0{end}\0{text}"
    return hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """What a library knows of one document; `sources` are the places it was added from."""

    id: str  # SHA-256 of the bytes, hex
    title: str
    mime: str
    language: str
    state: FileState
    bytes: int
    pages: int | None  # None where the format has no true pages
    chunks: int
    characters: int
    added_at: str  # ISO 8601, UTC
    parser: str
    sources: tuple[str, ...]  # absolute paths, or display names of uploads
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved chunk, best rank first (rank 1), with the scores that found it."""

    chunk_id: str
    document_id: str
    title: str
    text: str
    start: int
    end: int
    page_start: int | None
    page_end: int | None
    section: str
    rank: int
    score: float  # the fused score that gave the rank
    cosine: float | None = None  # cosine similarity to the question, -1 to 1
    keyword_score: float | None = None  # BM25, higher is better; None where no term matched
    language: str = "und"
    cosine_rank: int | None = None  # among the candidates of the cosine search, from 1; None where it had it not
    keyword_rank: int | None = None  # among the candidates of the keyword search, from 1
    rerank_score: float | None = None  # the reranker's, 0 to 1; None where there is none
    duplicates: tuple[str, ...] = ()  # ids of near-duplicate chunks that this passage stands for

    @property
    def pages(self) -> str:
        """`"3"`, `"3-4"` or `""`: the pages as a reader would write them."""
        if self.page_start is None:
            return ""
        if self.page_end is None or self.page_end == self.page_start:
            return str(self.page_start)
        return f"{self.page_start}-{self.page_end}"


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of a document that backs a sentence: `quote == document.text[start:end]`."""

    document_id: str
    chunk_id: str
    title: str
    page: int | None  # 1-based; None where the format has no pages
    section: str
    start: int  # characters into the document's canonical text
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a claim is not simply backed: the rule, and the words of the claim and of the passage that it is about."""

    kind: ReasonKind
    claim: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A claim of an answer and what was found about it; `citations` are indices into `Answer.citations`.

    The states: `verbatim` (a whole clause of a passage says it word for word), `supported`, `misattributed` (backed,
    but not by the source that the model's own marker named), `contradicted`, `unsupported`, and `no_claim` for a text
    that can be neither true nor false (a greeting, a heading).
    """

    text: str
    start: int  # characters into `Answer.text`; the span holds the claim with its markers
    end: int
    state: SentenceState
    score: float  # 0 to 1: how probable it is that the passages back it
    citations: tuple[int, ...] = ()
    against: tuple[Citation, ...] = ()  # what contradicts it; these have no number
    reasons: tuple[Reason, ...] = ()

    @property
    def backed(self) -> bool:
        """Whether the passages back it."""
        return self.state in ("verbatim", "supported", "misattributed")


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds_to_first_token: float | None = None
    tokens_per_second: float | None = None
    seconds_total: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer: `text` carries [n] markers that number `citations` from 1."""

    question: str
    text: str
    state: AnswerState
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    dropped: tuple[Passage, ...]  # retrieved, but did not fit the context window
    usage: Usage
    language: Language
    extracted: bool = False  # True where the text is an exact quotation, not the model's words
    generated: str = ""  # what the model wrote, before it was checked
    turns_dropped: int = 0  # oldest turns of the conversation that did not fit the context window
    confidence: float | None = None  # 0 to 1: how probable it is that the answer is right; None where none is known
    policy: Policy = "mark"  # what was done with claims that nothing backs
    removed: tuple[Sentence, ...] = ()  # under "strict"; their spans are those of no text
    nearest: tuple[Citation, ...] = ()  # beside a refusal: what the documents say that is nearest to the question
    retried: bool = False  # the text is that of a second try, with the best sentences of the passages alone
    signals: Mapping[str, float] = field(default_factory=dict)  # what `confidence` was computed from

    @property
    def words(self) -> str:
        """The text without markers and marks."""
        if not self.sentences:
            return self.text
        parts, at = list[str](), 0
        for sentence in self.sentences:
            parts += [self.text[at : sentence.start], sentence.text]
            at = sentence.end
        return "".join([*parts, self.text[at:]])


@dataclass(frozen=True, slots=True)
class FileResult:
    """How one file ended. `reason` says why, wherever `state` is not "ok"."""

    source: str
    state: FileState
    document_id: str | None = None
    chunks: int = 0
    pages: int | None = None
    unchanged: bool = False  # the same bytes were already in the library
    replaced: bool = False  # an older version of this source was replaced
    reason: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddReport:
    """How every file of one `add` ended."""

    results: tuple[FileResult, ...]
    seconds: float = 0.0
    skipped: tuple[str, ...] = ()  # paths in the folders whose type no parser reads

    def count(self, state: FileState) -> int:
        """Number of files that ended in `state`."""
        return sum(result.state == state for result in self.results)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `verify` found wrong; `repaired` says that it is mended now, `way_out` what is left to do."""

    check: str  # one word for the promise that is broken: "text", "vector", "keyword", "index", "original", ...
    problem: str  # in words, with the values
    document_id: str | None = None
    repaired: bool = False
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What `verify` looked at and what it found; `checked` counts things by kind ("documents", "chunks", ...)."""

    findings: tuple[Finding, ...]
    checked: dict[str, int]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong (any more)."""
        return all(finding.repaired for finding in self.findings)


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """One library of this machine, as a listing shows it."""

    name: str
    path: Path
    documents: int
    chunks: int
    embedder: str
    bytes: int  # of every file in its folder
    problem: str = ""  # why it cannot be opened; the counts are 0 then


@dataclass(frozen=True, slots=True)
class Upload:
    """A document handed over as bytes: `name` is its display name and becomes its source."""

    name: str
    data: bytes = field(repr=False)


def page_from_metadata(metadata: Mapping[str, Any]) -> int | None:
    """The page, from 1, that a LangChain document's metadata name; None where they name none.

    `page_start`, which our own documents carry, and `page_number` count from 1. `page` counts from 0, as LangChain's
    loaders do (PyPDF, PyMuPDF, PDFPlumber). A `page_label`, the number printed on the page, is a last resort.

    >>> page_from_metadata({"page": 4, "page_label": "v"}), page_from_metadata({"page": 5, "page_start": 5})
    (5, 5)
    """
    if "page_start" in metadata:
        return _page_number(metadata["page_start"], first=1)
    for key, first in (("page_number", 1), ("page", 0)):
        page = _page_number(metadata.get(key), first=first)
        if page is not None:
            return page
    label = str(metadata.get("page_label", ""))
    return _page_number(int(label), first=1) if label.isdecimal() and len(label) < 9 else None


def _page_number(value: object, *, first: int) -> int | None:
    """A number that counts from `first`, counted from 1; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= MAX_PAGE:
        return None
    return value - first + 1


def to_dict(value: Any) -> Any:
    """Turn any value of this module into plain JSON types; tuples become lists.

    >>> to_dict(PageSpan(number=1, start=0, end=5))
    {'number': 1, 'start': 0, 'end': 5}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [to_dict(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_dict(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return value
