from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memagent import Memory, Record, Scope
from memagent.recall.selection import fair_share, second_look, select, shortened
from memagent.types import Hit

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
STORY = "The harbour opened in 1901. Ann painted the tower blue. Rain fell. Bob left for good."


def hit(text: str, score: float, seq: int = 1, name: str | None = None) -> Hit:
    at = NOON + timedelta(minutes=seq)
    record = Record(
        id=str(seq),
        seq=seq,
        kind="episode",
        text=text,
        keys=(text,),
        scope=Scope("ada"),
        created=at,
        valid_from=at,
        metadata={"role": "user", "name": name} if name else {},
    )
    return Hit(record=record, score=score, key=text, why={})


def texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.record.text for hit in hits]


def test_the_newest_of_the_same_words_stands_in_the_place_of_the_best() -> None:
    found = [
        hit("My code is 4711.", 0.9, 1),
        hit("I like tea.", 0.8, 2),
        hit("my CODE is 4711", 0.7, 3),
    ]
    chosen = select(found, 5, None)
    assert [(one.record.text, one.score) for one in chosen] == [
        ("my CODE is 4711", 0.9),
        ("I like tea.", 0.8),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I weigh 80 kg.", "I weigh 82 kg."),
        ("Ann beat Bob.", "Bob beat Ann."),
        ("I like tea.", "I do not like tea."),
        ("我住在柏林", "我住在巴黎"),
        ("🐈", "🐕"),
        ("!", "?"),
    ],
)
def test_other_words_or_another_order_is_something_else(one: str, other: str) -> None:
    assert texts(select([hit(one, 0.9, 1), hit(other, 0.9, 2)], 5, None)) == [one, other]


def test_the_same_words_of_two_speakers_are_two_records() -> None:
    said = [hit("Thanks a lot!", 0.9, 1, "Ann"), hit("Thanks a lot!", 0.8, 2, "Bo")]
    assert len(select(said, 5, None)) == 2


def test_hits_far_below_the_best_are_left_out() -> None:
    found = [hit("a", 0.8, 1), hit("b", 0.4, 2), hit("c", 0.1, 3)]
    assert texts(select(found, 5, None)) == ["a", "b"]
    assert texts(select(found, 5, None, min_share=0.6)) == ["a"]
    assert texts(select(found, 5, None, min_share=0.0)) == ["a", "b", "c"]
    assert select([], 5, None) == []


def test_budgets_of_records_and_tokens() -> None:
    found = [hit("a" * 40, 0.9, 1), hit("b" * 400, 0.8, 2), hit("c" * 40, 0.7, 3)]
    assert texts(select(found, 1, None)) == ["a" * 40]
    assert texts(select(found, 3, 20)) == ["a" * 40, "c" * 40]
    assert len(select(found, 3, 120)) == 3


def test_an_excerpt_of_the_best_is_shown_however_few_the_tokens() -> None:
    found = [long_hit("Ann painted the tower blue."), hit("I like tea and cake.", 0.8, 2)]
    assert [one.text for one in select(found, 3, 2)] == ["Ann painted the tower blue."]
    assert texts(select([hit("c" * 40, 0.9, 1), hit("d", 0.8, 2)], 3, 2)) == ["d"]


def test_recall_shows_the_sentence_that_answers_however_few_the_tokens(
    memory: Memory, ada: Scope
) -> None:
    memory.add(STORY, keys=STORY.split(". "), sources=["harbour.txt"], scope=ada)
    (shown,) = memory.recall("Who painted the tower blue?", scope=ada, tokens=2).texts
    assert shown == "Ann painted the tower blue."


def test_recall_shows_what_was_said_twice_once(memory: Memory, ada: Scope) -> None:
    memory.add("My locker code is 4711.", scope=ada)
    memory.add("my locker code is 4711", scope=ada)
    memory.add("My locker code was 4710.", scope=ada)
    shown = memory.recall("What is my locker code?", scope=ada, k=5).texts
    assert "my locker code is 4711" in shown
    assert "My locker code is 4711." not in shown
    assert "My locker code was 4710." in shown


def long_hit(key: str, score: float = 0.9, seq: int = 1, name: str | None = None) -> Hit:
    found = hit(STORY, score, seq, name)
    return replace(found, key=key)


@pytest.mark.parametrize(
    ("tokens", "excerpt"),
    [
        (8, "Ann painted the tower blue."),
        (11, "Ann painted the tower blue. Rain fell."),
        (15, "Ann painted the tower blue. Rain fell. Bob left for good."),
        (22, STORY),
    ],
)
def test_of_a_long_text_the_sentences_around_its_key_are_shown(tokens: int, excerpt: str) -> None:
    """The key has a date before it, which the text has not."""
    assert shortened(long_hit("2024-05-01. Ann painted the tower blue."), tokens).text == excerpt


@pytest.mark.parametrize(
    ("text", "key", "excerpt"),
    [
        ("Она купила дом. Он рисует кошек. Идёт дождь.", "Он рисует кошек.", "Он рисует кошек."),
        ("她买了一栋房子。他画了一只猫。下雨了。", "他画了一只猫。", "他画了一只猫。"),
        ("One thing. Two dogs bark. Three.", "about dogs", "Two dogs bark."),
    ],
)
def test_a_key_is_found_in_every_script_and_in_other_words(
    text: str, key: str, excerpt: str
) -> None:
    assert shortened(replace(hit(text, 0.9), key=key), 1).text == excerpt


