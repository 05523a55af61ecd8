"""Scripted judges, and questions with answers for them."""

import json
import re
from collections.abc import Callable, Sequence

from langchain_core.messages import BaseMessage

from memagent.evals.judge.case import Case
from memagent.evals.judge.judge import ModelJudge, Verdict
from memagent.evals.judge.leniency import LabelledAnswer
from memagent.testing import ScriptedChat

UNKNOWN = re.compile(r"unknown|never|nothing|don't know", re.IGNORECASE)


class Accepting:
    """A judge that accepts everything; counts what it is asked."""

    name = "accepting"

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def judge(self, case: Case) -> Verdict:
        self.cases.append(case)
        return Verdict(value=self.value(case), reason="so be it", prompt_tokens=7)

    def value(self, case: Case) -> float | None:
        return 1.0


class Rejecting(Accepting):
    name = "rejecting"

    def value(self, case: Case) -> float | None:
        return 0.0


class Unreadable(Accepting):
    name = "unreadable"

    def value(self, case: Case) -> float | None:
        return None


class Honest(Accepting):
    """A judge that looks for the reference, or the criteria, in the answer."""

    name = "honest"

    def value(self, case: Case) -> float | None:
        if case.unanswerable:
            return float(bool(UNKNOWN.search(case.answer)))
        wanted = case.criteria or case.references
        answer = case.answer.lower()
        found = [text.lower() in answer or answer in text.lower() for text in wanted]
        return sum(found) / len(found) if case.criteria else float(any(found))


def graded(right: bool = True, reason: str = "it says so") -> str:
    """Return a reply that a judge writes."""
    return json.dumps({"reason": reason, "right": right})


def scripted(
    reply: str | Callable[[Sequence[BaseMessage]], str], name: str | None = None
) -> tuple[ModelJudge, ScriptedChat]:
    """Return a judge whose model always replies so, and the model."""
    chat = ScriptedChat(reply if callable(reply) else lambda _: reply)
    return ModelJudge(chat, name), chat


def case(answer: str = "attic", **fields: object) -> Case:
    """Return a case about Mary, who is in the attic."""
    known = {"question": "Where is Mary?", "references": ("attic",), "answer": answer}
    return Case(**(known | fields))  # type: ignore[arg-type]


def labelled(number: int = 4) -> list[LabelledAnswer]:
    """Return vague and right answers by the references, and traps with right abstentions."""
    found = []
    for place in range(number):
        for kind, right, answer in (
            ("right answers", True, "attic"),
            ("vague wrong answers", False, "somewhere upstairs"),
        ):
            found.append(LabelledAnswer(id=str(place), kind=kind, right=right, case=case(answer)))
        nowhere = case("cellar", references=(), unanswerable=True)
        found.append(LabelledAnswer(id=str(place), kind="trap answers", right=False, case=nowhere))
    return found
