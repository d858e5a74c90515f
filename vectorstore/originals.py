"""The bytes of every document, kept by their hash: `originals/<first two digits>/<sha256><extension>`."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lastro.errors import SourceError

_BLOCK = 1 << 20
_EXTENSION = re.compile(r"\.[a-z0-9]{1,10}")


def safe_extension(name: str) -> str:
    """The extension of a name where it is a harmless one, else "".

    >>> safe_extension("Contrato.PDF"), safe_extension("../../etc/passwd"), safe_extension("a.t/x")
    ('.pdf', '', '')
    """
    suffix = Path(name).suffix.lower()
    return suffix if _EXTENSION.fullmatch(suffix) else ""


def original_path(library: Path, document_id: str, extension: str) -> Path:
    """Where a document's bytes are kept."""
    return library / "originals" / document_id[:2] / f"{document_id}{extension}"


def keep_original(library: Path, document_id: str, extension: str, stream: BinaryIO) -> None:
    """Copy a document's bytes; a reader sees all of them or no file.

    Raises:
        SourceError: the bytes are no longer those of `document_id`.
    """
    target = original_path(library, document_id, extension)
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    try:
        with partial.open("wb") as copy:
            while block := stream.read(_BLOCK):
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.hexdigest() != document_id:
            raise SourceError("the file changed while it was read; add it again")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def drop_original(library: Path, document_id: str) -> None:
    """Delete a document's bytes, under whatever extension."""
    folder = library / "originals" / document_id[:2]
    for file in folder.glob(f"{document_id}*"):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()  # only where it is empty
