"""A library: documents in a folder, found again by meaning and by word."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lastro.config import LibrarySettings, RetrievalSettings
from lastro.errors import ConfigError, EmbedderMismatch, LibraryError, LibraryLocked, LibraryNotFound
from lastro.events import OnIngest
from lastro.language import question_language
from lastro.types import AddReport, DocumentRecord, Language, PageSpan, Passage
from lastro.vectorstore import keyword
from lastro.vectorstore.adding import Adding, Pipeline, Source
from lastro.vectorstore.catalog import Catalog, NewDocument, Written
from lastro.vectorstore.embeddings import Embedder, EmbedderIdentity
from lastro.vectorstore.index import ChromaIndex, release_index, share_index
from lastro.vectorstore.locking import writer_lock
from lastro.vectorstore.originals import drop_original, keep_original, original_path
from lastro.vectorstore.search import SEARCH_TYPES, Request, SearchType, conditions, find_passages

if TYPE_CHECKING:
    from lastro.vectorstore.retriever import LibraryRetriever

DATABASE = "library.sqlite"
_STORED = ("embedder", "chunk_tokens", "chunk_overlap_tokens")  # settings that belong to the library

logger = logging.getLogger("lastro")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a library builds on, each called only when needed: a listing loads no model.

    `discover` turns what `add` is given into sources, `load_embedder` gets the name of the library's embedder,
    `make_pipeline` the embedder and the library's settings.
    """

    discover: Callable[[Any], Sequence[Any]]
    load_embedder: Callable[[str], Embedder]
    make_pipeline: Callable[[Embedder, LibrarySettings], Pipeline]


