"""How a library grows: adding, searching, memory, disk, opening and rebuilding at 10,000 and at 100,000 chunks.

Chunks go in by `Library.put_documents` with vectors made before, so the embedder's time is in no figure. Each size is
built, then measured in a process of its own. Searches are taken in turn, in an order that changes, with Chroma's own
`collection.query` over a copy of the same index, and with exact cosines in numpy over the same vectors. Recall is the
share of the ten nearest chunks that a similarity search returns; of equal cosines any will do.

What a hybrid search costs is told beside its parts, taken in the same turns: the question's embedding, a plain
`collection.query` with texts and metadata, and a plain FTS5 query, an OR of every stem of the question that the library
has, made before. FTS5 returns as many candidates as a hybrid search asks for, Chroma as many or ten. Here the hybrid
search embeds its question itself.

Times are told by the clock and by the processor, which a busy machine disturbs less (of all threads: exact numpy has
one a core).

With --data the chunks are real passages (`scale_en`, `scale_pt`, then `scale_wordnet`), each cut to 24 words, embedded
by the starter model and kept under --cache for the next run. Without, they are made up and embedded by a hash.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import multiprocessing
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import report

if TYPE_CHECKING:
    import numpy.typing as npt

    from lastro.vectorstore.embeddings import LocalEmbeddings
    from lastro.vectorstore.library import Library
    from lastro.vectorstore.rows import NewDocument

SETS = (("scale_en/corpus.jsonl.gz", "en"), ("scale_pt/corpus.jsonl", "pt"), ("scale_wordnet/corpus.jsonl.gz", "und"))
POOL = 100_000  # passages of which a smaller size takes the first, so that sizes differ in nothing else
WORDS = 24
IN_DOCUMENT = 50  # chunks of a document
AT_ONCE = 20  # documents of a call
K = 10
WHOLE = "hybrid with its embedding"
RAW = ("collection.query", "collection.query of all candidates")
PORTUGUESE, ENGLISH = {"language": "pt"}, {"language": "en"}


# Chunks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Corpus:
    """Texts with their languages, and queries; vectors lie in `folder`."""

    texts: list[tuple[str, str]]
    queries: list[str]
    folder: Path
    real: bool

    def vectors(self, size: int) -> npt.NDArray[np.float32]:
        """The vectors of the first `size` texts."""
        found: npt.NDArray[np.float32] = np.load(self.folder / "vectors.npy", mmap_mode="r")[:size]
        return np.ascontiguousarray(found)

    def query_vectors(self) -> npt.NDArray[np.float32]:
        """The vectors of the queries."""
        found: npt.NDArray[np.float32] = np.load(self.folder / "queries.npy")
        return found


def make_corpus(data: Path | None, cache: Path, size: int) -> Corpus:
    """The first `size` texts of the pool, embedded now unless the cache has them."""
    texts = list(_real(data) if data is not None else _made_up())[:POOL]
    random.Random(7).shuffle(texts)
    queries = _queries(data, texts)
    corpus = Corpus(texts[:size], queries, cache / _digest(texts[:size], queries), real=data is not None)
    if not (corpus.folder / "queries.npy").is_file():
        corpus.folder.mkdir(parents=True, exist_ok=True)
        embedder = _embedder(corpus.real)
        np.save(corpus.folder / "vectors.npy", embedder.encode_documents([text for text, _language in corpus.texts]))
        np.save(corpus.folder / "queries.npy", np.stack([embedder.encode_query(query) for query in queries]))
    return corpus


def _real(data: Path) -> Iterator[tuple[str, str]]:
    found: dict[str, str] = {}
    for name, language in SETS:
        file = data / name
        with gzip.open(file, "rt", encoding="utf-8") if name.endswith("gz") else file.open(encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if len(found) == POOL:
                    break
                found.setdefault(" ".join(f"{row['title']}: {row['text']}".split()[:WORDS]), language)
    yield from found.items()


def _made_up() -> Iterator[tuple[str, str]]:
    rng = random.Random(3)
    words = ["".join(rng.choices("abcdefghilmnoprstuv", k=rng.randint(3, 9))) for _ in range(20_000)]
    topics = [rng.choices(words, k=60) for _ in range(500)]
    for at in range(POOL):
        topic = rng.choice(topics)
        yield " ".join([f"x{at}", *rng.choices(topic, k=15), *rng.choices(words, k=7)]), rng.choice(("en", "en", "pt"))


def _queries(data: Path | None, texts: Sequence[tuple[str, str]]) -> list[str]:
    if data is None:
        return [" ".join(text.split()[3:9]) for text, _language in texts[:200]]
    found = []
    for name in ("scale_en", "scale_pt"):
        lines = (data / name / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        found += [json.loads(line)["question"] for line in lines]
    return found


def _digest(texts: Sequence[tuple[str, str]], queries: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([texts, queries]).encode()).hexdigest()[:12]


def _embedder(real: bool) -> LocalEmbeddings:
    if real:
        from lastro.vectorstore.embeddings import load_embedder

        return load_embedder()
    from tests.fakes import HashEmbeddings

    return HashEmbeddings(dimension=384)


def _documents(corpus: Corpus, size: int) -> Iterator[NewDocument]:
    """Documents of one language each, whose chunks are the texts."""
    from lastro.types import Chunk, PageSpan, ParsedDocument, chunk_id
    from lastro.vectorstore.rows import NewDocument

    vectors = corpus.vectors(size)
    for language in sorted({language for _text, language in corpus.texts}):
        places = [at for at, (_text, known) in enumerate(corpus.texts[:size]) if known == language]
        for start in range(0, len(places), IN_DOCUMENT):
            part = places[start : start + IN_DOCUMENT]
            text = "\n\n".join(corpus.texts[at][0] for at in part)
            key, chunks, first = hashlib.sha256(text.encode()).hexdigest(), [], 0
            for index, at in enumerate(part):
                piece = corpus.texts[at][0]
                end = first + len(piece)
                name = chunk_id(key, first, end, piece)
                chunks.append(Chunk(name, key, index, piece, first, end, None, None, "", len(piece.split())))
                first = end + 2
            parsed = ParsedDocument(
                text=text, pages=(PageSpan(None, 0, len(text)),), sections=(), mime="text/plain",
                title=f"{language} {start // IN_DOCUMENT}", language=language,
            )  # fmt: skip
            yield NewDocument(
                id=key, source="", parsed=parsed, state="ok", reason="", bytes=len(text), extension="",
                chunks=tuple(chunks), vectors=vectors[part], metadata="{}",
            )  # fmt: skip


# Stages, each in a process of its own ------------------------------------------------------------------------------


def open_library(folder: Path, real: bool) -> Library:
    """The library in a folder; its embedder is loaded already."""
    import lastro

    return lastro.open_library(folder, embedder=_embedder(real))


def build(corpus: Corpus, size: int, folder: Path) -> dict[str, float]:
    """Chunks a second while adding, and seconds to build the index anew from SQLite."""
    with open_library(folder, corpus.real) as library:
        documents = list(_documents(corpus, size))
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(documents), AT_ONCE):
            library.put_documents(documents[start : start + AT_ONCE])
        added, added_cpu = time.perf_counter() - began, time.process_time() - cpu
        began, cpu = time.perf_counter(), time.process_time()
        library.rebuild()
        rebuilt, rebuilt_cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "add, chunks/s": size / added,
        "add, chunks per CPU s": size / added_cpu,
        "rebuild, s": rebuilt,
        "rebuild, CPU s": rebuilt_cpu,
    }


def ask(corpus: Corpus, size: int, folder: Path, count: int) -> dict[str, float]:
    """Everything that is read: seconds to open, memory, disk, milliseconds of each search, recall."""
    import psutil

    vectors = dict(zip(corpus.queries, corpus.query_vectors(), strict=True))
    queries = random.Random(1).sample(corpus.queries, min(count, len(corpus.queries)))
    embedder = _embedder(corpus.real)
    encode = embedder.encode_query
    # The embedder's time is not ours; what opening asks of it is left alone.
    embedder.encode_query = lambda text: vectors[text] if text in vectors else encode(text)  # type: ignore[method-assign]
    import chromadb  # noqa: F401 - its import is no part of opening a library

    import lastro

    before, began = psutil.Process().memory_info().rss, time.perf_counter()
    with lastro.open_library(folder, embedder=embedder) as library:
        library.search(queries[0], k=K, search_type="similarity")
        figures = {"open and first search, s": time.perf_counter() - began}
        for query in queries[:30]:
            library.search(query, k=K)
        figures["resident, MB"] = (psutil.Process().memory_info().rss - before) / 1e6
        figures["disk, MB"] = _size(folder) / 1e6
        figures |= _searches(library, corpus, size, folder, queries, encode)
    return figures


def _searches(
    library: Library, corpus: Corpus, size: int, folder: Path, queries: Sequence[str], encode: Callable[[str], Any]
) -> dict[str, float]:
    """Milliseconds of every kind of search, taken in turn, and the recall of similarity search."""
    vectors, asked = corpus.vectors(size), dict(zip(corpus.queries, corpus.query_vectors(), strict=True))
    embedder, rng = library.embedder, random.Random(2)
    ready = embedder.encode_query
    kinds: dict[str, Callable[[str], Any]] = {}
    for kind in ("hybrid", "similarity", "keyword"):
        for name, where in (("", None), (" in Portuguese", PORTUGUESE), (" in English", ENGLISH)):
            kinds[kind + name] = lambda query, kind=kind, where=where: library.search(
                query, k=K, search_type=kind, where=where
            )

    def whole(query: str) -> Any:
        embedder.encode_query = encode  # type: ignore[method-assign]
        try:
            return library.search(query, k=K)
        finally:
            embedder.encode_query = ready  # type: ignore[method-assign]

    kinds |= {WHOLE: whole, "embedding": encode, "FTS5": _fts5(folder, queries, library.retrieval.candidates)}
    kinds["exact numpy"] = lambda query: np.argpartition(vectors @ asked[query], -K)[-K:]
    hits = wanted = 0
    with tempfile.TemporaryDirectory(prefix="lastro-raw-") as name:
        raw, count = _raw(folder, Path(name), asked), library.retrieval.candidates
        kinds["collection.query"] = lambda query: raw(query, K)
        kinds["collection.query of all candidates"] = lambda query: raw(query, count)
        taken: Taken = {kind: [] for kind in kinds}
        for work in kinds.values():
            work(queries[0])
        for query in queries:
            for kind in rng.sample(list(kinds), len(kinds)):
                began, cpu = time.perf_counter(), time.process_time()
                found = kinds[kind](query)
                taken[kind].append((time.perf_counter() - began, time.process_time() - cpu))
                if kind == "similarity":
                    least = np.partition(vectors @ asked[query], -K)[-K]
                    hits += sum(passage.cosine >= least - 1e-6 for passage in found)
                    wanted += K
    return {"recall@10": hits / wanted} | _told(taken)


Taken = dict[str, list[tuple[float, float]]]  # seconds by the clock and by the processor, one pair a question


def _told(taken: Taken) -> dict[str, float]:
    """Milliseconds of every kind of search, and a hybrid search beside the sums of its parts."""
    sums = {f"embedding + FTS5 + {raw}": ("embedding", "FTS5", raw) for raw in RAW}
    for name, parts in sums.items():
        turns = zip(*(taken[part] for part in parts), strict=True)
        taken[name] = [(sum(wall for wall, _cpu in turn), sum(cpu for _wall, cpu in turn)) for turn in turns]
    figures = {}
    for kind, values in taken.items():
        for unit, at in (("ms", 0), ("CPU ms", 1)):
            times = [value[at] for value in values]
            figures[f"{kind}, p50 {unit}"] = 1000 * statistics.median(times)
            figures[f"{kind}, p95 {unit}"] = 1000 * float(np.percentile(times, 95))
    for name in sums:
        for figure in ("p50 ms", "p95 ms", "p50 CPU ms", "p95 CPU ms"):
            figures[f"{WHOLE} / {name}, {figure}"] = figures[f"{WHOLE}, {figure}"] / figures[f"{name}, {figure}"]
    return figures


def _raw(folder: Path, copy: Path, asked: dict[str, Any]) -> Callable[[str, int], Any]:
    """`collection.query` by plain chromadb over a copy of the library's index."""
    import chromadb
    from chromadb.config import Settings

    generation = max((folder / "chroma").glob("g*"))
    shutil.copytree(generation, copy / "c")
    client = chromadb.PersistentClient(str(copy / "c"), settings=Settings(anonymized_telemetry=False))
    collection = client.get_collection("lastro", embedding_function=None)
    include: Any = ["documents", "metadatas", "distances"]
    return lambda query, count: collection.query(query_embeddings=[asked[query]], n_results=count, include=include)


