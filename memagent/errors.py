"""Every exception that memagent raises on purpose.

    MemagentError
    ├── UserError              somebody can mend it: one line, exit code 1, no traceback
    │   ├── ConfigError        an unknown key or a value of the wrong kind
    │   ├── InvalidInput       empty, binary or oversized text; a malformed file
    │   ├── StoreError         the store cannot be opened, read or written
    │   │   └── EmbedderMismatch   the store was written with another embedder
    │   ├── ModelUnavailable   nobody answers at the URL, or the server refused
    │   │   └── WeightsMissing the embedded model or embedder is not on this disk
    │   ├── ContextTooLong     the messages do not fit into the model's context
    │   ├── SandboxUnavailable this machine cannot keep a program's hands off the rest of it
    │   └── RunError           an evaluation cannot start or go on as asked
    └── StructuredOutputError  the model's mistake: its answer has not the shape asked for

Anything else that escapes is a bug.
"""

from typing import Literal

Misfit = Literal["truncated", "not JSON", "does not fit"]
"""Why an answer has not the shape asked for."""
MISFITS: dict[Misfit, str] = {
    "truncated": "was cut off at its last token",
    "not JSON": "is not JSON",
    "does not fit": "does not fit the schema",
}


class MemagentError(Exception):
    """The root: catch this to catch everything memagent raises on purpose."""


class UserError(MemagentError):
    """Something the person who reads the message can mend."""


class ConfigError(UserError):
    """A setting is unknown or has a value of the wrong kind."""


class InvalidInput(UserError, ValueError):
    """The text or the file given cannot be taken: a ValueError to who does not know memagent."""


class StoreError(UserError):
    """The store cannot be opened, read or written."""


class EmbedderMismatch(StoreError):
    """The store holds vectors of another embedder."""


class ModelUnavailable(UserError):
    """The model's server does not answer, or refuses."""


class WeightsMissing(ModelUnavailable):
    """The weights are not on this disk."""


class ContextTooLong(UserError):
    """The messages do not fit into the model's context."""


class SandboxUnavailable(UserError):
    """This machine cannot keep a program from the network and from other files."""


class RunError(UserError):
    """An evaluation cannot start or go on as asked."""


class StructuredOutputError(MemagentError):
    """The model's answer has not the shape asked for: `reason` says why, `text` is what it said."""

    def __init__(self, reason: Misfit, text: str, detail: str = "") -> None:
        said = f"the model's answer {MISFITS[reason]}"
        super().__init__(f"{said}: {detail}" if detail else said)
        self.reason: Misfit = reason
        self.text = text
