"""What every benchmark prints: the machine, a table, and one JSON object as its last line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path


def arguments(description: str) -> argparse.Namespace:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer repeats and questions")
    parser.add_argument("--data", type=Path, default=None, help="folder of the public question sets")
    return parser.parse_args()


def machine() -> str:
    """One line that says where figures were taken."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def spread(values: Sequence[float]) -> str:
    """Median with the least and the greatest.

    >>> spread([3.0, 1.0, 2.0])
    '2.00 (1.00 to 3.00)'
    """
    if not values:
        return "-"
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    """The median of the ratios of pairs taken in the same repeat."""
    return statistics.median(a / b for a, b in zip(ours, peers, strict=True) if b)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def last_line(figures: dict[str, object]) -> None:
    """Print the figures as one JSON object."""
    print(json.dumps(figures))
