import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memagent.cli.serving.hook_settings import CLIENTS, EVENTS, with_hooks, without_hooks

OTHERS: dict[str, Any] = {
    "$schema": "https://json.schemastore.org/claude-code-settings.json",
    "model": "opus",
    "hooks": {
        "UserPromptSubmit": [
            {"hooks": [{"type": "command", "command": "echo 'memagent is great'"}]},
        ],
        "PreToolUse": [
            {"matcher": "Bash", "hooks": [{"type": "command", "command": "./check", "timeout": 5}]}
        ],
    },
    "permissions": {"allow": ["Bash(ls:*)"], "text": "Zoë"},
}


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user, with a folder in which a project lies."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path


def commands(settings: dict[str, Any]) -> list[tuple[str, str]]:
    hooks = settings.get("hooks", {}).items()
    return [
        (event, handler["command"])
        for event, groups in hooks
        for group in groups
        for handler in group.get("hooks", [])
    ]


def test_hooks_are_put_in_beside_others_and_taken_out_again(memagent, user: Path) -> None:
    path = user / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text(json.dumps(OTHERS, indent=4))
    url = "http://127.0.0.1:8484"
    for _ in range(2):
        assert memagent("hook", "install", "--url", url)[0] == 0
    after = json.loads(path.read_text())
    assert list(after) == list(OTHERS)
    assert after["permissions"] == OTHERS["permissions"]
    assert "Zoë" in path.read_text()
    ours = [found for found in commands(after) if found not in commands(OTHERS)]
    assert [event for event, _ in ours] == ["UserPromptSubmit", "Stop", "SessionEnd"]
    for event, line in ours:
        verb = "recall" if event == "UserPromptSubmit" else "remember"
        assert shlex.split(line)[-4:] == ["hook", verb, "--url", url]
    assert memagent("hook", "install")[0] == 0  # in the place of those with another option
    assert len(commands(json.loads(path.read_text()))) == len(commands(after))
    assert memagent("hook", "remove")[0] == 0
    assert json.loads(path.read_text()) == OTHERS


def test_a_dry_run_prints_the_file_and_writes_nothing(memagent, user: Path) -> None:
    code, out, err = memagent("hook", "install", "--client", "codex", "--dry-run")
    assert code == 0
    assert str(user / ".codex" / "hooks.json") in err
    assert list(json.loads(out)) == ["hooks"]
    assert not (user / ".codex").exists()


def test_what_a_project_shares_holds_no_path_of_this_machine(memagent, user: Path) -> None:
    assert memagent("hook", "install", "--project")[0] == 0
    path = user / "project" / ".claude" / "settings.json"
    lines = [line for _, line in commands(json.loads(path.read_text()))]
    assert lines == ["memagent hook recall", "memagent hook remember", "memagent hook remember"]
    assert not (user / ".claude").exists()
    assert memagent("hook", "remove", "--project")[0] == 0
    assert json.loads(path.read_text()) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "// x"])
def test_settings_of_another_form_stay_as_they_are(memagent, user: Path, text: str) -> None:
    path = user / ".claude" / "settings.json"
    path.parent.mkdir()
    path.write_text(text)
    for verb in ("install", "remove"):
        code, _, err = memagent("hook", verb)
        assert code == 1
        assert err.count("\n") == 1
        assert str(path) in err
    assert path.read_text() == text


def test_a_program_that_is_not_known_is_refused(memagent, user: Path) -> None:
    code, _, err = memagent("hook", "install", "--client", "emacs")
    assert code == 1
    assert "claude-code, codex" in err


handlers = st.fixed_dictionaries(
    {"type": st.just("command"), "command": st.text(max_size=8)},
    optional={"timeout": st.integers()},
)
groups = st.fixed_dictionaries(
    {}, optional={"hooks": st.lists(handlers, max_size=2), "matcher": st.text(max_size=3)}
)
events = st.sampled_from(["UserPromptSubmit", "Stop", "SessionEnd", "PreToolUse"])
settings = st.fixed_dictionaries(
    {}, optional={"model": st.text(max_size=3), "hooks": st.dictionaries(events, st.lists(groups))}
)


@given(settings, st.sampled_from(CLIENTS))
def test_taking_out_undoes_putting_in(before: dict[str, Any], client: Any) -> None:
    after = with_hooks(before, client, "/opt/my\\ bin/memagent")
    assert len(commands(after)) == len(commands(before)) + len(EVENTS[client])
    assert with_hooks(after, client, "/opt/my\\ bin/memagent") == after
    again = without_hooks(after)
    kept = {event: found for event, found in before.get("hooks", {}).items() if found}
    assert {event: found for event, found in again.get("hooks", {}).items() if found} == kept
    assert {name: value for name, value in again.items() if name != "hooks"} == {
        name: value for name, value in before.items() if name != "hooks"
    }
