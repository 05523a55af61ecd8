"""A vLLM server: connected to where one runs, started and waited for where none does, stopped."""

import atexit
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from memagent.config import load_settings
from memagent.errors import ModelUnavailable
from memagent.models.vllm import command, watchdog
from memagent.models.vllm.command import ServeOptions
from memagent.models.vllm.diagnose import cause

START_SECONDS = 900.0
"""How long a server may take to be healthy: the first start of a large model is a download."""
GRACE_SECONDS = 10.0
"""How long a server that is told to end may take before it is killed."""
ASK_SECONDS = 5.0
POLL_SECONDS = 0.25
TAIL_LINES = 20
CAUSE_LINES = 200
"""How many of the log's last lines are searched for the cause of a failure."""
NOISE = re.compile(r"\s*$|nanobind|\s*- (leaked|\.\.\.)|See https://nanobind")
"""What libraries print when an interpreter ends, which would hide the cause."""


class ServerFailed(ModelUnavailable):
    """A server that was started did not get healthy; `tail` is the end of its log."""

    def __init__(self, message: str, tail: list[str]) -> None:
        super().__init__(message)
        self.tail = tail


Tell = Callable[[float, str], None]
_ready: dict[tuple[str, int], "Served"] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers: its URL ending in /v1, and the name of the model that it serves.

    `stop` ends the server if this process started it, and does nothing otherwise.
    """

    url: str
    name: str
    process: "ServerProcess | None" = field(default=None, repr=False)

    def stop(self) -> None:
        """End the server, with all its processes, if this process started it."""
        if self.process is not None:
            self.process.stop()


class ServerProcess:
    """A server's process group, which ends with this process: a guard watches over it."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with log.open("wb") as out:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", watchdog.__file__, str(GRACE_SECONDS), *words],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | environment,
            )
        atexit.register(self.stop)

    def ended(self, seconds: float) -> bool:
        """Wait so long for the server to end, and tell whether it has."""
        try:
            self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._guard.poll()

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """Return the last lines of the log that tell anything."""
        text = self.log.read_bytes()[-200_000:].decode("utf-8", "replace")
        return [line.rstrip() for line in text.splitlines() if not NOISE.match(line)][-lines:]

    def stop(self) -> None:
        """End the server and all its processes, and wait until they are gone."""
        atexit.unregister(self.stop)
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.terminate()
        try:
            self._guard.wait(GRACE_SECONDS + ASK_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()


def connect_or_start(model: str, *, port: int = 8000, api_key: str | None = None) -> Served:
    """Return a server of a model: the one that runs, else one that is started and ends with us.

    A running one is looked for at the setting `vllm_url`, or on `port` of this machine where that
    is not set; only in the latter case is one started, on the loopback interface, with `api_key` as
    its key. `model` is a name on the hub or a folder. A second call returns the same server.

    Raises:
        ModelUnavailable: vLLM is not installed or does not start (with the likely cause), or what
            runs there serves other models, or wants another key.
    """
    settings = load_settings()
    options = ServeOptions(model=model, port=port)
    with _lock:
        known = _ready.get((model, port))
        if known is not None and (known.process is None or known.process.code is None):
            return known
        url = settings.vllm_url or options.url
        names = served_names(url, api_key)
        if names is not None:
            served = Served(url, _pick(names, options, url))
        elif settings.vllm_url:
            raise ModelUnavailable(f"nobody answers at {url} (setting vllm_url)")
        else:
            log = settings.home / "logs" / f"vllm-{port}.log"
            print(f"memagent: starting vLLM with {model}; its log is {log}", file=sys.stderr)
            served = start(options, python=settings.vllm_python, log=log, api_key=api_key)
        _ready[model, port] = served
        return served


def start(
    options: ServeOptions,
    *,
    log: Path,
    python: Path | None = None,
    api_key: str | None = None,
    timeout: float = START_SECONDS,
    tell: Tell = lambda seconds, line: None,
) -> Served:
    """Start a server and return once it is healthy; `tell` is called with the log's last line.

    It is stopped when this process ends, however it ends. `timeout` is in seconds.

    Raises:
        ModelUnavailable: vLLM is not installed, or the port is taken.
        ServerFailed: it did not get healthy; the message names the likely cause and the log.
    """
    found = command.find(python)
    if not port_free(options):
        raise ModelUnavailable(
            f"port {options.port} of {options.host} is taken: stop what runs there, or name another"
        )
    words = command.command(options, found)
    added = command.environment(found, os.environ, api_key=api_key)
    process = ServerProcess(words, added, log)
    try:
        _wait(process, options.url, timeout, tell)
    except BaseException:
        process.stop()
        raise
    return Served(options.url, options.served_name, process)


def follow(served: Served) -> None:
    """Wait until a server that this process started has ended.

    Raises:
        ServerFailed: it ended by itself, with the likely cause.
    """
    process = served.process
    if process is None:
        return
    while not process.ended(ASK_SECONDS):
        pass
    why = cause(process.tail(CAUSE_LINES), process.code)
    raise ServerFailed(f"vLLM ended: {why} (its log is {process.log})", process.tail())


def _wait(process: ServerProcess, url: str, timeout: float, tell: Tell) -> None:
    started = time.monotonic()
    while not healthy(url):
        if process.ended(POLL_SECONDS):
            why = cause(process.tail(CAUSE_LINES), process.code)
            raise ServerFailed(
                f"vLLM did not start: {why} (its log is {process.log})", process.tail()
            )
        spent = time.monotonic() - started
        if spent > timeout:
            raise ServerFailed(
                f"vLLM was not ready after {timeout:.0f} s: give it more with --timeout"
                f" (its log is {process.log})",
                process.tail(),
            )
        tell(spent, "".join(process.tail(1)))


def healthy(url: str) -> bool:
    """Tell whether a server says that it can be asked."""
    import httpx

    try:
        return httpx.get(f"{url.removesuffix('/v1')}/health", timeout=ASK_SECONDS).is_success
    except httpx.HTTPError:
        return False


def served_names(url: str, api_key: str | None) -> dict[str, str] | None:
    """Return a server's models, each by its name and by what it was loaded from; None if none.

    Raises:
        ModelUnavailable: it wants another key, or is no model server.
    """
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        answer = httpx.get(f"{url}/models", headers=headers, timeout=ASK_SECONDS)
    except httpx.TransportError:
        return None
    if answer.status_code in (401, 403):
        raise ModelUnavailable(f"the server at {url} wants another key (setting api_key)")
    try:
        rows = answer.raise_for_status().json()["data"]
        by_root = {str(row["root"]): str(row["id"]) for row in rows if row.get("root")}
        return by_root | {str(row["id"]): str(row["id"]) for row in rows}
    except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelUnavailable(f"what answers at {url} is no OpenAI-style server") from error


def port_free(options: ServeOptions) -> bool:
    """Tell whether nobody listens where a server is to be started."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError:
            return False
    return True


def _pick(names: dict[str, str], options: ServeOptions, url: str) -> str:
    """Return the name under which a running server serves the model."""
    for wanted in (options.model, options.served_name):
        if wanted in names:
            return names[wanted]
    serves = ", ".join(sorted(set(names.values()))) or "nothing"
    raise ModelUnavailable(
        f"the server at {url} serves {serves}, not {options.model}:"
        " stop it, or name another port or vllm_url"
    )
