"""The Chroma index of a library: always behind the catalogue, never ahead of it, and always rebuildable.

A process has one client a library. Chroma's clients do not see what other processes write, so each client remembers
up to which chunk (`seen`) it knows the library, and the caller searches newer chunks exactly. Only the holder of
`index.lock` opens or writes the index, and only through a client that is current.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lastro.errors import LibraryError, LibraryLocked
from lastro.failpoints import reach
from lastro.vectorstore import generation, keyword
from lastro.vectorstore.catalog import Catalog, removals, write_meta
from lastro.vectorstore.faults import disk_error, is_disk_error
from lastro.vectorstore.locking import index_lock

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

COLLECTION = generation.COLLECTION
REOPEN_AFTER = 2_000  # chunks searched exactly before opening the index anew is cheaper
REBUILD_BELOW = 50_000  # a doubtful index of fewer chunks is built anew, which takes less than a thorough check of it
_WAIT_S = 0.5  # for another thread that works on the index; the question is answered exactly then
_LOOK_AGAIN_S = 60.0

logger = logging.getLogger("lastro")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Chunk ids, nearest first; of chunks with a `seq` above `seen` the index knows nothing."""

    ids: list[str]
    seen: int
    full: bool  # as many as were asked for, so there may be more


@dataclass(frozen=True, slots=True)
class IndexState:
    """How the index departs from the catalogue: chunk ids, sorted."""

    missing: tuple[str, ...]  # not in it
    extra: tuple[str, ...]  # in it and nowhere else
    lost: tuple[str, ...]  # in it, and not found by their own vector


@dataclass
class _Open:
    client: Client
    collection: Collection
    generation: str
    version: int  # the state of the index that this client knows
    seen: int


class IndexBroken(Exception):
    """Chroma cannot work with its files."""


