from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_tests.integration_tests import RetrieversIntegrationTests

import lastro
from lastro.errors import ConfigError
from lastro.vectorstore.library import Library
from lastro.vectorstore.retriever import LibraryRetriever, passage_from_document, passage_to_document
from tests.fakes import HashEmbeddings


class TestLangChainsSuite(RetrieversIntegrationTests):
    current: Library

    @pytest.fixture(autouse=True)
    def _hold(self, library: Library) -> None:
        type(self).current = library

    @property
    def retriever_constructor(self) -> type[LibraryRetriever]:
        return LibraryRetriever

    @property
    def retriever_constructor_params(self) -> dict:
        return {"library": self.current, "k": 2}

    @property
    def retriever_query_example(self) -> str:
        return "When does the lease end?"


def test_a_passage_survives_as_a_document(library: Library):
    passages = library.search("When does the lease end?", k=3)
    documents = library.as_retriever(k=3).invoke("When does the lease end?")
    assert [passage_from_document(d, rank=at) for at, d in enumerate(documents, start=1)] == passages
    assert [passage_to_document(passage) for passage in passages] == documents
    assert documents[0].id == passages[0].chunk_id


def test_a_retriever_keeps_its_filter_and_search(library: Library):
    retriever = library.as_retriever(search_type="keyword", where={"language": "en"})
    assert retriever.k == library.retrieval.k
    assert [d.metadata["title"] for d in retriever.invoke("2027 cats")] == ["Cats", "Lease"]


def test_a_retriever_takes_the_whole_filter_language(library: Library):
    library.as_vectorstore().add_texts(["Cats in art."], [{"year": 1890, "title": "Art"}])
    retriever = library.as_retriever(where={"$or": [{"year": {"$lt": 1900}}, {"title": {"$in": ["Cats"]}}]})
    assert sorted(d.metadata["title"] for d in retriever.invoke("cats")) == ["Art", "Cats"]
    assert retriever.invoke("cats", where={"year": {"$gt": 1900}}) == []
    with pytest.raises(ConfigError, match="no operator"):
        library.as_retriever(where={"title": {"$like": "C%"}}).invoke("cats")


@pytest.mark.parametrize(
    ("metadata", "page"),
    [({}, None), ({"page": 4}, 5), ({"page": 4, "page_label": "5"}, 5), ({"page": True}, None), ({"page": "iv"}, None)],
)
def test_a_foreign_document_is_its_own_document(metadata: dict, page: int | None):
    passage = passage_from_document(Document("Some text.", metadata=metadata | {"source": "a.pdf"}), rank=2)
    assert (passage.start, passage.end, passage.text) == (0, 10, "Some text.")
    assert passage.document_id == passage.chunk_id
    assert (passage.title, passage.rank, passage.page_start) == ("a.pdf", 2, page)
    assert passage_from_document(Document("x"), rank=1).title


def test_a_document_whose_text_was_changed_on_the_way_claims_no_span_of_the_library(library: Library):
    (found,) = library.as_retriever(k=1).invoke("When does the lease end?")
    shorter = found.model_copy(update={"page_content": "Rent is due."})
    reworded = found.model_copy(update={"page_content": found.page_content.upper()})
    for changed in (shorter, reworded):
        passage = passage_from_document(changed, rank=1)
        assert (passage.start, passage.end, passage.text) == (0, len(changed.page_content), changed.page_content)
        assert passage.document_id == passage.chunk_id != found.id
        assert passage.document_id != found.metadata["document_id"]
        assert passage.title == "Lease"


def test_a_changed_document_keeps_the_pages_it_was_taken_from(library: Library):
    passage = dataclasses.replace(library.search("lease", k=1)[0], page_start=3, page_end=4)
    changed = passage_from_document(Document("x", metadata=passage_to_document(passage).metadata), rank=1)
    assert (changed.page_start, changed.page_end) == (3, 4)


def test_pages_do_not_shift_when_retrieved_documents_are_added_again(library: Library, tmp_path: Path):
    passage = dataclasses.replace(library.search("lease", k=1)[0], page_start=3, page_end=3)
    with lastro.open_library(tmp_path / "second", embedder=HashEmbeddings()) as second:
        second.add(passage_to_document(passage))
        (again,) = second.as_retriever(k=1).invoke("When does the lease end?")
    assert (again.metadata["page"], again.metadata["page_start"]) == (3, 3)
