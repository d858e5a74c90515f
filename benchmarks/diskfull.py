"""A full and a failing disk, at every kind of write: nothing is corrupt, the work resumes, and the error says disk.

One script (add, replace, remove, purge) is run once to list its write-like calls: which call, on which file. Then for
each kind of call on each kind of file some are made to fail, with ENOSPC or EIO, once or from then on. A healthy
process opens what is left, carries the script to its end, and looks at everything (see benchmarks.invariants).
"""

from __future__ import annotations

import errno
import logging
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import faults, report, workers
from benchmarks.crash import check, still, undone
from benchmarks.faults import Fault
from benchmarks.invariants import Expected
from benchmarks.workers import Step, Tell, carry_out

FILES = (
    "library.sqlite", "library.sqlite-wal", "library.sqlite-shm", "library.sqlite-journal", "write.lock.json",
    "index.lock.json", "write.lock", "index.lock", "chroma.sqlite3-wal", "chroma.sqlite3-journal", "chroma.sqlite3",
    "index_metadata.pickle", "data_level0.bin", "header.bin", "length.bin", "link_lists.bin",
    "/originals", "/chroma", "library",
)  # fmt: skip
START = ("empty", "grown")  # what the script finds: no library at all, or one near the size where Chroma flushes


@dataclass(frozen=True)
class Outcome:
    """What came of one fault."""

    start: str
    fault: Fault
    fired: int
    said: str  # type and message of the error; "" where none was raised
    tolerated: bool  # no error, and the script came to its end
    warned: bool  # the library's log says something
    corrupt: list[str]
    resumed: bool
    stuck: str  # why the same library object could not go on once the disk was well; "" where it could

    @property
    def said_disk(self) -> bool:
        """Whether the error names the disk."""
        return "LibraryDiskError" in self.said or "disk" in self.said.lower()


def script(expected: Expected) -> list[Step]:
    """Add, replace, remove, purge; together enough chunks that Chroma flushes."""

    def items(version: int, sizes: dict[str, int]) -> tuple[tuple[str, int, int], ...]:
        expected.sizes.update({(name, version): size for name, size in sizes.items()})
        return tuple((name, version, size) for name, size in sizes.items())

    return [
        Step("add", items(0, {"new-0": 60, "new-1": 60, "new-2": 40})),
        Step("add", items(1, {"new-0": 50, "old-0": 90})),
        Step("remove", (("new-1", 0, 0),)),
        Step("purge"),
        Step("add", items(0, {"new-3": 30})),
    ]


def grow(tell: Tell, folder: Path, expected: Expected) -> None:
    """A library of nearly a thousand chunks, made on a healthy disk."""
    items = tuple((f"old-{at}", 0, expected.sizes[f"old-{at}", 0]) for at in range(8))
    with workers.open_library(folder) as library:
        carry_out(library, [Step("add", items)], tell)


