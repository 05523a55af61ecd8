"""Run folders as a run leaves them, without a run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memagent.evals.runs.manifest import FORMAT
from memagent.evals.score import Score, ScoreFile

TASK: dict[str, Any] = {
    "name": "babi/1",
    "source": "released",
    "split": "test",
    "sha256": "a" * 64,
}


def score(arm: str, number: int, *, right: bool, task: str = "babi/1", **rest: Any) -> Score:
    """Return what came of a question about Mary, who is in the attic."""
    return Score(
        id=f"{task}/{number}",
        task=task,
        arm=f"{arm}+3",
        question="Where is Mary?",
        gold=("attic",),
        prediction="attic" if right else "cellar",
        correct=right,
        grades={"exact_mention": float(right)},
        prompt_tokens=100,
        completion_tokens=2,
        seconds=0.5,
        **rest,
    )


def save(
    folder: Path,
    scores: Sequence[Score],
    *,
    tasks: Sequence[dict[str, Any]] = (TASK,),
    arms: Sequence[str] = ("none+3", "memory+3", "oracle+3"),
    **more: Any,
) -> Path:
    """Write a run's folder, with more entries of its manifest, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = {"arms": list(arms), "limit": 3, "seed": 7, "model": "local"}
    manifest = {"format": FORMAT, "suite": "babi", "plan": plan, "tasks": list(tasks)}
    (folder / "run.json").write_text(json.dumps(manifest | more))
    ScoreFile(folder).replace(scores)
    return folder
