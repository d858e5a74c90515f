"""Fetch a model from the hub: whole, checked, and put in its place in one step, or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm.cards import ChatModelCard, EmbedderCard, PairCard
from lastro.llm.folders import refuse_own_code
from lastro.llm.models import OnProgress, verify_file
from lastro.offline import hub_allowed, hub_forbidden_by

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_SMALL = (".json", ".txt", ".model")  # settings and vocabularies of a folder's model
_MODULE = re.compile(r"\d+_\w+")  # a layer's own folder, such as 1_Pooling or 2_Dense


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is fetched of a repository: its weights and, unless `small` is False, what a folder needs beside them."""

    name: str
    repo: str
    revision: str | None
    weights: re.Pattern[str]
    sha256: str | None  # of the weights
    pages: frozenset[str] = frozenset()
    small: bool = True

    def choose(self, entries: Sequence[RepoSibling]) -> tuple[list[RepoSibling], list[RepoSibling]]:
        """The small files and the weights among a repository's files."""
        weights = [entry for entry in entries if self.weights.fullmatch(entry.rfilename)]
        if not weights:
            what = self.weights.pattern.replace("\\", "")
            raise ModelNotFound(
                f"{self.name}: {self.repo} has no {what}; look on the hub for its new name, or for the same model with "
                "weights in safetensors"
            )
        return [entry for entry in entries if self._is_small(entry.rfilename)], weights

    def _is_small(self, name: str) -> bool:
        if not self.small or self.weights.fullmatch(name):
            return False
        folder, _, file = name.rpartition("/")
        own = _MODULE.fullmatch(folder) is not None
        wanted = file.endswith((*_SMALL, ".safetensors") if own else _SMALL)
        return name in self.pages or (wanted and (own or not folder))


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
    wanted = _Wanted(card.name, card.repo, None, re.compile(re.escape(card.file)), card.sha256, small=False)
    _fetch(wanted, folder / f".{card.name}.partial", on_progress)
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / f".{card.name}.partial" / card.file).replace(target)
    shutil.rmtree(folder / f".{card.name}.partial", ignore_errors=True)
    return target


def fetch_folder(card: EmbedderCard | PairCard, folder: Path, *, on_progress: OnProgress | None = None) -> Path:
    """The folder of `card`'s files, fetched unless its weights are there and right; raises as `fetch_chat_model`."""
    if (folder / card.file).is_file() and card.sha256 is not None:
        verify_file(folder / card.file, card.sha256)
        return folder
    wanted = _Wanted(card.name, card.repo, card.revision, re.compile(re.escape(card.file)), card.sha256)
    return _replace_folder(wanted, folder, on_progress)


def fetch_repository(repo: str, folder: Path, *, on_progress: OnProgress | None = None) -> Path:
    """The folder of a model outside the catalogue that is no GGUF file, with its page, which names its languages.

    Raises:
        ModelError: offline, the hub cannot be reached, or the model needs code of its own to be loaded.
        ModelNotFound: the hub has no such repository, or no weights in safetensors in it.
        ModelCorrupt: what came is not the published files.
    """
    wanted = _Wanted(repo, repo, None, re.compile(r"model.*\.safetensors"), None, frozenset(["README.md"]))
    return _replace_folder(wanted, folder, on_progress)


def _replace_folder(wanted: _Wanted, folder: Path, on_progress: OnProgress | None) -> Path:
    partial = folder.with_name(f".{folder.name}.partial")
    _fetch(wanted, partial, on_progress)
    shutil.rmtree(partial / ".cache", ignore_errors=True)  # the hub client's own notes
    if folder.exists():
        shutil.rmtree(folder)
    partial.replace(folder)
    return folder


def _fetch(wanted: _Wanted, folder: Path, on_progress: OnProgress | None) -> None:
    """Fetch what is wanted into `folder`, small files first, and check each against card and hub."""
    _refuse_offline(wanted.name)
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
            info = HfApi(endpoint=endpoint).model_info(wanted.repo, revision=wanted.revision, files_metadata=True)
            small, weights = wanted.choose(info.siblings or [])
            progress = _progress(on_progress, sum(entry.size or 0 for entry in small + weights))
            for entry in small + weights:
                if weights and entry is weights[0]:
                    refuse_own_code(folder)  # before gigabytes come that could not be used
                hf_hub_download(
                    wanted.repo,
                    entry.rfilename,
                    revision=info.sha,
                    local_dir=folder,
                    endpoint=endpoint,
                    tqdm_class=progress,
                )
                _check(folder / entry.rfilename, entry, wanted)
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise _unreachable(wanted.name, error) from error
        raise ModelNotFound(f"{wanted.name}: {wanted.repo} is not on the hub ({error}); see `lastro models`") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise _unreachable(wanted.name, error) from error


def _unreachable(name: str, error: Exception) -> ModelError:
    first = str(error).strip().partition("\n")[0]
    return ModelError(f"{name}: the hub could not be read ({first}); check the connection, what came is kept")


def _refuse_offline(name: str) -> None:
    variable = hub_forbidden_by()
    if variable is not None:
        raise ModelError(f"{name}: not fetched, since {variable} is set; unset it, or copy the file in by hand")


def _check(path: Path, entry: RepoSibling, wanted: _Wanted) -> None:
    """Check a file against the card's hash, the hub's SHA-256 (large files) or its Git hash (small ones)."""
    expected = wanted.sha256 if wanted.weights.fullmatch(entry.rfilename) else None
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
