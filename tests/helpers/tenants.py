"""Random requests over many keys, none of which may show or change another user's memory.

All that a user stores holds the user's own canary, and the name of the key that wrote it. A reply
may hold only canaries of users whom the key speaks for, and only of the one that was asked about.
"""

import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.testclient import TestClient

from memagent import Memory
from memagent.stores.access.keys import Keys

CANARY = re.compile(r"canary-(\w+)-end")
USERS = [f"user{number}" for number in range(8)]
LIMIT = 25
"""Records of a user, above which all are forgotten."""


@dataclass(frozen=True)
class Tenant:
    """Key as a client holds it; `users` None speaks for anybody, `valid` False for nobody."""

    name: str
    token: str
    users: tuple[str, ...] | None
    reads: bool
    valid: bool = True

    def speaks_for(self, user: str | None) -> str | None:
        """Return whose memory a request is about, None if it must be refused."""
        if not self.valid:
            return None
        alone = self.users[0] if self.users is not None and len(self.users) == 1 else None
        whose = user or alone
        return whose if whose and (self.users is None or whose in self.users) else None


def tenants(memory: Memory, rng: random.Random) -> list[Tenant]:
    """Make twenty keys: of one user, of several, for anybody, reading, expired, revoked."""
    keys, found = Keys(memory.engine.store), []

    def make(name: str, users: list[str] | None, *, reads: bool = False, **how: Any) -> None:
        token, _ = keys.make(name, users, read_only=reads, expires=how.get("expires"))
        valid = not how
        if how.get("revoked"):
            keys.revoke(name)
        found.append(Tenant(name, token, None if users is None else tuple(users), reads, valid))

    for number in range(8):
        make(f"one{number}", [USERS[number]])
    for number in range(4):
        make(f"several{number}", sorted(rng.sample(USERS, 3)))
    for number in range(4):
        make(f"reader{number}", [USERS[number]], reads=True)
    make("service", None)
    make("expired", ["user0"], expires=datetime.now(UTC) - timedelta(days=1))
    make("revoked", ["user1"], revoked=True)
    found.append(Tenant("made-up", f"ma_{'0' * 10}_nothing", ("user2",), False, False))
    return found


