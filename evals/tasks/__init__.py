"""Evaluations that ship, registered by name."""
