"""Test doubles that ship: scripted chat model, hash embedder, stub server."""

from memagent.testing.fakes import HashEmbedder, ScriptedChat
from memagent.testing.stub_server import Cut, Drop, Fail, Garble, Hang, Say, StubServer

__all__ = [
    "Cut",
    "Drop",
    "Fail",
    "Garble",
    "Hang",
    "HashEmbedder",
    "Say",
    "ScriptedChat",
    "StubServer",
]
