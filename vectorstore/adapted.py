"""An embedder's transformer as a reader of pairs: layers of it, from one on upwards, changed, and a score.

The file of a reader holds low-rank changes of those layers' matrices (`up @ down` is added: LoRA, Hu et al., 2021),
their biases and norms, and a head; its metadata says which embedder's weights they belong to. So it is
much smaller than a model; in memory it takes a second copy of the layers that are changed, in bfloat16 on a processor
that computes with it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lastro.errors import ModelCorrupt
from lastro.vectorstore.embeddings import LocalEmbeddings, batches

FORMAT, VERSION = "lastro-reader", 1
_MOST = 320  # tokens of a pair, special ones included; what it was taught with had fewer
_MOST_SECOND = 100  # tokens of the second text
_BATCH = 2_048  # tokens of a batch, padding included
_BEGIN, _PADDING, _END = 0, 1, 2  # of multilingual-e5's vocabulary


@dataclass(frozen=True)
class AdaptedReader:
    """Scores pairs of texts with the weights of an embedder; `load_reader` makes one. Safe from any thread."""

    languages: tuple[str, ...]  # ISO 639-1 codes it was taught in
    _embedder: LocalEmbeddings
    _upper: Any  # layers
    _head: Any
    _lower: int  # number of layers that are the embedder's own

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """A score for each (passage, claim), in order: the logarithm of the odds, by what it was taught with.

        Of a claim the first 100 tokens are read, of a passage as many as make 320 with it.
        """
        import torch

        read = [self._tokens(*pair) for pair in pairs]
        found = [0.0] * len(pairs)
        for batch in batches([len(ids) for ids, _ in read], _BATCH):
            with self._embedder._weights.lock, torch.inference_mode():
                values = self._forward([read[at] for at in batch]).float().cpu().tolist()
            for at, value in zip(batch, values, strict=True):
                found[at] = float(value)
        return found

    def _tokens(self, passage: str, claim: str) -> tuple[list[int], int]:
        """The ids of a pair, and the place where the claim's begin; the last id is that of the end."""
        tokenizer = self._embedder._weights.tokenizer
        most = min(_MOST, self._embedder._weights.model[0].bert.config.max_position_embeddings)
        second = tokenizer.encode(claim, add_special_tokens=False).ids[: min(_MOST_SECOND, most // 2)]
        first = tokenizer.encode(passage, add_special_tokens=False).ids[: most - 3 - len(second)]
        return [_BEGIN, *first, _END, *second, _END], len(first) + 2

    def _forward(self, read: Sequence[tuple[list[int], int]]) -> Any:
        import torch

        device = self._embedder.device
        rows = [torch.tensor(ids) for ids, _ in read]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=_PADDING).to(device)
        places = torch.arange(ids.shape[1], device=device)[None, :]
        ends = torch.tensor([len(row) for row, _ in read], device=device)[:, None]
        begins = torch.tensor([begin for _, begin in read], device=device)[:, None]
        bert = self._embedder._weights.model[0].bert
        states = bert.embeddings(input_ids=ids)
        seen = (places < ends)[:, None, None, :]
        for layers in (bert.encoder.layer[: self._lower], self._upper):
            kind = next((values.dtype for values in layers.parameters()), states.dtype)
            states = states.to(kind)
            mask = torch.zeros(seen.shape, dtype=kind, device=device).masked_fill(~seen, -30_000.0)
            for layer in layers:
                states = layer(states, mask)
                states = states[0] if isinstance(states, tuple) else states
        states = states.float()
        in_claim = (places >= begins) & (places < ends - 1)
        in_passage = (places < ends) & ~in_claim
        parts = [states[:, 0], _mean(states, in_claim), _mean(states, in_passage)]
        return self._head(torch.cat(parts, dim=1)).squeeze(1)


def _mean(states: Any, inside: Any) -> Any:
    weights = inside.float()
    return (states * weights[:, :, None]).sum(1) / weights.sum(1, keepdim=True).clamp(min=1)


def load_reader(embedder: LocalEmbeddings, file: Path, *, exact: bool = False) -> AdaptedReader | None:
    """The reader of a file over an embedder; None where the file belongs to another embedder's weights.

    `exact`: its layers stay in float32 on any processor.

    Raises:
        ModelCorrupt: the file is no reader, or not whole.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="pt") as stored:
            about = json.loads((stored.metadata() or {})["lastro"])
            if (about["format"], about["version"]) != (FORMAT, VERSION):
                raise ValueError(f"format {about['format']} {about['version']}")
            if about["weights_sha256"] != embedder.identity.sha256:
                return None
            tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118 - no mapping
        bad = next((name for name, values in tensors.items() if not bool(torch.isfinite(values).all())), None)
        if bad is not None:
            raise ValueError(f"{bad} holds values that are no numbers")
        languages, lower = tuple(about["languages"]), int(about["lower_layers"])
        upper, head = _upper(embedder, lower, tensors), _head(tensors)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelCorrupt(f"{file}: no reader that can be loaded ({error}); install Lastro again") from error
    upper = upper.to(device=embedder.device, dtype=None if exact else _quick_type(embedder.device))
    return AdaptedReader(languages, embedder, upper, head.to(embedder.device), lower)


def _quick_type(device: str) -> Any:
    """bfloat16 where the processor computes with it, as the layers were taught; None: as the embedder has it.

    A reading takes .60 of the time, and a score differs by .015 from that in float32 on average
    (docs/decisions/022-reading-claims.md).
    """
    import torch

    told: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device == "cpu" else {}
    return torch.bfloat16 if told.get("avx512_bf16") or told.get("amx_bf16") else None


def _upper(embedder: LocalEmbeddings, lower: int, tensors: dict[str, Any]) -> Any:
    """Copies of the embedder's upper layers, changed."""
    whole = embedder._weights.model[0].bert.encoder.layer
    if not 0 <= lower < len(whole):
        raise ValueError(f"{lower} lower layers of {len(whole)}")
    with embedder._weights.lock:
        layers = copy.deepcopy(whole[lower:])
    for at, layer in enumerate(layers, lower):
        for name, values in layer.named_parameters():
            key = f"layer.{at}.{name}"
            changed = f"{key}.up" in tensors
            given = tensors[f"{key}.up"] @ tensors[f"{key}.down"] if changed else tensors[key]
            if given.shape != values.shape:
                raise ValueError(f"{key} is of shape {tuple(given.shape)}")
            values.data = (values.data.float().cpu() + given if changed else given).to(values.dtype)
    return layers.eval()


def _head(tensors: dict[str, Any]) -> Any:
    import torch

    first, last = tensors["head.0.weight"], tensors["head.2.weight"]
    head = torch.nn.Sequential(
        torch.nn.Linear(first.shape[1], first.shape[0]), torch.nn.Tanh(), torch.nn.Linear(last.shape[1], 1)
    )
    head.load_state_dict({name.removeprefix("head."): tensors[name] for name in tensors if name.startswith("head.")})
    return head.eval()
