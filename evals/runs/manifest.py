"""Manifest of a run: its settings, data, versions, model, code and machine."""

import hashlib
import json
import logging
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from memagent.errors import RunError
from memagent.evals.runs.plan import Plan
from memagent.evals.score import Score, ScoreFile, score_of
from memagent.evals.suite import ACCURACY, Headline
from memagent.evals.task import Task
from memagent.files import make_private_folder, write_atomic
from memagent.models.open_chat import embedded_weights

logger = logging.getLogger(__name__)
MANIFEST_FILE = "run.json"
FORMAT = 2
OLDER = (1,)
"""The formats that `memagent eval migrate` reads."""
DECIDING = ("suite", "plan", "tasks")
"""Entries that a resumed run must have in common with its beginning."""
RENAMED = {"communicative": "feedback"}
"""Suites that had another name in earlier versions, whose runs are read under the present one."""
PACKAGES = (
    "memagent",
    "bm25s",
    "chromadb",
    "faiss-cpu",
    "lancedb",
    "langchain-core",
    "langchain-openai",
    "langgraph",
    "langgraph-checkpoint",
    "mem0ai",
    "numpy",
    "qdrant-client",
    "scipy",
    "sentence-transformers",
    "torch",
    "transformers",
    "xllamacpp",
)


def create(
    suite: str,
    tasks: Sequence[Task],
    plan: Plan,
    chosen: Mapping[str, str],
    headline: Headline = ACCURACY,
) -> dict[str, Any]:
    """Return the manifest of a run that begins now; `chosen` says which data it asks, by option."""
    return {
        "format": FORMAT,
        "suite": suite,
        "headline": asdict(headline),
        "chosen": dict(chosen),
        "plan": plan.deciding(),
        "tasks": [_task(task) for task in tasks],
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "concurrency": plan.concurrency,
        "model": _model(plan.model),
        "commit": _commit(),
        "versions": {name: _version(name) for name in PACKAGES},
        "machine": _machine(),
    }


def read(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run.

    Raises:
        RunError: the folder holds no run, or one of another format; the message says what to do.
    """
    manifest = read_any(folder)
    found = manifest.get("format")
    if found != FORMAT:
        how = (
            f"`memagent eval migrate {folder}` brings it to this version"
            if found in OLDER
            else f"read it with the version that wrote it ({_writer(manifest)})"
        )
        raise RunError(f"{folder} holds a run of format {found}, not {FORMAT}: {how}")
    return _renamed(manifest)


def headline_of(manifest: Mapping[str, Any]) -> Headline:
    """Return the headline score of a run; the accuracy where an older version began it.

    Raises:
        RunError: the manifest's entry is none.
    """
    try:
        return Headline(**manifest["headline"]) if "headline" in manifest else ACCURACY
    except TypeError as error:
        raise RunError(f"{MANIFEST_FILE} says of no headline score: {error!r}") from error


def set_headline(folder: Path, headline: Headline) -> None:
    """Write the headline score into the manifest of a run, where it has another or none.

    Raises:
        RunError: the manifest cannot be read or written.
    """
    held = read_any(folder)
    if held.get("headline") != asdict(headline):
        logger.info("the headline score of %s is %s now", folder, headline.label)
        write(folder, held | {"headline": asdict(headline)})


def renamed(name: str) -> str:
    """Return the present name of a suite, or of a task or question by its path in a suite."""
    suite, slash, rest = name.partition("/")
    return f"{RENAMED.get(suite, suite)}{slash}{rest}"


def renamed_scores(scores: Sequence[Score]) -> list[Score]:
    """Return scores under the present names of their tasks and questions."""
    return [
        score
        if score.task == renamed(score.task)
        else replace(score, task=renamed(score.task), id=renamed(score.id))
        for score in scores
    ]


def _renamed(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest.get("suite") not in RENAMED:
        return manifest
    tasks = [task | {"name": renamed(task["name"])} for task in manifest.get("tasks", [])]
    return manifest | {"suite": renamed(manifest["suite"]), "tasks": tasks}


def read_any(folder: Path) -> dict[str, Any]:
    """Read the manifest of a run of any format.

    Raises:
        RunError: the folder holds no run, or its manifest cannot be read.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(f"{folder} holds no run: there is no {MANIFEST_FILE} in it") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RunError(f"{path} is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise RunError(f"{path} says of no run: expected a JSON object")
    return manifest


def check(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    """Refuse to go on with a run that was started with other settings or other data.

    Raises:
        RunError: they differ; the message says in what.
    """
    for key in DECIDING:
        if _deciding(before.get(key)) != _deciding(now[key]):
            raise RunError(
                f"{folder} was started with another {key}{_difference(before.get(key), now[key])}:"
                " name another --out"
            )


def write(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest of a run into its folder, which is made; at once or not at all.

    Raises:
        RunError: it cannot be written.
    """
    try:
        make_private_folder(folder)
        write_atomic(folder / MANIFEST_FILE, json.dumps(manifest, indent=2) + "\n")
    except OSError as error:
        raise RunError(f"cannot write a run into {folder}: {error.strerror}") from error


def _task(task: Task) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": task.name,
        "source": task.source,
        "split": task.split,
        "sha256": task.sha256,
    }
    return entry | ({"left_out": dict(task.left_out)} if task.left_out else {})


def _deciding(entry: Any) -> Any:
    """Return an entry of a manifest without what was left out of the tasks, which is a remark."""
    if not isinstance(entry, list):
        return entry
    return [
        {key: value for key, value in task.items() if key != "left_out"}
        if isinstance(task, dict)
        else task
        for task in entry
    ]


def _difference(before: Any, now: Any) -> str:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ""
    differing = [key for key in now if before.get(key) != now[key]]
    return f" ({', '.join(f'{key} {before.get(key)!r}' for key in differing)})"


def _writer(manifest: dict[str, Any]) -> str:
    versions = manifest.get("versions")
    known = versions.get("memagent") if isinstance(versions, dict) else None
    return f"memagent {known}" if known else "its version is not known"


def _model(spec: str) -> dict[str, Any]:
    """Return the model's entry: of the embedded one its file, with its SHA-256."""
    if spec != "local" and not spec.startswith("local:"):
        return {"spec": spec}
    path = embedded_weights(spec)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"spec": spec, "file": path.name, "sha256": digest}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of the code that runs, marked where it was changed; None if installed."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        tracked = subprocess.run(
            [*git, "ls-files", "--error-unmatch", __file__], capture_output=True, timeout=10
        )
        if tracked.returncode:
            return None
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}, changed" if changed else commit


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def migrate(folder: Path) -> bool:
    """Rewrite a run of an older format in place; returns False if there was nothing to do.

    Format 1 knew one grade and no share of the supports that were shown, only whether all were:
    no mean can be made of that, so the share is left out. Its arms did not say how many few-shot
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
    logger.info("migrated %s to format %d", folder, FORMAT)
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
