"""A follow-up question rewritten so that it can be searched without the conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from lastro.chains.facts import facts_of, names_of
from lastro.chains.history import Conversation, Turn
from lastro.language import content_terms, fold, terms
from lastro.llm.chat import ChatLlama
from lastro.llm.engine import Cancel
from lastro.prompts import load_prompt
from lastro.types import Language

# Words that point back into the conversation.
_POINTERS = frozenset(
    "it its they them their theirs this that these those he she his her him there then same one ones other "
    "ele ela eles elas dele dela deles delas isso isto aquilo esse essa esses essas este esta estes estas aquele "
    "aquela nele nela nesse nessa neste nesta disso disto desse dessa deste desta la lo seu sua seus suas mesmo mesma "
    "outro outra".split()
)
_OPENERS = re.compile(r"^\W*(and|but|so|or|then|what about|how about|e|mas|ou|entao|ja)\b")
_TURNS_SHOWN = 3
_LONGEST = 600  # characters of an earlier question or answer that the rewrite gets to see


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question without its conversation: what is searched, and what an answer must be about."""

    search: str
    question: str


def needs_condensing(conversation: Conversation) -> bool:
    """Whether the question leans on earlier turns: it points back, opens like a follow-up, or names next to nothing."""
    if not conversation.turns:
        return False
    question = fold(conversation.question)
    words = {fold(term.text) for term in terms(question, "und")}
    few = len(content_terms(conversation.question, "pt")) <= 1 or len(content_terms(conversation.question, "en")) <= 1
    return bool(words & _POINTERS) or _OPENERS.match(question) is not None or few


def condense(
    conversation: Conversation,
    *,
    llm: BaseChatModel,
    language: Language,
    config: RunnableConfig | None = None,
    cancel: Cancel | None = None,
) -> Standalone:
    """The question as it would be asked without the conversation; a first question is returned as it is.

    The model's rewrite is used only where it brings no name or number that was not said; otherwise, or where the
    conversation is too long to be shown to it, the question is searched with the key terms of the question before.
    """
    if not needs_condensing(conversation):
        return Standalone(conversation.question, conversation.question)
    recent = conversation.turns[-_TURNS_SHOWN:]
    prompt = load_prompt("condense", language).format_messages(
        history="\n".join(f"- {turn.question[:_LONGEST]}\n  {turn.answer[:_LONGEST]}" for turn in recent),
        question=conversation.question,
    )
    extra: dict[str, Any] = {"cancel": cancel} if cancel is not None and isinstance(llm, ChatLlama) else {}
    try:
        rewritten = _first_line(str(llm.invoke(prompt, config=config, **extra).text))
    except ContextOverflowError:
        rewritten = ""
    if is_faithful(rewritten, conversation.question, recent, language):
        return Standalone(rewritten, rewritten)
    return Standalone(with_key_terms(conversation.question, recent[-1].question, language), conversation.question)


def _first_line(text: str) -> str:
    lines = [line.strip(" \"'“”*-") for line in text.strip().splitlines()]
    return next((line for line in lines if line), "")


def is_faithful(rewritten: str, question: str, turns: Sequence[Turn], language: Language) -> bool:
    """Whether a rewrite asks something, keeps the question's own terms and brings in nothing that was not said."""
    if not rewritten.endswith("?") or len(rewritten) > 400:
        return False
    said = "\n".join([question, *(f"{turn.question}\n{turn.answer}" for turn in turns)])
    known = {term.stem for term in terms(said, language)}
    own = {term.stem for term in content_terms(question, language) if fold(term.text) not in _POINTERS}
    new = {term.stem for term in content_terms(rewritten, language)}
    if not (facts_of(rewritten, language).numbers <= facts_of(said, language).numbers):
        return False
    return own <= new and names_of(rewritten, language) <= known and len(new - known) <= 1


def with_key_terms(question: str, before: str, language: Language) -> str:
    """The question with the key terms of the question before it.

    >>> with_key_terms("And the fine?", "When does the lease end?", "en")
    'And the fine? (lease end)'
    """
    own = {term.stem for term in content_terms(question, language)}
    key = [term.text for term in content_terms(before, language) if term.stem not in own]
    return f"{question} ({' '.join(key)})" if key else question
