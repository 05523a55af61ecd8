import pytest

from memagent import Agent, Memory, Scope
from memagent.agent.conversation import Conversation
from memagent.testing import ScriptedChat

pytestmark = pytest.mark.real
LENA, ASKED = ("Lena moved to Graz.", "Noted."), ("Where does Lena live?", "Lena lives in Graz.")
DENTIST = ("The dentist is on Tuesday.", "Noted.")
LENA_DE, ASKED_DE = ("Lena ist nach Graz gezogen.", "Notiert."), ("Wo wohnt Lena?", "In Graz.")
DENTIST_DE = ("Der Zahnarzt ist am Dienstag.", "Notiert.")


def proposed(memory: Memory, turns: list[tuple[str, str]], said: str) -> str | None:
    """Return the text that a statement after some turns (said, replied) is taken to correct."""
    replies = iter([*(reply for _, reply in turns), "I see."])
    agent = Agent(memory=memory, model=ScriptedChat(lambda _: next(replies)))
    conversation = Conversation(agent, Scope("ada"))
    for text in (*(text for text, _ in turns), said):
        list(conversation.say(text))
    return conversation.proposal.record.text if conversation.proposal else None


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([LENA], "No, she moved to Linz."),
        ([LENA, ASKED], "No, she moved to Linz."),
        ([DENTIST], "Actually, it's Thursday."),
        ([LENA_DE], "Nein, sie ist nach Linz gezogen."),
        ([LENA_DE, ASKED_DE], "Nein, sie ist nach Linz gezogen."),
        ([DENTIST_DE], "Nein, am Donnerstag."),
    ],
)
def test_a_correction_is_proposed(turns: list[tuple[str, str]], said: str) -> None:
    with Memory.in_memory(embedder="all-MiniLM-L6-v2") as memory:
        assert proposed(memory, turns, said) == turns[0][0]


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([LENA], "She also has a dog."),
        ([LENA], "Actually, she also has a dog."),
        ([LENA, ASKED], "Yes, she moved there in May."),
        ([DENTIST], "Yes, on Tuesday."),
        ([DENTIST], "The doctor is on Thursday."),
        ([DENTIST], "No, thanks."),
        ([LENA_DE], "Sie hat auch einen Hund."),
        ([DENTIST_DE], "Ja, am Dienstag."),
        ([DENTIST_DE], "Der Arzt ist am Donnerstag."),
        ([DENTIST_DE], "Nein, danke."),
    ],
)
def test_what_goes_on_is_not_proposed(turns: list[tuple[str, str]], said: str) -> None:
    with Memory.in_memory(embedder="all-MiniLM-L6-v2") as memory:
        assert proposed(memory, turns, said) is None