class Library:
    """Documents in a folder; safe under threads, and beside other processes on the same folder.

    Once closed, every method raises `LibraryError`; one that another thread is in the middle of stops so too.
    """

    def __init__(
        self,
        path: Path,
        parts: Parts,
        *,
        settings: LibrarySettings | None = None,
        retrieval: RetrievalSettings | None = None,
        name: str | None = None,
        create: bool = True,
    ) -> None:
        self.path = Path(path).expanduser().resolve()
        self.retrieval = retrieval or RetrievalSettings()
        self._parts = parts
        self._catalog = _open_catalog(self.path, create=create)
        meta = _initialise(self._catalog, settings or LibrarySettings(), name=name or self.path.name)
        self.name = meta["name"]
        self.settings = (settings or LibrarySettings()).model_copy(update=json.loads(meta["settings"]))
        self._secret = bytes.fromhex(meta["secret"])
        self._index: ChromaIndex = share_index(self.path / "chroma")
        self._guard = threading.RLock()
        self._embedder: Embedder | None = None
        self._pipeline: Pipeline | None = None
        self._repair_refused = False
        self._closed = False

    # Life -----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close files and the parsing process; a second call does nothing."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._catalog.close()  # first: whoever would still open the index or write asks it before
            if self._pipeline is not None:
                self._pipeline.close()
        release_index(self._index)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({str(self.path)!r})"

    @property
    def embedder(self) -> Embedder:
        """The embedder, loaded and checked against the library on first use.

        Raises:
            EmbedderMismatch: the library's vectors are of another embedder; nothing was written.
        """
        self._catalog.require_open()
        with self._guard:
            if self._embedder is None:
                embedder = self._parts.load_embedder(self.settings.embedder)
                self._check(embedder.identity)
                self._embedder = embedder
            return self._embedder

    def _check(self, given: EmbedderIdentity) -> None:
        meta = self._catalog.meta()
        if "embedder" not in meta:  # else nothing is written, also not to refuse
            meta = self._catalog.keep_meta(embedder=given.to_json())
        stored = EmbedderIdentity.from_json(meta["embedder"])
        if not stored.same_vectors(given):
            raise EmbedderMismatch(
                f"{self.path}: indexed with {_name(stored)}, opened with {_name(given)}; "
                f"open it with {stored.name}, or add its documents to a new library made with {given.name}"
            )

    # Documents ------------------------------------------------------------------------------------------------------

    def add(
        self, sources: Any, *, on_event: OnIngest | None = None, cancel: threading.Event | None = None
    ) -> AddReport:
        """Add files, folders, uploads or LangChain documents, and say how each of them ended.

        The same bytes are one document, whatever their names; a source whose bytes changed replaces its old version in
        one step. After a cancel or an interruption the documents so far are whole and stay.

        Raises:
            LibraryLocked: another writer held the library for too long.
            EmbedderMismatch: the library's vectors are of another embedder.
        """
        self._catalog.require_open()
        found = self._parts.discover(sources)  # before a model is loaded: a mistyped path is told at once
        with self._guard:
            embedder = self.embedder
            if self._pipeline is None:
                self._pipeline = self._parts.make_pipeline(embedder, self.settings)
        adding = Adding(catalog=self._catalog, store=_Store(self), pipeline=self._pipeline, embedder=embedder)
        return adding.run(found, emit=on_event or (lambda _event: None), cancel=cancel)

    def remove(self, key: str) -> DocumentRecord:
        """Remove a document by id, unique prefix of it, source or title, with all its sources and its original."""
        self._catalog.require_open()
        with self._writing():
            record = self._catalog.document(key)
            self._catalog.remove(record.id)
            drop_original(self.path, record.id)
            self._index.sync(self._catalog)
        return record

    def documents(self) -> list[DocumentRecord]:
        """Every document, in the order of their titles."""
        return self._catalog.documents()

    def document(self, key: str) -> DocumentRecord:
        """The document of an id, a unique prefix of one (6 characters or more), a source or a title.

        Raises:
            DocumentNotFound: nothing, or more than one document, answers to the key.
        """
        return self._catalog.document(key)

    def main_language(self) -> Language:
        """The language of a question too short to tell: "pt" where more documents are in it than in English."""
        counts = self._catalog.languages()
        return "pt" if counts.get("pt", 0) > counts.get("en", 0) else "en"

    def text(self, document_id: str) -> str:
        """A document's canonical text, which every span counts characters of."""
        return self._catalog.text(document_id)

    def page_spans(self, document_id: str) -> tuple[PageSpan, ...]:
        """A document's pages, in order."""
        return self._catalog.page_spans(document_id)

    def original(self, document_id: str) -> Path:
        """The file that holds a document's bytes as they were added."""
        return original_path(self.path, document_id, self._catalog.extension(document_id))

    # Search ---------------------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        k: int = 8,
        where: dict[str, Any] | None = None,
        search_type: SearchType | None = None,
    ) -> list[Passage]:
        """The `k` best passages for a question, best first; fewer where the library has no more.

        `where` restricts by `document_id`, `title`, `source`, `language` or `mime`: `{"title": "A"}`, or
        `{"title": {"$in": ["A", "B"]}}`.

        Raises:
            ConfigError: `where`, `k` or `search_type` is none that exists.
        """
        self._catalog.require_open()
        accepted = conditions(where)
        kind = search_type or self.retrieval.search_type
        if kind not in SEARCH_TYPES or k < 1:
            raise ConfigError(f"search: k = {k}, search_type = {kind!r}; k is 1 or more, types are {SEARCH_TYPES}")
        embedder = self.embedder
        if not query.strip() or not self._count():
            return []
        request = Request(
            query=query, vector=embedder.encode_query(query), k=k, kind=kind, where=accepted,
            candidates=self.retrieval.candidates, keyword_weight=self._keyword_weight(embedder, query),
        )  # fmt: skip
        if kind != "keyword":
            self._heal()
        return find_passages(self._catalog, self._index, request)

    def as_retriever(
        self, *, k: int | None = None, search_type: SearchType | None = None, where: dict[str, Any] | None = None
    ) -> LibraryRetriever:
        """This library as a LangChain retriever; `k` is the settings' unless given."""
        from lastro.vectorstore.retriever import LibraryRetriever

        self._catalog.require_open()
        return LibraryRetriever(
            library=self, k=self.retrieval.k if k is None else k, search_type=search_type, where=where
        )

    def idf(self, stems: Iterable[str]) -> dict[str, float]:
        """How rare each stem is among the chunks: `ln((N - df + .5) / (df + .5) + 1)`."""
        with self._catalog.read() as db:
            return keyword.idf(db, stems)

    def fence(self, seed: int) -> str:
        """A marker of 16 hex digits that no document can guess: HMAC-SHA256 of the seed under the library's secret."""
        self._catalog.require_open()
        return hmac.new(self._secret, str(seed).encode(), hashlib.sha256).hexdigest()[:16]

    def _keyword_weight(self, embedder: Embedder, query: str) -> float:
        spoken = question_language(query, self.main_language()) in embedder.languages
        return self.retrieval.keyword_weight if spoken else self.retrieval.keyword_weight_foreign

    def _count(self) -> int:
        with self._catalog.read() as db:
            return keyword.count_chunks(db)

    # Writing --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self, timeout_s: float | None = None) -> Iterator[None]:
        with writer_lock(self.path, timeout_s=self.settings.lock_timeout_s if timeout_s is None else timeout_s):
            yield

    def _heal(self) -> None:
        """Build the index anew where it is missing or broken; while another writes, searches are exact meanwhile."""
        if self._repair_refused or self._index.readable(self._catalog):
            return
        try:
            with self._writing(timeout_s=0):
                self._index.sync(self._catalog)
        except LibraryLocked:
            return
        except OSError as error:  # a folder that may only be read
            self._repair_refused = True
            logger.warning("%s: index cannot be rebuilt (%s); searching exactly", self.path, error)


