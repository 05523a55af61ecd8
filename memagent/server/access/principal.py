"""Principal: who a request comes from, and whose memory it may read and write."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from memagent.errors import InvalidInput, shown
from memagent.server.problems import Forbidden
from memagent.types import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Holder of a credential: its name, and the users it may speak for.

    `users` are the users of the key, None if it may speak for anybody. `default` is the user where
    a request names none; None if it has to. With `read_only` nothing may be written. `key` is the
    id of the API key, None on a loopback server that has no keys.
    """

    name: str
    users: tuple[str, ...] | None
    default: str | None = None
    read_only: bool = False
    key: str | None = None

    def scope(
        self, user: str | None = None, agent: str | None = None, session: str | None = None
    ) -> Scope:
        """Return the scope of a request; `user` counts only where the credential allows it.

        Raises:
            Forbidden: the credential does not speak for that user.
            InvalidInput: the credential speaks for several users, and none is named; or a name is
                no name.
        """
        whose = self.default if user is None else user
        if whose is None:
            raise InvalidInput("this key speaks for several users: say which one (`user`)")
        if self.users is not None and whose not in self.users:
            raise Forbidden(f"this key does not speak for user {shown(whose)}")
        return Scope(user=whose, agent=agent, session=session)

    def require_write(self) -> None:
        """Refuse a request that writes if the credential may only read.

        Raises:
            Forbidden: it may only read.
        """
        if self.read_only:
            raise Forbidden("this key may only read")


def principal_of(request: HTTPConnection) -> Principal:
    """Return the principal of a request, which the access layer put there."""
    found = request.state.principal
    assert isinstance(found, Principal)
    return found
