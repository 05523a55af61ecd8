import asyncio
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import pytest

from memagent import AsyncMemory, Memory, Scope
from memagent.errors import InvalidInput
from memagent.memory.aio import PARTS, verbs
from memagent.testing import HashEmbedder

GENERATOR = Path(__file__).parents[2] / ".ci" / "async_stub.py"


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("async_stub", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stub_has_the_signatures_of_the_memory(generator: ModuleType) -> None:
    assert generator.STUB.read_text() == generator.stub(), "run python .ci/async_stub.py"


async def test_the_async_memory_has_every_verb_of_the_memory_documented() -> None:
    async with await AsyncMemory.in_memory(embedder=HashEmbedder()) as memory:
        for name, part in {None: Memory, **PARTS}.items():
            awaited = getattr(memory, name) if name else memory
            for verb in verbs(part):
                method = getattr(awaited, verb)
                assert inspect.iscoroutinefunction(method)
                assert method.__doc__ == getattr(part, verb).__doc__


async def test_the_verbs_are_awaited_and_many_at_once_lose_nothing(ada: Scope) -> None:
    async with await AsyncMemory.in_memory(embedder=HashEmbedder(), scope=ada) as memory:
        await asyncio.gather(*(memory.add(f"note {n}") for n in range(20)))
        assert len(await memory.list()) == await memory.count() == 20
        (hit,) = await memory.search("note 7", k=1)
        assert hit.record.text == "note 7"
        assert len(await memory.maintenance.export()) == 21
        assert (await memory.changes.pin(hit.record.id)).changed == 1
        assert (await memory.forget(everything=True)).records == 20


async def test_a_verb_refuses_what_the_memory_refuses() -> None:
    async with await AsyncMemory.in_memory(embedder=HashEmbedder()) as memory:
        with pytest.raises(InvalidInput, match="whose memory"):
            await memory.add("tea")
