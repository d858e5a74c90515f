"""ChatLlama: a GGUF model on this machine as a LangChain chat model."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, ChatMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import run_in_executor
from pydantic import Field, PrivateAttr

from lastro.config import LlmSettings
from lastro.errors import ConfigError, ModelError
from lastro.llm.engine import Cancel, Finished, LlamaEngine, Request, context_size, open_engine
from lastro.llm.native import Sampling
from lastro.llm.template import Turn, encode_plain

if TYPE_CHECKING:
    from langchain_core.language_models.model_profile import ModelProfile

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}
_PER_CALL = ("temperature", "top_p", "min_p", "seed", "max_tokens")
_IGNORED = ("stream", "ls_structured_output_format")  # LangChain's own
_DEFAULTS = LlmSettings()


class ChatLlama(BaseChatModel):
    """A chat model in a GGUF file, run by llama.cpp in this process.

    Two ChatLlama of one model and context share its weights. Answers are generated one at a time, first come, first
    served. A stream holds the model until it is read to its end or closed, so wrap one that may be left early:

        with contextlib.closing(llm.stream(question)) as parts:
            for part in parts: ...

    and an asynchronous one in `contextlib.aclosing(llm.astream(question))`.

    `model`, `temperature`, `top_p`, `min_p`, `seed`, `max_tokens`, `stop` and `cancel` can also be given for one call;
    `cancel` is a `threading.Event` that ends the answer within a token, with finish_reason "cancelled". `max_tokens`
    is reserved in the context window: what does not fit is refused with `ContextOverflow`, and nothing is truncated.
    """

    model: str = Field(default=_DEFAULTS.model, description="Catalogue name, GGUF in the models folder, or path.")
    context_window: int | None = Field(default=None, ge=256, description="Tokens; default: the model's, at most 8192.")
    temperature: float = Field(default=_DEFAULTS.temperature, ge=0, le=2, description="0 is greedy and repeatable.")
    top_p: float = Field(default=_DEFAULTS.top_p, gt=0, le=1, description="Nucleus sampling; 1 is off.")
    min_p: float = Field(default=_DEFAULTS.min_p, ge=0, le=1, description="Least relative probability; 0 is off.")
    max_tokens: int = Field(default=_DEFAULTS.max_tokens, ge=1, description="Most tokens of an answer.")
    seed: int = Field(default=_DEFAULTS.seed, ge=0, le=2**32 - 1, description="Seed of the sampler.")
    threads: int | None = Field(default=None, ge=1, le=1024, description="CPU threads; default: see `LlmSettings`.")
    gpu_layers: int = Field(default=_DEFAULTS.gpu_layers, ge=-1, description="Layers on the GPU; -1 is all.")
    batch_tokens: int = Field(default=_DEFAULTS.batch_tokens, ge=32, le=8192, description="Prompt tokens at a time.")
    check_memory: bool = Field(default=_DEFAULTS.check_memory, description="Refuse a model that does not fit.")
    stop: list[str] | None = Field(default=None, description="Texts that end an answer, where a call gives none.")

    _engine: LlamaEngine | None = PrivateAttr(default=None)

    @classmethod
    def from_settings(cls, settings: LlmSettings) -> Self:
        """The chat model that the section `llm` of the settings describes."""
        return cls(**settings.model_dump())

    @property
    def settings(self) -> LlmSettings:
        """The fields that are settings, as a section."""
        return LlmSettings(**{name: getattr(self, name) for name in LlmSettings.model_fields})

    @property
    def context_size(self) -> int:
        """Tokens of the context window, prompt and answer together; known without loading the weights."""
        return context_size(self.settings) if self._engine is None else self._engine.context_size

    def preload(self) -> None:
        """Load the weights now, not at the first question; raises as `open_engine`."""
        self._open()

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of `text` by the model's own tokenizer, special tokens off."""
        return encode_plain(text, self._open().vocabulary)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt for an answer to `messages`, chat template included."""
        if tools:
            raise ConfigError(f"{len(tools)} tools: ChatLlama calls no tools; leave them out")
        return len(self._open().prompt(_turns(messages)))

    def _open(self) -> LlamaEngine:
        if self._engine is None:
            self._engine = open_engine(self.settings)
        return self._engine

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        cancel, model = kwargs.pop("cancel", None), kwargs.pop("model", None) or self.model
        request = self._request(stop, kwargs)
        engine = self._open() if model == self.model else open_engine(self.settings.model_copy(update={"model": model}))
        for part in engine.generate(engine.prompt(_turns(messages)), request, cancel=cancel):
            if isinstance(part, Finished):
                yield _last_chunk(part, model)
                return
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=part))
            if run_manager is not None:
                run_manager.on_llm_new_token(part, chunk=chunk)
            yield chunk

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        left = _Left(kwargs.pop("cancel", None))
        sync = run_manager.get_sync() if run_manager is not None else None
        chunks = self._stream(messages, stop, sync, cancel=left, **kwargs)
        try:
            while (chunk := await run_in_executor(None, next, chunks, None)) is not None:
                yield chunk
        finally:
            left.set()  # the thread that may still work for this stream ends within a token, and frees the model

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    def _request(self, stop: list[str] | None, kwargs: dict[str, Any]) -> Request:
        unknown = sorted(set(kwargs) - set(_PER_CALL) - set(_IGNORED))
        if unknown:
            allowed = ", ".join(("model", *_PER_CALL, "stop", "cancel"))
            raise ConfigError(f"{', '.join(unknown)}: not known to ChatLlama for one call; known are {allowed}")
        given = {name: kwargs[name] for name in _PER_CALL if kwargs.get(name) is not None}
        values = LlmSettings.read(**self.settings.model_dump() | given)
        sampling = Sampling(values.temperature, values.top_p, values.min_p, values.seed)
        stops = stop if stop is not None else self.stop or []
        return Request(max_tokens=values.max_tokens, sampling=sampling, stop=tuple(stops))

    @property
    def _llm_type(self) -> str:
        return "lastro-llama"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.settings.model_dump(exclude={"check_memory"}), "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider="lastro",
            ls_model_type="chat",
            ls_model_name=kwargs.get("model") or self.model,
            ls_temperature=kwargs.get("temperature", self.temperature),
            ls_max_tokens=kwargs.get("max_tokens", self.max_tokens),
        )
        stops = stop if stop is not None else self.stop
        if stops:
            params["ls_stop"] = stops
        return params

    def _resolve_model_profile(self) -> ModelProfile | None:
        return {
            "max_input_tokens": self.context_size,
            "max_output_tokens": self.max_tokens,
            "text_inputs": True,
            "image_inputs": False,
            "audio_inputs": False,
            "tool_calling": False,
            "structured_output": False,
        }


class _Left:
    """Set when the caller's own `cancel` is, or when its stream was left."""

    def __init__(self, cancel: Cancel | None) -> None:
        self._cancel = cancel
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set() or (self._cancel is not None and self._cancel.is_set())


