"""Continual learning: streams of tasks, forward and backward transfer."""
