"""What can be added: files, folders, uploads and LangChain documents, each as a `Source`."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lastro.errors import SourceError, SourceNotFound
from lastro.ingest.detect import BY_EXTENSION
from lastro.types import Upload

if TYPE_CHECKING:
    from langchain_core.documents import Document

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, direction marks, lone surrogates


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to add: a file, bytes, or the LangChain documents that share a name."""

    name: str  # absolute path, or a display name; unique within what was discovered together
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    documents: tuple[Document, ...] = field(default=(), repr=False)

    def open(self) -> BinaryIO:
        """The bytes as a stream; LangChain documents are their UTF-8 texts joined by form feeds.

        Raises:
            SourceNotFound, SourceError: the file went away or cannot be read.
        """
        if self.path is None:
            return io.BytesIO(self.data if self.data is not None else self._texts())
        try:
            mode = self.path.stat().st_mode  # before opening: a pipe would wait for a writer
            if not stat.S_ISREG(mode):
                what = "a folder that cannot be listed" if stat.S_ISDIR(mode) else "not a regular file"
                raise SourceError(f"{self.name}: {what}; check its permissions and type")
            return self.path.open("rb")
        except FileNotFoundError as error:
            raise SourceNotFound(f"{self.name}: no such file; check the path") from error
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be read ({error.strerror}); check its permissions") from error

    def read(self, *, limit: int | None = None) -> bytes:
        """All bytes, or at most one more than `limit`, so that a file over it is seen but not read whole."""
        with self.open() as stream:
            try:
                return stream.read() if limit is None else stream.read(limit + 1)
            except OSError as error:
                raise SourceError(f"{self.name}: cannot be read ({error.strerror}); check the disk") from error

    def _texts(self) -> bytes:
        return "\f".join(document.page_content for document in self.documents).encode("utf-8", errors="replace")


class Sources(list[Source]):
    """What was discovered, in order; `skipped` are the paths in folders whose type no parser reads."""

    skipped: tuple[str, ...] = ()


def discover(inputs: Any) -> Sources:
    """The sources that inputs name, in order, each once: `str` or `Path` of a file or folder, `Upload`, LangChain
    `Document` or `BaseLoader`, or an iterable of those.

    Folders are walked to the bottom in sorted order; hidden files in them are passed over, and so are unknown
    extensions, which the result names, while a file that is named itself is always taken. Documents with the same
    source become one, in their order.

    Raises:
        SourceNotFound: a path that does not exist.
        SourceError: a path that cannot be read, or a value that is no source.
    """  # noqa: D205 - one sentence
    found: dict[str, Source] = {}
    skipped: dict[str, None] = {}
    for source in _sources(inputs, skipped):
        known = found.get(source.name)
        if known is not None and known.documents and source.documents:
            source = Source(source.name, documents=known.documents + source.documents)
        found[source.name] = source
    sources = Sources(found.values())
    sources.skipped = tuple(name for name in skipped if name not in found)
    return sources


def _sources(inputs: Any, skipped: dict[str, None]) -> Iterator[Source]:
    from langchain_core.document_loaders import BaseLoader
    from langchain_core.documents import Document

    if isinstance(inputs, str | Path):
        yield from _from_path(inputs, skipped)
    elif isinstance(inputs, Upload):
        yield Source(display_name(inputs.name), data=inputs.data)
    elif isinstance(inputs, Document):
        yield _from_document(inputs)
    elif isinstance(inputs, BaseLoader):
        for document in inputs.lazy_load():
            yield _from_document(document)
    elif isinstance(inputs, Iterable) and not isinstance(inputs, bytes | bytearray | dict):
        for item in inputs:
            yield from _sources(item, skipped)
    else:
        raise SourceError(
            f"{type(inputs).__name__}: not a source; give paths, uploads, or LangChain documents or a loader"
        )


def _from_document(document: Document) -> Source:
    name = document.metadata.get("source")
    if not isinstance(name, str) or not name.strip():
        name = f"text-{hashlib.sha256(document.page_content.encode('utf-8', errors='replace')).hexdigest()[:12]}"
    return Source(unicodedata.normalize("NFC", _escaped(name)), documents=(document,))


def _from_path(given: str | Path, skipped: dict[str, None]) -> Iterator[Source]:
    if not str(given).strip() or "\x00" in str(given):
        raise SourceNotFound(f"{str(given)!r}: not a path; name a file or a folder")
    try:
        path = Path(given).expanduser().absolute()
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        advice = "Lastro reads local files only; download it first" if "://" in str(given) else "check the path"
        raise SourceNotFound(f"{_escaped(str(given))}: no such file or folder; {advice}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: no home for "~"
        raise SourceError(f"{_escaped(str(given))}: cannot be read ({error}); check its permissions") from error
    if stat.S_ISDIR(mode):
        yield from _from_folder(path, skipped)
    elif not stat.S_ISREG(mode):
        raise SourceError(f"{_escaped(str(given))}: not a regular file; add a file or a folder")
    elif not os.access(path, os.R_OK):
        raise SourceError(f"{_escaped(str(given))}: cannot be read; check its permissions")
    else:
        yield _file(path)


def _from_folder(folder: Path, skipped: dict[str, None]) -> Iterator[Source]:
    for file in _walk(folder):
        if file.suffix.lower() in BY_EXTENSION or file.is_dir():
            yield _file(file)
        else:
            skipped[_file(file).name] = None


def _file(path: Path) -> Source:
    path = Path(os.path.normpath(path))
    return Source(unicodedata.normalize("NFC", _escaped(str(path))), path=path)


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder that are not hidden, sorted; a folder reached twice, as by a looping link, is walked once.

    A folder that cannot be listed comes out itself: reading it fails, and so it is reported like a bad file.
    """
    seen: set[tuple[int, int]] = set()
    closed: list[Path] = []

    for root, folders, files in os.walk(folder, onerror=lambda e: closed.append(Path(e.filename)), followlinks=True):
        status = Path(root).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.startswith((".", "~$")):
                continue
            file = Path(root) / name
            if file.is_file():  # not a pipe, a device or a dangling link
                yield file
    yield from closed


def display_name(name: str) -> str:
    r"""The last component of an upload's name, without characters that hide or turn text.

    >>> display_name("..\\..\\etc/relat\u00f3rio\u202efdp.exe")
    'relatóriofdp.exe'
    >>> display_name("../..")
    'upload'
    """
    visible = "".join(char for char in name if unicodedata.category(char) not in _UNSEEN)
    last = visible.replace("\\", "/").rsplit("/", 1)[-1]
    tidy = unicodedata.normalize("NFC", " ".join(last.split()))
    stem, dot, extension = tidy.rpartition(".")
    if len(tidy) > 200:
        tidy = f"{stem[:180]}{dot}{extension[:19]}" if stem else tidy[:200]
    return tidy if tidy.strip(". ") else "upload"


def _escaped(name: str) -> str:
    """A path with characters that hide or turn text written as escapes: still one name a file."""
    return "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _UNSEEN else char
        for char in name
    )
