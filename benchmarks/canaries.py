"""What is removed and purged is gone: words that exist nowhere else are added, taken out, and looked for in every file.

The words stand alone in small documents, among other passages of larger ones, in versions that are replaced later, and
in the names of files that are renamed later. `benchmarks.traces` says what counts as found.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import report, workers
from benchmarks.traces import Scanner, Traces, copied

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from lastro.vectorstore.library import Library

CHUNKS = 10  # of a document that holds several canaries
_COMMON = "the annual report of the company says that rent and lease end in spring while costs rise".split()
_READER = """
import sys
from pathlib import Path
from benchmarks import workers
with workers.open_library(Path(sys.argv[1]), create=False) as library, library._catalog.read() as db:
    db.execute("SELECT count(*) FROM documents").fetchone()
    print("reading", flush=True)
    sys.stdin.readline()
"""


# Documents ---------------------------------------------------------------------------------------------------------


@dataclass
class Plan:
    """Documents by name: what comes first, what replaces some of it, what is removed, and what then remains."""

    words: list[str]
    first: dict[str, str] = field(default_factory=dict)  # text by path or name
    later: dict[str, str] = field(default_factory=dict)  # new texts, and old texts under new paths
    removed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)  # passages that must leave

    def remaining(self) -> dict[str, str]:
        """Text by name at the end."""
        moved = set(self.later.values())
        stay = {n: t for n, t in self.first.items() if n not in self.removed and t not in moved}
        return stay | self.later


def make_plan(count: int, *, folder: Path, seed: int = 1) -> Plan:
    """A tenth of the canaries leaves by replacing, a tenth by renaming, the others by removing.

    `folder` exists and holds none of the paths that are made up in it, so a second path of a text is a renaming.
    """
    rng = random.Random(seed)
    plan = Plan(["sã" + "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=20)) for _ in range(count)])
    words = list(plan.words)
    tenth = count // 10
    for at in range(tenth):  # renamed: the word is only in the name
        text = _passage(rng, f"moved{at}")
        plan.first[str(folder / f"{words.pop()}.txt")] = text
        plan.later[str(folder / f"place{at}.txt")] = text
    for at in range(tenth):
        plan.gone.append(_passage(rng, words.pop()))
        plan.first[f"changing{at}"] = plan.gone[-1]
        plan.later[f"changing{at}"] = _passage(rng, f"changed{at}")
    shared = len(words) // 3
    for at in range(0, shared, CHUNKS):
        passages = [_passage(rng, words.pop()) for _ in range(min(CHUNKS, shared - at))]
        plan.gone += passages
        plan.first[f"shared{at}"] = "\n\n".join(passages)
        plan.removed.append(f"shared{at}")
    for at, word in enumerate(words):
        plan.gone.append(_passage(rng, word))
        plan.first[f"single{at}"] = plan.gone[-1]
        plan.removed.append(f"single{at}")
    for at in range(count // 2):
        plan.first[f"kept{at}"] = _passage(rng, f"kept{at}")
    for at in range(count // 40):
        plan.first[f"long{at}"] = "\n\n".join(_passage(rng, f"long{at}x{part}") for part in range(CHUNKS))
    names = list(plan.first)
    rng.shuffle(names)
    plan.first = {name: plan.first[name] for name in names}
    return plan


def _passage(rng: random.Random, word: str) -> str:
    """A sentence of common words, long enough to be a chunk of its own, that holds a word."""
    words = rng.sample(_COMMON, 11)
    words.insert(rng.randrange(12), word)
    return " ".join(words) + "."


def _documents(texts: dict[str, str]) -> list[Document]:
    from langchain_core.documents import Document

    return [Document(text, metadata={"source": name, "title": Path(name).stem}) for name, text in texts.items()]


# Measuring ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Removal:
    """What became of one library's canaries."""

    canaries: int
    before: Traces  # the control: a scanner that sees nothing here proves nothing
    deleted: Traces
    purged: Traces
    state: str
    size_ratio: float
    seconds: float  # of the purge


