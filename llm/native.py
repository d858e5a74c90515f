"""The llama.cpp library as three owners: a vocabulary, the weights, and a context over them.

This is the C interface that `llama_cpp.Llama` stands on. That class is left out for four reasons, all read in its
source (0.3.36): while it loads it points the whole process's stdout and stderr at /dev/null, it can neither stop in
the middle of a prompt nor turn off the special weight layouts, it reserves a score row for every token of a batch
(262 MB for a vocabulary of 128k), and it takes its prompt in pieces whose shape depends on what was asked before.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lastro.errors import ModelCorrupt, ModelError

_ABORTED = 2  # llama_decode's answer when its abort callback said so
_quiet = False


def library() -> Any:
    """The `llama_cpp` module, with its log silenced once instead of the process's stderr each time."""
    global _quiet
    with _sleeping_threads():
        import llama_cpp

    if not _quiet:
        logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
        llama_cpp.llama_backend_init()
        _quiet = True
    return llama_cpp


@contextmanager
def _sleeping_threads() -> Iterator[None]:
    """Let OpenMP, if it is loaded in here, make idle threads sleep; the variable is put back for everyone else.

    They spin by default. With two threads on two busy cores that gave 0.5 tokens a second, and 6.4 asleep.
    """
    name = "OMP_WAIT_POLICY"
    before = os.environ.get(name)
    os.environ.setdefault(name, "passive")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn; temperature 0 takes the likeliest."""

    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ContextShape:
    """What a context is built with; `piece` is the most tokens of one decode."""

    tokens: int
    piece: int
    threads: int
    flash_attention: bool = False


class _Weights:
    """llama.cpp's model, freed when the last of its users is gone."""

    def __init__(self, lib: Any, pointer: Any) -> None:
        self.pointer = pointer
        _free_with(self, lib.llama_model_free, pointer)


class Vocabulary:
    """A model's tokenizer. Reading it is safe from any thread while the model lives."""

    def __init__(self, weights: _Weights) -> None:
        self._lib = library()
        self._weights = weights  # kept, so that the weights outlive their vocabulary
        pointer = self._pointer = self._lib.llama_model_get_vocab(weights.pointer)
        self.size = int(self._lib.llama_vocab_n_tokens(pointer))
        self.bos = int(self._lib.llama_vocab_bos(pointer))
        self.eos = int(self._lib.llama_vocab_eos(pointer))
        self.adds_bos = bool(self._lib.llama_vocab_get_add_bos(pointer))
        self._pieces: dict[int, bytes] = {}

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """The ids of `text`; with `special`, the text of a control token becomes that token."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        for _ in range(2):
            buffer = (ctypes.c_int32 * room)()
            count = self._lib.llama_tokenize(self._pointer, data, len(data), buffer, room, False, special)
            if count >= 0:
                return list(buffer[:count])
            room = -count
        raise ModelError(f"the model's tokenizer refused a text of {len(text):,} characters")

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes a token stands for; none for a control token unless `special`."""
        if special:
            return self._render(token, special=True)
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._render(token, special=False)
        return known

    def _render(self, token: int, *, special: bool) -> bytes:
        room = 64
        for _ in range(2):
            buffer = ctypes.create_string_buffer(room)
            count = int(self._lib.llama_token_to_piece(self._pointer, token, buffer, room, 0, special))
            if count >= 0:
                return buffer.raw[:count]
            room = -count
        return b""

    def text(self, token: int) -> str:
        """A token's entry in the vocabulary, such as "<|im_end|>"; "" for the id -1."""
        return self._lib.llama_vocab_get_text(self._pointer, token).decode("utf-8", "replace") if token >= 0 else ""

    def ends(self, token: int) -> bool:
        """Whether a token ends the model's turn."""
        return bool(self._lib.llama_vocab_is_eog(self._pointer, token))

    def attributes(self, token: int) -> int:
        """llama.cpp's attribute bits of a token."""
        return int(self._lib.llama_vocab_get_attr(self._pointer, token))

    @cached_property
    def specials(self) -> dict[str, int]:
        """Every text that can become a control or user-defined token, with its id."""
        lib = self._lib
        bits = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_USER_DEFINED | lib.LLAMA_TOKEN_ATTR_UNKNOWN
        return {
            text: token for token in range(self.size) if self.attributes(token) & bits and (text := self.text(token))
        }

    @cached_property
    def special_pattern(self) -> re.Pattern[str]:
        """Finds any special text, the longest first, as llama.cpp's own split does."""
        texts = sorted(self.specials, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, texts)) or r"(?!)")

    @cached_property
    def user_defined_pattern(self) -> re.Pattern[str]:
        """Finds the special texts that llama.cpp turns into their token even where special tokens are off.

        Runs of spaces or line breaks are left out: they steer nothing, and breaking them would change plain text.
        """
        bit = self._lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        texts = [text for text, token in self.specials.items() if self.attributes(token) & bit and text.strip()]
        return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or r"(?!)")


class NativeModel:
    """The weights of one GGUF file."""

    def __init__(
        self, path: Path, *, gpu_layers: int = 0, special_layouts: bool = True, vocabulary_only: bool = False
    ) -> None:
        lib = library()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0x7FFFFFFF if gpu_layers < 0 else gpu_layers
        params.use_extra_bufts = special_layouts
        params.vocab_only = vocabulary_only
        self.path = path
        pointer = lib.llama_model_load_from_file(str(path).encode(), params)
        if not pointer:
            raise ModelCorrupt(f"{path}: llama.cpp cannot load it; fetch it again, or update llama-cpp-python")
        self._weights = _Weights(lib, pointer)
        self.vocabulary = Vocabulary(self._weights)
        template = lib.llama_model_chat_template(pointer, None)
        self.chat_template: str | None = template.decode("utf-8", "replace") if template else None


