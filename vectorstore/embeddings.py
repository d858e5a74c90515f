"""Texts to vectors, on this machine: `LocalEmbeddings`, an embedder as `lastro.vectorstore.identity` describes one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from lastro.errors import ConfigError, ModelCorrupt, ModelError
from lastro.vectorstore.identity import Embedder as Embedder
from lastro.vectorstore.identity import EmbedderIdentity as EmbedderIdentity
from lastro.vectorstore.identity import OnProgress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lastro.llm.models import EmbedderCard

DEVICES = ("auto", "cuda", "mps", "cpu")


@dataclass(frozen=True)
class _Weights:
    """A loaded model, shared by every `LocalEmbeddings` over it in the process."""

    model: Any
    tokenizer: Any  # of our own, without truncation: the model's changes its own while it encodes
    identity: EmbedderIdentity
    max_tokens: int
    languages: tuple[str, ...]
    lock: threading.Lock  # the model's tokenizer is not safe under threads


_LOADED: dict[tuple[Path, str], _Weights] = {}
_LOADING = threading.Lock()


class LocalEmbeddings(Embeddings):
    """A sentence-transformers model as LangChain embeddings: float32, of length 1, prompts of its card included.

    A text longer than `max_tokens` is embedded by its first `max_tokens`; a library never hands one over.
    """

    def __init__(
        self, name_or_path: str = "all-minilm-l6-v2", *, device: str = "auto", batch_tokens: int = 8192
    ) -> None:
        from lastro.llm.models import find_embedder

        card, folder = find_embedder(name_or_path)
        key = (folder.resolve(), choose_device(device))
        with _LOADING:
            if key not in _LOADED:
                _LOADED[key] = _load(card, *key)
        self._weights = _LOADED[key]
        self.device = key[1]
        self.batch_tokens = batch_tokens

    @property
    def identity(self) -> EmbedderIdentity:
        """What makes this embedder's vectors comparable with others."""
        return self._weights.identity

    @property
    def dimension(self) -> int:
        """Width of a vector."""
        return self._weights.identity.dimension

    @property
    def max_tokens(self) -> int:
        """Most tokens of a text that is embedded whole: the model's limit less special tokens and prompt."""
        return self._weights.max_tokens

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages the model was made for; empty where unknown."""
        return self._weights.languages

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text, special tokens not counted."""
        return len(self._weights.tokenizer.encode(text, add_special_tokens=False).ids)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """The character span of every token of a text, however long."""
        return [(a, b) for a, b in self._weights.tokenizer.encode(text, add_special_tokens=False).offsets]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order."""
        vectors: list[list[float]] = self.encode_documents(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        vector: list[float] = self.encode_query(text).tolist()
        return vector

    def encode_query(self, text: str) -> npt.NDArray[np.float32]:
        """The vector of a question, shape (dimension,)."""
        with self._weights.lock:
            found = self._weights.model.encode_query(
                [text], show_progress_bar=False, normalize_embeddings=True, convert_to_numpy=True
            )
        vector: npt.NDArray[np.float32] = _unit(found)[0]
        return vector

    def encode_documents(
        self, texts: Sequence[str], *, on_progress: OnProgress | None = None
    ) -> npt.NDArray[np.float32]:
        """One vector a text, in order, shape (n, dimension).

        Batches hold texts of similar length, at most `batch_tokens` tokens with padding, so a batch of long texts
        needs no more memory than one of short texts.
        """
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        counts = [len(item.ids) for item in self._weights.tokenizer.encode_batch_fast(list(texts))]
        done = 0
        for batch in batches([min(count, self.max_tokens) for count in counts], self.batch_tokens):
            with self._weights.lock:  # taken for one batch, so a question waits for a batch and not for a document
                found = self._weights.model.encode_document(
                    [texts[at] for at in batch],
                    batch_size=len(batch),
                    show_progress_bar=False,
                    normalize_embeddings=True,
                    convert_to_numpy=True,
                )
            vectors[batch] = _unit(found)
            done += len(batch)
            if on_progress is not None:
                on_progress(done, len(texts))
        return vectors


def load_embedder(
    name_or_path: str = "all-minilm-l6-v2", *, device: str = "auto", batch_tokens: int = 8192
) -> LocalEmbeddings:
    """The embedder of a catalogue name or folder; its weights are loaded once a process and device.

    Raises:
        ModelNotFound: no such embedder here.
        ModelCorrupt: the weights are not the catalogue's.
        ConfigError: no such device.
    """
    return LocalEmbeddings(name_or_path, device=device, batch_tokens=batch_tokens)


def batches(counts: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Group positions by length, longest first, so that size x longest stays within `limit` (one text always fits).

    >>> list(batches([1, 5, 2, 5], 10))
    [[1, 3], [2, 0]]
    """
    batch: list[int] = []
    for at in sorted(range(len(counts)), key=lambda position: -counts[position]):
        if batch and (len(batch) + 1) * counts[batch[0]] > limit:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def choose_device(device: str) -> str:
    """The device to compute on; "auto" is CUDA, else Apple's MPS, else the CPU.

    Raises:
        ConfigError: the device is unknown, or this machine has none.
    """
    import torch

    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, there in present.items() if there)
    if device.split(":")[0] not in present:
        raise ConfigError(f"device {device!r}: not one of {', '.join(DEVICES)}")
    if not present[device.split(":")[0]]:
        raise ConfigError(f"device {device!r}: PyTorch sees none on this machine; use auto or cpu")
    return device


