"""The public question sets that retrieval is measured on, and the libraries made of their passages."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.evaluation.datasets import CorpusRow
    from lastro.vectorstore.library import Library


@dataclass(frozen=True)
class Measured:
    """A question set over a corpus; `corpus` and `questions` are below the folder of the sets."""

    name: str
    metric: str = "hit@5"
    corpus: str = ""  # the folder; the name where empty
    questions: str = "queries.jsonl"

    @property
    def folder(self) -> str:
        """The folder of the corpus."""
        return self.corpus or self.name


SETS = (
    Measured("faquad_pt"),
    Measured("squad2_pt"),
    Measured("squad2_en"),
    Measured("pira_pt"),
    Measured("pira_en"),
    Measured("scifact_en", "ndcg@10", questions="queries_train.jsonl"),
    Measured("juristcu_pt", "ndcg@10"),
    Measured("gnome_help_pt", "ndcg@10", "gnome_help/pt"),
    Measured("gnome_help_en", "ndcg@10", "gnome_help/en"),
    Measured("multihop_en", "all_gold@10"),
)
CROSSED = (
    Measured("pira pt over en", "hit@5", "pira_en"),
    Measured("gnome_help pt over en", "ndcg@10", "gnome_help/en"),
)
CROSSED_QUESTIONS = ("pira_pt", "gnome_help/pt")


class Bench:
    """The libraries of one run, each built once."""

    def __init__(self, chosen: argparse.Namespace, work: Path) -> None:
        self.data: Path = chosen.data
        self.work = work / chosen.embedder.replace("/", "_")
        self.embedder: str = chosen.embedder

    def corpus(self, folder: str) -> tuple[CorpusRow, ...]:
        """The passages of a set."""
        from lastro.evaluation.datasets import load_corpus

        return load_corpus(self.data / folder / "corpus.jsonl")

    def library(self, folder: str) -> Library:
        """A set's library, of whole passages."""
        return self._of_rows(folder.replace("/", "_"), self.corpus(folder))

    def merged(self, folders: Sequence[str]) -> Library:
        """One library of several sets, ids with the set before them; vectors are taken from the sets' own libraries."""
        rows = [dataclasses.replace(row, id=f"{folder}:{row.id}") for folder in folders for row in self.corpus(folder)]
        known: dict[str, npt.NDArray[np.float32]] = {}
        for folder in folders:
            with self.library(folder) as library:
                known |= vectors_by_text(library)
        return self._of_rows("merged", rows, known)

    def pdfs(self) -> Library:
        """The PDFs of `faquad_pdf`, read from the files at the default settings."""
        library = self._open("faquad_pdf")
        if library.is_empty():
            library.add(self.data / "faquad_pdf" / "pdfs")
        return library

    def _open(self, name: str, known: dict[str, Any] | None = None) -> Library:
        import lastro
        from lastro.config import load_settings
        from lastro.vectorstore.embeddings import LocalEmbeddings

        embedder = LocalEmbeddings(self.embedder)
        if known:
            remember(embedder, known)
        settings = load_settings(library={"embedder": self.embedder})
        return lastro.open_library(self.work / name, settings=settings, embedder=embedder)

    def _of_rows(self, name: str, rows: Sequence[CorpusRow], known: dict[str, Any] | None = None) -> Library:
        from langchain_core.documents import Document

        library = self._open(name, known)
        missing = len(rows) - len(library.documents())
        if missing:
            print(f"building {name}: {missing} passages", flush=True)
            documents = [
                Document(id=row.id, page_content=row.text, metadata={"title": row.title} if row.title else {})
                for row in rows
            ]
            for first in range(0, len(documents), 500):
                library.as_vectorstore().add_documents(documents[first : first + 500])
        return library


def vectors_by_text(library: Library) -> dict[str, npt.NDArray[np.float32]]:
    """What a library's embedder made of each chunk."""
    import sqlite3
    from contextlib import closing

    import numpy as np

    with closing(sqlite3.connect(library.path / "library.sqlite")) as db:
        rows = db.execute("SELECT c.text, v.vector FROM chunks c JOIN vectors v USING (seq)").fetchall()
    return {text: np.frombuffer(vector, dtype=np.float32) for text, vector in rows}


def remember(embedder: Any, known: dict[str, Any]) -> None:
    """Let an embedder take the vectors that it once made, and make only the others."""
    import numpy as np

    made = embedder.encode_documents

    def encode_documents(texts: Sequence[str], **options: Any) -> Any:
        new = [text for text in texts if text not in known]
        if new:
            known.update(zip(new, made(new, **options), strict=True))
        return np.stack([known[text] for text in texts]) if texts else made(texts)

    embedder.encode_documents = encode_documents