class _Store:
    """The writing half of a library, as `add` needs it."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def put(self, new: NewDocument, source: Source) -> Written:
        library = self._library
        with library._writing():
            known = library._catalog.find(new.id) is not None
            if not known:
                with source.open() as stream:
                    keep_original(library.path, new.id, new.extension, stream)
            try:
                written = library._catalog.put(new)
            except BaseException:
                if not known:
                    drop_original(library.path, new.id)
                raise
            self._follow(written)
            return written

    def link(self, source: str, document_id: str) -> Written | None:
        """Let a source point to a document; None where the document has left meanwhile."""
        library = self._library
        known = library._catalog.find(document_id)
        if known is not None and source in known.sources:
            return Written(replaced=False, gone=())  # nothing to write, so no need to wait for a writer
        with library._writing():
            if library._catalog.find(document_id) is None:
                return None
            written = library._catalog.link(source, document_id)
            if written.gone:
                self._follow(written)
            return written

    def _follow(self, written: Written) -> None:
        library = self._library
        for document_id in written.gone:
            drop_original(library.path, document_id)
        try:
            library._index.sync(library._catalog)
        except (ValueError, RuntimeError) as error:  # not the fault of the document, which is stored
            raise LibraryError(
                f"{library.path}: the search index cannot be written ({error}); what was added is kept, and the next "
                f"search builds the index anew"
            ) from error


def _open_catalog(path: Path, *, create: bool) -> Catalog:
    if not (path / DATABASE).is_file():
        if not create:
            raise LibraryNotFound(f"{path}: no library here; `lastro add PATH` makes one")
        path.mkdir(parents=True, exist_ok=True)
    return Catalog(path / DATABASE)


def _initialise(catalog: Catalog, settings: LibrarySettings, *, name: str) -> dict[str, str]:
    """The library's meta values, written now where the library is new."""
    meta = catalog.meta()
    if "secret" in meta:
        return meta
    values = {
        "library_id": secrets.token_hex(16),
        "secret": secrets.token_hex(32),
        "name": name,
        "settings": json.dumps({key: getattr(settings, key) for key in _STORED}),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return catalog.keep_meta(**values)  # where two processes create it at once, the first one's values stand


def _name(identity: EmbedderIdentity) -> str:
    return f"{identity.name} ({identity.dimension}-d, weights {identity.sha256[:8]})"
