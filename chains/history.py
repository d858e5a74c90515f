"""The conversation so far, as turns that can be put before a model again exactly as they were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from lastro.errors import ConfigError
from lastro.prompts import LANGUAGES, refusal
from lastro.types import Answer, Language, Passage

_MARK = re.compile(r"\s*\[⚠[^\]\n]*\]")  # behind a claim that nothing backs
_MARKER = re.compile(r"\s*\[(?:\d{1,3}|⚠[^\]\n]*)\]")  # of a citation, or of a claim that nothing backs


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `passages` are those that this turn put into the prompt."""

    question: str
    answer: str  # as the model wrote it
    passages: tuple[Passage, ...] = ()
    language: Language | None = None  # that it was laid out in; None is the next question's
    shown: str | None = None  # what the user read, where that is not `answer`; blank where nothing was found

    @property
    def seen(self) -> str:
        """What the user read of the answer, without its markers; blank where it was the refusal."""
        text = self.answer if self.shown is None else self.shown
        bare = _MARKER.sub("", text).strip()
        return "" if bare in (refusal(language) for language in LANGUAGES) else bare


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question with the turns before it, oldest first."""

    question: str
    turns: tuple[Turn, ...] = ()


def read_input(value: str | Mapping[str, Any]) -> Conversation:
    """Turn the chain's input into a conversation.

    `history` may hold `Answer`s (whose passages then need not be sent again), `Turn`s, LangChain messages,
    `(role, text)` pairs, or `{"role", "content"}` mappings with the roles "user" or "human", "assistant" or "ai";
    "system" entries are passed over, since the chain has a system message of its own.

    Raises:
        ConfigError: the question is missing or blank, or an entry of the history is none of these.
    """
    if isinstance(value, str):
        return Conversation(_checked_question(value))
    if not isinstance(value, Mapping) or set(value) - {"question", "history"} or "question" not in value:
        raise ConfigError(f"input {value!r:.80}: must be a question, or {{'question': ..., 'history': [...]}}")
    return Conversation(_checked_question(value["question"]), tuple(_turns(_checked_history(value.get("history")))))


def _checked_question(question: Any) -> str:
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"question {question!r:.40}: must be text that is not blank; ask something")
    return question.strip()


def _checked_history(history: Any) -> Sequence[Any]:
    if history is None:
        return ()
    if isinstance(history, str | Mapping) or not isinstance(history, Iterable):
        raise ConfigError(f"history {history!r:.40}: must be a list of Answers, messages or (role, text) pairs")
    return list(history)


def _turns(history: Sequence[Any]) -> Iterable[Turn]:
    question: str | None = None
    for entry in history:
        if isinstance(entry, Turn):
            yield entry
        elif isinstance(entry, Answer):
            yield Turn(entry.question, entry.generated or entry.text, entry.passages, entry.language, _shown(entry))
        else:
            role, text = _role_and_text(entry)
            if role == "user":
                question = text if question is None else f"{question}\n{text}"
            elif role == "assistant" and question is not None:
                yield Turn(question, _MARK.sub("", text))
                question = None


def _shown(answer: Answer) -> str:
    """What an answer told the user: nothing where it refused, and the words of the document where it quoted."""
    if answer.state == "not_found":
        return ""
    return answer.citations[0].quote if answer.extracted and answer.citations else answer.words


_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "ai": "assistant", "system": "system"}


def _role_and_text(entry: Any) -> tuple[str, str]:
    text: Any
    if isinstance(entry, BaseMessage):
        role, text = entry.type.removesuffix("MessageChunk").lower(), str(entry.text)
    elif isinstance(entry, Mapping):
        role, text = str(entry.get("role")), entry.get("content")
    elif isinstance(entry, tuple | list) and len(entry) == 2:
        role, text = str(entry[0]), entry[1]
    else:
        raise ConfigError(f"history entry {entry!r:.60}: must be an Answer, a message, or a (role, text) pair")
    if role not in _ROLES:
        raise ConfigError(f"history role {role!r}: must be one of {sorted(_ROLES)}")
    if not isinstance(text, str):
        raise ConfigError(f"history text {text!r:.60}: must be text")
    return _ROLES[role], text
