"""Arms for questions about conversations: what each shows, and what it says of it."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from langchain_core.messages import BaseMessage
from talking import ANN, CARL, CHOICE, PARROT, WHERE, WHO, WHY, people

from memagent import Agent, Memory
from memagent.errors import ContextTooLong, InvalidInput
from memagent.evals.arm import ArmName, Parts
from memagent.evals.tasks import babi
from memagent.evals.tasks.conversations import context
from memagent.evals.tasks.conversations.arms import (
    ARMS,
    INSTRUCTIONS,
    ConversationArm,
    as_asked,
    examples_of,
)
from memagent.evals.tasks.conversations.conversation import (
    ConversationQuestion,
    ConversationTask,
    task_of,
)
from memagent.evals.tasks.conversations.grading import grade
from memagent.evals.tasks.conversations.ingestion import ingest, scope_of
from memagent.testing import HashEmbedder, ScriptedChat

ALL = [turn.line for turn in ANN.turns]


@pytest.fixture
def task() -> ConversationTask:
    return task_of(people(), "people/qa", grade)


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat(lambda messages: "Graz")


Make = Callable[..., ConversationArm]


@pytest.fixture
def make(task: ConversationTask, chat: ScriptedChat) -> Iterator[Make]:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)

        def made(name: str, task: ConversationTask = task) -> ConversationArm:
            return ConversationArm(ArmName.parse(name, 0), task, parts)

        yield made


def last_prompt(chat: ScriptedChat) -> str:
    return str(chat.requests[-1][-1].content)


def test_each_arm_shows_its_turns_as_the_product_does(make: Make, chat: ScriptedChat) -> None:
    expected: dict[str, Sequence[str]] = {
        "none": [],
        "full": ALL,
        "oracle": [ALL[1], ALL[3]],
    }
    for kind, shown in expected.items():
        reply = make(kind).ask(WHO)
        assert list(reply.shown) == shown, kind
        assert all(text in last_prompt(chat) for text in shown)
        assert last_prompt(chat).endswith(WHO.question)
        assert ("\nToday: 2024-03-03\n" in last_prompt(chat)) == bool(shown), "its last day"
    assert make("none").ask(WHO).recall is None
    full = make("full").ask(WHO)
    assert (full.marked, full.recall, full.left_out) == ((1, 3), 1.0, 0)


def test_a_search_shows_its_best_in_order_of_time(make: Make) -> None:
    reply = make("search-k:3").ask(WHO)
    assert list(reply.shown) == [line for line in ALL if line in reply.shown]
    assert len(reply.shown) == 3
    assert list(reply.marked) == [reply.shown.index(line) for line in (ALL[1], ALL[3])]
    assert reply.recall == 1.0
    assert reply.answer.timings.search > 0
    assert list(make("search-k").ask(WHO).shown) == ALL, "ten of them, questions too"


def test_memory_is_what_the_agent_does_by_itself(make: Make, task: ConversationTask) -> None:
    with Memory.in_memory(embedder=HashEmbedder()) as memory:
        scope = scope_of(task.data, ANN.id)
        ingest(memory, ANN, scope)
        for asked in (WHERE, WHO):
            chat = ScriptedChat(["Graz"])
            agent = Agent(memory=memory, model=chat, instructions=INSTRUCTIONS)
            own = agent.ask(asked.question, scope=scope, remember=False)
            reply = make("memory").ask(asked)
            assert reply.shown == own.recollection.texts != ()
            gold = [place for place, text in enumerate(reply.shown) if text in _gold(asked)]
            assert list(reply.marked) == gold
            assert reply.recall == len(gold) / len(asked.evidence)


def _gold(question: ConversationQuestion) -> list[str]:
    return [turn.line for turn in ANN.turns if turn.id in question.evidence]


def test_nothing_is_remembered_of_asking_and_all_arms_share_what_was_written(
    make: Make, task: ConversationTask
) -> None:
    memories = []
    for name in ("memory", "search-k", "memory:2"):
        arm = make(name)
        assert arm.ask(WHERE).setup > 0
        memories.append(arm._memory)
    (memory,) = {id(memory): memory for memory in memories}.values()
    assert memory.count(scope=scope_of(task.data, "ann")) == len(ANN.turns)


def test_the_wrong_arm_shows_nothing_of_the_question_s_conversation(make: Make) -> None:
    for asked, other in ((WHERE, CARL), (PARROT, ANN)):
        reply = make("wrong").ask(asked)
        assert set(reply.shown) <= {
            text for turn in other.turns for text in (turn.line, turn.shown)
        }
        assert (reply.marked, reply.recall) == ((), None)
    assert "Carl: I moved to Turku to repair clocks." in str(make("wrong").ask(WHERE).shown)
    alone = task_of(people(), "people/qa", grade, questions=[WHERE])
    with pytest.raises(InvalidInput, match="another conversation, and people/qa has only one"):
        make("wrong", alone)


def test_the_oracle_of_a_question_without_gold_turns(make: Make, chat: ScriptedChat) -> None:
    reply = make("oracle").ask(PARROT)
    assert list(reply.shown) == [turn.line for turn in CARL.turns], "the gold session"
    assert (reply.marked, reply.recall) == ((), None)
    assert make("oracle").ask(WHY).shown == ()
    assert last_prompt(chat) == WHY.question


class Narrow(ScriptedChat):
    """Model with a context of so many bytes, of which its window does not know."""

    size: int = 0

    def _reply(self, messages: list[BaseMessage]) -> str:
        if sum(len(str(message.content)) for message in messages) > self.size:
            self._requests.append(messages)
            raise ContextTooLong("too long")
        return super()._reply(messages)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let a window hold prompts of so many texts."""

    def to(most: int) -> None:
        def check(window: object, messages: Sequence[BaseMessage], tools: object = ()) -> None:
            if str(messages[-1].content).count("- ") > most:
                raise ContextTooLong("too long")

        monkeypatch.setattr(context.ContextWindow, "check", check)

    return to


