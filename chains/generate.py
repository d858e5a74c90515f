"""The model's text as it is written: its tokens, when to stop it, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableConfig

from lastro.chains.budget import PackedPrompt
from lastro.events import Token
from lastro.llm.chat import ChatLlama
from lastro.llm.engine import Cancel
from lastro.sentences import sentences
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


@dataclass(frozen=True, slots=True)
class Calling:
    """How a model is called: with whose callbacks, what stops it, and the mark that it must not write."""

    llm: BaseChatModel
    config: RunnableConfig
    cancel: Cancel | None
    fence: str

    @property
    def stopped(self) -> bool:
        """Whether the caller wants no more."""
        return self.cancel is not None and self.cancel.is_set()

    def stream(self, packed: PackedPrompt, end: Either) -> Iterator[AIMessageChunk]:
        """The model's message, piece by piece; one that copies the fence has lost its way."""
        stop = [self.fence, *(getattr(self.llm, "stop", None) or [])]
        extra: dict[str, Any] = {"cancel": end} if self.ends_itself else {}
        return self.llm.stream(list(packed.messages), config=self.config, stop=stop, **extra)

    @property
    def ends_itself(self) -> bool:
        """Whether the model takes a `cancel`, and then still tells what the answer cost."""
        return isinstance(self.llm, ChatLlama)


class Writing:
    """Collects a streamed message, and another where the first does not do: text, first token's time, usage."""

    def __init__(self, began: float) -> None:
        self.text = ""  # of the try under way
        self._kept: list[str] = []  # earlier tries
        self._spent: list[Mapping[str, Any]] = [{}]  # usage, by try
        self.cut = False  # whether the try under way ended at the most tokens of an answer
        self._began = began
        self._first: float | None = None
        self._seconds = 0.0  # of writing
        self._last: float | None = None

    @property
    def first(self) -> str:
        """The text of the first try."""
        return self._kept[0] if self._kept else self.text

    @property
    def whole(self) -> str:
        """The text of the try under way, without a last sentence that the limit of tokens cut off."""
        found = sentences(self.text) if self.cut else []
        if len(found) < 2 or self.text.rstrip()[-1:] in ".!?…|":
            return self.text
        return self.text[: found[-2][1]]

    def begin_again(self) -> None:
        """Keep what was written apart, and begin another message."""
        self._kept.append(self.text)
        self.text, self.cut = "", False
        self._spent.append({})
        self._last = None

    def tokens(self, packed: PackedPrompt, calling: Calling) -> Iterator[Token]:
        """Yield the model's text; stop texts, `cancel`, and its own going round in circles end it."""
        end = Either(calling.cancel)
        stream = calling.stream(packed, end)
        try:
            for chunk in stream:
                self._spent[-1] = chunk.usage_metadata or self._spent[-1]
                self.cut = self.cut or chunk.response_metadata.get("finish_reason") == "length"
                if chunk.text:
                    self._clock()
                    self.text += chunk.text
                    yield Token(str(chunk.text))
                if repeats_itself(self.text):
                    end.set()
                if end.is_set() and not calling.ends_itself:
                    break
        finally:
            if hasattr(stream, "close"):
                stream.close()  # frees the model at once, not when the generator is collected

    def _clock(self) -> None:
        now = time.perf_counter()
        self._first = self._first or now
        self._seconds += now - (self._last or now)
        self._last = now

    def usage(self) -> Usage:
        """What the messages cost together, counted until now; the speed is that of writing alone."""
        written = sum(int(spent.get("output_tokens", 0)) for spent in self._spent)
        cached = sum(int(dict(spent.get("input_token_details") or {}).get("cache_read", 0)) for spent in self._spent)
        usage = Usage(
            prompt_tokens=sum(int(spent.get("input_tokens", 0)) for spent in self._spent),
            cached_tokens=cached,
            completion_tokens=written,
            seconds_total=round(time.perf_counter() - self._began, 3),
        )
        if self._first is None:
            return usage
        between = written - len(self._spent)
        speed = round(between / self._seconds, 2) if between > 0 and self._seconds > 0 else None
        return replace(usage, seconds_to_first_token=round(self._first - self._began, 3), tokens_per_second=speed)


def repeats_itself(text: str, *, span: int = 60, times: int = 3) -> bool:
    """Whether the last `span` characters stand `times` times in the text: a small model that has begun to loop.

    >>> repeats_itself("It ends in May. " * 12), repeats_itself("It ends in May.")
    (True, False)
    """
    return len(text) >= span * times and text.count(text[-span:]) >= times
