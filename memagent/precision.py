"""Which precision an embedder runs in on this machine: the fastest that is as good as float32."""

import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memagent.probe_texts import PASSAGES, QUESTIONS

MIN_COSINE = 0.999
"""Mean cosine to the vectors of float32, at least."""
MIN_RECALL = 0.99
"""Share of the ten nearest by float32 that are found, at least."""
MIN_SPEED = 1.1
"""A precision that is not this much faster is not worth what it loses."""
NEAREST = 10
ROUNDS = 5
TIMED = 8
"""Passages of one round of timing."""
VERSION = 1
"""Changes when what was measured before is no longer true of this code."""


class Model(Protocol):
    """A sentence encoder in some precision."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a probe found: `speed` is over float32's in the same run, `chosen` what to use."""

    chosen: str
    tried: str
    speed: float
    cosine: float
    recall: float


def candidate(device: str) -> str:
    """Return the precision that may be faster than float32 on a device ("cpu" or "cuda")."""
    if device != "cpu":
        return "float16"
    return "bfloat16" if re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", _processor()) else "float32"


def choose(
    open_model: Callable[[str], Model], tried: str, about: str, file: Path | None
) -> tuple[str, Model]:
    """Return the precision to use and the model opened in it.

    `open_model` opens the model in a precision, `tried` is the one that may be faster than float32.
    The verdict is remembered in `file` by machine, torch and `about`, which names the model; where
    that cannot be read or written, the probe runs anew.
    """
    if tried == "float32":
        return tried, open_model(tried)
    key = f"{VERSION} {tried} {about} on {_machine()}"
    known = _remembered(file).get(key, {}).get("chosen")
    if known in ("float32", tried):
        return known, open_model(known)
    models = {name: open_model(name) for name in ("float32", tried)}
    verdict = probe(models["float32"], models[tried], tried)
    if file is not None:
        _remember(file, key, verdict)
    return verdict.chosen, models[verdict.chosen]


def probe(reference: Model, other: Model, tried: str) -> Verdict:
    """Compare a model with the same model in float32, in fidelity and in speed."""
    cosine, recall = fidelity(reference, other)
    speed = _speed(reference, other, on_cpu=tried != "float16")
    kept = cosine >= MIN_COSINE and recall >= MIN_RECALL and speed >= MIN_SPEED
    chosen = tried if kept else "float32"
    return Verdict(chosen=chosen, tried=tried, speed=speed, cosine=cosine, recall=recall)


def fidelity(reference: Model, other: Model) -> tuple[float, float]:
    """Return the mean cosine to the reference's vectors, and recall@10 against its neighbours."""
    texts = [*PASSAGES, *QUESTIONS]
    right, found = reference.encode(texts), other.encode(texts)
    split = len(PASSAGES)
    cosine = float(np.einsum("ij,ij->i", right, found).mean())
    wanted, got = (
        np.argsort(-(vectors[split:] @ vectors[:split].T), axis=1)[:, :NEAREST]
        for vectors in (right, found)
    )
    shared = [len(set(a) & set(b)) for a, b in zip(wanted.tolist(), got.tolist(), strict=True)]
    return cosine, sum(shared) / (NEAREST * len(shared))


def _speed(reference: Model, other: Model, *, on_cpu: bool) -> float:
    """Return how many times as fast the other is, by the median of alternating rounds.

    On a processor that is the time it works, which hardly depends on what else runs.
    """
    clock = time.process_time if on_cpu else time.perf_counter
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(2 * ROUNDS):
        started = clock()
        (other if turn % 2 else reference).encode(PASSAGES[:TIMED])
        spent[bool(turn % 2)].append(clock() - started)
    return statistics.median(spent[False]) / max(statistics.median(spent[True]), 1e-9)


def _machine() -> str:
    import torch

    named = re.search(r"model name\s*:\s*(.*)", _processor())
    name = named[1] if named else platform.processor()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPUs"
    return f"{name} {platform.machine()}, {device}, torch {torch.__version__}"


def _processor() -> str:
    """Return what Linux tells of the first processor; nothing elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return ""


def _remembered(file: Path | None) -> dict[str, dict[str, object]]:
    try:
        verdicts = json.loads(file.read_text()) if file is not None else {}
    except (OSError, ValueError):
        return {}
    good = isinstance(verdicts, dict) and all(isinstance(one, dict) for one in verdicts.values())
    return verdicts if good else {}


def _remember(file: Path, key: str, verdict: Verdict) -> None:
    verdicts = _remembered(file) | {key: asdict(verdict)}
    arriving = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        arriving.write_text(json.dumps(verdicts, indent=1))
        arriving.replace(file)
    except OSError:
        with suppress(OSError):
            arriving.unlink()
