"""Deletes what is no longer of use: in small batches, so that nobody waits for a lock.

Any number of workers may do so at once; each skips the rows that another has in hand.
"""

from datetime import timedelta
from typing import Final

import structlog
from cinema_shared.database import Database
from sqlalchemy import ColumnElement, Table, delete, func, or_, select, tuple_

from auth_service.tokens.revocations import MARGIN
from auth_service.tokens.tables import login_attempts, refresh_tokens, token_families
from auth_service.tokens.throttle import WINDOW

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
_BATCH: Final = 500


async def prune(database: Database, access_lifetime: timedelta) -> None:
    """One round: refresh tokens that expired, families that ended or have none, old attempts."""
    # A family must be known as ended for as long as an access token of it could be valid.
    reach = access_lifetime + MARGIN
    await _delete(database, refresh_tokens, refresh_tokens.c.expires_at < func.now())
    await _delete(
        database,
        token_families,
        or_(
            token_families.c.ended_at < func.now() - reach,
            (token_families.c.created_at < func.now() - reach)
            & ~select(refresh_tokens.c.digest)
            .where(refresh_tokens.c.family_id == token_families.c.id)
            .exists()
            & token_families.c.ended_at.is_(None),
        ),
    )
    await _delete(database, login_attempts, login_attempts.c.last_at < func.now() - WINDOW)


async def _delete(database: Database, table: Table, condition: ColumnElement[bool]) -> None:
    key = tuple_(*table.primary_key.columns)
    chosen = select(*table.primary_key.columns).where(condition).limit(_BATCH)
    statement = delete(table).where(key.in_(chosen.with_for_update(skip_locked=True)), condition)
    gone = _BATCH
    while gone == _BATCH:
        async with database.transaction() as transaction:
            gone = (await transaction.execute(statement)).rowcount
        if gone:
            log.info("pruned", table=table.name, rows=gone)
