"""The second step alone: any text and the documents it should rest on, from any chain, to a checked `Answer`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from lastro.chains.checking.nli import Entailment
from lastro.chains.citations import Verified
from lastro.chains.citations import verify as check_and_cite
from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.ground import Ground
from lastro.chains.review import Review
from lastro.config import AnswerSettings
from lastro.detection import detect_language, question_language
from lastro.errors import ConfigError
from lastro.prompts import refusal
from lastro.types import Answer, AnswerState, Language, Passage, Policy, Usage
from lastro.vectorstore.library import Library
from lastro.vectorstore.retriever import passage_from_document

_NEEDED = "needs 'answer' (a text or message) and 'documents' or 'context' (a list of Documents)"


@dataclass(frozen=True, slots=True)
class Given:
    """What is checked, and against what."""

    text: str
    documents: Sequence[Document]
    question: str = ""


class Verifier(Runnable[Mapping[str, Any], Answer]):
    """From `{"answer", "documents", "question"}` to a checked `Answer`; what LangChain's retrieval chains give will do.

    `context` may stand for `documents`, `input` for `question`, which may be absent; other keys are passed over. The
    documents' order is that of the numbers in the text's own markers. A library gives the pages of its passages, its
    term weights and its embedder; without one, an `embedder` makes the check see paraphrases.

    Raises:
        ConfigError: there is no such policy or language; an input lacks something, or holds something else.
    """

    def __init__(
        self,
        *,
        policy: Policy = "mark",
        library: Library | None = None,
        embedder: Embeddings | None = None,
        entailment: Entailment | None = None,
        language: Language | None = None,
    ) -> None:
        self.settings = AnswerSettings.read(policy=policy, language=language or "auto")
        self.entailment = entailment
        self._ground = Ground() if library is None else Ground.of(library)
        self._known = library is not None
        if embedder is not None:
            self._ground = replace(self._ground, embeddings=lambda: embedder)

    def invoke(self, input: Mapping[str, Any], config: RunnableConfig | None = None, **_kwargs: Any) -> Answer:
        """Check one answer."""
        return self._call_with_config(lambda value: self.check(read_given(value)), input, config)

    def check(self, given: Given) -> Answer:
        """The answer that a text is, once it is checked."""
        language = self._language(given.question or given.text)
        passages = tuple(_passage(document, rank) for rank, document in enumerate(given.documents, 1))
        if self.settings.policy == "off":
            return self._answer(given, passages, language, Verified(given.text.strip(), (), ()), "unchecked")
        review = self._review(given.question, passages, language)
        checked = check_and_cite(
            given.text.strip(), review.evidence, check=review.check, page_of=self._ground.page_of, language=language,
            policy=self.settings.policy, labels=[passage.chunk_id for passage in passages],
        )  # fmt: skip
        claims, backed = checked.claims, checked.backed
        state: AnswerState = "not_found" if not backed else "answered" if len(backed) == len(claims) else "partial"
        if checked.removed and not backed:  # nothing is left but words around claims
            checked = replace(checked, text=refusal(language), sentences=())
        return self._answer(given, passages, language, checked, state)

    def _review(self, question: str, passages: Sequence[Passage], language: Language) -> Review:
        ground = self._ground
        shown = tuple(passages if self._known else map(_of_one_page, passages))
        evidence = Evidence(shown, language, ground.idf or idf_of_passages(shown))
        return Review(evidence, question, ground.alike(), self.entailment, self.settings.support_threshold)

    def _language(self, text: str) -> Language:
        own = self.settings.language
        return question_language(text, self._ground.language) if own == "auto" else own

    def _answer(
        self, given: Given, passages: tuple[Passage, ...], language: Language, checked: Verified, state: AnswerState
    ) -> Answer:
        return Answer(
            question=given.question, text=checked.text, state=state, sentences=checked.sentences,
            citations=checked.citations, passages=passages, dropped=(), usage=Usage(), language=language,
            generated=given.text, policy=self.settings.policy, removed=checked.removed,
        )  # fmt: skip


def verify(
    answer_text: str | BaseMessage,
    documents: Sequence[Document],
    *,
    question: str = "",
    policy: Policy = "mark",
    embedder: Embeddings | None = None,
    language: Language | None = None,
) -> Answer:
    """Check a text against documents, claim by claim; see `Verifier`.

    Raises:
        ConfigError: the text is none, or the documents are none of LangChain's.
    """
    given = read_given({"answer": answer_text, "documents": documents, "question": question})
    return Verifier(policy=policy, embedder=embedder, language=language).check(given)


def read_given(value: Any) -> Given:
    """What a chain hands over, as what is checked; raises as `Verifier`."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"input {value!r:.60}: must be a mapping; the verifier {_NEEDED}")
    names = ", ".join(map(str, value)) or "nothing"
    if "answer" not in value:
        raise ConfigError(f"input with {names}: 'answer' is missing; the verifier {_NEEDED}")
    found = next((key for key in ("documents", "context") if key in value), None)
    if found is None:
        raise ConfigError(f"input with {names}: 'documents' or 'context' is missing; the verifier {_NEEDED}")
    question = next((value[key] for key in ("question", "input") if value.get(key) is not None), "")
    return Given(
        text=_text("answer", value["answer"]),
        documents=_documents(found, value[found]),
        question=_text("question", question),
    )


def _text(name: str, value: Any) -> str:
    text = value.text if isinstance(value, BaseMessage) else value
    if not isinstance(text, str):
        raise ConfigError(f"{name} {value!r:.60}: must be a text or a message; take the text out before the verifier")
    return str(text)


def _documents(name: str, value: Any) -> Sequence[Document]:
    if isinstance(value, str):
        raise ConfigError(f"{name} {value!r:.60}: is a text; hand over the Documents that it was made of")
    if not isinstance(value, Sequence):
        raise ConfigError(f"{name} {value!r:.60}: must be a list of Documents")
    wrong = next((one for one in value if not isinstance(one, Document)), None)
    if wrong is not None:
        raise ConfigError(f"{name} holds {wrong!r:.60}: must be a list of Documents, as retrievers return them")
    return value


def _passage(document: Document, rank: int) -> Passage:
    """The passage of a document; one that tells no language is asked for it."""
    passage = passage_from_document(document, rank=rank)
    return passage if passage.language != "und" else replace(passage, language=detect_language(passage.text))


def _of_one_page(passage: Passage) -> Passage:
    """A passage over several pages without them: which of them a quote is on, only its library could tell."""
    several = passage.page_end is not None and passage.page_end != passage.page_start
    return replace(passage, page_start=None, page_end=None) if several else passage
