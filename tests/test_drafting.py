from memagent import Memory, Scope
from memagent.drafting import draft
from memagent.testing import ScriptedChat


def test_a_draft_is_asked_for_without_notes_and_finds_what_the_question_does_not(
    memory: Memory, ada: Scope
) -> None:
    memory.add("A restraining order lasts for one year.", scope=ada)
    memory.add("Her neighbour is called Tom.", scope=ada)
    question = "What can she do about her neighbour?"
    chat = ScriptedChat([" Ask for a restraining order.\n"])
    query = draft(question, chat)
    assert query == "Ask for a restraining order."
    assert str(chat.requests[0][-1].content) == question
    found = [memory.search(one, scope=ada, k=1)[0].record.value for one in (question, query)]
    assert found == ["Her neighbour is called Tom.", "A restraining order lasts for one year."]
