"""Names of files: those handed over, and how the page speaks of those it holds."""

from __future__ import annotations

from lastro.types import DocumentRecord, Upload
from lastro.ui.safe import file_name


def distinct(uploads: list[Upload]) -> list[Upload]:
    """Two files of one batch with one name and different bytes get different names: "a.pdf", "a (2).pdf"."""
    taken: dict[str, int] = {}
    named = []
    for upload in uploads:
        count = taken[upload.name] = taken.get(upload.name, 0) + 1
        stem, dot, ending = upload.name.rpartition(".")
        again = f"{stem} ({count}).{ending}" if dot and stem else f"{upload.name} ({count})"
        named.append(upload if count == 1 else Upload(again, upload.data))
    return named


def kind(record: DocumentRecord) -> str:
    """The type as people say it: the ending of its name, else of its MIME type."""
    name = file_name(record.sources[0]) if record.sources else ""
    ending = name.rpartition(".")[2] if "." in name else record.mime.rpartition("/")[2]
    return ending.upper()[:12]