class _Told(logging.Handler):
    """Keeps the warnings of the library."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def suffer(tell: Tell, folder: Path, steps: Sequence[Step], fault: Fault | None, log: int) -> None:
    """The script on a disk that fails; with no fault its calls are logged.

    A disk that failed from then on is made well after the error, and the same library object has to go on.
    """
    warnings = _Told()
    logging.getLogger("lastro").addHandler(warnings)
    faults.watch(folder.parent, log)
    if fault is not None:
        faults.arm(fault)
    told: list[dict[str, Any]] = []

    def noted(message: dict[str, Any]) -> None:
        told.append(message)
        tell(message)

    try:
        with workers.open_library(folder) as library:
            try:
                carry_out(library, steps, noted)
            except Exception as error:
                if fault is None or not fault.sticky:
                    raise
                tell({"event": "error", "type": type(error).__name__, "message": str(error)})
                tell({"event": "fired", "count": faults.disarm(), "warnings": warnings.lines})
                present = {record.title for record in library.documents()}
                carry_out(library, [still(step, present) for step in undone(steps, told)], noted)
                tell({"event": "recovered"})
    finally:
        tell({"event": "fired", "count": faults.disarm(), "warnings": warnings.lines})


def calls(base: Path, start: str, steps: Sequence[Step]) -> dict[tuple[str, str], int]:
    """How often each kind of call is made on each kind of file."""
    folder = _fresh(base, start)
    found: dict[tuple[str, str], int] = defaultdict(int)
    with tempfile.TemporaryFile() as log:
        child = workers.fork(suffer, folder, steps, None, log.fileno())
        if child.wait():
            raise SystemExit(f"the script fails on a healthy disk: {child.messages[-1]}")
        log.seek(0)
        for line in log.read().decode().splitlines():
            kind, path = line.split(" ", 1)
            name = next((name for name in FILES if (name in path if name[0] == "/" else path.endswith(name))), None)
            if name is None:
                raise SystemExit(f"{path}: no kind of file is known for it; add it to FILES")
            found[kind, name] += 1
    return dict(found)


def points(counted: dict[tuple[str, str], int], each: int) -> Iterator[Fault]:
    """Faults for each kind of call on each kind of file: the first, the last, and others spread between them."""
    turn = 0
    for (kind, path), count in sorted(counted.items()):
        wanted = sorted({1 + at * (count - 1) // max(each - 1, 1) for at in range(each)})
        for nth in wanted:
            error = errno.EIO if kind == "sync" or turn % 3 == 2 else errno.ENOSPC
            yield Fault(kind, path, nth, error, sticky=bool(turn % 2))
            turn += 1


def _fresh(base: Path, start: str) -> Path:
    folder = base / "work" / "library"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.parent.mkdir()
    if start == "grown":
        shutil.copytree(base / "grown", folder)
    return folder


def inject(base: Path, start: str, fault: Fault, steps: Sequence[Step], before: Expected) -> Outcome:
    """Run the script with one fault, then look with a healthy process."""
    folder = _fresh(base, start)
    suffering = workers.fork(suffer, folder, steps, fault, -1)
    code = suffering.wait()
    errors = list(workers.events(suffering, "error"))
    error = errors[0] if errors else None
    ended = next(workers.events(suffering, "fired"), {"count": 0, "warnings": []})
    said = f"{error['type']}: {error['message']}" if error else f"signal {-code}" if code < 0 else ""
    expected = Expected(before.sizes, dict(before.certain))
    expected.hear(suffering.messages)
    if not (folder / "library.sqlite").exists() and not expected.certain:
        workers.fork(_create, folder).wait()  # nothing was made, so there is nothing to open: begin anew
    checking = workers.fork(check, folder, expected, undone(steps, suffering.messages), 1)
    checking.wait()
    corrupt = [problem for m in workers.events(checking, "checked") for _kind, problem in m["problems"]]
    corrupt += [m["traceback"] for m in workers.events(checking, "error")]
    resumed = any(True for _ in workers.events(checking, "checked"))
    stuck = f"{errors[1]['type']}: {errors[1]['message']}" if errors[1:] else ""
    return Outcome(
        start, fault, ended["count"], said, not errors and code == 0, bool(ended["warnings"]), corrupt, resumed, stuck
    )


def _create(_tell: Tell, folder: Path) -> None:
    workers.open_library(folder).close()


def run(quick: bool) -> None:
    """All points; prints the table and the figures."""
    workers.warm()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="lastro-diskfull-") as name:
        base = Path(name).resolve()
        sizes = Expected({(f"old-{at}", 0): 115 for at in range(8)})
        grown = workers.fork(grow, base / "grown", sizes)
        grown.wait()
        sizes.hear(grown.messages)
        for start in START:
            before = Expected(sizes.sizes, dict(sizes.certain) if start == "grown" else {})
            steps = script(before)
            chosen = list(points(calls(base, start, steps), 1 if quick else 3))
            for fault in chosen[:: 3 if quick else 1]:
                outcome = inject(base, start, fault, steps, before)
                outcomes.append(outcome)
                _tell(outcome)
    _report(outcomes)


def _tell(outcome: Outcome) -> None:
    fault = outcome.fault
    place = f"{outcome.start}: {fault.kind} {fault.nth} of {fault.path}, {errno.errorcode[fault.error]}"
    place += " from then on" if fault.sticky else " once"
    if outcome.corrupt:
        print(f"{place}: CORRUPT", *outcome.corrupt, sep="\n    ")
    if not outcome.tolerated and not outcome.said_disk:
        print(f"{place}: does not say disk: {outcome.said}")
    if outcome.stuck:
        print(f"{place}: stuck after {outcome.said}\n    {outcome.stuck}")
    if not outcome.fired:
        print(f"{place}: not reached")
    sys.stdout.flush()


def _report(outcomes: Sequence[Outcome]) -> None:
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    hit = [outcome for outcome in outcomes if outcome.fired]
    for outcome in hit:
        groups[outcome.fault.kind, outcome.fault.path].append(outcome)

    def count(of: Sequence[Outcome]) -> tuple[int, ...]:
        said, tolerated = sum(o.said_disk for o in of), sum(o.tolerated for o in of)
        warned = sum(o.tolerated and o.warned for o in of)
        return len(of), sum(bool(o.corrupt) for o in of), sum(o.resumed for o in of), said, tolerated, warned

    print(f"\n{report.machine()}\n")
    rows = [(kind, path.strip("/"), *count(of)) for (kind, path), of in sorted(groups.items())]
    report.table(("call", "file", "points", "corrupt", "resumed", "says disk", "tolerated", "with a warning"), rows)
    total, corrupt, resumed, said, tolerated, _warned = count(hit)
    report.last_line(
        {
            "points": total, "corrupt": corrupt, "resumed": resumed, "said_disk": said, "tolerated": tolerated,
            "unsaid": total - said - tolerated, "unresumed": total - resumed,
            "stuck": sum(bool(outcome.stuck) for outcome in hit), "unreached": len(outcomes) - total,
        }
    )  # fmt: skip


def main() -> None:
    """Run with the shim loaded, or say why that cannot be."""
    options = report.arguments(__doc__ or "")
    reason = faults.unavailable()
    if reason:
        report.last_line({"points": 0, "skipped": reason})
        return
    code = faults.restart_with_shim("benchmarks.diskfull", sys.argv[1:])
    if code is None:
        run(options.quick)
    else:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