class Requests:
    """Requests of tenants to one server."""

    def __init__(self, client: TestClient, memory: Memory, seed: int) -> None:
        self.client, self.memory, self.rng = client, memory, random.Random(seed)
        self.tenants = tenants(memory, self.rng)
        self.ids: list[str] = ["nothing"]
        self.seen: Counter[str] = Counter()
        self.number = 0

    def one(self) -> None:
        """Send one request, and check the reply."""
        self.number += 1
        tenant = self.rng.choice(self.tenants)
        user = self.rng.choice([None, *USERS])
        whose = tenant.speaks_for(user)
        verb = self.rng.choice(VERBS)
        reply = self._send(verb, tenant, user, whose or "nobody")
        shown = set(CANARY.findall(reply.text))
        assert shown <= ({whose} if whose else set()), (verb, tenant.name, user, shown)
        if whose is None:
            in_words = '"isError":true' in reply.text or '"error":' in reply.text  # MCP's
            refused = reply.status_code in (401, 403, 422) or in_words
            assert refused, (verb, tenant.name, user, reply.text)
        if not tenant.valid:
            assert reply.status_code == 401
        assert reply.status_code < 500, reply.text
        self.seen[f"{verb} {reply.status_code}"] += 1
        if reply.status_code == 201:
            self.ids += [record["id"] for record in reply.json()["records"]]

    def _send(self, verb: str, tenant: Tenant, user: str | None, whose: str) -> Any:
        canary = f"canary-{whose}-end"
        note = {"text": f"{canary} note {self.number}", "metadata": {"by": tenant.name}}
        id, other = self.rng.choice(self.ids), self.rng.choice(self.ids)
        text = f"{canary} again {self.number}"
        message = {"role": "user", "content": f"{canary} said {self.number}"}
        method, path, body = {
            "add": ("POST", "/v1/records", {"records": [note]}),
            "messages": ("POST", "/v1/messages", {"messages": [message]}),
            "add at an id": ("POST", "/v1/records", {"records": [{**note, "id": id}]}),
            "supersede": ("POST", "/v1/records", {"records": [{**note, "supersedes": id}]}),
            "derive": ("POST", "/v1/records", {"records": [{**note, "sources": [id]}]}),
            "search": ("POST", "/v1/search", {"query": "note canary", "k": 50, "roles": "all"}),
            "recall": ("POST", "/v1/recall", {"question": "Which note?"}),
            "list": ("GET", "/v1/records?everything=true", None),
            "get": ("GET", f"/v1/records/{id}", None),
            "get many": ("POST", "/v1/records/get", {"ids": [id, other]}),
            "why": ("GET", f"/v1/records/{id}/why", None),
            "history": ("GET", f"/v1/records/{id}/history", None),
            "update": ("PATCH", f"/v1/records/{id}", {"text": text}),
            "forget": ("DELETE", f"/v1/records/{id}", None),
            "dry run": ("POST", "/v1/forget", {"ids": [id, other], "dry_run": True}),
            "request": ("POST", "/v1/forget/request", {"request": "the note"}),
            "pin": ("POST", "/v1/pin", {"ids": [id]}),
            "judge": ("POST", "/v1/judge", {"ids": [id], "outcome": "helped"}),
            "feedback": (
                "POST",
                "/v1/feedback",
                {"question": "Which?", "correction": text, "shown": [id]},
            ),
            "changes": ("GET", "/v1/changes", None),
            "undo": ("POST", f"/v1/changes/{id}/undo", {}),
            "export": ("GET", "/v1/export", None),
            "sessions": ("GET", "/v1/sessions", None),
            "profile": ("GET", "/v1/profile", None),
            "stats": ("GET", "/v1/stats", None),
            "mcp": ("POST", "/mcp", _call("search_memory", {"query": "note canary"})),
            "mcp add": ("POST", "/mcp", _call("add_memory", {"text": text})),
            "mcp why": ("POST", "/mcp", _call("why", {"id": id})),
        }[verb]
        headers = {"Authorization": f"Bearer {tenant.token}"}
        if path == "/mcp":
            headers["Accept"] = "application/json, text/event-stream"
        params = {} if user is None else {"user": user}
        return self.client.request(
            method, path, params=_merged(path, params), json=body, headers=headers
        )

    def tidy(self) -> None:
        """Forget all of a user who has many records, so that requests stay quick."""
        user = self.rng.choice(USERS)
        if self.memory.count(scope=user, everything=True) > LIMIT:
            self.memory.forget(scope=user, everything=True)
        self.ids = self.ids[-300:]

    def check(self) -> None:
        """Check that all that is stored is of its user, by a key that speaks for that user."""
        by_name = {tenant.name: tenant for tenant in self.tenants}
        for user in USERS:
            for record in self.memory.list(scope=user, everything=True, limit=10_000):
                assert set(CANARY.findall(record.text)) == {user}, record
                if (name := record.metadata.get("by")) is not None:
                    tenant = by_name[str(name)]
                    assert tenant.valid
                    assert not tenant.reads
                    assert tenant.users is None or user in tenant.users


VERBS = (
    "add,add,add,messages,add at an id,supersede,derive,search,search,recall,list,get,get many,why"
    ",history,update,forget,dry run,request,pin,judge,feedback,changes,undo,export,sessions"
    ",profile,stats,mcp,mcp add,mcp why"
).split(",")


def _merged(path: str, params: dict[str, str]) -> dict[str, str]:
    """Return parameters with those that stand in the path, which a client would overwrite."""
    _, _, there = path.partition("?")
    return params | dict(part.split("=") for part in there.split("&") if part)


def _call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return json.loads(
        json.dumps(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": tool, "arguments": arguments},
            }
        )
    )
