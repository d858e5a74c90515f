"""Documents that their owner has cut and described: checked, so that the library can give them back as they are."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import Document

from lastro.detection import detect_language
from lastro.errors import SourceError
from lastro.types import BROUGHT, PageSpan, ParsedDocument, Section, page_from_metadata
from lastro.vectorstore.reading import AMONG, as_json
from lastro.vectorstore.schema import text_sha256
from lastro.vectorstore.where import is_text

_TITLE_LENGTH = 80  # characters of an id that stands for a title
_CODE = re.compile("[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Brought:
    """A document as its owner brought it, checked."""

    id: str
    text: str
    metadata: dict[str, Any]
    json: str  # the metadata

    def is_row(self, row: sqlite3.Row) -> bool:
        """Whether the library holds it so already: `row` has the text's `sha256` and the `metadata`."""
        same = bool(row["sha256"] == text_sha256(self.text))
        return same and _ordered(row["metadata"]) == _ordered(self.json)

    def parsed(self) -> ParsedDocument:
        """The document as the rest of the library sees it: its text as given, and what its metadata say of it."""
        length = len(self.text)
        section, language = _named(self.metadata, "section"), _named(self.metadata, "language")
        return ParsedDocument(
            text=self.text,
            pages=(PageSpan(page_from_metadata(self.metadata), 0, length),),
            sections=(Section(section, 0, length),) if section else (),
            mime="text/plain",
            title=_named(self.metadata, "title") or _named(self.metadata, "source") or self.id[:_TITLE_LENGTH],
            language=language if _CODE.fullmatch(language) else detect_language(self.text),
            parser=BROUGHT,
        )


def brought_among(db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Document]:
    """The documents among `ids` that were brought, as they were given."""
    sql = (
        "SELECT d.id, d.metadata, t.text FROM documents d JOIN texts t ON t.document_id = d.id "
        f"WHERE d.metadata IS NOT NULL AND d.id {AMONG}"
    )
    return {
        str(row["id"]): Document(id=row["id"], page_content=row["text"], metadata=json.loads(row["metadata"]))
        for row in db.execute(sql, (as_json(ids),))
    }


def files_among(db: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    """The documents among `ids` that were read from files."""
    sql = f"SELECT d.id FROM documents d WHERE d.metadata IS NULL AND d.id {AMONG}"
    return {str(row[0]) for row in db.execute(sql, (as_json(ids),))}


def check_brought(document: Document, key: str | None) -> Brought:
    """A document under an id, or under a hash of its text and metadata where `key` is None.

    Raises:
        SourceError: the library could not give it back as it is.
    """
    text, metadata = document.page_content, document.metadata
    name = key or metadata.get("source") or text[:40]
    try:
        data = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
        kept = json.loads(data) == metadata and all(map(is_text, _texts(metadata)))
    except (TypeError, ValueError, RecursionError) as error:
        raise SourceError(
            f"{name!r}: metadata are no JSON ({error}); give texts, numbers, lists and mappings"
        ) from error
    if not kept:
        raise SourceError(
            f"{name!r}: JSON would change its metadata; keys must be texts, lists no tuples, and texts valid Unicode "
            f"without NUL"
        )
    found = hashlib.sha256(_ordered(json.dumps([text, metadata])).encode()).hexdigest() if key is None else key
    if not is_text(found) or not _is_unicode(text):
        raise SourceError(f"{name!r}: id and text must be valid Unicode, and the id without NUL; repair it first")
    return Brought(found, text, metadata, data)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_unicode(text: str) -> bool:
    return is_text(text.replace("\0", ""))


def _named(metadata: dict[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""


def _ordered(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)
