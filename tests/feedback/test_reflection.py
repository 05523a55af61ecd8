from teaching import ASKED, agent_of, corrected, shown

from memagent import Memory, Scope


def test_a_correction_takes_the_place_of_what_it_corrects(memory: Memory, ada: Scope) -> None:
    old = memory.add("Ada works in Rome.", scope=ada)
    other = memory.add("Bob works in Rome.", scope=ada)
    done = corrected(agent_of(memory), ada, "Ada works in Lisbon.", why="she moved")
    assert done.change is not None
    assert done.change.superseded == old.id
    assert (done.change.who, done.change.why) == ("ada", "she moved")
    assert shown(memory, ada) == ("Bob works in Rome.", "Ada works in Lisbon.")
    held = {one.id: one.superseded for one in memory.list(scope=ada, everything=True)}
    assert held[old.id]
    assert not held[other.id]
    assert shown(memory, ada, "Where does Bob work?")[0] == "Bob works in Rome."
    assert memory.maintenance.verify() == ()


def test_what_is_near_to_nothing_is_added(memory: Memory, ada: Scope) -> None:
    memory.add("Ada likes tea.", scope=ada)
    done = corrected(agent_of(memory), ada, "Lisbon")
    assert done.change is not None
    assert done.change.superseded is None
    assert done.change.said == "Lisbon"
    assert done.change.lesson == "Where does Ada work? Lisbon"
    assert len(memory.list(scope=ada, where={"role": {"exists": False}})) == 1


def test_the_same_words_again_change_nothing_but_serve_another_question(
    memory: Memory, ada: Scope
) -> None:
    agent = agent_of(memory)
    first, again = (corrected(agent, ada, "Ada works in Lisbon.").change for _ in range(2))
    assert first is not None
    assert again == first
    more = corrected(agent, ada, "Ada works in Lisbon.", asked="What is the place of Ada?").change
    assert more is not None
    assert set(more.asks) == {ASKED, "What is the place of Ada?"}


def test_a_denial_is_a_lesson_like_others(memory: Memory, ada: Scope) -> None:
    memory.add("Ada works in Rome.", scope=ada)
    asked = "Where does Zoe Quark work?"
    done = corrected(agent_of(memory), ada, "There is no Zoe Quark.", asked=asked)
    assert done.change is not None
    assert (done.change.feedback, done.change.superseded) == ("correction", None)
    for question in (asked, "When did Zoe Quark leave?"):
        assert "There is no Zoe Quark." in shown(memory, ada, question)
    assert "Ada works in Rome." in shown(memory, ada)


def test_a_hint_leads_to_what_answers(memory: Memory, ada: Scope) -> None:
    memory.add_many(["Ada is led by Bob.", "Bob works in Rome.", "Cleo works in Faro."], scope=ada)
    agent = agent_of(memory)
    asked = "Where does the boss of Ada work?"
    answer = agent.ask(asked, scope=ada)
    agent.feedback(answer, scope=ada, hint="Ada is led by Bob.")
    assert memory.recall(asked, scope=ada).queries == (asked, "Ada is led by Bob.")
    texts = memory.recall(asked, scope=ada, k=2).texts
    assert texts == ("Bob works in Rome.", "Ada is led by Bob.")


def test_a_hint_by_somebody_else_leads_past_what_was_answered(memory: Memory, ada: Scope) -> None:
    memory.add_many(["Ada works in Rome.", "Bob works in Faro."], scope=ada)
    agent = agent_of(memory)
    answer = agent.ask(ASKED, scope=ada)
    agent.feedback(answer, scope=ada, hint="Ada has moved to where Bob works.")
    led = {"Ada has moved to where Bob works.", "Bob works in Faro."}
    assert set(memory.recall(ASKED, scope=ada, k=2).texts) == led
    other = shown(memory, ada, "In which city does Ada work?")
    assert "Ada has moved to where Bob works." in other
    found = memory.search("Where does Bob work?", scope=ada)
    assert "Bob works in Faro." in [hit.text for hit in found]
