"""What goes into the prompt: turns and passages, whole, within an exact count of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage

from lastro.chains.history import Conversation, Turn
from lastro.detection import detect_language
from lastro.errors import ContextOverflow
from lastro.prompts import language_name, load_prompt, load_text, refusal
from lastro.types import Language, Passage


@dataclass(frozen=True, slots=True)
class PackedPrompt:
    """The messages for the model, what they hold and what was left out."""

    messages: tuple[BaseMessage, ...]
    passages: tuple[Passage, ...]  # in rank order: this turn's, new or already in the conversation
    dropped: tuple[Passage, ...]
    turns_dropped: int
    tokens: int  # of the whole prompt, by the model's own tokenizer
    labels: tuple[str, ...] = ()  # ids of the chunks that the prompt calls [1], [2] and so on


def context_window(llm: BaseChatModel) -> tuple[int, int] | None:
    """Tokens of a model's context and of its longest answer, or None where the model does not tell."""
    size, longest = getattr(llm, "context_size", None), getattr(llm, "max_tokens", None)
    if size is None:
        profile: Any = llm.profile or {}
        size = profile.get("max_input_tokens")
        return None if size is None else (int(size), 0)
    return int(size), int(longest or 0)


def pack(
    conversation: Conversation,
    passages: Sequence[Passage],
    *,
    llm: BaseChatModel,
    layout: Layout,
) -> PackedPrompt:
    """Fit a conversation and its passages, best first, into the model's context window.

    The prompt only ever grows at its end: a turn is laid out as it was when it was asked, so the engine's cached
    prefix stays good. When it does not fit, the last passages leave first, down to half of them; then the oldest
    turns as a whole; then the other passages.

    Raises:
        ContextOverflow: the question alone does not fit.
    """
    window = context_window(llm)
    turns, kept = list(conversation.turns), list(passages)
    while True:
        messages, labels = layout.messages(turns, conversation.question, kept)
        if window is None:
            return PackedPrompt(tuple(messages), tuple(kept), (), 0, 0, labels)
        size, longest = window
        tokens = llm.get_num_tokens_from_messages(messages)
        if tokens + longest <= size:
            dropped = tuple(passages[len(kept) :])
            left = len(conversation.turns) - len(turns)
            return PackedPrompt(tuple(messages), tuple(kept), dropped, left, tokens, labels)
        excess = tokens + longest - size
        half = (len(passages) + 1) // 2
        if turns and len(kept) <= half:
            turns.pop(0)
            kept = list(passages)  # one that had left may now fit
        elif kept:
            _drop_last(kept, excess, llm, at_least=half if turns else 0)
        else:
            raise ContextOverflow(
                f"question of {len(conversation.question)} characters: the prompt needs {tokens} tokens and the answer "
                f"up to {longest}, but the context window has {size}; shorten the question, or raise "
                f"llm.context_window or lower llm.max_tokens"
            )


def _drop_last(kept: list[Passage], excess: int, llm: BaseChatModel, *, at_least: int) -> None:
    """Take passages off the end until about `excess` tokens are saved; the caller counts exactly."""
    saved = 0
    while len(kept) > at_least and saved < excess:
        saved += llm.get_num_tokens(kept.pop().text)


@dataclass(frozen=True, slots=True)
class Layout:
    """Lays out turns as messages; passages are labelled in the order in which the conversation met them.

    The model is asked to answer in the language of the conversation's first question, whatever that is; `fixed` asks
    for the prompt's own instead.
    """

    language: Language
    fence: str
    fixed: bool = False

    def messages(
        self, turns: Sequence[Turn], question: str, passages: Sequence[Passage]
    ) -> tuple[list[BaseMessage], tuple[str, ...]]:
        """The messages, and the ids of the chunks that they call [1], [2] and so on."""
        labels: dict[str, int] = {}
        first = (turns[0].language if turns else None) or self.language
        spoken = first if self.fixed else _spoken(turns[0].question if turns else question, first)
        found = load_prompt("answer", first).format_messages(
            fence=self.fence, refusal=refusal(first), language=language_name(spoken)
        )
        for turn in turns:
            found += self._ask(turn.question, turn.passages, labels, turn.language or self.language)
            found.append(AIMessage(turn.answer))
        found += self._ask(question, passages, labels, self.language)
        return found, tuple(labels)

    def _ask(
        self, question: str, passages: Sequence[Passage], labels: dict[str, int], language: Language
    ) -> list[BaseMessage]:
        new = [passage for passage in passages if passage.chunk_id not in labels]
        seen = [f"[{labels[passage.chunk_id]}]" for passage in passages if passage.chunk_id in labels]
        for passage in new:
            labels[passage.chunk_id] = len(labels) + 1
        blocks = [self._source(labels[passage.chunk_id], passage, language) for passage in new]
        if seen:
            blocks.append(" ".join(seen))
        return load_prompt("turn", language).format_messages(sources="\n\n".join(blocks) or "-", question=question)

    def _source(self, label: int, passage: Passage, language: Language) -> str:
        page = {"en": "page", "pt": "página"}[language]
        place = f", {page} {passage.pages}" if passage.pages else ""
        if passage.section:
            place += f", {passage.section}"
        return load_text("source", language).format(
            label=label, title=_one_line(passage.title), place=_one_line(place), text=passage.text, fence=self.fence
        )


def _spoken(question: str, prompt: Language) -> str:
    """The language that a prompt asks to answer in: the English one serves every other language than Portuguese."""
    if prompt == "pt":
        return "pt"
    found = detect_language(question)
    return "en" if found in ("und", "pt", "gl") else found


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
