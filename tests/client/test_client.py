"""The client gives what `Memory` itself gives."""

import asyncio
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from served import Served, services

import memagent
from memagent import NewRecord, Scope
from memagent.client import AsyncMemory, Memory, NotAllowed, ServerUnavailable
from memagent.errors import InvalidInput, ModelUnavailable
from memagent.testing import Say, StubServer
from memagent.types import Hits

pytestmark = pytest.mark.wire
ADA = Scope(user="ada")
DIARY = Scope(user="ada", session="diary")


@pytest.fixture(scope="module")
def model() -> Iterator[StubServer]:
    with StubServer([Say("In Turin.")]) as server:
        yield server


@pytest.fixture
def served(model: StubServer) -> Iterator[Served]:
    with Served(services(model=model.url)) as server:
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[Memory]:
    with Memory.connect(served.url, scope="ada") as memory:
        yield memory


def test_what_is_added_comes_back_as_the_same_record(served: Served, client: Memory) -> None:
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    record = client.add(
        "Anna lives in Turin.",
        id="a b/c",
        keys=["Anna", "Turin"],
        valid_from=moment,
        valid_to=moment + timedelta(days=3),
        metadata={"page": 3, "é": ["ü", None, 1.5]},
    )
    assert record == served.memory.get("a b/c", scope=ADA)[0]
    assert client.get("a b/c") == [record]
    assert client.get(["no", "a b/c"]).missing == ("no",)


READS: list[Any] = [
    ("search", ("Where is Anna?",), {"k": 3, "explain": True}),
    ("search", ("Anna",), {"where": {"page": {"gte": 2}}, "roles": "all"}),
    ("search", ("Anna",), {"half_life": timedelta(days=2000), "min_score": 0.1, "tokens": 30}),
    ("list", (), {"limit": 2}),
    ("list", (), {"everything": True, "kind": "episode"}),
    ("count", (), {}),
    ("count", (), {"where": {"page": 1}}),
    ("users", (), {}),
    ("sessions", (), {}),
    ("history", ("n1",), {}),
    ("get", (["n0", "n1", "missing"],), {}),
    ("forget", (["n0"],), {"dry_run": True}),
    ("forget", (), {"where": {"page": 1}, "dry_run": True}),
]


@pytest.mark.parametrize(("verb", "arguments", "options"), READS)
def test_a_verb_gives_what_the_memory_gives(
    served: Served, client: Memory, verb: str, arguments: Any, options: Any
) -> None:
    fill(served.memory)
    own = getattr(served.memory, verb)(
        *arguments, **options, **({} if verb == "users" else {"scope": ADA})
    )
    same(getattr(client, verb)(*arguments, **options), own)

    async def awaited() -> Any:
        async with AsyncMemory.connect(served.url, scope="ada") as memory:
            return await getattr(memory, verb)(*arguments, **options)

    same(asyncio.run(awaited()), own)


def same(found: Any, own: Any) -> None:
    """Compare two results; the scores of a half-life grow older meanwhile."""
    if not isinstance(own, Hits):
        assert found == own
        return
    assert [(hit.record, hit.key, hit.excerpt) for hit in found] == [
        (hit.record, hit.key, hit.excerpt) for hit in own
    ]
    assert [hit.score for hit in found] == pytest.approx([hit.score for hit in own], rel=1e-4)
    assert found.candidates == own.candidates


def fill(memory: memagent.Memory) -> None:
    notes = [f"Anna went to room {number} on Monday." for number in range(4)]
    memory.add_many(
        [
            NewRecord(text=text, id=f"n{number}", metadata={"page": number})
            for number, text in enumerate(notes)
        ],
        scope=DIARY,
    )
    memory.update("n1", "Anna stayed at home.", scope=ADA, why="she was ill")


def test_recall_shows_the_same(served: Served, client: Memory) -> None:
    fill(served.memory)
    found, own = client.recall("Where is Anna?"), served.memory.recall("Where is Anna?", scope=ADA)
    assert [hit.record.id for hit in found.hits] == [hit.record.id for hit in own.hits]
    assert found.texts == own.texts


def test_pages_go_through_all_records(served: Served, client: Memory) -> None:
    fill(served.memory)
    page, seen = client.list(limit=2), list[str]()
    while True:
        seen += [record.id for record in page]
        if page.next is None:
            break
        page = client.list(limit=2, after=page.next)
    assert seen == [record.id for record in served.memory.list(scope=ADA)]


