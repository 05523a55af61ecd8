"""Forgetting suite: which records are erased when somebody asks in words; no model.

A case is a scope of a dozen notes and a request. The notes are written, what an arm takes the
request to mean is erased, and the rest is read again. Too much counts as much as too little. A
sample of look-alikes:

    notes:   "I pay the rent to my landlord, Mrs Kaya."  "Igor has Mr Brandt as a landlord."  ...
    request: "Remove what you know of my landlord."
    meant:   the first
"""

import hashlib
from collections.abc import Mapping, Sequence

from memagent.evals.suite import (
    BadOption,
    Headline,
    Member,
    Selection,
    Suite,
    refuse_files,
    selected_names,
)
from memagent.evals.task import Task
from memagent.evals.tasks.forgetting import development, held_out
from memagent.evals.tasks.forgetting.arms import CHOOSE, ForgetArm
from memagent.evals.tasks.forgetting.cases import KINDS, cases
from memagent.evals.tasks.forgetting.measures import grade, measures

SPLITS = {"test": held_out.TEMPLATES, "development": development.TEMPLATES}
SETTINGS = {"cases": 48, "probed": 4}
"""Cases of each kind, and those of them after which deletion probes search, which takes longer."""
MOST_CASES = 10_000


def load(selection: Selection) -> Sequence[Task]:
    """Return the selected kinds of requests, generated; the same seed gives the same cases.

    Raises:
        BadOption: there is no such kind or split, or the number of cases is not possible.
    """
    split = selection.split or "test"
    if split not in SPLITS:
        raise BadOption("--split", f"{split!r} is not one of {', '.join(SPLITS)}")
    refuse_files(Selection(variant=selection.variant, file=selection.file), "forgetting")
    sizes = {name: int(selection.settings.get(name, value)) for name, value in SETTINGS.items()}
    if not 1 <= sizes["cases"] <= MOST_CASES or sizes["probed"] < 0:
        raise BadOption("--set", f"expected from 1 to {MOST_CASES} cases, and 0 or more probed")
    chosen = selected_names(selection, "forgetting", KINDS)
    return [task(kind, split, sizes, selection.seed) for kind in chosen]


def task(kind: str, split: str, sizes: Mapping[str, int], seed: int) -> Task:
    """Return the cases of one kind of request."""
    templates, count = SPLITS[split], sizes["cases"]
    asked = list(cases(kind, templates, count, f"{split}-{seed}", sizes["probed"]))
    return Task(
        name=f"forgetting/{kind}",
        source="generated",
        split=split,
        asked=asked,
        training=(),
        sha256=hashlib.sha256(repr(asked).encode()).hexdigest(),
        grade=grade,
    )


SUITE = Suite(
    name="forgetting",
    about="which records are erased when somebody asks in words; no model",
    members=[Member(name=f"forgetting/{kind}", about=about) for kind, about in KINDS.items()],
    load=load,
    arms=tuple(CHOOSE),
    default_arms=[f"{arm}+0" for arm in CHOOSE],
    make=ForgetArm,
    settings=SETTINGS,
    tables=measures,
    model=False,
    headline=Headline(grade="exact", label="right set"),
)
