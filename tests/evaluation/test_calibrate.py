"""Fitting a confidence: on answers made up by a known rule, and through a question set with a scripted chain."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lastro.chains.confidence import SIGNALS, Calibration, load_calibrations, save_calibrations
from lastro.errors import ConfigError, QuestionSetError
from lastro.evaluation.calibrate import Key, fit, threshold_keeping
from lastro.evaluation.calibrating import Asked, calibrate
from tests.evaluation.answered import Says, Scripted, signals


def made_up(count, *, seed=0, weight=4.0):
    """Answers whose first signal tells how probable it is that they are right; the others tell nothing."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        drawn = {name: draw.random() for name in SIGNALS}
        drawn[SIGNALS[-1]] = 1.0  # the same for all
        probability = 1 / (1 + math.exp(-weight * (drawn[SIGNALS[0]] - 0.5)))
        rows.append((drawn, draw.random() < probability))
    return rows


def test_a_fit_finds_the_signal_that_tells_and_leaves_the_others():
    rows = made_up(400, weight=6.0)
    found = fit(rows, Key("model", "embedder", "pt"), provenance={"questions_file": "q.jsonl"})
    assert (found.model, found.embedder, found.language) == ("model", "embedder", "pt")
    largest = max(found.weights, key=lambda name: abs(found.weights[name]))
    assert largest == SIGNALS[0]
    assert found.weights[largest] > 2 * sorted(abs(weight) for weight in found.weights.values())[-2]
    assert found.weights[SIGNALS[-1]] == 0  # what never differs weighs nothing
    assert all(scale > 0 for scale in found.scales.values())
    told = found.provenance
    assert told["questions_file"] == "q.jsonl"
    assert told["right"] + told["wrong"] == 400
    figures = told["cross_validated"]
    assert figures["auroc_low"] <= figures["auroc"] <= figures["auroc_high"]
    assert 0.8 < figures["auroc"] < 0.95  # by its rule, an answer is right with the probability that it states
    assert figures["ece"] < 0.1
    assert figures["risk"] < figures["risk_without"]
    assert {"date", "lastro", "scikit_learn", "C", "keep"} <= set(told)
    assert fit(rows, Key("model", "embedder", "pt"), provenance={"questions_file": "q.jsonl"}) == found


def test_what_only_a_reader_tells_is_fitted_where_one_told_it():
    rows = made_up(200)
    assert "answers" in fit(rows).weights
    without = [({name: value for name, value in drawn.items() if name != "answers"}, right) for drawn, right in rows]
    assert "answers" not in fit(without).weights
    lacking = [({name: value for name, value in drawn.items() if name != "support"}, right) for drawn, right in rows]
    with pytest.raises(ConfigError, match="without the signals support"):
        fit(lacking)


def test_what_is_stored_computes_what_scikit_learn_computes():
    rows = made_up(200, seed=3)
    found = fit(rows)
    values = np.array([[drawn[name] for name in SIGNALS] for drawn, _ in rows])
    scaler = StandardScaler().fit(values)
    theirs = LogisticRegression(C=found.provenance["C"], max_iter=1_000)
    theirs.fit(scaler.transform(values), [right for _, right in rows])
    expected = theirs.predict_proba(scaler.transform(values))[:, 1]
    assert [found.confidence(drawn) for drawn, _ in rows] == pytest.approx(list(expected), abs=1e-4)


def test_figures_are_of_answers_that_were_not_fitted_on():
    draw = random.Random(5)
    noise = [({name: draw.random() for name in SIGNALS}, draw.random() < 0.5) for _ in range(80)]
    found = fit(noise).provenance["cross_validated"]
    assert found["auroc_low"] < 0.5  # a fit would look better than chance on its own answers
    assert found["auroc"] < 0.65


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_threshold_keeps_as_many_right_answers_as_it_must_and_is_the_highest_that_does(right, keep):
    threshold = threshold_keeping(right, keep)
    kept = sum(one >= threshold for one in right)
    assert kept >= keep * len(right) - 1e-6
    assert sum(one >= threshold + 2e-4 for one in right) < math.ceil(keep * len(right) - 1e-9)


def test_a_lower_keep_gives_a_higher_threshold():
    rows = made_up(200)
    strict, lax = fit(rows, keep=0.5), fit(rows, keep=0.95)
    assert strict.threshold > lax.threshold
    kept = [one.provenance["cross_validated"]["right_kept"] for one in (strict, lax)]
    assert kept == pytest.approx([0.5, 0.95], abs=0.02)


def test_too_few_answers_and_missing_signals_are_refused():
    rows = made_up(40)
    few = [row for row in rows if row[1]][:9] + [row for row in rows if not row[1]]
    with pytest.raises(ConfigError, match=r"9 right and \d+ wrong answers: a calibration wants 10 of each"):
        fit(few)
    with pytest.raises(ConfigError, match=f"without the signals {SIGNALS[0]}"):
        fit([({name: 0.5 for name in SIGNALS[1:]}, True)])


# The command's work -------------------------------------------------------------------------------------------------


