from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from memagent import Memory, Scope
from memagent.recall.features import FEATURES, Examined
from memagent.stores.database.filters import Filter
from memagent.testing import HashEmbedder
from memagent.types import NewRecord

ADA = Scope(user="ada")
NOON = datetime(2023, 5, 8, 12, tzinfo=UTC)


@pytest.fixture
def memory() -> Memory:
    return Memory.in_memory(embedder=HashEmbedder())


def examined(memory: Memory, question: str, scope: Scope = ADA) -> Examined:
    where = Filter(scope=scope)
    return memory.engine.pipeline.examine(question, memory.engine.encoder.query(question), where, 5)


def features_of(memory: Memory, question: str) -> Mapping[str, dict[str, float]]:
    """Return the features of each candidate by its text."""
    found = examined(memory, question)
    rows = zip(found.candidates.rows, found.matrix.tolist(), strict=True)
    return {row["text"]: dict(zip(FEATURES, values, strict=True)) for row, values in rows}


def talk(memory: Memory, session: str, *said: tuple[str, str]) -> None:
    messages = [
        {"role": "user", "name": name, "content": text, "timestamp": NOON + timedelta(minutes=at)}
        for at, (name, text) in enumerate(said)
    ]
    memory.add_messages(messages, scope=Scope(user="ada", session=session))


def test_words_of_the_neighbours_count_within_a_session(memory: Memory) -> None:
    talk(memory, "s1", ("Ann", "My parrot is ill."), ("Bob", "Since when?"), ("Ann", "Monday."))
    talk(memory, "s2", ("Ann", "Monday."), ("Bob", "We could paint the fence then, could we?"))
    found = features_of(memory, "When did the parrot fall ill?")
    assert found["Bob: Since when?"]["window"] > 0
    assert found["Bob: Since when?"]["words"] == 0
    assert found["Bob: Since when?"]["before"] > 0
    fence = found.get("Bob: We could paint the fence then, could we?")
    assert fence is None or fence["window"] == 0


def test_a_note_of_its_own_has_no_neighbours(memory: Memory) -> None:
    memory.add("My parrot is ill.", scope=ADA)
    memory.add("The fence is green.", scope=ADA)
    fence = features_of(memory, "When did the parrot fall ill?")["The fence is green."]
    assert fence["window"] == fence["before"] == fence["after"] == fence["session"] == 0


def test_passages_of_a_source_are_neighbours(memory: Memory) -> None:
    pages = ["The fortress stands on a hill.", "It was built in 1320.", "Wild goats live there."]
    memory.add_many([NewRecord(text=page, sources=("guide",)) for page in pages], scope=ADA)
    memory.add("It was sold later on.", scope=ADA, sources=("other",))
    found = features_of(memory, "When was the fortress built?")
    assert found["It was built in 1320."]["before"] > 0
    assert found["It was built in 1320."]["window"] > found["It was built in 1320."]["words"]
    assert examined(memory, "When was the fortress built?").types == ["passage"] * 4


def test_speakers_that_a_question_names_are_told_from_others(memory: Memory) -> None:
    talk(memory, "s1", ("Ann", "I like tea a lot."), ("Bob", "I like tea, too."))
    found = features_of(memory, "Does Ann like tea?")
    ann, bob = found["Ann: I like tea a lot."], found["Bob: I like tea, too."]
    assert (ann["speaker"], ann["other"]) == (1, 0)
    assert (bob["speaker"], bob["other"]) == (0, 1)
    nobody = features_of(memory, "Who likes tea?")
    assert not any(values["speaker"] or values["other"] for values in nobody.values())


def test_an_older_statement_of_the_same_is_outdated(memory: Memory) -> None:
    for day, town in enumerate(("Graz", "Linz")):
        memory.add(f"Lena lives in {town}", scope=ADA, valid_from=NOON + timedelta(days=day))
    found = features_of(memory, "Where does Lena live?")
    assert found["Lena lives in Graz"]["outdated"] > 0
    assert found["Lena lives in Linz"]["outdated"] == 0
    assert found["Lena lives in Graz"]["recency"] < found["Lena lives in Linz"]["recency"]


def test_of_passages_only_those_of_another_day_are_newer(memory: Memory) -> None:
    def passage(text: str, day: int, hour: int = 0) -> NewRecord:
        when = datetime(2024, 5, day, hour, tzinfo=UTC)
        return NewRecord(text=text, id=text, sources=(text,), valid_from=when)

    told = ["Ann is mayor of Hull", "Bob is mayor of Hull"]
    memory.add_many([passage(told[0], 1), passage(told[1], 1, 9)], scope=ADA)
    found = features_of(memory, "Who is mayor of Hull?")
    assert [found[text]["outdated"] for text in told] == [0.0, 0.0]
    memory.add_many([passage("Cy is mayor of Hull", 2)], scope=ADA)
    found = features_of(memory, "Who is mayor of Hull?")
    assert all(found[text]["outdated"] > 0 for text in told)
    assert found["Cy is mayor of Hull"]["outdated"] == 0.0


def test_what_the_best_leads_to_is_like_it_beyond_the_question(memory: Memory) -> None:
    for minute, text in enumerate(
        ("Mary was upstairs", "Paul was downstairs", "Mary took the key")
    ):
        memory.add(text, scope=ADA, valid_from=NOON + timedelta(minutes=minute))
    found = features_of(memory, "Where is the key?")
    assert found["Mary took the key"]["linked"] == 1
    assert found["Mary was upstairs"]["linked"] > 0.1 > found["Paul was downstairs"]["linked"]


def test_a_note_in_the_question_s_words_leads_to_nothing_else(memory: Memory) -> None:
    memory.add("where is the key", scope=ADA)
    memory.add("the garden is green", scope=ADA)
    found = features_of(memory, "where is the key")
    assert [values["linked"] for values in found.values()] == [1, pytest.approx(0, abs=0.01)]


def test_what_only_repeats_the_question_is_an_echo(memory: Memory) -> None:
    memory.add("where lena lives", scope=ADA)
    memory.add("Lena lives in Graz", scope=ADA)
    found = features_of(memory, "Where Lena lives")
    assert (found["where lena lives"]["echo"], found["where lena lives"]["adds"]) == (1, 0)
    assert found["Lena lives in Graz"]["echo"] == 0


def test_a_date_that_the_question_names_is_compared(memory: Memory) -> None:
    memory.add("We went sailing", scope=ADA, valid_from=NOON)
    memory.add("We went sailing again", scope=ADA, valid_from=NOON + timedelta(days=60))
    found = features_of(memory, "Who went sailing in May 2023?")
    assert found["We went sailing"]["time"] == 1
    assert found["We went sailing again"]["time"] == pytest.approx(1 / 2)
    assert features_of(memory, "Who went sailing?")["We went sailing"]["time"] == 0


def test_outcomes_are_features(memory: Memory) -> None:
    record = memory.add("Lena lives in Graz", scope=ADA)
    memory.changes.judge([record.id], "helped", scope=ADA)
    found = features_of(memory, "Where does Lena live?")["Lena lives in Graz"]
    assert (found["helped"], found["hurt"]) == (pytest.approx(1 / 3), 0)


def test_nothing_is_examined_of_nobody(memory: Memory) -> None:
    assert examined(memory, "Where does Lena live?").matrix.shape == (0, len(FEATURES))
    memory.add("Lena lives in Graz", scope=ADA)
    assert len(examined(memory, "Where does Lena live?", Scope(user="bob")).candidates) == 0


def test_every_feature_is_described_once() -> None:
    assert len(set(FEATURES.values())) == len(FEATURES)
