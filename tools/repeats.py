"""The guard against a model that makes the same call again and again."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from memagent.tools.observation import Observation


class Repeats:
    """Counts the calls of one run; the one after `most` identical ones is stopped.

    Identical are a tool's name and its arguments, in whatever order these were given.
    """

    def __init__(self, most: int = 2) -> None:
        self.most = most
        self._calls: Counter[str] = Counter()

    def stop(self, name: str, arguments: Mapping[str, Any]) -> Observation | None:
        """Count a call; return what to tell the model instead of making it, None if it is new."""
        call = json.dumps([name, dict(arguments)], sort_keys=True, default=repr)
        self._calls[call] += 1
        if self._calls[call] <= self.most:
            return None
        told = f"{name} was called with these arguments {self.most} times already"
        return Observation(
            text=f"{told}: not called again. Use what it said, or do something else.", error=True
        )
