from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.chains.confidence import (
    SIGNALS,
    Calibration,
    find_calibration,
    known_calibrations,
    load_calibrations,
    save_calibrations,
    shipped_calibrations,
)
from lastro.errors import ConfigError


def entry(model: str = "", embedder: str = "", language: str = "", **fields: object) -> Calibration:
    values: dict[str, object] = {
        "intercept": 0.0, "weights": {"support": 2.0}, "means": {"support": 0.5}, "scales": {"support": 0.25},
        "threshold": 0.4,
    }  # fmt: skip
    return Calibration(model, embedder, language, **{**values, **fields})  # type: ignore[arg-type]


def test_a_confidence_is_the_logistic_of_the_standardised_signals() -> None:
    assert entry().confidence({"support": 0.5}) == 0.5
    assert entry().confidence({"support": 0.75}) == pytest.approx(0.8808, abs=1e-4)
    assert entry().confidence({}) == 0.5  # what is not known counts as the mean


@given(st.dictionaries(st.sampled_from(SIGNALS), st.floats(-1e6, 1e6)))
def test_every_shipped_confidence_is_a_probability(signals: dict[str, float]) -> None:
    for one in shipped_calibrations():
        assert 0 <= one.confidence(signals) <= 1


def test_what_is_shipped_tells_where_it_comes_from() -> None:
    shipped = shipped_calibrations()
    assert {"en", "pt"} <= {one.language for one in shipped}
    assert any((one.model, one.embedder, one.language) == ("", "", "") for one in shipped)
    for one in shipped:
        assert {"right", "wrong", "date", "cross_validated"} <= one.provenance.keys()
        assert 0 < one.threshold < 1


def test_language_counts_more_than_embedder_and_embedder_more_than_model() -> None:
    entries = [entry(), entry("m", "e", "en"), entry("m", "e", "pt"), entry("", "e", "pt"), entry("", "x", "")]

    def found(model: str, embedder: str, language: str) -> tuple[str, str, str]:
        chosen = find_calibration(entries, model=model, embedder=embedder, language=language)
        assert chosen is not None
        return chosen.model, chosen.embedder, chosen.language

    assert found("m", "e", "pt") == ("m", "e", "pt")
    assert found("other", "e", "pt") == ("", "e", "pt")
    assert found("other", "other", "en") == ("m", "e", "en")
    assert found("m", "x", "de") == ("", "x", "")
    assert find_calibration([], model="m", embedder="e", language="en") is None


def test_entries_are_written_and_read_back_and_the_users_own_come_first(tmp_path: Path) -> None:
    own = tmp_path / "home" / "calibration.json"
    assert known_calibrations(own) == shipped_calibrations()
    entries = (entry("m", provenance={"date": "2026-11-21"}), entry(language="pt"))
    save_calibrations(own, entries)
    assert load_calibrations(own) == entries
    assert known_calibrations(own) == (*entries, *shipped_calibrations())
    assert list(own.parent.iterdir()) == [own]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"format": "other", "version": 1, "entries": []}',
        '{"format": "lastro-calibration", "version": 99, "entries": []}',
        '{"format": "lastro-calibration", "version": 1, "entries": [{"model": "m"}]}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_calibration_is_named_with_the_way_out(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"calibration\.json: .*lastro eval calibrate"):
        load_calibrations(path)


@pytest.mark.parametrize("change", [{"weights": {"luck": 1.0}}, {"scales": {"support": 0.0}}])
def test_a_weight_that_cannot_be_used_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "calibration.json"
    save_calibrations(path, [entry()])
    value = json.loads(path.read_text())
    value["entries"][0] |= change
    path.write_text(json.dumps(value))
    with pytest.raises(ConfigError, match="no calibration"):
        load_calibrations(path)
