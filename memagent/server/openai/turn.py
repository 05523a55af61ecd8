"""Turn of a proxied conversation: what is recalled for it, and how it is remembered."""

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from starlette.requests import Request

from memagent.agent.adaptation.budget import is_weak
from memagent.agent.record_turn import remember
from memagent.agent.requests import Origin
from memagent.agent.steps import Recalled
from memagent.errors import InvalidInput, MemagentError
from memagent.models.reasoning import storable
from memagent.prompts import preface
from memagent.server.access.audit import audited
from memagent.server.openai.conversation import Conversation
from memagent.server.openai.recollections import Recollections
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
UNQUOTED, MAX_HEADER = "/:@!$&()*+;=", 4_000
"""Characters of an id that stand in a header as they are, and the length of the header at most."""
MAX_TURNS = 200
"""Earlier turns that a reply is linked to at most."""


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
        texts = found.texts
        today = datetime.now().astimezone().date() if found.shows_dates and texts else None
        return preface(texts, today, [line.text for line in found.about_user])

    def without_notes(self) -> "Turn":
        """Return the turn as it is where its notes are left out."""
        found = replace(
            self.recollection, hits=(), profile=(), left_out=len(self.recollection.hits)
        )
        return replace(self, recollection=found)

    def headers(self) -> dict[str, str]:
        """Return headers that say what was recalled."""
        ids = [quote(hit.record.id, safe=UNQUOTED) for hit in self.recollection.hits]
        while len(",".join(ids)) > MAX_HEADER:
            ids.pop()
        return {
            "X-Memory-Recalled": ",".join(ids),
            "X-Memory-Relevance": f"{self.recollection.relevance:.3f}",
        }

    def remember(self, reply: str) -> tuple[str, ...]:
        """Remember what was said and replied, once, and return the ids of the records.

        Only the last turn is new: a client sends all of the conversation each time. Its id comes
        from all that was said before, so that a request that is sent again is the same turn.
        """
        said = self.conversation.said[-MAX_STORED:]
        reply, cut = without_repetition(storable(reply)[:MAX_STORED])
        origin = Origin()
        origin.show(self.recollection)
        origin.shown |= self._before()
        answer = Answer(
            answer=reply, recollection=self.recollection, question=said, scope=self.scope, cut=cut
        )
        place, memory = turn_id(self.scope, self.conversation.id), self.services.memory
        ids = place, reply_id(place, reply)
        return remember(memory, said, answer, (), self.scope, origin, chat=True, ids=ids).turn

    def _before(self) -> set[int]:
        """Return the records (by `seq`) of earlier turns, with which the reply is forgotten."""
        ids = []
        for turn in self.conversation.turns[-1 - MAX_TURNS : -1]:
            place = turn_id(self.scope, turn.id)
            ids += [place, *(reply_id(place, text.strip()) for text in turn.replies)]
        found = self.services.memory.get(ids, scope=self.scope) if ids else ()
        return {record.seq for record in found}


def turn_id(scope: Scope, digest: str) -> str:
    """Return the id of the record of what a user said."""
    return hashlib.sha256(f"{scope}\0{digest}".encode(errors="replace")).hexdigest()[:32]


def reply_id(turn: str, reply: str) -> str:
    """Return the id of the record of a reply to what a user said."""
    return hashlib.sha256(f"{turn}\0{reply}".encode(errors="replace")).hexdigest()[:32]


def recall(
    services: Services,
    scope: Scope,
    conversation: Conversation,
    mode: Mode,
    kept: Recollections,
) -> Turn:
    """Return a turn with what is recalled for its last user message.

    That stays the same while tools are called. What the conversation says itself is left out, and a
    model that reads many memories worse than few is shown only those near the best.
    """
    driver, query = services.agent.driver, conversation.said[-MAX_QUERY:]

    def recalled() -> Recollection:
        weak = is_weak(driver.open())
        found = driver.recall(query, scope, focus=weak, stated=not asks(query))
        known = conversation.texts
        hits = tuple(hit for hit in found.hits if hit.record.text.strip() not in known)
        found = replace(found, hits=hits)
        logger.debug("%s", Recalled(found).trace())
        return found

    id = turn_id(scope, conversation.id)
    found = kept.get(id, services.memory, scope, recalled)
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
