"""The long reliability run: each benchmark in a process of its own, its figures held against the promises.

The result is written to `docs/nightly.md`. The exit code is 1 where a promise was broken.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "nightly.md"


@dataclass(frozen=True)
class Promise:
    """A benchmark and what its last line must say: values that are equal, and values that are no greater.

    A figure of a part of the last line is named "part.figure".
    """

    module: str
    equal: dict[str, int] = field(default_factory=dict)
    at_most: dict[str, float] = field(default_factory=dict)
    quick: bool = False

    def broken(self, figures: dict[str, Any]) -> list[str]:
        """What the figures do not keep; a figure that is missing keeps nothing."""
        figures = flat(figures)
        wrong = [f"{key} = {figures.get(key)}, not {value}" for key, value in self.equal.items()
                 if figures.get(key) != value]  # fmt: skip
        return wrong + [
            f"{key} = {figures.get(key)}, over {value}"
            for key, value in self.at_most.items()
            if not figures.get(key, float("inf")) <= value
        ]


def flat(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures, those of parts named with their part.

    >>> flat({"kills": 250, "payloads": {"nodes": 0}})
    {'kills': 250, 'payloads.nodes': 0}
    """
    found: dict[str, Any] = {}
    for key, value in figures.items():
        parts = flat(value) if isinstance(value, dict) else {}
        found |= {f"{key}.{name}": one for name, one in parts.items()} if parts else {key: value}
    return found


PROMISES = (
    Promise("crash", {"kills": 250, "lost": 0, "duplicate": 0, "orphan": 0, "opens": 250}),
    Promise("concurrent", {"runs": 20, "missing": 0, "stale": 0, "problems": 0}),
    Promise(
        "damage",
        {"kinds": 21, "healed": 21, "extra_healed": 4, "embedded_again": 0, "rebuild_problems": 0},
        {"rebuild_seconds": 15.0},
    ),
    Promise("diskfull", {"corrupt": 0, "unsaid": 0, "unresumed": 0, "stuck": 0}),
    Promise("canaries", {"found": 0, "vectors_found": 0}, {"size_ratio": 1.2}),
    Promise("hostile", {"queries": 10_000, "exceptions": 0, "foreign": 0, "outside_filter": 0, "unsound": 0}),
    Promise(
        "answers",
        {"payloads.nodes": 0, "injection.documents": 6, "injection.effects": 0, "citations.wrong": 0},
        quick=True,
    ),
)


def run(module: str, *, quick: bool = False) -> tuple[dict[str, Any], float]:
    """The figures of one benchmark's last line and the seconds it took; its output goes on to the terminal."""
    began, last = time.monotonic(), ""
    command = [sys.executable, "-m", f"benchmarks.{module}", *(["--quick"] if quick else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line
    try:
        figures = json.loads(last)
    except ValueError:
        figures = {}
    return figures, time.monotonic() - began


def page(rows: list[tuple[str, dict[str, Any], list[str], float]]) -> str:
    """The record of a run, in Markdown."""
    lines = [
        "# The last nightly run",
        "",
        f"Written by `make nightly` on {datetime.now(UTC):%Y-%m-%d}; {report.machine()}. What each benchmark does",
        "stands at the top of its file in `benchmarks/`.",
        "",
    ]
    for module, figures, broken, seconds in rows:
        state = "kept" if not broken else f"**broken: {'; '.join(broken)}**"
        lines += [f"## `python -m benchmarks.{module}`", "", f"{seconds:,.0f} s; promise {state}.", ""]
        lines += ["```json", json.dumps(figures), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run all, write the page, and say what was broken."""
    rows = []
    for promise in PROMISES:
        figures, seconds = run(promise.module, quick=promise.quick)
        command = f"{promise.module} --quick" if promise.quick else promise.module
        rows.append((command, figures, promise.broken(figures), seconds))
    PAGE.write_text(page(rows), encoding="utf-8")
    for module, _figures, broken, seconds in rows:
        print(f"{module}: {'kept' if not broken else '; '.join(broken)} ({seconds:,.0f} s)")
    raise SystemExit(any(broken for _module, _figures, broken, _seconds in rows))


if __name__ == "__main__":
    main()
