from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests

import lastro
from lastro.errors import ConfigError, EmbedderMismatch, LibraryError, SourceError
from lastro.types import Upload
from lastro.vectorstore import search
from lastro.vectorstore.library import Library
from lastro.vectorstore.store import LibraryVectorStore
from tests.fakes import HashEmbeddings


class TestLangChainsSuite(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with lastro.open_library(tmp_path / "suite", embedder=HashEmbeddings()) as library:
            yield library.as_vectorstore()


@pytest.mark.slow
class TestLangChainsSuiteWithARealEmbedder(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with lastro.open_library(tmp_path / "suite") as library:
            yield library.as_vectorstore()


@pytest.fixture
def store(opened: Callable[..., Library]) -> LibraryVectorStore:
    return opened().as_vectorstore()


METADATA = {
    "year": 2024, "share": 0.1, "draft": False, "none": None, "tags": ["a", 1, {"b": []}], "": "empty",
    "nested": {"é": 1e300}, "big": 2**70, "title": "T", "source": "s.pdf", "page": 4, "section": "One",
    "language": "en", "document_id": "mine",
}  # fmt: skip


def test_a_document_comes_back_exactly_as_it_was_given(store: LibraryVectorStore):
    text = "  Two  spaces,\r\na tab\t, a combining e\u0301, NUL \0 and the end. \n\n"
    given = Document(text, metadata=dict(METADATA), id="../../etc/passwd")
    assert store.add_documents([given]) == ["../../etc/passwd"]
    (found,) = store.similarity_search("two spaces")
    (again,) = store.get_by_ids(["../../etc/passwd"])
    assert found == again == given
    assert [type(value) for value in found.metadata.values()] == [type(value) for value in METADATA.values()]


def test_a_document_longer_than_the_embedder_takes_is_one_result_by_its_best_part(store: LibraryVectorStore):
    filler = " ".join(f"Sentence {n} says nothing of note." for n in range(200))
    long = f"{filler} The submarine dives at noon. {filler}"
    store.add_texts([long, "A submarine of paper.", "Cats sleep."], ids=["long", "short", "cats"])
    with store.library._catalog.read() as db:
        assert db.execute("SELECT count(*) FROM chunks WHERE document_id = 'long'").fetchone()[0] > 4
    found = store.similarity_search_with_score(filler, k=3)
    assert sorted(document.id or "" for document, _score in found) == ["cats", "long", "short"]
    assert found[0][0] == Document(long, id="long")
    best = max(passage.cosine or 0 for passage in store.library.search(filler, k=50, search_type="similarity"))
    assert found[0][1] == best


def test_an_unchanged_document_is_neither_embedded_nor_written(opened: Callable[..., Library]):
    embedder = HashEmbeddings()
    library = opened(embedder=embedder)
    store = library.as_vectorstore()
    documents = [Document("one", metadata={"a": 1, "b": 2}), Document("two", id="2")]
    ids = store.add_documents(documents)
    before = embedder.encoded, library._catalog.meta(), (library.path / "library.sqlite-wal").read_bytes()
    documents[0].metadata = {"b": 2, "a": 1}
    assert store.add_documents(documents) == ids
    assert store.add_documents([documents[1]], ids=["2"]) == ["2"]
    assert (embedder.encoded, library._catalog.meta(), (library.path / "library.sqlite-wal").read_bytes()) == before
    store.add_documents([Document("two", id="2", metadata={"a": True})])
    store.add_documents([Document("two", id="2", metadata={"a": 1})])  # equal to Python, not to the owner
    assert type(store.get_by_ids(["2"])[0].metadata["a"]) is int


def test_of_documents_with_one_id_the_last_one_stays(store: LibraryVectorStore):
    assert store.add_texts(["first", "second", "first"], ids=["x", "x", "y"]) == ["x", "x", "y"]
    assert [document.page_content for document in store.get_by_ids(["x", "y", "x", "z"])] == ["second", "first"]


def test_texts_without_ids_are_known_by_what_they_say(store: LibraryVectorStore):
    one, two = store.add_texts(["same", "same"], [{"n": 1}, {"n": 2}])
    assert one != two
    assert store.add_texts(["same"], [{"n": 1}]) == [one]
    assert store.add_documents([Document("mine", id="own")], ids=[None]) == ["own"]
    assert len(store.library.documents()) == 3


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": object()},
        {"a": math.nan},
        {"a": (1, 2)},
        {1: "a"},
        {"a": {"b": {3: 1}}},
        {"a": "x\0"},
        {"\ud800": 1},
        {"a": {1}},
    ],
    ids=repr,
)
def test_metadata_that_cannot_come_back_are_refused_before_anything_is_written(
    store: LibraryVectorStore, metadata: dict
):
    bad = Document("bad")
    bad.metadata = metadata
    with pytest.raises(SourceError):
        store.add_documents([Document("good"), bad])
    assert store.library.documents() == []


