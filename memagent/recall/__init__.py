"""Recall: chooses the memories to show a model for a question."""

from memagent.recall.multi_hop import MAX_HOPS
from memagent.recall.recaller import Recaller

__all__ = ["MAX_HOPS", "Recaller"]