@contextmanager
def _chroma() -> Iterator[None]:
    """Chroma's many errors as `IndexBroken`; a panic of its native part is a BaseException of a private class."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, RuntimeError, OSError, ValueError, KeyError) as error:
        raise IndexBroken(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise IndexBroken(str(error)) from error


class ChromaIndex:
    """One library's collection as this process sees it; safe under threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._open: _Open | None = None
        self._manifest = generation.Manifest()
        self._unfit: tuple[tuple[str, ...], float] = ((), 0.0)  # the state that could not be opened, and when

    def close(self) -> None:
        """Close the client, if one is open."""
        with self._lock:
            if self._open is not None:
                _close(self._open.client)
                self._open = None

    # Reading --------------------------------------------------------------------------------------------------------

    def candidates(
        self, catalog: Catalog, vector: npt.NDArray[np.float32], *, limit: int, where: Mapping[str, Any] | None = None
    ) -> Candidates:
        """The nearest chunks that the index knows, of those that satisfy Chroma's `where` only where it is given.

        None at all, with `seen` 0, while it is broken or another process works on it.

        Call it before taking the snapshot that the result is joined with: then a chunk that is replaced meanwhile is
        found either here or among the newer ones.
        """
        with self._at_hand() as here:
            opened = self._reader(catalog) if here else None
            if opened is None:
                return Candidates([], 0, full=False)
            try:
                with _chroma():
                    found = opened.collection.query(
                        query_embeddings=vector.reshape(1, -1),
                        n_results=limit,
                        include=["distances"],
                        where=cast("Any", where),
                    )
            except IndexBroken as error:
                logger.warning("%s: index cannot be read (%s); searching exactly", self.folder, error)
                self.close()
                return Candidates([], 0, full=False)
            return Candidates(found["ids"][0], opened.seen, full=len(found["ids"][0]) >= limit)

    def behind(self, catalog: Catalog) -> int | None:
        """How many `seq` numbers the index on disk is behind the catalogue; None where it cannot be read.

        0 while another thread works on it.
        """
        with self._at_hand() as here:
            if not here:
                return 0
            if self._reader(catalog) is None:
                return None
            with catalog.read() as db:
                newest = int(db.execute("SELECT ifnull(max(seq), 0) FROM chunks").fetchone()[0])
            return max(0, newest - _watermark(catalog.meta()))

    @contextmanager
    def _at_hand(self) -> Iterator[bool]:
        """Hold the client, unless another thread needs it for longer than a question should wait."""
        here = self._lock.acquire(timeout=_WAIT_S)
        try:
            yield here
        finally:
            if here:
                self._lock.release()

    def _reader(self, catalog: Catalog) -> _Open | None:
        """The open client, opened anew where it is of another generation or far behind; None where there is none.

        While another process works on the index the old client goes on: what it does not know is searched exactly.
        """
        meta = catalog.meta()
        opened = self._open
        if opened is not None:
            lag = _watermark(meta) - opened.seen
            if opened.generation == meta.get("index_generation") and lag <= REOPEN_AFTER:
                return opened
        if not self._is_there(meta) or self._refused(meta):
            return None
        try:
            with index_lock(self.folder.parent, timeout_s=0.0):
                self.close()
                return self._try_open(catalog)
        except LibraryLocked:
            return opened
        except LibraryError as error:  # a folder that may only be read
            logger.info("%s: index not opened (%s); searching exactly", self.folder, error)
            return None

    def _refused(self, meta: Mapping[str, str]) -> bool:
        """Whether the index was found unfit as it is now, a short time ago: looking again would cost every question."""
        state, since = self._unfit
        return state == _state(meta) and time.monotonic() - since < _LOOK_AGAIN_S

    def _is_there(self, meta: Mapping[str, str]) -> bool:
        name = meta.get("index_generation", "")
        return bool(name) and (self.folder / name / "chroma.sqlite3").is_file()

    def _try_open(self, catalog: Catalog) -> _Open | None:
        """Open the current generation; the caller holds `index.lock`. None where it is missing or damaged."""
        meta = catalog.meta()  # again: another process may have moved on while we waited
        if not self._is_there(meta):
            return None
        self._unfit = (_state(meta), time.monotonic())
        name, watermark = meta["index_generation"], _watermark(meta)
        folder = self.folder / name
        doubtful = self._manifest.of(folder) != meta.get("index_files")
        if doubtful and (_chunks(catalog) < REBUILD_BELOW or not generation.survives(folder, catalog.file, watermark)):
            logger.warning("%s: index was not written to its end, or is damaged", folder)
            return None
        client = None
        try:
            with _chroma():
                client = generation.open_client(folder)
                collection = client.get_collection(COLLECTION, embedding_function=None)
                sound = generation.holds(catalog, collection, watermark)
                generation.scrub(folder)
                if sound:
                    self._open = _Open(client, collection, name, _version(meta), watermark)
                    self._unfit = ((), 0.0)
                    return self._open
            logger.warning("%s: index does not hold what the library does", folder)
        except IndexBroken as error:
            logger.warning("%s: index cannot be opened (%s)", folder, error)
        finally:
            if client is not None and (self._open is None or self._open.client is not client):
                _close(client)
        return None

    # Writing: the caller holds `index.lock` -------------------------------------------------------------------------

    def sync(self, catalog: Catalog) -> None:
        """Bring the index up to the catalogue, or build it anew where it cannot be used.

        Raises:
            LibraryDiskError: the disk is full or failed; the library itself is whole, and its index lags.
        """
        with self._lock:
            meta = catalog.meta()
            if self._open is not None and self._open.version != _version(meta):
                self.close()  # another process wrote since: this client would lose its vectors
            opened = self._open or self._try_open(catalog)
            if opened is None:
                self.rebuild(catalog)
                return
            try:
                with _chroma():
                    self._catch_up(catalog, opened, catalog.meta())
            except IndexBroken as error:
                self.close()
                if is_disk_error(error):
                    raise disk_error(self.folder.parent, error) from error
                logger.warning("%s: index cannot be written (%s); building it anew", self.folder, error)
                self.rebuild(catalog)

    def _catch_up(self, catalog: Catalog, opened: _Open, meta: dict[str, str]) -> None:
        with catalog.read() as db:
            tombs = db.execute("SELECT seq, chunk_id FROM tombstones ORDER BY seq").fetchall()
            newest = int(db.execute("SELECT ifnull(max(seq), 0) FROM chunks").fetchone()[0])
        if not tombs and newest <= _watermark(meta):
            return  # nothing to do, so nothing is written
        version = _version(meta) + 1
        # Said before it is done: after a crash in between, every other client knows itself stale.
        catalog.set_meta(index_version=str(version))
        reach("index.version")
        with catalog.read() as db:  # one moment: a removal after it stands in a later tombstone
            gone = db.execute("SELECT seq, chunk_id FROM tombstones ORDER BY seq").fetchall()
            generation.forget(opened.collection, [str(row[1]) for row in gone])
            reach("index.deleted")
            last = generation.fill(opened.collection, db, after=_watermark(meta), fresh=False)
        reach("index.filled")
        generation.scrub(self.folder / opened.generation)
        files = self._manifest.of(self.folder / opened.generation)
        with catalog.write() as db:
            db.execute("DELETE FROM tombstones WHERE seq <= ?", (gone[-1][0] if gone else 0,))
            write_meta(db, index_watermark=str(last), index_files=files)
        opened.version, opened.seen = version, last
        reach("index.synced")

    def rebuild(self, catalog: Catalog) -> None:
        """Fill a new generation from the catalogue and switch to it; nothing is embedded again.

        Raises:
            LibraryDiskError: the disk is full or failed; the library itself is whole.
            LibraryError: Chroma cannot build it for another reason.
        """
        with self._lock:
            self.close()
            name = self._next_generation()
            try:
                with _chroma():
                    self._open = self._build(catalog, name)
            except IndexBroken as error:
                shutil.rmtree(self.folder / name, ignore_errors=True)
                if is_disk_error(error):
                    raise disk_error(self.folder.parent, error) from error
                raise LibraryError(
                    f"{self.folder}: the search index cannot be built ({error}); the documents are kept, and searches "
                    "are exact meanwhile"
                ) from error
            self.drop_others(name)
            reach("rebuild.dropped")

    def _build(self, catalog: Catalog, name: str) -> _Open:
        version = _version(catalog.meta()) + 1
        client = generation.open_client(self.folder / name)
        try:
            collection = client.create_collection(
                COLLECTION, configuration=cast("Any", {"hnsw": generation.HNSW}), embedding_function=None
            )
            with catalog.read() as db:
                gone = removals(db)
                last = generation.fill(collection, db, after=0, fresh=True)
            reach("rebuild.filled")
            generation.scrub(self.folder / name)
            files = self._manifest.of(self.folder / name)
            with catalog.write() as db:
                db.execute("DELETE FROM tombstones WHERE seq <= ?", (gone,))
                write_meta(
                    db, index_generation=name, index_watermark=str(last), index_version=str(version),
                    index_files=files, index_removals=str(gone),
                )  # fmt: skip
        except BaseException:
            _close(client)
            raise
        reach("rebuild.switched")
        return _Open(client, collection, name, version, last)

    def compare(self, catalog: Catalog) -> IndexState:
        """How the index departs from the catalogue, by asking it for every chunk; all is missing from a broken one."""
        with self._lock:
            opened = self._open
            if opened is not None and opened.version != _version(catalog.meta()):
                self.close()
                opened = None
            opened = opened or self._try_open(catalog)
            if opened is None:
                with catalog.read() as db:
                    every = tuple(sorted(str(row[0]) for row in db.execute("SELECT id FROM chunks")))
                return IndexState(every, (), ())
            with _chroma():
                missing, extra = generation.difference(catalog, opened.collection, opened.seen)
                lost = generation.lost(catalog, opened.collection, opened.seen)
            return IndexState(tuple(sorted(missing)), tuple(sorted(extra)), tuple(sorted(lost - missing)))

    def drop_others(self, keep: str) -> bool:
        """Delete every generation but one, and say whether none is left; a reader elsewhere keeps its open files."""
        for name in generation.names(self.folder):
            if name != keep:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        return set(generation.names(self.folder)) <= {keep}

    def _next_generation(self) -> str:
        """A name that no folder has: one that a crashed rebuild left is not filled again."""
        taken = [int(name[1:]) for name in generation.names(self.folder)]
        return f"g{max(taken, default=0) + 1:06d}"


