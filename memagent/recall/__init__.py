"""Recall: which memories to show a model for a question."""
