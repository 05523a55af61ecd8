"""A data set of two small conversations, one in two sessions, with all sorts of questions."""

from datetime import UTC, datetime, timedelta

from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    Turn,
    question,
)

START = datetime(2024, 3, 1, 9, tzinfo=UTC)


def conversation(id: str, *sessions: tuple[tuple[str, str], ...]) -> Conversation:
    """Return a conversation of sessions of (speaker, text), a day apart; ids are "1:1", "1:2"."""
    return Conversation(
        id=id,
        turns=tuple(
            Turn(
                id=f"{day}:{place}",
                session=str(day),
                role="user",
                name=name,
                text=text,
                when=START + timedelta(days=day, minutes=place),
            )
            for day, session in enumerate(sessions, start=1)
            for place, (name, text) in enumerate(session, start=1)
        ),
    )


ANN = conversation(
    "ann",
    (
        ("Ann", "My dog Rex sleeps on the sofa."),
        ("Ben", "I bought a red canoe in Porto."),
        ("Ann", "Nice, is it heavy?"),
    ),
    (
        ("Ben", "The canoe leaks, so I sold it to Ida."),
        ("Ann", "I moved to Graz last week."),
    ),
)
CARL = conversation(
    "carl",
    (
        ("Carl", "I moved to Turku to repair clocks."),
        ("Dora", "My parrot Lola speaks Finnish."),
    ),
)
WHERE = question(
    id="ann/1",
    conversation=ANN,
    text="Where did Ann move to?",
    gold=["Graz", "the city of Graz"],
    category="single-hop",
    evidence=["2:2"],
)
WHO = question(
    id="ann/2",
    conversation=ANN,
    text="Who has the red canoe that Ben bought in Porto now?",
    gold=["Ida"],
    category="multi-hop",
    evidence=["2:1", "1:2"],
)
WHY = question(
    id="ann/3",
    conversation=ANN,
    text="Which bus does Ann take?",
    gold=[],
    category="adversarial",
    unanswerable=True,
    trap="the red one",
)
PARROT = question(
    id="carl/1",
    conversation=CARL,
    text="What does Lola speak?",
    gold=["Finnish"],
    category="single-hop",
    sessions=["1"],
)
CHOICE = question(
    id="carl/2",
    conversation=CARL,
    text="What does Carl repair?",
    gold=["b"],
    category="recall",
    evidence=["1:1"],
    options={"a": "canoes", "b": "clocks", "c": "sofas", "d": "parrots"},
)


def people(
    name: str = "people",
    questions: tuple[ConversationQuestion, ...] = (WHERE, WHO, WHY, PARROT),
) -> DataSet:
    """Return the conversations with some questions."""
    return DataSet(name=name, source="generated", conversations=(ANN, CARL), questions=questions)
