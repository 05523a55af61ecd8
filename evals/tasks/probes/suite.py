"""Memory-probes suite: recognition, recall and retention (Orhan 2023) of the banks; no model.

Items are studied once. Recognition: does the item match better than a foil that was not studied?
Recall: does its first part bring it back? Retention: the same after further writes. Forgetting: is
an erased item found no more often than one that was never written? A sample of recall:

    studied: "Ada polished the brass lantern at noon." and 99 more
    cue:     "Ada polished the brass"
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from memagent.evals.arm import ArmName
from memagent.evals.score import Score
from memagent.evals.suite import (
    ACCURACY,
    BadOption,
    Member,
    Selection,
    Suite,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Grade, Task
from memagent.evals.tasks.interference.measures import proportion
from memagent.evals.tasks.probes.arm import SEEN, BankArm, Study, exact, forgotten
from memagent.evals.tasks.probes.banks import BANKS
from memagent.evals.tasks.probes.items import MOST, Item, items

TASKS = {
    "recognition": "a studied item against one never studied, by key match",
    "recognition-near": "a studied item against its own near paraphrase",
    "recall": "the first part of an item brings back what was stored",
    "retention": "recognition and recall after 0, 1, 10, 100 and 1000 further writes",
    "forgetting": "an erased item is found no more often than one never written",
}
SETTINGS = {"items": 100, "others": 20}
"""Number of studied items; number of others in a store from which one is erased."""
FURTHER = (0, 1, 10, 100, 1000)


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected probes.

    Raises:
        BadOption: there is no such probe, or there are not so many items.
    """
    refuse_files(selection, "probes")
    sizes = {name: int(selection.settings.get(name, value)) for name, value in SETTINGS.items()}
    most = (MOST - FURTHER[-1]) // 2
    if not all(1 <= size <= most for size in sizes.values()):
        raise BadOption("--set", f"expected sizes from 1 to {most}")
    return [
        task(name, sizes, selection.seed) for name in selected_names(selection, "probes", TASKS)
    ]


def task(name: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return one probe: each studied item is asked for, of the retention after every delay."""
    count = sizes["items"]
    drawn = items(2 * count + FURTHER[-1], seed)
    studied, foils, fillers = drawn[:count], drawn[count : 2 * count], tuple(drawn[2 * count :])
    if name == "forgetting":
        asked = [_erased(item, studied, sizes["others"]) for item in studied]
    elif name == "retention":
        asked = [
            sample
            for further in FURTHER
            for item, foil in zip(studied, foils, strict=True)
            for sample in (
                _study("retention", item, studied, foil=foil, fillers=fillers, further=further),
                _study("retention", item, studied, fillers=fillers, further=further),
            )
        ]
    elif name == "recall":
        asked = [_study(name, item, studied) for item in studied]
    else:
        near = name == "recognition-near"
        asked = [
            _study(name, item, studied, foil=item if near else foil, near=near)
            for item, foil in zip(studied, foils, strict=True)
        ]
    grade: Grade = forgotten if name == "forgetting" else exact
    return Task(
        name=f"probes/{name}",
        source="generated",
        split="test",
        asked=asked,
        training=(),
        sha256=hashlib.sha256(repr([drawn, sizes, FURTHER]).encode()).hexdigest(),
        grade=grade,
    )


def retained(
    tasks: Sequence[Task], arms: Sequence[ArmName], scores: Sequence[Score]
) -> dict[str, list[dict[str, Any]]]:
    """Return the points of the retention: recognition and recall after so many further writes."""
    points = []
    for task in tasks:
        if task.name != "probes/retention":
            continue
        studies = {sample.id: cast(Study, sample) for sample in task.asked}
        for arm in arms:
            found: dict[tuple[int, str], list[bool]] = defaultdict(list)
            for score in scores:
                if (score.task, score.arm) == (task.name, str(arm)) and not score.error:
                    study = studies[score.id]
                    found[study.further, study.asked].append(score.correct)
            points += [
                {
                    "arm": str(arm),
                    "asked": asked,
                    "further": further,
                    **proportion(found[further, asked]),
                }
                for further, asked in sorted(found)
            ]
    return {"retention": points} if points else {}


def _study(
    name: str,
    item: Item,
    studied: Sequence[Item],
    *,
    foil: Item | None = None,
    near: bool = False,
    fillers: tuple[Item, ...] = (),
    further: int = 0,
) -> Study:
    """Return a sample of recognition, or of recall where there is no foil."""
    recall = foil is None
    return Study(
        id=f"probes/{name}/{further}/{item.id}/{'recall' if recall else 'recognition'}",
        story=f"probes/{name}/{further}",
        facts=tuple((number, item.text) for number, item in enumerate(studied, start=1)),
        question=item.cue if recall else item.text,
        gold=(item.text, item.side) if recall else (SEEN,),
        supports=(),
        asked="recall" if recall else "recognition",
        item=item,
        studied=tuple(studied),
        fillers=fillers,
        further=further,
        foil=foil,
        near=near,
    )


def _erased(item: Item, studied: Sequence[Item], others: int) -> Study:
    """Return a sample of forgetting: the item, written among some others, is erased."""
    place = studied.index(item)
    around = [studied[(place + step) % len(studied)] for step in range(1, others + 1)]
    studied_with = sorted({item, *around}, key=lambda item: int(item.id))
    return Study(
        id=f"probes/forgetting/{item.id}",
        story=f"probes/forgetting/{item.id}",
        facts=tuple((number, item.text) for number, item in enumerate(studied_with, start=1)),
        question=item.text,
        gold=("forgotten",),
        supports=(),
        asked="forgetting",
        item=item,
        studied=tuple(studied_with),
    )


SUITE = Suite(
    name="probes",
    about="what the memory's banks recognise, recall, retain and forget; no model",
    members=[Member(name=f"probes/{name}", about=about) for name, about in TASKS.items()],
    load=load,
    arms=tuple(BANKS),
    default_arms=[f"{bank}+0" for bank in BANKS],
    headline=ACCURACY,
    make=BankArm,
    settings=SETTINGS,
    tables=retained,
    model=False,
)
