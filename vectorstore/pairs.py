"""A model that reads two texts together and scores the pair: loaded from a folder, shared, and run in batches.

The weights are those of transformers' ...ForSequenceClassification. They are run without sentence-transformers'
CrossEncoder, which gives a model without a scoring layer a random one, and reads only the beginning of a long text
(sentence-transformers 6.2).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.errors import ModelCorrupt, ModelError
from lastro.llm.folders import read_folder, refuse_own_code
from lastro.llm.models import folder_name
from lastro.vectorstore.embeddings import batches
from lastro.vectorstore.loading import load_options, own_tokenizer, weights_sha256, without_bars

if TYPE_CHECKING:
    from tokenizers import Encoding

    from lastro.llm.cards import PairCard

_OVERLAP = 4  # a window begins a quarter of its room before the end of the one before
_UNBOUNDED = 1_000_000  # tokenizers without a limit state an absurd one
# Their tables of positions begin after the padding's number, so that many tokens less fit than there are rows.
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert"}


@dataclass(frozen=True)
class PairModel:
    """A loaded model, shared by every user of it in the process."""

    name: str  # of the catalogue, or that of the folder
    model: Any
    tokenizer: Any  # of our own, without truncation
    padding: int
    typed: bool  # whether the model is told which tokens are the second text's
    max_tokens: int  # of both texts together, special tokens included
    languages: tuple[str, ...]  # ISO 639-1 codes it was made for; empty where unknown
    device: str
    lock: threading.Lock  # one batch at a time, so that two callers need no more memory than one

    def windows(self, short: str, longs: Sequence[str], *, short_first: bool) -> tuple[list[Encoding], list[int]]:
        """One text with each of the others as tokens, one or more windows an other, and the other that each is of.

        Another that is too long is cut into overlapping windows; of a `short` longer than half the limit, the first
        half is read.
        """
        kept = self.tokenizer.encode(short, add_special_tokens=False)
        kept.truncate(self.max_tokens // 2)
        room = self.max_tokens - len(kept.ids) - int(self.tokenizer.num_special_tokens_to_add(True))
        windows: list[Encoding] = []
        owners: list[int] = []
        for at, read in enumerate(self.tokenizer.encode_batch(list(longs), add_special_tokens=False)):
            read.truncate(room, stride=room // _OVERLAP)
            pieces = [read, *read.overflowing]
            windows += [
                self.tokenizer.post_process(*((kept, piece) if short_first else (piece, kept))) for piece in pieces
            ]
            owners += [at] * len(pieces)
        return windows, owners

    def scores(
        self, windows: Sequence[Encoding], activation: Callable[[Any], Any], *, batch_tokens: int
    ) -> list[list[float]]:
        """The model's scores of each window, in order, as `activation` makes them of its logits."""
        found: list[list[float]] = [[] for _ in windows]
        for batch in batches([len(window.ids) for window in windows], batch_tokens):
            rows = activation(self._logits([windows[at] for at in batch])).tolist()
            for at, row in zip(batch, rows, strict=True):
                found[at] = row
        return found

    def _logits(self, windows: Sequence[Encoding]) -> Any:
        import torch

        def padded(rows: Iterable[list[int]], value: int) -> Any:
            lines = [torch.tensor(row) for row in rows]
            return torch.nn.utils.rnn.pad_sequence(lines, batch_first=True, padding_value=value).to(self.device)

        inputs = {
            "input_ids": padded((window.ids for window in windows), self.padding),
            "attention_mask": padded((window.attention_mask for window in windows), 0),
        }
        if self.typed:
            inputs["token_type_ids"] = padded((window.type_ids for window in windows), 0)
        with self.lock, torch.inference_mode():
            return self.model(**inputs).logits.float()


@dataclass(frozen=True, slots=True)
class PairKind:
    """What a model must be to serve: what its users call it, what it gives, and a check of its configuration.

    `check` raises `ModelError` where the model gives something else.
    """

    word: str
    gives: str
    check: Callable[[Path, Any], None]
    full_precision: bool = False  # float32 on every device: some models overflow in half precision


_LOADED: dict[tuple[str, Path, str], PairModel] = {}
_LOADING = threading.Lock()


def load_pair_model(card: PairCard | None, folder: Path, device: str, kind: PairKind) -> PairModel:
    """The model of a folder on a device, loaded once a process.

    Raises:
        ModelError: the model is of another kind, or needs code of its own.
        ModelCorrupt: its weights are not the catalogue's, or nothing that can be loaded.
    """
    key = (kind.word, folder.resolve(), device)
    with _LOADING:
        if key not in _LOADED:
            _LOADED[key] = _load(card, key[1], device, kind)
    return _LOADED[key]


def _load(card: PairCard | None, folder: Path, device: str, kind: PairKind) -> PairModel:
    facts = read_folder(folder)
    if not facts.is_classifier:
        architecture = facts.architecture or "of no kind that its config.json names"
        raise ModelError(
            f"{folder}: is {architecture}, which gives no {kind.gives}; a {kind.word} is a "
            "...ForSequenceClassification (`lastro models` lists some)"
        )
    refuse_own_code(folder)
    weights_sha256(card, folder)
    model, tokenizer = _open(folder, device, kind)
    own = own_tokenizer(_Holder(tokenizer), folder)
    limits = [positions(model.config), int(min(tokenizer.model_max_length, _UNBOUNDED))]
    padding = tokenizer.pad_token_id
    return PairModel(
        name=folder_name(folder) if card is None else card.name,
        model=model,
        tokenizer=own,
        padding=0 if padding is None else int(padding),
        typed="token_type_ids" in tokenizer.model_input_names,
        max_tokens=min([*limits, card.max_tokens] if card is not None else limits),
        languages=facts.languages if card is None else card.languages,
        device=device,
        lock=threading.Lock(),
    )


@dataclass(frozen=True)
class _Holder:
    """What `own_tokenizer` looks at: something with a tokenizer."""

    tokenizer: Any


def _open(folder: Path, device: str, kind: PairKind) -> tuple[Any, Any]:
    """The model, every weight of it from the folder, and its tokenizer."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    options = load_options(device)
    extra = options.pop("model_kwargs") | ({"dtype": torch.float32} if kind.full_precision else {})
    try:
        with without_bars():
            config = AutoConfig.from_pretrained(folder, **options)
            kind.check(folder, config)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder, output_loading_info=True, **options, **extra
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelCorrupt(f"{folder}: no {kind.word} that can be loaded ({error}); pull or copy it again") from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers fills them with random numbers
        raise ModelCorrupt(f"{folder}: has no weights for {missing[0]}, so its scores would be chance; copy it again")
    return model.to(device).eval(), tokenizer


def positions(config: Any) -> int:
    """Most tokens that a model's table of positions has rows for."""
    rows = int(getattr(config, "max_position_embeddings", _UNBOUNDED) or _UNBOUNDED)
    offset = 1 + (config.pad_token_id or 0) if config.model_type in _OFFSET_POSITIONS else 0
    return rows - offset
