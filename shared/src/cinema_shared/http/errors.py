"""One renderer for every error, whoever raised it."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cinema_shared import problems
from cinema_shared.database import is_outage

log = structlog.get_logger(__name__)

_BY_STATUS = {
    400: ("bad_request", "The request cannot be understood."),
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not know that method."),
    413: ("body_too_large", "The body is larger than 1 MB."),
}


def render(
    status: int,
    code: str,
    detail: str,
    *,
    extras: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(
        problems.body(status, code, detail, extras),
        status_code=status,
        media_type=problems.MEDIA_TYPE,
        headers=headers,
    )


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, problems.Problem)  # noqa: S101
    return render(
        error.status, error.code, error.detail, extras=error.extras, headers=error.headers
    )


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    code, detail = _BY_STATUS.get(
        error.status_code, (f"http_{error.status_code}", "The request was refused.")
    )
    return render(error.status_code, code, detail, headers=error.headers)


async def _validation(_: Request, error: Exception) -> Response:
    """Names the fields and what is wrong with each; never repeats what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [
        {
            "field": ".".join(_fields(item["loc"])) or str(item["loc"][0]),
            "message": str(item["msg"]).removeprefix("Value error, "),
        }
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:3])
    return render(422, "validation_error", detail, extras={"errors": errors})


def _fields(place: Sequence[str | int]) -> list[str]:
    """The way to the field. What stands in <> is a variant of the body, and no field."""
    return [part for part in map(str, place[1:]) if not part.startswith("<")]


async def _outage(request: Request, error: Exception) -> Response:
    if is_outage(error):
        log.warning("dependency_unavailable", path=request.url.path, error=type(error).__name__)
        return await _problem(request, problems.ServiceUnavailable())
    raise error


def install(app: FastAPI) -> None:
    """Every answer of 400 and above leaves as problem+json."""
    app.add_exception_handler(problems.Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    for kind in (SQLAlchemyError, OSError, TimeoutError):
        app.add_exception_handler(kind, _outage)
