"""Exceptions that memagent raises on purpose.

    MemagentError
    ├── UserError              the user can fix it: one line, exit code 1, no traceback
    │   ├── ConfigError        an unknown key or a value of the wrong kind
    │   ├── InvalidInput       empty, binary or oversized text; a malformed file
    │   ├── StoreError         the store cannot be opened, read or written
    │   │   ├── EmbedderMismatch   the store was written with another embedder
    │   │   ├── StoreBusy          others have been writing for longer than a writer waits
    │   │   └── ForgottenMeanwhile what a text was made from is forgotten
    │   ├── ModelUnavailable   no server answers at the URL, or it refused
    │   │   ├── EmbeddingError the embedder gave what is no vector
    │   │   └── WeightsMissing the embedded model or embedder is not on this disk
    │   ├── NoAnswer           the model's reply holds no answer
    │   ├── ContextTooLong     the messages do not fit into the model's context
    │   ├── SandboxUnavailable this machine cannot run Python code in a sandbox
    │   └── RunError           an evaluation cannot start or go on
    └── StructuredOutputError  the model's answer does not fit the JSON schema

Anything else that escapes is a bug.
"""

import reprlib
from typing import Any, Literal

OutputProblem = Literal["truncated", "not JSON", "does not fit"]
"""Reason why an answer does not fit its JSON schema."""
OUTPUT_PROBLEMS: dict[OutputProblem, str] = {
    "truncated": "was cut off at its last token",
    "not JSON": "is not JSON",
    "does not fit": "does not fit the schema",
}


_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother, _REPR.maxlong = 3, 100, 100, 50


def one_line(text: object) -> str:
    """Return a text on one line, for an error's message."""
    return " ".join(str(text).split())


def shown(value: Any) -> str:
    """Return a value as an error shows it: short and on one line, whatever it is."""
    try:
        return one_line(_REPR.repr(value))
    except Exception:  # its own `repr` fails: an integer of 5,000 digits, a broken class
        return f"a {type(value).__name__}"


MAX_DETAIL = 200
"""Characters of a validator's own words that an error passes on."""


class MemagentError(Exception):
    """Base class of everything that memagent raises on purpose."""


class UserError(MemagentError):
    """A problem that the reader of the message can fix."""


class ConfigError(UserError):
    """A setting is unknown or has a value of the wrong kind."""


class InvalidInput(UserError, ValueError):
    """A text, a file or an argument is not acceptable; also a ValueError."""


class StoreError(UserError):
    """The store cannot be opened, read or written."""


class EmbedderMismatch(StoreError):
    """The store holds vectors of another embedder."""


class StoreBusy(StoreError):
    """Others have been writing to the store for longer than a writer waits."""


class ForgottenMeanwhile(StoreError):
    """A record that a text was made from was forgotten before the text was written."""


class ModelUnavailable(UserError):
    """The model's server does not answer, or refuses."""


class EmbeddingError(ModelUnavailable):
    """The embedder gave a vector that cannot be used: not finite, all zeros, of another length."""


class WeightsMissing(ModelUnavailable):
    """The weights are not on this disk."""


class NoAnswer(UserError):
    """The model's reply holds no answer; `answer` is the empty one, with reasoning and usage."""

    def __init__(self, reason: str, answer: Any = None) -> None:
        super().__init__(f"the model gave no answer: {reason}")
        self.answer = answer


class ContextTooLong(UserError):
    """The messages do not fit into the model's context."""


class SandboxUnavailable(UserError):
    """Sandboxing fails: this machine cannot keep a program from the network and other files."""


class RunError(UserError):
    """An evaluation cannot start or go on."""


class StructuredOutputError(MemagentError):
    """The model's answer does not fit the JSON schema: `reason` says why, `text` is the answer."""

    def __init__(self, reason: OutputProblem, text: str, detail: str = "") -> None:
        message = f"the model's answer {OUTPUT_PROBLEMS[reason]}"
        super().__init__(f"{message}: {one_line(detail)[:MAX_DETAIL]}" if detail else message)
        self.reason: OutputProblem = reason
        self.text = text
