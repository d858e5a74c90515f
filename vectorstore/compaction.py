"""Making removed text and vectors leave the disk, and the files as small as what they hold.

Deleting a row leaves its content elsewhere: stems in the keyword index's old segments, pages in SQLite's log, and
everything in Chroma's files, whose deletes only mark. So compaction merges the keyword index, rewrites the database,
empties its log and builds a new generation of the index, from the catalogue and without embedding.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lastro.errors import LibraryDiskError, LibraryLocked
from lastro.failpoints import reach
from lastro.types import PurgeState
from lastro.vectorstore import originals
from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.index import ChromaIndex

LEAST = 1_000  # chunks of garbage below which compaction waits for `OLDEST`
SHARE = 0.25  # of the live chunks: so the work is bounded by a few times what was removed
OLDEST = timedelta(hours=24)
_RETRY_S = 0.05

logger = logging.getLogger("lastro")

Lock = Callable[[float | None], AbstractContextManager[None]]  # given seconds to wait, None for the setting's


class Compaction:
    """Compacts one library; `writing` and `maintaining` are its two locks."""

    def __init__(self, path: Path, catalog: Catalog, index: ChromaIndex, *, writing: Lock, maintaining: Lock) -> None:
        self._path = path
        self._catalog = catalog
        self._index = index
        self._writing = writing
        self._maintaining = maintaining

    def due(self) -> bool:
        """Whether enough was removed, or long enough ago, or a purge waits for its end."""
        meta = self._catalog.meta()
        if "purge_pending" in meta:
            return True
        garbage = int(meta.get("garbage", "0"))
        if not garbage:
            return False
        since = datetime.fromisoformat(meta.get("garbage_since", datetime.now(UTC).isoformat()))
        with self._catalog.read() as db:
            live = int(db.execute("SELECT count(*) FROM chunks").fetchone()[0])
        return garbage >= max(LEAST, SHARE * live) or datetime.now(UTC) - since > OLDEST

    def run_if_due(self) -> None:
        """Compact where it is time; a library that others are busy with is left for later."""
        if not self.due():
            return
        try:
            self.run(wait_s=0.0)
        except (LibraryLocked, LibraryDiskError) as error:  # it needs room for a second copy for a while
            logger.warning("%s: not compacted now (%s)", self._path, error)

    def run(self, *, wait_s: float | None) -> PurgeState:
        """Compact now: "done" when nothing removed is on disk, "pending" while a reader still holds an old state.

        What is pending is finished by the next write or close, in whatever process.

        Raises:
            LibraryLocked: another process wrote for longer than the wait.
            LibraryDiskError: there is no room for the second copy that rewriting needs.
        """
        with self._writing(wait_s), self._maintaining(wait_s):
            counted = int(self._catalog.meta().get("garbage", "0"))
            originals.sweep(self._path, self._catalog.known_ids())
            self._rewrite()
            self._index.rebuild(self._catalog)
            self._catalog.set_meta(purge_pending="1")
            state = self._finish(counted, wait_s or 0.0)
        return state

    def finish_pending(self) -> None:
        """End a purge that waited for readers, if there is one and nobody is in the way."""
        if "purge_pending" not in self._catalog.meta():
            return
        try:
            with self._writing(0.0), self._maintaining(0.0):
                self._finish(0, 0.0)
        except (LibraryLocked, LibraryDiskError) as error:
            logger.info("%s: purge still pending (%s)", self._path, error)

    def _rewrite(self) -> None:
        with self._catalog.connection() as db:
            db.execute("INSERT INTO keyword (keyword) VALUES ('optimize')")
            reach("compact.optimized")
            db.execute("VACUUM")
            reach("compact.vacuumed")

    def _finish(self, counted: int, wait_s: float) -> PurgeState:
        """Empty the log and drop old generations; the catalogue says so only once both are true."""
        deadline = time.monotonic() + wait_s
        while not self._truncate():
            if time.monotonic() >= deadline:
                return "pending"
            time.sleep(_RETRY_S)
        reach("compact.truncated")
        if not self._index.drop_others(self._catalog.meta().get("index_generation", "")):
            return "pending"
        with self._catalog.write() as db:
            db.execute("DELETE FROM meta WHERE key IN ('purge_pending', 'garbage_since')")
            db.execute("UPDATE meta SET value = max(0, value - ?) WHERE key = 'garbage'", (counted,))
            db.execute("DELETE FROM meta WHERE key = 'garbage' AND value = '0'")
        return "done"

    def _truncate(self) -> bool:
        with self._catalog.connection() as db:
            patience = int(db.execute("PRAGMA busy_timeout").fetchone()[0])
            db.execute("PRAGMA busy_timeout = 0")  # waiting for readers is the caller's
            try:
                busy = int(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            finally:
                db.execute(f"PRAGMA busy_timeout = {patience}")
        return not busy
