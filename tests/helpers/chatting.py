"""A scripted strong model: it answers a question of a chat where the prompt holds the evidence."""

from collections.abc import Sequence
from typing import cast

from langchain_core.messages import BaseMessage

from memagent.evals.tasks.chat.scripts import ChatQuestion, ChatTask
from memagent.testing import ScriptedChat

UNKNOWN = "That was never mentioned."


def strong_reader(*tasks: ChatTask) -> ScriptedChat:
    """Return a model that knows of each question which texts answer it, and what they say.

    It says so where these texts stand in its prompt, and else that it does not know.
    """
    answers = {
        (task.turns[question.place - 1]): (
            [task.turns[place - 1] for place in question.supports],
            question.gold[0] if question.gold else UNKNOWN,
        )
        for task in tasks
        for question in (cast(ChatQuestion, sample) for sample in task.asked)
    }

    def read(messages: Sequence[BaseMessage]) -> str:
        said = str(messages[-1].content).rpartition("Question: ")[2]
        if said not in answers:
            return "Noted."
        evidence, answer = answers[said]
        prompt = "\n".join(str(message.content) for message in messages)
        return answer if all(text in prompt for text in evidence) else UNKNOWN

    return ScriptedChat(read)
