"""LoCoMo (Maharana et al. 2024, arXiv 2402.17753): long conversations of two people.

The released file, `locomo10.json`, is a list of conversations:

    [{"sample_id": "conv-26",
      "conversation": {
        "speaker_a": "Caroline", "speaker_b": "Melanie",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [{"speaker": "Melanie", "dia_id": "D1:2", "text": "Look at this!",
                       "blip_caption": "a photo of a lake"}, ...]},
      "qa": [{"question": "...", "answer": "2022", "category": 2, "evidence": ["D1:12"]}, ...]}]

The caption of an image stands in the text of its turn, as "Look at this! [image: a photo of a
lake]". Both speakers are users with a name. Times are read as UTC. A question of category 5 has
no answer in the conversation, and an `adversarial_answer` that it leads to.

A published audit corrects labels of the file, in a list of its own:

    [{"question_id": "locomo_0_qa1", "question": "...", "golden_answer": "2022", "category": 2,
      "cited_evidence": ["D1:12"], "correct_evidence": ["D1:14"], "correct_answer": "2022"}, ...]
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memagent.errors import InvalidInput, one_line
from memagent.evals.suite import CORRECTED
from memagent.evals.tasks.conversations.conversation import (
    Conversation,
    ConversationQuestion,
    DataSet,
    Turn,
    question,
)
from memagent.evals.tasks.conversations.loaders.fields import (
    NO_DATE,
    NO_TURN,
    NO_WORDS,
    Fields,
    file_of,
    label_of,
    objects_of,
    read_list,
    time_of,
)

logger = logging.getLogger(__name__)
CATEGORIES = {
    "1": "multi-hop",
    "2": "temporal",
    "3": "open-domain",
    "4": "single-hop",
    "5": "adversarial",
}
"""Names of the categories by their number in the file."""
ADVERSARIAL = "5"
EVIDENCE = "a list of ids such as 'D1:3'"
NO_TRAP = "adversarial questions without a wrong answer to fall for"
UNMATCHED = "corrections that match no question"
REPLACED = "labels that a correction replaced"
_SESSION = re.compile(r"session_([0-9]{1,6})")
_EVIDENCE = re.compile(r"D:?([0-9]{1,6}):([0-9]{1,6})")
_QUESTION_ID = re.compile(r"locomo_([0-9]{1,6})_qa([0-9]{1,6})")
_TIME = "%I:%M %p on %d %B, %Y"


def load(path: Path, corrections: Path | None = None) -> DataSet:
    """Return the conversations of a file, or of the one in a folder, and the questions about them.

    With `corrections` the audit's evidence and answers stand in place of the file's, and the split
    says so: figures of the two are not comparable.

    Raises:
        InvalidInput: a file does not have the released layout; the message says where.
        RunError: there is no such file in the folder, or there are several.
    """
    path = file_of(path, "locomo*.json")
    left_out: Counter[str] = Counter()
    samples = _samples(path)
    conversations = {sample.id: _conversation(sample, left_out) for sample in samples}
    labels = [
        label
        for number, sample in enumerate(samples)
        for label in _labels(sample, number, left_out)
    ]
    if corrections is not None:
        labels = _corrected(labels, corrections, left_out)
    questions = [_question(label, conversations[label.sample], left_out) for label in labels]
    if not questions:
        raise InvalidInput(f"{path.name} holds no question")
    return DataSet(
        name="locomo",
        source="released",
        conversations=list(conversations.values()),
        questions=questions,
        left_out=dict(+left_out),
        split="test" if corrections is None else f"test, {CORRECTED}",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    """A conversation of the file with its questions, as the file has it."""

    id: str
    fields: Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class _Label:
    """A question with its labels; `number` is its place in the file, from 0."""

    sample: str
    sample_number: int
    number: int
    text: str
    category: str
    answer: str
    trap: str
    evidence: tuple[str, ...]


def _samples(path: Path) -> list[_Sample]:
    values = read_list(path, "conversations, as in locomo10.json")
    samples: dict[str, _Sample] = {}
    for fields in objects_of(values, f"{path.name}:", "conversation"):
        id = fields.label("sample_id", "an id such as 'conv-26'")
        if id in samples:
            raise InvalidInput(f"{fields.place}: the id {id!r} stands in the file twice")
        place = f"{fields.place} ({one_line(id)})"
        samples[id] = _Sample(id=id, fields=Fields(place, fields.values))
    return list(samples.values())


def _conversation(sample: _Sample, left_out: Counter[str]) -> Conversation:
    whole = sample.fields
    inner = Fields.of(whole.values.get("conversation"), f"{whole.place}, 'conversation'")
    numbers = {
        int(found[1]): key for key in inner.values if (found := _SESSION.fullmatch(key)) is not None
    }
    turns: dict[str, Turn] = {}
    for number, key in sorted(numbers.items()):
        when = inner.values.get(f"{key}_date_time")
        time = time_of(when, _TIME) if isinstance(when, str) else None
        said = list(inner.objects(key, f"{key}, turn", "a list of turns"))
        left_out[NO_DATE] += bool(said) and time is None
        for fields in said:
            id = fields.text("dia_id", "an id such as 'D1:3'")
            if id in turns:
                raise InvalidInput(f"{fields.place}: the id {id!r} is another turn's too")
            speaker, text = fields.label("speaker", "a name"), _words(fields)
            if text:
                turns[id] = Turn(
                    id=id, session=str(number), role="user", name=speaker, text=text, when=time
                )
            else:
                left_out[NO_WORDS] += 1
    if not turns:
        raise InvalidInput(
            f"{whole.place}: expected turns in 'session_1', 'session_2', ..., found none"
        )
    return Conversation(id=sample.id, turns=tuple(turns.values()))


def _words(turn: Fields) -> str:
    """Return the text of a turn, with the caption of its image."""
    text, caption = turn.optional_text("text"), turn.optional_text("blip_caption")
    return " ".join(part for part in (text, f"[image: {caption}]" if caption else "") if part)


def _labels(sample: _Sample, number: int, left_out: Counter[str]) -> Iterator[_Label]:
    """Yield the questions of a sample that stands at this place of the file, from 0."""
    rows = sample.fields.objects("qa", "question", "a list of questions")
    for place, fields in enumerate(rows):
        category = fields.label("category", "a number from 1 to 5")
        if category not in CATEGORIES:
            raise fields.error("category", "a number from 1 to 5")
        adversarial = category == ADVERSARIAL
        trap = fields.values.get("adversarial_answer")
        left_out[NO_TRAP] += adversarial and not trap
        yield _Label(
            sample=sample.id,
            sample_number=number,
            number=place,
            text=fields.label("question"),
            category=category,
            answer="" if adversarial else fields.label("answer"),
            trap=fields.label("adversarial_answer") if adversarial and trap else "",
            evidence=tuple(fields.labels("evidence", EVIDENCE)),
        )


def _question(
    label: _Label, conversation: Conversation, left_out: Counter[str]
) -> ConversationQuestion:
    turns = {_normalised(turn.id): turn.id for turn in conversation.turns}
    evidence: list[str] = []
    for text in label.evidence:
        named = _EVIDENCE.findall(text)
        known = [turns[place] for place in map(_place, named) if place in turns]
        left_out[NO_TURN] += max(1, len(named)) - len(known)
        evidence += known
    return question(
        id=f"{label.sample}/{label.number}",
        conversation=conversation,
        text=label.text,
        gold=[label.answer] if label.answer else [],
        category=CATEGORIES[label.category],
        evidence=list(dict.fromkeys(evidence)),
        unanswerable=label.category == ADVERSARIAL,
        trap=label.trap,
    )


def _normalised(id: str) -> tuple[int, int] | str:
    """Return an id of a turn by its numbers: "D30:05" is "D30:5"."""
    found = _EVIDENCE.fullmatch(id)
    return id if found is None else _place(found.groups())


def _place(numbers: Sequence[str]) -> tuple[int, int]:
    session, turn = numbers
    return int(session), int(turn)


def _corrected(labels: Sequence[_Label], path: Path, left_out: Counter[str]) -> list[_Label]:
    """Return the labels of the file with those of the audit in their place."""
    corrected: dict[int, _Label] = {}
    rows = read_list(path, "corrections with 'question', 'category' and 'correct_evidence'")
    for row in objects_of(rows, f"{path.name}:", "correction"):
        place = _match(labels, row)
        if place is None or place in corrected:
            left_out[UNMATCHED] += 1
            continue
        label = labels[place]
        evidence = tuple(row.labels("correct_evidence", EVIDENCE))
        answer = _corrected_answer(label_of(row.values.get("correct_answer")) or "", label.answer)
        corrected[place] = replace(label, evidence=evidence or label.evidence, answer=answer)
    left_out[REPLACED] += len(corrected)
    logger.info(
        "%d corrections of labels are applied, %d match no question",
        len(corrected),
        left_out[UNMATCHED],
    )
    return [corrected.get(place, label) for place, label in enumerate(labels)]


def _corrected_answer(corrected: str, answer: str) -> str:
    """Return the answer after a correction; one that only adds a remark in brackets changes none.

    The audit says so of answers whose evidence alone is wrong: "2022 (answer is correct)".
    """
    plain = corrected.partition(" (")[0].strip().rstrip(".")
    unchanged = not answer or not plain or plain.casefold() == answer.strip().rstrip(".").casefold()
    return answer if unchanged else corrected


def _match(labels: Sequence[_Label], row: Fields) -> int | None:
    """Return the place of the one question that a correction is of; None if it is not one.

    A file may hold some of the ten conversations only, so the text and the category decide. Where
    several questions have both, the answer decides, then the number within the conversation, then
    that of the conversation.
    """
    asked = _folded(row.label("question"))
    category = row.label("category", "a number from 1 to 5")
    found = [
        place
        for place, label in enumerate(labels)
        if label.category == category and _folded(label.text) == asked
    ]
    answer = label_of(row.values.get("golden_answer"))
    id = _QUESTION_ID.fullmatch(row.label("question_id", "an id such as 'locomo_0_qa1'"))
    sample, number = (int(id[1]), int(id[2])) if id else (-1, -1)
    hints: list[Callable[[_Label], bool]] = [
        lambda label: label.answer == answer,
        lambda label: label.number == number,
        lambda label: label.sample_number == sample,
    ]
    for hint in hints:
        if len(found) > 1:
            found = [place for place in found if hint(labels[place])] or found
    return found[0] if len(found) == 1 else None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
