"""Launch of vLLM servers: connect to a running one, or start, follow and stop one."""

import atexit
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from memagent.config import load_settings
from memagent.errors import ModelUnavailable
from memagent.files import private
from memagent.models import http
from memagent.models.vllm import command, watchdog
from memagent.models.vllm.command import ServeOptions
from memagent.models.vllm.diagnose import cause
from memagent.process import at_fork, lock
from memagent.terminal import say
from memagent.urls import ServerAddress

logger = logging.getLogger(__name__)

START_SECONDS = 900.0
"""Seconds until a server has to be healthy: the first start of a large model is a download."""
GRACE_SECONDS = 10.0
"""Seconds that a server may take to end before it is killed."""
REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.25
TAIL_LINES = 20
CAUSE_LINES = 200
"""Last lines of the log that are searched for the cause of a failure."""
NOISE = re.compile(r"\s*$|nanobind|\s*- (leaked|\.\.\.)|See https://nanobind")
"""Lines that libraries print at exit, which would hide the cause."""


class ServerFailed(ModelUnavailable):
    """A server that was started failed; `tail` holds the last lines of its log."""

    def __init__(self, message: str, tail: list[str]) -> None:
        super().__init__(message)
        self.tail = tail


Progress = Callable[[float, str], None]
"""Called with the seconds since the start and the log's last line."""
_ready: dict[tuple[str, int], "RunningServer"] = {}
_lock = lock()
at_fork(after_in_child=_ready.clear)  # a child asks anew whether its parent's server runs


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers: its URL, ending in /v1, and the name of the model that it serves."""

    url: str
    name: str
    process: "ServerProcess | None" = field(default=None, repr=False)
    address: ServerAddress | None = field(default=None, repr=False, compare=False)
    """Address with credentials, where the server is reached by more than the URL."""

    def stop(self) -> None:
        """End the server and all its processes, if this process started it."""
        if self.process is not None:
            self.process.stop()


class ServerProcess:
    """A server's process group, which a watchdog ends together with this process."""

    def __init__(self, words: list[str], environment: dict[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with open(log, "wb", opener=private) as out:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", watchdog.__file__, str(GRACE_SECONDS), *words],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | environment,
            )
        self._inherited = False
        atexit.register(self.stop)
        at_fork(after_in_child=self._let_go)

    def ended(self, seconds: float) -> bool:
        """Wait up to so many seconds for the server to end; return whether it has."""
        try:
            self._watchdog.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def code(self) -> int | None:
        """The exit code, or None while the server runs."""
        return self._watchdog.poll()

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """Return the last informative lines of the log."""
        text = self.log.read_bytes()[-200_000:].decode("utf-8", "replace")
        return [line.rstrip() for line in text.splitlines() if not NOISE.match(line)][-lines:]

    def stop(self) -> None:
        """End the server and all its processes, and wait until they are gone.

        In a forked child it does nothing: the server is the parent's.
        """
        atexit.unregister(self.stop)
        if self._inherited:
            return
        if self._watchdog.stdin:
            self._watchdog.stdin.close()
        self._watchdog.terminate()
        try:
            self._watchdog.wait(GRACE_SECONDS + REQUEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._watchdog.kill()
            self._watchdog.wait()

    def _let_go(self) -> None:
        """Close the child's end of the pipe, or the watchdog does not see the parent's end."""
        self._inherited = True
        if self._watchdog.stdin:
            self._watchdog.stdin.close()


def connect_or_start(model: str, *, port: int = 8000, api_key: str | None = None) -> RunningServer:
    """Return a server of a model: a running one, else one that is started and ends with us.

    The server is expected at the setting `vllm_url` or, without it, on `port` of this machine. Only
    in the latter case is one started, on the loopback interface, with `api_key` as its key. `model`
    is a name on the hub or a folder. A second call returns the same server.

    Raises:
        ModelUnavailable: vLLM is not installed or does not start (with the likely cause), or the
            running server has other models or wants another key.
    """
    settings = load_settings()
    options = ServeOptions(model=model, port=port)
    with _lock:
        known = _ready.get((model, port))
        if known is not None and (known.process is None or known.process.code is None):
            return known
        address = ServerAddress.of(settings.vllm_url or options.url)
        url, names = address.url, served_names(address, api_key)
        if names is not None:
            served = RunningServer(url, _pick(names, options, url), address=address)
        elif settings.vllm_url:
            raise ModelUnavailable(f"no server answers at {url} (setting vllm_url)")
        else:
            log = settings.home / "logs" / f"vllm-{port}.log"
            say(f"memagent: starting vLLM with {model}; its log is {log}", err=True)
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
    progress: Progress = lambda seconds, line: None,
) -> RunningServer:
    """Start a server and return once it is healthy; `progress` is called while it starts.

    The server is stopped when this process ends, however it ends. `timeout` is in seconds.

    Raises:
        ModelUnavailable: vLLM is not installed, or the port is taken.
        ServerFailed: the server did not get healthy; the message names the likely cause and the
            log.
    """
    found = command.find(python)
    if not port_free(options):
        raise ModelUnavailable(
            f"port {options.port} of {options.host} is taken:"
            " stop the server there, or name another port"
        )
    words = command.command(options, found)
    added = command.environment(found, os.environ, api_key=api_key)
    logger.info("starting vLLM with %s on port %d, its log is %s", options.model, options.port, log)
    process = ServerProcess(words, added, log)
    try:
        _wait(process, options.url, timeout, progress)
    except BaseException:
        process.stop()
        raise
    return RunningServer(options.url, options.served_name, process)


def follow(served: RunningServer) -> None:
    """Wait until a server that this process started has ended.

    Raises:
        ServerFailed: when the server ends; the message names the likely cause.
    """
    process = served.process
    if process is None:
        return
    while not process.ended(REQUEST_SECONDS):
        pass
    reason = cause(process.tail(CAUSE_LINES), process.code)
    raise ServerFailed(f"vLLM ended: {reason} (its log is {process.log})", process.tail())


def _wait(process: ServerProcess, url: str, timeout: float, progress: Progress) -> None:
    started = time.monotonic()
    while not healthy(url):
        if process.ended(POLL_SECONDS):
            reason = cause(process.tail(CAUSE_LINES), process.code)
            raise ServerFailed(
                f"vLLM did not start: {reason} (its log is {process.log})", process.tail()
            )
        spent = time.monotonic() - started
        if spent > timeout:
            raise ServerFailed(
                f"vLLM was not ready after {timeout:.0f} s: allow more with --timeout"
                f" (its log is {process.log})",
                process.tail(),
            )
        progress(spent, "".join(process.tail(1)))


def healthy(url: str) -> bool:
    """Tell whether a server reports that it is ready."""
    import httpx

    try:
        with http.client(ServerAddress(url), timeout=REQUEST_SECONDS) as client:
            return client.get(f"{url.removesuffix('/v1')}/health").is_success
    except httpx.HTTPError:
        return False


def served_names(address: ServerAddress, api_key: str | None) -> dict[str, str] | None:
    """Return the names of a server's models, by name and by source; None without a server.

    Raises:
        ModelUnavailable: the server wants another key, or is no model server.
    """
    import httpx

    url = address.url
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with http.client(address, headers=headers, timeout=REQUEST_SECONDS) as client:
            answer = client.get(f"{url}/models")
    except httpx.TransportError as error:
        logger.info("no server answers at %s: %s", url, error)
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
    """Tell whether the port of a server to start is free."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((options.host, options.port))
        except OSError:
            return False
    return True


def _pick(names: dict[str, str], options: ServeOptions, url: str) -> str:
    """Return the name under which a running server serves the model."""
    for name in (options.model, options.served_name):
        if name in names:
            return names[name]
    serves = ", ".join(sorted(set(names.values()))) or "nothing"
    raise ModelUnavailable(
        f"the server at {url} serves {serves}, not {options.model}:"
        " stop it, or name another port or vllm_url"
    )