def _load(card: EmbedderCard | None, folder: Path, device: str) -> _Weights:
    import torch
    from sentence_transformers import SentenceTransformer

    sha256 = _weights_sha256(card, folder)
    try:
        with _without_bars():
            model = SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={
                    "use_safetensors": True,  # a pickle can run code
                    "dtype": torch.float16 if device.startswith("cuda") else torch.float32,
                },
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelCorrupt(f"{folder}: no embedder that can be loaded ({error}); pull or copy it again") from error
    model.eval()
    if card is not None:
        model.prompts = {"query": card.query_prompt, "document": card.document_prompt}
    identity = EmbedderIdentity(
        name=folder.name if card is None else card.name,
        sha256=sha256,
        dimension=int(model.get_embedding_dimension()),
        pooling=_pooling(model),
        query_prompt=model.prompts.get("query") or "",
        document_prompt=model.prompts.get("document") or "",
    )
    tokenizer = _own_tokenizer(model, folder)
    longest = int(model.max_seq_length) if card is None else min(int(model.max_seq_length), card.max_tokens)
    model.max_seq_length = longest
    prompts = (identity.query_prompt, identity.document_prompt)
    overhead = max(len(tokenizer.encode(prompt, add_special_tokens=True).ids) for prompt in prompts)
    return _Weights(
        model=model,
        tokenizer=tokenizer,
        identity=identity,
        max_tokens=longest - overhead,
        languages=() if card is None else card.languages,
        lock=threading.Lock(),
    )


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep transformers' progress bars off stderr for a while, then let them be as they were."""
    from transformers.utils import logging

    bars: Any = logging  # its functions carry no types
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _weights_sha256(card: EmbedderCard | None, folder: Path) -> str:
    """SHA-256 of the weights; of several files, of their hashes in order. A catalogued model's must be its card's."""
    if card is not None and card.sha256 is not None:
        from lastro.llm.models import verify_file

        verify_file(folder / card.file, card.sha256)
        return card.sha256
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelCorrupt(f"{folder}: no *.safetensors file; other formats of weights can run code and are not read")
    hashes = []
    for file in files:
        with file.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _own_tokenizer(model: Any, folder: Path) -> Any:
    """A copy of the model's tokenizer that neither cuts nor pads."""
    from tokenizers import Tokenizer

    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"{folder}: the tokenizer is not a fast one (tokenizer.json); use a model that ships it")
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _pooling(model: Any) -> str:
    for module in model:
        mode = getattr(module, "pooling_mode", None)
        if mode is not None:
            return str(mode)
    return "none"


def _unit(vectors: Any) -> npt.NDArray[np.float32]:
    """Float32 rows of length 1; a half-precision model's are off by 1e-3."""
    import numpy as np

    rows: npt.NDArray[np.float32] = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = rows / np.maximum(norms, np.float32(1e-12))
    return unit
