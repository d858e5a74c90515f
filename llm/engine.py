"""One set of weights, one context, many callers: answers are generated one at a time, first come, first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from weakref import WeakValueDictionary

from langchain_core.exceptions import ContextOverflowError

from lastro.config import LlmSettings
from lastro.errors import ConfigError, ContextOverflow, ModelTooLarge
from lastro.llm import hardware
from lastro.llm.gguf import GgufInfo, read_gguf
from lastro.llm.models import chat_model_card, find_chat_model, verify_file
from lastro.llm.native import ContextShape, NativeContext, NativeModel, Sampling, library
from lastro.llm.probe import special_layouts_work
from lastro.llm.template import Turn, encode, template_for
from lastro.llm.text import TextStream

FinishReason = Literal["stop", "length", "cancelled"]
_CPU_PIECE = 64  # a processor reads a prompt as fast in pieces of 64 as of 512 (313 and 282 tokens a second)
_WATCH_S = 0.02  # how often a running answer looks whether it was cancelled
_GB = 1_000_000_000


class PromptTooLong(ContextOverflow, ContextOverflowError):
    """The prompt and the answer's reserve do not fit the context window; nothing was truncated."""


class Cancel(Protocol):
    """What says that an answer is no longer wanted: a `threading.Event`, or anything with its `is_set`."""

    def is_set(self) -> bool:
        """Whether the answer shall stop."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """How one answer is made; `max_tokens` is reserved in the context window before it begins."""

    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """How an answer ended and what it cost, in tokens; `cached` of the prompt's were not evaluated again."""

    reason: FinishReason
    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What makes two engines the same: the file as it is on disk, and the context's shape."""

    path: Path
    bytes: int
    modified: int
    shape: ContextShape
    gpu_layers: int


