"""How alike words and texts are, by an embedder; nothing where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

Vectors = npt.NDArray[np.float32]


class Alike:
    """Similarities of words and of texts by one embedder, each text embedded once; without one, all are 0."""

    def __init__(self, embedder: Embeddings | None = None) -> None:
        self._embedder = embedder
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def __bool__(self) -> bool:
        return self._embedder is not None

    def learn(self, texts: Sequence[str]) -> None:
        """Embed the texts that are new, in one batch."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new and self._embedder is not None:
            vectors = np.asarray(self._embedder.embed_documents(new), dtype=np.float32)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            self._known.update(zip(new, vectors, strict=True))

    def matrix(self, left: Sequence[str], right: Sequence[str]) -> Vectors:
        """Cosine similarities, rows for `left`; zeros without an embedder."""
        if self._embedder is None or not left or not right:
            return np.zeros((len(left), len(right)), dtype=np.float32)
        self.learn([*left, *right])
        return np.stack([self._known[text] for text in left]) @ np.stack([self._known[text] for text in right]).T

    def credits(self, left: Sequence[str], right: Sequence[str], *, floor: float) -> Vectors:
        """How much each word of `left` is said by each of `right`, 0 to 1.

        Embedders differ in how alike they find any two words, so a similarity counts by how far it stands above the
        middle one of its row, as a share of the way to 1; below `floor` it counts nothing.
        """
        if self._embedder is None or not left or not right:
            return np.zeros((len(left), len(right)), dtype=np.float32)
        found = self.matrix(left, right)
        middle = np.median(found, axis=1, keepdims=True)
        lifted = (found - middle) / np.maximum(1 - middle, 1e-6)
        return np.where(lifted >= floor, np.clip(lifted * 2, 0, 1), 0).astype(np.float32)
