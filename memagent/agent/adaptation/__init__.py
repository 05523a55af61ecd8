"""Adaptation to a chat model: what it is shown and offered, and replies that repeat nothing."""
