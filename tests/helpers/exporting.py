"""What the tests of exports share: a small memory, and its lines."""

from memagent import Memory, Scope
from memagent.testing import HashEmbedder


def fill(memory: Memory, ada: Scope) -> None:
    old = memory.add("I live in Pörto.", scope=ada, metadata={"page": 3}, who="ada")
    memory.update(old.id, "I live in Lisbon.", scope=ada, why="moved")
    memory.add("tea", scope=Scope(user="ada", session="s"), keys=["drink", "hot"], id="mine")
    memory.add("tea", scope=Scope(user="ada", session="s"), keys=["drink"], id="mine")


def exported(ada: Scope) -> list[str]:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        fill(memory, ada)
        return list(memory.maintenance.export(scope=ada, vectors=True))
