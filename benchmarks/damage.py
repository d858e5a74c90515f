"""Damage to the files of the search index: the library stays alive, answers right, and mends the index from SQLite.

Each kind of damage is done to a fresh copy of one library. A fresh process then asks for every document; afterwards
the index is looked at with plain chromadb: it must hold every chunk again, and each must find itself.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report, workers
from benchmarks.invariants import Expected, as_json, check_files, check_listing, check_search
from benchmarks.workers import Child, Step, Tell, carry_out

HNSW = ("data_level0.bin", "header.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")
REBUILT = 10_000  # chunks
_SEED = 11


def emptied(file: Path, _rng: random.Random) -> None:
    """No byte is left."""
    file.write_bytes(b"")


def halved(file: Path, _rng: random.Random) -> None:
    """The second half is gone."""
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])


def overwritten(file: Path, rng: random.Random) -> None:
    """Random bytes stand in the middle third; the size and the time of change are as before."""
    data, status = bytearray(file.read_bytes()), file.stat()
    third = len(data) // 3
    data[third : 2 * third] = rng.randbytes(third)
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def deleted(file: Path, _rng: random.Random) -> None:
    """The file is gone."""
    file.unlink()


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (emptied, halved, overwritten, deleted)


@dataclass(frozen=True)
class Kind:
    """One kind of damage: to the files of a name below `chroma/`, or to the folder itself where `file` is ""."""

    file: str
    damage: Callable[[Path, random.Random], None] | None = None

    def __str__(self) -> str:
        return f"{self.file} {self.damage.__name__}" if self.damage else "the whole folder deleted"

    def do(self, library: Path) -> None:
        """Damage the library's index."""
        if self.damage is None:
            shutil.rmtree(library / "chroma")
            return
        files = sorted((library / "chroma").rglob(self.file))
        if not files:
            raise SystemExit(f"{self.file}: the index has no such file to damage; it has not been flushed yet")
        for file in files:
            self.damage(file, random.Random(_SEED))


def kinds() -> Iterator[Kind]:
    """The 20 kinds of damage to HNSW files, and the folder deleted."""
    yield from (Kind(file, damage) for file in HNSW for damage in DAMAGES)
    yield Kind("")


def extra_kinds() -> Iterator[Kind]:
    """The same damage to Chroma's own database."""
    yield from (Kind("chroma.sqlite3", damage) for damage in DAMAGES)


def build(tell: Tell, folder: Path, expected: Expected) -> None:
    """A library of every expected document."""
    items = tuple((name, version, expected.sizes[name, version]) for name, version in expected.certain.items())
    with workers.open_library(folder) as library:
        carry_out(library, [Step("add", items)], lambda _message: None)
    tell({"event": "built"})


def use(tell: Tell, folder: Path, expected: Expected) -> None:
    """What a fresh process finds in the damaged library."""
    with workers.open_library(folder, create=False) as library:
        began = time.monotonic()
        findings, _found = check_listing(library, expected)
        searched = check_search(library, expected, random.Random(_SEED), each=3)
        encoded = library.embedder.encoded  # type: ignore[attr-defined]
        tell({"event": "searched", "problems": as_json([findings, searched]), "encoded": encoded})
        tell({"event": "time", "seconds": time.monotonic() - began})


def inspect(tell: Tell, folder: Path, expected: Expected) -> None:
    """What is in the index afterwards."""
    tell({"event": "inspected", "problems": as_json([check_files(folder, expected)])})


def heal(kind: Kind, healthy: Path, folder: Path, expected: Expected) -> tuple[list[str], float]:
    """Damage a copy, use it and inspect it; returns what is wrong, and the seconds that the use took."""
    shutil.copytree(healthy, folder)
    kind.do(folder)
    wrong: list[str] = []
    using = workers.fork(use, folder, expected)
    wrong += _ending("using it", using)
    if using.status == 0 and next(workers.events(using, "searched"))["encoded"]:
        wrong.append("texts were embedded again")
    wrong += _ending("inspecting it", workers.fork(inspect, folder, expected))
    shutil.rmtree(folder)
    return wrong, sum(message["seconds"] for message in workers.events(using, "time"))


def _ending(what: str, child: Child) -> list[str]:
    code = child.wait()
    wrong = [problem for message in child.messages for _kind, problem in message.get("problems", ())]
    if code:
        error = next(workers.events(child, "error"), {"traceback": "no last words"})
        wrong.append(f"{what} ended with {code}: {error['traceback'][-800:]}")
    return wrong


def rebuild(tell: Tell, folder: Path, expected: Expected) -> None:
    """Open a library whose index is gone, and count what is embedded until it has one again."""
    with workers.open_library(folder, create=False) as library:
        began = time.monotonic()
        library.search(expected.text("big-0", 0).split("\n", 1)[0], k=1, search_type="similarity")
        seconds = time.monotonic() - began
        encoded = library.embedder.encoded  # type: ignore[attr-defined]
    tell({"event": "rebuilt", "seconds": seconds, "encoded": encoded, "problems": []})


def measure_rebuild(base: Path, chunks: int) -> tuple[float, int, list[str]]:
    """Seconds to rebuild that many chunks from SQLite, texts embedded meanwhile, and what is wrong afterwards."""
    expected = Expected({(f"big-{at}", 0): 500 for at in range(chunks // 500)})
    expected.certain = {name: 0 for name, _version in expected.sizes}
    folder = base / "big"
    wrong = _ending("building it", workers.fork(build, folder, expected))
    shutil.rmtree(folder / "chroma")
    child = workers.fork(rebuild, folder, expected)
    wrong += _ending("rebuilding it", child) + _ending("inspecting it", workers.fork(inspect, folder, expected))
    told = next(workers.events(child, "rebuilt"), {"seconds": float("nan"), "encoded": -1})
    return told["seconds"], told["encoded"], wrong


def main() -> None:
    """Run, print the table and the figures."""
    options = report.arguments(__doc__ or "")
    workers.warm()
    chosen = list(kinds())[:: 5 if options.quick else 1]
    extra = list(extra_kinds())[:: 3 if options.quick else 1]
    expected = Expected({(f"doc-{at}", 0): 90 + at for at in range(14)})  # enough for Chroma to flush its files
    expected.certain = {name: 0 for name, _version in expected.sizes}
    rows, healed = [], {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="lastro-damage-") as name:
        base = Path(name)
        wrong = _ending("building it", workers.fork(build, base / "healthy", expected))
        wrong += _ending("inspecting it", workers.fork(inspect, base / "healthy", expected))
        if wrong:
            raise SystemExit(f"the library is not right before any damage: {wrong}")
        for kind in (*chosen, *extra):
            wrong, seconds = heal(kind, base / "healthy", base / "damaged", expected)
            healed[kind in chosen] += not wrong
            rows.append((kind, "yes" if not wrong else "NO", f"{seconds:.2f}"))
            for problem in wrong:
                print(f"{kind}: {problem}", flush=True)
        seconds, encoded, wrong = measure_rebuild(base, 1_000 if options.quick else REBUILT)
        print(*wrong, sep="\n")
    print(f"\n{report.machine()}\n")
    report.table(("damage", "alive, right, and mended", "seconds of all questions"), rows)
    report.last_line(
        {
            "kinds": len(chosen), "healed": healed[True], "extra_kinds": len(extra), "extra_healed": healed[False],
            "rebuilt_chunks": 1_000 if options.quick else REBUILT, "rebuild_seconds": round(seconds, 2),
            "embedded_again": encoded, "rebuild_problems": len(wrong),
        }
    )  # fmt: skip


if __name__ == "__main__":
    main()
