"""How well passages answer a question, by a model that reads both together: `LocalReranker`, a `Reranker`.

The weights are those of a sentence-transformers CrossEncoder. They are run without that class, which gives a model
without a scoring layer a random one, and reads only the beginning of a long passage (sentence-transformers 6.2).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lastro.errors import ModelCorrupt, ModelError
from lastro.llm.folders import read_folder, refuse_own_code
from lastro.llm.models import find_reranker, folder_name
from lastro.vectorstore.embeddings import batches
from lastro.vectorstore.loading import choose_device, load_options, own_tokenizer, weights_sha256, without_bars

if TYPE_CHECKING:
    from tokenizers import Encoding

    from lastro.llm.cards import RerankerCard

_OVERLAP = 4  # a window begins a quarter of its room before the end of the one before
_UNBOUNDED = 1_000_000  # tokenizers without a limit state an absurd one
# Their tables of positions begin after the padding's number, so that many tokens less fit than there are rows.
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert"}


class Reranker(Protocol):
    """What a search asks of a reranker; `LocalReranker` is one."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]: ...  # noqa: D102


@dataclass(frozen=True)
class _Loaded:
    """A loaded model, shared by every `LocalReranker` over it in the process."""

    name: str
    model: Any
    tokenizer: Any  # of our own, without truncation
    padding: int
    typed: bool  # whether the model is told which tokens are the passage's
    max_tokens: int  # of question and passage together, special tokens included
    languages: tuple[str, ...]
    lock: threading.Lock  # one batch at a time, so that two callers need no more memory than one


_LOADED: dict[tuple[Path, str], _Loaded] = {}
_LOADING = threading.Lock()


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
        key = (folder.resolve(), choose_device(device))
        with _LOADING:
            if key not in _LOADED:
                _LOADED[key] = _load(card, *key)
        self._loaded = _LOADED[key]
        self.device = key[1]
        self.batch_tokens = batch_tokens

    @property
    def name(self) -> str:
        """The name of the catalogue, or that of the folder."""
        return self._loaded.name

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
        windows, owners = self._windows(query, texts)
        best = [0.0] * len(texts)
        for batch in batches([len(window.ids) for window in windows], self.batch_tokens):
            for at, score in zip(batch, self._run([windows[at] for at in batch]), strict=True):
                best[owners[at]] = max(best[owners[at]], score)
        return best

    def _windows(self, query: str, texts: Sequence[str]) -> tuple[list[Encoding], list[int]]:
        """Question and text as tokens, one or more windows a text, and the text that each window is of."""
        tokenizer = self._loaded.tokenizer
        asked = tokenizer.encode(query, add_special_tokens=False)
        asked.truncate(self.max_tokens // 2)
        room = self.max_tokens - len(asked.ids) - int(tokenizer.num_special_tokens_to_add(True))
        windows: list[Encoding] = []
        owners: list[int] = []
        for at, read in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            read.truncate(room, stride=room // _OVERLAP)
            pieces = [read, *read.overflowing]
            windows += [tokenizer.post_process(asked, piece) for piece in pieces]
            owners += [at] * len(pieces)
        return windows, owners

    def _run(self, windows: Sequence[Encoding]) -> list[float]:
        import torch

        def padded(rows: Iterable[list[int]], value: int) -> Any:
            lines = [torch.tensor(row) for row in rows]
            return torch.nn.utils.rnn.pad_sequence(lines, batch_first=True, padding_value=value).to(self.device)

        inputs = {
            "input_ids": padded((window.ids for window in windows), self._loaded.padding),
            "attention_mask": padded((window.attention_mask for window in windows), 0),
        }
        if self._loaded.typed:
            inputs["token_type_ids"] = padded((window.type_ids for window in windows), 0)
        with self._loaded.lock, torch.inference_mode():
            logits = self._loaded.model(**inputs).logits
        found: list[float] = torch.sigmoid(logits[:, 0].float()).tolist()
        return found


def load_reranker(name_or_path: str, *, device: str = "auto", batch_tokens: int = 8192) -> LocalReranker:
    """The reranker of a catalogue name, hub id or folder; raises as `LocalReranker`."""
    return LocalReranker(name_or_path, device=device, batch_tokens=batch_tokens)


def _load(card: RerankerCard | None, folder: Path, device: str) -> _Loaded:
    facts = read_folder(folder)
    name = folder_name(folder) if card is None else card.name
    if not facts.is_reranker:
        kind = facts.architecture or "of no kind that its config.json names"
        raise ModelError(
            f"{folder}: is {kind}, which gives no score to a question with a passage; a reranker is a "
            "...ForSequenceClassification (`lastro models` lists some)"
        )
    refuse_own_code(folder)
    weights_sha256(card, folder)
    model, tokenizer = _open(folder, device)
    if model.config.num_labels != 1:
        raise ModelError(
            f"{folder}: gives {model.config.num_labels} scores, and a reranker gives one; use one that was trained "
            "to rank passages"
        )
    own = own_tokenizer(_Holder(tokenizer), folder)
    limits = [_positions(model.config), int(min(tokenizer.model_max_length, _UNBOUNDED))]
    padding = tokenizer.pad_token_id
    return _Loaded(
        name=name,
        model=model,
        tokenizer=own,
        padding=0 if padding is None else int(padding),
        typed="token_type_ids" in tokenizer.model_input_names,
        max_tokens=min([*limits, card.max_tokens] if card is not None else limits),
        languages=facts.languages if card is None else card.languages,
        lock=threading.Lock(),
    )


@dataclass(frozen=True)
class _Holder:
    """What `own_tokenizer` looks at: something with a tokenizer."""

    tokenizer: Any


def _open(folder: Path, device: str) -> tuple[Any, Any]:
    """The model, every weight of it from the folder, and its tokenizer."""
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    options = load_options(device)
    extra = options.pop("model_kwargs")
    try:
        with without_bars():
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder, output_loading_info=True, **options, **extra
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelCorrupt(f"{folder}: no reranker that can be loaded ({error}); pull or copy it again") from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers fills them with random numbers
        raise ModelCorrupt(f"{folder}: has no weights for {missing[0]}, so its scores would be chance; copy it again")
    return model.to(device).eval(), tokenizer


def _positions(config: Any) -> int:
    """Most tokens that the model's table of positions has rows for."""
    rows = int(getattr(config, "max_position_embeddings", _UNBOUNDED) or _UNBOUNDED)
    offset = 1 + (config.pad_token_id or 0) if config.model_type in _OFFSET_POSITIONS else 0
    return rows - offset
