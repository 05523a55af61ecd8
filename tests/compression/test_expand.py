from collections.abc import Sequence

import pytest

from memagent import Agent, Memory, Scope
from memagent.compression.base import Budget, Compressed
from memagent.testing import ScriptedChat
from memagent.text.sentences import sentences
from memagent.types import Recollection

FILLER = " It was all as it had been for a very long time and nobody minded that at all." * 4
TOLD = (
    "The lighthouse on Gannet Rock was built by Tobias Wenlock in 1868. Its first keeper drank only"
    " cold tea with honey in the mornings." + FILLER
)


def shown(memory: Memory, question: str, scope: Scope, *, expand: bool = True) -> Sequence[str]:
    return memory.recall(question, scope=scope, expand=expand).texts


def test_a_note_without_the_answer_is_expanded_to_its_source(memory: Memory, ada: Scope) -> None:
    source = memory.add(TOLD, scope=ada)
    memory.notes.compress(scope=ada, tokens=16, archive=True)
    question = "What did the first keeper of the lighthouse drink in the mornings?"
    (note,) = shown(memory, question, ada, expand=False)
    assert "honey" not in note
    found = memory.recall(question, scope=ada)
    assert found.texts == (
        "The lighthouse on Gannet Rock was built by Tobias Wenlock in 1868. Its first keeper drank"
        " only cold tea with honey in the mornings.",
    )
    (hit,) = found.hits
    assert hit.record.id == source.id
    assert hit.why["expanded"] == 1.0


def test_a_note_that_is_enough_is_shown_itself(memory: Memory, ada: Scope) -> None:
    memory.add(TOLD, scope=ada)
    memory.notes.compress(scope=ada, tokens=30, archive=True)
    (note,) = shown(memory, "Who built Gannet Rock?", ada)
    assert note == memory.list(scope=ada, kind="note")[0].text


def test_a_note_beside_its_own_source_is_not_shown(memory: Memory, ada: Scope) -> None:
    memory.add(TOLD, scope=ada)
    memory.notes.compress(scope=ada, tokens=16)
    question = "What about the lighthouse on Gannet Rock and Tobias Wenlock?"
    hits = memory.search(question, scope=ada, k=2)
    assert {hit.record.kind for hit in hits} == {"note", "episode"}
    found = memory.notes.expand(question, Recollection(hits=tuple(hits)), scope=ada)
    assert found.texts == (TOLD,)


def test_the_agent_expands_notes_unless_expand_is_off(memory: Memory, ada: Scope) -> None:
    memory.add(TOLD, scope=ada)
    memory.notes.compress(scope=ada, tokens=16, archive=True)
    chat = ScriptedChat(["cold tea", "nothing"])
    question = "What did the first keeper of the lighthouse drink in the mornings?"
    for expand in (True, False):
        agent = Agent(memory=memory, model=chat, expand=expand)
        answer = agent.ask(question, scope=ada, remember=False)
        assert len(answer.memories) == 1
    assert ["honey" in str(one[-1].content) for one in chat.requests] == [True, False]


def test_a_note_by_a_person_is_left_alone(memory: Memory, ada: Scope) -> None:
    source = memory.add(TOLD, scope=ada)
    memory.add("Gannet Rock: see the lighthouse", scope=ada, kind="note", sources=[source.id])
    assert memory.notes.expand("Gannet Rock", memory.recall("Gannet Rock", scope=ada), scope=ada)
    assert "Gannet Rock: see the lighthouse" in shown(memory, "Gannet Rock?", ada)


class FirstSentence:
    """A compressor that keeps the first sentence of a text."""

    name = "first"

    def compress(
        self, text: str, budget: Budget, questions: Sequence[str] = ()
    ) -> Compressed | None:
        span = sentences(text)[0]
        return Compressed(text=span.of(text), spans=(span,))


STORIES = (
    (
        "The lighthouse was built by Tobias Wenlock. Its keeper drank cold tea with honey.",
        "Who built the lighthouse?",
        "What did the keeper drink with honey?",
        FILLER,
    ),
    (
        "Den Leuchtturm baute Tobias Wenlock. Der Wärter trank kalten Tee mit Honig.",
        "Wer baute den Leuchtturm?",
        "Was trank der Wärter mit Honig?",
        " Sonst geschah lange Zeit nichts." * 12,
    ),
    (
        "灯台を建てたのはトビアスです。番人は冷たいお茶に蜂蜜を入れて飲みました。",
        "灯台を建てたのは誰ですか？",  # noqa: RUF001
        "番人は蜂蜜を入れて何を飲みましたか？",  # noqa: RUF001
        "その後は静かでした。" * 30,
    ),
)


@pytest.mark.parametrize(("story", "answered", "open", "filler"), STORIES, ids=["en", "de", "ja"])
def test_notes_in_any_language_are_expanded_where_they_are_not_enough(
    memory: Memory, ada: Scope, story: str, answered: str, open: str, filler: str
) -> None:
    source = memory.add(story + filler, scope=ada)
    memory.notes.compress(FirstSentence(), scope=ada, keys="own", archive=True)
    (note,) = memory.list(scope=ada, kind="note")
    hits = tuple(memory.search(note.text, scope=ada))
    found = Recollection(hits=hits)
    assert memory.notes.expand(answered, found, scope=ada).texts == (note.text,)
    (hit,) = memory.notes.expand(open, found, scope=ada).hits
    assert (hit.record.id, hit.why["expanded"]) == (source.id, 1.0)
    assert hit.text.replace(" ", "") == story.replace(" ", "")


def test_an_excerpt_begins_with_the_sentence_before_the_best_one(
    memory: Memory, ada: Scope
) -> None:
    memory.add(TOLD, scope=ada)
    memory.notes.compress(FirstSentence(), scope=ada, keys="own", archive=True)
    hits = tuple(memory.search("Gannet Rock", scope=ada))
    question = "What did the first keeper drink in the mornings?"
    (hit,) = memory.notes.expand(question, Recollection(hits=hits), scope=ada).hits
    assert hit.text == TOLD.removesuffix(FILLER)
