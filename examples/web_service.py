"""Many users in a web service: one agent, one store, an ASGI application without a framework.

Run it with any ASGI server, for instance `uvicorn examples.web_service:app`, and talk to it:

    curl -d '{"user": "ada", "question": "I live in Porto."}' localhost:8000
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from memagent import Agent, Memory, Scope
from memagent.errors import UserError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Service:
    """Answers POSTed questions; whose memory it is comes from the request.

    A real service takes the user from its login, never from what is sent.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, told = await self._answer(body)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})

    async def _answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            asked = json.loads(body)
            whose = Scope(user=asked["user"], session=asked.get("session"))
            answer = await self.agent.aask(asked["question"], scope=whose, chat=True)
        except (ValueError, LookupError, TypeError, AttributeError, UserError) as error:
            return 400, {"error": str(error)}
        return 200, {"answer": answer.answer, "memories": list(answer.memories)}


def __getattr__(name: str) -> Service:
    """Make `app` when a server asks for it; importing this file opens nothing."""
    if name != "app":
        raise AttributeError(name)
    return Service(Agent(memory=Memory.open("~/.local/share/memagent"), model="local"))
