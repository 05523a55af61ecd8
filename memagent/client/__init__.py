"""Client: the verbs of `Memory` over HTTP."""

from memagent.client.connection import NotAllowed, ServerUnavailable
from memagent.client.memory import AsyncMemory, Event, Memory

__all__ = ["AsyncMemory", "Event", "Memory", "NotAllowed", "ServerUnavailable"]
