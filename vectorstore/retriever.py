"""A library as a LangChain retriever, and passages as LangChain documents."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from lastro.types import Passage, page_from_metadata
from lastro.vectorstore.library import Library

_FIELDS = tuple(field.name for field in dataclasses.fields(Passage) if field.name != "text")
_TEXT_HASH = "text_sha256"  # of the passage's text, so that a text changed by others is known for one


def passage_to_document(passage: Passage) -> Document:
    """A passage as a LangChain document: all of it stands in `metadata`, with `source` and `page` beside it.

    `page` and `page_start` count from 1.
    """
    metadata = {name: getattr(passage, name) for name in _FIELDS} | {_TEXT_HASH: _text_hash(passage.text)}
    return Document(
        id=passage.chunk_id,
        page_content=passage.text,
        metadata=metadata | {"source": passage.title, "page": passage.page_start},
    )


def passage_from_document(document: Document, *, rank: int) -> Passage:
    """The passage that `passage_to_document` wrote; any other document becomes a passage of itself, from 0 to its end.

    So does one of ours whose text was changed on the way (a compressor, a translator): its span would not fit. It
    keeps its title, section and pages. A foreign `page` counts from 0, as LangChain's loaders count.
    """
    metadata: dict[str, Any] = document.metadata
    text = document.page_content
    if all(name in metadata for name in _FIELDS) and _holds_its_span(metadata, text):
        return Passage(**{name: metadata[name] for name in _FIELDS} | {"text": text, "rank": rank})
    changed = document.id == metadata.get("chunk_id")  # an id that still is the unchanged text's
    key = _sha256(text) if changed or not document.id else document.id
    page, last = page_from_metadata(metadata), page_from_metadata({"page_start": metadata.get("page_end")})
    return Passage(
        chunk_id=key,
        document_id=key,
        title=str(metadata.get("title") or metadata.get("source") or key[:12]),
        text=text,
        start=0,
        end=len(text),
        page_start=page,
        page_end=page if page is None or last is None else max(page, last),
        section=str(metadata.get("section") or ""),
        rank=rank,
        score=float(metadata.get("score") or 0.0),
        language=str(metadata.get("language") or "und"),
    )


def _holds_its_span(metadata: dict[str, Any], text: str) -> bool:
    """Whether a text is still the one that its metadata's span was written for."""
    start, end = metadata["start"], metadata["end"]
    fits = isinstance(start, int) and isinstance(end, int) and len(text) == end - start
    return fits and metadata.get(_TEXT_HASH) in (None, _text_hash(text))


def _text_hash(text: str) -> str:
    return _sha256(text)[:16]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class LibraryRetriever(BaseRetriever):
    """The passages of a library for a question, best first."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Library = Field(exclude=True, repr=False)
    k: int = Field(default=6, ge=1, description="Passages returned.")
    search_type: Literal["hybrid", "similarity", "keyword"] | None = None
    where: dict[str, Any] | None = Field(default=None, description="A filter; see `lastro.vectorstore.where`.")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> list[Document]:
        options = {"k": self.k, "search_type": self.search_type, "where": self.where} | kwargs
        return [passage_to_document(passage) for passage in self.library.search(query, **options)]
