"""Tables of docs/results/conversations.md, from the folders of retrieval runs.

memagent eval run retrieval --tasks locomo --file locomo10.json --arms ARMS --out runs/locomo
python bench/conversations.py runs/locomo

ARMS are the ways of searching the memory and the peers, as `memagent eval run -h` names them. For
each task there are three tables: quality and times of every arm, its difference from `search`, and
the categories of questions.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

QUALITY = ("any@5", "any@10", "recall@10", "mrr", "ndcg@10")
BY_CATEGORY = ("any@10", "recall@10")
CATEGORIES_OF = ("search", "recall", "bm25s", "lancedb")
"""The arms whose categories are shown: memagent's own, and one peer by words and one by vectors."""
MEMAGENT = "memagent"
PACKAGES = (
    *("memagent", "mem0ai", "qdrant-client", "langgraph", "langgraph-checkpoint", "chromadb"),
    *("lancedb", "faiss-cpu", "bm25s"),
)
Row = Mapping[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def interval(cell: Row) -> str:
    """Return a mean with the ends of its interval."""
    return f"{cell['value']:.3f} ({cell['low']:.3f}-{cell['high']:.3f})"


def kind(arm: str) -> str:
    """Return an arm's name without the number of examples, which retrieval does not show."""
    return arm.partition("+")[0]


def quality(rows: Sequence[Row], writing: Mapping[str, float]) -> str:
    """Return the measures of every arm, with its milliseconds for a search and for a turn."""
    peers = [store for store in writing if store != MEMAGENT]
    head = ["arm", "shown", *QUALITY, "search: ms, median (p95)", "writing: ms a turn"]
    cells = []
    for row in rows:
        arm = kind(row["arm"])
        times = f"{row['ms, median']:.2f} ({row['ms, p95']:.2f})"
        written = writing.get(arm if arm in peers else MEMAGENT)
        searches = row["ms, p95"] > 0
        cells.append(
            [
                f"`{arm}`",
                f"{row['shown']:.1f}",
                *(interval(row[name]) for name in QUALITY),
                times if searches else "-",
                f"{written:.2f}" if searches and written is not None else "-",
            ]
        )
    return table(head, cells)


def paired(rows: Sequence[Row]) -> str:
    """Return each arm's differences from `search`, with Holm's p."""
    arms = dict.fromkeys(row["arm"] for row in rows)
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    of = {(row["arm"], row["measure"]): row for row in rows}
    head = ["arm minus `search`", *(part for name in measures for part in (name, "p, Holm"))]
    cells = []
    for arm in arms:
        found = [of[arm, name] for name in measures]
        parts = [(signed(row["difference"]), p_value(row["Holm"])) for row in found]
        cells.append([f"`{kind(arm)}`", *(part for pair in parts for part in pair)])
    return table(head, cells)


def p_value(p: float) -> str:
    """Return a p-value with three digits."""
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def signed(cell: Row) -> str:
    """Return a difference with the ends of its interval."""
    return f"{cell['value']:+.3f} ({cell['low']:+.3f} to {cell['high']:+.3f})"


def categories(rows: Sequence[Row]) -> str:
    """Return the categories of the arms in `CATEGORIES_OF`."""
    arms = [arm for arm in CATEGORIES_OF if any(kind(row["arm"]) == arm for row in rows)]
    of = {(row["category"], kind(row["arm"])): row for row in rows}
    head = ["category", "n", *(f"{name}, `{arm}`" for name in BY_CATEGORY for arm in arms)]
    cells = []
    for category in sorted({row["category"] for row in rows}):
        found = [of[category, arm] for arm in arms]
        means = [interval(row[name]) for name in BY_CATEGORY for row in found]
        cells.append([category, str(found[0]["n"]), *means])
    return table(head, cells)


def page(folder: Path) -> str:
    """Return the tables of a run."""
    tables = json.loads((folder / "measures.json").read_text(encoding="utf-8"))["tables"]
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    versions = [f"{name} {run['versions'][name]}" for name in PACKAGES if run["versions"].get(name)]
    writing = {row["store"]: row["ms a turn"] for row in tables.get("writing", ())}
    parts = []
    for task in dict.fromkeys(row["task"] for row in tables["turns"]):
        turns, tests, kinds = (
            [row for row in tables.get(name, ()) if row["task"] == task]
            for name in ("turns", "against search", "measures by category")
        )
        parts += [f"### {task}, n = {turns[0]['n']}", quality(turns, writing)]
        parts += [paired(tests)] if tests else []
        parts += [categories(kinds)]
    return "\n\n".join([*parts, f"Versions: {', '.join(versions)}."])


def main() -> None:
    """Print the tables of the runs that are named."""
    parser = argparse.ArgumentParser(description="Tables of retrieval runs, in Markdown.")
    parser.add_argument("folders", nargs="+", type=Path, help="folders of runs")
    print("\n\n".join(map(page, parser.parse_args().folders)))


if __name__ == "__main__":
    main()
