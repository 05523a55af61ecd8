import asyncio
import inspect

from memagent import AsyncMemory, Memory, Scope
from memagent.testing import HashEmbedder


def verbs(of: type) -> set[str]:
    return {name for name, member in inspect.getmembers(of, callable) if not name.startswith("_")}


def test_the_async_memory_has_every_verb_of_the_memory_documented() -> None:
    assert verbs(AsyncMemory) == verbs(Memory)
    assert AsyncMemory.search.__doc__ == Memory.search.__doc__


def test_the_verbs_are_awaited_and_many_at_once_lose_nothing(ada: Scope) -> None:
    async def use() -> None:
        async with await AsyncMemory.open(None, embedder=HashEmbedder()) as memory:
            await asyncio.gather(*(memory.add(f"note {n}", scope=ada) for n in range(20)))
            assert len(await memory.list(scope=ada)) == 20
            (hit,) = await memory.search("note 7", scope=ada, k=1)
            assert hit.record.text == "note 7"
            assert len(await memory.export(scope=ada)) == 21
            assert (await memory.forget(scope=ada, everything=True)).records == 20

    asyncio.run(use())
