"""Recall: chooses the memories to show a model for a question."""
