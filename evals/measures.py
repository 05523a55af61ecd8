"""Tables of what an evaluation measures beside accuracy, as people read them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def as_tables(measures: Mapping[str, Sequence[Mapping[str, Any]]]) -> "list[Table]":
    """Return a table for each list of rows; what is itself a list, such as a matrix, is left out.

    What is not defined is shown as a dash.
    """
    from rich.table import Table

    tables = []
    for title, rows in measures.items():
        names = [
            name
            for name in dict.fromkeys(name for row in rows for name in row)
            if not any(isinstance(row.get(name), list | tuple) for row in rows)
        ]
        if set(names) <= {"task", "arm"}:
            continue
        shown = Table(title=title)
        for name in names:
            shown.add_column(name, justify="left" if name in ("task", "arm") else "right")
        for row in rows:
            shown.add_row(*(_text(row.get(name)) for name in names))
        tables.append(shown)
    return tables


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
