"""A route that refuses what it does not know: query parameters, doubled keys, odd numbers."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from cinema_shared.problems import Unprocessable, invalid

MAX_BODY_BYTES: Final = 1_000_000


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    object_ = dict(pairs)
    if len(object_) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return object_


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


class _StrictRequest(Request):
    malformed: str | None = None

    async def json(self) -> Any:
        """The body's value. One that is no JSON is told of later: who asks, is asked first."""
        body = await self.body()
        try:
            return _decoder.decode(body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            self.malformed = (
                "nested too deeply" if isinstance(error, RecursionError) else str(error)
            )
            # Fits no model, so that validation fails, which comes after the caller's check.
            return b""


def _takes_query(dependant: Dependant) -> bool:
    return bool(dependant.query_params) or any(map(_takes_query, dependant.dependencies))


class StrictRoute(APIRoute):
    """For every router: `APIRouter(route_class=StrictRoute)`.

    An endpoint that takes query parameters declares them as one model with `extra="forbid"`,
    which refuses the rest by itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Here and not on the application, where FastAPI would answer before our own middleware.
        kwargs["max_body_size"] = kwargs.get("max_body_size") or MAX_BODY_BYTES
        super().__init__(*args, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        takes_query = _takes_query(self.dependant)

        async def strict(request: Request) -> Response:
            if request.scope["query_string"] and not takes_query:
                errors = [
                    {"field": name, "message": "this endpoint takes no such parameter"}
                    for name in request.query_params
                ]
                raise Unprocessable("This endpoint takes no query parameters.", errors=errors)
            strictly = _StrictRequest(request.scope, request.receive)
            try:
                return await handler(strictly)
            except RequestValidationError:
                if strictly.malformed is None:
                    raise
                raise invalid("body", f"no JSON: {strictly.malformed}") from None

        return strict
