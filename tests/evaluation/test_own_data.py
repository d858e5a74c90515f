from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "evaluation" / "data"
FOLLOWUPS, PARAPHRASES = DATA / "followups.jsonl", DATA / "paraphrases_pt.jsonl"
KINDS = {"pronoun", "ellipsis", "topic-shift", "number-name", "refinement", "no-need"}
SETS = {
    "pt": {"faquad_pt", "squad2_pt", "pira_pt", "juristcu_pt"},
    "en": {"squad2_en", "pira_en", "sec10q_en", "multihop_en"},
}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", [FOLLOWUPS, PARAPHRASES], ids=lambda path: path.stem)
def test_each_line_is_one_object_in_nfc_with_an_id_of_its_own_and_gold_passages(path: Path):
    assert unicodedata.is_normalized("NFC", path.read_text(encoding="utf-8"))
    ids = [row["id"] for row in rows(path)]
    assert len(set(ids)) == len(ids)
    for row in rows(path):
        assert row["question"].strip(), row["id"]
        assert row["gold_ids"], row["id"]
        assert len(set(row["gold_ids"])) == len(row["gold_ids"]), row["id"]


def test_there_are_forty_followups_a_language_over_every_set_and_kind():
    found = rows(FOLLOWUPS)
    assert Counter(row["lang"] for row in found) == {"pt": 40, "en": 40}
    for lang, sets in SETS.items():
        of_lang = [row for row in found if row["lang"] == lang]
        assert {row["set"] for row in of_lang} == sets
        kinds = Counter(row["kind"] for row in of_lang)
        assert set(kinds) == KINDS
        assert kinds["no-need"] == 8


def test_each_followup_comes_after_one_answered_question():
    for row in rows(FOLLOWUPS):
        (turn,) = row["history"]
        assert turn["question"].strip(), row["id"]
        assert turn["answer"].strip(), row["id"]


def test_a_followup_differs_from_its_standalone_question_unless_nothing_is_missing():
    for row in rows(FOLLOWUPS):
        assert row["standalone"].strip(), row["id"]
        assert (row["question"] == row["standalone"]) == (row["kind"] == "no-need"), row["id"]


def test_there_are_a_hundred_answerable_portuguese_paraphrases_over_four_sets():
    found = rows(PARAPHRASES)
    counts = Counter(row["meta"]["set"] for row in found)
    assert counts == {"faquad_pt": 30, "squad2_pt": 35, "pira_pt": 20, "juristcu_pt": 15}
    assert len({row["question"] for row in found}) == 100
    for row in found:
        assert (row["lang"], row["answerable"]) == ("pt", True), row["id"]
        assert all(answer.strip() for answer in row["answers"]), row["id"]


@pytest.mark.parametrize(
    ("name", "lang", "count"),
    [
        ("pt", "pt", 280),
        ("en", "en", 302),
        ("untouched_pt", "pt", 300),
        ("untouched_en", "en", 300),
        ("fresh_pt", "pt", 300),
        ("fresh_en", "en", 299),
    ],
)
def test_each_claim_has_passages_a_state_and_quotes_that_stand_in_them(name: str, lang: str, count: int):
    found = rows(DATA / f"claims_{name}.jsonl")
    assert len({row["id"] for row in found}) == len(found) == count
    assert {row["lang"] for row in found} == {lang}
    for row in found:
        texts = {passage["id"]: passage["text"] for passage in row["passages"]}
        assert row["state"] in ("supported", "contradicted", "unsupported"), row["id"]
        assert bool(row["spans"]) == (row["state"] != "unsupported"), row["id"]
        assert all(texts[span["passage"]].count(span["quote"]) == 1 for span in row["spans"]), row["id"]
        assert unicodedata.is_normalized("NFC", json.dumps(row, ensure_ascii=False)), row["id"]


def test_claims_of_both_languages_are_balanced_over_states_and_ways_to_go_wrong():
    both = [row for lang in ("pt", "en") for row in rows(DATA / f"claims_{lang}.jsonl")]
    states = Counter(row["state"] for row in both)
    assert 0.4 < states["supported"] / len(both) < 0.6
    kinds = Counter(row["kind"] for row in both)
    assert kinds["attribution_dropped"] + kinds["exception_dropped"] + kinds["condition_dropped"] >= 60
    assert all(count >= 10 for count in kinds.values())


def test_no_passage_and_no_claim_of_the_untouched_half_is_one_that_was_tuned_on():
    def of(*names: str) -> tuple[set[str], set[str]]:
        found = [row for name in names for row in rows(DATA / f"claims_{name}.jsonl")]
        return {row["claim"] for row in found if len(row["claim"]) > 30}, {
            one["text"] for row in found for one in row["passages"]
        }

    tuned, untouched = of("pt", "en"), of("untouched_pt", "untouched_en", "fresh_pt", "fresh_en")
    assert not tuned[0] & untouched[0]
    assert not tuned[1] & untouched[1]
