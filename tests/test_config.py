from __future__ import annotations

from pathlib import Path

import pytest

from lastro.config import home, load_settings, origins
from lastro.errors import ConfigError


def write_toml(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lastro.toml").write_text(text, encoding="utf-8")


def test_defaults_are_used_where_nothing_is_said() -> None:
    assert load_settings().llm.temperature == 0
    assert set(origins().values()) == {"default"}


def test_arguments_win_over_environment_over_file(lastro_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml(lastro_home, "[llm]\ntemperature = 0.1\nseed = 1\ntop_p = 0.5\n")
    monkeypatch.setenv("LASTRO_LLM__TEMPERATURE", "0.2")
    monkeypatch.setenv("LASTRO_LLM__SEED", "2")
    settings = load_settings(llm={"temperature": 0.3})
    assert (settings.llm.temperature, settings.llm.seed, settings.llm.top_p) == (0.3, 2, 0.5)
    where = origins(llm={"temperature": 0.3})
    assert where["llm.temperature"] == "argument"
    assert where["llm.seed"] == "environment"
    assert where["llm.top_p"] == "lastro.toml"
    assert where["llm.min_p"] == "default"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"llm": {"temperature": 5}}, r"llm.temperature = 5: .*must be 2 or less"),
        ({"llm": {"temprature": 1}}, r"llm.temprature: no such setting; did you mean llm.temperature"),
        ({"retrieval": {"search_type": "magic"}}, r"retrieval.search_type = 'magic'"),
        ({"nonsense": {}}, r"nonsense"),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule(overrides: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(**overrides)


def test_a_file_that_is_not_toml_is_named(lastro_home: Path) -> None:
    write_toml(lastro_home, "llm = = 3")
    with pytest.raises(ConfigError, match=r"lastro.toml: not valid TOML"):
        load_settings()


def test_settings_cannot_be_changed_after_they_are_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().llm.temperature = 1.0


def test_home_is_the_users_data_folder_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LASTRO_HOME")
    assert home().name == "lastro"
