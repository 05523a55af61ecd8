"""People who live in one town and later in another, and verdicts on which of the two is right."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from memagent import Memory, Scope
from memagent.types import NewRecord, Record

NAMES = "Ann Ben Cleo Dan Eva Finn Gus Hana Ivo Jana Kurt Lena Max Nora Otto Vera".split()
START = datetime(2025, 1, 1, tzinfo=UTC)


def told(memory: Memory, scope: Scope, name: str) -> list[Record]:
    """Write where somebody lives: first in one town, a month later in another."""
    day = START + timedelta(days=NAMES.index(name))
    texts = {f"{name} lives in Rome near the sea.": 0, f"{name} lives in Oslo near the sea.": 30}
    return memory.add_many(
        [NewRecord(text=text, valid_from=day + timedelta(days=n)) for text, n in texts.items()],
        scope=scope,
    )


def judge(memory: Memory, scope: Scope, names: Sequence[str], right: int = 0) -> None:
    """Ask where some live, and judge that the first, or the second, that was told helped."""
    for name in names:
        both = told(memory, scope, name)
        question = {"role": "user", "content": f"Where does {name} live?"}
        (said,) = memory.add_messages([question], scope=scope)
        memory.changes.judge([both[right].id], "helped", turn=said.id, scope=scope)
        memory.changes.judge([both[1 - right].id], "hurt", turn=said.id, scope=scope)


def first(memory: Memory, scope: Scope, name: str) -> str:
    """Return the town that is found first."""
    return memory.search(f"Where does {name} live?", scope=scope, k=2)[0].record.text.split()[3]
