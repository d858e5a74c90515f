"""One generation of the Chroma index: a folder, the client on it, and whether both can be trusted."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.filters import chroma_metadata

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

COLLECTION = "lastro"
# Chroma's own values (16, 100, 100) do not find 1 to 2 % of chunks by their own vectors where many texts are alike
# (docs/decisions/009-hnsw-parameters.md).
HNSW: dict[str, Any] = {"space": "cosine", "max_neighbors": 24, "ef_construction": 128, "ef_search": 400}
BATCH = 1_000
_PROBES = 32
_THOROUGH = 512
_NEIGHBOURS = 20  # among which a chunk must find itself: equal texts of several documents are equally near
_PROBE_S = 120  # seconds a damaged index may keep the probing process busy
_BLOCK = 1 << 22
_FLUSHED = "index_metadata.pickle"  # stands beside the vector files once they hold something


def open_client(folder: Path) -> Client:
    """A Chroma client on a folder, which is made if absent."""
    # Chroma reads it when others make a client on the same folder, who would be refused with other settings.
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    # chromadb 1.5.9 shares one system a path string, and closing frees it only with its last client. Spelling the
    # path our own way keeps a client that someone else opened on the folder from holding ours open and stale.
    path = f"{folder}{os.sep}."
    try:
        client = chromadb.PersistentClient(path=path, settings=Settings(anonymized_telemetry=False))
    except BaseException:
        # It also keeps a system that failed to start, and hands it to the next client on the path.
        SharedSystemClient._identifier_to_system.pop(path, None)
        SharedSystemClient._identifier_to_refcount.pop(path, None)
        raise
    return cast("Client", client)  # the declared type lacks close()


def names(folder: Path) -> list[str]:
    """The names of the generations below a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.name[:1] == "g" and entry.name[1:].isdigit())


