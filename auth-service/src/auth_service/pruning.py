"""Deletes what is no longer of use: in small batches, so that nobody waits long for a lock.

Any number of workers may do so at once; each skips the rows that another has in hand.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from cinema_shared.database import Database
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service.tokens.revocations import MARGIN
from auth_service.tokens.tables import login_attempts, refresh_tokens, token_families
from auth_service.tokens.throttle import WINDOW

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
_BATCH: Final = 500
# A family takes its tokens along: a thousand and more where it was in use for two weeks.
_FAMILIES: Final = 50


async def prune(database: Database, access_lifetime: timedelta) -> None:
    """One round over everything."""

    async def ended_families(transaction: AsyncConnection) -> int:
        return await _ended_families(transaction, access_lifetime)

    await _until_none(database, "ended_families", ended_families)
    await _until_none(database, "expired_tokens", _expired_tokens)
    await _until_none(database, "login_attempts", _old_attempts)


async def _until_none(
    database: Database, what: str, batch: Callable[[AsyncConnection], Awaitable[int]]
) -> None:
    total, gone = 0, -1
    while gone:
        async with database.transaction() as transaction:
            gone = await batch(transaction)
        total += gone
    if total:
        log.info("pruned", what=what, rows=total)


async def _ended_families(transaction: AsyncConnection, access_lifetime: timedelta) -> int:
    """Those that no valid access token can be left of, with all their refresh tokens."""
    ended = (
        select(token_families.c.id)
        .where(token_families.c.ended_at < func.now() - (access_lifetime + MARGIN))
        .limit(_FAMILIES)
        .with_for_update(skip_locked=True)
    )
    result = await transaction.execute(delete(token_families).where(token_families.c.id.in_(ended)))
    return result.rowcount


async def _expired_tokens(transaction: AsyncConnection) -> int:
    """And the families that have none left: log-ins that nobody came back to."""
    expired = (
        select(refresh_tokens.c.digest)
        .where(refresh_tokens.c.expires_at < func.now())
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    families = (
        await transaction.scalars(
            delete(refresh_tokens)
            .where(refresh_tokens.c.digest.in_(expired))
            .returning(refresh_tokens.c.family_id)
        )
    ).all()
    left = select(refresh_tokens.c.digest).where(refresh_tokens.c.family_id == token_families.c.id)
    await transaction.execute(
        delete(token_families).where(token_families.c.id.in_(set(families)), ~left.exists())
    )
    return len(families)


async def _old_attempts(transaction: AsyncConnection) -> int:
    old = (
        select(login_attempts.c.subject)
        .where(login_attempts.c.last_at < func.now() - WINDOW)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    result = await transaction.execute(
        delete(login_attempts).where(login_attempts.c.subject.in_(old))
    )
    return result.rowcount
