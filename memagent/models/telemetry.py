"""Telemetry of the libraries underneath: switched off, or told where the environment asks for it.

memagent sends nothing by itself. LangChain traces every call of a model, prompt and answer, to a
service that variables of the environment name.
"""

import os
from collections.abc import Mapping
from functools import cache

from memagent.terminal import say

NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
"""Variables of the servers that memagent starts."""
LANGSMITH = (
    "LANGSMITH_TRACING_V2",
    "LANGSMITH_TRACING",
    "LANGCHAIN_TRACING_V2",
    "LANGCHAIN_TRACING",
)
"""Variables that switch LangSmith on."""
OTHERS = {
    "LANGCHAIN_HANDLER": "the handler that it names",
    "LANGCHAIN_WANDB_TRACING": "Weights & Biases",
    "LANGCHAIN_COMET_TRACING": "Comet",
}
"""Further variables that have LangChain trace."""
OFF = ("", "0", "false", "no", "off")


def traces() -> list[str]:
    """Return a line for each variable that has prompts and answers sent away."""
    lines = []
    for variable in LANGSMITH:
        if _is_on(variable):
            endpoint = os.environ.get("LANGSMITH_ENDPOINT") or os.environ.get("LANGCHAIN_ENDPOINT")
            where = "LangSmith" if endpoint is None else "the address in LANGSMITH_ENDPOINT"
            lines.append(f"{variable} is set: LangChain sends prompts and answers to {where}")
    for variable, where in OTHERS.items():
        if _is_on(variable):
            lines.append(f"{variable} is set: LangChain sends prompts and answers to {where}")
    return lines


@cache
def warn_of_traces() -> None:
    """Say on stderr, once a process, where the environment has prompts sent away."""
    for line in traces():
        say(f"memagent: {line}; unset it to keep them here", err=True)


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in OFF
