"""Batch of evaluations: several suites in one call, each in a folder of its own, and a summary."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from memagent.errors import InvalidInput, RunError, UserError
from memagent.evals.arm import ArmName
from memagent.evals.evaluation import Options, Progress, Result, read_arms, run
from memagent.evals.registry import find_suite
from memagent.evals.report.html import write_page
from memagent.evals.report.summary import (
    NOT_BEGUN,
    REPORT_FILE,
    STOPPED,
    Part,
    Summary,
    is_batch,
    open_summary,
    part_of,
)
from memagent.evals.runs.manifest import MANIFEST_FILE
from memagent.evals.runs.saved import open_saved
from memagent.evals.suite import BadOption, Suite

logger = logging.getLogger(__name__)
OF_ONE_SUITE = {
    "split": "--split",
    "variant": "--variant",
    "file": "--file",
    "corrections": "--corrections",
    "settings": "--set",
}
"""Options that mean something to one suite only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Outcome of a batch: the results of the suites that came to their end, and the summary."""

    results: Sequence[Result]
    summary: Summary


def run_all(
    suites: Sequence[str | Suite],
    arms: Sequence[str | ArmName] | str | None = None,
    model: str | BaseChatModel | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    embedder: str | Embeddings | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Batch:
    """Run several suites one after another, each in the folder of its name in `out`.

    Each is asked in those of the `arms` that it has, by default in its own. The other arguments are
    those of `run`. A suite that fails does not keep the others from running; the summary says why.
    With `resume`, suites go on where they were, and those that have not begun begin.

    Raises:
        BadOption: an option means something to one suite only, or a suite has none of the arms.
        RunError: there is no such suite, or the folder holds another run.
    """
    options = options or Options()
    chosen = _chosen(suites, options)
    arms_of = _arms_of(chosen, arms, options.shots)
    if resume and out is None:
        raise BadOption("--resume", "name the batch's folder with --out")
    folder = Path(out or Path("runs") / f"batch-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    parts = _begun(folder, chosen, resume)
    Summary(folder=folder, parts=list(parts.values())).write()
    results = []
    for suite in chosen:
        problem: str | None = STOPPED
        try:
            result = run(
                suite,
                arms_of[suite.name],
                model,
                limit=limit,
                seed=seed,
                out=folder / suite.name,
                resume=(folder / suite.name / MANIFEST_FILE).exists(),
                embedder=embedder,
                options=options if suite.model else replace(options, workers=None),
                progress=progress,
            )
            results.append(result)
            problem = _unanswered(result)
        except UserError as error:
            logger.warning("the evaluation %s did not come to its end", suite.name)
            problem = str(error)
        finally:
            _write_report(folder / suite.name, suite)
            parts[suite.name] = part_of(folder, suite.name, problem)
            summary = Summary(folder=folder, parts=list(parts.values()))
            summary.write()
    return Batch(results=results, summary=summary)


def _chosen(suites: Sequence[str | Suite], options: Options) -> list[Suite]:
    """Return the suites, each once.

    Raises:
        BadOption: an option means something to one of them only.
        InvalidInput: there are none.
        RunError: there is no suite of such a name.
    """
    found = [find_suite(suite) if isinstance(suite, str) else suite for suite in suites]
    if not found:
        raise InvalidInput("which evaluations? name one at least")
    for name, option in OF_ONE_SUITE.items():
        if getattr(options, name, None):
            raise BadOption(option, "means something to one evaluation only")
    return list({suite.name: suite for suite in found}.values())


def _arms_of(
    suites: Sequence[Suite], arms: Sequence[str | ArmName] | str | None, shots: int
) -> dict[str, list[ArmName] | None]:
    """Return those of the arms that each suite has, by suite; None where none are named.

    Raises:
        BadOption: a suite has none of them, no suite has one, or one is not an arm's name.
    """
    if arms is None:
        return {suite.name: None for suite in suites}
    names = read_arms(arms, shots)
    found: dict[str, list[ArmName] | None] = {}
    for suite in suites:
        known = [name for name in names if name.kind in suite.arms]
        if not known:
            raise BadOption("--arms", f"{suite.name} has none of them: {', '.join(suite.arms)}")
        found[suite.name] = known
    for name in names:
        if not any(name.kind in suite.arms for suite in suites):
            raise BadOption("--arms", f"none of the evaluations has an arm {name.kind!r}")
    return found


def _begun(folder: Path, suites: Sequence[Suite], resume: bool) -> dict[str, Part]:
    """Return the parts of a batch before its suites run, those of earlier calls among them.

    Raises:
        RunError: the folder is another run's, or a batch's that is not to be resumed.
    """
    if (folder / MANIFEST_FILE).exists():
        raise RunError(f"{folder} holds a run of one evaluation: name another --out")
    begun = [suite.name for suite in suites if (folder / suite.name / MANIFEST_FILE).exists()]
    if begun and not resume:
        raise RunError(
            f"{folder} holds runs already ({', '.join(begun)}): add --resume, or name another --out"
        )
    before = open_summary(folder).parts if is_batch(folder) else ()
    parts = {part.suite: part for part in before}
    for suite in suites:
        problem = STOPPED if suite.name in begun else NOT_BEGUN
        parts[suite.name] = part_of(folder, suite.name, problem)
    return parts


def _write_report(folder: Path, suite: Suite) -> None:
    """Write the report of a run that has begun; its answers are kept where that fails."""
    try:
        if (folder / MANIFEST_FILE).exists():
            write_page(open_saved(folder), folder / REPORT_FILE, suite)
    except RunError as error:
        logger.warning("no report of %s: %s", folder, error)


def _unanswered(result: Result) -> str | None:
    if not result.failed:
        return None
    return (
        f"{len(result.failed)} questions got no answer and are not counted, such as"
        f" {result.failed[0].id} ({result.failed[0].error}); --resume asks them again"
    )