def test_writing_verbs_change_the_memory(served: Served, client: Memory) -> None:
    first, second = client.add_many(["Anna lives in Turin.", NewRecord(text="Bob swims.")])
    messages = [{"role": "user", "content": "I like tea.", "timestamp": "2026-05-01T10:00:00Z"}]
    client.add_messages(messages, scope=DIARY)
    newer = client.update(first.id, "Anna lives in Linz.", why="she moved")
    assert newer.supersedes == first.id
    assert [version.id for version in client.why(newer.id).versions] == [first.id, newer.id]
    assert client.changes.pin(newer.id).changed == 1
    assert client.changes.archive([second.id]).changed == 1
    assert client.changes.restore(second.id).changed == 1
    assert client.changes.judge(newer.id, "helped").changed == 1
    assert client.sources(newer.id) == []
    line = client.profile.add("I am a vegetarian.")
    assert [one.id for one in client.profile.lines()] == [line.id]
    assert client.stats()["users"] == 1
    receipt = client.forget(newer.id)
    assert set(receipt.asked + receipt.derived) == {newer.id, first.id}
    assert served.memory.get([first.id, newer.id], scope=ADA) == []


def test_an_answer_is_corrected_and_the_change_undone(served: Served, client: Memory) -> None:
    client.add("Anna lives in Turin.")
    answer = client.ask("Where does Anna live?")
    assert answer.answer == "In Turin."
    reflected = client.feedback(answer, correction="Anna lives in Linz.")
    assert reflected.change is not None
    assert [change.id for change in client.changes.list()] == [reflected.change.id]
    assert client.changes.undo(reflected.change.id, why="no").undone is not None
    assert client.changes.get(reflected.change.id).undone is not None


def test_a_chat_streams_and_is_remembered(served: Served, client: Memory) -> None:
    client.add("Anna lives in Turin.")
    events = list(client.chat("Where does Anna live?", scope=DIARY))
    assert [event.name for event in events if event.name != "delta"] == [
        "recalled",
        "answer",
        "saved",
    ]
    said = "".join(event.data["text"] for event in events if event.name == "delta")
    assert said == "In Turin."
    assert len(served.memory.list(scope=DIARY)) == 2

    async def talk() -> list[str]:
        async with AsyncMemory.connect(served.url, scope="ada") as memory:
            return [event.name async for event in memory.chat("And Bob?", scope=DIARY)]

    assert asyncio.run(talk())[-1] == "saved"


def test_an_export_goes_into_another_user(served: Served, client: Memory) -> None:
    fill(served.memory)
    lines = list(client.export())
    assert lines == [line.rstrip("\n") for line in served.memory.maintenance.export(scope=ADA)]
    assert client.import_(lines, scope="bob") == 5
    assert client.import_(lines, scope="bob") == 0
    assert client.count(scope="bob") == client.count()


def test_errors_are_those_of_the_library(served: Served, client: Memory) -> None:
    with pytest.raises(InvalidInput):
        client.add("")
    with pytest.raises(InvalidInput, match="no such record"):
        client.history("nothing")
    with pytest.raises(InvalidInput):
        client.search("x", where={"page": {"no-operator": 1}})
    with pytest.raises(InvalidInput):
        client.add("half \ud800")
    served.key("bob")
    with pytest.raises(NotAllowed):
        later(lambda: client.list())
    with Memory.connect(served.url, key=served.key("ada", read_only=True)) as reader:
        assert reader.list() == []
        with pytest.raises(NotAllowed, match="only read"):
            reader.add("x")
        with pytest.raises(NotAllowed, match="does not speak"):
            reader.list(scope="bob")
    with (
        Memory.connect("http://127.0.0.1:9", scope="ada") as away,
        pytest.raises(ServerUnavailable, match="no memagent server answers"),
    ):
        away.list()


def later(call: Any) -> None:
    """Call until a server has noticed that there are keys."""
    for _ in range(300):
        call()
        asyncio.run(asyncio.sleep(0.01))


def test_a_model_that_is_away_is_said_so() -> None:
    of = services(model="http://127.0.0.1:9/v1", retries=0)
    with (
        Served(of) as served,
        Memory.connect(served.url, scope="ada") as client,
        pytest.raises(ModelUnavailable),
    ):
        client.ask("Where is Anna?")


def test_the_verbs_have_the_signatures_of_memory() -> None:
    left_out = {"who", "within", "vectors", "recalled", "learned_scope"}
    for name in ("add", "add_many", "add_messages", "update", "search", "recall", "get", "list",
                 "count", "users", "sessions", "history", "forget"):  # fmt: skip
        own = inspect.signature(getattr(memagent.Memory, name)).parameters
        there = inspect.signature(getattr(Memory, name)).parameters
        wanted = [one for one in own if one not in {"self", *left_out}]
        assert [one for one in there if one != "self"] == wanted, name
        for one in wanted:
            assert there[one].default == own[one].default, (name, one)
