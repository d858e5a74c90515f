"""A smoke of `benchmarks/damage.py`: one kind of damage to each file of the index."""

from __future__ import annotations

import pytest

from benchmarks import damage, nightly


@pytest.mark.slow
def test_a_damaged_index_is_survived_and_mended_without_embedding_again() -> None:
    figures, _seconds = nightly.run("damage", quick=True)

    assert figures["healed"] == figures["kinds"] > 0
    assert figures["extra_healed"] == figures["extra_kinds"] > 0
    assert figures["embedded_again"] == figures["rebuild_problems"] == 0


def test_the_long_run_does_twenty_one_kinds_of_damage() -> None:
    assert len({str(kind) for kind in damage.kinds()}) == 21
