from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.documents import Document

from lastro.vectorstore import search
from lastro.vectorstore.embeddings import EmbedderIdentity
from lastro.vectorstore.filters import parse
from lastro.vectorstore.index import ChromaIndex
from lastro.vectorstore.library import Library
from lastro.vectorstore.search import EmbedderChanged, Request, find_passages
from tests.fakes import HashEmbeddings


def ask(library: Library, query: str, *, where: dict[str, Any] | None = None, identity: str | None = None) -> list[str]:
    """Titles of the passages found, best first."""
    embedder = HashEmbeddings()
    request = Request(
        query=query, vector=embedder.encode_query(query), identity=identity or embedder.identity.to_json(), k=10,
        kind="similarity", where=parse(where), candidates=10,
    )  # fmt: skip
    return [passage.title for passage in find_passages(library._catalog, library._index, request)]


def test_a_vector_of_another_embedder_is_not_compared(library: Library):
    other = HashEmbeddings(salt="other").identity.to_json()
    for where in (None, {"language": "en"}):
        with pytest.raises(EmbedderChanged):
            ask(library, "cats", where=where, identity=other)


def test_an_embedder_that_is_only_renamed_is_the_same(library: Library):
    renamed = dataclasses.replace(EmbedderIdentity.from_json(library._catalog.meta()["embedder"]), name="renamed")
    assert ask(library, "cats sleep", identity=renamed.to_json()) == ask(library, "cats sleep")


def test_an_embedder_that_changes_while_the_index_is_asked_is_noticed(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    candidates = ChromaIndex.candidates

    def slow(index: ChromaIndex, *arguments: Any, **options: Any) -> Any:
        found = candidates(index, *arguments, **options)
        library._catalog.set_meta(embedder=HashEmbeddings(salt="new").identity.to_json())
        return found

    monkeypatch.setattr(ChromaIndex, "candidates", slow)
    with pytest.raises(EmbedderChanged):
        ask(library, "cats")


def test_an_exact_search_in_batches_finds_what_the_index_finds(library: Library, monkeypatch: pytest.MonkeyPatch):
    by_index = ask(library, "cats sleep")
    monkeypatch.setattr(search, "_BATCH", 1)
    assert ask(library, "cats sleep", where={"title": {"$ne": "absent"}}) == by_index


def test_what_the_index_remembers_of_old_metadata_changes_no_answer(
    opened: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "EXACT_BELOW", 0)  # the index is asked by its own copy of the metadata
    monkeypatch.setattr(search, "WIDE", 2.0)  # never
    library = opened()
    store = library.as_vectorstore()
    store.add_texts(["cats", "dogs"], [{"year": 1}, {"year": 1}], ids=["cats", "dogs"])
    assert ask(library, "cats", where={"year": 1}) == ["cats", "dogs"]
    monkeypatch.setattr(ChromaIndex, "sync", lambda *_arguments, **_options: None)
    store.add_texts(["cats"], [{"year": 2}], ids=["cats"])
    assert ask(library, "cats", where={"year": 1}) == ["dogs"]
    assert ask(library, "cats", where={"year": 2}) == ["cats"]


def test_a_wide_filter_that_the_nearest_all_fail_is_still_met(opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    monkeypatch.setattr(search, "WIDE", 0.05)
    monkeypatch.setattr("lastro.vectorstore.search.Request.limit", 5)
    library = opened()
    near = [Document(f"cats sleep and cats hunt {n}", metadata={"group": "near"}) for n in range(150)]
    far = [Document(f"dogs bark at night {n}", metadata={"group": "far"}) for n in range(20)]
    library.as_vectorstore().add_documents([*near, *far])
    found = library.search("cats sleep and cats hunt", k=5, where={"group": "far"}, search_type="similarity")
    assert len(found) == 5
    assert all(passage.text.startswith("dogs") for passage in found)
