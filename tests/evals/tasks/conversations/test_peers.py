"""Peers: other stores as retrievers of the same turns, in this process, with no connection."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from memagent import Memory
from memagent.errors import ConfigError
from memagent.evals.arm import Parts
from memagent.evals.task import mention
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    ConversationTask,
    DataSet,
    Turn,
    question,
    task_of,
)
from memagent.evals.tasks.conversations.peers import PEERS
from memagent.evals.tasks.conversations.retrieval.suite import SUITE
from memagent.evals.tasks.conversations.retrievers import Retriever
from memagent.testing import HashEmbedder, ScriptedChat

pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages under test

MODULES = {
    "mem0": "mem0",
    "langgraph": "langgraph",
    "langgraph-index": "langgraph",
    "chroma": "chromadb",
    "lancedb": "lancedb",
    "faiss": "faiss",
    "bm25s": "bm25s",
}
SAID = {
    "a": ["I moved to Graz in spring.", "Our dog is called Bello.", "Dinner was late tonight."],
    "b": ["I moved to Linz in autumn.", "Our cat is called Minka.", "Breakfast was early today."],
    "a c": ["I moved to Rome.", "Our 'parrot' is called Kiki."],
}


def talk(name: str) -> Conversation:
    turns = (
        Turn(id=f"D1:{number}", session="1", role="user", name="Ann", text=text)
        for number, text in enumerate(SAID[name], start=1)
    )
    return Conversation(id=name, turns=tuple(turns))


def asked(story: str, text: str) -> ConversationQuestion:
    return question(id=text, conversation=talk(story), text=text, gold=["x"], category="")


TASK: ConversationTask = task_of(
    DataSet(
        name="tiny",
        source="generated",
        conversations=[talk(name) for name in SAID],
        questions=[asked(name, "Where did I move to?") for name in SAID],
    ),
    "retrieval/tiny",
    mention,
)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    embedder = HashEmbedder()
    with Memory.in_memory(embedder=embedder) as memory:
        yield Parts(memory=memory, embedder=embedder, model=ScriptedChat([]), folder=tmp_path)


@pytest.fixture(params=PEERS)
def name(request: pytest.FixtureRequest) -> str:
    peer: str = request.param
    if find_spec(MODULES[peer]) is None:
        pytest.skip(f"{MODULES[peer]} is not installed")
    return peer


def opened(name: str, parts: Parts) -> Retriever:
    retriever = PEERS[name](TASK, parts)
    for conversation in TASK.conversations.values():
        retriever.read(conversation)
    return retriever


def test_every_peer_is_an_arm_of_retrieval_and_has_a_module_to_skip_by() -> None:
    assert set(PEERS) == set(MODULES)
    assert set(PEERS) < set(SUITE.arms)


def test_a_peer_ranks_the_turns_of_one_conversation_alone(name: str, parts: Parts) -> None:
    retriever = opened(name, parts)
    parrot = retriever.find(asked("a c", "Kiki the 'parrot'"), 5)
    assert set(parrot.turns) <= {"D1:1", "D1:2"}
    for story in ("a", "b"):
        animal = retriever.find(asked(story, "What is our animal called?"), 5)
        assert set(animal.turns) <= {"D1:1", "D1:2", "D1:3"}
        assert len(animal.turns) == len(set(animal.turns))
        assert animal.seconds > 0
        if name == "langgraph":
            assert animal.turns == ("D1:1", "D1:2", "D1:3")
        else:
            assert animal.turns[0] == parrot.turns[0] == "D1:2"
            moved = retriever.find(asked(story, f"Ann: {SAID[story][0]}"), 1)
            assert moved.turns == ("D1:1",)
    retriever.close()


def test_a_peer_returns_no_more_than_asked_for(name: str, parts: Parts) -> None:
    retriever = opened(name, parts)
    text = asked("a", "Ann moved, the dog is called, dinner was late")
    counts = [len(retriever.find(text, k).turns) for k in (1, 2, 3, 200)]
    assert counts == [1, 2, 3, 3]
    retriever.close()


def test_a_conversation_is_written_once_and_one_without_turns_holds_nothing(
    name: str, parts: Parts
) -> None:
    retriever = opened(name, parts)
    retriever.read(talk("a"))
    retriever.read(Conversation(id="empty", turns=()))
    assert len(retriever.find(asked("a", "Ann moved; called; dinner"), 200).turns) == 3
    nothing = ConversationQuestion(
        id="q", story="empty", facts=(), question="Where?", gold=("x",), supports=()
    )
    assert retriever.find(nothing, 5).turns == ()
    retriever.close()


def test_equal_words_are_turns_of_their_own(name: str, parts: Parts) -> None:
    retriever = PEERS[name](TASK, parts)
    said = (Turn(id=f"D1:{n}", session="1", role="assistant", text="Thanks a lot!") for n in (1, 2))
    retriever.read(Conversation(id="a", turns=tuple(said)))
    assert sorted(retriever.find(asked("a", "Thanks a lot"), 5).turns) == ["D1:1", "D1:2"]
    retriever.close()


def test_a_question_without_a_word_of_the_conversation_is_answered(name: str, parts: Parts) -> None:
    retriever = opened(name, parts)
    assert len(retriever.find(asked("a", "Zzz?"), 2).turns) <= 2
    retriever.close()


def test_a_peer_leaves_nothing_in_the_folder_and_starts_anew(
    name: str, parts: Parts, tmp_path: Path
) -> None:
    text = asked("b", "Our cat is called Minka")
    rankings = []
    for _ in range(2):
        retriever = opened(name, parts)
        rankings.append(retriever.find(text, 3).turns)
        assert [path.name.startswith(name) for path in (tmp_path / "peers").iterdir()] == [True]
        retriever.close()
        assert list((tmp_path / "peers").iterdir()) == []
    assert rankings[0] == rankings[1]


def test_a_missing_package_is_named_with_its_extra(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mem0", None)
    with pytest.raises(ConfigError) as caught:
        PEERS["mem0"](TASK, parts)
    assert str(caught.value) == "arm mem0 needs mem0ai: pip install 'memagent[peers]'"
    assert list((tmp_path / "peers").iterdir()) == []
