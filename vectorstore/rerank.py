"""How well passages answer a question, by a model that reads both together: `LocalReranker`, a `Reranker`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lastro.errors import ModelError
from lastro.llm.models import find_reranker
from lastro.vectorstore.loading import choose_device
from lastro.vectorstore.pairs import PairKind, load_pair_model

if TYPE_CHECKING:
    from tokenizers import Encoding


class Reranker(Protocol):
    """What a search asks of a reranker; `LocalReranker` is one."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]: ...  # noqa: D102


def _one_score(folder: Path, config: Any) -> None:
    if config.num_labels != 1:
        raise ModelError(
            f"{folder}: gives {config.num_labels} scores, and a reranker gives one; use one that was trained "
            "to rank passages"
        )


_KIND = PairKind("reranker", "score to a question with a passage", _one_score)


class LocalReranker:
    """A cross-encoder on this machine; its weights are loaded once a process and device.

    Raises:
        ModelNotFound: no such reranker here.
        ModelError: the model gives no single score for a pair, or needs code of its own.
        ModelCorrupt: its weights are not the catalogue's, or nothing that can be loaded.
        ConfigError: no such device.
    """

    def __init__(self, name_or_path: str, *, device: str = "auto", batch_tokens: int = 8192) -> None:
        card, folder = find_reranker(name_or_path)
        self._loaded = load_pair_model(card, folder, choose_device(device), _KIND)
        self.batch_tokens = batch_tokens

    @property
    def name(self) -> str:
        """The name of the catalogue, or that of the folder."""
        return self._loaded.name

    @property
    def device(self) -> str:
        """The device that it computes on."""
        return self._loaded.device

    @property
    def max_tokens(self) -> int:
        """Most tokens of a question with a passage, special tokens included, that are read in one piece."""
        return self._loaded.max_tokens

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages the model was made for; empty where unknown."""
        return self._loaded.languages

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, 0 to 1, in order; scores of one question can be compared.

        A text that is too long is read in overlapping windows and has the score of the best; of a question longer
        than half the limit the first half is read.
        """
        if not texts:
            return []
        import torch

        windows, owners = self._windows(query, texts)
        best = [0.0] * len(texts)
        found = self._loaded.scores(windows, torch.sigmoid, batch_tokens=self.batch_tokens)
        for owner, (score,) in zip(owners, found, strict=True):
            best[owner] = max(best[owner], score)
        return best

    def _windows(self, query: str, texts: Sequence[str]) -> tuple[list[Encoding], list[int]]:
        return self._loaded.windows(query, texts, short_first=True)


def load_reranker(name_or_path: str, *, device: str = "auto", batch_tokens: int = 8192) -> LocalReranker:
    """The reranker of a catalogue name, hub id or folder; raises as `LocalReranker`."""
    return LocalReranker(name_or_path, device=device, batch_tokens=batch_tokens)
