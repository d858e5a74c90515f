"""The oracle: what a library must hold after whatever happened to it, and every way in which it may fail to.

It trusts no code of the library where it can look itself: it reads `library.sqlite` with plain sqlite3, the originals
from disk, and a copy of the Chroma folder with plain chromadb.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.workers import as_document, text_of

if TYPE_CHECKING:
    from lastro.types import Chunk
    from lastro.vectorstore.library import Library

Version = tuple[int, int]  # version and number of chunks of a document
KINDS = ("lost", "duplicate", "orphan")


@dataclass
class Expected:
    """What was acknowledged of each name, and what was begun and not acknowledged."""

    sizes: dict[tuple[str, int], int] = field(default_factory=dict)  # chunks of each (name, version) ever planned
    certain: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int | None] = field(default_factory=dict)  # the version that may have come instead

    def hear(self, messages: Iterable[dict[str, Any]]) -> None:
        """Follow what a child told."""
        for message in messages:
            name = message.get("name")
            if message["event"] == "begin":
                self.begun[name] = message["version"]
            elif message["event"] == "done":
                self.begun.pop(name, None)
                self._set(name, message["version"])

    def allowed(self, name: str) -> set[int | None]:
        """The versions that a name may have now; None where it may be absent."""
        before = self.certain.get(name)
        return {before, self.begun[name]} if name in self.begun else {before}

    def settle(self, found: dict[str, int]) -> None:
        """Take what was found for what was open."""
        for name in self.begun:
            self._set(name, found.get(name))
        self.begun.clear()

    def _set(self, name: str, version: int | None) -> None:
        if version is None:
            self.certain.pop(name, None)
        else:
            self.certain[name] = version

    def text(self, name: str, version: int) -> str:
        """The text of a version."""
        return text_of(name, version, self.sizes[name, version])

    def document_id(self, name: str, version: int) -> str:
        """The id that a version has: the hash of its bytes."""
        return hashlib.sha256(self.text(name, version).encode()).hexdigest()

    def gone(self) -> list[tuple[str, int]]:
        """Versions that were planned once and are not there now."""
        return [key for key in self.sizes if self.certain.get(key[0]) != key[1]]


@dataclass
class Findings:
    """What is wrong, by kind: "lost", "duplicate" and "orphan"."""

    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, problem: str) -> None:
        """Note one problem."""
        self.problems.append((kind, problem))

    def compare(self, what: str, found: Sequence[Any], wanted: Iterable[Any]) -> None:
        """Note what is missing of `wanted`, what is beyond it, and what is there twice."""
        counted, wished = Counter(found), set(wanted)
        missing, extra = wished - set(counted), set(counted) - wished
        twice = [value for value, count in counted.items() if count > 1]
        for kind, values in (("lost", missing), ("orphan", extra), ("duplicate", twice)):
            if values:
                self.add(kind, f"{what}: {len(values)} {kind}, such as {sorted(map(str, values))[:3]}")

    def count(self, kind: str) -> int:
        """Problems of one kind."""
        return sum(found == kind for found, _problem in self.problems)


@lru_cache(maxsize=4096)
def chunks_of(name: str, version: int, size: int) -> tuple[Chunk, ...]:
    """The chunks that a version is split into."""
    from lastro.config import IngestSettings, LibrarySettings
    from lastro.ingest.pipeline import IngestPipeline
    from lastro.ingest.sources import discover
    from tests.fakes import HashEmbeddings

    text = text_of(name, version, size)
    pipeline = IngestPipeline(
        settings=IngestSettings(),
        library=LibrarySettings(chunk_tokens=16, chunk_overlap_tokens=0),
        tokenizer=HashEmbeddings(),
    )
    document_id = hashlib.sha256(text.encode()).hexdigest()
    return pipeline.prepare(discover(as_document(name, text))[0], document_id).chunks


def check_listing(library: Library, expected: Expected) -> tuple[Findings, dict[str, int]]:
    """Whether each name has a version it may have and nothing else is listed; also the versions found."""
    findings, found = Findings(), {}
    known = {expected.document_id(name, version): (name, version) for name, version in expected.sizes}
    for record in library.documents():
        name, version = known.get(record.id, ("", -1))
        if not name or [f"{name}.txt"] != list(record.sources):
            findings.add("orphan", f"listed: {record.id[:12]} {record.title!r} of {record.sources}")
        elif name in found:
            findings.add("duplicate", f"listed: {name} in versions {found[name]} and {version}")
        elif record.chunks != len(chunks_of(name, version, expected.sizes[name, version])):
            findings.add("lost", f"listed: {name} has {record.chunks} chunks")
        found[name] = version
    for name in {*expected.certain, *expected.begun, *found}:
        allowed = expected.allowed(name)
        if found.get(name) not in allowed:
            kind = "orphan" if allowed == {None} else "lost"
            findings.add(kind, f"listed: {name} is {found.get(name)}, may be {sorted(map(str, allowed))}")
    return findings, found


def check_search(library: Library, expected: Expected, rng: random.Random, *, each: int = 2) -> Findings:
    """Whether documents are found by their own words, and removed ones are not."""
    findings = Findings()
    for name, version in expected.certain.items():
        chunks = chunks_of(name, version, expected.sizes[name, version])
        for chunk in rng.sample(chunks, min(each, len(chunks))):
            for kind in ("similarity", "hybrid"):
                found = library.search(chunk.text, k=1, search_type=kind)  # type: ignore[arg-type]
                if [passage.chunk_id for passage in found] != [chunk.id]:
                    findings.add("lost", f"{kind} search: {name} {version}, chunk {chunk.index} does not find itself")
    return _check_gone(library, expected, rng, findings)


def _check_gone(library: Library, expected: Expected, rng: random.Random, findings: Findings) -> Findings:
    present = {expected.document_id(*item) for item in expected.certain.items()}
    gone = expected.gone()
    for name, version in rng.sample(gone, min(4, len(gone))):
        line = expected.text(name, version).split("\n", 1)[0]
        for kind in ("similarity", "hybrid", "keyword"):
            for passage in library.search(line, k=5, search_type=kind):  # type: ignore[arg-type]
                if passage.document_id not in present:
                    findings.add("orphan", f"{kind} search: removed document {passage.title!r} is found")
    return findings


def check_files(folder: Path, expected: Expected, *, salt: str = "", synced: bool = True) -> Findings:
    """Whether the database, the originals and the index hold the expected documents and nothing else.

    The library must be closed. `synced` says that the index must have every chunk, as it has after an `add`.
    """
    findings = Findings()
    wanted = {
        chunk.id: chunk
        for name, version in expected.certain.items()
        for chunk in chunks_of(name, version, expected.sizes[name, version])
    }
    documents = {expected.document_id(*item): expected.text(*item) for item in expected.certain.items()}
    with closing(sqlite3.connect(folder / "library.sqlite")) as db:
        _check_database(db, findings, wanted, documents, salt)
        indexed = {row[0]: row[1] for row in db.execute("SELECT c.id, vector FROM chunks c JOIN vectors USING (seq)")}
        tombstones = {row[0] for row in db.execute("SELECT chunk_id FROM tombstones")}
        meta = dict(db.execute("SELECT key, value FROM meta"))
        watermark = int(meta.get("index_watermark", "0"))
        due = {row[0] for row in db.execute("SELECT id FROM chunks WHERE seq <= ?", (watermark,))}
    _check_originals(folder, findings, documents)
    if meta.get("index_generation"):
        generation = folder / "chroma" / meta["index_generation"]
        _check_index(generation, findings, indexed, due=set(indexed) if synced else due, leaving=tombstones)
    elif wanted and synced:
        findings.add("lost", "index: there is none")
    return findings


def _check_database(
    db: sqlite3.Connection, findings: Findings, wanted: dict[str, Chunk], documents: dict[str, str], salt: str
) -> None:
    def column(sql: str) -> list[Any]:
        return [row[0] for row in db.execute(sql)]

    for problem in (*column("PRAGMA integrity_check"), *column("PRAGMA foreign_key_check")):
        if problem != "ok":
            findings.add("orphan", f"database: {problem}")
    db.execute("INSERT INTO keyword (keyword) VALUES ('integrity-check')")
    db.rollback()
    seqs = column("SELECT seq FROM chunks")
    findings.compare("documents", column("SELECT id FROM documents"), documents)
    findings.compare("chunks", column("SELECT id FROM chunks"), wanted)
    findings.compare("vectors", column("SELECT seq FROM vectors"), seqs)
    findings.compare("keyword rows", column("SELECT rowid FROM keyword"), seqs)
    findings.compare("sources", column("SELECT document_id FROM sources"), documents)
    for document_id, text in db.execute("SELECT document_id, text FROM texts"):
        if documents.get(document_id) != text:
            findings.add("lost", f"text of {document_id[:12]} is another")
    _check_vectors(db, findings, wanted, salt)


def _check_vectors(db: sqlite3.Connection, findings: Findings, wanted: dict[str, Chunk], salt: str) -> None:
    """A seventh of the chunks: their texts, and that their vectors are of these texts."""
    from tests.fakes import HashEmbeddings

    embedder = HashEmbeddings(salt=salt)
    rows = db.execute("SELECT id, text, vector FROM chunks JOIN vectors USING (seq) WHERE seq % 7 = 0").fetchall()
    for chunk_id, text, blob in rows:
        if chunk_id in wanted and text != wanted[chunk_id].text:
            findings.add("lost", f"text of chunk {chunk_id} is another")
        if not np.allclose(np.frombuffer(blob, "<f4"), embedder.encode_query(text), atol=1e-6):
            findings.add("lost", f"vector of chunk {chunk_id} is of another text")


def _check_originals(folder: Path, findings: Findings, documents: dict[str, str]) -> None:
    files = [file for file in (folder / "originals").rglob("*") if file.is_file()]
    findings.compare("originals", [file.name for file in files], [f"{document_id}.txt" for document_id in documents])
    for file in files:
        if file.stem in documents and file.read_bytes() != documents[file.stem].encode():
            findings.add("lost", f"original {file.name[:12]} has other bytes")


def _check_index(
    generation: Path, findings: Findings, indexed: dict[str, bytes], *, due: set[str], leaving: set[str]
) -> None:
    """Compare a copy of the Chroma folder, so that looking at it cannot mend it."""
    import chromadb
    from chromadb.config import Settings

    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(generation, Path(copy) / "c")
        client = chromadb.PersistentClient(str(Path(copy) / "c"), settings=Settings(anonymized_telemetry=False))
        collection = client.get_collection("lastro", embedding_function=None)
        present = collection.get(include=[])["ids"]
        # What leaves, and what is newer than the index says, may be in it or not.
        judged = [key for key in present if key in due or (key not in leaving and key not in indexed)]
        findings.compare("index", judged, due & set(indexed))
        probes = [key for key in present if key in indexed]
        for start in range(0, len(probes), 500):
            part = probes[start : start + 500]
            vectors = np.stack([np.frombuffer(indexed[key], "<f4") for key in part])
            nearest = collection.query(query_embeddings=vectors, n_results=1, include=[])["ids"]
            blind = [key for key, ids in zip(part, nearest, strict=True) if ids != [key]]
            if blind:
                findings.add("lost", f"index: {len(blind)} chunks do not find themselves, such as {blind[:3]}")
        client.close()


def as_json(findings: Iterable[Findings]) -> list[list[str]]:
    """All problems, for a pipe."""
    return json.loads(json.dumps([list(problem) for found in findings for problem in found.problems]))
