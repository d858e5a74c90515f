"""The Chroma index of a library: always behind the catalogue, never ahead of it, and always rebuildable.

A process has one client a library. Chroma's clients do not see what other processes write, so each client remembers
up to which chunk (`seen`) it knows the library, and the caller searches newer chunks exactly. Only the holder of the
library's writer lock writes, and only through a client that is current.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lastro.vectorstore.catalog import Catalog, write_meta

if TYPE_CHECKING:
    import sqlite3

    import numpy.typing as npt
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

COLLECTION = "lastro"
REOPEN_AFTER = 2_000  # chunks searched exactly before opening the index anew is cheaper
_PROBES = 4
_BATCH = 1_000

logger = logging.getLogger("lastro")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Chunk ids, nearest first; of chunks with a `seq` above `seen` the index knows nothing."""

    ids: list[str]
    seen: int
    full: bool  # as many as were asked for, so there may be more


@dataclass
class _Open:
    client: Client
    collection: Collection
    generation: str
    version: int  # the state of the index that this client knows
    seen: int


class ChromaIndex:
    """One library's collection as this process sees it; safe under threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._open: _Open | None = None

    def close(self) -> None:
        """Close the client, if one is open."""
        with self._lock:
            if self._open is not None:
                self._open.client.close()
                self._open = None

    def candidates(
        self, catalog: Catalog, vector: npt.NDArray[np.float32], *, limit: int, documents: Sequence[str] | None = None
    ) -> Candidates:
        """The nearest chunks that the index knows, of the given documents only where they are given.

        None at all, with `seen` 0, while it is broken.

        Call it before taking the snapshot that the result is joined with: then a chunk that is replaced meanwhile is
        found either here or among the newer ones.
        """
        from chromadb.errors import ChromaError

        with self._lock:
            opened = self._current_reader(catalog)
            if opened is None:
                return Candidates([], 0, full=False)
            try:
                found = opened.collection.query(
                    query_embeddings=vector.reshape(1, -1),
                    n_results=limit,
                    include=["distances"],
                    where=None if documents is None else cast("Any", {"document_id": {"$in": list(documents)}}),
                )
            except (ChromaError, RuntimeError, OSError) as error:
                logger.warning("%s: index cannot be read (%s); searching exactly", self.folder, error)
                self.close()
                return Candidates([], 0, full=False)
            return Candidates(found["ids"][0], opened.seen, full=len(found["ids"][0]) >= limit)

    def readable(self, catalog: Catalog) -> bool:
        """Whether the index on disk can give back what the catalogue says is in it."""
        with self._lock:
            return self._current_reader(catalog) is not None

    def sync(self, catalog: Catalog) -> None:
        """Bring the index up to the catalogue; the caller holds the library's writer lock."""
        from chromadb.errors import ChromaError

        with self._lock:
            meta = catalog.meta()
            if self._open is not None and self._open.version != _version(meta):
                self.close()  # another process wrote since: this client would lose its vectors
            opened = self._open or self._try_open(catalog, meta)
            if opened is None:
                self.rebuild(catalog)
                return
            try:
                self._catch_up(catalog, opened, meta)
            except (ChromaError, RuntimeError, OSError) as error:
                logger.warning("%s: index cannot be written (%s); building it anew", self.folder, error)
                self.rebuild(catalog)

    def _catch_up(self, catalog: Catalog, opened: _Open, meta: dict[str, str]) -> None:
        version = _version(meta) + 1
        # Said before it is done: after a crash in between, every other client knows itself stale.
        catalog.set_meta(index_version=str(version))
        with catalog.read() as db:
            gone = [str(row[0]) for row in db.execute("SELECT chunk_id FROM tombstones")]
            for start in range(0, len(gone), _BATCH):
                opened.collection.delete(ids=gone[start : start + _BATCH])
            last = _fill(opened.collection, db, after=_watermark(meta), fresh=False)
        with catalog.write() as db:
            db.execute("DELETE FROM tombstones")  # the writer lock is held, so none was added since
            write_meta(db, index_watermark=str(last))
        opened.version, opened.seen = version, last

    def rebuild(self, catalog: Catalog) -> None:
        """Fill a new generation from the catalogue and switch to it; nothing is embedded again.

        The caller holds the library's writer lock.
        """
        with self._lock:
            self.close()
            version = _version(catalog.meta()) + 1
            generation = self._next_generation()
            client = _client(self.folder / generation)
            try:
                collection = client.create_collection(
                    COLLECTION, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
                )
                with catalog.read() as db:
                    last = _fill(collection, db, after=0, fresh=True)
                with catalog.write() as db:
                    db.execute("DELETE FROM tombstones")
                    write_meta(db, index_generation=generation, index_watermark=str(last), index_version=str(version))
            except BaseException:
                client.close()
                raise
            self._open = _Open(client, collection, generation, version, last)
            self._drop_other_generations(generation)

    def _current_reader(self, catalog: Catalog) -> _Open | None:
        """The open client, opened anew where it is of another generation or far behind; None where it is broken."""
        meta = catalog.meta()
        opened = self._open
        if opened is not None:
            behind = _watermark(meta) - opened.seen
            if opened.generation == meta.get("index_generation") and behind <= REOPEN_AFTER:
                return opened
            self.close()
        return self._try_open(catalog, meta)

    def _try_open(self, catalog: Catalog, meta: dict[str, str]) -> _Open | None:
        from chromadb.errors import ChromaError

        generation = meta.get("index_generation", "")
        folder = self.folder / generation
        if not generation or not (folder / "chroma.sqlite3").is_file():
            return None
        client = None
        try:
            client = _client(folder)
            collection = client.get_collection(COLLECTION, embedding_function=None)
            if _gives_back(catalog, collection, _watermark(meta)):
                self._open = _Open(client, collection, generation, _version(meta), _watermark(meta))
                return self._open
            logger.warning("%s: index has lost chunks", folder)
        except (ChromaError, RuntimeError, OSError, ValueError) as error:
            logger.warning("%s: index cannot be opened (%s)", folder, error)
        finally:
            if client is not None and (self._open is None or self._open.client is not client):
                client.close()
        return None

    def _next_generation(self) -> str:
        """A name that no folder has: one that a crashed rebuild left is not filled again."""
        taken = [int(name[1:]) for name in _generations(self.folder)]
        return f"g{max(taken, default=0) + 1:06d}"

    def _drop_other_generations(self, keep: str) -> None:
        # A reader elsewhere keeps its open files, and changes over at its next query.
        for name in _generations(self.folder):
            if name != keep:
                shutil.rmtree(self.folder / name, ignore_errors=True)


