"""Memory in the OpenAI Agents SDK: notes beside each request, or tools that the model uses.

Needs `pip install openai-agents`. Any server with chat completions will do.
"""

import asyncio
import json
from typing import Any

from agents import (
    Agent,
    FunctionTool,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    set_tracing_disabled,
)
from agents.run import CallModelData, ModelInputData
from agents.tool_context import ToolContext
from langchain_core.embeddings import Embeddings
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from openai import AsyncOpenAI

from memagent import AsyncMemory, Scope, open_chat
from memagent.prompts import with_notes
from memagent.tools.execute import arun_tool
from memagent.tools.memory import memory_tools

# The SDK sends a trace of each run, with what was said in it, to OpenAI unless this is off.
set_tracing_disabled(True)


async def say(agent: Agent[None], memory: AsyncMemory, scope: Scope, text: str) -> str:
    """Answer with what is remembered in a scope, and remember there what the user said.

    The notes stand beside the user's words, not in the instructions: they are data. They go into
    what the model reads alone; a session keeps the words as they were said. The reply is not
    remembered: made from notes, it would outlive them when they are forgotten.
    """
    recollection = await memory.recall(text, scope=scope)

    def with_memory(data: CallModelData[None]) -> ModelInputData:
        items = list[Any](data.model_data.input)
        place = max(at for at, item in enumerate(items) if item.get("role") == "user")
        items[place] = {"role": "user", "content": with_notes(text, recollection.texts)}
        return ModelInputData(input=items, instructions=data.model_data.instructions)

    config = RunConfig(call_model_input_filter=with_memory)
    reply = str((await Runner.run(agent, text, run_config=config)).final_output)
    await memory.add_messages([{"role": "user", "content": text}], scope=scope)
    return reply


def as_function_tool(tool: BaseTool) -> FunctionTool:
    """Return a tool for the SDK; an error is an answer to the model, and ends no run."""

    async def use(context: ToolContext[Any], arguments: str) -> str:
        try:
            given = json.loads(arguments)
        except ValueError as error:
            return f"the arguments are not JSON: {error}"
        if not isinstance(given, dict):
            return "the arguments are no JSON object"
        return (await arun_tool(tool, given)).text

    function = convert_to_openai_tool(tool)["function"]
    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=function["parameters"],
        on_invoke_tool=use,
        strict_json_schema=False,
    )


async def main(
    url: str, model: str, api_key: str = "none", embedder: str | Embeddings = "all-MiniLM-L6-v2"
) -> list[str]:
    """Tell an agent something, ask for it, and ask an agent that looks it up by itself."""
    client = AsyncOpenAI(base_url=url, api_key=api_key)
    async with client, await AsyncMemory.in_memory(embedder=embedder) as memory:
        chat = OpenAIChatCompletionsModel(model, client)
        ada = Scope(user="ada")  # from your login: no argument of a tool names a user

        agent = Agent[None](name="with notes", instructions="Answer briefly.", model=chat)
        replies = [
            await say(agent, memory, ada, "My boat is called Otto."),
            await say(agent, memory, ada, "What is my boat called?"),
        ]

        tools = [as_function_tool(tool) for tool in memory_tools(memory.sync, ada)]
        searching = Agent[None](
            name="with tools",
            instructions="Look up what you do not know. Answer briefly.",
            model=chat,
            tools=[*tools],
        )
        result = await Runner.run(searching, "What is my boat called?")
        replies.append(str(result.final_output))
        print("\n".join(replies))
        return replies


if __name__ == "__main__":
    local: Any = open_chat("local")  # or give `main` the URL and the model of your server
    key = local.openai_api_key.get_secret_value()
    asyncio.run(main(local.openai_api_base, local.model_name, key))
