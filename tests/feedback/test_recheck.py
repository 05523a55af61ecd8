from collections.abc import Sequence

import pytest
from teaching import ASKED, agent_of, corrected, reading, shown

from memagent import Agent, Answer, Memory, Scope
from memagent.feedback.rate_limit import RateLimit
from memagent.feedback.recheck import breaks, fixes
from memagent.stores.ranking import reliability
from memagent.testing import ScriptedChat


def test_a_recheck_keeps_what_fixes_the_answer_and_undoes_the_rest(
    memory: Memory, ada: Scope
) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    kept = corrected(agent_of(memory), ada, "Ada works in Lisbon.", check=True)
    assert kept.checked is not None
    assert kept.checked.kept
    assert kept.change is not None
    assert kept.change.undone is None
    deaf = Agent(memory=memory, model=ScriptedChat(lambda _: "In Rome."))
    lost = corrected(deaf, ada, "Ada works in Faro.", check=True)
    assert lost.change is not None
    assert lost.change.undone is not None
    assert lost.change.because == "the check: the question is still answered with 'In Rome.'"
    assert shown(memory, ada) == ("Ada works in Lisbon.",)


def test_a_change_that_breaks_a_neighbour_is_undone(memory: Memory, ada: Scope) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    agent = agent_of(memory)
    near = "In which town does Ada work now and every day?"
    assert agent.ask(near, scope=ada).answer == "Ada works in Rome."
    asked = "Where did Ada work?"
    answer = Answer(
        answer="In Paris.", question=asked, recollection=memory.recall(asked, scope=ada)
    )
    done = agent.feedback(answer, scope=ada, correction="Ada worked in Lisbon.", check=True)
    assert done.checked is not None
    assert done.checked.broken == (near,)
    assert done.change is not None
    assert done.change.undone is not None
    assert shown(memory, ada) == ("Ada works in Rome.",)


def conflict(memory: Memory, scope: Scope, givers: Sequence[str]) -> str:
    """Judge ten lessons each of two people, then let them contradict each other; who is believed?

    `givers` names who is tagged with each lesson: the first of each two is right in nine of ten.
    """
    agent = Agent(memory=memory, model=ScriptedChat(reading), k=1, rate_limit=RateLimit(None))
    for number in range(10):
        for place, giver in enumerate(givers[2 * number : 2 * number + 2]):
            asked = f"Where is item{number}{'ab'[place]}?"
            answer = agent.ask(asked, scope=scope)
            agent.feedback(answer, scope=scope, correction=f"Shelf {number}.", who=giver)
            right = number < (9 if place == 0 else 3)
            answer = agent.ask(asked, scope=scope)
            agent.feedback(answer, scope=scope, verdict="good" if right else "bad")
    for giver, place in (("good", "Rome"), ("poor", "Faro")):
        answer = agent.ask(ASKED, scope=scope)
        agent.feedback(answer, scope=scope, correction=f"Ada works in {place}.", who=giver)
    return shown(memory, scope)[-1]


def test_of_two_that_contradict_each_other_the_more_reliable_is_believed(memory: Memory) -> None:
    tagged = conflict(memory, Scope(user="team"), ["good", "poor"] * 10)
    assert tagged == "Ada works in Rome."
    # With shuffled tags neither is known to be better, and the newer counts.
    shuffled = conflict(memory, Scope(user="mixed"), ["good", "poor", "poor", "good"] * 5)
    assert shuffled == "Ada works in Faro."
    assert reliability(9, 1) > reliability(3, 7)


def test_a_model_words_the_lesson_only_with_what_was_said(memory: Memory, ada: Scope) -> None:
    replies = iter(
        [
            '{"lesson": "Ada works in Lisbon.", "questions": ["In which town does Ada work?"]}',
            '{"lesson": "Ada works in Paris.", "questions": []}',
            "no JSON",
        ]
    )
    agent = Agent(memory=memory, model=ScriptedChat(lambda _: next(replies)))
    answer = Answer(answer="Rome", question=ASKED, recollection=memory.recall(ASKED, scope=ada))

    def lesson(right: str) -> str:
        done = agent.feedback(answer, scope=ada, correction=right, write=True)
        assert done.change is not None
        return done.change.lesson

    assert lesson("Lisbon") == "Ada works in Lisbon."
    assert shown(memory, ada, "In which town does Ada work?") == ("Ada works in Lisbon.",)
    assert lesson("Faro") == "Where does Ada work? Faro"
    assert lesson("Porto") == "Where does Ada work? Porto"


@pytest.mark.parametrize(
    ("said", "answer", "expected"),
    [
        ("No.", "No, she is not.", True),
        ("No.", "Yes.", False),
        ("No.", "She is in Rome.", False),
        ("Yes.", "Yes, she is.", True),
        ("Yes.", "She is in Faro.", False),
        ("Yes.", "I cannot tell.", False),
        ("She is in Rome.", "No.", False),
        ("Ada is not in Rome.", "Ada is in Rome.", False),
        ("She is in Faro.", "No, in Faro.", True),
        ("She is in Faro.", "No.", False),
        ("Hers.", "Hers.", True),
        ("Hers.", "His.", False),
        ("Nein.", "Nein, Ada ist in Faro.", True),
        ("Nein.", "Ja, Ada ist in Rom.", False),
    ],
)
def test_which_answers_fix_a_yes_or_no_question(said: str, answer: str, expected: bool) -> None:
    assert fixes(answer, "Is Ada in Rome?", "Perhaps.", said, "correction") is expected


def test_an_answer_that_turns_from_no_to_yes_is_broken() -> None:
    asked = "Is Bob in Rome?"
    assert fixes("Yes.", asked, "No.", "Bob has moved.", "hint")
    assert not fixes("No.", asked, "No.", "Bob has moved.", "hint")
    for before, after in (("No.", "Yes."), ("Yes.", "No.")):
        assert breaks(before, after, asked, "In Faro.", "In Rome.")
        assert not breaks(before, before, asked, "In Faro.", "In Rome.")
