"""Which request is being served: carried through logs, answers and events.

`request_id` is the client's `X-Request-ID` or one made here; `traceparent` is W3C Trace Context.
"""

import re
import secrets
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def accept_request_id(sent: str | None) -> str:
    """The identifier as it was sent, or a new one where that is missing or odd."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


def accept_traceparent(sent: str | None) -> str:
    """The trace as it was sent, or the start of a new one."""
    if sent and _TRACEPARENT.fullmatch(sent):
        return sent
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