def _close(client: Client) -> None:
    try:
        with _chroma():
            client.close()
    except IndexBroken as error:
        logger.info("index not closed (%s)", error)


def _chunks(catalog: Catalog) -> int:
    with catalog.read() as db:
        return keyword.count_chunks(db)


def _state(meta: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(meta.get(key, "") for key in ("index_generation", "index_version", "index_files"))


def _version(meta: Mapping[str, str]) -> int:
    return int(meta.get("index_version", "0"))


def _watermark(meta: Mapping[str, str]) -> int:
    return int(meta.get("index_watermark", "0"))


_SHARED: dict[Path, tuple[ChromaIndex, int]] = {}
_SHARING = threading.Lock()


def share_index(folder: Path) -> ChromaIndex:
    """The process's one index of a folder; give it back with `release_index`."""
    with _SHARING:
        index, holders = _SHARED.get(folder) or (ChromaIndex(folder), 0)
        _SHARED[folder] = (index, holders + 1)
        return index


def release_index(index: ChromaIndex) -> None:
    """Give an index back; the last holder closes it."""
    with _SHARING:
        held, holders = _SHARED[index.folder]
        if holders > 1:
            _SHARED[index.folder] = (held, holders - 1)
            return
        del _SHARED[index.folder]
    index.close()
