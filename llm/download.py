"""Fetch a catalogue model from the hub: whole, checked, and put in its place in one step, or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm.models import ChatModelCard, EmbedderCard, OnProgress, verify_file
from lastro.offline import hub_allowed, hub_forbidden_by

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_EMBEDDER_SUFFIXES = (".json", ".txt", ".model")


def fetch_chat_model(card: ChatModelCard, folder: Path, *, on_progress: OnProgress | None = None) -> Path:
    """The GGUF file of `card` in `folder`; fetched unless it is there and right.

    Raises:
        ModelError: offline, or the hub cannot be reached.
        ModelNotFound: the hub has no such file.
        ModelCorrupt: what came is not the published file.
    """
    target = folder / card.file
    if target.is_file() and card.sha256 is not None:
        verify_file(target, card.sha256)
        return target
    _fetch(card, [card.file], folder / f".{card.name}.partial", on_progress)
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / f".{card.name}.partial" / card.file).replace(target)
    shutil.rmtree(folder / f".{card.name}.partial", ignore_errors=True)
    return target


def fetch_embedder(card: EmbedderCard, folder: Path, *, on_progress: OnProgress | None = None) -> Path:
    """The folder of `card`'s files, fetched unless its weights are there and right; raises as `fetch_chat_model`."""
    if (folder / card.file).is_file() and card.sha256 is not None:
        verify_file(folder / card.file, card.sha256)
        return folder
    partial = folder.with_name(f".{card.name}.partial")
    _fetch(card, None, partial, on_progress)
    shutil.rmtree(partial / ".cache", ignore_errors=True)  # the hub client's own notes
    if folder.exists():
        shutil.rmtree(folder)
    partial.replace(folder)
    return folder


def _fetch(
    card: ChatModelCard | EmbedderCard, files: list[str] | None, folder: Path, on_progress: OnProgress | None
) -> None:
    """Fetch `files` (None: all that an embedder needs) into `folder` and check each against card and hub."""
    _refuse_offline(card.name)
    import httpx
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    endpoint = os.environ.get("HF_ENDPOINT") or None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with hub_allowed():
            info = HfApi(endpoint=endpoint).model_info(card.repo, files_metadata=True)
            wanted = [entry for entry in info.siblings or [] if _needed(entry.rfilename, card, files)]
            if card.file not in [entry.rfilename for entry in wanted]:
                raise ModelNotFound(f"{card.name}: {card.repo} has no {card.file}; look for its new name on the hub")
            progress = _progress(on_progress, sum(entry.size or 0 for entry in wanted))
            for entry in wanted:
                hf_hub_download(
                    card.repo,
                    entry.rfilename,
                    revision=info.sha,
                    local_dir=folder,
                    endpoint=endpoint,
                    tqdm_class=progress,
                )
                _check(folder / entry.rfilename, entry, card)
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise _unreachable(card, error) from error
        raise ModelNotFound(f"{card.name}: {card.repo} is not on the hub ({error}); see `lastro models`") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise _unreachable(card, error) from error


def _unreachable(card: ChatModelCard | EmbedderCard, error: Exception) -> ModelError:
    first = str(error).strip().partition("\n")[0]
    return ModelError(f"{card.name}: the hub could not be read ({first}); check the connection, what came is kept")


def _refuse_offline(name: str) -> None:
    variable = hub_forbidden_by()
    if variable is not None:
        raise ModelError(f"{name}: not fetched, since {variable} is set; unset it, or copy the file in by hand")


def _needed(file: str, card: ChatModelCard | EmbedderCard, files: list[str] | None) -> bool:
    if files is not None:
        return file in files
    if file == card.file:
        return True
    return file.endswith(_EMBEDDER_SUFFIXES) and Path(file).parent.as_posix() in {".", "1_Pooling", "2_Normalize"}


def _check(path: Path, entry: RepoSibling, card: ChatModelCard | EmbedderCard) -> None:
    """Check a file against the card's hash, the hub's SHA-256 (large files) or its Git hash (small ones)."""
    expected = card.sha256 if entry.rfilename == card.file else None
    if expected is None and entry.lfs is not None:
        expected = entry.lfs.sha256
    try:
        if expected is not None:
            verify_file(path, expected)
        elif entry.blob_id is not None and _git_hash(path) != entry.blob_id:
            raise ModelCorrupt(f"{path}: is not the file that the hub states ({entry.blob_id}); fetch it again")
    except ModelCorrupt:
        path.unlink()
        raise


def _git_hash(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _progress(on_progress: OnProgress | None, total: int) -> Any:
    """A stand-in for the hub client's progress bar: silent, and telling `on_progress` the bytes of all files."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    done = 0

    class Silent(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs | {"disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal done
            done += int(n or 0)
            if on_progress is not None:
                on_progress(done, total)
            return None

    return Silent
