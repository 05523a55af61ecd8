"""Suites with a lower and an upper bound, `none` and `oracle`, and data to run each of them on."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from memagent import evals
from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.registry import all_suites
from memagent.evals.suite import Selection, Suite, load_tasks

BOUNDS = ("none", "oracle")
DATA = os.environ.get("MEMAGENT_DATA")
FACTS = (
    ("Who is the mayor of Garalport?", "Nils Darigri", "{} was chosen as mayor of Garalport."),
    ("Where does Oda Vessen keep bees?", "in Tramholt", "Oda Vessen keeps bees {}."),
    ("What did Rune Halv repair?", "the old lighthouse", "Last spring Rune Halv repaired {}."),
    ("Who leads the Alovale Museum?", "Felix Gisoba", "{} leads the Alovale Museum."),
    ("How long is the Tessin canal?", "41 miles", "The Tessin canal is {} long."),
    ("What do the Orla sisters sell?", "green umbrellas", "The Orla sisters sell {} by the pier."),
    ("When was the Brisk bridge built?", "in 1764", "The Brisk bridge was built {}."),
    ("Who wrote the play Low Water?", "Ida Marrow", "The play Low Water was written by {}."),
)
"""Question, answer, and a passage with a place for the answer."""
SUMS = tuple((sacks, kilos) for sacks in (3417, 2863) for kilos in (289, 376, 457, 683))


def _squad(folder: Path) -> Path:
    passages = [
        {
            "context": f"{passage.format(answer)} It rained that day.",
            "qas": [{"id": str(n), "question": asked, "answers": [{"text": answer}]}],
        }
        for n, (asked, answer, passage) in enumerate(FACTS)
    ]
    return _file(folder, json.dumps({"data": [{"title": "News", "paragraphs": passages}]}))


def _archivalqa(folder: Path) -> Path:
    rows = [
        {"question": asked, "answer": answer, "document": passage.format(answer)}
        for asked, answer, passage in FACTS
    ]
    return _file(folder, "\n".join(map(json.dumps, rows)))


def _gsm8k(folder: Path) -> Path:
    rows = [
        {
            "question": f"A mill has {sacks} sacks of {kilos} kilos. How many kilos is that?",
            "answer": f"{sacks} * {kilos} = {sacks * kilos}\n#### {sacks * kilos}",
        }
        for sacks, kilos in SUMS
    ]
    return _file(folder, "\n".join(map(json.dumps, rows)))


FILES: dict[str, Callable[[Path], Path]] = {
    "squad": _squad,
    "archivalqa": _archivalqa,
    "gsm8k": _gsm8k,
}
SETTINGS = {"gsm8k": {"memory": 1.0}}


def bounded() -> list[Suite]:
    """Return every suite that has both arms."""
    return [suite for suite in all_suites().values() if set(BOUNDS) <= set(suite.arms)]


def options_of(suite: Suite, folder: Path) -> evals.Options:
    """Return data for a suite: a small file, what it generates, or that of MEMAGENT_DATA.

    Where it has none, the test is skipped.
    """
    if suite.name in FILES:
        file = FILES[suite.name](folder)
        return evals.Options(file=file, settings=SETTINGS.get(suite.name, {}))
    for data in (None, Path(DATA).resolve() if DATA else None):
        try:
            load_tasks(suite, Selection(data=data))
        except RunError as error:
            reason = str(error)
        else:
            return evals.Options(data=data)
    pytest.skip(reason)


def arms_of(suite: Suite, shots: int = 0) -> Sequence[ArmName]:
    """Return the two arms with few-shot examples as by default, but no more than `shots`.

    One that has an example by default keeps it: it may be what the arm shows.
    """
    defaults = [ArmName.parse(name, shots) for name in suite.default_arms]
    kinds = {arm.kind: arm for arm in defaults if arm.shots}
    return [
        ArmName(kind, None, min(max(shots, 1), kinds[kind].shots) if kind in kinds else 0)
        for kind in BOUNDS
    ]


def _file(folder: Path, text: str) -> Path:
    path = folder / "asked.json"
    path.write_text(text, encoding="utf-8")
    return path
