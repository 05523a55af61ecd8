"""HTML report of a run: one page that needs no network and no other file."""

import base64
import hashlib
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from memagent.errors import RunError
from memagent.evals.arm import ArmName
from memagent.evals.report.charts import COLOURS, Bar, Point, Spot, bars, curves, spots
from memagent.evals.report.measures import cell, flat
from memagent.evals.report.payload import payload
from memagent.evals.report.sections import Section, sections
from memagent.evals.runs.saved import SavedRun
from memagent.evals.suite import Drawing, Suite
from memagent.files import write_atomic

if TYPE_CHECKING:
    from jinja2 import Environment


def facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the entries of a manifest for people, by name; what it does not hold is left out.

    A run that an older version began may hold little.
    """
    plan = manifest["plan"]
    model = manifest.get("model") or {"spec": plan.get("model")}
    versions = manifest.get("versions") or {}
    entries = {
        "evaluation": manifest.get("suite"),
        "model": ", ".join(str(model[key]) for key in ("spec", "file") if model.get(key)),
        "model file's sha256": model.get("sha256"),
        "embedder": plan.get("embedder"),
        "began": manifest.get("began"),
        "commit": manifest.get("commit"),
        "machine": _listed(manifest.get("machine") or {}),
        "versions": _listed(versions),
        "seed": plan.get("seed"),
        "again": command(manifest),
    }
    return {name: str(value) for name, value in entries.items() if value not in (None, "")}


def command(manifest: Mapping[str, Any]) -> str:
    """Return the command line that asks the same again, as far as the manifest knows."""
    plan = manifest["plan"]
    tasks = manifest["tasks"]
    words = ["memagent", "eval", "run", str(manifest.get("suite", ""))]
    words += ["--tasks", ",".join(str(task["name"]) for task in tasks)]
    words += ["--arms", ",".join(plan["arms"])]
    if plan.get("limit") is not None:
        words += ["--limit", str(plan["limit"])]
    chosen = manifest.get("chosen", {})
    if tasks and tasks[0]["split"].startswith("train") and "split" not in chosen:
        words += ["--split", "train"]
    for name, value in chosen.items():
        words += [f"--{name}", value]
    for name, number in plan.get("settings", {}).items():
        words += ["--set", f"{name}={number:g}"]
    words += ["--seed", str(plan.get("seed", 0))]
    words += ["--shuffle"] if plan.get("shuffle") else []
    words += ["--model", str(plan.get("model", "local"))]
    return shlex.join(words)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)


PAGE = Path(__file__).parent / "templates"
DASH = "\N{EN DASH}"
"""Stands where a value is not defined."""
COMPACT = {"separators": (",", ":")}


def page(run: SavedRun, suite: Suite | None = None) -> str:
    """Return the report of a run as HTML.

    Names and texts are escaped where they stand; the page's policy forbids it to fetch anything,
    and to run any script but its own. Without the suite of the run, which a package may have
    brought that is not installed any more, its references and its drawings are left out.
    """
    from markupsafe import Markup

    style, script = read_template("report.css"), read_template("report.js")
    found = sections(run)
    colour = colours(run.arms, suite.arms if suite else ())
    drawings = list(suite.drawings(run, colour)) if suite else []
    return (
        templates()
        .get_template("report.html")
        .render(
            run=run,
            sections=found,
            charts=[_charts(section, colour) for section in found],
            drawn_by_heading=[_by_heading(section, drawings) for section in found],
            references=[_references(run, section, suite) for section in found],
            drawn_measures=[
                (drawing.title, Markup(drawing.svg)) for drawing in drawings if not drawing.task
            ],
            measures=flat(run.measures),
            facts=facts(run.manifest),
            complete=all(map(_complete, found)),
            link=link,
            data=payload(run),
            style=Markup(style),
            script=Markup(script),
            policy=f"default-src 'none'; style-src {hashed(style)}; script-src {hashed(script)}",
        )
    )


def write_page(run: SavedRun, path: Path, suite: Suite | None = None) -> None:
    """Write the report of a run, at once or not at all.

    Raises:
        RunError: it cannot be written.
    """
    text = page(run, suite)
    try:
        write_atomic(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def link(task: str, arm: str) -> str:
    """Return where the page shows the questions of a task and arm."""
    return f"#q/{urlencode({'task': task, 'arm': arm})}"


def colours(arms: Sequence[ArmName], kinds: Sequence[str] = ()) -> dict[str, int]:
    """Return a colour's number for each arm: its place among the `kinds` where that is free."""
    taken: dict[str, int] = {}
    for arm in arms:
        free = [number for number in range(COLOURS) if number not in taken.values()]
        preferred = kinds.index(arm.kind) if arm.kind in kinds else None
        available = free or [len(taken) % COLOURS]
        taken[str(arm)] = preferred if preferred in available else available[0]
    return taken


