"""Where the models of the catalogue and others lie, whether they are the right files, and how to fetch them.

A card's `sha256` is None where no one has checked the publisher's file; then the hash that the hub states is checked
at download, and `bytes` is the published size rounded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeVar

from lastro.config import home
from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import ledger
from lastro.llm.cards import CHAT_MODELS as CHAT_MODELS
from lastro.llm.cards import EMBEDDERS as EMBEDDERS
from lastro.llm.cards import RERANKERS as RERANKERS
from lastro.llm.cards import VERIFIERS as VERIFIERS
from lastro.llm.cards import Card, ChatModelCard, EmbedderCard, PairCard, RerankerCard, VerifierCard
from lastro.llm.folders import read_folder
from lastro.llm.hardware import Fit, fits, fits_bytes

_SHOWN = 200  # characters of a name that an error repeats
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
OnProgress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

Kind = Literal["chat", "embedder", "reranker", "verifier"]
AnyCard = TypeVar("AnyCard", ChatModelCard, EmbedderCard, RerankerCard, VerifierCard)
FolderCard = TypeVar("FolderCard", EmbedderCard, RerankerCard, VerifierCard)


@dataclass(frozen=True, slots=True)
class ModelListing:
    """A model as `lastro models` shows it; `fit` is None but for chat models on this machine or of the catalogue."""

    name: str
    kind: Kind
    path: Path | None
    bytes: int
    installed: bool
    card: Card | None
    fit: Fit | None


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

    The name is one of the catalogue, a hub id (`owner/name`), a folder in the models folder, or a path.

    Raises:
        ModelNotFound: there is none.
    """
    return _find(EMBEDDERS, name_or_path, "embedder")


def find_reranker(name_or_path: str) -> tuple[RerankerCard | None, Path]:
    """The card and the folder of a reranker; names and errors are as for `find_embedder`."""
    return _find(RERANKERS, name_or_path, "reranker")


def find_verifier(name_or_path: str) -> tuple[VerifierCard | None, Path]:
    """The card and the folder of an NLI model; names and errors are as for `find_embedder`."""
    return _find(VERIFIERS, name_or_path, "verifier")


def recognise_embedder(folder: Path) -> EmbedderCard | None:
    """The card of a folder that was opened by its path: of the weights that it holds, or of the name that it has.

    A name alone is not enough: the width has to be the card's, and so do the weights where the card knows their hash.
    """
    for card in EMBEDDERS:
        weights = folder / card.file
        if card.sha256 is not None:
            if _is_file(weights) and weights.stat().st_size == card.bytes and sha256_of(weights) == card.sha256:
                return card
        elif folder.name.lower() in (card.name, card.repo.split("/")[-1].lower()):
            return card if read_folder(folder).width == card.dimension else None
    return None


def available_models() -> list[ModelListing]:
    """Every model of the catalogue, then every other in the models folder."""
    listings = [_listing(card) for card in _catalogue()]
    known = {listing.path for listing in listings}
    for path in sorted(models_folder().glob("*.gguf")):
        if path.resolve() not in known:
            size = path.stat().st_size
            listings.append(ModelListing(path.stem, "chat", path.resolve(), size, True, None, _fit(path)))
    for config in sorted([*models_folder().glob("*/config.json"), *models_folder().glob("*/*/config.json")]):
        if config.parent.resolve() not in known and not _hidden(config):
            listings.append(_listing_of(config.parent))
    return listings


