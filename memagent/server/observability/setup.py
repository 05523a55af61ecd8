"""Observability, added to an application."""

from fastapi import FastAPI

from memagent.server.observability import health
from memagent.server.observability.layer import ObservingLayer
from memagent.server.observability.metrics import Metrics
from memagent.server.services import Services


def add_observability(app: FastAPI, services: Services) -> None:
    """Add health, metrics and the layer that observes each request."""
    app.state.metrics = Metrics(services.memory)
    app.include_router(health.router)
    app.add_middleware(ObservingLayer, metrics=app.state.metrics)
