"""The claims beside two passages that readers of claims learn from."""

from __future__ import annotations

import json
import random
from argparse import Namespace
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import contrast
from benchmarks.contrast import Contrast, contrasts, questions, twins, unseen
from benchmarks.reader_fit import _batches, _twins
from benchmarks.reader_material import answered, beside, material, may_have_learnt, swaps

KINDS = {"answer", "asked", "role", "paraphrase", "polarity", "number", "two", "scope", "fragment",
         "silent"}  # fmt: skip


def texts(passages: list[dict[str, str]]) -> list[str]:
    return [passage["text"] for passage in passages]


def test_every_edit_fits_and_changes_its_passage() -> None:
    found = list(contrasts())
    assert len(found) > 17_000
    assert all(texts(one.backing) != texts(one.other) for one in found)


def test_every_twin_fits_and_each_kind_and_both_languages_are_there() -> None:
    found = list(twins())
    assert len({one.row["id"] for pair in found for one in pair}) == 2 * len(found)
    assert all(one.row["claim"] != other.row["claim"] for one, other in found)
    kinds = Counter(one.row["kind"] for one, _ in found)
    assert set(kinds) == KINDS
    assert min(kinds.values()) > len(found) / 50
    languages = Counter(one.row["lang"] for one, _ in found)
    assert min(languages["en"], languages["pt"]) > 0.4 * len(found)


def test_every_pair_of_questions_fits_its_passage() -> None:
    found = list(questions())
    assert len(found) > 3_000
    for one in found:
        before, after = one.sides
        assert before.question == after.other
        assert before.passage != after.passage
        assert before.sentence in before.passage[2]
        assert after.sentence in after.passage[2]
    languages = Counter(one.language for one in found)
    assert min(languages["en"], languages["pt"]) > 0.4 * len(found)


def test_what_is_read_of_questions_is_no_other_claim_alone() -> None:
    """Each question and each sentence stands on both sides, so that neither alone tells anything."""
    one = next(one for one in questions() if not one.short)
    first, second = answered(one)
    assert {claim for _, claim in first.read}.isdisjoint(claim for _, claim in second.read)
    for side, pair in zip(one.sides, (first, second), strict=True):
        assert pair.read[0][1] == f"{side.question} {side.sentence}"
        assert pair.read[1][1] == f"{side.other} {side.sentence}"
        assert all(side.sentence[:20] in passage for passage, _ in pair.read)
    (pair,) = beside(one)
    assert pair.read[0][1] == f"{one.sides[0].question} {one.sides[0].sentence}"
    assert pair.read[1][1].startswith(one.sides[0].question)
    assert one.sides[0].sentence not in pair.read[1][1]


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[list[str]]) -> list[tuple[Contrast, Contrast]]:
    given = {"group": "t1", "lang": "en", "claims": "en", "title": "T", "text": "Ana met Rui. Ana left."}
    file = tmp_path / "twins.jsonl"
    row = {**given, "twins": [["role", "Ana met Rui.", "Rui met Ana.", edits]]}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.setattr(contrast, "TWINS", file)
    return list(twins())


def test_the_edits_of_twins_are_made_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((one, other),) = written(tmp_path, monkeypatch, [["Ana met", "Rui met"], ["Rui", "Ana"]])
    assert texts(one.backing) == texts(other.other) == ["Ana met Rui. Ana left."]
    assert texts(one.other) == texts(other.backing) == ["Rui met Ana. Ana left."]


@pytest.mark.parametrize(
    ("edits", "wrong"),
    [
        ([], "no edit"),
        ([["Ana", "Eva"]], "stands 2 times"),
        ([["Eva", "Ana"]], "stands 0 times"),
        ([["met Rui", "met Rui"]], "is not changed"),
        ([["met Rui", "saw Rui"], ["Rui. Ana", "Rui. Eva"]], "overlap"),
    ],
)
def test_an_edit_that_does_not_fit_is_told(
    edits: list[list[str]], wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=wrong):
        written(tmp_path, monkeypatch, edits)


def test_what_is_held_out_is_not_learnt_from_and_what_is_measured_is_not_weighed() -> None:
    chosen = Namespace(seed=0, first=10**6, twins=10**6, swaps=200, questions=10**6, parts=[])
    given = material(chosen)
    learnt = {one.group for group in given.groups for one in group}
    assert learnt.isdisjoint(given.held_out_groups)
    assert given.counts["twins"] > 15 * len(given.held_twins) / 2 * 0.7
    assert set(unseen_groups(for_weights=True)).isdisjoint(unseen_groups(for_weights=False))
    with pytest.raises(SystemExit, match="T0"):
        material(Namespace(seed=0, first=1, twins=1, swaps=0, questions=1, parts=["T0"]))


def test_a_reader_that_may_have_learnt_what_is_held_out_is_no_start() -> None:
    given = material(Namespace(seed=0, first=1, twins=1, swaps=0, questions=1, parts=[]))
    edits = sorted({one.group for one in given.held_edits})
    hashed = sorted({one.group for one in given.held_twins})
    none, some = {"edits": 5}, {"mean_of": 1, "after": [{"twins": 5}]}
    assert may_have_learnt({"held_out_groups": edits, "learnt_from": none}, given) == []
    assert may_have_learnt({"held_out_groups": [*edits, hashed[0]], "learnt_from": some}, given) == []
    assert may_have_learnt({"held_out_groups": edits, "learnt_from": some}, given) == hashed
    assert may_have_learnt({"held_out_groups": edits[1:], "learnt_from": none}, given) == edits[:1]


def unseen_groups(*, for_weights: bool) -> set[str]:
    return {one.group for one in unseen(for_weights=for_weights)}


def test_the_loss_compares_twins_with_each_other_and_nothing_else() -> None:
    assert _twins([1, 2, 1, 2]) == [(1, 2), (2, 1), (4, 5), (5, 4)]


def test_a_batch_never_parts_twins() -> None:
    read = [[(([0] * (at + 1), 0), ([0], 0))] * (1 + at % 2) for at in range(100)]
    batches = _batches(read, 8, random.Random(0))
    assert sorted(at for batch in batches for at in batch) == list(range(100))
    assert all(sum(len(read[at]) for at in batch) <= 9 for batch in batches)


def test_swapped_passages_hold_the_same_words_and_back_the_swapped_claim() -> None:
    row = {"id": "x-1", "lang": "en", "claim": "The bridge was opened in 1911.", "question": ""}
    before = [{"id": "p1", "title": "", "text": "The bridge was opened in 1911. The tower was built in 1874."}]
    ((one, other),) = swaps([Contrast(row, before, before)], random.Random(0))
    assert texts(one.other) == ["The bridge was opened in 1874. The tower was built in 1911."]
    assert (one.row["claim"], other.row["claim"]) == (row["claim"], "The bridge was opened in 1874.")
    assert (other.backing, other.other) == (one.other, one.backing)
