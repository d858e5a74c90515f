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

from lastro.errors import LibraryError, LibraryLocked
from lastro.failpoints import reach
from lastro.types import PurgeState
from lastro.vectorstore import originals
from lastro.vectorstore.catalog import Catalog, removals, write_meta
from lastro.vectorstore.index import ChromaIndex

LEAST = 1_000  # chunks of garbage below which compaction waits for `OLDEST`
SHARE = 0.25  # of the live chunks: so the work is bounded by a few times what was removed
OLDEST = timedelta(hours=24)
_RETRY_S = 0.05
_WANTED = "purge_wanted"  # key of the catalogue: somebody asked for it, and it has not begun
_PENDING = "purge_pending"  # what was removed up to this number may still stand in the index and the log

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
        """Whether enough was removed, or long enough ago, or a purge was asked for and could not begin."""
        meta = self._catalog.meta()
        if _WANTED in meta:
            return True
        garbage = int(meta.get("garbage", "0"))
        if not garbage:
            return False
        since = datetime.fromisoformat(meta.get("garbage_since", datetime.now(UTC).isoformat()))
        with self._catalog.read() as db:
            live = int(db.execute("SELECT count(*) FROM chunks").fetchone()[0])
        return garbage >= max(LEAST, SHARE * live) or datetime.now(UTC) - since > OLDEST

    def pending(self) -> bool:
        """Whether a purge that was asked for has not come to its end."""
        meta = self._catalog.meta()
        return _WANTED in meta or _PENDING in meta

    def run_if_due(self) -> None:
        """Compact where it is time, or end what waits for readers; a busy library is left for later."""
        try:
            if self.due():
                self._run(0.0)
            else:
                self.finish_pending()
        except LibraryError as error:  # it needs room for a second copy for a while
            logger.warning("%s: not compacted now (%s)", self._path, error)

    def run(self, *, wait_s: float) -> PurgeState:
        """Compact now: "done" when nothing removed is on disk, "pending" while another process is in the way.

        What is pending stands in the catalogue, and is finished by the next write, opening or closing in whatever
        process.

        Raises:
            LibraryDiskError: there is no room for the second copy that rewriting needs.
        """
        self._catalog.set_meta(**{_WANTED: "1"})
        try:
            return self._run(wait_s)
        except LibraryLocked as error:
            logger.info("%s: purge pending (%s)", self._path, error)
            return "pending"

    def finish_pending(self) -> None:
        """End a purge that others were in the way of, if there is one and nobody is any more."""
        meta = self._catalog.meta()
        try:
            if _WANTED in meta:
                self._run(0.0)
            elif _PENDING in meta:
                self._finish(0.0)
        except LibraryError as error:
            logger.info("%s: purge still pending (%s)", self._path, error)

    def _run(self, wait_s: float) -> PurgeState:
        with self._writing(wait_s):
            originals.sweep(self._path, self._catalog.known_ids())
            self._rewrite()
            with self._catalog.write() as db:  # what is removed from here on counts anew
                db.execute(f"DELETE FROM meta WHERE key IN ('garbage', 'garbage_since', '{_WANTED}')")
                write_meta(db, **{_PENDING: str(removals(db))})
        return self._finish(wait_s)

    def _rewrite(self) -> None:
        with self._catalog.connection() as db:
            db.execute("INSERT INTO keyword (keyword) VALUES ('optimize')")
            reach("compact.optimized")
            db.execute("VACUUM")
            reach("compact.vacuumed")

    def _finish(self, wait_s: float) -> PurgeState:
        """Leave the old index behind, empty the log, and only then forget that it had to be done.

        Documents may be committed meanwhile; only the index is held.
        """
        deadline = time.monotonic() + wait_s
        with self._maintaining(wait_s):
            meta = self._catalog.meta()
            if _PENDING not in meta:
                return "done"  # another process was faster
            if int(meta.get("index_removals", "-1")) < int(meta[_PENDING]):
                self._index.rebuild(self._catalog)
            while not self._truncate():
                if time.monotonic() >= deadline:
                    return "pending"
                time.sleep(_RETRY_S)
            reach("compact.truncated")
            if not self._index.drop_others(self._catalog.meta().get("index_generation", "")):
                return "pending"
            with self._catalog.write() as db:
                db.execute("DELETE FROM meta WHERE key = ?", (_PENDING,))
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
