"""Memory in Pydantic AI: notes beside each request, or tools that the model uses.

Needs `pip install 'pydantic-ai-slim[openai]'`. Any model of Pydantic AI will do.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.embeddings import Embeddings
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from openai import AsyncOpenAI
from pydantic_ai import Agent, AgentRunResult, FunctionToolset, RunContext, Tool
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from memagent import AsyncMemory, Scope, open_chat
from memagent.prompts import with_notes
from memagent.tools.execute import arun_tool
from memagent.tools.memory import memory_tools


@dataclass
class Notes(AbstractCapability[Scope]):
    """Notes from a memory in each request of a run; what the user said is remembered at its end.

    Whose memory it is, is the `deps` of the run. The notes stand beside the user's words, not in
    the instructions: they are data. They go into what the model reads alone; the message history
    keeps the words as they were said. The reply is not remembered: made from notes, it would
    outlive them when they are forgotten.
    """

    memory: AsyncMemory

    async def before_model_request(
        self, ctx: RunContext[Scope], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Put what is remembered beside the user's words."""
        text = str(ctx.prompt)
        recollection = await self.memory.recall(text, scope=ctx.deps)
        noted = with_notes(text, recollection.texts)
        messages = [
            replace(
                message,
                parts=[
                    replace(part, content=noted)
                    if isinstance(part, UserPromptPart) and part.content == text
                    else part
                    for part in message.parts
                ],
            )
            if isinstance(message, ModelRequest)
            else message
            for message in request_context.messages
        ]
        return replace(request_context, messages=messages)

    async def after_run(
        self, ctx: RunContext[Scope], *, result: AgentRunResult[Any]
    ) -> AgentRunResult[Any]:
        """Remember what the user said."""
        said = {"role": "user", "content": str(ctx.prompt)}
        await self.memory.add_messages([said], scope=ctx.deps)
        return result


def as_tool(tool: BaseTool) -> Tool[Scope]:
    """Return a tool for Pydantic AI; an error is an answer to the model, and ends no run."""

    async def use(**arguments: Any) -> str:
        return (await arun_tool(tool, arguments)).text

    schema = convert_to_openai_tool(tool)["function"]["parameters"]
    return Tool.from_schema(use, tool.name, tool.description, schema)


async def main(
    url: str, model: str, api_key: str = "none", embedder: str | Embeddings = "all-MiniLM-L6-v2"
) -> list[str]:
    """Tell an agent something, ask for it, and ask an agent that looks it up by itself."""
    client = AsyncOpenAI(base_url=url, api_key=api_key)
    async with client, await AsyncMemory.in_memory(embedder=embedder) as memory:
        chat = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
        ada = Scope(user="ada")  # from your login: no argument of a tool names a user

        agent = Agent(
            chat, deps_type=Scope, instructions="Answer briefly.", capabilities=[Notes(memory)]
        )
        replies = [
            (await agent.run("My boat is called Otto.", deps=ada)).output,
            (await agent.run("What is my boat called?", deps=ada)).output,
        ]

        def tools(ctx: RunContext[Scope]) -> FunctionToolset[Scope]:
            return FunctionToolset([as_tool(tool) for tool in memory_tools(memory.sync, ctx.deps)])

        searching = Agent(
            chat,
            deps_type=Scope,
            instructions="Look up what you do not know. Answer briefly.",
            toolsets=[tools],
        )
        replies.append((await searching.run("What is my boat called?", deps=ada)).output)
        print("\n".join(replies))
        return replies


if __name__ == "__main__":
    local: Any = open_chat("local")  # or give `main` the URL and the model of your server
    key = local.openai_api_key.get_secret_value()
    asyncio.run(main(local.openai_api_base, local.model_name, key))
