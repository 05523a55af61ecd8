"""How many questions would have been shown their own answer, had nothing been left out."""

from collections.abc import Sequence
from typing import Any

from memagent.evals.arm import ArmName
from memagent.evals.score import Score
from memagent.evals.task import Task


def leakage(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the share of each arm's questions of which a worked example was left out.

    That is one which is the question itself or a duplicate. Arms that choose no examples for a
    question have no row; without any there is no table.
    """
    rows = []
    for task in tasks:
        for arm in arms:
            of_arm = [one for one in scores if (one.task, one.arm) == (task.name, str(arm))]
            looked = [one.guarded for one in of_arm if one.guarded is not None]
            if looked:
                share = sum(looked) / len(looked)
                rows.append(
                    {"task": task.name, "arm": str(arm), "asked": len(looked), "guarded": share}
                )
    return {"leakage": rows} if rows else {}
