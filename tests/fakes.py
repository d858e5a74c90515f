"""Fakes for faults and speed only; each subclasses the real interface."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from lastro.language import fold
from lastro.vectorstore.embeddings import EmbedderIdentity, LocalEmbeddings
from lastro.vectorstore.identity import PROBES

Script = str | Callable[[Sequence[BaseMessage]], str]


# Four short documents in two languages, by name.
TEXTS = {
    "lease": "The lease ends on 31 May 2027. Rent is due on the fifth day of every month.",
    "contrato": "O contrato de locação termina em 31 de maio de 2027. O aluguel vence no quinto dia do mês.",
    "cats": "Cats sleep most of the day and hunt at dusk.",
    "dogs": "Dogs bark at strangers and guard the house.",
}


class ScriptedChat(BaseChatModel):
    """A chat model that says what its script says: a text, or a function of the messages.

    It counts one token a word and streams word by word, as a real model would.
    """

    script: Any = "It is so."
    context_size: int = 4096
    max_tokens: int = 64
    seen: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it per instance

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _text(self, messages: Sequence[BaseMessage]) -> str:
        self.seen.append(list(messages))
        return self.script(messages) if callable(self.script) else str(self.script)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self._text(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        words = self._text(messages).split(" ")
        cancel = kwargs.get("cancel")
        for at, word in enumerate(words):
            if cancel is not None and cancel.is_set():
                return
            yield ChatGenerationChunk(message=AIMessageChunk(word if at == 0 else f" {word}"))

    def get_num_tokens(self, text: str) -> int:
        return len(text.split())

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Any = None) -> int:
        return sum(len(message.text.split()) + 2 for message in messages)


class HashEmbeddings(LocalEmbeddings):
    """An embedder without a model: words hashed to directions, so texts that share words are near.

    A token is a word. `encoded` counts the document texts embedded, without the probes that a library makes when it
    loads an embedder; `salt` makes other weights of the same width.
    """

    def __init__(self, *, salt: str = "", dimension: int = 64, languages: tuple[str, ...] = ("en", "pt")) -> None:
        self.salt = salt
        self.encoded = 0
        self.batch_tokens = 8192
        self._dimension = dimension
        self._languages = languages

    @property
    def identity(self) -> EmbedderIdentity:
        digest = hashlib.sha256(f"hash-{self.salt}".encode()).hexdigest()
        return EmbedderIdentity(f"hash{self.salt}", digest, self._dimension, "sum", "", "")

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return 256

    @property
    def languages(self) -> tuple[str, ...]:
        return self._languages

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]

    def count_tokens(self, text: str) -> int:
        return len(self.token_spans(text))

    def encode_query(self, text: str) -> np.ndarray:
        vector = np.full(self._dimension, 1e-3, dtype=np.float32)
        for word in re.findall(r"\w+", fold(text)):
            seed = hashlib.sha256(f"{self.salt}:{word}".encode()).digest()
            signs = np.frombuffer((seed * (self._dimension // 32 + 1))[: self._dimension], dtype=np.uint8)
            vector += signs.astype(np.float32) / 127.5 - 1.0
        return vector / np.linalg.norm(vector)

    def encode_documents(
        self, texts: Sequence[str], *, on_progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for at, text in enumerate(texts):
            vectors[at] = self.encode_query(text)
        self.encoded += sum(text not in PROBES for text in texts)
        if on_progress is not None:
            on_progress(len(texts), len(texts))
        return vectors
