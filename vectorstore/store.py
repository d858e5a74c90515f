"""A library as a LangChain vector store: for documents that their owner has cut and described already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from lastro.errors import ConfigError, EmbedderMismatch, LibraryError
from lastro.types import Passage
from lastro.vectorstore.brought import Brought, brought_among, check_brought, files_among
from lastro.vectorstore.embeddings import Embedder
from lastro.vectorstore.reading import AMONG, as_json, passages, vectors_of
from lastro.vectorstore.retriever import passage_to_document
from lastro.vectorstore.rows import NewDocument
from lastro.vectorstore.selection import PLAIN

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library


@dataclass(frozen=True, slots=True)
class _Hit:
    """A document to return, and the passage that found it."""

    document: Document
    passage: Passage


class LibraryVectorStore(VectorStore):
    """The documents of a library, found by cosine similarity.

    A document that was added here comes back exactly as it was given, also where it is longer than the embedder takes:
    then its best part finds it. Documents that were read from files come back in passages. `filter` is the language of
    `lastro.vectorstore.where`.
    """

    def __init__(self, library: Library) -> None:
        self.library = library

    @property
    def embeddings(self) -> Embeddings | None:
        """The library's embedder, loaded if need be; None where it is none of LangChain's."""
        embedder = self.library.embedder
        return embedder if isinstance(embedder, Embeddings) else None

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        library: Library | None = None,
        **kwargs: Any,
    ) -> LibraryVectorStore:
        """Add texts to a library, and return it as a vector store; `embedding` is the library's own.

        Raises:
            ConfigError: `library` is missing.
            EmbedderMismatch: `embedding` is not the library's embedder.
        """
        if library is None:
            raise ConfigError("library: missing; give library=lastro.open_library(...), with the same embedder")
        identity = getattr(embedding, "identity", None)
        if identity is None or not library.embedder.identity.same_vectors(identity):
            raise EmbedderMismatch(
                f"{library.path}: its vectors are of {library.embedder.identity.name}, not of the embedding given; "
                f"give library.embedder, or open the library with the embedder you want"
            )
        store = cls(library)
        store.add_texts(texts, metadatas, ids=ids, **kwargs)
        return store

    # Adding and deleting --------------------------------------------------------------------------------------------

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts with their metadata, as `add_documents` does.

        Raises:
            ValueError: there are not as many metadata, or ids, as texts.
        """
        found = list(texts)
        described = [{} for _ in found] if metadatas is None else metadatas
        if len(described) != len(found):
            raise ValueError(f"{len(found)} texts and {len(described)} metadatas; give one for each text")
        documents = [Document(text, metadata=data) for text, data in zip(found, described, strict=True)]
        return self.add_documents(documents, ids=ids, **kwargs)

    def add_documents(
        self,
        documents: list[Document],
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> list[str]:
        """Add documents, all of them or none, and return their ids; one whose id is here already is replaced.

        An id is that of `ids`, else the document's own, else a hash of text and metadata. A document that is here
        already as it is given costs neither embedding nor writing.

        Raises:
            ValueError: there are not as many ids as documents.
            SourceError: metadata that JSON cannot give back as they are, or an id that is no text; nothing was added.
            LibraryError: an id is that of a file.
        """
        if ids is not None and len(ids) != len(documents):
            raise ValueError(f"{len(documents)} documents and {len(ids)} ids; give one for each document")
        given = [document.id for document in documents] if ids is None else ids
        brought = [
            check_brought(document, str(key or document.id or "") or None)
            for document, key in zip(documents, given, strict=True)
        ]
        changed = self._changed({one.id: one for one in brought})
        if changed:
            embedder = self.library.embedder
            self.library.put_documents(self._embedded(changed, embedder), embedder=embedder)
        return [one.id for one in brought]

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:  # noqa: ARG002 - LangChain's signature
        """Delete documents that were added here, all of them for None; ids that are not here are passed over.

        Raises:
            LibraryError: an id is that of a file or of a passage of one; nothing was deleted.
        """
        with self.library._catalog.read() as db:
            if ids is None:
                ids = [str(row[0]) for row in db.execute("SELECT id FROM documents WHERE metadata IS NOT NULL")]
            sql = (
                f"SELECT d.id, d.title FROM documents d WHERE d.metadata IS NULL AND (d.id {AMONG} OR d.id IN "
                f"(SELECT c.document_id FROM chunks c WHERE c.id {AMONG})) LIMIT 1"
            )
            of_file = db.execute(sql, (as_json(ids), as_json(ids))).fetchone()
        if of_file is not None:
            raise LibraryError(
                f"{of_file['title']}: was added as a file and goes as a whole; use library.remove({of_file['id']!r})"
            )
        self.library.delete_documents(ids)
        return True

    def _changed(self, wanted: dict[str, Brought]) -> list[Brought]:
        """The documents that are not here as they are wanted."""
        sql = (
            "SELECT d.id, d.title, d.metadata, t.sha256 FROM documents d JOIN texts t ON t.document_id = d.id "
            f"WHERE d.id {AMONG}"
        )
        with self.library._catalog.read() as db:
            here = {str(row["id"]): row for row in db.execute(sql, (as_json(list(wanted)),))}
        for row in here.values():
            if row["metadata"] is None:
                raise LibraryError(
                    f"{row['id']!r}: is the id of the file {row['title']!r}; give the document another id"
                )
        return [one for key, one in wanted.items() if key not in here or not one.is_row(here[key])]

    def _embedded(self, documents: Sequence[Brought], embedder: Embedder) -> list[NewDocument]:
        parsed = [one.parsed() for one in documents]
        chunks = [self.library.split(text, one.id, embedder) for text, one in zip(parsed, documents, strict=True)]
        vectors = embedder.encode_documents([chunk.embedded_text for cut in chunks for chunk in cut])
        ends = np.cumsum([len(cut) for cut in chunks]).tolist()
        return [
            NewDocument(
                id=one.id, source="", parsed=text, state="ok" if cut else "empty", reason="" if cut else "no text",
                bytes=len(one.text.encode()), extension="", chunks=cut, vectors=vectors[end - len(cut) : end],
                metadata=one.json,
            )
            for one, text, cut, end in zip(documents, parsed, chunks, ends, strict=True)
        ]  # fmt: skip

    # Finding --------------------------------------------------------------------------------------------------------

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents, and the passages of files, that have these ids, in their order; each id once."""
        with self.library._catalog.read() as db:
            brought = brought_among(db, ids)
            found = passages(db, [key for key in ids if key not in brought])
            files = files_among(db, [passage.document_id for passage in found.values()])
        of_files = {key: passage_to_document(one) for key, one in found.items() if one.document_id in files}
        return [(brought | of_files)[key] for key in dict.fromkeys(ids) if key in brought or key in of_files]

    def similarity_search(
        self,
        query: str,
        k: int = 4,
        filter: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> list[Document]:
        """The `k` documents most similar to a text, best first."""
        return [hit.document for hit in self._nearest(query, k, filter)]

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        filter: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> list[tuple[Document, float]]:
        """The `k` documents most similar to a text, best first, with their cosine similarity, -1 to 1."""
        return [(hit.document, hit.passage.cosine or 0.0) for hit in self._nearest(query, k, filter)]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        filter: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> list[Document]:
        """The `k` documents most similar to a vector of the library's embedder, best first."""
        return [hit.document for hit in self._nearest(embedding, k, filter)]

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The `k` of the `fetch_k` most similar documents that are similar to the text and not to each other.

        `lambda_mult` is 1 for similarity alone and 0 for variety alone (Carbonell and Goldstein, SIGIR 1998).
        """
        vector = self.library.embedder.encode_query(query)
        return self.max_marginal_relevance_search_by_vector(vector.tolist(), k, fetch_k, lambda_mult, filter, **kwargs)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> list[Document]:
        """As `max_marginal_relevance_search`, for a vector of the library's embedder."""
        hits = self._nearest(embedding, max(k, fetch_k), filter)
        with self.library._catalog.read() as db:
            keys, matrix = vectors_of(db, [hit.passage.chunk_id for hit in hits])
        vectors = dict(zip(keys, matrix, strict=True))
        still = [hit for hit in hits if hit.passage.chunk_id in vectors]
        rows = cast("list[list[float]]", [vectors[hit.passage.chunk_id] for hit in still])
        order = maximal_marginal_relevance(np.asarray(embedding, dtype=np.float32), rows, lambda_mult, k)
        return [still[at].document for at in order]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Cosine similarity, cut to 0 to 1."""
        return lambda cosine: max(0.0, min(1.0, cosine))

    def _nearest(self, query: str | list[float], k: int, where: dict[str, Any] | None) -> list[_Hit]:
        """The best documents; more passages are asked for where several of them are of one document."""
        count = k
        while True:
            if isinstance(query, str):
                found = self.library.search(query, k=count, where=where, search_type="similarity", settings=PLAIN)
            else:
                found = self.library.search_vector(query, k=count, where=where)
            hits = self._hits(found)
            if len(hits) >= k or len(found) < count:
                return hits[:k]
            count *= 4

    def _hits(self, found: Sequence[Passage]) -> list[_Hit]:
        """Each document that was brought once, at its best passage, and each passage of a file."""
        documents = [passage.document_id for passage in found]
        with self.library._catalog.read() as db:
            brought, files = brought_among(db, documents), files_among(db, documents)
        hits = []
        for passage in found:
            if passage.document_id in files:
                hits.append(_Hit(passage_to_document(passage), passage))
            elif passage.document_id in brought:  # else removed a moment ago
                hits.append(_Hit(brought.pop(passage.document_id), passage))
        return hits
