"""How alike words and texts are, by an embedder; nothing where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from lastro.chains.checking.reader import probability, reader_of
from lastro.errors import ModelError
from lastro.vectorstore.adapted import AdaptedReader
from lastro.vectorstore.embeddings import TokenVectors

Vectors = npt.NDArray[np.float32]
Spans = Sequence[tuple[int, int]]  # characters of a text, one span a word

_FLOOR = 0.18  # lift of an isolated word below which it is noise


@runtime_checkable
class ReadsTokens(Protocol):
    """An embedder that can tell what each token of a text means in its place, as `LocalEmbeddings` can."""

    @property
    def word_layer(self) -> int | None:
        """The layer of the model that tells it; None where it cannot."""

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The vector of each text, with its tokens."""


class Alike:
    """Similarities of words and of texts by one embedder, each text embedded once; without one, all are 0.

    Words are compared in their context where the embedder can tell it, else each by itself.
    """

    def __init__(self, embedder: Embeddings | None = None) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self._tokens: dict[str, TokenVectors] = {}
        self._said: dict[tuple[str, str], float] = {}

    def __bool__(self) -> bool:
        return self._embedder is not None

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages that the embedder was made for; empty where it does not tell."""
        return tuple(getattr(self._embedder, "languages", ()))

    @property
    def contextual(self) -> bool:
        """Whether words are compared in their context."""
        return self._reader is not None

    @property
    def _reader(self) -> ReadsTokens | None:
        embedder: object = self._embedder
        return embedder if isinstance(embedder, ReadsTokens) and embedder.word_layer is not None else None

    @cached_property
    def pair_reader(self) -> AdaptedReader | None:
        """What reads a claim together with its passage, where the embedder has such a reader."""
        return reader_of(self._embedder)

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed the texts that are new, and load what reads claims, before anything is compared."""
        self.learn(texts)
        _ = self.pair_reader

    def said(self, passage: str, claim: str) -> float:
        """How surely a passage says a claim, 0 to 1, by the reader that there has to be; read once."""
        key = passage, claim
        if key not in self._said:
            if self.pair_reader is None:
                raise ModelError("the embedder has no reader of claims; ask `pair_reader` first")
            self._said[key] = probability(self.pair_reader.scores([key])[0])
        return self._said[key]

    def learn(self, texts: Sequence[str]) -> None:
        """Embed the texts that are new, in one batch."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new and self._reader is not None:
            tokens = self._reader.encode_tokens(new)
            self._tokens.update(zip(new, tokens, strict=True))
            self._add(new, np.stack([found.vector for found in tokens]))
        elif new and self._embedder is not None:
            self._add(new, np.asarray(self._embedder.embed_documents(new), dtype=np.float32))

    def _add(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._known.update(zip(texts, _unit(vectors), strict=True))

    def matrix(self, left: Sequence[str], right: Sequence[str]) -> Vectors:
        """Cosine similarities, rows for `left`; zeros without an embedder."""
        if self._embedder is None or not left or not right:
            return np.zeros((len(left), len(right)), dtype=np.float32)
        self.learn([*left, *right])
        return np.stack([self._known[text] for text in left]) @ np.stack([self._known[text] for text in right]).T

    def words(self, text: str, spans: Spans) -> Vectors:
        """A vector of length 1 for each span of a text, in its context where the embedder can tell it.

        A word is the mean of its tokens' states; one beyond what the embedder reads of a text is all zeros. Shape
        (spans, width); (spans, 0) without an embedder.
        """
        if self._embedder is None or not spans:
            return np.zeros((len(spans), 0), dtype=np.float32)
        if self._reader is None:
            alone = [text[start:end].casefold() for start, end in spans]
            self.learn(alone)
            return np.stack([self._known[word] for word in alone])
        self.learn([text])
        tokens = self._tokens[text]
        touched = [(tokens.spans[:, 0] < end) & (tokens.spans[:, 1] > start) for start, end in spans]
        inside = np.stack(touched).astype(np.float32)
        return _unit(inside @ tokens.states)

    def aligned(self, claim: str, spans: Spans, sentences: Sequence[tuple[str, Spans]]) -> list[Vectors]:
        """How much each word of a claim is said by each word of each sentence, 0 to 1: a matrix for each sentence.

        Embedders differ in how alike they find any two words, so a similarity counts by how far it stands above the
        middle one of its row over all sentences, as a share of the way to 1: a call should have every sentence that is
        looked at. Jalili Sabet et al. (SimAlign, 2020) align words by such states.
        """
        sizes = [len(words) for _, words in sentences]
        if self._embedder is None or not spans or not sum(sizes):
            return [np.zeros((len(spans), size), dtype=np.float32) for size in sizes]
        self._learn_all(claim, spans, sentences)
        right = np.concatenate([self.words(text, words) for text, words in sentences if words])
        lifted = _lift(self.words(claim, spans) @ right.T)
        # Words in context are not doubled and cut off as isolated ones are: it told less of free paraphrase.
        credits = np.clip(lifted, 0, 1) if self.contextual else _counted(lifted, _FLOOR)
        return np.split(credits.astype(np.float32), np.cumsum(sizes)[:-1], axis=1)

    def _learn_all(self, claim: str, spans: Spans, sentences: Sequence[tuple[str, Spans]]) -> None:
        """Embed in one batch all that the words of these texts need."""
        texts = [(claim, spans), *sentences]
        if self.contextual:
            self.learn([text for text, words in texts if words])
        else:
            self.learn([text[start:end].casefold() for text, words in texts for start, end in words])


def _lift(similar: Vectors) -> Vectors:
    """How far each value stands above the middle one of its row, as a share of the way to 1."""
    middle = np.median(similar, axis=1, keepdims=True)
    lifted = (similar - middle) / np.maximum(1 - middle, 1e-6)
    return lifted.astype(np.float32)


def _counted(lifted: Vectors, floor: float) -> Vectors:
    return np.where(lifted >= floor, np.clip(lifted * 2, 0, 1), 0).astype(np.float32)


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return unit
