"""Round of judging: cases put to one judge in threads, each verdict kept as it comes."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from memagent.errors import RunError
from memagent.evals.judge.case import Case
from memagent.evals.judge.judge import Judge, Verdict
from memagent.evals.judge.rubrics import rubric_of
from memagent.evals.judge.verdicts import KeptVerdict, VerdictFile
from memagent.evals.runs.retry import NotAnswered, ServerGone, with_retries
from memagent.evals.runs.runner import in_flight

logger = logging.getLogger(__name__)
MAX_REFUSED = 20
"""Cases in a row that a judge may refuse before the round ends: a wrong key refuses them all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A case, and the answer that it is of: task, arm and the id of the question."""

    task: str
    arm: str
    id: str
    case: Case


Progress = Callable[[int], None]
"""Called after each verdict, with the number of those that are still to come."""


def judge_all(
    judge: Judge,
    items: Sequence[Item],
    *,
    file: VerdictFile | None = None,
    concurrency: int = 4,
    progress: Progress = lambda _: None,
) -> list[KeptVerdict]:
    """Return a verdict for each item, in order; those that the file holds are not asked for again.

    A kept verdict that could not be read is asked for again, and so is one of another answer. While
    the judge's server is gone, the round waits for it. A case that the judge refuses is kept as
    one that could not be read.

    Raises:
        RunError: the server stayed away, the judge refuses everything, or a verdict cannot be
            written; the verdicts before are kept.
    """
    kept = file.read(mend=True) if file else {}
    found: dict[int, KeptVerdict] = {}
    for place, item in enumerate(items):
        before = kept.get((item.task, item.arm, item.id, judge.name, rubric_of(item.case).name))
        if before and before.value is not None and before.case == item.case.digest:
            found[place] = before
    todo = [place for place in range(len(items)) if place not in found]
    logger.info("%s judges %d of %d answers", judge.name, len(todo), len(items))
    stop, lock, refused = threading.Event(), threading.Lock(), 0

    def ask(place: int) -> None:
        nonlocal refused
        if stop.is_set():
            return
        item, error = items[place], None
        try:
            verdict = with_retries(partial(judge.judge, item.case), stop)
        except NotAnswered as caught:
            error, verdict = caught, Verdict(value=None, reason=str(caught))
        with lock:
            found[place] = _kept(verdict, item, judge)
            refused = refused + 1 if error else 0
            if file:
                file.append(found[place])
            progress(len(items) - len(found))
            if refused > MAX_REFUSED:
                raise RunError(f"the judge {judge.name} refuses every answer: {error}")

    try:
        for _ in in_flight(todo, ask, limit=concurrency, stop=stop):
            pass
    except ServerGone as error:
        logger.warning("the judge's server stayed away; %d verdicts are kept", len(found))
        raise RunError(
            f"the judge's server is gone ({error}): verdicts are kept, the same command goes on"
        ) from error
    return [found[place] for place in range(len(items))]


def _kept(verdict: Verdict, item: Item, judge: Judge) -> KeptVerdict:
    return KeptVerdict(
        task=item.task,
        arm=item.arm,
        id=item.id,
        judge=judge.name,
        rubric=rubric_of(item.case).name,
        case=item.case.digest,
        **asdict(verdict),
    )
