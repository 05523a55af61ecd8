"""Memory of the hooks: the store on this disk, or a running `memagent serve` by its URL."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from memagent.cli.options import memory_of, settings_of
from memagent.errors import InvalidInput, ModelUnavailable, one_line
from memagent.files import read_text
from memagent.models import http
from memagent.types import Scope
from memagent.urls import ServerAddress, header_value

RECORDS, TOKENS = 8, 800
"""Records, and tokens of their texts, that are added to a prompt at most."""
WAIT, WRITE = 5.0, 50.0
"""Seconds that a server may take while the user waits, and to embed what is new."""
SHARE = 0.5
"""Share of the best score that a record needs: what is beside the point only costs tokens."""
MAX_KEY = 1 << 12


class HookMemory(Protocol):
    """Memory as the hooks use it: recall for a prompt, remember a session."""

    def recall(self, prompt: str, session: str) -> Sequence[str]:
        """Return lines about a prompt, none from the session that it is in."""

    def remember(
        self, messages: Sequence[Mapping[str, Any]], session: str, metadata: Mapping[str, str]
    ) -> None:
        """Remember messages of a session; those that are known by their ids stay as they are.

        Raises:
            InvalidInput: one of them cannot be remembered, and so none is.
        """


class StoredMemory:
    """The store on this disk: it loads the embedder first."""

    def __init__(self, home: Path | None, user: str | None) -> None:
        self._settings = settings_of(home=home, user=user)

    def recall(self, prompt: str, session: str) -> Sequence[str]:
        """Return lines about a prompt."""
        with ExitStack() as stack:
            memory = memory_of(self._settings, stack)
            scope = Scope(user=self._settings.user)
            found = memory.recall(prompt, scope=scope, k=RECORDS, tokens=TOKENS)
            hits = [hit for hit in found.hits if "passed" not in hit.why]
            sessions = [(hit.score, hit.record.scope.session) for hit in hits]
            return _chosen(found.texts, sessions, session)

    def remember(
        self, messages: Sequence[Mapping[str, Any]], session: str, metadata: Mapping[str, str]
    ) -> None:
        """Remember messages of a session."""
        with ExitStack() as stack:
            memory = memory_of(self._settings, stack)
            scope = Scope(user=self._settings.user, session=session)
            ids = [message["id"] for message in messages]
            missing = memory.get(ids, scope=scope.across_sessions()).missing
            new = [message for message in messages if message["id"] in missing]
            if new:
                memory.add_messages(new, scope=scope, metadata=metadata)


class ServedMemory:
    """A server's memory, whose embedder is loaded; the key in a file says whose it is."""

    def __init__(self, url: str, user: str | None, key_file: Path | None) -> None:
        self._address = ServerAddress.of(url)
        self._user = {} if user is None else {"user": user}
        key = read_text(key_file, MAX_KEY) if key_file else ""
        self._headers = {"Authorization": f"Bearer {header_value(key)}"} if key.strip() else {}

    def recall(self, prompt: str, session: str) -> Sequence[str]:
        """Return lines about a prompt."""
        body = {"question": prompt, "k": RECORDS, "tokens": TOKENS}
        reply = self._post("/v1/recall", body, self._user, WAIT)
        hits = [hit for hit in reply["recollection"]["hits"] if "passed" not in hit["why"]]
        sessions = [(hit["score"], hit["record"]["scope"]["session"]) for hit in hits]
        return _chosen(reply["texts"], sessions, session)

    def remember(
        self, messages: Sequence[Mapping[str, Any]], session: str, metadata: Mapping[str, str]
    ) -> None:
        """Remember messages of a session."""
        ids = [message["id"] for message in messages]
        missing = self._post("/v1/records/get", {"ids": ids}, self._user, WAIT)["missing"]
        new = [message for message in messages if message["id"] in missing]
        if new:
            body = {"messages": new, "metadata": dict(metadata)}
            self._post("/v1/messages", body, {**self._user, "session": session}, WRITE)

    def _post(self, path: str, body: dict[str, Any], query: dict[str, str], seconds: float) -> Any:
        import httpx

        try:
            with http.client(self._address, headers=self._headers, timeout=seconds) as session:
                answer = session.post(f"{self._address.url}{path}", json=body, params=query)
        except httpx.HTTPError as error:
            raise ModelUnavailable(
                f"no server answers at {self._address.url}: {one_line(error)}"
            ) from error
        try:
            reply = answer.json()
        except ValueError as error:
            raise ModelUnavailable(f"{self._address.url} is no memagent server") from error
        if answer.is_error or not isinstance(reply, dict):
            detail = reply.get("detail") if isinstance(reply, dict) else None
            message = f"the server refused ({answer.status_code}): {one_line(detail)}"
            raise (InvalidInput if answer.status_code == 422 else ModelUnavailable)(message)
        return reply


def _chosen(
    lines: Sequence[str], hits: Sequence[tuple[float, str | None]], session: str
) -> list[str]:
    """Return the lines of the hits that are to the point, and not from the session itself.

    A hit is its score and its session. What was said in this session the model has before it.
    """
    least = SHARE * max((score for score, _ in hits), default=0.0)
    shown = zip(lines, hits, strict=True)
    return [line for line, (score, where) in shown if score >= least and where != session]
