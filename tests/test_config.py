from pathlib import Path

import pytest

from memagent.config import load_settings
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
