"""The claims beside two passages that readers of claims learn from."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import contrast
from benchmarks.contrast import Contrast, contrasts, twins
from benchmarks.reader_fit import swaps

KINDS = {"answer", "asked", "role", "paraphrase", "polarity", "number", "two", "scope", "fragment"}


def texts(passages: list[dict[str, str]]) -> list[str]:
    return [passage["text"] for passage in passages]


def test_every_edit_fits_and_changes_its_passage() -> None:
    found = list(contrasts())
    assert len(found) > 17_000
    assert all(texts(one.backing) != texts(one.other) for one in found)


def test_twins_are_two_claims_and_two_passages_each_claim_backed_by_one() -> None:
    found = list(twins())
    assert len({one.row["id"] for one, _ in found}) == len(found)
    for one, other in found:
        assert one.row["claim"] != other.row["claim"]
        assert one.backing == other.other
        assert one.other == other.backing
        assert texts(one.backing) != texts(one.other)
    kinds = Counter(one.row["kind"] for one, _ in found)
    assert set(kinds) == KINDS
    assert min(kinds.values()) > len(found) / 20
    languages = Counter(one.row["lang"] for one, _ in found)
    assert min(languages["en"], languages["pt"]) > 0.4 * len(found)


def test_an_edit_that_does_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"group": "t1", "lang": "en", "claims": "en", "title": "T", "text": "Ana met Rui. Ana left."}
    for edits in ([["Ana", "Eva"]], [["met Rui", "met Rui"]], [["met Rui", "saw Rui"], ["Rui. Ana", "Rui. Eva"]]):
        row = {**given, "twins": [["role", "Ana met Rui.", "Rui met Ana.", edits]]}
        file = tmp_path / "twins.jsonl"
        file.write_text(json.dumps(row) + "\n", encoding="utf-8")
        monkeypatch.setattr(contrast, "TWINS", file)
        with pytest.raises(ValueError, match="it must once"):
            list(twins())


def test_swapped_passages_hold_the_same_words_and_back_the_swapped_claim() -> None:
    row = {"id": "x-1", "lang": "en", "claim": "The bridge was opened in 1911.", "question": ""}
    before = [{"id": "p1", "title": "", "text": "The bridge was opened in 1911. The tower was built in 1874."}]
    ((one, other),) = swaps([Contrast(row, before, before)], random.Random(0))
    assert texts(one.other) == ["The bridge was opened in 1874. The tower was built in 1911."]
    assert (one.row["claim"], other.row["claim"]) == (row["claim"], "The bridge was opened in 1874.")
    assert (other.backing, other.other) == (one.other, one.backing)