def _fts5(folder: Path, queries: Sequence[str], count: int) -> Callable[[str], Any]:
    """A plain FTS5 query by plain sqlite3; what it looks for is made before it is timed."""
    from lastro.detection import detect_language
    from lastro.vectorstore import keyword

    db = sqlite3.connect(f"{(folder / 'library.sqlite').as_uri()}?mode=ro", uri=True)
    stems = {query: keyword.read_question(db, query, language=detect_language(query)).idf for query in queries}
    made = {query: " OR ".join(f'"{stem}"' for stem in sorted(found)) or '""' for query, found in stems.items()}
    sql = "SELECT rowid, rank FROM keyword WHERE keyword MATCH ? ORDER BY rank LIMIT ?"
    return lambda query: db.execute(sql, (made[query], count)).fetchall()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


# Report ------------------------------------------------------------------------------------------------------------


def alone(work: Callable[..., dict[str, float]], *given: Any) -> dict[str, float]:
    """What `work` returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def exponent(values: Sequence[float], sizes: Sequence[int]) -> str:
    """The power of the size by which a figure grows between the first and the last size.

    >>> exponent([2.0, 20.0], [10, 100])
    '1.00'
    """
    if len(values) < 2 or min(values) <= 0:
        return "-"
    return f"{math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0]):.2f}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 and 10,000 chunks, fewer questions")
    parser.add_argument("--data", type=Path, default=None, help="folder of the public sets")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "lastro-scale-cache")
    parser.add_argument(
        "--libraries", type=Path, default=None, help="folder that keeps what is built; default: none does"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=None, help="numbers of chunks, ascending")
    return parser.parse_args()


def main() -> None:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    options = arguments()
    sizes = options.sizes or ([2_000, 10_000] if options.quick else [10_000, 100_000])
    corpus = make_corpus(options.data, options.cache, sizes[-1])
    figures: list[dict[str, float]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="lastro-scale-") as name:
            folder = (options.libraries or Path(name)) / str(size)
            built = {} if folder.exists() else alone(build, corpus, size, folder)
            figures.append(built | alone(ask, corpus, size, folder, 50 if options.quick else 200))
        print(f"{report.machine()}; {size} chunks done: {json.dumps(figures[-1])}", flush=True)
    rows = [
        (key, *(f"{found[key]:,.3g}" if found[key] < 1000 else f"{found[key]:,.0f}" for found in figures),
         exponent([found[key] for found in figures], sizes))
        for key in figures[0] if all(key in found for found in figures)
    ]  # fmt: skip
    print(f"\n{report.machine()}; {'real passages' if corpus.real else 'made-up texts'}\n")
    report.table(("figure", *(f"{size:,} chunks" for size in sizes), "exponent"), rows)
    rounded = [{key: float(f"{value:.4g}") for key, value in found.items()} for found in figures]
    report.last_line({"real": corpus.real, **dict(zip(map(str, sizes), rounded, strict=True))})


if __name__ == "__main__":
    main()
