"""`token/`, `token/refresh/`, `token/revoke/`, and what verifiers ask of auth."""

from datetime import timedelta
from typing import Annotated, Any, Final

from cinema_shared.database import Transaction
from cinema_shared.http.strict import StrictRoute
from cinema_shared.tokens import Revocations
from fastapi import APIRouter, Query, Request, Response

from auth_service.resources import Auth
from auth_service.tokens import revocations, service
from auth_service.tokens.client import client_address
from auth_service.tokens.schemas import Credentials, RefreshToken, RevocationsQuery, TokenPair

# A new key is published for longer than this before it signs anything.
KEYS_MAX_AGE: Final = timedelta(minutes=1)

router = APIRouter(route_class=StrictRoute, tags=["tokens"])


@router.post("/token")
async def log_in(body: Credentials, auth: Auth, request: Request, response: Response) -> TokenPair:
    response.headers["Cache-Control"] = "no-store"
    return await service.log_in(auth, client_address(request), body)


@router.post("/token/refresh")
async def refresh(body: RefreshToken, auth: Auth, response: Response) -> TokenPair:
    response.headers["Cache-Control"] = "no-store"
    return await service.refresh(auth, body.refresh)


@router.post("/token/revoke", status_code=204)
async def revoke(body: RefreshToken, auth: Auth) -> None:
    await service.log_out(auth, body.refresh)


@router.get("/.well-known/jwks.json")
async def keys(auth: Auth, response: Response) -> dict[str, list[dict[str, Any]]]:
    auth.signer.require_key()
    response.headers["Cache-Control"] = f"public, max-age={int(KEYS_MAX_AGE.total_seconds())}"
    return {"keys": auth.signer.keyring.public}


@router.get("/internal/revocations", include_in_schema=False)
async def read_revocations(
    query: Annotated[RevocationsQuery, Query()], auth: Auth, transaction: Transaction
) -> Revocations:
    return await revocations.since(transaction, query.since, auth.access_lifetime)
