"""Forgetting by request: which records are erased when somebody asks in words."""
