"""Score of one question, and the file of a run that keeps a line for each."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.files import private, write_atomic

logger = logging.getLogger(__name__)
SAMPLES_FILE = "samples.jsonl"
JUDGED = "judge"
"""The grade that a judge's verdict gives; a run may have it of some answers only."""
MEASURED = ("cached_tokens", "seconds", "memory_seconds")
"""Fields that depend on the machine and its load; all others repeat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One question of one arm: what was shown, what came back, how it was graded, what it cost.

    `category` is that of the question. `recall` is the share of the gold supports among what was
    shown, `marked` are the places in `shown` that are gold, from 0, and `left_out` counts what had
    no room in the model's context. `guarded` says whether a
    few-shot example was left out that would have given the answer away. Where `error` is set there
    is no answer: the question counts neither as right nor as wrong, and is asked again when the run
    is resumed.
    """

    id: str
    task: str
    arm: str
    question: str
    gold: tuple[str, ...]
    prediction: str = ""
    correct: bool = False
    grades: Mapping[str, float] = field(default_factory=dict)
    category: str = ""
    shown: tuple[str, ...] = ()
    marked: tuple[int, ...] = ()
    left_out: int = 0
    recall: float | None = None
    guarded: bool | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    seconds: float = 0.0
    memory_seconds: float = 0.0
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The task, the arm and the question, of which a run holds at most one score."""
        return self.task, self.arm, self.id

    def outcome(self) -> dict[str, Any]:
        """Return everything that the same run gives again: all but times and cached tokens."""
        return {name: value for name, value in asdict(self).items() if name not in MEASURED}


class ScoreFile:
    """File with the scores of a run, a JSON line each, flushed one by one."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SAMPLES_FILE

    def append(self, score: Score) -> None:
        """Add a score.

        Raises:
            RunError: it cannot be written, as on a full disk; what was written before stays.
        """
        try:
            with open(self.path, "a", encoding="utf-8", opener=private) as file:
                file.write(_line(score))
        except OSError as error:
            raise RunError(
                f"cannot write to {self.path} ({error.strerror}): all answers before are kept;"
                " fix that and go on with --resume"
            ) from error

    def replace(self, scores: Iterable[Score]) -> None:
        """Replace all scores by these, at once or not at all.

        Raises:
            RunError: they cannot be written; the file is as it was.
        """
        try:
            write_atomic(self.path, map(_line, scores))
        except OSError as error:
            raise RunError(f"cannot write {self.path}: {error.strerror}") from error

    def read(self, *, mend: bool = True) -> list[Score]:
        """Read the scores; of a question that was asked twice, the last.

        A last line that a kill cut short is left out, and with `mend` dropped from the file.

        Raises:
            RunError: the file cannot be read, or a line is not a score.
        """
        if not self.path.exists():
            return []
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{self.path} cannot be read: {error}") from error
        whole, _, rest = text.rpartition("\n")
        if rest:
            logger.warning("%s ends in a line that was cut short, which is left out", self.path)
        if rest and mend:
            write_atomic(self.path, whole + "\n" if whole else "")
        scores: dict[tuple[str, str, str], Score] = {}
        for number, line in enumerate(whole.split("\n") if whole else [], start=1):
            try:
                score = score_of(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise RunError(f"{self.path}:{number}: expected one answer as JSON") from error
            scores[score.key] = score
        return list(scores.values())


def _line(score: Score) -> str:
    text = json.dumps(asdict(score), ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()  # half a character as JSON escapes it


def score_of(row: dict[str, Any]) -> Score:
    """Return the score of a row read from JSON."""
    marked = {"marked": tuple(row.get("marked", ()))}
    return Score(**row | {"gold": tuple(row["gold"]), "shown": tuple(row["shown"])} | marked)
