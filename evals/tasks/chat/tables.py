"""Tables of a chat: right answers where the evidence was shown, repetition, and what is kept."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.metrics.answers import words
from memagent.evals.metrics.statistics import wilson
from memagent.evals.report.tables import by_arm
from memagent.evals.score import Score
from memagent.evals.task import Task
from memagent.evals.tasks.chat.arm import TRANSCRIPTS, Said
from memagent.text.sentences import sentences

Rows = list[dict[str, Any]]
SENTENCE_WORDS = 3
"""Words of a sentence that counts as repeated, at least."""
LOOP_TIMES, LOOP_WORDS = 4, 20
"""A loop says the same words so often in a row, or more often; so many words at most."""


def tables(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, Rows]:
    """Return the right answers by script and arm, with 95% intervals.

    "with evidence" are the questions whose gold turns were all recalled.
    """
    answered = by_arm(scores)
    rows = []
    for task in tasks:
        for arm in map(str, arms):
            mine = answered.get((task.name, arm), [])
            shown = [score for score in mine if score.recall == 1.0]
            script = {"script": task.name.partition("/")[2], "arm": arm}
            rows.append(script | _share("right", mine) | _share("right with evidence", shown))
    return {"chat": rows}


def _share(name: str, scores: Sequence[Score]) -> dict[str, Any]:
    """Return how many are right of how many, and the Wilson interval of the share."""
    right = sum(score.correct for score in scores)
    low, high = wilson(right, len(scores)) if scores else (None, None)
    return {
        name: right / len(scores) if scores else None,
        f"{name}: n": len(scores),
        f"{name}: low": low,
        f"{name}: high": high,
    }


def folder_tables(folder: Path) -> dict[str, Rows]:
    """Return what the transcripts of a run show: repeated sentences, loops, and what is kept.

    Raises:
        RunError: a transcript cannot be read.
    """
    rows = []
    for path in sorted((folder / TRANSCRIPTS).glob("*.jsonl")):
        script, _, arm = path.stem.partition(".")
        rows.append({"script": script, "arm": arm} | _measured(read_transcript(path)))
    return {"repetition and memory": rows} if rows else {}


def read_transcript(path: Path) -> list[Said]:
    """Return the turns of a transcript.

    Raises:
        RunError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return [Said(**json.loads(line)) for line in lines if line]
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} is no transcript: {error}") from error


def _measured(turns: Sequence[Said]) -> dict[str, Any]:
    sentence, times = most_frequent(turn.reply for turn in turns)
    stated, asked = [[t for t in turns if t.asks is asks] for asks in (False, True)]
    return {
        "turns": len(turns),
        "most frequent sentence": sentence,
        "times": times,
        "empty replies": sum(not turn.reply for turn in turns),
        "loops": sum(loops(turn.reply) for turn in turns),
        "loops stored": sum(turn.stored and loops(turn.reply) for turn in turns),
        "statements": len(stated),
        "statements lost": sum(not turn.evidence for turn in stated),
        "questions kept as evidence": sum(turn.evidence for turn in asked),
    }


def most_frequent(replies: Iterable[str]) -> tuple[str, int]:
    """Return the sentence that comes most often in replies, in small letters, and how often.

    Sentences of less than `SENTENCE_WORDS` words do not count.
    """
    counts = Counter(
        " ".join(said)
        for reply in replies
        for span in sentences(reply, any_case=True)
        if len(said := words(span.of(reply))) >= SENTENCE_WORDS
    )
    return max(counts.items(), key=lambda item: item[1], default=("", 0))


def loops(text: str) -> bool:
    """Tell whether a text says the same words `LOOP_TIMES` times in a row."""
    said = words(text)
    for size in range(1, LOOP_WORDS + 1):
        run = 0
        for word, later in zip(said, said[size:], strict=False):
            run = run + 1 if word == later else 0
            if run == size * (LOOP_TIMES - 1):
                return True
    return False