def test_an_excerpt_keeps_its_speaker_and_one_that_is_there_stays() -> None:
    found = shortened(long_hit("Rain fell.", name="Zoe"), 4)
    assert found.text == "Zoe: Rain fell."
    assert shortened(found, 2) is found
    assert shortened(hit("One sentence only", 0.9), 1).excerpt is None


def test_a_text_is_cut_only_where_the_others_leave_it_no_room() -> None:
    found = [long_hit("Rain fell."), hit("I like tea.", 0.8, 2), hit("I like cake.", 0.7, 3)]
    whole = select(found, 3, 60)
    assert [one.excerpt for one in whole] == [None] * 3
    less = select(found, 3, 20)
    assert [one.record.seq for one in less] == [1, 2, 3]
    assert less[0].excerpt is not None
    assert "Rain fell." in less[0].excerpt
    assert sum(-(-len(one.line()) // 4) for one in less) <= 20


@pytest.mark.parametrize(
    ("costs", "tokens", "share"),
    [([10, 10], 30, 10), ([10, 50, 50], 70, 30), ([50, 50], 70, 35), ([], 70, 70)],
)
def test_short_texts_leave_their_share_to_long_ones(
    costs: list[int], tokens: int, share: int
) -> None:
    assert fair_share(costs, tokens) == share


LOOKED = {"meaning": 1.0, "words": 1.0}
"""Features of a note that holds all that is asked."""


def note(text: str, score: float, seq: int, **why: float) -> Hit:
    found = hit(text, score, seq)
    return replace(found, record=replace(found.record, metadata={}), why=why)


def keys(**best: float) -> list[Hit]:
    """Return hits for "Where is the key?", with other features of the best."""
    return [
        note("Mary took the key", 0.9, 9, **{**LOOKED, "linked": 1.0, **best}),
        note("Paul lost the key", 0.8, 5, **LOOKED, outdated=0.95, linked=0.2),
        note("Paul took the key", 0.7, 3, **LOOKED, outdated=1.0, linked=0.3),
        note("Paul is downstairs", 0.2, 4),
        note("Mary is upstairs", 0.1, 8, linked=0.6),
    ]


def test_an_older_version_gives_way_to_what_the_best_leads_to() -> None:
    looked = second_look(keys(), 3)
    assert [(found.record.text, found.score) for found in looked] == [
        ("Mary took the key", 0.9),
        ("Paul lost the key", 0.8),
        ("Mary is upstairs", 0.7),
        ("Paul is downstairs", 0.2),
        ("Paul took the key", 0.1),
    ]
    assert texts(select(looked, 3, None)) == texts(looked)[:3]


def test_the_likelier_of_what_the_best_leads_to_comes_in() -> None:
    likely = note("Mary lives in the loft", 0.6, 7, linked=0.5)
    assert texts(second_look([*keys(), likely], 3))[2] == "Mary lives in the loft"


@pytest.mark.parametrize(
    ("best", "k"),
    [
        ({"meaning": 0.5}, 3),  # it may not answer
        ({"linked": 0.9}, 3),  # the links are from another
        ({}, 1),  # there is no room
        ({}, 5),  # all are shown
    ],
)
def test_without_a_reason_nothing_is_looked_for(best: dict[str, float], k: int) -> None:
    assert second_look(keys(**best), k) == keys(**best)


@pytest.mark.parametrize("other", [{"outdated": 0.5}, {"outdated": 1.0, "words": 0.5}])
def test_what_is_no_older_version_keeps_its_place(other: dict[str, float]) -> None:
    best, *rest = keys()
    kept = [replace(found, why={**LOOKED, **other}) for found in rest[:2]]
    assert second_look([best, *kept, *rest[2:]], 3) == [best, *kept, *rest[2:]]


def test_a_newer_note_keeps_its_place() -> None:
    best, _, _, *rest = keys()
    newer = note("Ann took the key", 0.8, 10, **LOOKED, outdated=1.0)
    assert second_look([best, newer, *rest], 2) == [best, newer, *rest]


def test_turns_and_passages_keep_their_places() -> None:
    found = keys()
    turns = [replace(one, record=replace(one.record, metadata={"role": "user"})) for one in found]
    passages = [replace(one, record=replace(one.record, sources=("guide",))) for one in found]
    assert second_look(turns, 3) == turns
    assert second_look(passages, 3) == passages


def test_a_second_look_of_nothing_is_nothing() -> None:
    assert second_look([], 3) == []


def test_a_recall_looks_a_second_time(memory: Memory, ada: Scope) -> None:
    told = ("Mary is upstairs", "Paul is downstairs", "Paul has the key", "Mary has the key")
    for minute, text in enumerate(told):
        memory.add(text, scope=ada, valid_from=NOON + timedelta(minutes=minute))
    shown = memory.recall("Who has the key?", scope=ada, k=2)
    assert shown.texts == ("Mary is upstairs", "Mary has the key")
