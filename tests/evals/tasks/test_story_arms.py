import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts, rules_memory
from memagent.evals.runs.plan import by_story
from memagent.evals.score import Score
from memagent.evals.task import Sample, Task
from memagent.evals.tasks import babi
from memagent.evals.tasks.story_arms import StoryArm, Strangers, leakage
from memagent.memory.memory import Memory
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Scope

TOLD = (
    (1, "Mary went to the garden."),
    (2, "John took the milk."),
    (3, "Mary took the apple."),
    (4, "Sandra went to the office."),
)


def sample(story: str, question: str = "What did Mary take?", told: Sequence[str] = ()) -> Sample:
    facts = tuple(enumerate(told, start=1)) if told else TOLD
    return Sample(
        id=f"{story}/{len(facts)}",
        story=story,
        facts=facts,
        question=question,
        gold=("apple",),
        supports=(3,),
    )


@pytest.fixture(scope="module")
def task() -> Task:
    return replace(
        babi.load(None, 1, None), asked=[sample("one"), sample("two", told=["A.", "B."])]
    )


def shown(task: Task, name: str, asked: Sample) -> tuple[list[str], float | None]:
    """Return what an arm shows the model, and its recall."""
    chat = ScriptedChat(["apple"])
    embedder = HashEmbedder()
    with Memory.in_memory(embedder=embedder) as memory:
        arm = StoryArm(
            ArmName.parse(name, 0), task, Parts(memory=memory, embedder=embedder, model=chat)
        )
        reply = arm.ask(asked)
    lines = re.findall(r"- (.+)", text(chat.requests[0]))
    assert tuple(lines) == reply.shown
    return lines, reply.recall


def text(messages: Sequence[BaseMessage]) -> str:
    return str(messages[-1].content)


def test_a_name_says_how_much_is_shown_and_how_many_worked_examples() -> None:
    names = ("memory+3", "window:10+0", "full+12", "memory+rules+3", "memory+rules:5+0")
    for name in names:
        assert str(ArmName.parse(name)) == name
    assert ArmName.parse("memory+rules:3") == ArmName("memory+rules", 3)
    assert ArmName.parse("memory+rules+0") == ArmName("memory+rules", None, 0)
    assert ArmName.parse("bm25:2", shots=5) == ArmName("bm25", 2, 5)
    for bad in ("", "memory+", "memory+rules+", "memory+3+rules", "window:", "Memory", "a b"):
        with pytest.raises(InvalidInput, match="expected a name such as"):
            ArmName.parse(bad)


def test_an_arm_that_is_none_is_refused(task: Task) -> None:
    with pytest.raises(InvalidInput, match="'all' is not one of none, full"):
        shown(task, "all", sample("one"))


@pytest.mark.parametrize(
    ("name", "lines", "recall"),
    [
        ("none", [], 0.0),
        ("full", [1, 2, 3, 4], 1.0),
        ("window:2", [3, 4], 1.0),
        ("window:1", [4], 0.0),
        ("oracle", [3], 1.0),
        ("bm25:1", [3], 1.0),
        ("dense:1", [3], 1.0),
    ],
)
def test_each_arm_shows_what_its_name_says(
    task: Task, name: str, lines: list[int], recall: float
) -> None:
    told = dict(TOLD)
    assert shown(task, name, sample("one")) == ([told[line] for line in lines], recall)


def test_by_words_alone_is_not_by_meaning_alone(task: Task) -> None:
    """Who shares no word is not found by words, and always somewhere by meaning."""
    asked = sample("one", question="Xylophone?")
    assert shown(task, "bm25", asked)[0] == []
    assert shown(task, "dense:2", asked)[0] != []


def test_what_a_search_found_is_shown_in_the_order_it_was_told(task: Task) -> None:
    lines, _ = shown(task, "bm25:4", sample("one", question="Mary apple took?"))
    assert lines == [text for _, text in sorted(TOLD) if text in lines]
    assert len(lines) == 3


def test_only_the_rules_follow_names_and_learn_hop_directions(task: Task, tmp_path: Path) -> None:
    told = ("Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
    where = sample("ring", question="Where is the ring?", told=told)
    studied = replace(where, id="s/3", story="s", gold=("Faro",))
    lessons = replace(task, training=[studied])
    found = {}
    with Memory.open(tmp_path / "memory", embedder=HashEmbedder()) as memory:
        for kind in ("memory", "memory+rules"):
            chat = ScriptedChat(lambda _: "Faro")
            parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat, folder=tmp_path)
            reply = StoryArm(ArmName(kind, None, 1), lessons, parts).ask(where)
            found[kind] = reply.answer.recollection
        rules = rules_memory(parts)
        learned = Scope(user=f"{task.name}/lessons")
        counts = [one.count(scope=learned, kind="rationale") for one in (memory, rules)]
        assert counts == [0, 1]
    assert [hit.why.get("hop") for hit in found["memory+rules"].hits] == [2.0, None]
    assert not any("hop" in hit.why for hit in found["memory"].hits)
    assert (tmp_path / "memory-rules").is_dir()


