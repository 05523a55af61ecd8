"""Test doubles: a scripted chat model, a hashing embedder and a stub server."""

from memagent.testing.fakes import HashEmbedder, ScriptedChat
from memagent.testing.stub_server import Cut, Drop, Events, Fail, Garble, Hang, Say, StubServer

__all__ = [
    "Cut",
    "Drop",
    "Events",
    "Fail",
    "Garble",
    "Hang",
    "HashEmbedder",
    "Say",
    "ScriptedChat",
    "StubServer",
]
