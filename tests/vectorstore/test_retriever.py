from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_tests.integration_tests import RetrieversIntegrationTests

import lastro
from lastro.config import RetrievalSettings
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


def test_a_document_says_why_it_was_found_in_plain_json(library: Library):
    library.as_vectorstore().add_texts(["Cats sleep most of the day and hunt at dusk."], [{"title": "Again"}])
    (document,) = library.as_retriever(k=1).invoke("cats hunt at dusk")
    assert json.loads(json.dumps(document.metadata)) == document.metadata
    passage = passage_from_document(Document(**json.loads(document.model_dump_json(exclude={"type"}))), rank=1)
    (found,) = library.search("cats hunt at dusk", k=1)
    assert passage == found
    assert passage.duplicates
    why = {"score", "cosine", "cosine_rank", "keyword_score", "keyword_rank", "rerank_score", "duplicates"}
    assert why <= document.metadata.keys()
    assert library.as_vectorstore().add_documents([document.model_copy(update={"id": "kept"})]) == ["kept"]


def test_a_document_of_an_earlier_version_still_is_its_passage(library: Library):
    (document,) = library.as_retriever(k=1).invoke("When does the lease end?")
    for new in ("cosine_rank", "keyword_rank", "rerank_score", "duplicates", "cosine"):
        del document.metadata[new]
    passage = passage_from_document(document, rank=1)
    assert passage.text == library.text(passage.document_id)[passage.start : passage.end]
    assert (passage.cosine_rank, passage.cosine, passage.duplicates) == (None, None, ())


@pytest.mark.parametrize("written", [None, "abc", 7, [1, None]])
def test_what_others_wrote_among_the_metadata_does_not_stop_a_passage(library: Library, written: Any):
    (document,) = library.as_retriever(k=1).invoke("When does the lease end?")
    document.metadata["duplicates"] = written
    assert passage_from_document(document, rank=1).duplicates == ()
    foreign = passage_from_document(Document("x", metadata={"score": "high", "page": 2}), rank=1)
    assert foreign.score == 0.0


def test_a_retriever_takes_the_options_of_a_search(library: Library):
    retriever = library.as_retriever(k=4, min_relevance=0.6)
    assert [d.metadata["title"] for d in retriever.invoke("cats hunt at dusk")] == ["Cats"]
    assert len(retriever.invoke("cats hunt at dusk", min_relevance=0.0, k=3)) == 3
    whole = library.as_retriever(settings=RetrievalSettings(k=2, search_type="keyword"))
    assert whole.k == 2
    assert [d.metadata["title"] for d in whole.invoke("2027 cats")] == ["Cats", "Lease"]
    with pytest.raises(ConfigError, match="nonsense"):
        retriever.invoke("cats", nonsense=1)


async def test_many_questions_may_be_asked_at_once(library: Library):
    retriever = library.as_retriever(k=1)
    questions = ["cats hunt at dusk", "dogs bark at strangers"] * 4
    found = await asyncio.gather(*(retriever.ainvoke(question, min_relevance=0.3) for question in questions))
    assert [documents[0].metadata["title"] for documents in found] == ["Cats", "Dogs"] * 4
    batches = await retriever.abatch(questions[:2])
    assert [documents[0].metadata["title"] for documents in batches] == ["Cats", "Dogs"]


def test_a_trace_names_the_store_and_the_embedder(library: Library):
    seen: list[dict[str, Any]] = []

    class Watching(BaseCallbackHandler):
        def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
            seen.append(kwargs["metadata"])

    retriever = library.as_retriever(k=1)
    retriever.invoke("cats", config={"callbacks": [Watching()], "metadata": {"mine": 1}})
    assert seen[0]["ls_retriever_name"] == "library"
    assert seen[0]["ls_vector_store_provider"] == "lastro"
    assert seen[0]["ls_embedding_model"] == "hash"
    assert seen[0]["mine"] == 1


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
