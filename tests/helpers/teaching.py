"""An agent that reads its last note, and corrections of it."""

import json
import re
from collections.abc import Callable, Iterable, Sequence

from langchain_core.messages import BaseMessage

from memagent import Agent, Memory, Scope
from memagent.feedback.rate_limit import RateLimit
from memagent.testing import HashEmbedder, ScriptedChat
from memagent.types import Hit, Recollection, Reflected

BOB = Scope(user="bob")


ASKED = "Where does Ada work?"


def reading(messages: Sequence[BaseMessage]) -> str:
    """Answer with the last note, or that there is none."""
    notes = [line for line in str(messages[-1].content).splitlines() if line.startswith("- ")]
    return notes[-1].removeprefix("- ") if notes else "I cannot tell."


def agent_of(memory: Memory, most: int | None = None) -> Agent:
    return Agent(memory=memory, model=ScriptedChat(reading), rate_limit=RateLimit(most))


def corrected(
    agent: Agent, scope: Scope, right: str, asked: str = ASKED, **more: object
) -> Reflected:
    answer = agent.ask(asked, scope=scope)
    return agent.feedback(answer, scope=scope, correction=right, **more)  # type: ignore[arg-type]


def shown(memory: Memory, scope: Scope, asked: str = ASKED) -> tuple[str, ...]:
    return memory.recall(asked, scope=scope).texts


def hits_of(memory: Memory, ids: Sequence[str], scope: Scope) -> Recollection:
    found = memory.get(ids, scope=scope)
    return Recollection(
        hits=tuple(Hit(record=one, score=1.0, key=one.keys[0], why={}) for one in found)
    )


def raw(lines: Iterable[str]) -> dict[str, str]:
    """Return the lines of an export by record, byte for byte but for the history."""
    cut = [re.sub(r'"history": \[.*?\], "hurt"', '"history": [], "hurt"', one) for one in lines]
    return {str(json.loads(one).get("id")): one for one in cut}


class Interrupted(HashEmbedder):
    """An embedder that lets something happen, once, while a certain text is embedded."""

    def __init__(self, text: str, act: Callable[[], object]) -> None:
        super().__init__()
        self.text, self.act, self.acted = text, act, 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.text in texts and not self.acted:
            self.acted += 1
            self.act()
        return super().embed_documents(texts)
