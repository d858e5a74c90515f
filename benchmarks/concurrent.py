"""Two writers and a reader, three processes on one folder: nothing goes missing, and the reader is never stale.

A writer tells the reader through a pipe what was committed and what was removed. The reader's next query must find
the one and must not find the other. After each run every chunk must find itself by its own words.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import report, workers
from benchmarks.invariants import Expected, as_json, check_files, check_listing, chunks_of
from benchmarks.workers import Child, Step, Tell, carry_out

WRITERS = 2


def plan(writer: int, rng: random.Random, expected: Expected, *, documents: int, chunks: int) -> list[Step]:
    """What one writer does: add its documents in three batches, with replaces, removals and upkeep between them."""
    names = [f"w{writer}-{at}" for at in range(documents)]

    def items(chosen: list[str], version: int) -> tuple[tuple[str, int, int], ...]:
        for name in chosen:
            expected.sizes[name, version] = rng.randint(chunks // 2, chunks * 3 // 2)
        return tuple((name, version, expected.sizes[name, version]) for name in chosen)

    third = documents // 3
    replaced, removed = names[:third:2], names[1:third:2]
    steps = [
        Step("add", items(names[:third], 0)),
        Step("add", items(replaced, 1)),
        Step("remove", tuple((name, 0, 0) for name in removed)),
        Step("add", items(names[third : 2 * third], 0)),
        Step("add", items(replaced, 2)),
        Step(("purge", "rebuild")[writer % 2]),  # each takes the generation away that the reader has open
        Step("add", items(names[2 * third :], 0)),
    ]
    for name in names:
        expected.certain[name] = 2 if name in replaced else 0
    for name in removed:
        del expected.certain[name]
    return steps


def write(tell: Tell, folder: Path, steps: list[Step], pipe: int, seed: int) -> None:
    """A writer: everything that it tells also goes to the reader, at the moment of the acknowledgement."""
    rng = random.Random(seed)

    def both(message: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")
        tell(message)

    with workers.open_library(folder) as library:
        for step in steps:
            carry_out(library, [step], both)
            time.sleep(rng.random() / 50)  # the two writers shall not run in step


class Reader:
    """Asks for each thing that it is told, at once, through one library that it opened before anything was there."""

    def __init__(self, folder: Path, expected: Expected, pipe: int) -> None:
        self._library = workers.open_library(folder)
        self._expected = expected
        self._pipe = pipe
        self._rest = b""
        self._queue: list[dict[str, Any]] = []
        self._asked = random.Random(1)
        self.stale: list[str] = []
        self.queries = 0

    def run(self) -> None:
        """Ask until the writers have closed their ends."""
        while self._listen(block=True):
            while self._queue:
                self._ask(self._queue.pop(0))
        self._library.close()

    def _listen(self, *, block: bool) -> bool:
        os.set_blocking(self._pipe, block)
        try:
            block_read = os.read(self._pipe, 1 << 16)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + block_read).split(b"\n")
        self._queue += [json.loads(line) for line in lines]
        return bool(block_read)

    def _ask(self, message: dict[str, Any]) -> None:
        name, version = message["name"], message["version"]
        if message["event"] != "done":
            return
        if version is None:
            self._must_be_gone(name)
            return
        chunk = self._asked.choice(chunks_of(name, version, self._expected.sizes[name, version]))
        found = self._search(chunk.text)
        if found != [chunk.id]:
            self._listen(block=False)  # its writer may have begun to change it meanwhile, and said so before
            if not any(later["name"] == name for later in self._queue):
                self.stale.append(f"{name} {version}: committed, and not found at the next query")

    def _must_be_gone(self, name: str) -> None:
        for (known, version), size in self._expected.sizes.items():
            if known == name:
                chunk = self._asked.choice(chunks_of(name, version, size))
                if self._search(chunk.text) == [chunk.id]:
                    self.stale.append(f"{name} {version}: removed, and found at the next query")

    def _search(self, text: str) -> list[str]:
        self.queries += 1
        return [passage.chunk_id for passage in self._library.search(text, k=1, search_type="similarity")]


def read(tell: Tell, folder: Path, expected: Expected, pipe: int) -> None:
    """The reader's process."""
    reader = Reader(folder, expected, pipe)
    reader.run()
    tell({"event": "read", "stale": reader.stale, "queries": reader.queries})


