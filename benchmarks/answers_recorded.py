"""A chat model whose answers are kept in a file, so that a long run can be ended and taken up again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from lastro.chains.generate import repeats_itself
from lastro.llm.chat import ChatLlama

_TABLE = """CREATE TABLE IF NOT EXISTS texts (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, usage TEXT NOT NULL, seconds REAL NOT NULL
)"""
_SAMPLING = ("temperature", "top_p", "min_p", "max_tokens", "seed")


class NotRecordedError(Exception):
    """A text was asked for that is not in the file, where no model may be run."""


@dataclass(frozen=True)
class Written:
    """What a model wrote; `fresh` says that it was written now."""

    text: str
    usage: dict[str, Any]
    seconds: float
    fresh: bool = False


class Recording:
    """Texts by a hash of what they were asked for with."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, timeout=60, isolation_level=None)
        self._db.execute(_TABLE)

    def find(self, key: str) -> Written | None:
        """What was written for a key; None where nothing was."""
        row = self._db.execute("SELECT text, usage, seconds FROM texts WHERE key = ?", (key,)).fetchone()
        return None if row is None else Written(row[0], json.loads(row[1]), row[2])

    def keep(self, key: str, model: str, written: Written) -> None:
        """Store a text; the first that was stored for a key stays."""
        values = (key, model, written.text, json.dumps(written.usage), written.seconds)
        self._db.execute("INSERT OR IGNORE INTO texts VALUES (?, ?, ?, ?, ?)", values)

    def count(self) -> int:
        """How many texts there are."""
        return int(self._db.execute("SELECT count(*) FROM texts").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


class RecordedChat(BaseChatModel):
    """A `ChatLlama` that writes each text once; one that is known comes as one piece, with what it cost then.

    `replay_only` runs no model. `texts` are those given since the list was last cleared.
    """

    inner: ChatLlama
    recording: Any
    replay_only: bool = False
    texts: list[Written] = []  # noqa: RUF012 - pydantic copies it per instance

    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def context_size(self) -> int:
        """Tokens of the context window."""
        return self.inner.context_size

    @property
    def max_tokens(self) -> int:
        """Most tokens of an answer."""
        return self.inner.max_tokens

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of `text` by the model's own tokenizer."""
        return self.inner.get_token_ids(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt."""
        return self.inner.get_num_tokens_from_messages(messages, tools)

    def key(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None) -> str:
        """The hash of all that a text depends on: model, sampling, messages, stop texts."""
        asked = {
            "model": self.inner.model,
            "sampling": {name: getattr(self.inner, name) for name in _SAMPLING},
            "messages": [[message.type, str(message.text)] for message in messages],
            "stop": list(stop or []),
        }
        return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def write(self, messages: list[BaseMessage], stop: list[str] | None) -> Written:
        """A text from the model itself, ended as the answer chain ends it: where it goes round in circles."""
        end, text, usage, began = threading.Event(), "", {}, time.perf_counter()
        with contextlib.closing(self.inner.stream(messages, stop=stop, cancel=end)) as parts:  # type: ignore[type-var]
            for part in parts:
                text += str(part.text)
                usage = dict(part.usage_metadata or usage)
                if repeats_itself(text):
                    end.set()
        return Written(text, usage, round(time.perf_counter() - began, 3), fresh=True)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[ChatGenerationChunk]:
        key = self.key(messages, stop)
        with self._lock:
            written = self.recording.find(key)
            if written is None:
                if self.replay_only:
                    raise NotRecordedError(key)
                written = self.write(messages, stop)
                self.recording.keep(key, self.inner.model, written)
            self.texts.append(written)
        usage: Any = written.usage or None
        yield ChatGenerationChunk(message=AIMessageChunk(written.text, usage_metadata=usage))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    @property
    def _llm_type(self) -> str:
        return "recorded"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop, **kwargs)
