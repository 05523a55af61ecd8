"""Times of writing in the folder of a run: a line for each conversation that a store read."""

import json
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.tasks.conversations.conversation import Conversation
from memagent.files import private

WRITING_FILE = "writing.jsonl"


def keep_time(folder: Path, store: str, data: str, talk: Conversation, seconds: float) -> None:
    """Keep how long a store took to write a conversation of a data set.

    Raises:
        RunError: it cannot be written.
    """
    row = {"store": store, "data": data, "conversation": talk.id, "turns": len(talk.turns)}
    path = folder / WRITING_FILE
    try:
        with open(path, "a", encoding="utf-8", opener=private) as file:
            file.write(json.dumps(row | {"seconds": round(seconds, 6)}) + "\n")
    except OSError as error:
        raise RunError(f"cannot write to {path}: {error.strerror}") from error


def writing_table(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the conversations, turns and seconds that each store wrote.

    The turns' texts were embedded before, but not what a store embeds of its own: memagent finds a
    long text by its parts. What a store read again counts the first time: it was there already.
    """
    path = folder / WRITING_FILE
    if not path.exists():
        return {}
    first: dict[tuple[str, str, str], dict[str, Any]] = {}
    try:
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            first.setdefault((row["store"], row["data"], row["conversation"]), row)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error!r}") from error
    rows = []
    for store in dict.fromkeys(store for store, _, _ in first):
        written = [row for (name, _, _), row in first.items() if name == store]
        turns, seconds = (sum(row[name] for row in written) for name in ("turns", "seconds"))
        rows.append(
            {
                "store": store,
                "conversations": len(written),
                "turns": turns,
                "seconds": seconds,
                "ms a turn": 1000 * seconds / turns,
            }
        )
    return {"writing": rows}
