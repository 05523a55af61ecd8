"""Precision and coverage of a threshold on self-consistency (T-SAS, Jeong 2023)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.metrics.statistics import wilson
from memagent.files import write_atomic
from memagent.types import Record

VOTES_FILE = "votes.json"
THRESHOLDS = tuple(step / 10 for step in range(1, 11))


def curve(votes: Iterable[tuple[float, bool]]) -> list[dict[str, Any]]:
    """Return precision and coverage by threshold, of votes as pairs (share, whether right).

    Coverage is the share of questions that a threshold keeps, precision the share of those that are
    right, None where it keeps none; with its 95% Wilson interval.
    """
    every = list(votes)
    rows = []
    for threshold in THRESHOLDS:
        kept = [right for share, right in every if share >= threshold - 1e-9]
        low, high = wilson(sum(kept), len(kept))
        rows.append(
            {
                "threshold": threshold,
                "kept": len(kept),
                "of": len(every),
                "coverage": len(kept) / len(every) if every else None,
                "precision": sum(kept) / len(kept) if kept else None,
                "low": low if kept else None,
                "high": high if kept else None,
            }
        )
    return rows


def votes_of(records: Iterable[Record]) -> list[tuple[float, bool]]:
    """Return the vote of each checked problem, from what was kept of its samples."""
    best: dict[str, tuple[float, bool]] = {}
    for record in sorted(records, key=lambda record: record.seq):
        kept = record.metadata
        if kept["solution"] in ("right", "wrong"):
            vote = (float(kept["share"]), kept["solution"] == "right")
            before = best.get(str(kept["problem"]))
            if before is None or vote[0] > before[0]:
                best[str(kept["problem"])] = vote
    return list(best.values())


def keep_votes(folder: Path, votes: Iterable[tuple[float, bool]]) -> None:
    """Write votes into the folder of a run.

    Raises:
        RunError: they cannot be written.
    """
    path = folder / VOTES_FILE
    try:
        write_atomic(path, json.dumps(list(votes)) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def kept_votes(folder: Path) -> list[tuple[float, bool]]:
    """Return the votes in the folder of a run, none where there was no vote.

    Raises:
        RunError: they cannot be read.
    """
    path = folder / VOTES_FILE
    try:
        return [(share, right) for share, right in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
