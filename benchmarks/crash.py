"""SIGKILL during add, replace and remove, again and again on one and the same folder; nothing may be lost or doubled.

Random kills strike at any moment of a child's work, from opening the library on. Aimed kills strike the moment a file
of Chroma's HNSW index changes on disk (its flush rewrites them in place), and at every named point of our own steps.
After each kill a fresh process opens the folder, compares it with what was acknowledged, carries the work to its end,
and compares again.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Container, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import report, workers
from benchmarks.invariants import KINDS, Expected, as_json, check_files, check_listing, check_search
from benchmarks.workers import Child, Step, Tell, carry_out

NAMES = tuple(f"doc-{at}" for at in range(10))
HNSW = ("index_metadata.pickle", "header.bin", "data_level0.bin", "length.bin", "link_lists.bin")
_TRIES = 3  # to reach a failpoint, or a flush of Chroma


@dataclass
class Tally:
    """What came of the kills of one aim."""

    kills: int = 0
    opens: int = 0
    seconds: float = 0.0
    problems: list[tuple[str, str]] = field(default_factory=list)


class Planner:
    """Draws work: mostly adds and replaces in batches, some removals, sometimes a version that was there before."""

    def __init__(self, expected: Expected, rng: random.Random, sizes: tuple[int, int]) -> None:
        self._expected, self._rng, self._sizes = expected, rng, sizes

    def draw(self, aim: str) -> list[Step]:
        """Three or four steps, no name twice, and one that reaches the aimed failpoint."""
        names = self._rng.sample(NAMES, 8)
        present = [name for name in names if name in self._expected.certain][:2]
        rest = [name for name in names if name not in present]
        steps = [
            Step("add", tuple(self._item(name) for name in rest[:3])),
            Step("remove", tuple((name, 0, 0) for name in present)),
            Step("add", tuple(self._item(name) for name in rest[3:6])),
        ]
        extra = {"rebuild": Step("rebuild"), "compact": Step("purge"), "reembed": _reembed(self._rng)}
        return [*steps, *(step for prefix, step in extra.items() if aim.startswith(prefix))]

    def _item(self, name: str) -> tuple[str, int, int]:
        version = self._rng.choice([at for at in range(4) if at != self._expected.certain.get(name)])
        size = self._expected.sizes.setdefault((name, version), self._rng.randint(*self._sizes))
        return name, version, size


def _reembed(rng: random.Random) -> Step:
    return Step("reembed", salt=f"-{rng.randrange(1000)}")


def work(tell: Tell, folder: Path, salt: str, steps: Sequence[Step], failpoint: tuple[str, int] | None) -> None:
    """What is killed: open the library and carry out the steps, dying at the n-th pass of a failpoint."""
    if failpoint is not None:
        from lastro import failpoints

        left = [failpoint[1]]

        def hook(point: str) -> None:
            left[0] -= point == failpoint[0]
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        failpoints.hook = hook
    with workers.open_library(folder, salt=salt) as library:
        carry_out(library, steps, tell)


def check(tell: Tell, folder: Path, expected: Expected, steps: Sequence[Step], seed: int) -> None:
    """What a fresh process finds: before the interrupted work is resumed, and after."""
    rng = random.Random(seed)
    with workers.open_library(folder, salt=stored_salt(folder), create=False) as library:
        findings, found = check_listing(library, expected)
        tell({"event": "opened"})
        expected.settle(found)
        every = [findings, check_search(library, expected, rng, each=1)]
        for step in steps:
            carry_out(library, [still(step, expected.certain)], lambda message: expected.hear([message]))
        every += [check_listing(library, expected)[0], check_search(library, expected, rng)]
    every.append(check_files(folder, expected, salt=stored_salt(folder), synced=False))
    tell({"event": "checked", "certain": expected.certain, "problems": as_json(every)})


def still(step: Step, present: Container[str]) -> Step:
    """The step, or a removal without the names that are gone already."""
    if step.kind != "remove":
        return step
    return replace(step, items=tuple(item for item in step.items if item[0] in present))


def stored_salt(folder: Path) -> str:
    """The salt of the hash embedder that the library says it has; "" where it says nothing yet."""
    with closing(sqlite3.connect(folder / "library.sqlite")) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone():
            return ""
        row = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()
    return "" if row is None else str(json.loads(row[0])["name"]).removeprefix("hash")


def undone(steps: Sequence[Step], messages: Sequence[dict[str, Any]]) -> list[Step]:
    """What is left of the steps: an item that was acknowledged is not done again."""
    done = {(message["name"], message["version"]) for message in messages if message["event"] == "done"}

    def left(step: Step) -> tuple[tuple[str, int, int], ...]:
        key = {item: (item[0], item[1] if step.kind == "add" else None) for item in step.items}
        return tuple(item for item in step.items if key[item] not in done)

    remaining = [Step(step.kind, left(step), step.salt) for step in steps]
    return [step for step in remaining if step.items or step.kind not in ("add", "remove")]


def strike(child: Child, aim: str, folder: Path, delay: float) -> bool:
    """Wait for the aim and kill; False where the child came to its end before."""
    if aim == "random":
        until = time.monotonic() + delay
        while child.running() and time.monotonic() < until:
            time.sleep(0.0005)
        child.kill()
    elif aim in HNSW:
        before = _stamps(folder, aim)
        while child.running():
            for _look in range(50):  # looking for new folders is slow, and the moment is short
                if any(_stamp(file) != stamp for file, stamp in before.items()):
                    child.kill()
                    break
            before |= {file: stamp for file, stamp in _stamps(folder, aim).items() if file not in before}
    child.wait()
    return child.status == -signal.SIGKILL


def _stamps(folder: Path, name: str) -> dict[Path, tuple[int, int]]:
    return {file: _stamp(file) for file in folder.glob(f"chroma/g*/*/{name}")}


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


class Campaign:
    """All kills, on one folder."""

    def __init__(self, folder: Path, *, seed: int, sizes: tuple[int, int]) -> None:
        self.folder = folder
        self.tallies: dict[str, Tally] = {}
        self.unreached: list[str] = []
        self.evidence: Path | None = None
        self._rng = random.Random(seed)
        self._expected = Expected()
        self._planner = Planner(self._expected, self._rng, sizes)
        self._seconds = 1.0

    def warm_up(self) -> None:
        """Fill the folder once without a kill, and learn how long the work takes."""
        began = time.monotonic()
        steps = self._planner.draw("")
        child = workers.fork(work, self.folder, "", steps, None)
        if child.wait():
            raise SystemExit(f"the work fails without a kill: {child.messages[-1]}")
        self._expected.hear(child.messages)
        self._seconds = time.monotonic() - began

    def kill(self, aim: str) -> None:
        """One kill and its check; a random kill takes the place of an aim that the work does not pass."""
        began = time.monotonic()
        tally = self.tallies.setdefault(aim, Tally())
        for attempt in range(_TRIES):
            steps = self._planner.draw(aim)
            failpoint = None if aim == "random" or aim in HNSW else (aim, self._rng.randint(1, _TRIES - attempt))
            child = workers.fork(work, self.folder, stored_salt(self.folder), steps, failpoint)
            killed = strike(child, aim, self.folder, self._rng.uniform(0, self._seconds))
            self._expected.hear(child.messages)
            if killed:
                break
            self._judge_end(child, tally)
        else:
            self.unreached.append(aim)
            self.kill("random")
            return
        tally.kills += 1
        self._check(undone(steps, child.messages), tally)
        tally.seconds += time.monotonic() - began

    def _judge_end(self, child: Child, tally: Tally) -> None:
        for error in workers.events(child, "error"):
            self._note(tally, [("lost", f"the work failed: {error['type']}: {error['message']}")])
            print(error["traceback"])
        if child.status and child.status < 0:
            self._note(tally, [("lost", f"the work died of signal {-child.status}")])

    def _check(self, steps: Sequence[Step], tally: Tally) -> None:
        checking = workers.fork(check, self.folder, self._expected, steps, self._rng.randrange(1 << 30))
        code = checking.wait()
        tally.opens += any(True for _ in workers.events(checking, "opened"))
        checked = next(workers.events(checking, "checked"), None)
        if checked is None:
            told = checking.messages[-1] if checking.messages else {}
            print(told.get("traceback", ""))
            self._note(tally, [("lost", f"the check ended with {code}: {told.get('type')}: {told.get('message')}")])
            raise SystemExit(f"the folder cannot be used any more; it is kept in {self.evidence}")
        self._note(tally, [(kind, text) for kind, text in checked["problems"]])
        self._expected.begun.clear()
        self._expected.certain.clear()
        self._expected.certain.update(checked["certain"])

    def _note(self, tally: Tally, problems: Sequence[tuple[str, str]]) -> None:
        tally.problems += problems
        for problem in problems:
            print(*problem, sep=": ", flush=True)
        if problems and self.evidence is None:
            self.evidence = Path(tempfile.mkdtemp(prefix="lastro-crash-")) / "library"
            shutil.copytree(self.folder, self.evidence)

    def finish(self) -> None:
        """After all kills, one more add in peace: now the index must hold everything."""
        self._expected.sizes["last", 0] = 5
        steps = [Step("add", (("last", 0, 5),))]
        tally = self.tallies.setdefault("the end", Tally())
        workers.fork(work, self.folder, stored_salt(self.folder), steps, None).wait()
        self._expected.certain["last"] = 0
        last = workers.fork(_check_synced, self.folder, self._expected)
        last.wait()
        problems = [problem for message in workers.events(last, "checked") for problem in message["problems"]]
        problems += [("lost", message["message"]) for message in workers.events(last, "error")]
        self._note(tally, [(kind, text) for kind, text in problems])


def _check_synced(tell: Tell, folder: Path, expected: Expected) -> None:
    findings = check_files(folder, expected, salt=stored_salt(folder), synced=True)
    tell({"event": "checked", "problems": as_json([findings])})


def aims(random_kills: int, flush: int, points: int) -> list[str]:
    """What each kill aims at; files and failpoints take turns."""
    from lastro.failpoints import POINTS

    return [
        *["random"] * random_kills,
        *(HNSW[at % len(HNSW)] for at in range(flush)),
        *(POINTS[at * len(POINTS) // points % len(POINTS)] for at in range(points)),
    ]


def main() -> None:
    """Run, print the table and the figures."""
    options = report.arguments(__doc__ or "")
    workers.warm()
    wanted = aims(18, 5, 7) if options.quick else aims(200, 16, 34)
    folder = Path(tempfile.mkdtemp(prefix="lastro-crash-")) / "library"
    campaign = Campaign(folder, seed=3, sizes=(20, 60) if options.quick else (40, 160))
    order = random.Random(5)
    order.shuffle(wanted)
    campaign.warm_up()
    for at, aim in enumerate(wanted, start=1):
        campaign.kill(aim)
        if at % 50 == 0:
            print(f"{at} of {len(wanted)} kills", flush=True)
    campaign.finish()
    shutil.rmtree(folder.parent)
    tallies = campaign.tallies
    print(f"\n{report.machine()}\n")
    problems = [problem for tally in tallies.values() for problem in tally.problems]
    count = {kind: sum(found == kind for found, _text in problems) for kind in KINDS}
    report.table(
        ("killed at", "kills", "opened after", "problems", "seconds a kill with its check"),
        [
            (aim, t.kills, t.opens, len(t.problems), f"{t.seconds / max(t.kills, 1):.2f}")
            for aim, t in sorted(tallies.items())
        ],
    )
    kills, opens = (sum(getattr(t, key) for t in tallies.values()) for key in ("kills", "opens"))
    report.last_line({"kills": kills, **count, "opens": opens, "unreached": sorted(set(campaign.unreached))})


if __name__ == "__main__":
    main()
