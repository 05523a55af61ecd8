"""Confirmation tokens: `forget_memory` erases exactly the records that it listed before."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable

from memagent.errors import InvalidInput
from memagent.types import Receipt, Scope

LIFETIME = 600
"""Seconds for which a token is good."""
AGAIN = "call forget_memory without a confirmation to see what would go now"


class Confirmations:
    """Maker and checker of tokens; they are good for one scope, one plan, and ten minutes.

    Nothing is kept but a secret of this process, so that any number of them can be open at once.
    `clock` tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._secret = secrets.token_bytes(32)
        self._clock = clock

    def token(self, scope: Scope, plan: Receipt) -> str:
        """Return the token for a dry run's receipt."""
        until = int(self._clock()) + LIFETIME
        return f"{until:x}-{self._digest(scope, plan, until)}"

    def check(self, token: str, scope: Scope, plan: Receipt) -> None:
        """Refuse a token that is not for this scope and exactly these records.

        Raises:
            InvalidInput: it was never given, has run out, or something else would go by now.
        """
        head, _, digest = token.partition("-")
        try:
            until = int(head, 16)
        except ValueError:
            raise InvalidInput(f"this is no confirmation: {AGAIN}") from None
        expected = self._digest(scope, plan, until)
        if not hmac.compare_digest(expected.encode(), digest.encode("utf-8", "replace")):
            raise InvalidInput(f"this confirmation is not for these records as they are: {AGAIN}")
        if self._clock() > until:
            raise InvalidInput(f"this confirmation has run out: {AGAIN}")

    def _digest(self, scope: Scope, plan: Receipt, until: int) -> str:
        gone = sorted({*plan.asked, *plan.derived})
        parts = [scope.user, scope.agent, scope.session, gone, plan.records, until]
        message = json.dumps(parts).encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()[:32]
