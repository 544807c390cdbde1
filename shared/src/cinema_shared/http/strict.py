"""A route that refuses what it does not know: query parameters, doubled keys, odd numbers."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from cinema_shared.problems import Unprocessable


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    object_ = dict(pairs)
    if len(object_) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return object_


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


class _StrictRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        try:
            text = body.decode("utf-8")
            return _decoder.decode(text)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise json.JSONDecodeError(reason, "", 0) from None


def _takes_query(dependant: Dependant) -> bool:
    return bool(dependant.query_params) or any(map(_takes_query, dependant.dependencies))


class StrictRoute(APIRoute):
    """For every router: `APIRouter(route_class=StrictRoute)`.

    An endpoint that takes query parameters declares them as one model with `extra="forbid"`,
    which refuses the rest by itself.
    """

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
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict
