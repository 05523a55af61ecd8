"""Words of forgotten records: in no file and in no reading, however the store was made."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from erasing import held, secret_words
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.errors import InvalidInput
from memagent.integrations.chat_history import MemagentChatMessageHistory
from memagent.integrations.langgraph import MemagentStore
from memagent.learning import LearningOptions, Problem, Rationales
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.tools.memory import memory_tools

ADA = Scope(user="ada")
ZOE = Scope(user="zoe.miller@example.org", agent="nurse", session="ward-seventeen")
SECRET, OTHER, *WORDS = secret_words(12)
WHERE = "What is Zoe's diagnosis?"
TOLD = f"Zoe's diagnosis is {SECRET}."


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, embedder=HashEmbedder()) as opened:
        yield opened


@pytest.fixture
def joining(tmp_path: Path) -> Iterator[Memory]:
    """A memory that keys a pronoun's sentence together with the record before it."""
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as opened:
        yield opened


def reading(memory: Memory, *scopes: Scope) -> str:
    """Return all that the public reads tell of some users."""
    told: list[Any] = [memory.users()]
    for scope in scopes:
        records = memory.list(scope=scope, limit=10**6, everything=True)
        told += [
            [record, record.to_dict(), memory.history(record.id, scope=scope)] for record in records
        ]
        told += memory.maintenance.export(scope=scope)
        told += [memory.changes.list(scope=scope), memory.sessions(scope=scope)]
        told += [memory.search(SECRET, scope=scope, k=100, roles="all").hits]
    return repr(told).lower()


def check_gone(
    memory: Memory, folder: Path, *words: str, scopes: tuple[Scope, ...] = (ADA,)
) -> None:
    files, told = held(folder).lower(), reading(memory, *scopes)
    assert not [word for word in words if word.lower().encode() in files]
    assert not [word for word in words if word.lower() in told]
    assert memory.maintenance.verify() == ()


def test_no_key_of_a_later_text_holds_them(joining: Memory, tmp_path: Path) -> None:
    secret = joining.add(TOLD, scope=ADA)
    later = ["She cried.", "She went home.", "She called her mother.", "She slept.", "She got up."]
    for text in later:
        assert joining.add(text, scope=ADA).context == (secret.id,)
    what = joining.probes.target([secret.id], scope=ADA)
    assert joining.forget([secret.id], scope=ADA).rekeyed == len(later)
    check_gone(joining, tmp_path, SECRET)
    assert not joining.probes.check(what).known
    assert [record.text for record in joining.list(scope=ADA)] == later[::-1]


@settings(deadline=None, max_examples=20)
@given(
    leaning=st.lists(st.booleans(), min_size=3, max_size=8),
    size=st.integers(1, 8),
    noted=st.booleans(),
    forgetting=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=4),
)
def test_no_key_of_any_living_record_holds_a_forgotten_word(
    leaning: list[bool], size: int, noted: bool, forgetting: list[tuple[int, bool]]
) -> None:
    """Every text has a word of its own; some lean, some are updated or have notes."""
    names = secret_words(len(leaning))
    texts = [
        f"{'She' if leans else 'Zoe'} met {name}."
        for leans, name in zip(leaning, names, strict=True)
    ]
    with (
        TemporaryDirectory() as folder,
        Memory.open(folder, embedder=HashEmbedder(8), recall="rules") as memory,
    ):
        ids: list[str] = []
        for start in range(0, len(texts), size):
            batch = texts[start : start + size]
            ids += [record.id for record in memory.add_many(batch, scope=ADA)]
        if noted:
            memory.notes.compress("sentences", scope=ADA, ratio=0.9)
        forgotten = set[int]()
        for place, updated in forgetting:
            if place >= len(ids) or place in forgotten:
                continue
            if updated:
                memory.update(ids[place], "She left.", scope=ADA)
            memory.forget([ids[place]], scope=ADA)
            forgotten.add(place)
        keys = str([record.keys for record in memory.list(scope=ADA, everything=True)])
        for place, name in enumerate(names):
            assert (name in keys) == (place not in forgotten)
        check_gone(memory, Path(folder), *(names[place] for place in forgotten))


def test_an_old_chain_of_leaning_texts_is_followed_to_its_end(
    memory: Memory, tmp_path: Path
) -> None:
    """Up to 0.1 a key held all before it, and named the last three."""
    texts = [TOLD, *(f"She met {word}." for word in WORDS)]
    ids = [memory.add(text, scope=ADA).id for text in texts]
    with memory.engine.store.transaction() as db:
        for place, id in enumerate(ids):
            chain = json.dumps(ids[max(place - 3, 0) : place])
            db.execute("UPDATE records SET context = ? WHERE id = ?", (chain, id))
            db.execute(
                "UPDATE keys SET text = ? WHERE record = (SELECT seq FROM records WHERE id = ?)",
                (" ".join(texts[: place + 1]), id),
            )
    assert memory.forget([ids[0]], scope=ADA).rekeyed == len(WORDS)
    check_gone(memory, tmp_path, SECRET)


@pytest.mark.parametrize("method", ["sentences", "runs"])
@pytest.mark.parametrize("first", ["anchor", "leaning"])
def test_no_note_holds_them(joining: Memory, tmp_path: Path, method: Any, first: str) -> None:
    secret = joining.add(TOLD, scope=ADA)
    places = " ".join(
        f"went to {word} and bought {word} for {n} pounds." for n, word in enumerate(WORDS)
    )
    leaning = joining.add(f"She {places}", scope=ADA)
    joining.notes.compress(method, scope=ADA)
    (note,) = joining.list(scope=ADA, kind="note")
    assert SECRET in str(note.keys)
    assert note.context == (secret.id,)
    if first == "anchor":
        joining.forget([secret.id], scope=ADA)
        check_gone(joining, tmp_path, SECRET)
        assert {record.id for record in joining.list(scope=ADA)} == {leaning.id, note.id}
    joining.forget([leaning.id], scope=ADA)
    check_gone(joining, tmp_path, *WORDS)


def talk(memory: Memory, *replies: str, tools: Any = ()) -> Conversation:
    return Conversation(Agent(memory=memory, model=ScriptedChat(replies), tools=tools), ADA)


def test_no_later_reply_holds_them(memory: Memory, tmp_path: Path) -> None:
    secret = memory.add(TOLD, scope=ADA)
    talking = talk(memory, f"It is {SECRET}.", f"As I said, {SECRET}.", "I do not know.")
    for said in (WHERE, "Say that again?"):
        list(talking.say(said))
    assert len(memory.forget([secret.id], scope=ADA).derived) == 2
    check_gone(memory, tmp_path, SECRET)
    assert [record.text for record in memory.list(scope=ADA)] == ["Say that again?", WHERE]
    list(talking.say("And now?"))  # the running conversation shows the model nothing of it
    assert SECRET not in str(talking.agent.open().requests[-1])  # type: ignore[attr-defined]
    assert len(talking.turns) == 1


def test_a_resumed_conversation_does_not_show_them(memory: Memory) -> None:
    talking = talk(memory, "Hello Zoe.", "Sunny.", "Yes.")
    list(talking.say("My name is Zoe."))
    list(talking.say("How is the weather?"))
    said = memory.list(scope=ADA)[-1]
    resumed = Conversation(Agent(memory=memory, model=ScriptedChat(["Yes."])), talking.scope)
    assert len(resumed.turns) == 2
    memory.forget([said.id], scope=ADA)
    list(resumed.say("Is it warm?"))
    assert "Zoe" not in str(resumed.agent.open().requests)  # type: ignore[attr-defined]
    assert [record.text for record in memory.list(scope=ADA)][1:] == [
        "Is it warm?",
        "How is the weather?",
    ]


def test_an_answer_that_was_forgotten_is_no_longer_judged(memory: Memory) -> None:
    secret = memory.add(TOLD, scope=ADA)
    talking = talk(memory, f"It is {SECRET}.")
    list(talking.say(WHERE))
    memory.forget([secret.id], scope=ADA)
    with pytest.raises(InvalidInput, match="no answer yet"):
        talking.correct("It is measles.")


def test_a_reply_is_not_saved_once_its_prompt_is_forgotten(memory: Memory, tmp_path: Path) -> None:
    secret = memory.add(TOLD, scope=ADA)

    def reply(_: object) -> str:
        memory.forget([secret.id], scope=ADA)
        return f"It is {SECRET}."

    talking = Conversation(Agent(memory=memory, model=ScriptedChat(reply)), ADA)
    list(talking.say(WHERE))
    check_gone(memory, tmp_path, SECRET)
    assert [record.text for record in memory.list(scope=ADA)] == [WHERE]
    assert talking.turns == []


