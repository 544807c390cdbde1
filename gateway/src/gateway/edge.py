"""What is refused at the door, before anybody asks where it was to go."""

import re
from typing import ClassVar, Final

from cinema_shared.http.strict import MAX_BODY_BYTES
from cinema_shared.problems import BadRequest, Problem

from gateway.headers import Head

MAX_TARGET_BYTES: Final = 8_192
MAX_HEAD_BYTES: Final = 32_768
_MAX_HEADERS: Final = 100

# No dot segments, no empty ones, and no encoding of what would make one: `.`, `/`, `\`, `;`, `%`
# and control characters. A service that decodes once more cannot be led elsewhere.
_PATH: Final = re.compile(
    rb"(?=/)(?:/(?!\.{1,2}(?:/|\Z))"
    rb"(?:[A-Za-z0-9._~!$&'()*+,=:@-]"
    rb"|%(?![01]|2[5EeFf]|3[Bb]|5[Cc]|7[Ff])[0-9A-Fa-f]{2})+)*/?"
)
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x7e]*")
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_ONCE: Final = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"transfer-encoding",
    }
)


class BodyTooLarge(Problem):
    status: ClassVar[int] = 413
    code: ClassVar[str] = "body_too_large"
    detail = "The body is larger than 1 MB."


class TargetTooLong(Problem):
    status: ClassVar[int] = 414
    code: ClassVar[str] = "uri_too_long"
    detail = "The path and query are longer than 8 kB."


class HeadTooLarge(Problem):
    status: ClassVar[int] = 431
    code: ClassVar[str] = "headers_too_large"
    detail = "The headers are larger than 32 kB, or more than 100."


def check_target(path: bytes, query: bytes, target: bytes | None) -> None:
    """`target` is the request line's, as sent, where the server tells it."""
    if len(path) + len(query) > MAX_TARGET_BYTES:
        raise TargetTooLong
    if target is not None and not target.startswith(b"/"):
        raise BadRequest("Send the path alone, not an absolute address.")
    if not _PATH.fullmatch(path) or (target is not None and b"#" in target):
        raise BadRequest("The path is not in its plain form.")
    if query and not _QUERY.fullmatch(query):
        raise BadRequest("The query contains characters that must be percent-encoded.")


def check_head(head: Head, http_version: str) -> None:
    if head.size > MAX_HEAD_BYTES or head.count > _MAX_HEADERS:
        raise HeadTooLarge
    if head.repeated and (repeated := sorted(head.repeated & _ONCE)):
        raise BadRequest(f"More than one {repeated[0].decode().title()} header was sent.")
    host = head.get(b"host")
    if host is None:
        if http_version != "1.0":
            raise BadRequest("The Host header is missing.")
    elif not _HOST.fullmatch(host):
        raise BadRequest("The Host header is not a host name.")
    for _, value in head.forward:
        if not value.isascii():
            _check_utf8(value)


def _check_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise BadRequest("A header is not valid UTF-8.") from None


def body_length(head: Head) -> int | None:
    """How long the body says it is: 0 where there is none, None where it comes in chunks."""
    coding = head.get(b"transfer-encoding")
    length = head.get(b"content-length")
    if coding is not None:
        if coding.lower() != b"chunked" or length is not None:
            raise BadRequest("Only the chunked transfer coding is understood.")
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise BadRequest("The Content-Length header is not a number.")
    if int(length) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return int(length)
