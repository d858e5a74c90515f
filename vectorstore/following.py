"""When the Chroma index follows the catalogue, and when it is mended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from lastro.errors import LibraryError, LibraryLocked
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.index import ChromaIndex

SYNC_AFTER = 1_000  # chunks that the index may lag while documents are added: as many as Chroma flushes at once
_TRY_AGAIN_S = 60.0  # after an index could not be mended

logger = logging.getLogger("lastro")


class Following:
    """Keeps one library's index near its catalogue; `maintaining` is the lock of the index."""

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        index: ChromaIndex,
        *,
        maintaining: Callable[[float | None], AbstractContextManager[None]],
    ) -> None:
        self._path = path
        self._catalog = catalog
        self._index = index
        self._maintaining = maintaining
        self._refused_until = 0.0

    def lag(self) -> int:
        """Changes that the index has not seen, as the catalogue knows."""
        meta = self._catalog.meta()
        with self._catalog.read() as db:
            newest, tombs = db.execute(
                "SELECT (SELECT ifnull(max(seq), 0) FROM chunks), (SELECT count(*) FROM tombstones)"
            ).fetchone()
        return max(0, int(newest) - int(meta.get("index_watermark", "0"))) + int(tombs)

    def follow(self) -> None:
        """Bring the index up to the catalogue where it lags far; if others are at it, leave it."""
        if self.lag() > SYNC_AFTER:
            self._sync(0.0)

    def catch_up(self) -> None:
        """Bring the index up to the catalogue; if others are at it for too long, leave it to them."""
        if self.lag():
            self._sync(None)

    def heal(self) -> None:
        """Mend an index that is missing, broken or far behind; while another is at it, searches are exact."""
        if time.monotonic() < self._refused_until:
            return
        behind = self._index.behind(self._catalog)
        if behind is not None and behind <= SYNC_AFTER:
            return
        try:
            self._sync(0.0)
        except LibraryError as error:  # a folder that may only be read, a full disk
            self._refused_until = time.monotonic() + _TRY_AGAIN_S
            logger.warning("%s: index cannot be rebuilt (%s); searching exactly", self._path, error)

    def _sync(self, wait_s: float | None) -> None:
        try:
            with self._maintaining(wait_s):
                self._index.sync(self._catalog)
        except LibraryLocked as error:
            logger.info("%s: index left for later (%s)", self._path, error)
