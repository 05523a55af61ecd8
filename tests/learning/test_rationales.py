"""Rationales of similar problems: selection, outcomes and retirement."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from langchain_core.messages import BaseMessage

from memagent import Memory, Scope
from memagent.learning.ablation import ablate
from memagent.learning.problems import Problem, same_number
from memagent.learning.rationales import Rationales, win_rate
from memagent.testing import HashEmbedder, ScriptedChat

LESSONS = Scope(user="lessons")
CATS = Problem(question="Ann has 2 cats and gets 3 more cats. How many cats has Ann?")
CATS_AGAIN = Problem(question="Ann has 2 cats and gets 4 more cats. How many cats has Ann?")
DOGS = Problem(question="Bob sold 8 dogs at half price. How many dogs did he sell?")
TREES = Problem(question="A tree grows 3 feet a year. How high is it after 4 years?")


@pytest.fixture
def rationales(memory: Memory) -> Rationales:
    found = Rationales(memory, LESSONS)
    found.keep(CATS, [("2+3=5 #### 5", "right", 0.6), ("3+2=5 #### 5", "right", 0.6)])
    found.keep(DOGS, [("#### 8", "self-generated", 0.8), ("#### 4", "wrong", 0.2)])
    found.keep(TREES, [("3*4=12 #### 12", "right", 1.0), ("#### 7", "undecided", 0.3)])
    return found


def texts(rationales: Rationales, question: str, **options: object) -> list[str]:
    found = rationales.similar(question, **options)  # type: ignore[arg-type]
    return [example.answer for example in found.examples]


def test_the_most_similar_comes_last_one_a_problem_and_no_warning(rationales: Rationales) -> None:
    shown = texts(rationales, CATS_AGAIN.question)
    assert shown[-1] in ("2+3=5 #### 5", "3+2=5 #### 5")
    assert len(shown) == 3
    assert not {"#### 4", "#### 7"} & set(shown)
    assert len(texts(rationales, CATS_AGAIN.question, one_each=False, k=5)) == 4
    assert texts(rationales, CATS_AGAIN.question, k=1) == shown[-1:]


def test_a_budget_of_tokens_leaves_out_what_does_not_fit(rationales: Rationales) -> None:
    (one,) = rationales.similar(TREES.question, k=1).records
    size = (len(one.text) + 3) // 4
    assert len(texts(rationales, TREES.question, tokens=size)) == 1
    assert texts(rationales, TREES.question, tokens=size + 1)[-1] == "3*4=12 #### 12"
    assert texts(rationales, TREES.question, tokens=3) == []


def test_the_question_itself_and_its_duplicates_are_guarded(rationales: Rationales) -> None:
    for question in (CATS.question, CATS.question.upper(), CATS_AGAIN.question):
        found = rationales.similar(question, guard=True)
        assert found.guarded == 2
        assert {one.metadata["problem"] for one in found.records} == {DOGS.id, TREES.id}
    assert rationales.similar("How many eels?", guard=True).guarded == 0


def test_an_obfuscated_question_finds_by_what_happens(rationales: Rationales) -> None:
    asked = "Zoe has 9 ferns and gets 7 more ferns. How many ferns has Zoe?"
    assert "cats" in rationales.similar(asked, obfuscate=True, k=1).records[0].text


def test_what_came_of_showing_counts_only_where_it_made_a_difference(
    rationales: Rationales,
) -> None:
    ids = [one.id for one in rationales.similar(TREES.question, k=1).records]
    assert rationales.judge(ids, right=True, without=True) == 0
    assert rationales.judge(ids, right=False, without=False) == 0
    assert rationales.judge(ids, right=True, without=False) == 1
    assert rationales.judge(ids, right=False, without=True) == 1
    assert rationales.judge(ids, right=True) == 1
    (one,) = rationales.similar(TREES.question, k=1).records
    assert (one.helped, one.hurt, win_rate(one)) == (2, 1, pytest.approx(0.6))


def test_what_hurts_is_retired_after_enough_showings_and_comes_back(
    rationales: Rationales,
) -> None:
    (one,) = rationales.similar(TREES.question, k=1).records
    for _ in range(4):
        rationales.judge([one.id], right=False)
    assert rationales.harmful() == []
    rationales.judge([one.id], right=False)
    assert [found.id for found in rationales.harmful()] == [one.id]
    assert rationales.retire([one.id], why="it hurt") == 1
    assert rationales.retire([one.id]) == 0
    assert "3*4=12 #### 12" not in texts(rationales, TREES.question)
    assert TREES.id in rationales.done()
    assert rationales.restore([one.id]) == 1
    assert "3*4=12 #### 12" in texts(rationales, TREES.question)


def test_what_only_claims_to_be_a_solution_is_none(memory: Memory, rationales: Rationales) -> None:
    question = "A tree grows 3 feet a year. How high is it after 5 years?"
    half: dict[str, object] = {"solution": "right", "problem": "p", "question": question}
    for metadata in ({"solution": "right"}, half, half | {"text": "#### 1", "evidence": 5}):
        memory.add(
            f"{question} {len(metadata)}", scope=LESSONS, kind="rationale", metadata=metadata
        )
    assert "p" in rationales.done()
    assert len(rationales.list(everything=True)) == 7
    assert texts(rationales, question, k=2)[-1] in ("#### 1", "3*4=12 #### 12")


def test_only_rationales_are_retired(memory: Memory, rationales: Rationales) -> None:
    record = memory.add("Zoe went to Faro.", scope=LESSONS)
    assert rationales.retire([record.id]) == 0
    memory.changes.archive([record.id], scope=LESSONS)
    assert rationales.restore([record.id]) == 0


def test_hop_directions_are_no_rationales_and_rationales_no_hop_directions() -> None:
    memory = Memory.in_memory(embedder=HashEmbedder(), recall="rules")
    for text in ("Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto."):
        memory.add(text, scope=LESSONS)
    Rationales(memory, LESSONS).keep(CATS, [("#### 5", "right", 1.0)])
    assert memory.changes.learn_direction("Where is the ring?", "Faro", scope=LESSONS)
    assert len(Rationales(memory, LESSONS).list(everything=True)) == 1
    assert memory.recall("Where is the ring?", scope=LESSONS).texts


def test_an_ablation_judges_rationales_by_the_difference_they_make(
    rationales: Rationales,
) -> None:
    owls = Problem(question="Zoe has 4 owls and gets 5 more owls. How many owls?", answer="9")
    rats = Problem(question="Zoe has 4 rats and gets 3 more rats. How many rats?", answer="7")

    def reply(messages: Sequence[BaseMessage]) -> str:
        return "#### 9" if len(messages) > 2 else "#### 7"

    asked = [owls, rats, replace(owls, question=CATS.question, answer="1")]
    done: list[int] = []
    trial = ablate(ScriptedChat(reply), rationales, asked, same_number, k=1, progress=done.append)
    assert (trial.problems, trial.helped, trial.hurt, done) == (3, 1, 1, [1, 2, 3])
    assert (trial.right, trial.right_without) == (1, 1)
    assert sum(one.helped for one in rationales.list()) == 1
    assert sum(one.hurt for one in rationales.list()) == 1
