"""Verdicts of judges on the answers of a run, kept in its folder as they come."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.judge.case import digest_of
from memagent.evals.score import Score
from memagent.files import private, write_atomic

logger = logging.getLogger(__name__)
VERDICTS_FILE = "verdicts.jsonl"
Key = tuple[str, str, str, str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptVerdict:
    """Verdict of a judge by a rubric on the answer to a question of a task in an arm.

    `case` is the digest of question, references and answer: of another answer to the same question
    it is no verdict.
    """

    task: str
    arm: str
    id: str
    judge: str
    rubric: str
    case: str
    value: float | None
    reason: str = ""
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def key(self) -> Key:
        """The answer, the judge and the rubric, of which a run has at most one verdict."""
        return self.task, self.arm, self.id, self.judge, self.rubric


class VerdictFile:
    """File with the verdicts of a run, a JSON line each; several judges may write to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / VERDICTS_FILE

    def append(self, verdict: KeptVerdict) -> None:
        """Add a verdict.

        Raises:
            RunError: it cannot be written; what was written before stays.
        """
        try:
            with open(self.path, "a", encoding="utf-8", opener=private) as file:
                file.write(json.dumps(asdict(verdict)) + "\n")
        except OSError as error:
            raise RunError(
                f"cannot write to {self.path} ({error.strerror}): all verdicts before are kept"
            ) from error

    def read(self, *, mend: bool = False) -> dict[Key, KeptVerdict]:
        """Read the verdicts by their keys; of one that was asked for twice, the last.

        A last line that a kill cut short is left out, and with `mend` dropped from the file.

        Raises:
            RunError: the file cannot be read, or a line is not a verdict.
        """
        try:
            whole, _, rest = self.path.read_text(encoding="utf-8").rpartition("\n")
            if rest:
                logger.warning("%s ends in a line that was cut short", self.path)
            if rest and mend:
                write_atomic(self.path, whole + "\n" if whole else "")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(f"{self.path} cannot be read: {error}") from error
        found = {}
        for number, line in enumerate(whole.split("\n") if whole else [], start=1):
            try:
                verdict = _verdict_of(json.loads(line))
            except (ValueError, TypeError) as error:
                raise RunError(f"{self.path}:{number}: expected one verdict as JSON") from error
            found[verdict.key] = verdict
        return found


def of_answers(verdicts: Iterable[KeptVerdict], scores: Iterable[Score]) -> list[KeptVerdict]:
    """Return the verdicts on these answers; a question that has another answer now has none."""
    held = {
        score.key: digest_of(score.question, score.gold, score.prediction)
        for score in scores
        if score.error is None
    }
    return [
        verdict
        for verdict in verdicts
        if held.get((verdict.task, verdict.arm, verdict.id)) == verdict.case
    ]


def _verdict_of(row: dict[str, Any]) -> KeptVerdict:
    verdict = KeptVerdict(**row)
    if verdict.value is not None and not 0 <= verdict.value <= 1:
        raise ValueError(f"a verdict of {verdict.value!r}")
    return verdict
