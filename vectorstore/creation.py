"""How a library comes to be: its folder, its catalogue, and the values that it is made with."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from lastro.config import LibrarySettings
from lastro.errors import LibraryCorrupt, LibraryError, LibraryNotFound
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.faults import disk_errors
from lastro.vectorstore.rows import now

DATABASE = "library.sqlite"
STORED = ("embedder", "chunk_tokens", "chunk_overlap_tokens")  # settings that belong to the library


def open_catalog(path: Path, *, create: bool) -> Catalog:
    """The catalogue of a library's folder, made where there is none yet.

    Raises:
        LibraryNotFound: there is none, and `create` is False.
        LibraryError: the folder is a file, or holds something else.
    """
    if path.exists() and not path.is_dir():
        raise LibraryError(f"{path}: a file, and a library is a folder; name another place")
    if not (path / DATABASE).exists():
        if not create:
            raise LibraryNotFound(f"{path}: no library here; `lastro add PATH` makes one")
        _require_empty(path)
        with disk_errors(path):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)  # documents are nobody else's unless their owner says so
    return Catalog(path / DATABASE)


def _require_empty(path: Path) -> None:
    """Refuse to make a library among other files; locks and logs remain where making one was interrupted."""
    with disk_errors(path):
        found = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    if DATABASE in found:
        return  # another process made it just now
    passing = (".", DATABASE, "write.lock", "index.lock", "Thumbs.db", "desktop.ini")
    others = [name for name in found if not name.startswith(passing)]
    if "originals" in others or "chroma" in others:
        raise LibraryCorrupt(
            f"{path}: library.sqlite is missing beside what belongs to a library; restore an export under another "
            f"name, `lastro import FILE --library NAME`, or add the files in {path / 'originals'} to a new library"
        )
    if others:
        raise LibraryError(
            f"{path}: no library, and not empty ({', '.join(sorted(others)[:3])}); name an empty folder or a new one"
        )


def initialise(catalog: Catalog, settings: LibrarySettings, *, name: str) -> dict[str, str]:
    """The library's meta values, written now where the library is new."""
    meta = catalog.meta()
    if "secret" in meta:
        return meta
    values = {
        "library_id": secrets.token_hex(16),
        "secret": secrets.token_hex(32),
        "name": name,
        "settings": json.dumps({key: getattr(settings, key) for key in STORED}),
        "created_at": now(),
    }
    return catalog.keep_meta(**values)  # where two processes create it at once, the first one's values stand
