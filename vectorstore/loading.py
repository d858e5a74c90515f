"""An embedder's folder to a model in memory: checked, on its device, with its prompts and limits."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lastro.errors import ConfigError, ModelCorrupt, ModelError
from lastro.llm.cards import EmbedderCard, PairCard
from lastro.llm.folders import FolderFacts, read_folder, refuse_own_code
from lastro.llm.models import folder_name, recognise_embedder, sha256_of, verify_file
from lastro.vectorstore.identity import EmbedderIdentity

DEVICES = ("auto", "cuda", "mps", "cpu")


@dataclass(frozen=True)
class Weights:
    """A loaded model, shared by every `LocalEmbeddings` over it in the process."""

    model: Any
    tokenizer: Any  # of our own, without truncation: the model's changes its own while it encodes
    identity: EmbedderIdentity
    max_tokens: int
    languages: tuple[str, ...]
    lock: threading.Lock  # the model's tokenizer is not safe under threads


def load_weights(card: EmbedderCard | None, folder: Path, device: str) -> Weights:
    """The model of a folder on a device; without a card, that of its weights or name applies where there is one.

    What a card says comes before what the folder says, unless the folder was only recognised and has its own prompts.

    Raises:
        ModelCorrupt: the weights are not the card's, or nothing that can be loaded.
        ModelError: the folder does not say how it pools, or needs code of its own.
    """
    packed = card is not None and card.packed
    facts = FolderFacts("", None, (), None, "", "", ()) if packed else read_folder(folder)
    known = card or recognise_embedder(folder)
    sha256 = weights_sha256(card, folder)
    model = _packed(card, folder, device) if card is not None and packed else _open(folder, facts, known, device)
    model.eval()
    own = card is None and bool(facts.query_prompt or facts.document_prompt)
    says = facts if known is None or own else known
    identity = EmbedderIdentity(
        name=folder_name(folder) if card is None else card.name,
        sha256=sha256,
        dimension=int(model.get_embedding_dimension()),
        pooling=_pooling(model),
        query_prompt=says.query_prompt,
        document_prompt=says.document_prompt,
    )
    _check(identity, known, folder)
    model.prompts = {"query": identity.query_prompt, "document": identity.document_prompt}
    tokenizer = own_tokenizer(model, folder)
    longest = int(model.max_seq_length) if known is None else min(int(model.max_seq_length), known.max_tokens)
    model.max_seq_length = longest
    prompts = (identity.query_prompt, identity.document_prompt)
    overhead = max(len(tokenizer.encode(prompt, add_special_tokens=True).ids) for prompt in prompts)
    return Weights(
        model=model,
        tokenizer=tokenizer,
        identity=identity,
        max_tokens=longest - overhead,
        languages=facts.languages if known is None else known.languages,
        lock=threading.Lock(),
    )


def _packed(card: EmbedderCard, folder: Path, device: str) -> Any:
    from lastro.vectorstore.packed import packed_model

    with without_bars():
        return packed_model(folder / card.file, pooling=card.pooling, device=device)


def _open(folder: Path, facts: FolderFacts, known: EmbedderCard | None, device: str) -> Any:
    """The `SentenceTransformer` of a folder in safetensors; where the folder names no pooling, that of its card."""
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    refuse_own_code(folder)
    refuse_pickles(folder)
    silent = facts.pooling is None and (not facts.modules or facts.modules[0].endswith("Transformer"))
    if silent and known is None:
        raise ModelError(
            f"{folder}: does not say how to pool (no modules.json with a pooling), and guessing gives wrong vectors; "
            "copy modules.json and 1_Pooling from where the model was published"
        )
    options = load_options(device)
    try:
        with without_bars():
            if known is None or not silent:
                return SentenceTransformer(str(folder), device=device, **options)
            first = Transformer(str(folder), model_kwargs=options["model_kwargs"] | {"local_files_only": True})
            modules = [first, Pooling(first.get_embedding_dimension(), pooling_mode=known.pooling), Normalize()]
            return SentenceTransformer(modules=modules, device=device)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelCorrupt(f"{folder}: no embedder that can be loaded ({error}); pull or copy it again") from error


def load_options(device: str) -> dict[str, Any]:
    """How every model is loaded: from this machine, safetensors only, without code of its publisher."""
    import torch

    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    return {
        "local_files_only": True,
        "trust_remote_code": False,
        "model_kwargs": {"use_safetensors": True, "dtype": dtype},  # a pickle can run code
    }


def _check(identity: EmbedderIdentity, known: EmbedderCard | None, folder: Path) -> None:
    """Refuse a model that computes otherwise than its card says."""
    if known is None:
        return
    said = {"pooling": known.pooling, "dimension": known.dimension}
    for what, value in said.items():
        found = getattr(identity, what)
        if found != value:
            raise ModelCorrupt(
                f"{folder}: its {what} is {found}, and that of {known.name} is {value}; its settings were changed or "
                "are another model's: pull or copy it again"
            )


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


@contextmanager
def without_bars() -> Iterator[None]:
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


def weights_sha256(card: EmbedderCard | PairCard | None, folder: Path) -> str:
    """SHA-256 of the weights; of several files, of their hashes in order. A catalogued model's must be its card's."""
    if card is not None and card.sha256 is not None:
        verify_file(folder / card.file, card.sha256)
        return card.sha256
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelCorrupt(f"{folder}: no *.safetensors file; other formats of weights can run code and are not read")
    hashes = [sha256_of(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def refuse_pickles(folder: Path) -> None:
    """Refuse a folder in which a layer's weights are a pickle, which sentence-transformers would load."""
    for file in sorted(folder.glob("*/pytorch_model.bin")):
        if not (file.parent / "model.safetensors").is_file():
            raise ModelCorrupt(f"{file}: weights in a format that can run code are not read; find safetensors ones")


def own_tokenizer(model: Any, folder: Path) -> Any:
    """A copy of the model's tokenizer that neither cuts nor pads; a packed model's never does, and is shared."""
    from tokenizers import Tokenizer

    if isinstance(model.tokenizer, Tokenizer):
        return model.tokenizer
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
