"""Retrieval on conversations: turns ranked for a question, without a model."""
