"""A library: documents in a folder, found again by meaning and by word."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack, cast

from lastro.config import LibrarySettings, RetrievalSettings
from lastro.errors import (
    EmbedderMismatch,
    LibraryCorrupt,
    LibraryError,
    LibraryLocked,
    LibraryReadOnly,
)
from lastro.events import OnIngest
from lastro.types import (
    AddReport,
    Chunk,
    DocumentRecord,
    Language,
    PageSpan,
    ParsedDocument,
    Passage,
    PurgeState,
    VerifyReport,
)
from lastro.vectorstore import keyword, originals
from lastro.vectorstore.adding import Adding, Pipeline
from lastro.vectorstore.compaction import Compaction
from lastro.vectorstore.creation import initialise, open_catalog
from lastro.vectorstore.embeddings import Embedder, EmbedderIdentity
from lastro.vectorstore.finding import Asked, Finding, main_language
from lastro.vectorstore.following import Following
from lastro.vectorstore.identity import MIN_PROBE_COSINE, drift, mismatch, probe
from lastro.vectorstore.index import ChromaIndex, release_index, share_index
from lastro.vectorstore.locking import index_lock, writer_lock
from lastro.vectorstore.reading import passages
from lastro.vectorstore.rows import NewDocument
from lastro.vectorstore.search import SearchType
from lastro.vectorstore.selection import SearchOptions
from lastro.vectorstore.storing import Storing

if TYPE_CHECKING:
    from lastro.vectorstore.rerank import Reranker
    from lastro.vectorstore.retriever import LibraryRetriever
    from lastro.vectorstore.store import LibraryVectorStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What a library builds on, each called only when needed: a listing loads no model.

    `discover` turns what `add` is given into sources, `load_embedder` gets the name of the library's embedder,
    `make_pipeline` the embedder and the library's settings, `split` a document, its id, the embedder and the settings,
    `load_reranker` the name of the reranker that a search asks for.
    """

    discover: Callable[[Any], Sequence[Any]]
    load_embedder: Callable[[str], Embedder]
    make_pipeline: Callable[[Embedder, LibrarySettings], Pipeline]
    split: Callable[[ParsedDocument, str, Embedder, LibrarySettings], Sequence[Chunk]]
    load_reranker: Callable[[str], Reranker]
    embedder: Embedder | None = None  # the library's own, where it was handed over


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
        self._catalog = open_catalog(self.path, create=create)
        meta = initialise(self._catalog, settings or LibrarySettings(), name=name or self.path.name)
        try:
            self.name = meta["name"]
            self.settings = (settings or LibrarySettings()).model_copy(update=json.loads(meta["settings"]))
            self._secret = bytes.fromhex(meta["secret"])
        except (KeyError, ValueError) as error:
            self._catalog.close()
            raise LibraryCorrupt(
                f"{self.path}: library.sqlite is damaged ({error}); try `lastro verify --repair`, or restore an export"
            ) from error
        self._index: ChromaIndex = share_index(self.path / "chroma")
        self._following = Following(self.path, self._catalog, self._index, maintaining=self._maintaining)
        self._storing = Storing(self.path, self._catalog, writing=self._writing, follow=self._following.follow)
        self._compaction = Compaction(
            self.path, self._catalog, self._index, writing=self._writing, maintaining=self._maintaining
        )
        self._finding = Finding(
            self._catalog, self._index, self._following, embedder=lambda: self.embedder, renew=self._forget_embedder,
            load_reranker=parts.load_reranker,
        )  # fmt: skip
        self._guard = threading.RLock()
        self._embedder: Embedder | None = None
        self._pipeline: Pipeline | None = None
        self._retired: list[Pipeline] = []
        self._swept = False
        self._closed = False
        self._compaction.finish_pending()

    # Life -----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close files and the parsing process; a second call does nothing."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            with suppress(LibraryError):  # what a purge waited for may be this library
                self._compaction.finish_pending()
            self._catalog.close()  # first: whoever would still open the index or write asks it before
            for pipeline in (*self._retired, *([self._pipeline] if self._pipeline is not None else [])):
                pipeline.close()
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
                embedder = self._parts.embedder or self._parts.load_embedder(self.settings.embedder)
                self._check(embedder)
                self._embedder = embedder
            return self._embedder

    def _check(self, embedder: Embedder) -> None:
        """Refuse an embedder that says or shows that its vectors are not those of the library."""
        meta, given = self._catalog.meta(), embedder.identity
        if "embedder" not in meta:
            shown = probe(embedder)  # refuses an embedder that no library can use
            meta = self._catalog.keep_meta(embedder=given.to_json(), embedder_probe=shown)
        stored = EmbedderIdentity.from_json(meta["embedder"])
        if not stored.same_vectors(given):
            raise mismatch(self.path, stored, given)
        if "embedder_probe" not in meta:
            with suppress(LibraryReadOnly):
                self._catalog.keep_meta(embedder_probe=probe(embedder))
            return
        cosine = drift(meta["embedder_probe"], embedder)
        if cosine < MIN_PROBE_COSINE:
            raise mismatch(self.path, stored, given, drift=cosine)

    def _forget_embedder(self) -> None:
        """Begin anew with the embedder that the library has now: another process may have changed it."""
        with self._guard:
            self.settings = self.settings.model_copy(update=json.loads(self._catalog.meta()["settings"]))
            self._embedder = None
            if self._pipeline is not None:
                self._retired.append(self._pipeline)  # another thread may be at work with it
                self._pipeline = None

    def _ready_pipeline(self) -> Pipeline:
        with self._guard:
            if self._pipeline is None:
                self._pipeline = self._parts.make_pipeline(self.embedder, self.settings)
            return self._pipeline

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
        adding = Adding(
            catalog=self._catalog, store=self._storing, pipeline=self._ready_pipeline, embedder=lambda: self.embedder,
            renew=self._forget_embedder,
        )  # fmt: skip
        report = adding.run(found, emit=on_event or (lambda _event: None), cancel=cancel)
        report = dataclasses.replace(report, skipped=tuple(getattr(found, "skipped", ())))
        if "garbage" in self._catalog.meta() and not self._swept:  # nothing was new, and so nothing was swept
            with suppress(LibraryLocked), self._writing():
                pass
        self._following.catch_up()
        self._compaction.run_if_due()
        return report

    def remove(self, key: str, *, purge: bool = False) -> DocumentRecord:
        """Remove a document by id, unique prefix of it, source or title, with all its sources and its original.

        No reader finds it from then on. Its text leaves the disk with the next compaction, which comes by itself, or at
        once with `purge`, unless others are in the way: then `purge_pending` tells so.

        Raises:
            DocumentNotFound: nothing, or more than one document, answers to the key.
            LibraryLocked: another writer held the library for too long.
        """
        self._catalog.require_open()
        with self._writing():
            record = self._catalog.document(key)
            self._catalog.remove([record.id], purge=purge)
            originals.drop_original(self.path, record.id)
        if purge:
            self.purge()
        else:
            self._following.catch_up()
            self._compaction.run_if_due()
        return record

    def purge(self, *, wait_s: float | None = None) -> PurgeState:
        """Rewrite the files, so that nothing removed remains in any of them; seconds to minutes, by size.

        Returns "done", or "pending" where another process still read an older state, or wrote, after `wait_s` seconds
        (by default the time a writer waits). It is done once that one leaves.

        Raises:
            LibraryDiskError: there is no room for the second copy that rewriting needs.
        """
        self._catalog.require_open()
        return self._compaction.run(wait_s=self.settings.lock_timeout_s if wait_s is None else wait_s)

    @property
    def purge_pending(self) -> bool:
        """Whether a purge that was asked for still waits for others."""
        self._catalog.require_open()
        return self._compaction.pending()

    def put_documents(self, new: Sequence[NewDocument], *, embedder: Embedder | None = None) -> None:
        """Store documents that `embedder`, or the library's own, embedded: all of them or none.

        One whose id is here is replaced.

        Raises:
            EmbedderMismatch: the library has changed to another embedder meanwhile.
        """
        self._catalog.require_open()
        with self._writing():
            try:
                self._catalog.put_all(new, embedder=(embedder or self.embedder).identity.to_json())
            except EmbedderMismatch:
                self._forget_embedder()  # so that the caller's next try has the right one
                raise
        self._following.catch_up()
        self._compaction.run_if_due()

    def delete_documents(self, ids: Sequence[str]) -> None:
        """Remove documents by their whole ids, in one transaction; ids that are not here are passed over."""
        self._catalog.require_open()
        with self._writing():
            here = [key for key in dict.fromkeys(ids) if self._catalog.find(key) is not None]
            self._catalog.remove(here)
            for key in here:
                originals.drop_original(self.path, key)
        self._following.catch_up()
        self._compaction.run_if_due()

    def split(self, parsed: ParsedDocument, document_id: str, embedder: Embedder | None = None) -> tuple[Chunk, ...]:
        """A document's chunks for this library's embedder, or for another one."""
        return tuple(self._parts.split(parsed, document_id, embedder or self.embedder, self.settings))

    def documents(self) -> list[DocumentRecord]:
        """Every document, in the order of their titles."""
        return self._catalog.documents()

    def is_empty(self) -> bool:
        """Whether it holds no document."""
        return self._catalog.is_empty()

    def document(self, key: str) -> DocumentRecord:
        """The document of an id, a unique prefix of one (6 characters or more), a source or a title.

        Raises:
            DocumentNotFound: nothing, or more than one document, answers to the key.
        """
        return self._catalog.document(key)

    def main_language(self) -> Language:
        """The language of a question too short to tell: "pt" where more documents are in it than in English."""
        return main_language(self._catalog)

    def text(self, document_id: str) -> str:
        """A document's canonical text, which every span counts characters of."""
        return self._catalog.text(document_id)

    def passages(self, chunk_ids: Sequence[str]) -> dict[str, Passage]:
        """The passages of the ids that are here, by id, such as those of `Passage.duplicates`; unranked (rank 0)."""
        with self._catalog.read() as db:
            return passages(db, chunk_ids)

    def page_spans(self, document_id: str) -> tuple[PageSpan, ...]:
        """A document's pages, in order."""
        return self._catalog.page_spans(document_id)

    def original(self, document_id: str) -> Path:
        """The file that holds a document's bytes as they were added.

        Raises:
            DocumentNotFound: no document of that id was read from bytes.
        """
        return originals.original_path(self.path, document_id, self._catalog.extension(document_id))

    # Search ---------------------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        k: int | None = None,
        where: dict[str, Any] | None = None,
        search_type: SearchType | None = None,
        settings: RetrievalSettings | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[Passage]:
        """The `k` best passages for a question, best first; fewer where the library has no more.

        `where` is a filter, as `lastro.vectorstore.where` describes them: `{"title": "A"}`, `{"page": {"$lte": 3}}`.
        What is not given is as `settings`, by default the library's, say; `lastro.vectorstore.selection` tells how
        passages are chosen.

        Raises:
            ConfigError: `where`, `k`, `search_type` or an option is none that exists, or out of its range.
            ModelNotFound: the reranker that the settings name is not here.
        """
        self._catalog.require_open()
        asked = Asked.read(query, settings or self.retrieval, k=k, kind=search_type, where=where, options=options)
        return self._finding.find(asked)

    def search_vector(
        self, vector: Sequence[float], *, k: int = 8, where: dict[str, Any] | None = None
    ) -> list[Passage]:
        """The `k` chunks nearest to a vector of this library's embedder, best first, whatever the settings.

        Raises:
            ConfigError: the vector has another width, or `where` or `k` is none that exists.
            EmbedderMismatch: the library has changed to another embedder.
        """
        self._catalog.require_open()
        return self._finding.nearest(vector, k=k, where=where, candidates=self.retrieval.candidates)

    def as_retriever(
        self,
        *,
        k: int | None = None,
        search_type: SearchType | None = None,
        where: dict[str, Any] | None = None,
        settings: RetrievalSettings | None = None,
        **options: Unpack[SearchOptions],
    ) -> LibraryRetriever:
        """This library as a LangChain retriever, which searches as `search` does with these arguments."""
        from lastro.vectorstore.retriever import LibraryRetriever

        self._catalog.require_open()
        chosen = settings or self.retrieval
        return LibraryRetriever(
            library=self, k=chosen.k if k is None else k, search_type=search_type, where=where, settings=settings,
            options=dict(options),
        )  # fmt: skip

    def as_vectorstore(self) -> LibraryVectorStore:
        """This library as a LangChain vector store, for documents that their owner has cut already."""
        from lastro.vectorstore.store import LibraryVectorStore

        self._catalog.require_open()
        return LibraryVectorStore(self)

    def idf(self, stems: Iterable[str]) -> dict[str, float]:
        """How rare each stem is among the chunks: `ln((N - df + .5) / (df + .5) + 1)`."""
        with self._catalog.read() as db:
            return keyword.idf(db, stems)

    def fence(self, seed: int) -> str:
        """A marker of 16 hex digits that no document can guess: HMAC-SHA256 of the seed under the library's secret."""
        self._catalog.require_open()
        return hmac.new(self._secret, str(seed).encode(), hashlib.sha256).hexdigest()[:16]

    # Upkeep ---------------------------------------------------------------------------------------------------------

    def verify(self, *, repair: bool = False) -> VerifyReport:
        """Check every promise of the library against its files, and mend what can be mended with `repair`."""
        from lastro.vectorstore.verify import verify_library

        self._catalog.require_open()
        return verify_library(self, repair=repair)

    def rebuild(
        self,
        *,
        embedder: str | Embedder | None = None,
        on_event: OnIngest | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Build the index anew from the catalogue; with `embedder`, a name or an object, embed every text anew first.

        An interrupted change of embedder goes on where it stopped when it is asked for again; until it is complete, the
        library keeps the old one.
        """
        from lastro.vectorstore.reembed import reembed

        self._catalog.require_open()
        if embedder is None:
            with self._maintaining():
                self._index.rebuild(self._catalog)
            return
        name = _as_stored(embedder) if isinstance(embedder, str) else None
        given = self._parts.load_embedder(name) if name is not None else cast("Embedder", embedder)
        reembed(self, given, name=name, on_event=on_event, cancel=cancel)
        self._forget_embedder()
        with self._guard:
            if EmbedderIdentity.from_json(self._catalog.meta()["embedder"]).same_vectors(given.identity):
                self._embedder = given

    def export(self, target: str | Path) -> Path:
        """Write the whole library into one file, while writing may go on; `lastro.import_library` reads it."""
        from lastro.vectorstore.backup import export_library

        self._catalog.require_open()
        return export_library(self, Path(target).expanduser().absolute())

    def _writing(self, wait_s: float | None = None) -> AbstractContextManager[None]:
        """The right to commit documents."""
        held = writer_lock(self.path, timeout_s=self.settings.lock_timeout_s if wait_s is None else wait_s)
        return held if self._swept else self._sweeping(held)

    def _maintaining(self, wait_s: float | None = None) -> AbstractContextManager[None]:
        """The right to change the index."""
        return index_lock(self.path, timeout_s=self.settings.lock_timeout_s if wait_s is None else wait_s)

    @contextmanager
    def _sweeping(self, held: AbstractContextManager[None]) -> Iterator[None]:
        """The writer lock for the first time: what killed processes left among the originals goes."""
        with held:
            self._swept = True
            originals.sweep(self.path, self._catalog.known_ids())
            yield


def _as_stored(name: str) -> str:
    """An embedder's name as the settings keep it: a folder by its whole path, whoever opens the library from where."""
    return str(Path(name).absolute()) if os.sep in name or Path(name).is_dir() else name
