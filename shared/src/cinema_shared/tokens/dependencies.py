"""What an endpoint says of its caller: `CurrentUser`, `StaffUser`, `OptionalUser`.

A token that is sent is checked on public routes too, so `OptionalUser` refuses a bad one.
"""

from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.requests import Request

from cinema_shared.problems import BadRequest, Forbidden, Unauthorized
from cinema_shared.tokens.principal import Principal
from cinema_shared.tokens.verifier import InvalidToken, Verifier

# Only describes the scheme in the OpenAPI document; the check is below.
_scheme = HTTPBearer(auto_error=False, bearerFormat="JWT", description="An access token")


async def _optional_user(request: Request) -> Principal | None:
    sent = request.headers.getlist("authorization")
    if not sent:
        return None
    if len(sent) > 1:
        raise BadRequest("More than one Authorization header was sent.")
    scheme, _, token = sent[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken
    verifier: Verifier = request.app.state.verifier
    return verifier.verify(token.strip())


OptionalUser = Annotated[Principal | None, Depends(_optional_user)]


async def _current_user(
    user: OptionalUser, _: Annotated[object, Security(_scheme)] = None
) -> Principal:
    if user is None:
        raise Unauthorized
    return user


CurrentUser = Annotated[Principal, Depends(_current_user)]


async def _staff_user(user: CurrentUser) -> Principal:
    if not user.is_staff:
        raise Forbidden
    return user


StaffUser = Annotated[Principal, Depends(_staff_user)]
