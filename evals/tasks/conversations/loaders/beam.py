"""BEAM (Tavakoli et al. 2025, arXiv 2510.27246): long chats with an assistant, of four sizes.

The released folder has a chat in each `chats/SIZE/N`. Its `chat.json` lists batches of turns, each
a list of messages; of the size 10M it lists plans, each an object of batches by the plan's name:

    [{"batch_number": 1, "turns": [[
        {"role": "user", "id": 4, "time_anchor": "March-15-2024", "content": "... ->-> 1,2"},
        {"role": "assistant", "id": 5, "content": "..."}], ...]}]

`probing_questions/probing_questions.json` has its questions by the ability that they ask for:

    {"knowledge_update": [{"question": "...", "answer": "...", "rubric": ["..."],
                           "source_chat_ids": {"original_info": [86], "updated_info": [114]}}]}

A batch is a session. Its time is that of the first message with a `time_anchor`, or of the batch
before; dates are read as UTC. The marker that ends many messages ("->-> 1,2") is left from how the
chats were generated, and is taken away.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from memagent.errors import InvalidInput, RunError, shown
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    Role,
    Turn,
    question,
)
from memagent.evals.tasks.conversations.loaders.fields import (
    NO_DATE,
    NO_TURN,
    NO_WORDS,
    Fields,
    label_of,
    objects_of,
    read_json,
    read_list,
    time_of,
)

ABILITIES = (
    "abstention",
    "contradiction_resolution",
    "event_ordering",
    "information_extraction",
    "instruction_following",
    "knowledge_update",
    "multi_session_reasoning",
    "preference_following",
    "summarization",
    "temporal_reasoning",
)
UNANSWERABLE = "abstention"
ANSWERS = ("answer", "ideal_answer", "ideal_response", "ideal_summary", "expected_compliance")
"""Fields that have the reference answer; a question has one of them."""
CHATS = ("chat_trunecated.json", "chat.json")
"""Names of a chat's file: where the release has one that is cut to the size, that one is asked."""
QUESTIONS = Path("probing_questions", "probing_questions.json")
SEVERAL = "evidence that names several turns"
SOURCES = "ids of messages, in lists or by name"
_SIZE = re.compile(r"[0-9]+[KM]")
_MARKER = re.compile(r"\s*->->\s*[0-9]+(?:,\s*(?:[0-9]+|N/A))*\s*$")
_TIME = "%B-%d-%Y"


def load(path: Path, variant: str | None = None) -> DataSet:
    """Return the chats of a folder and their questions.

    The folder is one chat's, one of chats, or one of sizes, of which `variant` then names one.

    Raises:
        InvalidInput: a file does not have the released layout; the message says where.
        RunError: there is no chat in the folder, or not of this size.
    """
    folder = _folder(path.parent if path.name in CHATS else path, variant)
    chats = [folder] if _chat_file(folder) else _chats(folder)
    left_out: Counter[str] = Counter()
    conversations: list[Conversation] = []
    questions: list[ConversationQuestion] = []
    for chat in chats:
        conversation, ids = _conversation(chat, left_out)
        conversations.append(conversation)
        questions += _questions(chat, conversation, ids, left_out)
    if not questions:
        raise InvalidInput(f"{folder} holds no question")
    return DataSet(
        name="beam",
        source="released",
        conversations=conversations,
        questions=questions,
        left_out=dict(+left_out),
        split=_size_of(folder) or _size_of(folder.parent) or "test",
    )


def _folder(path: Path, size: str | None) -> Path:
    """Return the folder of one chat, or of the chats of one size.

    Raises:
        RunError: there is none.
    """
    if not path.is_dir():
        raise RunError(f"{path} is no folder of chats, such as chats/100K of the released files")
    sizes = [part.name for part in path.iterdir() if part.is_dir() and _size_of(part)]
    if size is None:
        if not sizes or len(sizes) == 1:
            return path / sizes[0] if sizes else path
        named = ", ".join(sorted(sizes))
        raise RunError(f"{path} has chats of several sizes: name one with --variant ({named})")
    if size in sizes:
        return path / size
    if size in (_size_of(path), _size_of(path.parent)):
        return path
    raise RunError(f"{path} has no chats of the size {size!r}, which would be in {path / size}")


def _size_of(folder: Path) -> str:
    return folder.resolve().name if _SIZE.fullmatch(folder.resolve().name) else ""


def _chat_file(folder: Path) -> Path | None:
    return next((folder / name for name in CHATS if (folder / name).is_file()), None)


def _chats(folder: Path) -> list[Path]:
    found = [part for part in folder.iterdir() if part.is_dir() and _chat_file(part)]
    if not found:
        raise RunError(
            f"{folder} holds no chats: expected a folder for each, with chat.json and {QUESTIONS}"
        )
    return sorted(found, key=lambda chat: (len(chat.name), chat.name))


