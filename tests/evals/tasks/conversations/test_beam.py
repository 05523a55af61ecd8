"""BEAM's folders of chats and their questions."""

import copy
import json
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from damaged_json import damaged, read_or_refused
from hypothesis import given, settings

from memagent.errors import InvalidInput, RunError
from memagent.evals.tasks.conversations.conversation import DataSet
from memagent.evals.tasks.conversations.loaders import beam

DATA = os.environ.get("MEMAGENT_DATA")


def message(id: int, content: str, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"id": id, "role": role, "content": content, **more}


CHAT: list[dict[str, Any]] = [
    {
        "batch_number": 1,
        "time_anchor": None,
        "turns": [
            [
                message(0, "I keep 3 goats. ->-> 1,1", time_anchor="March-15-2024"),
                message(1, "Write a -> b ->-> c here.", "assistant"),
            ],
            [message(2, "Now there are 5. ->->  2,N/A"), message(3, "Noted.", "assistant")],
        ],
    },
    {"batch_number": 2, "turns": [[message(4, "Any news?"), message(5, " ", "assistant")]]},
    {
        "batch_number": 3,
        "turns": [[message(6, "One ran away.", time_anchor="May-02-2024")]],
    },
]
PROBES: dict[str, list[dict[str, Any]]] = {
    "abstention": [{"question": "How old are they?", "ideal_response": "No word of it."}],
    "knowledge_update": [
        {
            "question": "How many goats?",
            "answer": 4,
            "source_chat_ids": {"original_info": [0], "updated_info": ["2", [6, [0]]]},
            "rubric": ["says 4"],
        }
    ],
    "summarization": [
        {"question": "Sum it up.", "ideal_summary": "Goats.", "source_chat_ids": [5, 99, 3]}
    ],
    "instruction_following": [{"question": "List them.", "expected_compliance": "A list."}],
    "contradiction_resolution": [{"question": "Three or five?", "ideal_answer": "Unclear."}],
}


def written(folder: Path, chat: Any = CHAT, probes: Any = PROBES) -> Path:
    """Write one chat and its questions into a folder."""
    place = folder / beam.QUESTIONS
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(probes), encoding="utf-8")
    (folder / "chat.json").write_text(json.dumps(chat), encoding="utf-8")
    return folder


def changed(*path: str | int, value: Any, document: Any = CHAT) -> Any:
    """Return a document with another value at one place of it."""
    whole = copy.deepcopy(document)
    holder = whole
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return whole


def test_batches_are_sessions_whose_time_is_carried_on(tmp_path: Path) -> None:
    (chat,) = beam.load(written(tmp_path / "100K" / "7")).conversations
    march, may = datetime(2024, 3, 15, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)
    assert chat.id == "7"
    assert [(turn.id, turn.session, turn.role, turn.when) for turn in chat.turns] == [
        ("0", "1", "user", march),
        ("1", "1", "assistant", march),
        ("2", "1", "user", march),
        ("3", "1", "assistant", march),
        ("4", "2", "user", march),
        ("6", "3", "user", may),
    ]


def test_the_marker_at_the_end_of_a_message_goes_and_nothing_else(tmp_path: Path) -> None:
    (chat,) = beam.load(written(tmp_path)).conversations
    assert [turn.text for turn in chat.turns[:3]] == [
        "I keep 3 goats.",
        "Write a -> b ->-> c here.",
        "Now there are 5.",
    ]


def test_the_questions_have_their_answer_rubric_and_sources_wherever_these_stand(
    tmp_path: Path,
) -> None:
    data = beam.load(written(tmp_path / "100K" / "7"))
    asked = {question.category: question for question in data.questions}
    assert {name: question.gold for name, question in asked.items()} == {
        "abstention": (),
        "knowledge_update": ("4",),
        "summarization": ("Goats.",),
        "instruction_following": ("A list.",),
        "contradiction_resolution": ("Unclear.",),
    }
    assert [name for name, question in asked.items() if question.unanswerable] == ["abstention"]
    update = asked["knowledge_update"]
    assert (update.id, update.story) == ("7/knowledge_update/0", "7")
    assert (update.evidence, update.sessions) == (("0", "2", "6"), ("1", "3"))
    assert update.rubric == ("says 4",)
    assert asked["summarization"].evidence == ("3",)
    assert data.left_out == {"evidence that names no turn": 2, "turns without words": 1}
    assert (data.name, data.split) == ("beam", "100K")


def test_a_folder_of_chats_is_read_in_order_and_one_of_sizes_needs_the_size(
    tmp_path: Path,
) -> None:
    for chat in ("10", "9"):
        written(tmp_path / "chats" / "100K" / chat)
    assert [chat.id for chat in beam.load(tmp_path / "chats").conversations] == ["9", "10"]
    written(tmp_path / "chats" / "1M" / "1")
    assert [chat.id for chat in beam.load(tmp_path / "chats", "100K").conversations] == ["9", "10"]
    assert beam.load(tmp_path / "chats" / "100K", "100K").split == "100K"
    assert beam.load(tmp_path / "chats" / "1M" / "1" / "chat.json", "1M").split == "1M"
    with pytest.raises(RunError, match=r"several sizes: name one with --variant \(100K, 1M\)"):
        beam.load(tmp_path / "chats")
    with pytest.raises(RunError, match="has no chats of the size '10M'"):
        beam.load(tmp_path / "chats", "10M")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="holds no chats: expected a folder for each"):
        beam.load(tmp_path / "empty")
    with pytest.raises(RunError, match=r"is no folder of chats, such as chats/100K"):
        beam.load(tmp_path / "missing")


