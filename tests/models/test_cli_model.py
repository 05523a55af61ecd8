import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from memagent.errors import ModelUnavailable
from memagent.models import download, weights
from memagent.models.weights import Weights

Command = Callable[..., tuple[int, str, str]]
SMOL = weights.SMOLLM2.name


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing is installed as a package, and what is pulled comes at once; returns the folder."""
    folder = tmp_path / "home" / "models"

    def pull(one: Weights, into: Path) -> Path:
        path = into / one.name / one.inside
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 2_000_000)
        return path

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(download, "pull", pull)
    return folder


def test_weights_are_pulled_listed_and_removed(memagent: Command, models: Path) -> None:
    assert f"{SMOL}     not here: `memagent model pull {SMOL}`" in memagent("model", "list")[1]
    path = models / SMOL / weights.SMOLLM2.inside
    assert memagent("model", "pull", SMOL) == (0, f"{SMOL}  {path}\n", f"fetching {SMOL}\n")
    assert memagent("model", "pull", SMOL) == (0, f"{SMOL}  {path}\n", "")
    told = json.loads(memagent("model", "list", "--json")[1])
    assert told == {
        "held": [{"name": SMOL, "bytes": 2_000_000, "path": str(path), "package": None}],
        "missing": ["all-MiniLM-L6-v2"],
    }
    assert f"{SMOL}          2.0 MB  {path}\n" in memagent("model", "list")[1]
    assert memagent("model", "rm", SMOL) == (0, f"deleted {SMOL}, 2.0 MB\n", "")
    assert json.loads(memagent("model", "list", "--json")[1])["held"] == []


def test_without_a_name_all_that_is_needed_is_pulled(memagent: Command) -> None:
    code, out, _ = memagent("model", "pull")
    assert (code, [line.split()[0] for line in out.splitlines()]) == (
        0,
        ["SmolLM2-135M-Instruct", "all-MiniLM-L6-v2"],
    )


def test_deleting_at_a_terminal_asks_and_no_keeps_them(memagent: Command, models: Path) -> None:
    memagent("model", "pull", SMOL)
    code, _, err = memagent("model", "rm", SMOL, stdin=b"n\n", terminal=True)
    assert (code, f"Delete {models / SMOL} (2.0 MB)?" in err) == (1, True)
    assert (models / SMOL).exists()
    assert memagent("model", "rm", SMOL, "--yes", terminal=True)[0] == 0
    assert not (models / SMOL).exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["pull", "smol"], "unknown weights 'smol': there are SmolLM2-135M-Instruct, all-MiniLM"),
        (["rm", "smol"], "there are no weights named 'smol': `memagent model list` shows them"),
    ],
)
def test_a_name_that_is_none_is_one_line(
    memagent: Command, arguments: list[str], complaint: str
) -> None:
    code, out, err = memagent("model", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"memagent: {complaint}")


def test_offline_is_one_line(memagent: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise ModelUnavailable("it cannot be fetched: the hub: out of reach")

    monkeypatch.setattr(download, "pull", fail)
    code, out, err = memagent("model", "pull", SMOL)
    assert (code, out) == (1, "")
    assert err.endswith("memagent: it cannot be fetched: the hub: out of reach\n")


def test_the_settings_are_shown_with_their_sources(
    memagent: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMAGENT_API_KEY", "hush")
    code, out, err = memagent("config", "show", "--user", "ada")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert (code, rows["user"], rows["api_key"]) == (
        0,
        ["ada", "argument"],
        ["**********", "MEMAGENT_API_KEY"],
    )
    assert rows["model_name"] == ["default"]
    assert err == f"file: {tmp_path / 'config.toml'} (not there)\n"
    told = json.loads(memagent("config", "show", "--json")[1])
    assert {"name": "retries", "value": 4, "source": "default"} in told
    assert "hush" not in out + json.dumps(told)
