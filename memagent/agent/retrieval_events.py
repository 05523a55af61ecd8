"""Retriever events: a recall reported to the LangChain run that it is part of."""

from langchain_core.callbacks import CallbackManager
from langchain_core.documents import Document
from langchain_core.runnables.config import ensure_config

from memagent.types import Recollection


def reported(question: str, recollection: Recollection) -> Recollection:
    """Report a recall as a retriever's start and end, and return it; outside a run do nothing.

    The documents carry the ids and scores of the records that were recalled.
    """
    config = ensure_config()
    if not config.get("callbacks"):
        return recollection
    manager = CallbackManager.configure(
        inheritable_callbacks=config.get("callbacks"),
        inheritable_tags=config.get("tags"),
        inheritable_metadata=config.get("metadata"),
    )
    run = manager.on_retriever_start({}, question, name="memory")
    run.on_retriever_end(
        [
            Document(id=hit.record.id, page_content=hit.text, metadata={"score": hit.score})
            for hit in recollection.hits
        ]
    )
    return recollection