class Manifest:
    """Size and CRC-32 of the vector files of a generation, to tell one that was written whole from a damaged one.

    A file is read again only when its size or time of change is another than last time. `chroma.sqlite3` is left out:
    it changes with every row, and SQLite notices its own damage. So are the files of a segment that Chroma has not
    flushed yet: they hold nothing, and every client that opens it writes them anew.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, int, int]] = {}

    def of(self, folder: Path) -> str:
        """JSON of `{relative name: [bytes, crc]}`, sorted."""
        found = {}
        for file in sorted(folder.glob("*/*")):
            if (file.parent / _FLUSHED).is_file():
                found[file.relative_to(folder).as_posix()] = [file.stat().st_size, self._crc(file)]
        return json.dumps(found)

    def _crc(self, file: Path) -> int:
        status = file.stat()
        known = self._known.get(file)
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known[2]
        crc = 0
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                crc = zlib.crc32(block, crc)
        self._known[file] = (status.st_size, status.st_mtime_ns, crc)
        return crc


def scrub(folder: Path) -> None:
    """Overwrite the vector files that Chroma has not flushed yet with zeros.

    chromadb 1.5.9 writes a new segment's files from memory that nobody initialised: whatever this process had freed,
    the text of a removed document among it, would stand on disk.
    """
    for file in folder.glob("*/*.bin"):
        if file.name != "header.bin" and not (file.parent / _FLUSHED).is_file():
            size = file.stat().st_size
            with file.open("r+b") as stream:
                stream.write(bytes(size))


def survives(folder: Path, database: Path, watermark: int) -> bool:
    """Whether another process can open the generation, query it and find what it should: damage may kill that one."""
    command = [sys.executable, "-m", "lastro.vectorstore.probe", str(folder), str(database), str(watermark)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_S, check=False, text=True
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0 and done.stdout.strip().endswith("ok")


def holds(catalog: Catalog, collection: Collection, watermark: int, *, thorough: bool = False) -> bool:
    """Whether the collection has the ids of every chunk up to the watermark, none that the catalogue never had, and
    finds some of them, many where it is to be thorough, by their own vectors.
    """  # noqa: D205 - one sentence
    missing, extra = difference(catalog, collection, watermark)
    if missing or extra:
        return False
    with catalog.read() as db:
        rows = db.execute(
            "SELECT vector FROM vectors WHERE seq <= ? ORDER BY seq * 7919 % 10007 LIMIT ?",
            (watermark, _THOROUGH if thorough else _PROBES),
        ).fetchall()
    if not rows:
        return True
    probes = np.stack([np.frombuffer(row[0], dtype="<f4") for row in rows])
    found = collection.query(query_embeddings=probes, n_results=3, include=["distances"])
    hits = sum(bool(distances) and min(distances) < 0.01 for distances in found["distances"] or [])
    return hits >= len(rows) * (0.98 if thorough else 0.9)  # a graph may miss one; a lost file misses nearly all


def difference(catalog: Catalog, collection: Collection, watermark: int) -> tuple[set[str], set[str]]:
    """Ids that the collection lacks up to the watermark, and ids it has that are neither live nor known as removed.

    The collection is read first: what is removed meanwhile then stands among the tombstones.
    """
    present = set(collection.get(include=[])["ids"])
    with catalog.read() as db:
        wanted = {str(row[0]) for row in db.execute("SELECT id FROM chunks WHERE seq <= ?", (watermark,))}
        excused = {str(row[0]) for row in db.execute("SELECT chunk_id FROM tombstones")}
        excused |= {str(row[0]) for row in db.execute("SELECT id FROM chunks WHERE seq > ?", (watermark,))}
    return wanted - present, present - wanted - excused


def lost(catalog: Catalog, collection: Collection, watermark: int) -> set[str]:
    """Chunks that a query with their own vector does not bring back among the nearest."""
    found_not: set[str] = set()
    with catalog.read() as db:
        cursor = db.execute(
            "SELECT c.id, v.vector FROM chunks c JOIN vectors v USING (seq) WHERE c.seq <= ? ORDER BY c.seq",
            (watermark,),
        )
        while rows := cursor.fetchmany(200):
            vectors = np.stack([np.frombuffer(row[1], dtype="<f4") for row in rows])
            found = collection.query(query_embeddings=vectors, n_results=_NEIGHBOURS, include=["distances"])
            for row, ids, distances in zip(rows, found["ids"], found["distances"] or [], strict=True):
                crowded = len(ids) == _NEIGHBOURS and distances[-1] < 1e-4  # as many twins as were asked for
                if row[0] not in ids and not crowded:
                    found_not.add(str(row[0]))
    return found_not


def forget(collection: Collection, ids: Sequence[str]) -> None:
    """Take chunks out; those that are not there cost a look."""
    for start in range(0, len(ids), BATCH):
        present = collection.get(ids=list(ids[start : start + BATCH]), include=[])["ids"]
        if present:
            collection.delete(ids=present)


def fill(collection: Collection, db: sqlite3.Connection, *, after: int, fresh: bool) -> int:
    """Put in what is newer than `after`, and return the newest `seq`."""
    last = after
    for rows in _newer(db, after):
        ids = [str(row["id"]) for row in rows]
        # chromadb 1.5.9: add() ignores an id that is there, upsert merges metadata; deleting what is not there costs
        # as much as adding.
        if not fresh:
            forget(collection, ids)
        collection.add(
            ids=ids,
            embeddings=np.stack([np.frombuffer(row["vector"], dtype="<f4") for row in rows]),
            documents=[str(row["text"]) for row in rows],
            metadatas=[_metadata(row) for row in rows],
        )
        last = int(rows[-1]["seq"])
    return last


def _newer(db: sqlite3.Connection, after: int) -> Iterator[list[sqlite3.Row]]:
    cursor = db.execute(
        "SELECT c.*, v.vector, d.title, d.language, d.mime, d.metadata, "
        "coalesce((SELECT name FROM sources s WHERE s.document_id = d.id ORDER BY s.name LIMIT 1), "
        "iif(json_type(d.metadata, '$.source') = 'text', json_extract(d.metadata, '$.source'), NULL)) AS source "
        "FROM chunks c JOIN vectors v USING (seq) JOIN documents d ON d.id = c.document_id WHERE c.seq > ? "
        "ORDER BY c.seq",
        (after,),
    )
    while rows := cursor.fetchmany(BATCH):
        yield rows


def _metadata(row: sqlite3.Row) -> dict[str, Any]:
    """What plain langchain_chroma finds beside a text; Chroma takes no None."""
    found = chroma_metadata(row["metadata"]) | {
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
