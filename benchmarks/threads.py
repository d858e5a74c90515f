"""How many threads the chat model should use, and whether those that wait should spin or sleep.

Each way is a process of its own with PyTorch loaded first, as in a real run: both use one OpenMP, which reads its
policy once. The ways take turns within each repeat, in an order that changes, over a prompt that none has seen; "busy"
adds a process that uses a core. A box that others use is never idle, so its load stands in the first and last line, and
what counts is the ratio to one thread in the same repeat.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks import report

CONTEXT = 768  # tokens
WRITTEN = 24  # tokens of an answer
WORDS = 100  # of a prompt
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with us, however we end
WORKER = "from benchmarks.threads import work; work({threads})"


@dataclass(frozen=True)
class Way:
    """So many threads, which wait for each other awake or asleep."""

    threads: int
    waits: str  # "spinning" or "sleeping"


@dataclass
class Speeds:
    """Tokens a second, one value a repeat."""

    prompt: list[float] = field(default_factory=list)
    writing: list[float] = field(default_factory=list)


def work(threads: int) -> None:
    """In a child: answer the numbers that come on stdin, and write the two speeds of each to stdout."""
    import torch  # noqa: F401 - what it loads is the point

    from lastro.config import LlmSettings
    from lastro.llm.engine import open_engine

    settings = LlmSettings(threads=threads, context_window=CONTEXT, gpu_layers=0, check_memory=False)
    engine = open_engine(settings)
    for line in sys.stdin:
        print(json.dumps(_measure(engine, int(line))), flush=True)


def _measure(engine: object, repeat: int) -> tuple[float, float]:
    from lastro.llm.engine import Finished, LlamaEngine, Request
    from lastro.llm.template import Turn

    assert isinstance(engine, LlamaEngine)
    words = " ".join(f"{repeat}{word}" for word in range(WORDS))
    prompt = engine.prompt([Turn("user", f"Story {repeat}: write a long story about these numbers. {words}")])
    began = time.perf_counter()
    first, finished = 0.0, None
    for part in engine.generate(prompt[: CONTEXT - WRITTEN], Request(max_tokens=WRITTEN)):
        first = first or time.perf_counter()
        finished = part if isinstance(part, Finished) else finished
    ended = time.perf_counter()
    if finished is None or finished.completion < WRITTEN // 2:
        raise RuntimeError(f"repeat {repeat}: the model wrote {finished}, too little to time")
    return (finished.prompt - finished.cached) / (first - began), (finished.completion - 1) / (ended - first)


class Worker:
    """A child process that measures one way."""

    def __init__(self, way: Way) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        if way.waits == "sleeping":
            environment["OMP_WAIT_POLICY"] = "passive"
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(threads=way.threads)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self, repeat: int) -> tuple[float, float]:
        """Tokens a second of the prompt and of the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(repeat, file=self._process.stdin, flush=True)
        prompt, writing = json.loads(self._process.stdout.readline())
        return prompt, writing

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that use a core each, for as long as the block runs."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def compare(workers: dict[Way, Worker], repeats: int, *, beside: int, first: int) -> dict[Way, Speeds]:
    speeds = {way: Speeds() for way in workers}
    with busy(beside):
        for repeat in range(repeats):
            ways = list(workers) if repeat % 2 == 0 else list(workers)[::-1]
            for way in ways:
                prompt, writing = workers[way].measure(first + repeat)
                speeds[way].prompt.append(prompt)
                speeds[way].writing.append(writing)
                line = f"{beside} busy, {way.threads} {way.waits}: {prompt:.1f} and {writing:.1f} tokens/s"
                print(line, file=sys.stderr, flush=True)
    return speeds


def _rows(condition: str, found: dict[Way, Speeds]) -> Iterator[list[object]]:
    one = next(speeds for way, speeds in found.items() if way.threads == 1)
    for way, speeds in found.items():
        name = f"{way.threads}" if way.threads == 1 else f"{way.threads}, {way.waits}"
        yield [
            condition, name, report.spread(speeds.prompt), report.spread(speeds.writing),
            _ratios(speeds.prompt, one.prompt), _ratios(speeds.writing, one.writing),
        ]  # fmt: skip


def _ratios(ours: Sequence[float], one: Sequence[float]) -> str:
    return report.spread([a / b for a, b in zip(ours, one, strict=True)])


def _figures(found: dict[Way, Speeds]) -> dict[str, dict[str, float]]:
    one = next(speeds for way, speeds in found.items() if way.threads == 1)
    return {
        f"{way.threads} {way.waits}": {
            "prompt": round(report.ratio(speeds.prompt, one.prompt), 3),
            "writing": round(report.ratio(speeds.writing, one.writing), 3),
        }
        for way, speeds in found.items()
    }


def main() -> None:
    options = report.arguments(__doc__ or "")
    from lastro.llm.hardware import physical_cores

    repeats, cores = 2 if options.quick else 5, physical_cores()
    several = sorted({max(1, cores - 1), cores} - {1})
    ways = [Way(1, "sleeping"), *(Way(count, waits) for count in several for waits in ("spinning", "sleeping"))]
    print(report.machine() + "\n")
    workers = {way: Worker(way) for way in ways}
    try:
        for worker in workers.values():
            worker.measure(99)  # loads the model
        found = {
            "nothing of ours": compare(workers, repeats, beside=0, first=100),
            "one busy process": compare(workers, repeats, beside=1, first=200),
        }
    finally:
        for worker in workers.values():
            worker.close()
    header = ("beside it", "threads", "prompt tokens/s", "written tokens/s", "prompt / one", "written / one")
    report.table(header, [row for condition, speeds in found.items() for row in _rows(condition, speeds)])
    print("\n" + report.machine())
    ratios = {condition: _figures(speeds) for condition, speeds in found.items()}
    report.last_line({"benchmark": "threads", "cores": cores, "repeats": repeats, "to_one_thread": ratios})


if __name__ == "__main__":
    main()