def _generations(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [entry.name for entry in folder.iterdir() if entry.name[:1] == "g" and entry.name[1:].isdigit()]


def _client(folder: Path) -> Client:
    # Chroma reads it when others make a client on the same folder, who would be refused with other settings.
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    # chromadb 1.5.9 shares one system a path string, and closing frees it only with its last client. Spelling the
    # path our own way keeps a client that someone else opened on the folder from holding ours open and stale.
    client = chromadb.PersistentClient(path=f"{folder}{os.sep}.", settings=Settings(anonymized_telemetry=False))
    return cast("Client", client)  # the declared type lacks close()


def _version(meta: dict[str, str]) -> int:
    return int(meta.get("index_version", "0"))


def _watermark(meta: dict[str, str]) -> int:
    return int(meta.get("index_watermark", "0"))


def _gives_back(catalog: Catalog, collection: Collection, watermark: int) -> bool:
    """Whether the index holds every chunk up to the watermark, and finds a few of them by their own vectors."""
    count = collection.count()  # before the catalogue's: a removal in between only makes the index the larger
    with catalog.read() as db:
        expected = int(db.execute("SELECT count(*) FROM chunks WHERE seq <= ?", (watermark,)).fetchone()[0])
        rows = db.execute(
            "SELECT vector FROM vectors WHERE seq <= ? ORDER BY seq * 7919 % 10007 LIMIT ?", (watermark, _PROBES)
        ).fetchall()
    if count < expected:
        return False
    if not rows:
        return True
    probes = np.stack([np.frombuffer(row[0], dtype=np.float32) for row in rows])
    found = collection.query(query_embeddings=probes, n_results=3, include=["distances"])
    hits = sum(bool(distances) and min(distances) < 0.01 for distances in found["distances"] or [])
    return 2 * hits >= len(rows)  # a graph may miss one; a lost file misses nearly all


def _fill(collection: Collection, db: sqlite3.Connection, *, after: int, fresh: bool) -> int:
    """Put in what is newer than `after`, and return the newest `seq`."""
    last = after
    for rows in _newer(db, after):
        ids = [str(row["id"]) for row in rows]
        # chromadb 1.5.9: add() ignores an id that is there, upsert merges metadata; deleting what is not there costs
        # as much as adding.
        present = [] if fresh else collection.get(ids=ids, include=[])["ids"]
        if present:
            collection.delete(ids=present)
        collection.add(
            ids=ids,
            embeddings=np.stack([np.frombuffer(row["vector"], dtype=np.float32) for row in rows]),
            documents=[str(row["text"]) for row in rows],
            metadatas=[_metadata(row) for row in rows],
        )
        last = int(rows[-1]["seq"])
    return last


def _newer(db: sqlite3.Connection, after: int) -> Iterator[list[sqlite3.Row]]:
    cursor = db.execute(
        "SELECT c.*, v.vector, d.title, d.language, d.mime, "
        "(SELECT name FROM sources s WHERE s.document_id = d.id ORDER BY s.name LIMIT 1) AS source "
        "FROM chunks c JOIN vectors v USING (seq) JOIN documents d ON d.id = c.document_id WHERE c.seq > ? "
        "ORDER BY c.seq",
        (after,),
    )
    while rows := cursor.fetchmany(_BATCH):
        yield rows


def _metadata(row: sqlite3.Row) -> dict[str, Any]:
    """What plain langchain_chroma finds beside a text; Chroma takes no None."""
    found = {
        "source": row["source"] or row["title"],
        "title": row["title"],
        "document_id": row["document_id"],
        "start": row["first"],
        "end": row["last"],
        "section": row["section"],
        "language": row["language"],
        "mime": row["mime"],
    }
    if row["page_start"] is not None:
        found |= {"page": row["page_start"], "page_start": row["page_start"], "page_end": row["page_end"]}
    return found


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
