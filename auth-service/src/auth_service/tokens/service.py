"""Logging in, refreshing, logging out.

Each opens its transactions itself: no connection is held while a password is hashed, and some of
what they write must be committed although the answer is a refusal.
"""

import structlog
from cinema_shared.problems import Unauthorized

from auth_service.resources import Resources
from auth_service.tokens import families
from auth_service.tokens.schemas import Credentials, TokenPair
from auth_service.users import service as users

log = structlog.get_logger(__name__)


class InvalidCredentials(Unauthorized):
    code = "invalid_credentials"
    detail = "No active account has this user name and password."


class InvalidRefreshToken(Unauthorized):
    code = "invalid_token"
    detail = "The refresh token is not valid, or no longer."


async def log_in(auth: Resources, address: str, credentials: Credentials) -> TokenPair:
    auth.signer.require_key()
    auth.hasher.require_room()
    async with auth.throttle.turn(address, credentials.username) as subject:
        async with auth.database.transaction() as transaction:
            attempt = await auth.throttle.note(transaction, subject)
            user = await users.find_by_name(transaction, credentials.username)
        # Whoever is unknown, disabled or wrong is told so after the same work.
        known = user.password_hash if user else None
        if not await auth.hasher.matches(credentials.password, known) or user is None:
            raise InvalidCredentials
        async with auth.database.transaction() as transaction:
            bearer = await families.start(transaction, user.id)
            if bearer is None:
                raise InvalidCredentials
            await auth.throttle.strike_out(transaction, attempt)
            refresh = await families.issue(transaction, bearer.family, auth.refresh_lifetime)
    return _pair(auth, bearer, refresh)


async def refresh(auth: Resources, token: str) -> TokenPair:
    auth.signer.require_key()
    async with auth.database.transaction() as transaction:
        bearer = await families.use(transaction, token)
        if bearer is not None:
            new = await families.issue(transaction, bearer.family, auth.refresh_lifetime)
        elif await families.end_if_replayed(transaction, token):
            log.warning("refresh_token_replayed")
    # Raised only here: the end of the family must have been committed.
    if bearer is None:
        raise InvalidRefreshToken
    return _pair(auth, bearer, new)


async def log_out(auth: Resources, token: str) -> None:
    async with auth.database.transaction() as transaction:
        await families.end(transaction, token)


def _pair(auth: Resources, bearer: families.Bearer, refresh: str) -> TokenPair:
    return TokenPair(
        access=auth.signer.access_token(bearer),
        refresh=refresh,
        expires_in=int(auth.access_lifetime.total_seconds()),
    )
