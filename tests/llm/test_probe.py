from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lastro.config import LlmSettings
from lastro.errors import LastroError, ModelCorrupt, ModelError, ModelTooLarge
from lastro.llm import ledger, probe
from lastro.llm.engine import open_engine
from lastro.llm.probe import special_layouts_work


def _ends_with(monkeypatch: pytest.MonkeyPatch, codes: dict[str, int]) -> list[str]:
    """Children that end with the code given for their layout; the layouts tried."""
    tried: list[str] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        tried.append(command[-1])
        return SimpleNamespace(returncode=codes[command[-1]])

    monkeypatch.setattr(subprocess, "run", run)
    return tried


@pytest.fixture
def copy(starter: Path, tmp_path: Path) -> Path:
    """A file that the ledger knows nothing of; the real bytes by link."""
    path = tmp_path / "copy.gguf"
    path.symlink_to(shutil.copy(starter, tmp_path / "bytes.gguf"))
    return path


def test_a_good_file_is_tried_once(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _ends_with(monkeypatch, {"special": 0})
    assert special_layouts_work(copy)
    assert special_layouts_work(copy)
    assert tried == ["special"]


def test_layouts_that_end_the_process_are_left_out(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_with(monkeypatch, {"special": -11, "plain": 0})
    assert not special_layouts_work(copy)


def test_a_file_that_ends_the_process_either_way_is_corrupt(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_with(monkeypatch, {"special": -6, "plain": -6})
    with pytest.raises(ModelCorrupt, match="code -6"):
        special_layouts_work(copy)


def test_a_file_that_llama_refuses_is_not_tried_again(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = _ends_with(monkeypatch, {"special": 3})
    for _ in range(2):
        with pytest.raises(ModelCorrupt, match="refuses"):
            special_layouts_work(copy)
    assert tried == ["special"]


def test_a_trial_ended_for_want_of_memory_is_not_held_against_the_file(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ends_with(monkeypatch, {"special": -9})
    with pytest.raises(ModelTooLarge):
        special_layouts_work(copy)
    _ends_with(monkeypatch, {"special": 0})
    assert special_layouts_work(copy)


def test_a_trial_without_end_is_ended(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(command: list[str], timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", never)
    with pytest.raises(ModelCorrupt):
        special_layouts_work(copy)


def test_a_child_that_cannot_be_started_is_one_clear_error(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ModelError, match="child process"):
        special_layouts_work(copy)


def test_the_trial_itself_loads_and_evaluates(starter: Path, tmp_path: Path) -> None:
    assert probe.main(str(starter), "plain") == 0
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(4096))
    assert probe.main(str(bad), "plain") == 3


@pytest.mark.slow
def test_changed_settings_never_end_this_process(starter: Path, tmp_path: Path) -> None:
    outcomes: dict[str, int] = {}
    whole = starter.read_bytes()
    path = tmp_path / "mutant.gguf"
    for seed in range(30):
        rng = random.Random(seed)
        data = bytearray(whole)
        for _ in range(3):
            data[rng.randrange(4, 1100)] = rng.randrange(256)  # the settings before the vocabulary
        path.write_bytes(data)
        ledger._known.clear()
        try:
            open_engine(LlmSettings(model=str(path), context_window=256, check_memory=False))
            outcome = "loaded"
        except LastroError as error:
            outcome = type(error).__name__
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert sum(outcomes.values()) == 30
    assert set(outcomes) <= {"loaded", "ModelCorrupt", "ModelError", "ConfigError"}
