"""Who is calling: a bad token is refused here, so that it never costs a service anything.

The services verify it again themselves, so nothing about the caller is passed on but the token.
"""

from cinema_shared.problems import Unauthorized
from cinema_shared.tokens import Verifier
from cinema_shared.tokens.verifier import InvalidToken

from gateway.headers import Head
from gateway.routes import Route


def check_caller(verifier: Verifier, route: Route, head: Head, *, needed: bool) -> None:
    """Raise where the token is bad, or is needed and missing."""
    if not route.checks_token:
        return
    sent = head.text(b"authorization")
    if sent is None:
        if needed:
            raise Unauthorized
        return
    scheme, _, token = sent.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken
    verifier.verify(token.strip())
