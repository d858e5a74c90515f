"""A smoke of `benchmarks/concurrent.py`: two writers and a reader, three processes on one folder."""

from __future__ import annotations

import pytest

from benchmarks import nightly


@pytest.mark.slow
def test_two_writers_lose_nothing_and_a_reader_is_never_stale() -> None:
    figures, _seconds = nightly.run("concurrent", quick=True)

    assert figures == {"runs": figures["runs"], "missing": 0, "stale": 0, "problems": 0}