class NativeContext:
    """One sequence over a model's weights. Not safe from two threads at once."""

    def __init__(self, model: NativeModel, shape: ContextShape) -> None:
        lib = self._lib = library()
        self._path, self._vocabulary_size = model.path, model.vocabulary.size
        params = lib.llama_context_default_params()  # RoPE is left at 0: the GGUF's own
        params.n_ctx = shape.tokens
        params.n_batch = params.n_ubatch = shape.piece
        params.n_threads = params.n_threads_batch = shape.threads
        params.flash_attn_type = (
            lib.LLAMA_FLASH_ATTN_TYPE_AUTO if shape.flash_attention else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.no_perf = True
        self._weights = model._weights  # kept, so that they outlive the context
        self._pointer = lib.llama_init_from_model(self._weights.pointer, params)
        if not self._pointer:
            raise ModelError(
                f"{model.path}: no room for a context of {shape.tokens:,} tokens; set a smaller llm.context_window"
            )
        self._batch = lib.llama_batch_init(shape.piece, 0, 1)
        self._fill_constants(shape.piece)
        self._flag = ctypes.create_string_buffer(2)
        # llama.cpp asks between the nodes of its graph, a thousand times a token. A Python callback would wait for
        # the interpreter's lock each time; strlen of this buffer is 0, or 1 (true) once its first byte is set.
        self._abort = ctypes.cast(_c_library().strlen, lib.ggml_abort_callback)
        lib.llama_set_abort_callback(self._pointer, self._abort, ctypes.cast(self._flag, ctypes.c_void_p))
        _free_with(self, _free_context, lib, self._pointer, self._batch)

    def _fill_constants(self, piece: int) -> None:
        self._tokens: NDArray[np.int32] = np.ctypeslib.as_array(self._batch.token, shape=(piece,))
        self._positions: NDArray[np.int32] = np.ctypeslib.as_array(self._batch.pos, shape=(piece,))
        self._wanted: NDArray[np.int8] = np.ctypeslib.as_array(self._batch.logits, shape=(piece,))
        for index in range(piece):
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = 0

    def abort(self) -> None:
        """Make the decode that runs now, or the next one, stop; from any thread."""
        self._flag[0] = b"\x01"

    def rearm(self) -> None:
        """Take back an `abort`."""
        self._flag[0] = b"\x00"

    def decode(self, tokens: Sequence[int], position: int) -> bool:
        """Evaluate `tokens` from `position` on; False where `abort` stopped it."""
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(position, position + count)
        self._wanted[:count] = 0
        self._wanted[count - 1] = 1
        self._batch.n_tokens = count
        code = self._lib.llama_decode(self._pointer, self._batch)
        if code == _ABORTED:
            return False
        if code != 0:
            raise ModelError(f"{self._path}: llama.cpp failed to evaluate {count} tokens (code {code})")
        return True

    def keep(self, tokens: int) -> bool:
        """Forget all but the first `tokens`; False (and all forgotten) where the model cannot forget a part."""
        memory = self._lib.llama_get_memory(self._pointer)
        if self._lib.llama_memory_seq_rm(memory, 0, tokens, -1):
            return True
        self._lib.llama_memory_clear(memory, False)
        return tokens == 0

    def logits(self) -> NDArray[np.float32]:
        """A copy of the scores of the last token decoded, one for each vocabulary entry."""
        pointer = self._lib.llama_get_logits_ith(self._pointer, -1)
        scores: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,)).copy()
        return scores

    def sampler(self, sampling: Sampling) -> Sampler:
        """A fresh sampler: the same seed draws the same tokens."""
        return Sampler(self, sampling)


class Sampler:
    """Draws tokens from a context's last scores."""

    def __init__(self, context: NativeContext, sampling: Sampling) -> None:
        lib = self._lib = context._lib
        self._context = context  # kept, so that it outlives its sampler
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        _free_with(self, lib.llama_sampler_free, self._chain)
        for part in self._parts(sampling):
            lib.llama_sampler_chain_add(self._chain, part)

    def _parts(self, sampling: Sampling) -> list[Any]:
        lib = self._lib
        if sampling.temperature <= 0:
            return [lib.llama_sampler_init_greedy()]
        return [
            lib.llama_sampler_init_top_p(sampling.top_p, 1),
            lib.llama_sampler_init_min_p(sampling.min_p, 1),
            lib.llama_sampler_init_temp(sampling.temperature),
            lib.llama_sampler_init_dist(sampling.seed),
        ]

    def draw(self) -> int:
        """The next token."""
        return int(self._lib.llama_sampler_sample(self._chain, self._context._pointer, -1))


def _free_with(owner: object, free: Callable[..., object], *pointers: Any) -> None:
    """Free with `owner`; not when the program ends, where a thread may still be at work with it."""
    weakref.finalize(owner, free, *pointers).atexit = False


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("msvcrt" if os.name == "nt" else None)


def _free_context(lib: Any, context: Any, batch: Any) -> None:
    lib.llama_batch_free(batch)
    lib.llama_free(context)
