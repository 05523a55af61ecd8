"""Leniency of a judge: how many wrong answers it accepts, measured before its share is quoted.

Right answers are judged too, for its strictness: a judge that rejects everything accepts nothing
wrong either.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from memagent.errors import InvalidInput, RunError, shown
from memagent.evals.judge.case import Case
from memagent.evals.judge.judge import Judge
from memagent.evals.judge.round import Item, Progress, judge_all
from memagent.evals.judge.verdicts import KeptVerdict, VerdictFile
from memagent.evals.metrics.statistics import wilson
from memagent.files import read_text, write_atomic

logger = logging.getLogger(__name__)
LENIENCY_FILE = "leniency.json"
ACCEPTED = 0.5
"""The verdict from which an answer counts as accepted; of right or wrong, right."""
ADVERSARIAL = ("5", "adversarial")
"""LoCoMo's category of questions that cannot be answered."""
GENERATED = "generated"
"""The source of answers that were made for generated questions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledAnswer:
    """Answer that is known to be right or wrong, of a kind such as "vague wrong answers".

    `category` is that of the question where answers are to be counted by it too.
    """

    id: str
    kind: str
    right: bool
    case: Case
    source: str = GENERATED
    category: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """Share of the answers of one kind that a judge accepts, with its 95% Wilson interval.

    `n` answers got a verdict, `unreadable` ones none that could be read. With a `category` it is of
    the questions of that category alone.
    """

    judge: str
    rubric: str
    kind: str
    right: bool
    source: str
    n: int
    accepted: int
    unreadable: int
    category: str = ""

    @property
    def share(self) -> float | None:
        """The accepted share; None where no verdict could be read."""
        return self.accepted / self.n if self.n else None

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        low, high = wilson(self.accepted, self.n) if self.n else (None, None)
        return {
            "judge": self.judge,
            "rubric": self.rubric,
            "answers": f"{self.kind}, {self.category}" if self.category else self.kind,
            "source": self.source,
            "n": self.n,
            "share": self.share,
            "low": low,
            "high": high,
            "unreadable": self.unreadable,
        }


def measure(
    judge: Judge,
    answers: Sequence[LabelledAnswer],
    *,
    file: VerdictFile | None = None,
    concurrency: int = 4,
    progress: Progress = lambda _: None,
) -> list[Measurement]:
    """Measure how many answers of each kind a judge accepts, by rubric; verdicts may be kept.

    Raises:
        RunError: as `judge_all`.
    """
    items = [
        Item(task=f"leniency/{answer.source}", arm=answer.kind, id=answer.id, case=answer.case)
        for answer in answers
    ]
    verdicts = judge_all(judge, items, file=file, concurrency=concurrency, progress=progress)
    groups: dict[tuple[str, _Group], list[KeptVerdict]] = {}
    for answer, verdict in zip(answers, verdicts, strict=True):
        for category in dict.fromkeys(["", answer.category]):
            group = _Group(answer.kind, answer.right, answer.source, category)
            groups.setdefault((verdict.rubric, group), []).append(verdict)
    found = [
        _measurement(judge.name, rubric, group, verdicts)
        for (rubric, group), verdicts in groups.items()
    ]
    for row in found:
        logger.info("%s accepts %d of %d %s", judge.name, row.accepted, row.n, row.kind)
    return found


class _Group(NamedTuple):
    kind: str
    right: bool
    source: str
    category: str


def _measurement(
    judge: str, rubric: str, group: _Group, verdicts: Sequence[KeptVerdict]
) -> Measurement:
    values = [verdict.value for verdict in verdicts if verdict.value is not None]
    return Measurement(
        judge=judge,
        rubric=rubric,
        **group._asdict(),
        n=len(values),
        accepted=sum(value >= ACCEPTED for value in values),
        unreadable=len(verdicts) - len(values),
    )


class LeniencyFile:
    """File of a run's folder with what was measured of its judges."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LENIENCY_FILE

    def read(self) -> list[Measurement]:
        """Return the measurements; none where there are none.

        Raises:
            RunError: the file is damaged.
        """
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))["measurements"]
            return [Measurement(**row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.path} is damaged: delete it, `memagent eval judge` measures again"
            ) from error

    def put(self, measurements: Iterable[Measurement]) -> None:
        """Keep measurements, in the place of others of the same judge, rubric and side.

        A side is that of the right answers or of the wrong ones.

        Raises:
            RunError: they cannot be written.
        """
        new = list(measurements)
        replaced = {(row.judge, row.rubric, row.right) for row in new}
        kept = [row for row in self.read() if (row.judge, row.rubric, row.right) not in replaced]
        text = json.dumps({"measurements": [asdict(row) for row in [*kept, *new]]}, indent=1)
        try:
            write_atomic(self.path, text + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error


def of_wrong_answers(
    measurements: Iterable[Measurement], judge: str, rubric: str
) -> list[Measurement]:
    """Return what was measured of a judge and a rubric on wrong answers; none if nothing was."""
    return [
        row
        for row in measurements
        if (row.judge, row.rubric) == (judge, rubric) and not (row.right or row.category) and row.n
    ]


def read_wrong_answers(path: Path) -> list[LabelledAnswer]:
    """Read a file of answers that are wrong on purpose, in the layout of an audit of LoCoMo.

        {"detailed_results": {"user": [{"question_id": "...", "question": "...",
         "golden_answer": "...", "generated_answer": "...", "category": 1}]}}

    Places are counted from 0, and other keys are ignored. The answers' kind is named after the
    file. A question of category 5, adversarial, that has no golden answer is unanswerable.

    Raises:
        InvalidInput: it is no such file, or an entry is malformed; the message names the place.
    """
    text = read_text(path)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    users = data.get("detailed_results") if isinstance(data, Mapping) else None
    if not isinstance(users, Mapping) or not all(isinstance(rows, list) for rows in users.values()):
        raise InvalidInput(
            f"{path}: expected an object whose 'detailed_results' has a list of answers by user"
        )
    source = f"{path.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    found = [
        _wrong_answer(row, f"{user}/{place}", path, source)
        for user, rows in users.items()
        for place, row in enumerate(rows)
    ]
    if not found:
        raise InvalidInput(f"{path} holds no answers")
    return found


def _wrong_answer(row: Any, place: str, path: Path, source: str) -> LabelledAnswer:
    where = f"{path}: detailed_results/{place}"
    if not isinstance(row, Mapping):
        raise InvalidInput(f"{where}: expected an object, found {shown(row)}")
    category = str(row.get("category", ""))
    unanswerable = category in ADVERSARIAL and not row.get("golden_answer")
    case = Case(
        question=_text(row, "question", where),
        references=() if unanswerable else (_text(row, "golden_answer", where),),
        answer=_text(row, "generated_answer", where),
        unanswerable=unanswerable,
    )
    return LabelledAnswer(
        id=f"{place} {_text(row, 'question_id', where)}",
        kind=f"wrong answers in {path.name}",
        right=False,
        case=case,
        source=source,
        category=f"category {category}" if category else "",
    )


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    text = str(value) if type(value) in (int, float, str) else ""
    if not text.strip():
        raise InvalidInput(f"{where}: expected a text as {name!r}, found {shown(value)}")
    return text