def test_the_size_of_a_recalling_arm_is_how_many_are_shown(task: Task) -> None:
    asked = sample("one", question="What did Mary do?")
    for kind in ("memory", "memory+rules"):
        assert len(shown(task, f"{kind}:1", asked)[0]) == 1
        assert len(shown(task, f"{kind}:2", asked)[0]) == 2


def test_wrong_is_told_another_story_and_never_the_own(task: Task) -> None:
    lines, recall = shown(task, "wrong", sample("one", question="A?"))
    assert set(lines) <= {"A.", "B."}
    assert recall is None


def test_the_strangers_story_is_cut_where_the_own_one_is() -> None:
    stories = {"a": ["a1", "a2", "a3"], "b": ["b1"], "c": ["c1", "c2"]}
    asked = [
        sample(story, told=lines[:n])
        for story, lines in stories.items()
        for n in range(1, len(lines) + 1)
    ]
    base = babi.load(None, 1, None)
    for seed in range(5):
        strangers = Strangers(replace(base, asked=asked), seed)
        for one in asked:
            facts = strangers.facts(one)
            assert len(facts) <= len(one.facts)
            assert facts
            assert all(not text.startswith(one.story) for _, text in facts)
    alone = Strangers(replace(base, asked=[sample("a")]), 0)
    assert alone.facts(sample("a"))[0][1] in {text for _, text in base.training[-1].facts} | {
        text for one in base.training for _, text in one.facts
    }


def test_questions_of_a_story_told_step_by_step_stay_together() -> None:
    steps = [sample("a", told=["x"]), sample("a", told=["x", "y"])]
    whole = [sample("b", question="One?"), sample("b", question="Two?")]
    assert by_story([*steps, *whole]) == [steps, [whole[0]], [whole[1]]]


def test_no_shots_is_no_example(task: Task, tmp_path: Path) -> None:
    chat = ScriptedChat(lambda _: "apple")
    embedder = HashEmbedder()
    with Memory.open(tmp_path, embedder=embedder) as memory:
        parts = Parts(memory=memory, embedder=embedder, model=chat)
        for shots in (0, 2):
            StoryArm(ArmName("full", None, shots), task, parts).ask(sample("one"))
    assert [len(messages) for messages in chat.requests] == [2, 6]


def test_similar_worked_examples_differ_from_question_to_question_and_random_ones_do_not(
    task: Task,
) -> None:
    shown: dict[str, list[str]] = {}
    for kind in ("memory-similar", "memory-random"):
        chat, embedder = ScriptedChat(lambda _: "apple"), HashEmbedder()
        with Memory.in_memory(embedder=embedder) as memory:
            parts = Parts(memory=memory, embedder=embedder, model=chat)
            arm = StoryArm(ArmName(kind, None, 3), task, parts)
            for number, question in enumerate(("What did Mary take?", "Where is Sandra?")):
                arm.ask(sample(f"s{number}", question))
        assert [len(messages) for messages in chat.requests] == [8, 8]
        shown[kind] = [repr(messages[:-1]) for messages in chat.requests]
    assert len(set(shown["memory-similar"])) == 2
    assert len(set(shown["memory-random"])) == 1


def test_a_worked_example_that_is_the_question_itself_is_left_out_and_told(task: Task) -> None:
    (one, *_) = studied = [one for one in task.training if len(one.facts) == 2]
    asked = replace(one, id="same", story="same")
    chat, embedder = ScriptedChat(lambda _: "garden"), HashEmbedder()
    with Memory.in_memory(embedder=embedder) as memory:
        parts = Parts(memory=memory, embedder=embedder, model=chat)
        own = replace(task, training=studied)
        similar = StoryArm(ArmName.parse("memory-similar+3"), own, parts).ask(asked)
        diverse = StoryArm(ArmName.parse("memory+3"), own, parts).ask(asked)
    assert (similar.guarded, diverse.guarded) == (True, None)
    told = [str(message.content) for message in chat.requests[0]]
    assert told.count(told[-1]) == 1
    scores = [
        Score(id=str(n), task="babi/1", arm="memory-similar+3", question="?", gold=(), guarded=way)
        for n, way in enumerate((True, False, None))
    ]
    names = [ArmName.parse("memory-similar+3"), ArmName.parse("memory+3")]
    (row,) = leakage([replace(task, name="babi/1")], names, scores)["leakage"]
    assert (row["asked"], row["guarded"]) == (2, 0.5)
    assert leakage([task], names, []) == {}
