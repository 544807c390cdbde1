"""`python -m gateway api`."""

from cinema_shared.serve import dispatch, serve

from gateway.protocol import EdgeProtocol
from gateway.settings import Settings

# An idle client is let go well before it is a burden.
_KEEP_ALIVE_S = 8


def api() -> None:
    serve(
        "gateway.api:create",
        Settings(),
        http=EdgeProtocol,
        timeout_keep_alive=_KEEP_ALIVE_S,
        # Whoever calls is the peer: here X-Forwarded-For is anybody's to write.
        proxy_headers=False,
    )


dispatch("gateway", {"api": api})