def judge(tell: Tell, folder: Path, expected: Expected) -> None:
    """A fresh process afterwards: every chunk finds itself, and nothing else is there."""
    missing, asked = [], 0
    with workers.open_library(folder, create=False) as library:
        findings, _found = check_listing(library, expected)
        for name, version in expected.certain.items():
            for chunk in chunks_of(name, version, expected.sizes[name, version]):
                asked += 1
                found = library.search(chunk.text, k=1, search_type="similarity")
                if [passage.chunk_id for passage in found] != [chunk.id]:
                    missing.append(f"{name} {version}, chunk {chunk.index}")
    problems = as_json([findings, check_files(folder, expected, synced=False)])
    tell({"event": "judged", "missing": missing, "asked": asked, "problems": problems})


def one_run(folder: Path, seed: int, *, documents: int, chunks: int) -> dict[str, Any]:
    """Start all three, wait for them, and return what went wrong."""
    rng = random.Random(seed)
    expected = Expected()
    plans = [plan(writer, rng, expected, documents=documents, chunks=chunks) for writer in range(WRITERS)]
    workers.fork(_create, folder).wait()
    receiving, sending = os.pipe()
    began = time.monotonic()
    reader = _start(sending, read, folder, expected, receiving)
    writers = [workers.fork(write, folder, steps, sending, seed + at) for at, steps in enumerate(plans)]
    os.close(sending)
    os.close(receiving)
    ended = [child.wait() for child in (*writers, reader)]
    seconds = time.monotonic() - began
    judged = workers.fork(judge, folder, expected)
    judged.wait()
    told = {"missing": [], "stale": [], "problems": [], "asked": 0, "queries": 0, "seconds": seconds}
    for child in (*writers, reader, judged):
        told |= next((m for m in child.messages if m["event"] in ("read", "judged")), {})
    for child, code in zip((*writers, reader), ended, strict=True):
        if code:
            told["problems"].append(["lost", f"process ended with {code}: {_last_words(child)}"])
    if judged.status:
        told["problems"].append(["lost", f"the folder cannot be judged: {_last_words(judged)}"])
    return told


def _start(unused: int, work: Callable[..., None], *arguments: Any) -> Child:
    """Fork with one end of a pipe closed: a reader that held the writing end would never see its end."""

    def closing(tell: Tell, *given: Any) -> None:
        os.close(unused)
        work(tell, *given)

    return workers.fork(closing, *arguments)


def _create(_tell: Tell, folder: Path) -> None:
    workers.open_library(folder).close()


def _last_words(child: Child) -> str:
    return next((str(m.get("traceback") or m["message"]) for m in workers.events(child, "error")), "")


def main() -> None:
    """Run, print the table and the figures."""
    options = report.arguments(__doc__ or "")
    workers.warm()
    runs, documents, chunks = (3, 9, 30) if options.quick else (20, 18, 80)
    rows, missing, stale, other = [], 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="lastro-concurrent-") as base:
        for run in range(runs):
            folder = Path(base) / f"run-{run}"
            told = one_run(folder, 100 * run, documents=documents, chunks=chunks)
            for problem in (*told["missing"], *told["stale"], *told["problems"]):
                print(problem, flush=True)
            missing, stale = missing + len(told["missing"]), stale + len(told["stale"])
            other += len(told["problems"])
            print(f"run {run + 1} of {runs}: {told['seconds']:.1f} s", flush=True)
            rows.append((run, told["asked"], len(told["missing"]), told["queries"], len(told["stale"]),
                         len(told["problems"]), f"{told['seconds']:.1f}"))  # fmt: skip
            shutil.rmtree(folder)
    print(f"\n{report.machine()}\n")
    header = ("run", "chunks asked for", "missing", "queries of the reader", "stale", "other problems", "seconds")
    report.table(header, rows)
    report.last_line({"runs": runs, "missing": missing, "stale": stale, "problems": other})


if __name__ == "__main__":
    main()
