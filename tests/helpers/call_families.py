"""Tool calls as model families write them into their text, where no server reads them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Arguments = Mapping[str, Any]
Writer = Callable[[str, Arguments], str]


def _named(name: str, arguments: Arguments, key: str = "arguments") -> str:
    return json.dumps({"name": name, key: arguments})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _python(name: str, arguments: Arguments) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def _qwen_coder(name: str, arguments: Arguments) -> str:
    lines = "".join(
        f"<parameter={key}>\n{_text(value)}\n</parameter>\n" for key, value in arguments.items()
    )
    return f"<tool_call>\n<function={name}>\n{lines}</function>\n</tool_call>"


def _glm(name: str, arguments: Arguments) -> str:
    lines = "".join(
        f"<arg_key>{key}</arg_key>\n<arg_value>{_text(value)}</arg_value>\n"
        for key, value in arguments.items()
    )
    return f"<tool_call>{name}\n{lines}</tool_call>"


def _minimax(name: str, arguments: Arguments) -> str:
    lines = "".join(
        f'<parameter name="{key}">{_text(value)}</parameter>\n' for key, value in arguments.items()
    )
    return f'<minimax:tool_call>\n<invoke name="{name}">\n{lines}</invoke>\n</minimax:tool_call>'


def _dsml(name: str, arguments: Arguments) -> str:
    lines = "".join(
        f'<｜DSML｜parameter name="{key}" string="{str(isinstance(value, str)).lower()}">'
        f"{_text(value)}</｜DSML｜parameter>\n"
        for key, value in arguments.items()
    )
    return (
        f'<｜DSML｜function_calls>\n<｜DSML｜invoke name="{name}">\n{lines}</｜DSML｜invoke>\n'
        "</｜DSML｜function_calls>"
    )


def _gemma4(name: str, arguments: Arguments) -> str:
    parts = [
        f'{key}:<|"|>{value}<|"|>' if isinstance(value, str) else f"{key}:{json.dumps(value)}"
        for key, value in arguments.items()
    ]
    return f"<|tool_call>call:{name}{{{','.join(parts)}}}<tool_call|>"


def _command(name: str, arguments: Arguments) -> str:
    return json.dumps([{"tool_name": name, "parameters": arguments}], indent=4)


FAMILIES: Mapping[str, Writer] = {
    "hermes": lambda name, args: f"<tool_call>\n{_named(name, args)}\n</tool_call>",
    "smollm2": lambda name, args: f"<tool_call>[{_named(name, args)}]</tool_call>",
    "qwen-coder": _qwen_coder,
    "mistral": lambda name, args: f"[TOOL_CALLS] [{_named(name, args)}]",
    "mistral-11": lambda name, args: f"[TOOL_CALLS]{name}{json.dumps(args)}",
    "mistral-13": lambda name, args: f"[TOOL_CALLS]{name}[ARGS]{json.dumps(args)}",
    "llama-3.1": lambda name, args: _named(name, args, "parameters"),
    "llama-3.1-tag": lambda name, args: (
        f"<|python_tag|>{_named(name, args, 'parameters')}<|eom_id|>"
    ),
    "llama-3.1-code": lambda name, args: "<|python_tag|>" + _python(f"{name}.call", args),
    "llama-3.1-tags": lambda name, args: f"<function={name}>{json.dumps(args)}</function>",
    "llama-4": lambda name, args: f"[{_python(name, args)}]",
    "llama-4-tag": lambda name, args: f"<|python_start|>[{_python(name, args)}]<|python_end|>",
    "lfm2": lambda name, args: f"<|tool_call_start|>[{_python(name, args)}]<|tool_call_end|>",
    "deepseek-v3": lambda name, args: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n"
        f"```json\n{json.dumps(args)}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "deepseek-v3.1": lambda name, args: (
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{name}<｜tool▁sep｜>"
        f"{json.dumps(args)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "deepseek-dsml": _dsml,
    "granite": lambda name, args: f"<|tool_call|>[{_named(name, args)}]",
    "phi-4": lambda name, args: f"functools[{_named(name, args)}]",
    "gemma-3": lambda name, args: f"```tool_code\n{_python(name, args)}\n```",
    "gemma-4": _gemma4,
    "command-r": lambda name, args: f"Action: ```json\n{_command(name, args)}\n```",
    "command-r7b": lambda name, args: f"<|START_ACTION|>{_command(name, args)}<|END_ACTION|>",
    "glm": _glm,
    "kimi": lambda name, args: (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{name}:0"
        f"<|tool_call_argument_begin|>{json.dumps(args)}<|tool_call_end|><|tool_calls_section_end|>"
    ),
    "minimax": _minimax,
    "gpt-oss": lambda name, args: (
        f"<|channel|>commentary to=functions.{name} <|constrain|>json<|message|>"
        f"{json.dumps(args)}<|call|>"
    ),
    "gpt-oss-role": lambda name, args: (
        f" to=functions.{name}<|channel|>commentary json<|message|>{json.dumps(args)}<|call|>"
    ),
    "memagent": lambda name, args: json.dumps({"tool": name, "arguments": args}),
    "fenced": lambda name, args: f"```json\n{_named(name, args)}\n```",
}
"""Families, and the form of a call of each; "memagent" is the form that our own prompt asks for."""