def _charts(section: Section, colour: Mapping[str, int]) -> dict[str, Any]:
    """Return a section's drawings: bars by task, cost against score, and the lags if any."""
    from markupsafe import Markup

    asked = [overall for overall in section.overall.values() if overall.questions]
    tokens = [
        Spot(
            label=overall.arm,
            x=overall.prompt_tokens + overall.completion_tokens,
            y=overall.score,
            colour=colour[overall.arm],
        )
        for overall in asked
    ]
    seconds = [
        Spot(label=overall.arm, x=overall.seconds, y=overall.score, colour=colour[overall.arm])
        for overall in asked
    ]
    return {
        "bars": {task: Markup(_task_bars(section, task, colour)) for task in section.tasks},
        "tokens": Markup(spots(tokens, "tokens per question", section.headline)),
        "seconds": Markup(spots(seconds, "seconds per question", section.headline)),
        "lags": {
            task: Markup(
                curves(_lags(section, task, colour), "lag", f"{section.headline} by lag, {task}")
            )
            for task in dict.fromkeys(lag.task for lag in section.lags)
        },
    }


def _by_heading(section: Section, drawings: Sequence[Drawing]) -> dict[str, dict[str, Any]]:
    """Return a section's drawings of the suite, by heading."""
    from markupsafe import Markup

    found: dict[str, dict[str, Any]] = {}
    for drawing in drawings:
        if drawing.task in section.tasks:
            group = found.setdefault(
                drawing.heading, {"explanation": drawing.explanation, "drawings": []}
            )
            group["drawings"].append((drawing.title, Markup(drawing.svg)))
    return found


def _lags(section: Section, task: str, colour: Mapping[str, int]) -> list[Point]:
    return [
        Point(
            line=lag.arm,
            x=lag.lag,
            n=lag.n,
            value=lag.score,
            low=lag.low,
            high=lag.high,
            colour=colour.get(lag.arm, 0),
        )
        for lag in section.lags
        if lag.task == task
    ]


def _task_bars(section: Section, task: str, colour: Mapping[str, int]) -> str:
    items = [
        Bar(
            label=arm,
            value=section.rows[task, arm]["score"],
            low=section.rows[task, arm]["low"],
            high=section.rows[task, arm]["high"],
            colour=colour[arm],
            link=link(task, arm),
        )
        for arm in section.arms
        if section.rows[task, arm]["n"]
    ]
    return bars(items, f"{section.headline} on {task}", section.pass_mark)


def _references(run: SavedRun, section: Section, suite: Suite | None) -> dict[str, Any] | None:
    """Return the published results of the section's tasks; None where there are none to show."""
    known = suite.references if suite else None
    if known is None or section.source != known.source:
        return None
    tasks = [
        task for task in section.tasks if all(task in model.accuracy for model in known.models)
    ]
    if not tasks:
        return None
    ours = [str(arm) for arm in run.arms if arm.kind in ("memory", "memory+rules")]
    return {"published": known, "tasks": tasks, "ours": ours}


def _complete(section: Section) -> bool:
    """Tell whether every arm has come to as many questions of a task as any other arm."""
    counts = [
        [section.rows[task, arm]["n"] + section.rows[task, arm]["failed"] for arm in section.arms]
        for task in section.tasks
    ]
    return all(len(set(of_task)) == 1 and of_task[0] for of_task in counts)


@cache
def templates() -> "Environment":
    """Return the templates of the pages, with their filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.policies["json.dumps_kwargs"] = COMPACT
    found.filters |= {"percent": percent, "number": number, "p_value": p_value, "cell": cell}
    return found


def percent(value: float | None) -> str:
    """Return a share in percent, without the sign; a dash for None."""
    return DASH if value is None else f"{100 * value:.1f}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits after the point; a dash for None."""
    return DASH if value is None else f"{value:,.{digits}f}"


def p_value(value: float) -> str:
    """Return a p value; very small ones as a bound."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def read_template(name: str) -> str:
    """Return the text of a file beside the templates."""
    return (PAGE / name).read_text(encoding="utf-8")


def hashed(text: str) -> str:
    """Return the hash by which a page's policy allows a style or a script."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