def test_no_result_of_a_tool_holds_them(memory: Memory, tmp_path: Path) -> None:
    """What the agent looks up, and what it writes of that, goes with what it was made from."""
    secret = memory.add(f"The patient has {SECRET}.", scope=ADA, metadata={"role": "user"})
    calls = [("memory_search", {"query": "patient"}), ("memory_add", {"text": f"It is {SECRET}."})]
    script = [json.dumps({"tool": name, "arguments": arguments}) for name, arguments in calls]
    agent = Agent(
        memory=memory,
        model=ScriptedChat([*script, json.dumps({"answer": "Noted."})]),
        tools=memory_tools(memory, ADA),
    )
    agent.ask("Note what you find.", scope=ADA)
    assert SECRET in reading(memory, ADA).replace(TOLD, "")
    assert len(memory.forget([secret.id], scope=ADA).derived) == 2
    check_gone(memory, tmp_path, SECRET)


@pytest.mark.parametrize("remembered", [True, False])
def test_what_an_agent_wrote_goes_with_what_it_was_told(
    memory: Memory, tmp_path: Path, remembered: bool
) -> None:
    secret = memory.add(TOLD, scope=ADA)
    call = json.dumps({"tool": "memory_add", "arguments": {"text": f"Zoe: {SECRET}."}})
    agent = Agent(
        memory=memory,
        model=ScriptedChat([call, json.dumps({"answer": "Noted."})]),
        tools=memory_tools(memory, ADA),
    )
    agent.ask(WHERE, scope=ADA, remember=remembered)
    memory.forget([secret.id], scope=ADA)
    check_gone(memory, tmp_path, SECRET)


def test_no_lesson_and_no_word_on_an_outcome_holds_them(memory: Memory, tmp_path: Path) -> None:
    secret = memory.add(TOLD, scope=ADA)
    other = memory.add(f"Zoe's diagnosis was {OTHER} before.", scope=ADA)
    agent = Agent(memory=memory, model=ScriptedChat([f"It is {SECRET}."]))
    answer = agent.ask(WHERE, scope=ADA)
    assert set(answer.memories) == {secret.id, other.id}
    agent.feedback(answer, verdict="bad", why=f"nobody may know of {SECRET}", scope=ADA)
    agent.feedback(answer, hint=f"Do not name {SECRET}.", scope=ADA, why=SECRET)
    memory.forget([secret.id], scope=ADA)
    check_gone(memory, tmp_path, SECRET)
    assert [event.action for event in memory.history(other.id, scope=ADA)] == ["add", "hurt"]
    memory.changes.judge([other.id], "hurt", scope=ADA, why="it is old")
    assert memory.history(other.id, scope=ADA)[-1].why == "it is old"


def test_words_on_an_outcome_go_with_the_answer(memory: Memory, tmp_path: Path) -> None:
    memory.add("Zoe's diagnosis is secret.", scope=ADA)
    agent = Agent(memory=memory, model=ScriptedChat(["It is."]))
    answer = agent.ask(WHERE, scope=ADA)
    agent.feedback(answer, verdict="bad", why=f"it is {SECRET}", scope=ADA)
    memory.forget([answer.turn[0]], scope=ADA)
    check_gone(memory, tmp_path, SECRET)


def test_ids_in_lessons_and_reasons_go_with_their_records(memory: Memory, tmp_path: Path) -> None:
    first = memory.add("Ada works in Rome.", scope=ADA, id="rome@example.org")
    agent = Agent(memory=memory, model=ScriptedChat(["In Rome."]))
    answer = agent.ask("Where does Ada work?", scope=ADA, remember=False, evidence=["Rome"])
    change = agent.feedback(answer, scope=ADA, correction="Ada works in Lisbon.").change
    assert change is not None
    assert change.superseded == first.id
    memory.changes.undo(change.id, scope=ADA)  # from now on the two are no versions of one another
    memory.forget([first.id], scope=ADA)
    check_gone(memory, tmp_path, "rome@example.org")
    assert memory.changes.list(scope=ADA)[0].superseded is None


def test_what_was_learnt_from_an_example_goes_with_it(memory: Memory, tmp_path: Path) -> None:
    rationales = Rationales(memory, ADA)
    (secret,) = rationales.keep(Problem(question=f"What is {SECRET}?"), [("#### 5", "right", 1.0)])
    agent = Agent(
        memory=memory,
        model=ScriptedChat([f"{SECRET}. #### 5", f"It is {SECRET}."]),
        examples=lambda question, _: rationales.similar(question).examples,
    )
    agent.learn(
        [Problem(question="What is two and three?", answer="5")],
        check=lambda *_: True,
        scope=ADA,
        how=LearningOptions(samples=1),
    )
    agent.ask("What is one and four?", scope=ADA)
    memory.forget([secret.id], scope=ADA)
    check_gone(memory, tmp_path, SECRET)
    assert [record.text for record in memory.list(scope=ADA)] == ["What is one and four?"]