def test_text_and_ids_that_are_no_unicode_are_refused(store: LibraryVectorStore):
    for text, key in [("\ud800", "a"), ("a", "\ud800"), ("a", "a\0b")]:
        with pytest.raises(SourceError):
            store.add_texts([text], ids=[key])
    with pytest.raises(ValueError, match="2 documents and 1 ids"):
        store.add_texts(["a", "b"], ids=["a"])
    with pytest.raises(ValueError, match="1 texts and 2 metadatas"):
        store.add_texts(["a"], [{}, {}])


def test_an_empty_text_is_kept_and_not_found(store: LibraryVectorStore):
    store.add_texts(["", "cats"], ids=["empty", "cats"])
    assert [document.id for document in store.similarity_search("cats")] == ["cats"]
    assert store.get_by_ids(["empty"]) == [Document("", id="empty")]
    assert store.library.document("empty").state == "empty"


def test_files_come_back_in_passages_and_are_not_deleted_piece_by_piece(store: LibraryVectorStore):
    library = store.library
    library.add(Upload("lease.txt", b"The lease ends on 31 May 2027."))
    store.add_texts(["The lease is mine."], ids=["mine"])
    passage, own = sorted(store.similarity_search("lease ends", k=2), key=lambda document: document.id == "mine")
    assert own == Document("The lease is mine.", id="mine")
    assert passage.metadata["title"] == "lease"
    assert store.get_by_ids([passage.id or "", "mine"])[0].page_content == passage.page_content
    for key in (passage.id or "", passage.metadata["document_id"]):
        with pytest.raises(LibraryError, match="lease"):
            store.delete([key, "mine"])
    with pytest.raises(LibraryError, match="another id"):
        store.add_texts(["x"], ids=[passage.metadata["document_id"]])
    assert store.delete()
    assert [document.title for document in library.documents()] == ["lease"]


def test_parts_of_a_brought_document_have_no_id_of_their_own(store: LibraryVectorStore):
    store.add_texts(["cats"], ids=["cats"])
    (passage,) = store.library.search("cats")
    assert store.get_by_ids([passage.chunk_id]) == []
    store.delete([passage.chunk_id])
    assert len(store.library.documents()) == 1