def a_set(write, right, wrong, *, refused=2, ungraded=1):
    """A question set, and a script that answers that many questions right (surely) and wrong (less so)."""
    rows, script = [], {}
    for number in range(right + wrong + refused + ungraded):
        question = f"Which row is kept free for the trailer of boat {number}?"
        good, sure = number < right, 0.3 + 0.6 * random.Random(number).random()
        rows.append({"id": f"q{number}", "question": question, "gold_ids": ["parking.txt"], "answers": ["Row 7"]})
        if number % 2 and right <= number < right + wrong:
            rows[-1] |= {"answerable": False, "answers": [], "gold_ids": []}
        if number >= right + wrong + refused:
            rows[-1]["answers"] = []
        text = "It is row 7" if good else "It is row 8"
        script[question] = Says(text, (), sure + 0.1 * good)
        if right + wrong <= number < right + wrong + refused:
            script[question] = Says()
    return write(*rows), script


def calibrated(library, path, script, out, embedder="", **asked):
    chain = Scripted(library, script)
    return calibrate(Asked(path, out, **asked), chain, library, model="scripted", embedder=embedder)


def test_an_entry_is_of_the_embedder_that_claims_were_checked_with(library, write, tmp_path):
    path, script = a_set(write, 20, 24)
    out = tmp_path / "calibration.json"
    own = calibrated(library, path, script, out, least=15).entries[0]
    other = calibrated(library, path, script, out, embedder="another", least=15).entries[0]
    assert (own.embedder, other.embedder) == (library.settings.embedder, "another")
    assert len(load_calibrations(out)) == 2


def test_a_question_set_becomes_an_entry_with_where_it_came_from(library, write, tmp_path):
    path, script = a_set(write, 20, 24)
    out = tmp_path / "new" / "calibration.json"
    made = calibrated(library, path, script, out, least=15)
    (entry,) = load_calibrations(out)
    assert (entry,) == made.entries
    assert (entry.model, entry.embedder, entry.language) == ("scripted", library.settings.embedder, "en")
    told = entry.provenance
    assert (told["questions_file"], told["questions"], told["right"], told["wrong"]) == ("questions.jsonl", 47, 20, 24)
    assert len(told["questions_sha256"]) == 64
    assert told["left_out"] == {"refused, since nothing was backed": 2, "no gold answers": 1}
    assert made.notes == (
        "2 questions left out: refused, since nothing was backed", "1 question left out: no gold answers",
    )  # fmt: skip
    assert 0 < entry.threshold < 1


def an_entry(model, threshold=0.3):
    numbers = {name: 1.0 for name in SIGNALS}
    return Calibration(model, "e", "en", 0.0, numbers, numbers, numbers, threshold, {"mine": True})


def test_entries_of_other_keys_stay_and_the_same_key_is_replaced(library, write, tmp_path):
    path, script = a_set(write, 20, 20)
    out = tmp_path / "calibration.json"
    save_calibrations(out, [an_entry("other")])
    calibrated(library, path, script, out, least=15)
    calibrated(library, path, script, out, least=15, keep=0.5)
    other, mine = load_calibrations(out)
    assert other == an_entry("other")
    assert (mine.model, mine.provenance["keep"]) == ("scripted", 0.5)
    assert [file.name for file in tmp_path.glob("calibration*")] == ["calibration.json"]


def test_too_few_answers_write_nothing_and_say_how_many_there_are(library, write, tmp_path):
    path, script = a_set(write, 20, 12)
    out = tmp_path / "calibration.json"
    with pytest.raises(ConfigError) as refused:
        calibrated(library, path, script, out, least=15)
    assert "en: 20 right, 12 wrong; 15 of each in a language are wanted" in str(refused.value)
    assert "2 questions left out: refused" in str(refused.value)
    assert not out.exists()
    path, script = a_set(write, 0, 0, refused=3)
    with pytest.raises(ConfigError, match="none at all"):
        calibrated(library, path, script, out, least=15)


def test_a_language_with_enough_is_fitted_and_the_other_is_told(library, write, tmp_path):
    path, script = a_set(write, 20, 20, refused=0, ungraded=0)
    asked = "De quem é a vaga do barco?"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"question": asked, "gold_ids": ["taxa-pt"], "answers": ["Ana"], "lang": "pt"}) + "\n")
    script[asked] = Says("É de Ana", (), 0.5, language="pt")
    made = calibrated(library, path, script, tmp_path / "c.json", least=15)
    assert [entry.language for entry in made.entries] == ["en"]
    assert made.notes == ("pt: 1 right and 0 wrong answers are fewer than 15 of each: nothing was fitted for it",)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [({"keep": 0.0}, "--keep 0: give a share"), ({"keep": 90}, "--keep 90"), ({"least": 3}, "--min 3: .* 10 at least")],
)
def test_what_cannot_be_fitted_is_refused_before_any_question(library, write, tmp_path, asked, problem):
    path, script = a_set(write, 1, 1)
    with pytest.raises(ConfigError, match=problem):
        calibrated(library, path, script, tmp_path / "c.json", **asked)


def test_a_file_that_is_no_calibration_and_a_set_of_another_library_are_refused(library, write, tmp_path):
    path, script = a_set(write, 1, 1)
    out = tmp_path / "c.json"
    out.write_text("{}")
    with pytest.raises(ConfigError, match="no calibration"):
        calibrated(library, path, script, out)
    assert out.read_text() == "{}"
    wrong = write({"question": "Who?", "gold_ids": ["nowhere.pdf"]}, name="other.jsonl")
    with pytest.raises(QuestionSetError, match=r"nowhere\.pdf"):
        calibrated(library, wrong, script, tmp_path / "d.json")


def test_the_scripted_answers_have_all_signals():
    assert set(signals(0.5)) == set(SIGNALS)
