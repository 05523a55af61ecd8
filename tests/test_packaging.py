import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import memagent

ROOT = Path(__file__).parent.parent


def test_every_package_of_the_tree_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    setuptools = project["tool"]["setuptools"]
    inits = [*ROOT.glob("memagent/**/__init__.py")]
    inits += [
        one for name in ("stores", "tools", "evals") for one in ROOT.glob(f"{name}/**/__init__.py")
    ]
    found = [one.parent.relative_to(ROOT).parts for one in inits]
    names = {".".join(parts if parts[0] == "memagent" else ("memagent", *parts)) for parts in found}
    assert setuptools["packages"] == sorted(names)
    for package, folder in setuptools["package-dir"].items():
        assert folder in (package, package.removeprefix("memagent.")), package


def test_the_public_names_are_few_and_all_there() -> None:
    assert len(memagent.__all__) <= 20
    assert memagent.__all__ == sorted(memagent.__all__)
    for name in memagent.__all__:
        home = importlib.import_module(getattr(memagent, name).__module__)
        assert getattr(home, name) is getattr(memagent, name)


def test_the_version_is_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert memagent.__version__ == project["project"]["version"]


def test_importing_memagent_or_its_command_line_loads_nothing_heavy() -> None:
    heavy = (
        "torch",
        "faiss",
        "sentence_transformers",
        "langchain_core",
        "openai",
        "scipy",
        "statsmodels",
        "pandas",
        "pydantic",
    )
    code = (
        "import sys, memagent, memagent.cli.app\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.stdout.strip() == "[]", outcome.stderr


def test_a_memory_loads_no_adapter() -> None:
    adapters = (
        "memagent.integrations.vectorstore",
        "memagent.integrations.chat_history",
        "memagent.integrations.langgraph",
        "langgraph",
    )
    code = (
        "import sys, memagent.memory.memory, memagent.memory.aio\n"
        f"print([name for name in {adapters!r} if name in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.stdout.strip() == "[]", outcome.stderr


def test_every_file_that_is_no_module_is_listed_as_data() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    listed = set()
    for package, patterns in setuptools["package-data"].items():
        parts = package.split(".")
        inside = parts[1:] if parts[1:2] and parts[1] in ("stores", "tools", "evals") else parts
        folder = ROOT.joinpath(*inside)
        listed |= {path for pattern in patterns for path in folder.glob(pattern)}
    assert listed
    assert all(path.is_file() for path in listed)
    for folder in setuptools["package-dir"].values():
        files = {path for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {path for path in files if path.suffix not in (".py", ".pyc")} <= listed, folder
