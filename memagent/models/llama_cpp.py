"""Embedded model server: llama.cpp inside this process, on a loopback port."""

import atexit
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memagent.errors import ModelUnavailable
from memagent.process import abandon, at_fork, lock, skip_native_exit

logger = logging.getLogger(__name__)

SLOTS = 4
"""Requests that are decoded together."""
CONTEXT_TOKENS = 4096
"""The context of each slot."""
PROMPTS_MIB = 256
"""RAM for the cache of earlier prompts; llama.cpp's default is 8 GiB."""

_running: dict[Path, "EmbeddedServer"] = {}
_inherited: list["EmbeddedServer"] = []
"""Servers of the process that this one was forked from."""
_lock = lock()


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running server: its URL, the key that it requires, and the native object."""

    url: str
    api_key: str
    native: Any


def embedded_server(weights: Path) -> EmbeddedServer:
    """Return this process's server for a GGUF file, starting it on the first call.

    Raises:
        ModelUnavailable: xllamacpp is not installed, or the file cannot be loaded.
    """
    with _lock:
        if weights not in _running:
            _running[weights] = _start(weights)
        return _running[weights]


def _start(weights: Path) -> EmbeddedServer:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(
            "the embedded model needs xllamacpp: pip install 'memagent[local]'"
        ) from error
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    key = secrets.token_urlsafe(24)
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {weights.stem}
    params.n_ctx = SLOTS * CONTEXT_TOKENS
    params.n_parallel = SLOTS
    params.cache_ram_mib = PROMPTS_MIB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or 1
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.verbosity = -1
    logger.info("starting llama.cpp with %s, %s threads", weights.name, threads)
    try:
        native = xllamacpp.Server(params)
    except Exception as error:
        raise ModelUnavailable(f"the embedded model cannot load {weights}: {error}") from error
    return EmbeddedServer(f"{native.listening_address}/v1", key, native)


def _leave_to_parent() -> None:
    """Forget, in a forked child, the servers whose threads are the parent's."""
    if _running:
        _inherited.extend(_running.values())
        _running.clear()
        skip_native_exit()


at_fork(after_in_child=_leave_to_parent)


@atexit.register
def _stop() -> None:
    """Release the native servers while the interpreter is still intact.

    Where some are a parent's, llama.cpp can end none: it would wait for threads of the parent.
    """
    for server in [*_inherited, *_running.values()] if _inherited else ():
        abandon(server.native)
    _running.clear()