def test_filters_reach_the_owners_metadata(store: LibraryVectorStore, monkeypatch: pytest.MonkeyPatch):
    store.add_texts(
        ["cats one", "cats two", "cats three"],
        [{"year": 2020, "source": "a.pdf"}, {"year": 2021.5, "page": 2}, {"draft": True}],
        ids=["1", "2", "3"],
    )

    def ids(where: dict[str, Any]) -> list[str]:
        return sorted(document.id or "" for document in store.similarity_search("cats", filter=where))

    for exact_below in (20_000, 0):  # then Chroma is asked
        monkeypatch.setattr(search, "EXACT_BELOW", exact_below)
        monkeypatch.setattr(search, "WIDE", 2.0)  # never
        assert ids({"year": {"$gte": 2021}}) == ["2"]
        assert ids({"draft": {"$ne": True}}) == ["1", "2"]
        assert ids({"source": "a.pdf"}) == ["1"]
        assert ids({"title": {"$nin": ["a.pdf"]}}) == ["2", "3"]
        assert ids({"page": 3}) == ["2"]  # LangChain's loaders count from 0, the filter from 1
        assert ids({"$or": [{"year": 2020}, {"draft": True}]}) == ["1", "3"]
        assert ids({"$not": {"year": {"$lt": 2021}}}) == ["2", "3"]
    retriever = store.as_retriever(search_kwargs={"k": 1, "filter": {"year": 2020}})
    assert [document.id for document in retriever.invoke("three")] == ["1"]
    keyword = store.library.as_retriever(search_type="keyword", where={"year": {"$gt": 2020}})
    assert [document.metadata["document_id"] for document in keyword.invoke("cats")] == ["2"]


def test_scores_are_cosines_and_relevance_lies_between_0_and_1(store: LibraryVectorStore):
    store.add_texts(["cats sleep", "dogs bark", "-"])
    embedder = store.library.embedder
    for document, score in store.similarity_search_with_score("cats sleep"):
        expected = embedder.encode_query("cats sleep") @ embedder.encode_query(document.page_content)
        assert score == pytest.approx(float(expected), abs=1e-6)
    relevances = [score for _document, score in store.similarity_search_with_relevance_scores("cats sleep")]
    assert relevances[0] == pytest.approx(1.0)
    assert all(0 <= score <= 1 for score in relevances)


def test_a_vector_finds_what_its_text_finds(store: LibraryVectorStore):
    store.add_texts(["cats sleep", "dogs bark", "cats bark"])
    assert store.embeddings is not None
    vector = store.embeddings.embed_query("cats bark")
    assert store.similarity_search_by_vector(vector, k=2) == store.similarity_search("cats bark", k=2)
    with pytest.raises(ConfigError):
        store.similarity_search_by_vector([1.0, 2.0])


def test_marginal_relevance_prefers_what_says_something_else(store: LibraryVectorStore):
    store.add_texts(["cats sleep", "cats sleep well", "cats hunt at dusk"])
    near = [document.page_content for document in store.similarity_search("cats sleep", k=2)]
    varied = [d.page_content for d in store.max_marginal_relevance_search("cats sleep", k=2, lambda_mult=0.2)]
    assert near == ["cats sleep", "cats sleep well"]
    assert varied == ["cats sleep", "cats hunt at dusk"]
    assert store.max_marginal_relevance_search("cats", filter={"document_id": "none"}) == []


def test_from_texts_wants_a_library_and_its_own_embedder(opened: Callable[..., Library]):
    library = opened()
    made = LibraryVectorStore.from_texts(["cats"], library.embedder, [{"a": 1}], ids=["1"], library=library)  # type: ignore[arg-type]
    assert made.get_by_ids(["1"]) == [Document("cats", id="1", metadata={"a": 1})]
    with pytest.raises(EmbedderMismatch):
        LibraryVectorStore.from_texts(["cats"], HashEmbeddings(salt="other"), library=library)
    with pytest.raises(ConfigError):
        LibraryVectorStore.from_texts(["cats"], HashEmbeddings())


def test_langchains_indexing_keeps_a_store_in_step_with_its_source(store: LibraryVectorStore):
    records = InMemoryRecordManager("test")
    records.create_schema()
    documents = [Document(f"text {n}", metadata={"source": f"{n}"}) for n in range(3)]
    options: dict[str, Any] = {"cleanup": "full", "source_id_key": "source", "key_encoder": "blake2b"}
    assert index(documents, records, store, **options)["num_added"] == 3
    again = index(documents[1:], records, store, **options)
    assert (again["num_added"], again["num_skipped"], again["num_deleted"]) == (0, 2, 1)
    assert len(store.library.documents()) == 2
