"""A smoke of `benchmarks/diskfull.py`: a write fails in every file of a library."""

from __future__ import annotations

import pytest

from benchmarks import diskfull, faults, nightly


@pytest.mark.slow
@pytest.mark.skipif(bool(faults.unavailable()), reason=faults.unavailable() or "available")
def test_a_full_or_failing_disk_corrupts_nothing_and_the_error_says_so() -> None:
    figures, _seconds = nightly.run("diskfull", quick=True)

    assert figures["points"] >= 20
    assert figures["corrupt"] == figures["unsaid"] == figures["unresumed"] == figures["stuck"] == 0


def test_faults_are_spread_over_every_kind_of_call_and_file() -> None:
    chosen = list(diskfull.points({("write", "a"): 1, ("sync", "b"): 9}, 3))

    assert [(fault.kind, fault.path, fault.nth) for fault in chosen] == [
        ("sync", "b", 1), ("sync", "b", 5), ("sync", "b", 9), ("write", "a", 1),
    ]  # fmt: skip
