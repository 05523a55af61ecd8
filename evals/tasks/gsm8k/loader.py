"""GSM8K (Cobbe et al. 2021): school problems whose answer is a number, with similar ones solved.

A sample, as the released file has it:

    {"question": "Natalia sold clips to 48 of her friends in April, and then ...",
     "answer": "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\\n...\\n#### 72"}

The first problems of the file are the memory's, the rest are asked.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from memagent.errors import InvalidInput, RunError
from memagent.evals.task import Sample, Task
from memagent.files import decode_text, reason, split_lines
from memagent.learning.problems import Problem, nearly_same, read_problems, same_number
from memagent.text.english import words


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved(Sample):
    """A problem with the solution it was released with."""

    solution: str

    @property
    def problem(self) -> Problem:
        """The problem as the rationales know it."""
        (answer,) = self.gold
        return Problem(question=self.question, answer=answer, solution=self.solution)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exam(Task):
    """Problems to ask, and others that the memory gets solved.

    They are solved `samples` times each by the model itself, of which the right solutions are kept;
    with 0 the memory gets the solutions that they were released with.
    """

    samples: int = 0


def load(path: Path, memory: int, samples: int = 0) -> Exam:
    """Return the task of one file, of which the memory gets the first `memory` problems.

    Raises:
        RunError: there is no such file.
        InvalidInput: a line is no problem with an answer, or none is left to ask.
    """
    try:
        raw = path.read_bytes()
        text = decode_text(raw, str(path))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason(error)}") from error
    except InvalidInput as error:
        raise RunError(str(error)) from error
    problems = list(read_problems(split_lines(text), path.name))
    for number, problem in enumerate(problems, start=1):
        if not problem.answer or not problem.solution:
            raise InvalidInput(f"{path.name}:{number}: expected an answer with #### in it")
    if not 0 < memory < len(problems):
        raise InvalidInput(
            f"{path.name} has {len(problems)} problems: the memory cannot have {memory} of them"
        )
    known = _samples(problems[:memory], "memory")
    asked = _samples(problems[memory:], "asked")
    return Exam(
        name="gsm8k",
        source="released",
        split=f"train, from problem {memory + 1}",
        asked=asked,
        training=known,
        sha256=hashlib.sha256(raw + f"{memory} {samples}".encode()).hexdigest(),
        grade=graded,
        samples=samples,
    )


def graded(task: Task, sample: Sample, prediction: str) -> dict[str, float]:
    """Grade by whether the answer ends with the right number."""
    (gold,) = sample.gold
    right = same_number(Problem(question=sample.question, answer=gold), prediction)
    return {"number": float(right)}


def twins(task: Task, ids: Collection[str]) -> set[str]:
    """Return those of the asked samples that are also on the memory's side, or nearly so."""
    known = [set(words(sample.question.lower())) for sample in task.training]
    asked = {
        sample.id: set(words(sample.question.lower())) for sample in task.asked if sample.id in ids
    }
    return {id for id, said in asked.items() if any(nearly_same(said, other) for other in known)}


def _samples(problems: Sequence[Problem], side: str) -> list[Sample]:
    return [
        Solved(
            id=f"gsm8k/{side}/{place}",
            story=f"gsm8k/{side}/{place}",
            facts=(),
            question=problem.question,
            gold=(problem.answer,),
            supports=(),
            solution=problem.solution,
        )
        for place, problem in enumerate(problems)
    ]
