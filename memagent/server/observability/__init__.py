"""Observability: health, metrics, traces and logs of the server."""
