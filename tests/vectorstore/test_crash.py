"""A smoke of `benchmarks/crash.py`: it forks, so it runs in a process of its own."""

from __future__ import annotations

import pytest

from benchmarks import crash, nightly
from benchmarks.invariants import Expected, Findings
from lastro.failpoints import POINTS


@pytest.mark.slow
def test_thirty_kills_on_one_folder_lose_double_and_leave_nothing() -> None:
    figures, _seconds = nightly.run("crash", quick=True)

    assert {key: figures[key] for key in ("kills", "lost", "duplicate", "orphan", "opens")} == {
        "kills": 30, "lost": 0, "duplicate": 0, "orphan": 0, "opens": 30,
    }  # fmt: skip


def test_the_long_run_kills_250_times_and_at_every_failpoint() -> None:
    wanted = crash.aims(200, 16, 34)

    assert len(wanted) == 250
    assert set(POINTS) <= set(wanted)


def test_what_was_begun_may_have_come_or_not_and_what_was_acknowledged_must_be_there() -> None:
    expected = Expected(certain={"a": 0, "b": 0})
    expected.hear([{"event": "begin", "name": "a", "version": 1}, {"event": "done", "name": "a", "version": 1}])
    expected.hear([{"event": "begin", "name": "b", "version": None}])

    assert expected.allowed("a") == {1}
    assert expected.allowed("b") == {0, None}


def test_the_oracle_sees_what_is_missing_beyond_and_twice() -> None:
    findings = Findings()
    findings.compare("chunks", ["a", "a", "c"], ["a", "b"])

    assert [kind for kind, _problem in findings.problems] == ["lost", "orphan", "duplicate"]