def remove_and_purge(folder: Path, count: int) -> Removal:
    """Add canaries among other documents, take them out, purge, and look; `folder` is empty."""
    plan = make_plan(count, folder=folder)
    here = folder / "library"
    scanner = _fill(here, plan)
    before = scanner.scan(here)
    with workers.open_library(here) as library:
        _take_out(library, plan)
        with copied(here) as copy:
            deleted = scanner.scan(copy)
        began = time.perf_counter()
        state = library.purge()
        seconds = time.perf_counter() - began
        with copied(here) as copy:  # at once, before closing tidies up
            still = scanner.scan(copy)
    purged = scanner.scan(here)
    purged.words |= still.words
    purged.vectors |= still.vectors
    with workers.open_library(folder / "fresh") as fresh:
        fresh.add(_documents(plan.remaining()))
    ratio = size_of(here) / size_of(folder / "fresh")
    return Removal(count, before, deleted, purged, state, ratio, seconds)


def purge_beside_a_reader(folder: Path, count: int, *, finish: str = "purge") -> tuple[Traces, list[str], float]:
    """The same while another process reads an older state; what was left in the end, each state, and seconds to it.

    `finish` is how the purge ends once the reader has left: by another "purge", or by a "close".
    """
    plan = make_plan(count, folder=folder, seed=2)
    here = folder / "library"
    scanner = _fill(here, plan)
    command = [sys.executable, "-c", _READER, str(here)]
    reader = subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reading\n"
    with workers.open_library(here) as library:
        _take_out(library, plan)
        began = time.perf_counter()
        states: list[str] = [library.purge(wait_s=0)]
        seconds = time.perf_counter() - began
        reader.communicate(b"\n")
        if finish == "purge":
            states.append(library.purge())
    return scanner.scan(here), states, seconds


def _fill(folder: Path, plan: Plan) -> Scanner:
    """A library of the plan's first documents, closed, and what looks for all that must leave it."""
    with workers.open_library(folder) as library:
        library.add(_documents(plan.first))
        with library._catalog.read() as db:
            rows = db.execute("SELECT c.text, v.vector FROM chunks c JOIN vectors v USING (seq)").fetchall()
    leaving = set(plan.gone)
    blobs = [row[1] for row in rows if row[0] in leaving]
    assert len(blobs) == len(leaving), "each passage with a canary must be a chunk"
    return Scanner(plan.words, np.stack([np.frombuffer(blob, dtype="<f4") for blob in blobs]))


def _take_out(library: Library, plan: Plan) -> None:
    library.add(_documents(plan.later))
    for name in plan.removed:
        library.remove(name)
    titles = sorted(record.title for record in library.documents())
    assert titles == sorted(Path(name).stem for name in plan.remaining())


def size_of(folder: Path) -> int:
    """Bytes of every file in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _show(name: str, traces: Traces, passages: int, canaries: int) -> Sequence[object]:
    return name, f"{len(traces.words)} of {canaries}", f"{len(traces.vectors)} of {passages}", len(traces.files)


def main() -> None:
    options = report.arguments(__doc__ or "")
    count = 100 if options.quick else 1_000
    with tempfile.TemporaryDirectory(prefix="lastro-canaries-") as name:
        folder = Path(name)
        for part in ("a", "b"):
            (folder / part).mkdir()
        removal = remove_and_purge(folder / "a", count)
        left, states, waited = purge_beside_a_reader(folder / "b", count // 5)
    passages = len(removal.before.vectors)
    rows = [("added", removal.before), ("removed", removal.deleted), (f"purged: {removal.state}", removal.purged)]
    print(f"{report.machine()}; {count} canaries, purge {removal.seconds:.2f} s, beside a reader {waited:.2f} s\n")
    report.table(("state", "words found", "vectors found", "files"), [_show(*row, passages, count) for row in rows])
    print(f"\nbeside a reader of an older state: {json.dumps(states)}, then {len(left.words)} words found")
    report.last_line(
        {
            "canaries": count,
            "control": len(removal.before.words),
            "found": len(removal.purged.words),
            "vectors_found": len(removal.purged.vectors),
            "size_ratio": round(removal.size_ratio, 3),
            "purge": removal.state,
            "pending": states[0],
            "after_reader": states[-1],
            "after_reader_found": len(left.words) + len(left.vectors),
        }
    )


if __name__ == "__main__":
    main()
