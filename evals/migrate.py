"""Bring a run's folder to this version's format."""

import json
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.manifest import FORMAT, MANIFEST_FILE, write
from memagent.evals.score import ScoreFile, score_of


def migrate(folder: Path) -> bool:
    """Rewrite a run of an older format in place; returns False if there was nothing to do.

    Format 1 knew one grade and no share of the supports that were shown, only whether all were:
    one cannot make a mean of that, so the share is left out. Its arms did not say how many worked
    examples they showed.

    Raises:
        RunError: the folder holds no run, one of a newer format, or one that cannot be read.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = manifest["format"]
        if found == FORMAT:
            return False
        if found != 1:
            raise RunError(f"{folder} holds a run of format {found}: only 1 is known before this")
        shots = manifest["plan"].pop("shots")
        file = ScoreFile(folder)
        text = file.path.read_text(encoding="utf-8") if file.path.exists() else ""
        lines = text.removesuffix("\n").split("\n") if text else []
        scores = [score_of(_row(json.loads(line), shots)) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder} holds no run that can be read: {error!r}") from error
    plan = manifest["plan"]
    concurrency = plan.pop("concurrency")
    arms = [f"{arm}+{shots}" for arm in plan["arms"]]
    file.replace(scores)
    now = {
        "format": FORMAT,
        "suite": "babi",
        "plan": plan | {"arms": arms, "shuffle": False},
        "concurrency": concurrency,
    }
    write(folder, manifest | now)
    return True


def _row(row: dict[str, Any], shots: int) -> dict[str, Any]:
    del row["supports_shown"]
    row["arm"] = f"{row['arm']}+{shots}"
    row["grades"] = {} if row.get("error") else {"exact_mention": float(row["correct"])}
    row["recall"] = None
    return row