class LlamaEngine:
    """A loaded model. Every method may be called from any thread.

    The context remembers the last prompt, so a prompt that begins like it costs only its rest. What is reused are
    whole pieces of the prompt, evaluated in the very shape in which they would be evaluated anew, so an answer depends
    on its prompt alone, never on what was asked before: batches of other shapes give other roundings on processors
    and GPUs with special kernels, and at temperature 0 another answer.
    """

    def __init__(self, key: EngineKey, *, special_layouts: bool) -> None:
        self.key = key
        self._model = NativeModel(key.path, gpu_layers=key.gpu_layers, special_layouts=special_layouts)
        self._context = NativeContext(self._model, key.shape)
        self._template = template_for(self._model.chat_template, self._model.vocabulary)
        self._turns = Turns()
        self._evaluated: list[int] = []  # tokens in the context, whole pieces only
        self.vocabulary = self._model.vocabulary

    @property
    def context_size(self) -> int:
        """Tokens of the context: prompt and answer together."""
        return self.key.shape.tokens

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """The ids of the prompt for an answer to `turns`, template included."""
        return encode(self._template.render(turns), self.vocabulary)

    def generate(
        self, prompt: Sequence[int], request: Request, *, cancel: Cancel | None = None
    ) -> Iterator[str | Finished]:
        """The answer's text in parts, then how it ended.

        The engine is taken from the first part to the last; close the iterator (`contextlib.closing`) where it is not
        read to its end. It is free again when the last item comes. A thread that starts an answer while it holds
        another of the same engine half-read waits for itself.

        Raises:
            ContextOverflow: the prompt and `request.max_tokens` do not fit the context.
        """
        self._check_room(len(prompt), request.max_tokens)
        if not self._turns.take(cancel):
            yield Finished("cancelled", len(prompt), 0, 0)
            return
        try:
            with self._watching(cancel):
                finished = yield from self._answer(list(prompt), request, cancel)
        finally:
            self._turns.give()
        yield finished

    def _check_room(self, prompt: int, reserve: int) -> None:
        if prompt + reserve <= self.context_size:
            return
        raise PromptTooLong(
            f"the prompt has {prompt:,} tokens and the answer reserves {reserve:,}, but the context window is "
            f"{self.context_size:,}; shorten the question, lower llm.max_tokens or raise llm.context_window"
        )

    @contextmanager
    def _watching(self, cancel: Cancel | None) -> Iterator[None]:
        """Let `cancel` stop the context in the middle of its work."""
        self._context.rearm()
        if cancel is None:
            yield
            return
        done = threading.Event()

        def watch() -> None:
            while not cancel.is_set():
                if done.wait(_WATCH_S):
                    return
            self._context.abort()

        watcher = threading.Thread(target=watch, name="lastro-cancel", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _answer(self, prompt: list[int], request: Request, cancel: Cancel | None) -> Generator[str, None, Finished]:
        cached = self._forget_beyond(prompt)
        if not self._evaluate(prompt, cached, cancel):
            return Finished("cancelled", len(prompt), cached, 0)
        stream = TextStream(request.stop)
        sampler = self._context.sampler(request.sampling)
        reason: FinishReason = "length"
        count, token = 0, -1
        while count < request.max_tokens:
            if count and not self._decode([token], len(prompt) + count - 1, cancel):
                reason = "cancelled"
                break
            token = sampler.draw()
            if self.vocabulary.ends(token):
                reason = "stop"
                break
            count += 1
            if text := stream.feed(self.vocabulary.piece(token)):
                yield text
            if stream.stopped:
                reason = "stop"
                break
        if rest := stream.finish():
            yield rest
        return Finished("stop" if stream.stopped else reason, len(prompt), cached, count)

    def _forget_beyond(self, prompt: list[int]) -> int:
        """Keep of the context what this prompt shares with it, in whole pieces; the number of tokens kept."""
        piece = self.key.shape.piece
        pairs = zip(self._evaluated, prompt, strict=False)
        shared = next((at for at, (old, new) in enumerate(pairs) if old != new), min(len(self._evaluated), len(prompt)))
        kept = min(shared, len(prompt) - 1) // piece * piece  # the last piece is evaluated for its scores
        if not self._context.keep(kept):
            kept = 0
        self._evaluated = prompt[:kept]
        return kept

    def _decode(self, tokens: list[int], at: int, cancel: Cancel | None) -> bool:
        """Evaluate tokens; False where `cancel` came first or meanwhile.

        It is asked here as well, since llama.cpp heeds the abort of `_watching` on processors only.
        """
        return not (cancel is not None and cancel.is_set()) and self._context.decode(tokens, at)

    def _evaluate(self, prompt: list[int], start: int, cancel: Cancel | None) -> bool:
        piece = self.key.shape.piece
        for at in range(start, len(prompt), piece):
            tokens = prompt[at : at + piece]
            if not self._decode(tokens, at, cancel):
                return False
            if len(tokens) == piece:
                self._evaluated += tokens
        return True

    def __reduce__(self) -> tuple[object, ...]:
        """A copy is the same engine; in another process it is loaded there."""
        return (_engine, (self.key,))


class Turns:
    """A lock that is given in the order in which it was asked for, and that any thread may give back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._taken = False

    def take(self, cancel: Cancel | None = None) -> bool:
        """Wait for a turn; False where `cancel` came first."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._taken or self._waiting[0] is not ticket:
                    if cancel is not None and cancel.is_set():
                        return False
                    self._changed.wait(None if cancel is None else _WATCH_S)
                self._taken = True
                return True
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def give(self) -> None:
        """End the turn."""
        with self._changed:
            self._taken = False
            self._changed.notify_all()


_engines: WeakValueDictionary[EngineKey, LlamaEngine] = WeakValueDictionary()
_recent: list[LlamaEngine] = []  # keeps the last engine loaded between two users of it
_loading = threading.Lock()


def context_size(settings: LlmSettings) -> int:
    """Tokens of the context that `open_engine` would make, read from the file's head.

    Raises:
        ModelNotFound, ModelCorrupt: as `open_engine`.
        ConfigError: a window larger than the model was trained for.
    """
    return _window(settings, read_gguf(find_chat_model(settings.model)))


def open_engine(settings: LlmSettings) -> LlamaEngine:
    """The engine for `settings`, loaded unless the process has it; held by its users and as the one used last.

    Raises:
        ModelNotFound: there is no such model.
        ModelCorrupt: its file is damaged, or not the catalogue's.
        ModelTooLarge: it does not fit the free memory, and `settings.check_memory` is on.
        ConfigError: a window larger than the model was trained for.
    """
    path = find_chat_model(settings.model)
    info = read_gguf(path)
    on_gpu = settings.gpu_layers != 0 and bool(library().llama_supports_gpu_offload())
    shape = ContextShape(
        tokens=_window(settings, info),
        piece=settings.batch_tokens if on_gpu else min(settings.batch_tokens, _CPU_PIECE),
        threads=settings.threads or hardware.default_threads(),
        # Off on processors: it costs a third of the speed there (84 and 55 tokens a second) and rounds by batch shape.
        flash_attention=on_gpu,
    )
    stat = path.stat()
    key = EngineKey(path, stat.st_size, stat.st_mtime_ns, shape, settings.gpu_layers if on_gpu else 0)
    return _engine(key, check_memory=settings.check_memory)


def _engine(key: EngineKey, *, check_memory: bool = True) -> LlamaEngine:
    with _loading:
        engine = _engines.get(key)
        if engine is None:
            _recent.clear()  # its memory is free for the new one, unless someone still holds it
            engine = _engines[key] = _load(key, check_memory=check_memory)
        _recent[:] = [engine]
        return engine


def _load(key: EngineKey, *, check_memory: bool) -> LlamaEngine:
    card = chat_model_card(str(key.path))
    if card is not None and card.sha256 is not None:
        verify_file(key.path, card.sha256)
    if check_memory:
        _check_memory(key)
    return LlamaEngine(key, special_layouts=special_layouts_work(key.path))


def _check_memory(key: EngineKey) -> None:
    fit = hardware.fits(key.path, key.shape.tokens, gpu_layers=key.gpu_layers)
    if not fit.ok:
        raise ModelTooLarge(
            f"{key.path.name}: needs {fit.needed / _GB:.1f} GB with a context of {key.shape.tokens:,} tokens, and "
            f"{fit.available / _GB:.1f} GB are free; {fit.advice}; or set llm.check_memory to false to try"
        )


def _window(settings: LlmSettings, info: GgufInfo) -> int:
    if settings.context_window is None:
        return hardware.default_context(info)
    trained = info.context_length
    if trained and settings.context_window > trained:
        raise ConfigError(
            f"llm.context_window = {settings.context_window}: {info.path.name} was trained for {trained} tokens; "
            f"set {trained} or less"
        )
    return settings.context_window
