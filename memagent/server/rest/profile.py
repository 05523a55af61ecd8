"""Routes of the profile: lasting facts and preferences of a user."""

from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.responses import Response

from memagent.protocol.replies import Count, Lines
from memagent.protocol.requests import ProfileText
from memagent.server.rest.caller import Reader, Writer, reply
from memagent.server.rest.idempotency import Replies
from memagent.types import Change, ProfileLine

router = APIRouter(prefix="/v1/profile", tags=["profile"])
LINES, LINE, CHANGE = TypeAdapter(Lines), TypeAdapter(ProfileLine), TypeAdapter(Change)
COUNT = TypeAdapter(Count)
UPDATE_RECORDS = 1_000
"""Records that one update looks through at most; call again for more."""


@router.get("", operation_id="profileLines", response_model=Lines)
async def profile_lines(caller: Reader) -> Response:
    """Return the lines of the profile, best first."""
    lines = await caller.run(caller.memory.profile.lines, scope=caller.scope, tokens=None)
    await caller.audit("profile", [line.id for line in lines])
    return reply(LINES, Lines.model_construct(lines=list(lines)))


@router.post("", operation_id="addProfileLine", response_model=ProfileLine, status_code=201)
async def add_line(body: ProfileText, caller: Writer) -> Response:
    """Remember a text as stated by the user, and put it into the profile."""
    replies: Replies = caller.request.app.state.replies

    async def make() -> Response:
        verb = caller.memory.profile.add
        line = await caller.run(verb, body.text, scope=caller.scope, who=caller.who, why=body.why)
        await caller.audit("profile", [line.id])
        return reply(LINE, line, 201)

    return await replies.once(caller, make)


@router.patch("/{id}", operation_id="editProfileLine", response_model=ProfileLine)
async def edit_line(id: str, body: ProfileText, caller: Writer) -> Response:
    """Put a line into other words; its sources stay as they are."""
    verb = caller.memory.profile.edit
    line = await caller.run(verb, id, body.text, scope=caller.scope, who=caller.who, why=body.why)
    await caller.audit("profile", [line.id])
    return reply(LINE, line)


@router.delete("/{id}", operation_id="removeProfileLine", response_model=Change)
async def remove_line(id: str, caller: Writer) -> Response:
    """Take a line out of the profile; its sources stay, and the change can be undone."""
    verb = caller.memory.profile.remove
    change = await caller.run(verb, id, scope=caller.scope, who=caller.who)
    await caller.audit("profile", [change.id])
    return reply(CHANGE, change)


@router.post("/update", operation_id="updateProfile", response_model=Count)
async def update_profile(caller: Writer) -> Response:
    """Look through what the user stated since the last call; return how many lines are new."""
    verb = caller.memory.profile.update
    report = await caller.run(verb, scope=caller.scope, limit=UPDATE_RECORDS)
    await caller.audit("profile")
    return reply(COUNT, Count(count=report.lines))