def _last_chunk(finished: Finished, model: str) -> ChatGenerationChunk:
    usage = UsageMetadata(
        input_tokens=finished.prompt,
        output_tokens=finished.completion,
        total_tokens=finished.prompt + finished.completion,
        input_token_details=InputTokenDetails(cache_read=finished.cached),
    )
    message = AIMessageChunk(
        content="",
        usage_metadata=usage,
        response_metadata={"model_name": model, "finish_reason": finished.reason},
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


def _turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    return [Turn(_role(message), _text(message)) for message in messages]


def _role(message: BaseMessage) -> str:
    if isinstance(message, ChatMessage):
        return message.role
    role = _ROLES.get(message.type.removesuffix("MessageChunk").lower())
    if role is None:
        raise ModelError(f"a message of type {message.type!r}: this model takes {', '.join(_ROLES)} messages")
    return role


def _text(message: BaseMessage) -> str:
    """The message's text; a part that is not text is refused rather than left out."""
    for block in message.content if isinstance(message.content, list) else []:
        kind = "text" if isinstance(block, str) else block.get("type")
        if kind not in {"text", "reasoning", "tool_use", "tool_call"}:
            raise ModelError(f"a message holds a part of type {kind!r}: this model reads text; leave that part out")
    return str(message.text)
