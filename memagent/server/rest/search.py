"""Routes that find records: search and recall."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from memagent.protocol.replies import SearchHits
from memagent.protocol.requests import Recall, Search
from memagent.server.rest.caller import Reader, reply
from memagent.types import Hits, Recollection

router = APIRouter(prefix="/v1", tags=["search"])
HITS: TypeAdapter[Any] = TypeAdapter(Hits)


class RecollectionReply(BaseModel):
    """Recollection for one question, and the lines that a model is shown of it."""

    recollection: Recollection
    texts: list[str]


RECOLLECTION = TypeAdapter(RecollectionReply)


@router.post("/search", operation_id="search", response_model=SearchHits)
async def search(body: Search, caller: Reader) -> Response:
    """Return the best records for a query, best first, with the parts of their scores."""
    hits = await caller.run(caller.memory.search, scope=caller.scope, **body.arguments())
    await caller.audit("search", [hit.record.id for hit in hits])
    return reply(HITS, hits)


@router.post("/recall", operation_id="recall", response_model=RecollectionReply)
async def recall(body: Recall, caller: Reader) -> Response:
    """Return what to show a model for a question, oldest first."""
    found = await caller.run(caller.memory.recall, scope=caller.scope, **body.arguments())
    await caller.audit("recall", [hit.record.id for hit in found.hits])
    value = RecollectionReply.model_construct(recollection=found, texts=list(found.texts))
    return reply(RECOLLECTION, value)
