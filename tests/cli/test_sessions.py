import json
import os
from collections.abc import Callable
from pathlib import Path

from wcwidth import width

from memagent import Memory, Scope
from memagent.cli.sessions import TITLE, first_words, session_lines
from memagent.stores.lifecycle.sessions import session_summaries
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

Command = Callable[..., tuple[int, str, str]]


def test_sessions_are_listed_with_number_time_turns_and_first_words(memagent: Command) -> None:
    home = Path(os.environ["MEMAGENT_HOME"])
    with Memory.open(home, embedder=HashEmbedder()) as memory:
        for session, text in (("zoo", "I like owls."), ("art", "I paint\nevery day.")):
            record = NewRecord(text=text, metadata={"role": "user"})
            memory.add_many([record], scope=Scope("ada", session=session))
    code, out, err = memagent("sessions", "--user", "ada")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first.startswith("1  20")
    assert first.endswith("  1 turn  zoo  I like owls.")
    assert second.endswith("  1 turn  art  I paint every day.")
    found = json.loads(memagent("sessions", "--user", "ada", "--json")[1])
    assert [(one["number"], one["session"], one["turns"]) for one in found] == [
        (1, "zoo", 1),
        (2, "art", 1),
    ]
    assert all(one["started"] <= one["last"] for one in found)
    assert memagent("sessions", "--user", "nobody") == (0, "", "")
    assert memagent("sessions", "--user", "nobody", "--json")[1] == "[]\n"


def test_a_title_is_cut_by_the_cells_it_takes(memory: Memory) -> None:
    assert first_words("tea " * 100).endswith("…")
    assert width(first_words("我" * 100)) == TITLE
    memory.add("word " * 30, scope=Scope("ada", session="long"))
    lines = list(session_lines(session_summaries(memory.engine.store, Scope("ada")), 40, "long"))
    assert lines[0].startswith("1* ")
    assert max(map(len, lines)) <= 40
