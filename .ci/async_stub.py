"""Stub of AsyncMemory: `memagent/memory/aio.pyi`, made from the signatures of Memory and its parts.

python .ci/async_stub.py    # writes it; tests/memory/test_aio.py says when that is due
"""

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "memagent" / "memory"
STUB = FOLDER / "aio.pyi"
SOURCES = {
    "Memory": "memory.py",
    "Notes": "notes.py",
    "Changes": "changes.py",
    "Profile": "profile.py",
    "Maintenance": "maintenance.py",
    "DeletionProbes": "deletion_probes.py",
}
HEAD = '''"""AsyncMemory for type checkers; made by `.ci/async_stub.py` from Memory's signatures."""
'''
TAIL = """
class AsyncMemory(_AsyncMemory):
    sync: Memory
    notes: AsyncNotes
    changes: AsyncChanges
    profile: AsyncProfile
    maintenance: AsyncMaintenance
    probes: AsyncDeletionProbes

    def __init__(self, memory: Memory) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *error: object) -> None: ...

def sync_of(memory: Memory | AsyncMemory) -> Memory: ...
"""


def stub() -> str:
    """Return the text of the stub, formatted."""
    imports, classes = [], []
    for name, file in SOURCES.items():
        tree = ast.parse((FOLDER / file).read_text())
        found = ast.walk(tree)
        imports += [node for node in found if isinstance(node, ast.ImportFrom | ast.Import)]
        defined = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        others = ", ".join(node.name for node in defined)
        imports += ast.parse(f"from memagent.memory.{Path(file).stem} import {others}").body
        (source,) = [node for node in defined if node.name == name]
        hidden = "_" if name == "Memory" else ""
        verbs = [awaited(node) for node in source.body if isinstance(node, ast.FunctionDef)]
        body = "\n".join(f"    {verb}" for verb in verbs if verb)
        classes.append(f"class {hidden}Async{name}:\n{body}\n")
    lines = dict.fromkeys(ast.unparse(node) for node in imports)
    return formatted("\n".join([HEAD, *lines, *classes, TAIL]))


def awaited(verb: ast.FunctionDef) -> str:
    """Return the awaited signature of a public method, empty for anything else."""
    decorators = [ast.unparse(one) for one in verb.decorator_list]
    if verb.name.startswith("_") or decorators not in ([], ["classmethod"]):
        return ""
    for defaults in (verb.args.defaults, verb.args.kw_defaults):
        defaults[:] = [default and ast.Constant(...) for default in defaults]
    returns = ast.unparse(verb.returns or ast.Constant(None)).replace("Iterator[", "builtins.list[")
    arguments = ast.unparse(verb.args).replace("list[", "builtins.list[")
    returns = returns if "builtins" in returns else returns.replace("list[", "builtins.list[")
    opener = "@classmethod\n    " if decorators else ""
    return f"{opener}async def {verb.name}({arguments}) -> {returns}: ..."


def formatted(text: str) -> str:
    """Return a stub as the linter wants it: sorted imports, none unused."""
    ruff = Path(sys.executable).with_name("ruff")
    text = text.replace('"""\n', '"""\n\nimport builtins\n', 1)
    for command in (
        ["check", "--fix", "--quiet", "--select", "F401,F811,I,UP", "--exit-zero"],
        ["format", "--quiet"],
    ):
        run = [str(ruff), *command, "--stdin-filename", str(STUB), "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    STUB.write_text(stub())
