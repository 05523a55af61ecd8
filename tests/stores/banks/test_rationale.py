"""What is learnt quotes what it was learnt from, and goes with it."""

from pathlib import Path

import pytest
from racing import LetsIn, held

from memagent import Memory, Scope
from memagent.stores.banks.hop_directions import _case
from memagent.testing import HashEmbedder

ADA = Scope(user="ada")
STORY = ("Zoe went to Faro.", "Zoe lost the ring.", "Zoe went to Porto.")
QUESTION = "Where is the ring?"


def tell(folder: Path) -> None:
    with Memory.open(folder, embedder=HashEmbedder(), recall="rules") as memory:
        for number, text in enumerate(STORY):
            memory.add(text, scope=ADA, id=f"n{number}")


@pytest.mark.parametrize("lessons", [ADA, Scope(user="bob")], ids=["own", "of another user"])
def test_nothing_is_learnt_from_a_record_that_is_forgotten_meanwhile(
    tmp_path: Path, lessons: Scope
) -> None:
    tell(tmp_path)
    embedder = LetsIn(
        tmp_path, _case(QUESTION, STORY[1]), lambda other: other.forget(["n1"], scope=ADA)
    )
    with Memory.open(tmp_path, embedder=embedder, recall="rules") as memory:
        assert not memory.changes.learn_direction(
            QUESTION, "Faro", scope=ADA, learned_scope=lessons
        )
        assert embedder.let_in == 1
        assert memory.maintenance.stats()["records"] == 2
        assert memory.maintenance.verify() == ()
        assert b"lost the ring" not in held(tmp_path)


def test_what_is_learnt_goes_with_what_its_source_was_keyed_with(tmp_path: Path) -> None:
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        memory.add("Zoe went to Faro.", scope=ADA)
        memory.add("Zoe told of Xanadu.", scope=ADA, id="secret")
        memory.add("Then she lost the ring.", scope=ADA, id="leaning")
        memory.add("Zoe went to Porto.", scope=ADA)
        assert memory.changes.learn_direction(QUESTION, "Faro", scope=ADA)
        (lesson,) = memory.list(scope=ADA, kind="rationale")
        assert lesson.sources == ("leaning", "secret")
        receipt = memory.forget(["secret"], scope=ADA)
        assert receipt.derived == (lesson.id,)
        assert b"Xanadu" not in held(tmp_path)


def test_what_is_learnt_is_written_with_the_embedder_it_was_made_by(tmp_path: Path) -> None:
    tell(tmp_path)
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        assert memory.changes.learn_direction(QUESTION, "Faro", scope=ADA)
        assert memory.changes.learn_direction(QUESTION, "Faro", scope=ADA)
        (lesson,) = memory.list(scope=ADA, kind="rationale")
        assert lesson.keys == (_case(QUESTION, STORY[1]),)
        assert lesson.sources == ("n1",)
        assert memory.maintenance.verify() == ()


def test_what_another_user_learnt_from_a_record_goes_with_it(tmp_path: Path) -> None:
    bob = Scope(user="bob")
    tell(tmp_path)
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        own = memory.add("Bob has a cat.", scope=bob, id="n1")
        made = memory.add("A cat is an animal.", scope=bob, sources=["n1"])
        assert memory.changes.learn_direction(QUESTION, "Faro", scope=ADA, learned_scope=bob)
        (way,) = memory.list(scope=bob, kind="rationale")
        assert "ada" not in str(way.metadata)
        told = memory.forget(["n1"], scope=ADA, dry_run=True)
        assert way.sources == ()  # ids of another user's records are not for his eyes
        assert (told.derived, told.records) == ((), 2)  # nor his for hers
        receipt = memory.forget(["n1"], scope=ADA)
        assert (receipt.asked, receipt.derived) == (("n1",), ())
        assert (receipt.records, receipt.keys) == (2, 2)
        assert [one.id for one in memory.list(scope=bob)] == [made.id, own.id]
        assert memory.search("lost the ring", scope=bob, kind="rationale").hits == ()
        assert memory.maintenance.verify() == ()
        assert b"lost the ring" not in held(tmp_path)


def test_what_was_learnt_of_another_user_does_not_go_with_an_own_record(tmp_path: Path) -> None:
    bob = Scope(user="bob")
    tell(tmp_path)
    with Memory.open(tmp_path, embedder=HashEmbedder(), recall="rules") as memory:
        memory.add("Bob has a cat.", scope=bob, id="n1")
        assert memory.changes.learn_direction(QUESTION, "Faro", scope=ADA, learned_scope=bob)
        assert memory.forget(["n1"], scope=bob).records == 1
        assert len(memory.list(scope=bob, kind="rationale")) == 1
        assert memory.forget(scope=ADA, everything=True).records == 4
        assert memory.list(scope=bob) == []
