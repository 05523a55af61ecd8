"""Peers: stores that others wrote, as retrievers beside memagent's own."""

from memagent.evals.tasks.conversations.peers.peer import PEERS

__all__ = ["PEERS"]
