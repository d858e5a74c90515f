from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document

import lastro
from lastro.vectorstore.library import Library
from tests.fakes import TEXTS, HashEmbeddings


@pytest.fixture
def documents() -> list[Document]:
    return [Document(text, metadata={"source": name, "title": name.title()}) for name, text in TEXTS.items()]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Library]]:
    """Opens the library at `tmp_path / "library"`, and closes all of them in the end."""
    libraries: list[Library] = []

    def open_one(**options: object) -> Library:
        options.setdefault("embedder", HashEmbeddings())
        library = lastro.open_library(tmp_path / "library", **options)  # type: ignore[arg-type]
        libraries.append(library)
        return library

    yield open_one
    for library in libraries:
        library.close()


@pytest.fixture
def library(opened: Callable[..., Library], documents: list[Document]) -> Library:
    """A library of four short documents in two languages."""
    library = opened()
    report = library.add(documents)
    assert report.count("ok") == 4
    return library
