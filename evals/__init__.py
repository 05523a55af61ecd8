"""Evaluations that show, with controls, what the memory is worth."""
