"""The questions that the whole chain is asked, and the libraries that it is asked over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from benchmarks.answers_recorded import RecordedChat, Recording
from benchmarks.followups import rows

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from lastro.chains.answer import AnswerChain
    from lastro.types import Answer
    from lastro.vectorstore.library import Library

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A set's questions: which library, which file, how many of those with an answer and of those without."""

    name: str
    library: str
    questions: str = "queries.jsonl"
    answerable: int = 10_000
    unanswerable: int = 10_000
    folder: str = ""  # of the data; the library's name where empty
    task: str = ""  # of rgb_en, whose questions are asked with exactly the passages that they name

    def rows(self, data: Path, first: int) -> list[Row]:
        """The questions, in the order of the hashes of their ids."""
        every = rows(data / (self.folder or self.library) / self.questions)
        found = [row for row in every if not self.task or row["meta"]["task"] == self.task]
        return [
            *pick([row for row in found if row["answerable"]], min(self.answerable, first)),
            *pick([row for row in found if not row["answerable"]], min(self.unanswerable, first)),
        ]


SETS = (
    Asked("squad2_en", "squad2_en", answerable=180, unanswerable=120),
    Asked("squad2_pt", "squad2_pt", answerable=110, unanswerable=70),
    Asked("faquad_pt", "faquad_pt", answerable=120),
    Asked("faquad_out_of_corpus", "faquad_pt", "queries_out_of_corpus.jsonl"),
    Asked("faquad_leave_out", "faquad_left_out", "queries_leave_out.jsonl", folder="faquad_pt"),
    Asked("rgb_noise", "rgb_en", task="noise"),
    Asked("rgb_rejection", "rgb_en", task="rejection"),
    Asked("rgb_counterfactual", "rgb_en", task="counterfactual"),
)


def pick(found: Sequence[Row], count: int) -> list[Row]:
    """The first rows by the hash of their ids: a sample that is the same everywhere."""
    return sorted(found, key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())[:count]


def half(row: Row) -> str:
    """The half that a question belongs to, by the last digit of its id's hash: what is fitted is fitted on "tuning".

    Not by the first, as elsewhere: `pick` takes the questions whose hashes are lowest.
    """
    return "tuning" if hashlib.sha256(row["id"].encode()).hexdigest()[-1] < "8" else "untouched"


class Given(BaseRetriever):
    """Gives the passages of the question that is asked, in the order of its row, whatever a search would find."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Any
    ids: dict[str, list[str]]  # question to chunk ids

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,  # noqa: ARG002
    ) -> list[Document]:
        from dataclasses import replace

        from lastro.vectorstore.retriever import passage_to_document

        found = self.library.passages(self.ids[query])
        return [
            passage_to_document(replace(found[key], rank=rank)) for rank, key in enumerate(self.ids[query], start=1)
        ]


class Bench:
    """What one run shares: data, the kept libraries, the recorded model, the answers that were given."""

    def __init__(
        self, data: Path | None, work: Path, *, replay_only: bool = False, model: str = "", checker: str = ""
    ) -> None:
        self.data, self.work = data, work
        self.replay_only, self.model = replay_only, model
        self.checker = checker  # embedder that claims are checked with, "" for the library's
        self._libraries: dict[str, Library] = {}
        self.given: list[tuple[Library, Answer]] = []  # every answer of the run, for the check of its citations

    @cached_property
    def llm(self) -> RecordedChat:
        """The starter model, its texts recorded."""
        from lastro.llm.chat import ChatLlama

        inner = ChatLlama(model=self.model) if self.model else ChatLlama()
        recording = Recording(self.work / "recorded.sqlite")
        return RecordedChat(inner=inner, recording=recording, replay_only=self.replay_only)

    def folder(self, name: str) -> Path:
        """The folder of a public set."""
        if self.data is None:
            raise SystemExit(f"{name}: needs --data, the folder of the public question sets")
        return self.data / name

    def library(self, name: str) -> Library:
        """A library of whole passages, or of the PDFs, as it was kept or built now."""
        if name not in self._libraries:
            self._libraries[name] = self._built(name)
        return self._libraries[name]

    def _built(self, name: str) -> Library:
        import lastro

        library = lastro.open_library(self.work / name)
        if name == "faquad_pdf":
            if library.is_empty():
                library.add(self.folder(name) / "pdfs")
            return library
        left_out = name == "faquad_left_out"
        source = self.folder("faquad_pt" if left_out else name)
        without = set(json.loads((source / "leave_out_ids.json").read_text("utf-8")) if left_out else ())
        wanted = [row for row in rows(source / "corpus.jsonl") if row["id"] not in without]
        fill(library, wanted)
        return library

    def chain(
        self, library: Library, *, llm: BaseChatModel | None = None, retriever: BaseRetriever | None = None,
        calibrations: Any = None, **settings: Any,
    ) -> AnswerChain:  # fmt: skip
        """The answer chain over a library with the recorded model or another; `settings` are of section `answer`."""
        from lastro.chains.answer import answer_chain
        from lastro.config import AnswerSettings
        from lastro.opening import checking_embedder

        checker: dict[str, Any] = {}
        if self.checker:
            checker = {"embeddings": lambda: checking_embedder(self.checker), "embedder": self.checker}
        chosen = AnswerSettings.read(**settings)
        return answer_chain(
            library, llm=llm or self.llm, retriever=retriever, settings=chosen, calibrations=calibrations, **checker
        )

    def of_set(self, asked: Asked, found: Sequence[Row], **settings: Any) -> tuple[Library, AnswerChain]:
        """A set's library and the chain over it; of a set without retrieval, with exactly its own passages."""
        library = self.library(asked.library)
        retriever = given_passages(library, found) if asked.task else None
        return library, self.chain(library, retriever=retriever, **settings)

    def close(self) -> None:
        """Let go of every file."""
        for library in self._libraries.values():
            library.close()


def fill(library: Library, wanted: Sequence[Row]) -> None:
    """Add the passages that a library has not yet."""
    if len(library.documents()) < len(wanted):
        print(f"building {library.path.name}: {len(wanted)} passages", flush=True)
        documents = [
            Document(id=row["id"], page_content=row["text"], metadata={"title": row["title"]}) for row in wanted
        ]
        library.as_vectorstore().add_documents(documents)


def given_passages(library: Library, found: Sequence[Row]) -> Given:
    """A retriever that gives each question its own passages."""
    from lastro.types import chunk_id

    def chunk_of(document_id: str) -> str:
        text = library.text(document_id)
        return chunk_id(document_id, 0, len(text), text)

    ids = {row["question"]: [chunk_of(key) for key in row["meta"]["context_ids"]] for row in found}
    return Given(library=library, ids=ids)
