from datetime import UTC, datetime

import pytest

from memagent import Memory, NewRecord, Scope
from memagent.recall.expansion import Expander
from memagent.stores.database.filters import Filter
from memagent.types import Recollection

TALK = Scope("ada", session="talk")
ASKED, SHORT = "Do you have a dog at home?", "A beagle called Rex."
LONG = "I went to the cinema with my sister on Sunday and we saw a film about whales."
MAY = datetime(2024, 5, 1, tzinfo=UTC)
PASSAGES = (
    "The lighthouse is of granite.",
    "Wenlock built it in 1868.",
    "Its lamp is seen far away.",
)


def said(memory: Memory, *turns: tuple[str, str], scope: Scope = TALK) -> None:
    memory.add_messages([{"role": role, "content": text} for role, text in turns], scope=scope)


def shown(found: Recollection) -> list[tuple[str, bool]]:
    """Return the texts in order, and which of them were only added."""
    return [(hit.record.text, hit.why.get("context") == 1.0) for hit in found.hits]


def test_a_short_turn_is_shown_with_the_turn_before_it(memory: Memory, ada: Scope) -> None:
    said(memory, ("assistant", ASKED), ("user", SHORT), ("assistant", "How nice for you!"))
    found = memory.recall("What is the beagle called?", scope=ada, k=2)
    assert shown(found) == [(ASKED, True), (SHORT, False)]
    assert found.texts == (f"assistant: {ASKED}", SHORT)


def test_it_takes_the_place_of_a_worse_hit_and_never_that_of_the_turn(
    memory: Memory, ada: Scope
) -> None:
    said(memory, ("assistant", ASKED), ("user", SHORT))
    memory.add("Cats sleep all day.", scope=ada)
    engine = memory.engine
    expander = Expander(engine.store.read, engine.bank.vectors)
    vector = engine.query_vector(SHORT, None)
    hits = [memory.search(text, scope=ada, k=1)[0] for text in (SHORT, "Cats sleep all day.")]
    for k, expected in (
        (1, [(SHORT, False)]),
        (2, [(SHORT, False), (ASKED, True)]),
        (3, [(SHORT, False), (ASKED, True), ("Cats sleep all day.", False)]),
    ):
        expanded = expander.expand(hits[:k], vector, Filter(scope=ada), k, None)
        assert shown(Recollection(hits=tuple(expanded))) == expected


def test_a_long_turn_the_first_turn_and_one_of_another_session_need_none(
    memory: Memory, ada: Scope
) -> None:
    said(memory, ("assistant", ASKED), ("user", LONG))
    said(memory, ("user", SHORT), scope=Scope("ada", session="other"))
    assert shown(memory.recall("Who was at the cinema?", scope=ada, k=1)) == [(LONG, False)]
    alone = memory.recall("What is the beagle called?", scope=ada, k=2)
    assert not any(added for _, added in shown(alone))


def test_a_neighbour_that_was_found_is_shown_once(memory: Memory, ada: Scope) -> None:
    said(memory, ("user", "We have a beagle."), ("user", SHORT))
    found = shown(memory.recall("What is the beagle called?", scope=ada, k=5))
    assert found == [("We have a beagle.", False), (SHORT, False)]


def test_a_passage_is_shown_with_its_neighbours_where_there_is_room(
    memory: Memory, ada: Scope
) -> None:
    source = ["lighthouse.txt"]
    memory.add_many([NewRecord(text=text, sources=tuple(source)) for text in PASSAGES], scope=ada)
    memory.add("Gulls eat fish.", scope=ada)
    question = "When was Wenlock in 1868?"
    hits = {hit.record.text: hit for hit in memory.recall(question, scope=ada, k=9).hits}
    assert set(PASSAGES) <= set(hits)
    tight = memory.recall(question, scope=ada, k=1)
    assert tight.texts == (PASSAGES[1],)
    assert memory.recall(question, scope=ada, k=9, tokens=8).texts == (PASSAGES[1],)


def test_a_neighbour_passes_the_filter(memory: Memory, ada: Scope) -> None:
    memory.add_messages(
        [
            {"role": "assistant", "content": ASKED, "timestamp": datetime(2024, 4, 1, tzinfo=UTC)},
            {"role": "user", "content": SHORT, "timestamp": MAY},
        ],
        scope=TALK,
    )
    question = "What is the beagle called?"
    assert len(memory.recall(question, scope=ada).hits) == 2
    assert shown(memory.recall(question, scope=ada, since=MAY)) == [(SHORT, False)]


@pytest.mark.parametrize(
    ("text", "question"),
    [("是的。我有一只狗", "谁有一只狗在家里"), ("Да, это бигль Мотя.", "Какой породы бигль Мотя")],
)
def test_short_in_every_script(memory: Memory, ada: Scope, text: str, question: str) -> None:
    said(memory, ("assistant", ASKED), ("user", text))
    assert (ASKED, True) in shown(memory.recall(question, scope=ada))


def test_what_was_forgotten_is_no_neighbour(memory: Memory, ada: Scope) -> None:
    said(memory, ("assistant", ASKED), ("user", SHORT))
    (question,) = memory.search(ASKED, scope=ada, roles=["assistant"])
    memory.forget([question.record.id], scope=ada)
    assert ASKED not in str(memory.recall("What is the beagle called?", scope=ada).texts)
