"""The writing half of a library, as `add` needs it: a document's bytes and rows, under the writer lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from lastro.errors import LastroError
from lastro.types import DocumentRecord
from lastro.vectorstore.adding import Source
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.embeddings import Embedder
from lastro.vectorstore.originals import drop_original, keep, original_path, staged_original
from lastro.vectorstore.rows import NewDocument, Written


class Storing:
    """Puts documents into one library. `writing` is its writer lock, `follow` is told after each document."""

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        *,
        writing: Callable[[], AbstractContextManager[None]],
        follow: Callable[[], None],
    ) -> None:
        self._path = path
        self._catalog = catalog
        self._writing = writing
        self._follow = follow

    def put(self, new: NewDocument, source: Source, embedder: Embedder) -> Written:
        """Store a document with its original; the bytes are copied before the lock is taken."""
        with (
            source.open() as stream,
            staged_original(self._path, new.id, new.extension, stream) as copy,
            self._writing(),
        ):
            known = self._catalog.find(new.id)
            if known is not None:  # its original has the extension that it first came with
                new = dataclasses.replace(new, extension=self._catalog.extension(new.id))
            if not original_path(self._path, new.id, new.extension).is_file():
                keep(copy, self._path, new.id, new.extension)
            try:
                if known is not None and known.state == "ok":  # another process added the same bytes meanwhile
                    written = self._catalog.link(source.name, new.id)
                else:
                    written = self._catalog.put(new, embedder=embedder.identity.to_json())
            except BaseException:
                self._take_back(new.id)
                raise
            for document_id in written.gone:
                drop_original(self._path, document_id)
        self._follow()
        return written

    def _take_back(self, document_id: str) -> None:
        """Drop the original of a document that was not stored: an interrupt or an error may come after the commit."""
        with suppress(LastroError):  # else the next writer sweeps it
            if self._catalog.find(document_id) is None:
                drop_original(self._path, document_id)

    def link(self, source: Source, document_id: str) -> Written | None:
        """Let a source point to a document; None where the document has left meanwhile.

        A file that was moved takes its old path's place, and its new name where the old one was the title. An original
        that has gone missing is kept anew.
        """
        known = self._catalog.find(document_id)
        if known is not None and source.name in known.sources and self._original(document_id).is_file():
            return Written(replaced=False, gone=())  # nothing to write, so no need to wait for a writer
        with self._writing():
            known = self._catalog.find(document_id)
            if known is None:
                return None
            self._restore(source, document_id)
            moved = _moved(known, source.name)
            titles = {Path(name).stem for name in moved}
            title = Path(source.name).stem if known.title in titles else None
            written = self._catalog.link(source.name, document_id, moved=moved, title=title)
            for gone in written.gone:
                drop_original(self._path, gone)
        if written.gone or title is not None:
            self._follow()
        return written

    def _restore(self, source: Source, document_id: str) -> None:
        if self._original(document_id).is_file():
            return
        extension = self._catalog.extension(document_id)
        with source.open() as stream, staged_original(self._path, document_id, extension, stream) as copy:
            keep(copy, self._path, document_id, extension)

    def _original(self, document_id: str) -> Path:
        known = self._catalog.find(document_id)
        return original_path(self._path, document_id, "" if known is None else self._catalog.extension(document_id))


def _moved(known: DocumentRecord, name: str) -> list[str]:
    """The document's paths whose file is gone from a folder that is still there, where the new source is a path too."""
    if not Path(name).is_absolute():
        return []
    others = [Path(other) for other in known.sources if other != name]
    return [str(path) for path in others if path.is_absolute() and path.parent.is_dir() and not path.exists()]
