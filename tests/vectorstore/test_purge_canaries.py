from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.canaries import purge_beside_a_reader, remove_and_purge
from benchmarks.traces import Scanner

WORD = "sãoqpwkelrmtnybuvxzic"


@pytest.mark.parametrize(
    "data",
    [
        WORD.encode(),
        WORD.upper().encode(),
        WORD.encode("utf-16-le"),
        b"\x01" + WORD.encode("utf-16-be"),
        b"\x05\x0e" + WORD[6:-2].encode(),  # as FTS5 keeps a stem whose beginning the stem before has too
    ],
)
def test_a_scan_sees_a_word_in_any_form(data: bytes, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"before\x00" + data + b"\x02after")
    traces = Scanner([WORD], np.zeros((0, 0), dtype=np.float32)).scan(tmp_path)
    assert (traces.words, traces.files) == ({WORD}, {"file"})


@pytest.mark.parametrize("offset", range(4))
def test_a_scan_sees_any_32_bytes_of_a_vector_that_was_scaled_again(offset: int, tmp_path: Path):
    vectors = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    part = np.nextafter(vectors[3], 2).astype("<f4").tobytes()[82:114]
    (tmp_path / "file").write_bytes(b"x" * offset + part + b"y" * 50)
    assert Scanner([], vectors).scan(tmp_path).vectors == {3}
    assert not Scanner([], vectors[:3]).scan(tmp_path).vectors


def test_what_is_purged_is_in_no_file(tmp_path: Path):
    removal = remove_and_purge(tmp_path, 60)
    assert len(removal.before.words) == 60
    assert len(removal.before.vectors) == 54
    assert removal.state == "done"
    assert (removal.purged.words, removal.purged.vectors) == (set(), set())
    assert removal.size_ratio <= 1.2


@pytest.mark.parametrize("finish", ["purge", "close"])
def test_a_purge_beside_a_reader_is_pending_and_ends_when_it_leaves(finish: str, tmp_path: Path):
    left, states, _seconds = purge_beside_a_reader(tmp_path, 20, finish=finish)
    assert states == (["pending", "done"] if finish == "purge" else ["pending"])
    assert (left.words, left.vectors) == (set(), set())
