from pathlib import Path

import pytest

from memagent.config import Settings, load_settings, setting_sources
from memagent.errors import ConfigError


def write_config(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, 'user = "file"\nrecall_k = 7\nmodel = "file"\n')
    monkeypatch.setenv("MEMAGENT_USER", "environment")
    monkeypatch.setenv("MEMAGENT_MODEL", "environment")
    settings = load_settings(user="argument", model=None)
    assert (settings.user, settings.model, settings.recall_k) == ("argument", "environment", 7)


def test_an_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    write_config(tmp_path, "recal_k = 7\n")
    with pytest.raises(ConfigError, match="unknown setting 'recal_k': did you mean 'recall_k'"):
        load_settings()


def test_a_misspelt_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMAGENT_MODLE", "local")
    with pytest.raises(ConfigError, match="'MEMAGENT_MODLE': did you mean 'MEMAGENT_MODEL'"):
        load_settings()


def test_a_value_of_the_wrong_kind_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMAGENT_RECALL_K", "many")
    with pytest.raises(ConfigError, match="setting 'recall_k': input should be a valid integer"):
        load_settings()


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    write_config(tmp_path, "user = ")
    with pytest.raises(ConfigError, match=r"config\.toml is not TOML"):
        load_settings()


def test_every_setting_tells_where_it_comes_from_and_keys_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, 'user = "file"\nrecall_k = 7\nmodel = "file"\napi_key = "hush"\n')
    monkeypatch.setenv("memagent_model", "environment")
    rows = setting_sources(user="argument", model=None)
    told = {row.name: (row.value, row.source) for row in rows}
    file = str(tmp_path / "config.toml")
    assert list(told) == list(Settings.model_fields)
    assert told["user"] == ("argument", "argument")
    assert told["model"] == ("environment", "memagent_model")
    assert told["recall_k"] == (7, file)
    assert told["timeout"] == (120.0, "default")
    assert told["model_name"] == (None, "default")
    assert told["api_key"] == ("**********", file)


def test_the_sources_of_settings_that_do_not_hold_are_not_told(tmp_path: Path) -> None:
    write_config(tmp_path, "recall_k = 0\n")
    with pytest.raises(ConfigError, match="setting 'recall_k'"):
        setting_sources()
