"""A library as a LangChain retriever, and passages as LangChain documents."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, Field

from lastro.config import RetrievalSettings
from lastro.types import Passage, page_from_metadata, to_dict
from lastro.vectorstore.library import Library

_FIELDS = {field.name: field for field in dataclasses.fields(Passage) if field.name != "text"}
_NEEDED = frozenset(name for name, field in _FIELDS.items() if field.default is dataclasses.MISSING)
_TEXT_HASH = "text_sha256"  # of the passage's text, so that a text changed by others is known for one


def passage_to_document(passage: Passage) -> Document:
    """A passage as a LangChain document: all of it stands in `metadata`, with `source` and `page` beside it.

    `page` and `page_start` count from 1. The metadata are plain JSON.
    """
    metadata: dict[str, Any] = {name: to_dict(getattr(passage, name)) for name in _FIELDS}
    metadata[_TEXT_HASH] = _text_hash(passage.text)
    return Document(
        id=passage.chunk_id,
        page_content=passage.text,
        metadata=metadata | {"source": passage.title, "page": passage.page_start},
    )


def passage_from_document(document: Document, *, rank: int) -> Passage:
    """The passage that `passage_to_document` wrote; any other document becomes a passage of itself, from 0 to its end.

    So does one of ours whose text was changed on the way (a compressor, a translator): its span would not fit. It
    keeps its title, section and pages. What a document that an earlier version wrote does not say is left at its
    default. A foreign `page` counts from 0, as LangChain's loaders count.
    """
    metadata: dict[str, Any] = document.metadata
    text = document.page_content
    if metadata.keys() >= _NEEDED and _holds_its_span(metadata, text):
        known = {name: metadata[name] for name in _FIELDS if name in metadata}
        known["duplicates"] = _ids(known.get("duplicates"))
        return Passage(**known | {"text": text, "rank": rank})
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
        score=float(score) if isinstance(score := metadata.get("score"), int | float) else 0.0,
        language=str(metadata.get("language") or "und"),
    )


def _ids(value: object) -> tuple[str, ...]:
    """A list of ids, as JSON gives it back; none where it is anything else."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list | tuple) else ()


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
    """The passages of a library for a question, best first.

    `k`, `search_type`, `where`, `settings` and the options of a search can also be given for one call:
    `retriever.invoke(question, k=3, min_relevance=0.5)`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Library = Field(exclude=True, repr=False)
    k: int | None = Field(default=None, ge=1, description="Passages returned; default: as the settings say.")
    search_type: Literal["hybrid", "similarity", "keyword"] | None = None
    where: dict[str, Any] | None = Field(default=None, description="A filter; see `lastro.vectorstore.where`.")
    settings: RetrievalSettings | None = Field(default=None, description="How to search; default: as the library does.")
    options: dict[str, Any] = Field(default={}, description="Single options; see `lastro.vectorstore.selection`.")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> list[Document]:
        return [passage_to_document(passage) for passage in self._search(query, **kwargs)]

    def _search(self, query: str, **kwargs: Any) -> list[Passage]:
        own = {"k": self.k, "search_type": self.search_type, "where": self.where, "settings": self.settings}
        return self.library.search(query, **(own | self.options | kwargs))

    def further(self, query: str) -> list[Passage]:
        """The passages that come after those of a call, as many again; ranks go on."""
        chosen = self.settings or self.library.retrieval
        k = chosen.k if self.k is None else self.k
        return self._search(query, k=2 * k)[k:]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        # langchain-core 1.7: its own version takes no options for one call.
        return await run_in_executor(
            None, self._get_relevant_documents, query, run_manager=run_manager.get_sync(), **kwargs
        )

    def _get_ls_params(self, **_kwargs: Any) -> LangSmithRetrieverParams:
        """What a trace says of the retriever; the embedder is named, not loaded."""
        return LangSmithRetrieverParams(
            ls_retriever_name="library",
            ls_vector_store_provider="lastro",
            ls_embedding_provider="lastro",
            ls_embedding_model=self.library.settings.embedder,
        )