def _conversation(chat: Path, left_out: Counter[str]) -> tuple[Conversation, dict[str, list[str]]]:
    """Return a chat, and the ids of its turns by those of the messages in the file."""
    path = cast(Path, _chat_file(chat))
    turns: dict[str, Turn] = {}
    ids: dict[str, list[str]] = {}
    time: datetime | None = None
    for session, batch in _batches(path, f"{chat.name}/{path.name}:"):
        messages = list(_messages(batch))
        time = next((found for found in map(_anchor, [batch, *messages]) if found), time)
        left_out[NO_DATE] += bool(messages) and time is None
        plan = session.rpartition("/")[0]
        for message in messages:
            time = _anchor(message) or time
            number = message.label("id", "the number of a message")
            id = f"{plan}:{number}" if plan else number
            if id in turns:
                raise InvalidInput(f"{message.place}: the id {number!r} is another message's too")
            turn = _turn(message, id, session, time)
            if turn.text:
                turns[id] = turn
                ids.setdefault(number, []).append(id)
            else:
                left_out[NO_WORDS] += 1
    if not turns:
        raise InvalidInput(f"{chat.name}/{path.name}: expected batches with turns, found none")
    return Conversation(id=chat.name, turns=tuple(turns.values())), ids


def _turn(message: Fields, id: str, session: str, when: datetime | None) -> Turn:
    role = message.values.get("role")
    if role not in ("user", "assistant"):
        raise message.error("role", "'user' or 'assistant'")
    text = _MARKER.sub("", message.optional_text("content"))
    return Turn(id=id, session=session, role=cast(Role, role), text=text, when=when)


def _batches(path: Path, place: str) -> Iterator[tuple[str, Fields]]:
    """Yield the batches of a chat, each with the name of its session."""
    seen: set[str] = set()
    for plan, batch in _plans(path, place):
        number = batch.label("batch_number", "a number")
        session = f"{plan}/{number}" if plan else number
        if session in seen:
            raise InvalidInput(f"{batch.place}: the batch {number} stands in the file twice")
        seen.add(session)
        yield session, batch


def _plans(path: Path, place: str) -> Iterator[tuple[str, Fields]]:
    """Yield the batches of a chat, each with the name of its plan, empty in a chat without."""
    for part in objects_of(read_list(path, "batches of turns"), place, "batch"):
        if "turns" in part.values or "batch_number" in part.values:
            yield "", part
            continue
        for plan in part.values:
            if not label_of(plan):
                raise InvalidInput(f"{part.place}: expected a name of a plan, found {shown(plan)}")
            expected = "'batch_number' and 'turns', or as the list of the batches of a plan"
            for batch in part.objects(plan, f"plan {shown(plan)}, batch", expected):
                yield plan, batch


def _messages(batch: Fields) -> Iterator[Fields]:
    expected = "a list of turns, each a list of messages"
    for number, turn in enumerate(batch.items("turns", expected), start=1):
        if not isinstance(turn, list):
            raise batch.error("turns", expected)
        yield from objects_of(turn, f"{batch.place}, turn {number}", "message")


def _anchor(part: Fields) -> datetime | None:
    anchor = part.values.get("time_anchor")
    return time_of(anchor, _TIME) if isinstance(anchor, str) else None


def _questions(
    chat: Path,
    conversation: Conversation,
    ids: Mapping[str, list[str]],
    left_out: Counter[str],
) -> Iterator[ConversationQuestion]:
    path = chat / QUESTIONS
    whole = Fields.of(read_json(path), f"{chat.name}/{path.name}")
    for ability in whole.values:
        if ability not in ABILITIES:
            known = ", ".join(ABILITIES)
            raise InvalidInput(f"{whole.place}: expected {known}, found {shown(ability)}")
        for number, fields in enumerate(
            whole.objects(ability, f"{ability}, question", "a list of questions")
        ):
            yield question(
                id=f"{chat.name}/{ability}/{number}",
                conversation=conversation,
                text=fields.text("question"),
                gold=[] if ability == UNANSWERABLE else [_answer(fields)],
                category=ability,
                evidence=_evidence(fields, ids, left_out),
                unanswerable=ability == UNANSWERABLE,
                rubric=fields.labels("rubric", "a list of texts")
                if "rubric" in fields.values
                else (),
            )


def _answer(fields: Fields) -> str:
    key = next((key for key in ANSWERS if fields.values.get(key) is not None), ANSWERS[0])
    return fields.label(key, f"text or a number (or one of {', '.join(ANSWERS[1:])})")


def _evidence(fields: Fields, ids: Mapping[str, list[str]], left_out: Counter[str]) -> list[str]:
    """Return the turns that the sources of a question name, in the order of the file."""
    todo: list[Any] = [fields.values.get("source_chat_ids") or []]
    named: list[str] = []
    while todo:
        value = todo.pop()
        if isinstance(value, list | dict):
            todo += reversed(list(value.values()) if isinstance(value, dict) else value)
            continue
        label = label_of(value)
        if label is None:
            raise fields.error("source_chat_ids", SOURCES)
        named.append(label)
    evidence: list[str] = []
    for label in dict.fromkeys(named):
        turns = ids.get(label, [])
        left_out[NO_TURN] += not turns
        left_out[SEVERAL] += len(turns) > 1
        evidence += turns if len(turns) == 1 else []
    return evidence
