from datetime import date

import pytest
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from memagent import Memory, Scope
from memagent.tools.calculator import calculator
from memagent.tools.dates import date_tools
from memagent.tools.memory import memory_tools
from memagent.tools.python import python_tool


@pytest.fixture
def tools(memory: Memory, ada: Scope) -> list[BaseTool]:
    dates = date_tools(lambda: date(2024, 2, 29))
    return [*memory_tools(memory, ada), calculator(), *dates, python_tool(sandboxed=False)]


def test_a_model_is_told_every_tool_in_a_sentence_and_plain_types(tools: list[BaseTool]) -> None:
    assert len({tool.name for tool in tools}) == len(tools) == 10
    for tool in tools:
        told = convert_to_openai_tool(tool)["function"]
        assert told["name"] == tool.name
        assert told["description"].endswith(".")
        assert told["description"].count(". ") == 0
        assert "$defs" not in told["parameters"]
        for name, argument in told["parameters"]["properties"].items():
            assert argument["type"] in ("string", "integer", "array"), (tool.name, name)
