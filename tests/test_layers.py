import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    {"errors"},
    {"records"},
    {"types"},
    {
        "stores",
        "tools",
        "causes",
        "config",
        "aggregation",
        "combining",
        "compressor",
        "embedding",
        "extractive",
        "extracts",
        "guard",
        "held_back",
        "probe_texts",
        "remote_embedder",
        "server",
        "weights",
        "questions",
        "prompts",
        "reading",
        "pressure",
        "model_errors",
        "room",
        "serving",
        "vllm",
        "inflection",
        "told_time",
        "turn_lines",
        "pace",
    },
    {
        "context",
        "needs",
        "relations",
        "kinds",
        "lessons",
        "roles",
        "server_chat",
        "replies",
        "tool_probe",
        "pulling",
        "precision",
        "bert",
    },
    {"sentence_embedder", "phrases", "problems", "consistency"},
    {
        "models",
        "embedders",
        "examples",
        "likeness",
        "looking",
        "rewording",
        "tool_calling",
        "steps",
    },
    {"turn", "chains", "chronicle"},
    {"reasoning"},
    {"compression", "drafting", "drilling", "enrichment", "gathering", "note_writer", "recall"},
    {"ageing"},
    {"banking", "changes", "upkeep", "views"},
    {"versions"},
    {"memory"},
    {"entries"},
    {"vectorstore", "retriever", "chat_history", "langgraph"},
    {"remembering", "rationales", "trial"},
    {"learning", "rationale_trial", "reflection"},
    {"doing"},
    {"teaching"},
    {"agent", "aio", "probes"},
    {"evals", "conversation"},
    {"commands"},
    {"chat", "terminal"},
    {"cli_output"},
    {"cli_eval_asking", "cli_eval_report"},
    {
        "cli_compress",
        "cli_config",
        "cli_data",
        "cli_eval",
        "cli_feedback",
        "cli_learn",
        "cli_memory",
        "cli_model",
        "cli_search",
        "cli_serve",
        "cli_store",
        "cli_upkeep",
    },
    {"cli"},
    {"__main__"},
)
"""From the bottom up: a module imports from its own layer or from below."""
FREE = {"testing", "stub_server", "stub_wire", "__init__", "__version__"}
"""The fakes import only values; the package itself only names its parts."""
LATER = {"agent": {"conversation"}, "views": {"memory", "vectorstore", "retriever", "chat_history"}}
"""What a module hands out from above it, imported only when somebody asks for it."""
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imported(path: Path) -> Iterator[str]:
    """Names of our own modules that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "memagent":
                yield from [parts[1]] if parts[1:] else [one.name for one in node.names]
        elif isinstance(node, ast.Import):
            for name in node.names:
                parts = name.name.split(".")
                if parts[0] == "memagent" and parts[1:]:
                    yield parts[1]


def modules() -> list[tuple[str, Path]]:
    """Every module with the name of its layer's member."""
    found = [(path.stem, path) for path in sorted((ROOT / "memagent").glob("*.py"))]
    for folder in ("stores", "tools", "evals"):
        found += [(folder, path) for path in sorted((ROOT / folder).glob("**/*.py"))]
    return found


@pytest.mark.parametrize(("member", "path"), modules(), ids=lambda one: str(one).split("/")[-1])
def test_a_module_imports_only_from_its_layer_or_below(member: str, path: Path) -> None:
    if member in FREE:
        return
    above = {name for name in imported(path) if name not in FREE and RANK[name] > RANK[member]}
    assert above == LATER.get(member, set())


def test_stores_and_tools_import_nothing_but_values_and_themselves() -> None:
    for member, path in modules():
        if member in ("stores", "tools"):
            assert set(imported(path)) <= {"types", "errors", member}, path


@pytest.mark.parametrize("path", [path for _, path in modules()], ids=lambda path: path.name)
def test_no_file_passes_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
