"""Turn of a proxied conversation: what is recalled for it, and how it is remembered."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.requests import Request

from memagent.agent.record_turn import remember
from memagent.agent.requests import Origin
from memagent.errors import InvalidInput, MemagentError
from memagent.models.reasoning import storable
from memagent.prompts import preface
from memagent.server.access.audit import audited
from memagent.server.openai.conversation import Conversation
from memagent.server.services import Services
from memagent.text.questions import asks
from memagent.text.repetition import without_repetition
from memagent.types import Answer, Recollection, Scope

logger = logging.getLogger(__name__)

Mode = Literal["on", "read", "off"]
MODES: tuple[Mode, ...] = ("on", "read", "off")
MAX_QUERY = 8_000
"""Characters of a message that are searched for at most: its end, where a question stands."""
MAX_STORED = 1_000_000


@dataclass(frozen=True, slots=True)
class Turn:
    """Turn of one user: the conversation, what was recalled for it, and how far memory goes."""

    services: Services
    scope: Scope
    conversation: Conversation
    recollection: Recollection
    mode: Mode

    def notes(self) -> str:
        """Return what is put before the user's words, empty if nothing was recalled."""
        found = self.recollection
        texts = () if found.nothing_relevant else found.texts
        today = datetime.now().astimezone().date() if found.shows_dates and texts else None
        return preface(texts, today, [line.text for line in found.about_user])

    def headers(self) -> dict[str, str]:
        """Return headers that say what was recalled."""
        ids = [hit.record.id for hit in self.recollection.hits]
        return {
            "X-Memory-Recalled": ",".join(id for id in ids if id.isascii() and id.isprintable()),
            "X-Memory-Relevance": f"{self.recollection.relevance:.3f}",
        }

    def remember(self, reply: str) -> tuple[str, ...]:
        """Remember what was said and replied, once, and return the ids of the records.

        Only the last turn is new: a client sends all of the conversation each time. Its id comes
        from all that was said before, so that a request that is sent again is the same turn.
        """
        said = self.conversation.said[-MAX_STORED:]
        reply, cut = without_repetition(storable(reply)[:MAX_STORED])
        place = hashlib.sha256(f"{self.scope}\0{self.conversation.id}".encode()).hexdigest()[:32]
        answered = hashlib.sha256(f"{place}\0{reply}".encode()).hexdigest()[:32]
        origin = Origin()
        origin.show(self.recollection)
        answer = Answer(
            answer=reply, recollection=self.recollection, question=said, scope=self.scope, cut=cut
        )
        ids = (place, answered)
        memory = self.services.memory
        return remember(memory, said, answer, (), self.scope, origin, chat=True, ids=ids).turn


def recall(services: Services, scope: Scope, conversation: Conversation, mode: Mode) -> Turn:
    """Return a turn with what is recalled for its last user message."""
    found = Recollection()
    if mode != "off":
        query = conversation.said[-MAX_QUERY:]
        found = services.agent.driver.recall(query, scope.across_sessions(), stated=not asks(query))
    return Turn(services, scope, conversation, found, mode)


async def remembered(request: Request, turn: Turn, reply: str) -> None:
    """Remember a turn beside the requests; what goes wrong is logged, as the reply is sent."""
    from anyio import to_thread

    try:
        ids = await to_thread.run_sync(turn.remember, reply, limiter=request.app.state.limiter)
        await audited(request, turn.scope, "add", ids)
    except MemagentError as error:
        logger.error("a turn is not remembered: %s", error)


def mode_of(value: str | None) -> Mode:
    """Return what the header `X-Memory` asks for.

    Raises:
        InvalidInput: it is no mode.
    """
    wanted = (value or "on").strip().lower()
    for mode in MODES:
        if wanted == mode:
            return mode
    raise InvalidInput(f"X-Memory: one of {', '.join(MODES)} is wanted")
