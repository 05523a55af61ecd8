"""Bring a run's folder to this version's format."""

import json
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.manifest import FORMAT, OLDER, read, read_any, write
from memagent.evals.score import Score, ScoreFile, score_of


def migrate(folder: Path) -> bool:
    """Rewrite a run of an older format in place; returns False if there was nothing to do.

    Format 1 knew one grade and no share of the supports that were shown, only whether all were:
    one cannot make a mean of that, so the share is left out. Its arms did not say how many worked
    examples they showed.

    A last line that a kill cut short is left out.

    Raises:
        RunError: the folder holds no run, one of a newer format, or one that cannot be read.
    """
    manifest = read_any(folder)
    if manifest.get("format") not in OLDER:
        read(folder)  # refuses a newer one, and says what to do
        return False
    try:
        shots = manifest["plan"].pop("shots")
        plan = manifest["plan"]
        concurrency = plan.pop("concurrency")
        arms = [f"{arm}+{shots}" for arm in plan["arms"]]
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder} holds no run that can be read: {error!r}") from error
    file = ScoreFile(folder)
    file.replace(_scores(file.path, shots))
    now = {
        "format": FORMAT,
        "suite": "babi",
        "plan": plan | {"arms": arms, "shuffle": False},
        "concurrency": concurrency,
    }
    write(folder, manifest | now)
    return True


def _scores(path: Path, shots: int) -> list[Score]:
    """Return the answers of a run of format 1, and those that are of this format already."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    whole = text.rpartition("\n")[0]
    scores = []
    for number, line in enumerate(whole.split("\n") if whole else [], start=1):
        try:
            scores.append(score_of(_row(json.loads(line), shots)))
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}:{number}: expected one answer as JSON") from error
    return scores


def _row(row: dict[str, Any], shots: int) -> dict[str, Any]:
    if "grades" in row:  # a migration that was cut off had come to it
        return row
    del row["supports_shown"]
    row["arm"] = f"{row['arm']}+{shots}"
    row["grades"] = {} if row.get("error") else {"exact_mention": float(row["correct"])}
    row["recall"] = None
    return row
