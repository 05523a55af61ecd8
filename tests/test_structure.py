"""House rules on the tree that import-linter's contracts in pyproject.toml cannot say."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("memagent", "stores", "tools", "evals")
FILES = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))
PACKAGES = sorted({path.parent for path in FILES})
SMALL = {
    "memagent/recall/rules/trail.py": "values that the hops and the rules share, without a cycle",
}
"""Modules of fewer than 40 lines, each with a reason."""
FULL = {"evals/tasks/babi/generator": "bAbI has twenty tasks"}
"""Folders of more than 15 modules, each with a reason."""
HEAVY = {
    "faiss",
    "langchain_core",
    "mcp",
    "numpy",
    "openai",
    "pydantic_settings",
    "scipy",
    "statsmodels",
    "torch",
}
"""Third-party packages that take a command's start longer than the command itself."""
DOORS = {"memagent", "memagent.evals"}
"""Packages that import what they hand out when it is first used."""
LAZY = {("memagent.__main__", "memagent.cli.app")}
"""Imports inside functions of own modules that load nothing heavy, though many of them."""


def within(path: Path) -> str:
    """Return a file's or folder's path below the repository."""
    return path.relative_to(ROOT).as_posix()


def named(path: Path) -> str:
    """Return the dotted name under which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "memagent" else ("memagent", *parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {named(path): path for path in FILES}


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a statement imports; of our own, the most exact that there is."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in MODULES else node.module


def at_the_top(body: list[ast.stmt]) -> Iterator[str]:
    """Yield what is imported when a module is: not in functions, nor for a type checker only."""
    for node in body:
        yield from imported(node)
        if isinstance(node, ast.Try | ast.With | ast.ClassDef):
            yield from at_the_top(node.body)


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text())


def loads(name: str) -> set[str]:
    """Return the top names of all that importing a module imports, itself or by others."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        if module in MODULES:
            waiting += at_the_top(tree(module).body)
            waiting += [module.rpartition(".")[0]]
    return {module.partition(".")[0] for module in seen}


def in_functions(name: str) -> set[str]:
    """Return the own modules that a module imports inside its functions."""
    functions = [
        node
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = {one for function in functions for node in ast.walk(function) for one in imported(node)}
    return {one for one in found if one in MODULES} - DOORS


def test_a_module_fits_its_reader() -> None:
    lines = {within(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 400} == {}
    small = {name for name, count in lines.items() if count < 40}
    assert {name for name in small if not name.endswith("__init__.py")} == set(SMALL)


def test_a_folder_has_few_modules() -> None:
    counts = {within(folder): len([*folder.glob("[!_]*.py")]) for folder in PACKAGES}
    assert {name for name, count in counts.items() if count > 15} <= set(FULL)


def test_a_folder_says_in_one_sentence_what_it_holds() -> None:
    inits = {within(folder): folder / "__init__.py" for folder in PACKAGES}
    says = {name: ast.get_docstring(ast.parse(init.read_text())) for name, init in inits.items()}
    assert [name for name, text in says.items() if not re.fullmatch(r"[^.].+\.", text or "")] == []
    assert [name for name, text in says.items() if ". " in (text or "")] == []


def test_a_function_imports_of_our_own_only_what_is_heavy() -> None:
    light = {
        (name, one) for name in MODULES for one in in_functions(name) if not loads(one) & HEAVY
    }
    assert light == LAZY


def test_every_folder_has_its_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in contracts["contracts"] if one["id"] == "layers"]
    placed = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    tops = {tuple(name.split(".")[1:]) for name in MODULES}
    members = {top[:2] if top[0] in ("stores", "evals") else top[:1] for top in tops if top}
    assert {".".join(member) for member in members} - {"stores", "evals"} <= placed
