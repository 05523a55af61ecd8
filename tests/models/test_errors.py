import httpx
import openai
import pytest

from memagent.errors import ContextTooLong, ModelUnavailable
from memagent.models.errors import translated, translation

REQUEST = httpx.Request("POST", "http://server/v1/chat/completions")


def refused(status: int, message: str) -> openai.APIStatusError:
    body = {"message": message, "type": "invalid_request_error"}
    response = httpx.Response(status, request=REQUEST, json={"error": body})
    return openai.APIStatusError(f"Error code: {status}", response=response, body=body)


@pytest.mark.parametrize(
    "message",
    [
        "request (6031 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "This model's maximum context length is 2048 tokens. However, you requested 256 output"
        " tokens and your prompt contains at least 1793 input tokens, for a total of at least 2049",
        "The decoder prompt (length 3001) is longer than the maximum model length of 2048.",
        "The engine prompt length 3001 exceeds the max_model_len 2048. Please reduce prompt.",
        "Your input exceeds the context window of this model.",
        "context_length_exceeded",
        "prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
def test_servers_say_in_many_words_that_a_prompt_is_too_long(message: str) -> None:
    ours = translation(refused(400, message))
    assert isinstance(ours, ContextTooLong)
    assert str(ours).endswith(f"400: {message}")
    assert isinstance(translation(refused(500, message)), ContextTooLong)
    assert isinstance(translation(refused(503, message)), ModelUnavailable)


def test_any_other_refusal_is_no_matter_of_length() -> None:
    ours = translation(refused(400, "max_tokens must be at least 1"))
    assert isinstance(ours, ModelUnavailable)
    assert str(ours) == "the model's server failed: 400: max_tokens must be at least 1"


def test_what_is_not_the_server_s_doing_passes_as_it_is() -> None:
    assert translation(ValueError("a bug")) is None
    with pytest.raises(ZeroDivisionError), translated():
        _ = 1 / 0
