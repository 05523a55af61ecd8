"""A memory that a frozen language model learns through."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memagent.agent.agent import Agent
    from memagent.embedding.open_embedder import open_embedder
    from memagent.errors import MemagentError
    from memagent.memory.aio import AsyncMemory
    from memagent.memory.memory import Memory
    from memagent.models.open_chat import open_chat
    from memagent.types import Answer, Example, Hit, NewRecord, Receipt, Record, Scope

__all__ = [
    "Agent",
    "Answer",
    "AsyncMemory",
    "Example",
    "Hit",
    "MemagentError",
    "Memory",
    "NewRecord",
    "Receipt",
    "Record",
    "Scope",
    "open_chat",
    "open_embedder",
]
__version__ = "0.2.0"

_HOMES = {
    "Agent": "agent.agent",
    "Answer": "types",
    "AsyncMemory": "memory.aio",
    "Example": "types",
    "Hit": "types",
    "MemagentError": "errors",
    "Memory": "memory.memory",
    "NewRecord": "types",
    "Receipt": "types",
    "Record": "types",
    "Scope": "types",
    "open_chat": "models.open_chat",
    "open_embedder": "embedding.open_embedder",
}

logging.getLogger("memagent").addHandler(logging.NullHandler())  # silent until asked to speak


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import memagent` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'memagent' has no attribute {name!r}")
    return getattr(import_module(f"memagent.{_HOMES[name]}"), name)
