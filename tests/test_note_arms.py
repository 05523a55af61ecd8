import pytest
from test_compression import BREAD, NORMANS

from memagent import Memory
from memagent.errors import InvalidInput
from memagent.evals.arm import ArmName, Parts
from memagent.evals.documents import DocumentQuestion, StreamTask, document
from memagent.evals.note_arms import NOTES, make
from memagent.testing import HashEmbedder, ScriptedChat


def task() -> StreamTask:
    documents = [document(1, NORMANS, "one"), document(2, BREAD, "two")]
    asked = [
        DocumentQuestion(
            id="q",
            question="To which king did Rollo swear fealty in 911?",
            gold=("King Charles III",),
            supports=(1,),
            story="stream",
            facts=(),
            group="one",
        )
    ]
    return StreamTask(
        name="squad/stream", source="", split="", asked=asked, training=(), sha256="",
        documents=documents, stream="squad",
    )  # fmt: skip


@pytest.mark.parametrize("kind", NOTES)
def test_an_arm_shows_what_is_left_of_the_passage(memory: Memory, kind: str) -> None:
    chat = ScriptedChat(lambda _: "King Charles III")
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=chat)
    reply = make(ArmName.parse(f"{kind}:2+1"), task(), parts).ask(task().asked[0])
    assert reply.recall == 1.0
    shown = " ".join(reply.shown)
    assert NORMANS not in shown
    assert len(shown) < len(NORMANS) or kind == "notes-gathered"
    assert shown in str(chat.requests[0][-1].content) or kind == "notes-gathered"
    if kind in ("notes", "notes-drilled", "notes-line", "notes-gathered"):
        assert "King Charles III" in shown


def test_arms_over_documents_stay_what_they_are(memory: Memory) -> None:
    parts = Parts(memory=memory, embedder=HashEmbedder(), model=ScriptedChat(["x", "y"]))
    reply = make(ArmName.parse("oracle+0"), task(), parts).ask(task().asked[0])
    assert reply.shown == (NORMANS,)
    for name in ("notes:0", "magic"):
        with pytest.raises(InvalidInput):
            make(ArmName.parse(name), task(), parts)
