import re
from pathlib import Path

import pytest

import memagent
from memagent.config import Settings
from memagent.errors import SandboxUnavailable
from memagent.tools.python import require_sandbox

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TOOLS = (ROOT / "docs" / "tools.md").read_text()
AGENT = (ROOT / "docs" / "agent.md").read_text()
COMPRESSION = (ROOT / "docs" / "compression.md").read_text()
FEEDBACK = (ROOT / "docs" / "feedback.md").read_text()
LEARNING = (ROOT / "docs" / "learning.md").read_text()
SDK = (ROOT / "docs" / "sdk.md").read_text()


def snippets(text: str) -> list[str]:
    """Return the Python of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


SNIPPETS = snippets(README)


@pytest.mark.parametrize(
    "snippet",
    [
        one
        for page in (README, AGENT, COMPRESSION, FEEDBACK, LEARNING, SDK)
        for one in snippets(page)
        if "memagent.testing" in one
    ],
)
def test_the_snippets_with_the_fakes_run(snippet: str) -> None:
    exec(compile(snippet, "README.md", "exec"), {})


def test_every_public_name_has_an_example_that_runs() -> None:
    shown = "\n".join(one for one in snippets(SDK) if "memagent.testing" in one)
    assert [name for name in memagent.__all__ if not re.search(rf"\b{name}\b", shown)] == []


@pytest.mark.parametrize("snippet", snippets(TOOLS))
def test_the_snippets_about_tools_run(snippet: str) -> None:
    if "python_tool()" in snippet:
        try:
            require_sandbox()
        except SandboxUnavailable as error:
            pytest.skip(str(error))
    exec(compile(snippet, "tools.md", "exec"), {})


@pytest.mark.wire
def test_the_snippet_with_the_stub_server_runs() -> None:
    page = (ROOT / "docs" / "models.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    exec(compile(snippet, "models.md", "exec"), {})


@pytest.mark.real
def test_the_snippet_with_the_real_model_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (snippet,) = [one for one in SNIPPETS if 'model="local"' in one]
    exec(compile(snippet, "README.md", "exec"), {})
    assert "bathroom" in capsys.readouterr().out


def test_every_folder_is_in_a_tree() -> None:
    """The README's tree holds the folders, the page on the architecture what is inside them."""
    page = ROOT / "docs" / "architecture.md"
    trees = README.split("## Where things are")[1] + (page.read_text() if page.exists() else "")
    inits = [
        init
        for name in ("memagent", "stores", "tools", "evals")
        for depth in ("", "*/", "*/*/")
        for init in (ROOT / name).glob(f"{depth}__init__.py")
    ]
    folders = [init.parent.relative_to(ROOT) for init in inits]
    assert [str(one) for one in folders if not re.search(rf"\b{one.name}/", trees)] == []


def test_every_setting_is_in_the_table() -> None:
    assert set(re.findall(r"\| `(\w+)` \| `MEMAGENT", README)) == set(Settings.model_fields)


def test_every_command_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make (\w+)", README):
        assert f"\n{target}:" in makefile
