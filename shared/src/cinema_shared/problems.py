"""The errors a client may meet, as RFC 9457 problems.

Problem
├── BadRequest           400
├── Unauthorized         401
├── Forbidden            403
├── NotFound             404
├── Conflict             409
├── Gone                 410
├── Unprocessable        422
├── TooManyRequests      429
└── ServiceUnavailable   503

A rule's own error is a subclass beside the rule, with its `code`, the stable name of the refusal.
Nothing here tells more than the sentence it was given: no stack, no SQL, no address.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from cinema_shared import context

MEDIA_TYPE = "application/problem+json"
# As RFC 9110 has them; the standard library's words differ from one Python to the next.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Problem(Exception):  # noqa: N818  (named as RFC 9457 names it)
    """A refusal: `status` and `code` by class, `detail` one plain sentence, `extras` as named."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    detail: str = "Something went wrong on our side; it has been logged."

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extras: Any,
    ) -> None:
        if detail is not None:
            self.detail = detail
        super().__init__(self.detail)
        self.headers = dict(headers or {})
        self.extras = extras


class BadRequest(Problem):
    status = 400
    code = "bad_request"
    detail = "The request cannot be understood."


class Unauthorized(Problem):
    status = 401
    code = "unauthorized"
    detail = "Log in first: send a valid access token as a bearer token."

    def __init__(self, detail: str | None = None, **extras: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="cinema"'}, **extras)


class Forbidden(Problem):
    status = 403
    code = "forbidden"
    detail = "Your role does not allow this."


class NotFound(Problem):
    status = 404
    code = "not_found"
    detail = "There is nothing here."


class Conflict(Problem):
    status = 409
    code = "conflict"


class Gone(Problem):
    status = 410
    code = "gone"


class Unprocessable(Problem):
    status = 422
    code = "validation_error"
    detail = "The request is not valid."


class TooManyRequests(Problem):
    status = 429
    code = "too_many_requests"
    detail = "Too many requests; slow down."

    def __init__(self, retry_after: int = 1, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class ServiceUnavailable(Problem):
    status = 503
    code = "service_unavailable"
    detail = "A part of the service cannot be reached just now; try again shortly."

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


def invalid(field: str, message: str) -> Unprocessable:
    """A 422 for one field, in the shape that the request's own validation has."""
    return Unprocessable(f"{field}: {message}", errors=[{"field": field, "message": message}])


def body(status: int, code: str, detail: str, extras: Mapping[str, Any] | None = None) -> bytes:
    """The JSON text of a problem, the current request's identifier included."""
    return json.dumps(
        {
            "type": f"urn:cinema:problem:{code}",
            "title": _TITLES.get(status) or HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "code": code,
            "request_id": context.request_id.get(),
            **(extras or {}),
        }
    ).encode()