def test_no_message_of_a_langchain_history_holds_them(memory: Memory, tmp_path: Path) -> None:
    history = MemagentChatMessageHistory(memory, scope=Scope("ada", session="monday"))
    for n in range(3):
        history.add_messages(
            [HumanMessage(f"Zoe has {SECRET}." if n == 0 else "And?"), AIMessage(f"{SECRET}! {n}")]
        )
    first = memory.list(scope=ADA)[-1]
    assert SECRET in first.text
    memory.forget([first.id], scope=ADA)
    check_gone(memory, tmp_path, SECRET)
    assert [message.text for message in history.messages] == ["And?", "And?"]


def test_no_item_of_langgraph_holds_them(memory: Memory, tmp_path: Path) -> None:
    store = MemagentStore(memory, scope=ADA)
    store.put(("users", "zoe"), "note", {"text": f"has {SECRET}"})
    store.put(("users", "zoe"), "note", {"text": "has measles", "was": OTHER})
    store.delete(("users", "zoe"), "note")
    check_gone(memory, tmp_path, SECRET, OTHER)


def test_what_was_imported_is_forgotten_with_its_prompt(memory: Memory, tmp_path: Path) -> None:
    secret = memory.add(TOLD, scope=ADA)
    memory.add("She cried.", scope=ADA)
    list(talk(memory, f"It is {SECRET}.").say(WHERE))
    list(talk(memory, "No.").say("Hello?"))
    lines = list(memory.maintenance.export(scope=ADA))
    with Memory.open(tmp_path / "other", embedder=HashEmbedder(), recall="rules") as other:
        assert other.maintenance.import_(lines) == 6
        assert list(other.maintenance.export(scope=ADA)) == lines
        said = next(record for record in other.list(scope=ADA) if record.text == WHERE)
        assert other.forget([said.id], scope=ADA).records == 2  # the reply goes with the question
        other.forget([secret.id], scope=ADA)
        check_gone(other, tmp_path / "other", SECRET)


def test_nothing_of_a_user_is_left_once_everything_is_forgotten(
    memory: Memory, tmp_path: Path
) -> None:
    memory.add("Ada hums.", scope=ADA)
    record = memory.add("I hum.", scope=ZOE, sources=["letter"], who="zoe")
    memory.changes.judge([record.id], "helped", scope=ZOE)
    memory.changes.archive([record.id], scope=ZOE)
    with Memory.open(
        tmp_path, embedder=HashEmbedder(), recall="rules"
    ) as other:  # it knows the user's number
        assert other.count(scope=ZOE, everything=True) == 1
        memory.forget(scope=Scope(ZOE.user), everything=True)
        assert ZOE.agent is not None
        assert ZOE.session is not None
        check_gone(memory, tmp_path, ZOE.user, ZOE.agent, ZOE.session, scopes=(ADA, ZOE))
        for table in ("outcomes", "digests", "links"):
            rows = memory.engine.store.query(f"SELECT * FROM {table} WHERE user = 2")
            assert rows == []
        other.add("I am back.", scope=ZOE)
        assert other.search("back", scope=ZOE)[0].record.text == "I am back."
        assert memory.search("back", scope=ZOE)[0].record.text == "I am back."
        ((number,),) = memory.engine.store.query("SELECT id FROM users WHERE name = ?", [ZOE.user])
        assert number == 3  # a number is not given again
    memory.forget(scope=ZOE, everything=True)
    check_gone(memory, tmp_path, ZOE.user)


def test_another_users_records_are_counted_but_not_named(memory: Memory, tmp_path: Path) -> None:
    """What was learnt of Ada's goes with it, and may tell her nothing; damage does not keep it."""
    secret = memory.add(f"The diagnosis is {SECRET}.", scope=ADA)
    agent = Agent(memory=memory, model=ScriptedChat([f"{SECRET}."]))
    answer = agent.ask("What is the diagnosis?", scope=ADA)
    mallory = Scope("mallory")
    agent.feedback(answer, scope=mallory, correction=f"Not {SECRET}.")
    (lesson,) = memory.list(scope=mallory)
    memory.add("x", scope=mallory, id="IGNORE ALL", kind="lesson", metadata={"quotes": "ada"},
               sources=[secret.id])  # fmt: skip
    with memory.engine.store.transaction() as db:
        db.execute("UPDATE records SET created = 'x', metadata = '{' WHERE seq = ?", (lesson.seq,))
    receipt = memory.forget([secret.id], scope=ADA)
    assert (receipt.records, receipt.derived) == (3, (answer.turn[1],))
    assert [record.id for record in memory.list(scope=mallory)] == ["IGNORE ALL"]
    assert SECRET.encode() not in held(tmp_path)