def test_a_chat_that_was_cut_to_its_size_is_the_one_that_is_asked(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "chat_trunecated.json").write_text(json.dumps(CHAT[:1]), encoding="utf-8")
    assert len(beam.load(folder).conversations[0].turns) == 4


def test_a_chat_of_plans_has_their_batches_as_sessions(tmp_path: Path) -> None:
    other = [{"batch_number": 1, "turns": [[message(0, "A second goat 0."), message(9, "Bye.")]]}]
    probes = {
        "event_ordering": [
            {"question": "In what order?", "answer": "a, b", "source_chat_ids": [6, 9, 0]}
        ]
    }
    data = beam.load(written(tmp_path, [{"plan-1": CHAT}, {"plan-2": other}], probes))
    (chat,) = data.conversations
    assert list(chat.sessions()) == ["plan-1/1", "plan-1/2", "plan-1/3", "plan-2/1"]
    assert data.questions[0].evidence == ("plan-1:6", "plan-2:9")
    assert data.left_out == {"turns without words": 1, "evidence that names several turns": 1}
    assert chat.turns[-1].when == datetime(2024, 5, 2, tzinfo=UTC)


def test_chats_without_dates_are_counted(tmp_path: Path) -> None:
    chat = changed(0, "turns", 0, 0, "time_anchor", value="spring", document=CHAT[:2])
    data = beam.load(written(tmp_path, chat))
    assert {turn.when for turn in data.conversations[0].turns} == {None}
    assert data.left_out["sessions without a date"] == 2


PROBE = ("knowledge_update", 0)
BAD: list[tuple[Any, Any, str]] = [
    ({"turns": []}, PROBES, "chat.json: expected a list of batches of turns, found {'turns'"),
    ([], PROBES, "chat.json: expected a list of batches of turns"),
    ([{"batch_number": 1}], PROBES, "batch 1: expected 'turns' as a list of turns.*no such field"),
    ([{"batch_number": 1, "turns": []}], PROBES, "expected batches with turns, found none"),
    ([{"plan-1": 3}], PROBES, "batch 1: expected 'plan-1' as 'batch_number' and 'turns', or"),
    ([{"\0": []}], PROBES, "batch 1: expected a name of a plan"),
    ([CHAT[0], CHAT[0]], PROBES, "batch 2: the batch 1 stands in the file twice"),
    (
        changed(0, "turns", 0, 1, "role", value="system"),
        PROBES,
        "batch 1, turn 1, message 2: expected 'role' as 'user' or 'assistant', found 'system'",
    ),
    (changed(0, "turns", 0, 1, "id", value=0), PROBES, "message 2: the id '0' is another message"),
    (changed(0, "turns", 0, value={}), PROBES, "expected 'turns' as a list of turns, each a list"),
    (changed(0, "turns", 0, 0, "content", value=3), PROBES, "expected 'content' as text, found 3"),
    (CHAT, [], r"7/probing_questions.json: expected an object, found \[\]"),
    (CHAT, {}, "holds no question"),
    (CHAT, {"guessing": []}, "expected abstention, .*found 'guessing'"),
    (
        CHAT,
        changed(*PROBE, "source_chat_ids", value=[{"a": None}], document=PROBES),
        "knowledge_update, question 1: expected 'source_chat_ids' as ids of messages",
    ),
    (
        CHAT,
        changed(*PROBE, "rubric", value="x", document=PROBES),
        "question 1: expected 'rubric' as a list of texts",
    ),
    (
        CHAT,
        changed(*PROBE, "answer", value=None, document=PROBES),
        r"question 1: expected 'answer' as text or a number \(or one of ideal_answer",
    ),
]


@pytest.mark.parametrize(("chat", "probes", "expected"), BAD)
def test_another_layout_is_named_with_file_and_place(
    tmp_path: Path, chat: Any, probes: Any, expected: str
) -> None:
    with pytest.raises(InvalidInput, match=expected) as caught:
        beam.load(written(tmp_path / "7", chat, probes))
    assert "\n" not in str(caught.value)


def test_missing_questions_are_named(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / beam.QUESTIONS).unlink()
    with pytest.raises(InvalidInput, match=r"probing_questions.json cannot be read: no such file"):
        beam.load(folder)


@settings(max_examples=60, deadline=None)
@given(chat=damaged([*CHAT, {"plan-1": CHAT[:1]}]), probes=damaged(PROBES))
def test_whatever_the_files_hold_they_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, chat: Any, probes: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "chats"
    for place in (written(folder / "1", chat), written(folder / "2", probes=probes)):
        found = read_or_refused(partial(beam.load, place))
        assert found.sha256 if isinstance(found, DataSet) else "\n" not in found


def test_the_released_chats_are_read_in_full() -> None:
    folder = Path(DATA or "").resolve() / "beam"
    if DATA is None or not folder.is_dir():
        pytest.skip("MEMAGENT_DATA has no chats of BEAM")
    data = beam.load(folder)
    assert [len(chat.turns) for chat in data.conversations] == [188, 200, 194, 212, 238, 258]
    assert (len(data.questions), data.split, data.left_out) == (120, "100K", {})
    assert sum(not question.evidence for question in data.questions) == 12
    assert {question.category for question in data.questions} == set(beam.ABILITIES)
    texts = [turn.text for chat in data.conversations for turn in chat.turns]
    assert not any("->->" in text for text in texts)
