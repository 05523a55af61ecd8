import stat
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_a_setting_is_set_and_unset_and_the_rest_stays(memagent: Command, file: Path) -> None:
    file.write_text('# mine\nuser = "ada"  # me\n')
    assert memagent("config", "set", "recall_k", "7") == (0, "recall_k = 7\n", "")
    assert file.read_text() == '# mine\nuser = "ada"  # me\nrecall_k = 7\n'
    assert memagent("config", "set", "user", "bob")[0] == 0
    assert '# mine\nuser = "bob"' in file.read_text()
    assert memagent("config", "unset", "recall_k") == (0, "recall_k is not set any more\n", "")
    assert "recall_k" not in file.read_text()


def test_a_new_file_is_its_owner_s_and_a_key_is_masked(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new" / "config.toml"
    monkeypatch.setenv("MEMAGENT_CONFIG", str(file))
    code, out, err = memagent("config", "set", "api_key", "hush")
    assert (code, out, err) == (0, "api_key = **********\n", "")
    assert file.read_text() == 'api_key = "hush"\n'
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "hush" not in memagent("config", "show")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set", "recal_k", "7"], "unknown setting 'recal_k': did you mean 'recall_k'?"),
        (["unset", "recal_k"], "unknown setting 'recal_k': did you mean 'recall_k'?"),
        (["set", "recall_k", "many"], "setting 'recall_k': input should be a valid integer"),
        (["set", "recall_k", "0"], "setting 'recall_k': input should be greater than or equal"),
        (["unset", "recall_k"], "recall_k is not set in "),
    ],
)
def test_what_does_not_fit_is_refused(
    memagent: Command, file: Path, arguments: list[str], complaint: str
) -> None:
    file.write_text('user = "ada"\n')
    code, out, err = memagent("config", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"memagent: {complaint}")
    assert file.read_text() == 'user = "ada"\n'


def test_a_misspelt_setting_in_the_file_can_be_unset(memagent: Command, file: Path) -> None:
    file.write_text('usr = "ada"\n')
    assert memagent("list")[0] == 1
    assert memagent("config", "unset", "usr")[0] == 0
    assert memagent("list")[0] == 0


def test_a_file_that_is_not_toml_is_left_alone(memagent: Command, file: Path) -> None:
    file.write_text("user = ")
    code, _, err = memagent("config", "set", "user", "ada")
    assert (code, err.count("\n"), "is not TOML" in err) == (1, 1, True)
    assert file.read_text() == "user = "


def test_a_variable_that_wins_is_told(memagent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMAGENT_USER", "bob")
    err = memagent("config", "set", "user", "ada")[2]
    assert err == "MEMAGENT_USER is set in the environment, and wins\n"
    assert "bob" in memagent("config", "show")[1]


def test_a_folder_means_the_same_everywhere(memagent: Command, file: Path) -> None:
    memagent("config", "set", "data", "shelf")
    assert file.read_text() == f'data = "{Path.cwd() / "shelf"}"\n'


def test_the_rules_are_set_for_every_command(memagent: Command) -> None:
    for text in ("Zoe took the umbrella.", "Zoe went to Porto."):
        assert memagent("add", text)[0] == 0
    assert "hop" not in memagent("recall", "Where is the umbrella?")[1]
    assert memagent("config", "set", "recall", "rules") == (0, "recall = rules\n", "")
    assert "hop 2.00" in memagent("recall", "Where is the umbrella?")[1]
    code, _, err = memagent("config", "set", "recall", "rule")
    assert (code, "'ranked' or 'rules'" in err) == (1, True)
