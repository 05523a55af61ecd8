"""Strategies of recall: by ranking, and by the English rules, which load only if asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from memagent import Memory, Scope
from memagent.errors import ConfigError, InvalidInput
from memagent.memory import engine
from memagent.recall.recaller import Recaller
from memagent.recall.rules.recaller import RulesRecaller
from memagent.testing import HashEmbedder

STORY = ("Zoe went to Xanadu.", "Then she lost the ring.")
USE = """
import sys
from memagent import Agent, Memory
from memagent.testing import HashEmbedder, ScriptedChat

with Memory.in_memory(embedder=HashEmbedder(), scope="ada") as memory:
    memory.add_many(["Zoe went to Faro.", "She lost the ring.", "Where is Zoe?"])
    assert memory.recall("Where is the ring?").hits
    agent = Agent(memory=memory, model=ScriptedChat(["In Faro.", "In Rome."]))
    answer = agent.ask("Where is Zoe?", scope="ada")
    agent.feedback(answer, scope="ada", correction="Zoe is in Rome.")
    agent.ask("Where is Zoe now?", scope="ada")
    memory.notes.compress("sentences")
print(*(name for name in sys.modules if name.startswith("memagent.recall.rules")))
"""


def test_nothing_loads_the_rules_that_was_not_asked_to() -> None:
    outcome = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout.split()) == (0, []), outcome.stderr


def test_a_memory_recalls_by_ranking_unless_told_otherwise(memory: Memory) -> None:
    assert isinstance(memory.engine.strategy, Recaller)
    with Memory.in_memory(embedder=HashEmbedder(), recall="rules") as other:
        assert isinstance(other.engine.strategy, RulesRecaller)


@pytest.mark.parametrize("name", ["rule", "", 3])
def test_a_strategy_that_is_none_is_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="one of ranked, rules is wanted"):
        Memory.open(tmp_path / "new", embedder=HashEmbedder(), recall=name)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_a_memory_without_a_folder_takes_the_strategy_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "open_embedder", lambda _: HashEmbedder())
    monkeypatch.setenv("MEMAGENT_RECALL", "rules")
    with Memory.open() as memory:
        assert isinstance(memory.engine.strategy, RulesRecaller)
    with Memory.open(recall="ranked") as memory:
        assert isinstance(memory.engine.strategy, Recaller)
    monkeypatch.setenv("MEMAGENT_RECALL", "both")
    with pytest.raises(ConfigError, match="setting 'recall'"):
        Memory.open()


def test_only_the_rules_key_a_pronoun_with_the_record_before_it(tmp_path: Path, ada: Scope) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        first, joined = memory.add_many(STORY, scope=ada)
        assert (joined.keys, joined.context) == ((" ".join(STORY),), (first.id,))
    with Memory.open(tmp_path, embedder=HashEmbedder()) as memory:
        alone = memory.add("Then she sang.", scope=ada)
        assert (alone.keys, alone.context) == (("Then she sang.",), ())
        found = memory.recall("What happened in Xanadu?", scope=ada)
        assert {first.id, joined.id} <= {hit.record.id for hit in found.hits}
        assert memory.changes.learn_direction("Where is the ring?", "Xanadu", scope=ada) is False
        updated = memory.update(joined.id, metadata={"page": 3}, scope=ada)
        assert (updated.keys, updated.context) == ((STORY[1],), ())
