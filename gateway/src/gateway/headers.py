"""Headers: read once, stripped of what is not the client's to say, and of what ends at each hop.

No header speaks of who is calling but `Authorization`, which every service verifies again. The
others that speak of identity, origin or another path are dropped all the same, on every route, so
that nothing behind us can ever come to believe them.
"""

from collections.abc import Iterable
from typing import Final

Pairs = list[tuple[bytes, bytes]]

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"expect",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Written by us, from what we know.
_OURS: Final = frozenset({b"host", b"content-length", b"x-request-id", b"traceparent"})
_CLAIMS: Final = frozenset(
    {
        b"client-ip",
        b"forwarded",
        b"remote-user",
        b"true-client-ip",
        b"via",
        b"x-client-ip",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-uri",
        b"x-original-url",
        b"x-real-ip",
        b"x-rewrite-url",
    }
)
_CLAIMED: Final = (
    b"x-auth",
    b"x-forwarded",
    b"x-internal",
    b"x-is-",
    b"x-remote",
    b"x-role",
    b"x-staff",
    b"x-user",
)
_NOT_FORWARDED: Final = _HOP_BY_HOP | _OURS | _CLAIMS
# A client that names one of these in `Connection` is mistaken, and is not obeyed.
_END_TO_END: Final = frozenset({b"authorization", b"content-type", b"idempotency-key"})

# Date is written by the server that we run in; the others tell of what runs behind.
_NOT_RETURNED: Final = _HOP_BY_HOP | {b"date", b"server", b"via", b"x-powered-by", b"x-request-id"}


class Head:
    """A request's headers: `first` of each name, the names that are `repeated`, and `forward`."""

    __slots__ = ("count", "first", "forward", "repeated", "size")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.first: dict[bytes, bytes] = {}
        self.repeated: set[bytes] = set()
        self.forward: Pairs = []
        self.size = self.count = 0
        for pair in headers:
            name, value = pair
            self.count += 1
            self.size += len(name) + len(value) + 4
            if name in self.first:
                self.repeated.add(name)
            else:
                self.first[name] = value
            # `X_User_Id` is `X-User-Id` to anything that makes variables of headers.
            if name in _NOT_FORWARDED or b"_" in name or name.startswith(_CLAIMED):
                continue
            self.forward.append(pair)
        if b"connection" in self.first:
            named = _named(value for name, value in headers if name == b"connection")
            self.forward = [pair for pair in self.forward if pair[0] not in named - _END_TO_END]

    def get(self, name: bytes) -> bytes | None:
        return self.first.get(name)

    def text(self, name: bytes) -> str | None:
        value = self.first.get(name)
        return None if value is None else value.decode("latin-1")


def _named(values: Iterable[bytes]) -> set[bytes]:
    return {name.strip().lower() for value in values for name in value.split(b",")}


def returned(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """A service's headers as the client gets them."""
    pairs = [(name.lower(), value) for name, value in headers]
    dropped = _NOT_RETURNED | _named(value for name, value in pairs if name == b"connection")
    if status in (204, 304):
        # There is no body to be so long.
        dropped |= {b"content-length"}
    return [pair for pair in pairs if pair[0] not in dropped]
