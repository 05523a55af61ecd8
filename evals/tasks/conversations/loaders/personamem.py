"""PersonaMem (Jiang et al. 2025, arXiv 2504.14225): which reply suits a user, of a choice.

The released `questions_32k.csv` has a row for each question, with the columns

    question_id, question_type, user_question_or_message, correct_answer, all_options,
    shared_context_id, end_index_in_shared_context

and others. `correct_answer` is a letter, as "(a)", and `all_options` a Python list of texts that
begin with theirs. `shared_contexts_32k.jsonl` beside it has on each line an object with the
messages of one context by its id:

    {"2c1f...": [{"role": "system", "content": "Current user persona: ..."},
                 {"role": "user", "content": "..."}, ...]}

A question is asked after as many messages as its index says, so the conversation is that part of
the context. A message of the role "system" begins a session. It says who the user is and a model
under test is shown it first, so it is a turn of the user. The files have no dates.
"""

import ast
import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    NO_WORDS,
    Fields,
    file_of,
    label_of,
    parse_json,
)
from memagent.files import read_text, split_lines

QUESTIONS = "questions_"
CONTEXTS = "shared_contexts_"
OPTIONS = "a list of texts such as '(a) Try the lake.', each with another letter"
_OPTION = re.compile(r"\s*\(([a-z])\)\s*(.*)", re.DOTALL)
_LETTER = re.compile(r"\s*\(?([a-z])\)?\s*")
_ROLES: Mapping[str, Role] = {"system": "user", "user": "user", "assistant": "assistant"}


def load(path: Path, variant: str | None = None) -> DataSet:
    """Return the questions of a file, or of the one of a variant such as "32k" in a folder.

    Raises:
        InvalidInput: a file does not have the released layout; the message says where.
        RunError: a file is missing.
    """
    file = file_of(path, f"{QUESTIONS}*.csv", variant, "--variant")
    contexts = file.with_name(file.stem.replace(QUESTIONS, CONTEXTS, 1) + ".jsonl")
    if not file.is_file():
        raise RunError(f"there is no file {file}")
    if contexts == file or not contexts.is_file():
        raise RunError(f"{file} needs the contexts of its questions beside it, in {contexts.name}")
    left_out: Counter[str] = Counter()
    turns = _contexts(contexts, left_out)
    conversations: dict[str, Conversation] = {}
    questions: dict[str, ConversationQuestion] = {}
    for row in _rows(file):
        conversation = _conversation(row, turns)
        conversation = conversations.setdefault(conversation.id, conversation)
        asked = _question(row, conversation)
        if asked.id in questions:
            raise InvalidInput(f"{row.place}: the id {asked.id!r} stands in the file twice")
        questions[asked.id] = asked
    if not questions:
        raise InvalidInput(f"{file.name} holds no question")
    return DataSet(
        name="personamem",
        source="released",
        conversations=list(conversations.values()),
        questions=list(questions.values()),
        left_out=dict(+left_out),
        split=file.stem.removeprefix(QUESTIONS),
    )


def _contexts(path: Path, left_out: Counter[str]) -> dict[str, list[Turn | None]]:
    """Return the turns of each context by its id, with None for a message without words."""
    contexts: dict[str, list[Turn | None]] = {}
    for number, line in enumerate(split_lines(read_text(path)), start=1):
        if not line.strip():
            continue
        place = f"{path.name}: line {number}"
        whole = Fields.of(parse_json(line, place), place)
        for id in whole.values:
            if id in contexts:
                raise InvalidInput(f"{place}: the id {shown(id)} stands in the file twice")
            contexts[id] = _turns(whole, id)
            left_out[NO_WORDS] += contexts[id].count(None)
    return contexts


def _turns(whole: Fields, id: str) -> list[Turn | None]:
    turns: list[Turn | None] = []
    session = 1
    messages = whole.objects(id, "message", "a list of messages")
    for number, message in enumerate(messages, start=1):
        role = message.values.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise message.error("role", "'system', 'user' or 'assistant'")
        session += role == "system" and number > 1
        text = message.optional_text("content")
        turn = Turn(id=str(number), session=str(session), role=_ROLES[role], text=text)
        turns.append(turn if text else None)
    return turns


def _rows(path: Path) -> Iterator[Fields]:
    """Yield the rows of a file of questions by the names of their columns."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        for number, row in enumerate(reader, start=1):
            yield Fields(f"{path.name}: question {number}", cast(dict[str, Any], row))
    except csv.Error as error:
        raise InvalidInput(
            f"{path.name}: expected comma-separated values, found something else in line"
            f" {reader.reader.line_num} ({error})"
        ) from error


def _conversation(row: Fields, contexts: Mapping[str, Sequence[Turn | None]]) -> Conversation:
    id = row.text("shared_context_id", "the id of a context")
    if id not in contexts:
        raise row.error("shared_context_id", "the id of a context in the file beside it")
    expected = f"a number of messages, at most {len(contexts[id])}"
    end = row.text("end_index_in_shared_context", expected)
    if not re.fullmatch(r"[0-9]{1,9}", end) or int(end) > len(contexts[id]):
        raise row.error("end_index_in_shared_context", expected)
    turns = tuple(turn for turn in contexts[id][: int(end)] if turn is not None)
    if not turns:
        raise row.error("end_index_in_shared_context", f"{expected} and one with words at least")
    return Conversation(id=f"{id}:{end}", turns=turns)


def _question(row: Fields, conversation: Conversation) -> ConversationQuestion:
    options = _options(row)
    letter = _LETTER.fullmatch(row.text("correct_answer", "a letter such as '(a)'").lower())
    if letter is None or letter[1] not in options:
        raise row.error("correct_answer", f"one of the letters {', '.join(options)}")
    return question(
        id=row.text("question_id", "an id"),
        conversation=conversation,
        text=row.text("user_question_or_message"),
        gold=[letter[1]],
        category=row.text("question_type", "the name of a kind of question"),
        options=options,
    )


def _options(row: Fields) -> dict[str, str]:
    """Return the texts to choose from by their letters."""
    text = row.text("all_options", OPTIONS)
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes that Python does not know
            listed = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise row.error("all_options", OPTIONS) from error
    parts = [label_of(option) for option in listed] if isinstance(listed, list | tuple) else []
    found = [_OPTION.fullmatch(part) for part in parts if part]
    options = {option[1]: option[2] for option in found if option is not None}
    if not options or len(options) != len(parts):
        raise row.error("all_options", OPTIONS)
    return options
