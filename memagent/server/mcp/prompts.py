"""Prompts: `answer_from_memory`, a question with what is remembered about it."""

from collections.abc import Sequence

from mcp.types import GetPromptResult, Prompt, PromptArgument, PromptMessage, TextContent

from memagent.errors import InvalidInput
from memagent.server.mcp.texts import DATA, block_of, plain
from memagent.server.mcp.tools import Reach

ANSWER = "answer_from_memory"
QUESTION = "question"
PROMPTS = [
    Prompt(
        name=ANSWER,
        title="Answer from memory",
        description="Answer a question with what is remembered about it.",
        arguments=[
            PromptArgument(name=QUESTION, description="The question to answer.", required=True)
        ],
    )
]


def written(reach: Reach, question: str) -> tuple[GetPromptResult, Sequence[str]]:
    """Return the prompt for a question, and the ids of the records in it.

    Raises:
        InvalidInput: the question is empty.
    """
    if not question.strip():
        raise InvalidInput("question: say what to answer")
    found = reach.memory.recall(question, scope=reach.scope)
    hits = [hit for hit in found.hits if "passed" not in hit.why]
    blocks = "\n".join(block_of(hit.record, text=hit.excerpt) for hit in hits)
    known = f"{DATA}\n{blocks}" if hits else "Nothing is remembered about this: say so."
    text = (
        "Answer the question from what is remembered. Name the id of each memory that you use, and"
        f" say so if they do not answer it.\n\n{known}\n\nQuestion: {plain(question)}"
    )
    message = PromptMessage(role="user", content=TextContent(type="text", text=text))
    result = GetPromptResult(description="A question with its memories", messages=[message])
    return result, [hit.record.id for hit in hits]
