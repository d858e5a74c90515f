"""What the answer chain asks of a library, and of the machine, besides a retriever and a chat model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever

from lastro.chains.checking.alike import Alike
from lastro.chains.citations import PageOf
from lastro.chains.confidence import Calibration, find_calibration, shipped_calibrations
from lastro.chains.evidence import Idf
from lastro.chains.expand import ExpandingRetriever
from lastro.errors import DocumentNotFound
from lastro.types import DocumentRecord, Language, Passage
from lastro.vectorstore.library import Library
from lastro.vectorstore.retriever import LibraryRetriever

if TYPE_CHECKING:
    from lastro.chains.checking.nli import Entailment


@dataclass(frozen=True)
class Ground:
    """The defaults serve a retriever that knows no library."""

    idf: Idf | None = None
    page_of: PageOf = lambda _document, _character: None
    fence: str = "~~~~~~~~"
    language: Language = "en"  # of a question too short to tell
    documents: Callable[[], Sequence[DocumentRecord]] | None = None
    embeddings: Callable[[], Embeddings] | None = None  # what claims are checked with; called for the first text
    embedder: str = ""  # its name
    calibrations: tuple[Calibration, ...] | None = None  # None: those that Lastro comes with
    load_entailment: Callable[[], Entailment] | None = None

    @classmethod
    def of(cls, library: Library, *, seed: int = 0, **more: Any) -> Ground:
        """The ground of a library: its term weights, pages, prompt fence, embedder and catalogue; `more` goes first."""

        def page_of(document_id: str, character: int) -> int | None:
            try:
                spans = library.page_spans(document_id)
            except DocumentNotFound:  # another retriever's document, or one removed meanwhile
                return None
            return next((span.number for span in spans if span.start <= character < span.end), None)

        own: dict[str, Any] = {
            "idf": library.idf, "page_of": page_of, "fence": library.fence(seed), "language": library.main_language(),
            "documents": library.documents, "embeddings": lambda: cast("Embeddings", library.embedder),
            "embedder": library.settings.embedder,
        }  # fmt: skip
        return cls(**{**own, **more})

    @cached_property
    def entailment(self) -> Entailment | None:
        """The model that refines the check, loaded once; None where none is set."""
        return None if self.load_entailment is None else self.load_entailment()

    def alike(self) -> Alike:
        """Similarities for one answer."""
        return Alike(None if self.embeddings is None else self.embeddings())

    def calibration(self, model: str, language: str) -> Calibration | None:
        """What says how far an answer of a chat model can be trusted."""
        known = shipped_calibrations() if self.calibrations is None else self.calibrations
        return find_calibration(known, model=model, embedder=self.embedder, language=language)


def further(retriever: BaseRetriever, query: str, dropped: Sequence[Passage]) -> Callable[[], Sequence[Passage]]:
    """A function that gives the passages that the model was not shown: those that did not fit, and the next found.

    Only our own retrievers are asked for the next ones: another one may hold passages back for a reason.
    """
    own = own_retriever(retriever)
    return lambda: [*dropped, *(() if own is None else own.further(query))]


def own_retriever(retriever: BaseRetriever) -> LibraryRetriever | None:
    """The library's retriever that searches, alone or with other wordings; None for anybody else's."""
    inner = retriever.retriever if isinstance(retriever, ExpandingRetriever) else retriever
    return inner if isinstance(inner, LibraryRetriever) else None
