"""What a run was made with, in words, and the command that asks the same again."""

import shlex
from collections.abc import Mapping
from typing import Any


def facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a manifest tells for people, by name; what it does not tell is left out.

    A run that an older version began may tell little.
    """
    plan = manifest["plan"]
    model = manifest.get("model") or {"spec": plan.get("model")}
    versions = manifest.get("versions") or {}
    told = {
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
    return {name: str(value) for name, value in told.items() if value not in (None, "")}


def command(manifest: Mapping[str, Any]) -> str:
    """Return the command line that asks the same again, as far as the manifest tells."""
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
