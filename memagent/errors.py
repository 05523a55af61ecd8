"""Every exception that memagent raises on purpose.

    MemagentError
    └── UserError              somebody can mend it: one line, exit code 1, no traceback
        ├── ConfigError        an unknown key or a value of the wrong kind
        ├── InvalidInput       empty, binary or oversized text; a malformed file
        ├── StoreError         the store cannot be opened, read or written
        │   └── EmbedderMismatch   the store was written with another embedder
        ├── ModelUnavailable   nobody answers at the URL, or the server refused
        │   └── WeightsMissing the embedded model or embedder is not on this disk
        ├── SandboxUnavailable this machine cannot keep a program's hands off the rest of it
        └── RunError           an evaluation cannot start or go on as asked

Anything else that escapes is a bug.
"""


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


class SandboxUnavailable(UserError):
    """This machine cannot keep a program from the network and from other files."""


class RunError(UserError):
    """An evaluation cannot start or go on as asked."""
