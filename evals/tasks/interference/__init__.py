"""Interference: later facts against earlier ones, by lag."""
