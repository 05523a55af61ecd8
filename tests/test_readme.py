import re
import shlex
from pathlib import Path
from typing import Any

import pages
import pytest
import typer

import memagent
from memagent.cli.app import app
from memagent.config import Settings
from memagent.errors import SandboxUnavailable
from memagent.tools.python import require_sandbox

ROOT = pages.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PYTHON = [block for block in pages.all_blocks() if block.language == "python"]
WIRE = [block for block in PYTHON if "StubServer" in block.text]
LISTED = [block for block in pages.all_blocks() if block.language == "py"]


@pytest.mark.parametrize("block", [one for one in PYTHON if one not in WIRE], ids=str)
def test_python_of_the_pages_runs(block: pages.Block) -> None:
    if "python_tool()" in block.text:
        try:
            require_sandbox()
        except SandboxUnavailable as error:
            pytest.skip(str(error))
    exec(compile(block.text, str(block), "exec"), {"__name__": "snippet"})


@pytest.mark.wire
@pytest.mark.parametrize("block", WIRE, ids=str)
def test_python_with_the_stub_server_runs(block: pages.Block) -> None:
    exec(compile(block.text, str(block), "exec"), {})


@pytest.mark.parametrize("block", LISTED, ids=str)
def test_python_that_needs_more_than_the_fakes_compiles(block: pages.Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.real
def test_python_with_the_real_model_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = [one for one in LISTED if one.page == "README.md"]
    exec(compile(block.text, "README.md", "exec"), {})
    assert "bathroom" in capsys.readouterr().out


def test_every_public_name_has_an_example_that_runs() -> None:
    shown = "\n".join(block.text for block in PYTHON)
    assert [name for name in memagent.__all__ if not re.search(rf"\b{name}\b", shown)] == []


def shell_commands() -> list[tuple[str, str]]:
    found = []
    for page in pages.PAGES:
        name = str(page.relative_to(ROOT))
        if name in pages.KEPT_AS_WRITTEN:
            continue
        lines = [line for block in pages.blocks(page) for line in pages.commands(block)]
        found += [(name, line) for line in dict.fromkeys([*lines, *pages.inline_commands(page)])]
    return found


@pytest.mark.parametrize(("page", "line"), shell_commands())
def test_commands_of_the_pages_are_understood(page: str, line: str) -> None:
    assert problem(line) is None


def problem(line: str) -> str | None:
    """Return what is wrong with a command line: a command or an option that does not exist."""
    command: Any = typer.main.get_command(app)
    parts = shlex.split(line.split(" 2>")[0].split(" > ")[0].split(" | ")[0], comments=True)[1:]
    while getattr(command, "commands", None) and parts and not parts[0].startswith("-"):
        name = parts.pop(0)
        if name not in command.commands:
            return None if name.isupper() else f"no command {name!r}"
        command = command.commands[name]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    known |= {"--help", "--version", "--install-completion"}
    given = parts[: parts.index("--")] if "--" in parts else parts
    options = [part.split("=")[0] for part in given if re.match(r"--?[a-z]", part)]
    unknown = [option for option in options if option not in known]
    return f"no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    assert [link for link in pages.links(page) if not (page.parent / link).exists()] == []


def test_test_files_that_the_pages_name_exist() -> None:
    known = {path.name for path in (ROOT / "tests").rglob("*.py")}
    for page in pages.PAGES:
        if str(page.relative_to(ROOT)) not in pages.KEPT_AS_WRITTEN:
            named = re.findall(r"\b((?:test_|conftest)\w*\.py)", page.read_text(encoding="utf-8"))
            assert sorted(set(named) - known) == [], page


def test_modules_that_the_architecture_names_exist() -> None:
    places = re.findall(r"`((?:\w+/)+\w+\.pyi?)`", ARCHITECTURE)
    assert places
    assert [
        one for one in places if not any((ROOT / top / one).exists() for top in ("", "memagent"))
    ] == []


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 180
    tree = README.split("## Where things are")[1].split("```")[1]
    assert len(tree.strip().splitlines()) <= 25


def test_every_folder_is_in_a_tree() -> None:
    """The README's tree holds the folders, the page on the architecture what is inside them."""
    trees = README.split("## Where things are")[1] + ARCHITECTURE
    inits = [
        init
        for name in ("memagent", "stores", "tools", "evals")
        for depth in ("", "*/", "*/*/")
        for init in (ROOT / name).glob(f"{depth}__init__.py")
    ]
    folders = [init.parent.relative_to(ROOT) for init in inits]
    assert [str(one) for one in folders if not re.search(rf"\b{one.name}/", trees)] == []


def test_every_setting_is_in_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\| `(\w+)` \| `MEMAGENT", page)) == set(Settings.model_fields)


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in pages.PAGES:
        for target in re.findall(r"[`\n]make ([a-z]+)", page.read_text(encoding="utf-8")):
            assert f"\n{target}:" in makefile, (page, target)


def test_every_page_is_in_the_navigation() -> None:
    """`mkdocs build --strict` checks this too; here it is found without the tool."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    names = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert [name for name in names if name not in navigation] == []