def test_full_is_trimmed_from_the_oldest_alike_for_every_question(
    make: Make, narrow: Callable[[int], None]
) -> None:
    for most in range(len(ALL) + 1):
        narrow(most)
        arm = make("full")
        for asked in (WHERE, WHO, WHY):
            reply = arm.ask(asked)
            assert list(reply.shown) == ALL[len(ALL) - most :]
            assert reply.left_out == len(ALL) - most
    narrow(3)
    assert make("full").ask(WHO).recall == 0.5


def test_what_else_does_not_fit_is_left_out_and_counted(
    make: Make, narrow: Callable[[int], None]
) -> None:
    narrow(1)
    reply = make("search-k:2").ask(WHO)
    assert len(reply.shown) == 1, "the better of the two"
    assert reply.shown == make("search-k:1").ask(WHO).shown
    assert (reply.left_out, reply.recall) == (1, 0.5)
    reply = make("oracle").ask(WHO)
    assert (list(reply.shown), reply.left_out) == ([ALL[3]], 1)


def test_a_server_that_refuses_has_half_of_the_turns_left_out(task: ConversationTask) -> None:
    longest = (
        len(WHO.question) + len(INSTRUCTIONS) + len("Notes:\n\n\nToday: 2024-03-03\nQuestion: ")
    )
    chat = Narrow(lambda messages: "Graz")
    chat.size = longest + len("\n".join(f"- {text}" for text in ALL[3:]))
    memory = Memory.in_memory(embedder=HashEmbedder())
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    arm = ConversationArm(ArmName("full", None, 0), task, parts)
    reply = arm.ask(WHO)
    assert (list(reply.shown), reply.left_out) == (ALL[3:], 3)
    tried = len(chat.requests)
    assert tried == 2
    assert list(arm.ask(WHERE).shown) == ALL[3:]
    assert len(chat.requests) == tried + 1, "what was too much is not tried again"
    chat.size = 10
    with pytest.raises(ContextTooLong):
        arm.ask(WHERE)


def test_choices_are_asked_with_their_letters(make: Make, chat: ScriptedChat) -> None:
    task = task_of(people(), "people/choice", grade, questions=[CHOICE])
    for kind in ("none", "memory", "search-k", "oracle"):
        make(kind, task).ask(CHOICE)
        assert last_prompt(chat).endswith(as_asked(CHOICE))
        assert "(b) clocks\n" in last_prompt(chat)
    make("oracle+2", task).ask(CHOICE)
    question, answer = chat.requests[-1][-3:-1]
    assert "Answer with the letter." in str(question.content)
    assert str(answer.content) in ("(a)", "(b)", "(c)", "(d)")


def test_every_arm_has_the_same_examples_and_instructions(make: Make, chat: ScriptedChat) -> None:
    for kind in ARMS:
        make(f"{kind}+2").ask(WHERE)
        first, *rest = chat.requests[-1]
        assert first.content == INSTRUCTIONS
        assert len(rest) == 5
        examples = examples_of(ArmName(kind, None, 2), choices=False, dated=True)
        assert [message.content for message in rest[1:4:2]] == [one.answer for one in examples]
        assert ("Notes:" in str(rest[0].content)) == (kind != "none")
    with pytest.raises(InvalidInput, match="few-shot examples"):
        make("none+99")


def test_another_arm_or_another_task_is_refused(make: Make, chat: ScriptedChat) -> None:
    with pytest.raises(InvalidInput, match="'nonsense' is not one of none, full"):
        make("nonsense")
    task = babi.generated(1, 0)
    with pytest.raises(InvalidInput, match="has no conversations"):
        make("none", task)


def test_a_task_and_its_arms_travel_to_other_processes(task: ConversationTask) -> None:
    again, arm = pickle.loads(pickle.dumps((task, partial(ConversationArm, tokens=256))))
    assert again == task
    assert arm.keywords == {"tokens": 256}
