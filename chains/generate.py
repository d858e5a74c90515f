"""The model's text as it is written: its tokens, when to stop it, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from lastro.chains.budget import PackedPrompt
from lastro.events import Token
from lastro.llm.chat import ChatLlama
from lastro.llm.engine import Cancel
from lastro.types import Usage


class Either:
    """Set when the caller's own event is, or when `set` was called here: the caller's event stays untouched."""

    def __init__(self, cancel: Cancel | None) -> None:
        self._own = False
        self._cancel = cancel

    def set(self) -> None:
        """Stop, whatever the caller says."""
        self._own = True

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._own or (self._cancel is not None and self._cancel.is_set())


class Writing:
    """Collects a streamed message: its text, its first token's time, its usage."""

    def __init__(self, began: float) -> None:
        self.text = ""
        self._began = began
        self._first: float | None = None
        self._usage: Mapping[str, Any] = {}

    def tokens(
        self,
        llm: BaseChatModel,
        packed: PackedPrompt,
        config: RunnableConfig,
        cancel: Cancel | None,
        *,
        stop: list[str],
    ) -> Iterator[Token]:
        """Yield the model's text; `stop` texts, `cancel`, and its own going round in circles end it."""
        end = Either(cancel)
        ends_itself = isinstance(llm, ChatLlama)  # it then still tells what the answer cost
        extra: dict[str, Any] = {"cancel": end} if ends_itself else {}
        stream = llm.stream(
            list(packed.messages), config=config, stop=stop, **extra
        )  # a model that copies the fence has lost its way
        try:
            for chunk in stream:
                self._usage = chunk.usage_metadata or self._usage
                if chunk.text:
                    self._first = self._first or time.perf_counter()
                    self.text += chunk.text
                    yield Token(str(chunk.text))
                if repeats_itself(self.text):
                    end.set()
                if end.is_set() and not ends_itself:
                    break
        finally:
            if hasattr(stream, "close"):
                stream.close()  # frees the model at once, not when the generator is collected

    def usage(self) -> Usage:
        """What the message cost, counted until now."""
        now = time.perf_counter()
        written = int(self._usage.get("output_tokens", 0))
        cached = dict(self._usage.get("input_token_details") or {}).get("cache_read", 0)
        usage = Usage(
            prompt_tokens=int(self._usage.get("input_tokens", 0)),
            cached_tokens=int(cached),
            completion_tokens=written,
            seconds_total=round(now - self._began, 3),
        )
        if self._first is None:
            return usage
        speed = round((written - 1) / (now - self._first), 2) if written > 1 and now > self._first else None
        return replace(usage, seconds_to_first_token=round(self._first - self._began, 3), tokens_per_second=speed)


def repeats_itself(text: str, *, span: int = 60, times: int = 3) -> bool:
    """Whether the last `span` characters stand `times` times in the text: a small model that has begun to loop.

    >>> repeats_itself("It ends in May. " * 12), repeats_itself("It ends in May.")
    (True, False)
    """
    return len(text) >= span * times and text.count(text[-span:]) >= times