def folder_name(folder: Path) -> str:
    """The name by which a folder outside the catalogue is opened again: its place in the models folder, or its own."""
    place = models_folder().resolve()
    return folder.relative_to(place).as_posix() if folder.is_relative_to(place) else folder.name


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file; one that has not changed since is hashed once."""
    seen = ledger.recall(path, "sha256")
    if isinstance(seen, str):
        return seen
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    ledger.note(path, "sha256", found)
    return found


def verify_file(path: Path, sha256: str) -> None:
    """Check that the file has the SHA-256; a file that has not changed since is hashed once.

    Raises:
        ModelCorrupt: it has another.
    """
    seen = sha256_of(path)
    if seen != sha256:
        raise ModelCorrupt(
            f"{path}: its SHA-256 is {seen}, the published file's is {sha256}; remove it and fetch it again"
        )


def pull(name: str, *, on_progress: OnProgress | None = None) -> Path:
    """Fetch a model from the hub into the models folder: one of the catalogue, or any but a chat model by hub id.

    Raises:
        ModelNotFound: no such name, or the hub has no such model.
        ModelError: the hub cannot be reached, or the model needs code of its own.
    """
    from lastro.llm.download import fetch_chat_model, fetch_folder, fetch_repository

    chat = _named(CHAT_MODELS, name)
    if chat is not None:
        return fetch_chat_model(chat, models_folder(), on_progress=on_progress)
    card = _named(EMBEDDERS, name) or _named(RERANKERS, name) or _named(VERIFIERS, name)
    if card is not None and not card.repo:
        raise ModelNotFound(f"{card.name}: comes in a package and not from the hub; run {_way_to_get(card)}")
    if card is not None:
        return fetch_folder(card, models_folder() / card.name, on_progress=on_progress)
    if _HUB_ID.fullmatch(name):
        return fetch_repository(name, models_folder() / name, on_progress=on_progress)
    names = ", ".join(card.name for card in _catalogue())
    raise ModelNotFound(
        f"{name!r}: not in the catalogue ({names}), and no hub id (owner/name); put other GGUF files into "
        f"{models_folder()}"
    )


def _catalogue() -> list[Card]:
    return [*CHAT_MODELS, *EMBEDDERS, *RERANKERS, *VERIFIERS]


def _named(cards: Iterable[AnyCard], name: str) -> AnyCard | None:
    """The card of a catalogue name or hub id."""
    wanted = name.lower()
    return next((card for card in cards if wanted in (card.name, card.repo.lower() or None)), None)


def _find(cards: Sequence[FolderCard], name: str, kind: str) -> tuple[FolderCard | None, Path]:
    card = _named(cards, name)
    places = _card_places(card) if card is not None else _places(name)
    weights = card.file if card is not None else "config.json"
    found = next((place for place in places if _is_file(place / weights)), None)
    if found is not None:
        return card, found.resolve()
    if card is not None:
        raise ModelNotFound(f"{card.name}: not on this machine; run {_way_to_get(card)}")
    pulling = f", or `lastro models pull {name}` for one on the hub" if _HUB_ID.fullmatch(name) else ""
    raise ModelNotFound(
        f"{_shown(name)}: no {kind} of that name and no folder with a config.json; run `lastro models`{pulling}"
    )


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


def _card_places(card: EmbedderCard | PairCard) -> list[Path]:
    packages = [place for folder in _package_folders(card.package) for place in (folder / "model", folder)]
    return [models_folder() / card.name, *packages]


@lru_cache(maxsize=16)
def _package_folders(package: str | None) -> tuple[Path, ...]:
    """The folders of a distribution's import package, found without importing it."""
    spec = find_spec(package.replace("-", "_")) if package is not None else None
    return tuple(Path(place) for place in spec.submodule_search_locations or ()) if spec is not None else ()


def _way_to_get(card: Card) -> str:
    ways = [f"`pip install {card.package}`"] if card.package is not None else []
    return " or ".join([*ways, *([f"`lastro models pull {card.name}`"] if card.repo else [])])


def _listing(card: Card) -> ModelListing:
    try:
        path = _folder_or_file(card)
    except ModelNotFound:
        path = None
    if not isinstance(card, ChatModelCard):
        return ModelListing(card.name, _kind(card), path, card.bytes, path is not None, card, None)
    fit = fits_bytes(card.bytes) if path is None else _fit(path)
    return ModelListing(card.name, "chat", path, card.bytes, path is not None, card, fit)


def _folder_or_file(card: Card) -> Path:
    if isinstance(card, ChatModelCard):
        return find_chat_model(card.name)
    find = {"embedder": find_embedder, "reranker": find_reranker, "verifier": find_verifier}[_kind(card)]
    return find(card.name)[1]


def _kind(card: EmbedderCard | RerankerCard | VerifierCard) -> Literal["embedder", "reranker", "verifier"]:
    if isinstance(card, EmbedderCard):
        return "embedder"
    return "reranker" if isinstance(card, RerankerCard) else "verifier"


def _listing_of(folder: Path) -> ModelListing:
    try:
        facts = read_folder(folder)
        kind: Kind = "verifier" if facts.is_verifier else "reranker" if facts.is_reranker else "embedder"
    except ModelError:  # a damaged one is still listed, and refused when it is opened
        kind = "embedder"
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return ModelListing(folder_name(folder.resolve()), kind, folder.resolve(), size, True, None, None)


def _hidden(path: Path) -> bool:
    """Whether the path lies in a folder of ours for what is being fetched."""
    return any(part.startswith(".") for part in path.relative_to(models_folder()).parts)


def _fit(path: Path) -> Fit | None:
    try:
        return fits(path)
    except ModelError:  # a damaged file is still listed, and refused when it is opened
        return None
