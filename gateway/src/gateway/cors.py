"""Cross-origin pages: those of the origins that the operator named, and no others.

Access tokens travel in a header that a page must set itself, so no credentials are allowed, and a
page of another origin learns nothing from us.
"""

from typing import Final

from gateway.headers import Head, Pairs

_REQUEST_HEADERS: Final = b"authorization, content-type, idempotency-key, traceparent, x-request-id"
_SHOWN_HEADERS: Final = b"link, location, retry-after, www-authenticate, x-request-id"
_PREFLIGHT_AGE_S: Final = b"600"


class Cors:
    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def answer_headers(self, head: Head) -> Pairs:
        """For every answer. A cache must know that the answer depends on who asks."""
        if not self._origins:
            return []
        vary = (b"vary", b"origin")
        origin = head.get(b"origin")
        if origin not in self._origins:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _SHOWN_HEADERS),
        ]

    def is_preflight(self, method: str, head: Head) -> bool:
        return (
            method == "OPTIONS"
            and head.get(b"origin") in self._origins
            and head.get(b"access-control-request-method") is not None
        )

    @staticmethod
    def preflight_headers(allow: str) -> Pairs:
        return [
            (b"access-control-allow-methods", allow.encode()),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_AGE_S),
        ]
