"""A search that the chat model widens: by other wordings of the question, or by an answer that it invents."""

from __future__ import annotations

import re
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever, LangSmithRetrieverParams
from langchain_core.runnables import run_in_executor
from pydantic import Field

from lastro.chains.generate import Either, repeats_itself
from lastro.detection import question_language
from lastro.language import fold
from lastro.llm.chat import ChatLlama
from lastro.llm.engine import Cancel
from lastro.prompts import load_prompt
from lastro.vectorstore.retriever import LibraryRetriever

Expansion = Literal["none", "multi_query", "hyde"]

WORDINGS = 3  # asked for, unless told otherwise
_LONGEST_WORDING = 300  # characters; a longer line is no question
_LONGEST_ANSWER = 2_000  # characters of an invented answer that are embedded; the embedder would cut it anyway
_MOST_TOKENS = {"multi_query": 160, "hyde": 160}
_BULLET = re.compile(r"^\s*(?:[-*•–]+|\(?\d{1,2}[.):]|\[\d{1,2}\])\s*")


class ExpandingRetriever(BaseRetriever):
    """A library's retriever that has the chat model look at the question first.

    "multi_query" also searches for other wordings of the question and fuses the results by reciprocal rank. "hyde"
    embeds an answer that the model invents in place of the question, while the keyword search keeps the question's own
    words (Gao et al., ACL 2023). The model's text is only ever searched with, never shown. Where it is of no use, or
    `cancel`, which may be given for one call, is set, the search is the plain one. All else that the retriever takes
    for one call is handed on to it.
    """

    retriever: LibraryRetriever
    llm: BaseChatModel = Field(exclude=True, repr=False)
    expansion: Literal["multi_query", "hyde"]
    count: int = Field(default=WORDINGS, ge=1, le=10, description="Other wordings to ask for.")

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        cancel: Cancel | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        written = self._written(query, run_manager, cancel) if query.strip() else ""
        added: dict[str, Any] = {}
        if self.expansion == "hyde":
            answer = invented_answer(written, query)
            added = {"stand_in": answer} if answer else {}
        else:
            wordings = other_wordings(written, query, self.count)
            added = {"wordings": wordings} if wordings else {}
        return self.retriever.invoke(query, {"callbacks": run_manager.get_child("search")}, **(added | kwargs))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        cancel: Cancel | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """As the other, in a thread; cancelling the task stops the model."""
        left = Either(cancel)
        sync = run_manager.get_sync()
        try:
            return await run_in_executor(
                None, self._get_relevant_documents, query, run_manager=sync, cancel=left, **kwargs
            )
        finally:
            left.set()

    def _written(self, query: str, run_manager: CallbackManagerForRetrieverRun, cancel: Cancel | None) -> str:
        """What the model writes about the question; nothing after a cancel, or where the question is too long."""
        if cancel is not None and cancel.is_set():
            return ""
        language = question_language(query, self.retriever.library.main_language())
        values = {"question": query} if self.expansion == "hyde" else {"question": query, "count": str(self.count)}
        prompt = load_prompt(self.expansion, language).format_messages(**values)
        ours = isinstance(self.llm, ChatLlama)
        extra: dict[str, Any] = {"cancel": cancel, "max_tokens": _MOST_TOKENS[self.expansion]} if ours else {}
        try:
            found = self.llm.invoke(prompt, {"callbacks": run_manager.get_child(self.expansion)}, **extra)
        except ContextOverflowError:
            return ""
        if cancel is not None and cancel.is_set():  # half a text would be searched for otherwise
            return ""
        return "" if repeats_itself(str(found.text)) else str(found.text)

    def _get_ls_params(self, **kwargs: Any) -> LangSmithRetrieverParams:
        """What a trace says of the retriever: as the library's own, by another name."""
        inner = self.retriever._get_ls_params(**kwargs)
        return LangSmithRetrieverParams(**{**inner, "ls_retriever_name": f"library-{self.expansion}"})


def expanding(retriever: LibraryRetriever, llm: BaseChatModel, expansion: Expansion) -> BaseRetriever:
    """The retriever with an expansion around it, or itself for "none"."""
    return retriever if expansion == "none" else ExpandingRetriever(retriever=retriever, llm=llm, expansion=expansion)


def other_wordings(text: str, question: str, count: int) -> tuple[str, ...]:
    r"""The first `count` wordings that a model wrote, one a line; none where the text is no such list.

    Copies of the question and of each other are left out, and where the question has its mark, lines without one: a
    model's preface, or an answer. A text of far more lines than were asked for is a model that does not find its end.

    >>> other_wordings("Sure:\n1. When is it over?\n2. when does it end?\n- Its last day?", "When does it end?", 3)
    ('When is it over?', 'Its last day?')
    """
    lines = [_BULLET.sub("", line).strip(" \t\"'“”*") for line in text.splitlines()]
    lines = [line for line in lines if any(map(str.isalnum, line))]
    if len(lines) > 4 * count:
        return ()
    ending = "?" if question.rstrip().endswith("?") else ""
    found: dict[str, str] = {}
    for line in lines:
        key = _bare(line)
        if len(line) <= _LONGEST_WORDING and key != _bare(question) and line.endswith(ending):
            found.setdefault(key, line)
    return tuple(found.values())[:count]


def invented_answer(text: str, question: str) -> str:
    """What a model wrote in answer to a question, cut to what is worth embedding; empty where it says nothing new."""
    answer = " ".join(text.split())[:_LONGEST_ANSWER]
    new = set(_bare(answer).split()) - set(_bare(question).split())
    return answer if len(new) >= 3 else ""


def _bare(text: str) -> str:
    """The words of a text without case, accents and signs."""
    return " ".join(re.findall(r"\w+", fold(text)))
